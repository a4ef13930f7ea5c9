"""A staged table is held to its own past: trucks that fall silent are seen where they count."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from lakehouse.branches import Staged
from lakehouse.ops import Ops
from lakehouse.quality_ledger import QualityLedger
from lakehouse.tables import Lakehouse
from roadside.table_gate import table_gated
from support.frames import frame_of
from validation.clocks import TICK, Interval
from validation.contracts import table_named

MARKETS = table_named("features.market_dispatch_15m")
FIRST = datetime(2026, 3, 2, 18, tzinfo=UTC)
DAY = timedelta(days=1)
ON_DUTY = 40


def never_stopped() -> str:
    raise AssertionError("It only warns.")


def hour(start: datetime, silent: int | None) -> list[dict[str, Any]]:
    """Four ticks of three markets; of the third nothing is known."""
    return [
        {
            "market_id": f"M{market}",
            "event_timestamp": start + n * TICK,
            "available_at": start + n * TICK + timedelta(minutes=5),
            "revision": 0,
            "revised_at": start + n * TICK,
            "known_date": (start + n * TICK).date(),
            "tick_at": start + n * TICK,
            "drivers_on_duty_count": None if market == 2 else ON_DUTY,
            "drivers_silent_count": None if market == 2 else silent,
        }
        for n in range(1, 5)
        for market in range(3)
    ]


@pytest.mark.parametrize(("silent", "told"), [(3, {}), (20, {"drivers_silent_count_share": 1})])
def test_trucks_that_fall_silent_together_are_told_within_the_hour(
    spark: SparkSession, lakehouse: Lakehouse, tmp_path: Path, silent: int, told: dict[str, int]
) -> None:
    ops = Ops(f"sqlite:///{tmp_path}/ops.db")
    quality = QualityLedger(ops)
    lakehouse.create(MARKETS)

    def judged(day: int, silent: int) -> tuple[Staged, dict[str, int]]:
        start = FIRST + day * DAY
        interval = Interval(start, start + timedelta(hours=1))
        frame = frame_of(spark, MARKETS, hour(start, silent))
        staged = lakehouse.stage(MARKETS, interval, frame, f"run{day}")
        warnings = table_gated(ops, MARKETS, interval, staged, None, never_stopped)
        lakehouse.publish(staged)
        return staged, warnings

    for day in range(5):
        staged, warnings = judged(day, 2 + day % 2)
        assert warnings == {}
    assert staged.counted[FIRST + 4 * DAY + TICK] == {
        "rows": 3,
        "drivers_on_duty_count": 2 * ON_DUTY,
        "drivers_silent_count": 4,
    }
    assert judged(5, silent)[1] == told
    if told:
        found = quality.findings([MARKETS.name])
        assert [each.known_at for each in found] == [FIRST + 5 * DAY + 4 * TICK]
        # of four days with 2, 3, 2 and 2 silent of 40; the greatest share was left out
        assert found[-1].text == (
            "drivers_silent_count_share: 50.0% of 320 of drivers_on_duty_count over the span, usually 5.6%."
        )
