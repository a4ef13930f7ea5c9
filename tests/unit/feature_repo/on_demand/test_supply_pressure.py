"""supply_pressure: a ratio without an available driver is null, never 0."""

from support.ascii_tables import table
from support.on_demand import answers

NAMES = {
    "available": "zone_supply_15m__ring4_available_drivers_count",
    "requests": "zone_demand_15m__ring4_requests_60m_count",
    "waiting": "zone_demand_15m__ring4_open_unassigned_count",
}
CASES = table(
    """
    | available | requests | waiting | requests_per | unassigned_per |
    | 4         | 6        | 1       | 1.5          | 0.25           |
    | 4         | 0        | 0       | 0            | 0              |
    | 0         | 6        | 1       |              |                |
    |           | 6        | 1       |              |                |
    | 4         |          |         |              |                |
    """,
    dict.fromkeys((*NAMES, "requests_per", "unassigned_per"), float),
)


def test_demand_over_available_drivers() -> None:
    rows = [{name: case[short] for short, name in NAMES.items()} for case in CASES]
    assert answers("supply_pressure", rows) == [
        {
            "requests_per_available_driver_ring4": case["requests_per"],
            "unassigned_per_available_driver_ring4": case["unassigned_per"],
        }
        for case in CASES
    ]


def test_a_column_all_null_is_null() -> None:
    assert set(answers("supply_pressure", [{}])[0].values()) == {None}
