"""What is past its retention stays so."""

from __future__ import annotations

from datetime import UTC, datetime

from lakehouse.expiries import NOTHING_GONE, expire_known_time, expired
from lakehouse.ops import Ops
from validation.clocks import Interval

JANUARY, MARCH = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
OFFERS = "silver.offers"


def test_an_expiry_moves_on_and_never_back(ops: Ops) -> None:
    assert expired(ops) == NOTHING_GONE
    expire_known_time(ops, {OFFERS: MARCH, "landing.gps_pings": JANUARY}, MARCH)
    expire_known_time(ops, {OFFERS: JANUARY, "landing.gps_pings": MARCH}, MARCH)
    assert expired(ops).before == {OFFERS: MARCH, "landing.gps_pings": MARCH}


def test_it_is_told_with_what_is_kept(ops: Ops) -> None:
    expire_known_time(ops, {OFFERS: MARCH, "landing.gps_pings": JANUARY}, MARCH)
    gone = expired(ops)
    assert gone.told(OFFERS) == "silver.offers before 2026-03-01 is past its retention of 13 months"
    assert gone.told("landing.gps_pings").endswith("before 2026-01-01 is past its retention of 35 days")
    assert (gone.reaches(OFFERS, JANUARY), gone.reaches(OFFERS, MARCH)) == (True, False)
    assert gone.part(OFFERS) == [Interval(datetime(1970, 1, 1, tzinfo=UTC), MARCH)]
    assert gone.part("silver.jobs") == []
