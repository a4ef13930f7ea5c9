"""What the oracle takes the text to mean, where feature rows get difficult: one small case each."""

from datetime import date, datetime, timedelta
from itertools import pairwise

from support.afternoon import AFTERNOON, at, oracle_records
from support.dispatch_tables import dispatch_objects
from support.oracle import (
    VIEWS,
    Landed,
    Silver,
    provider_performance_1d,
    rows_written,
)

DAY = timedelta(days=1)
ACCEPTED = """
| event     | t     | offer | provider | promise | actor |
|-----------|-------|-------|----------|---------|-------|
| requested | 12:00 |       |          |         |       |
| offered   | 12:01 | o1    | P1       |         |       |
| accepted  | 12:02 | o1    | P1       | 12:45   |       |
"""


def silver_of(table: str) -> Silver:
    return Silver(oracle_records(dispatch_objects(table)))


def test_entity_has_a_row_a_day_and_a_closing_row_of_nulls() -> None:
    view = VIEWS["provider_activity_15m"]
    silver = silver_of(ACCEPTED)
    rows = rows_written(silver, view, at("12:00"), at("12:00") + 30 * DAY)
    *living, closing = rows
    assert closing["event_timestamp"] == at("12:15", AFTERNOON + 28 * DAY)
    assert {name for name, value in closing.items() if value is not None} == {
        "provider_id",
        "event_timestamp",
        "available_at",
    }
    ticks = [row["event_timestamp"] for row in living]
    assert max(later - tick for tick, later in pairwise(ticks)) == DAY
    assert [row["tick_at"] for row in living] == ticks


def test_daily_view_has_a_row_at_every_cut_through_the_short_night() -> None:
    silver = Silver(oracle_records())
    rows = rows_written(silver, VIEWS["provider_performance_1d"], at("00:00", date(2026, 3, 7)), at("12:00"))
    cuts = [row["event_timestamp"] for row in rows if row["provider_id"] == "P1"]
    assert [f"{cut:%d %H}" for cut in cuts] == ["07 08", "08 07", "09 07", "10 07"]
    available = [row["available_at"] for row in rows if row["provider_id"] == "P1"]
    assert [f"{moment:%d %H}" for moment in available] == ["07 11", "08 10", "09 10", "10 10"]


def test_claims_count_in_their_current_version() -> None:
    silver = Silver(
        [
            *oracle_records(),
            claim("c1", "J1", "P1", usd=100.005, nps=3, updated="2026-03-11T12:00:00Z"),
            claim("c1", "J1", "P1", usd=80.0, nps=9, updated="2026-03-12T12:00:00Z"),
            claim("c2", "J3", "P1", usd=20.1, nps=None, updated="2026-03-11T12:00:00Z"),
            claim("c3", "J2", "P2", usd=50.0, nps=0, updated="2026-03-11T12:00:00Z"),
        ]
    )
    first = provider_performance_1d(silver, "P1", at("07:00", date(2026, 3, 12)))
    then = provider_performance_1d(silver, "P1", at("07:00", date(2026, 3, 13)))
    assert first is not None
    assert then is not None
    assert (first["billed_usd_mean_90d"], first["nps_mean_90d"]) == (12011 / 200, 3)
    assert (then["billed_usd_mean_90d"], then["nps_mean_90d"]) == (10010 / 200, 9)
    assert (then["billed_90d_count"], then["nps_90d_count"]) == (2, 1)
    mean = 15010 * 10_000 // 3  # all three bills lie in A1
    assert then["billed_vs_area_ratio_90d"] == 10010 * 10_000 / (2 * mean)


def claim(
    claim_id: str, job_id: str, provider_id: str, *, usd: float, nps: int | None, updated: str
) -> Landed:
    data = {
        "claim_id": claim_id,
        "job_id": job_id,
        "provider_id": provider_id,
        "billed_usd": usd,
        "nps": nps,
        "submitted_at": "2026-03-11T10:00:00Z",
        "source_updated_at": updated,
    }
    return Landed("service_outcomes", data, datetime.fromisoformat(updated), f"claims-{updated}", 1)
