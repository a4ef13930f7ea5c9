"""promise_context: what remains of the promise, beside what the area usually takes."""

from datetime import UTC, datetime, timedelta

from support.ascii_tables import moment, table
from support.on_demand import answers

CASES = table(
    """
    | promised             | decided              | typical | remaining | over_typical |
    | 2026-03-10T19:45:00Z | 2026-03-10T19:00:00Z | 40      | 45        | 5            |
    | 2026-03-10T19:45:00Z | 2026-03-10T19:50:30Z | 40      | -5.5      | -45.5        |
    | 2026-03-10T19:45:00Z | 2026-03-10T19:00:00Z |         | 45        |              |
    |                      | 2026-03-10T19:00:00Z | 40      |           |              |
    | 2026-03-10T19:45:00Z |                      | 40      |           |              |
    """,
    {"promised": moment, "decided": moment, "typical": float, "remaining": float, "over_typical": float},
)


def test_minutes_remaining_and_over_what_is_typical() -> None:
    rows = [
        {
            "job_state_15m__promised_arrival_at": case["promised"],
            "area_service_1d__arrival_minutes_p50_28d": case["typical"],
            "job_decision_at": case["decided"],
        }
        for case in CASES
    ]
    assert answers("promise_context", rows) == [
        {
            "promised_minutes_remaining": case["remaining"],
            "promise_minus_typical_minutes": case["over_typical"],
        }
        for case in CASES
    ]


def test_promise_beyond_all_years_is_none_and_leaves_the_others_theirs() -> None:
    decided, typical = datetime(2026, 3, 10, 19, tzinfo=UTC), 40.0
    rows = [
        {
            "job_state_15m__promised_arrival_at": promised,
            "area_service_1d__arrival_minutes_p50_28d": typical,
            "job_decision_at": decided,
        }
        for promised in (datetime(9999, 12, 31, tzinfo=UTC), decided + timedelta(minutes=45))
    ]
    found = [row["promised_minutes_remaining"] for row in answers("promise_context", rows)]
    assert found == [None, 45]


def test_nothing_known_reads_null() -> None:
    assert set(answers("promise_context", [{}])[0].values()) == {None}
