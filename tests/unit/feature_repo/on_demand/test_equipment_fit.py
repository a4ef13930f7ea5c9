"""equipment_fit: what is known of equipment and record, and what is not."""

from support.ascii_tables import table, yes_no
from support.on_demand import answers

CASES = table(
    """
    | job_needs_tow | tow_trucks | completed | is_equipment_match | is_service_proven |
    | yes           | 2          | 7         | yes                | yes               |
    | yes           | 0          | 7         | no                 | yes               |
    | yes           |            | 0         |                    | no                |
    | no            | 0          |           | yes                | no                |
    | no            |            | 1         | yes                | yes               |
    |               | 2          | 1         |                    | yes               |
    """,
    {
        "job_needs_tow": yes_no,
        "tow_trucks": float,
        "completed": float,
        "is_equipment_match": yes_no,
        "is_service_proven": yes_no,
    },
)


def test_equipment_and_record() -> None:
    rows = [
        {
            "job_needs_tow": case["job_needs_tow"],
            "provider_fleet_15m__tow_drivers_available_count": case["tow_trucks"],
            "provider_service_1d__completed_90d_count": case["completed"],
        }
        for case in CASES
    ]
    assert answers("equipment_fit", rows) == [
        {name: case[name] for name in ("is_equipment_match", "is_service_proven")} for case in CASES
    ]


def test_nothing_known_is_no_match_known_and_nothing_proven() -> None:
    assert answers("equipment_fit", [{}]) == [{"is_equipment_match": None, "is_service_proven": False}]
