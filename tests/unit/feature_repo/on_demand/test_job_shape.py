"""job_shape: minutes since the request, and what the request says of the job."""

from support.ascii_tables import moment, table
from support.on_demand import answers

CASES = table(
    """
    | requested            | decided              | tow_km | offers | declines | declined | waited |
    | 2026-03-10T18:33:00Z | 2026-03-10T18:56:30Z | 12.5   | 2      | 1        | 4.5      | 23.5   |
    | 2026-03-10T18:33:00Z | 2026-03-10T18:33:00Z |        | 0      | 0        |          | 0      |
    |                      | 2026-03-10T18:33:00Z |        |        |          |          |        |
    | 2026-03-10T18:33:00Z |                      | 3      | 1      | 0        |          |        |
    """,
    {
        "requested": moment,
        "decided": moment,
        "tow_km": float,
        "offers": int,
        "declines": int,
        "declined": float,
        "waited": float,
    },
)
INPUTS = {
    "requested": "job_requested_at",
    "decided": "job_decision_at",
    "tow_km": "job_tow_leg_km",
    "offers": "job_offers_so_far_count",
    "declines": "job_declines_so_far_count",
    "declined": "job_minutes_since_this_provider_declined",
}
OUTPUTS = {
    "waited": "minutes_since_requested",
    "tow_km": "tow_leg_km",
    "offers": "offers_so_far_count",
    "declines": "declines_so_far_count",
    "declined": "this_provider_declined_minutes_ago",
}


def test_the_job_so_far() -> None:
    rows = [{name: case[short] for short, name in INPUTS.items()} for case in CASES]
    assert answers("job_shape", rows) == [
        {name: case[short] for short, name in OUTPUTS.items()} for case in CASES
    ]


def test_a_request_that_says_nothing_reads_null() -> None:
    assert set(answers("job_shape", [{}, {}])[1].values()) == {None}
