"""Known time as Spark columns: which rows an interval holds, and which came too late."""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import Column
from pyspark.sql import functions as F

from transforms.grid import TICKS
from validation.clocks import Interval
from validation.source import Source

AHEAD = timedelta(hours=1)
"""An event may land so long before its own time (every source's `ahead`)."""


def known_within(interval: Interval) -> Column:
    """Whether the row's tick lies in the interval: start < known_at <= end."""
    return (F.col("known_at") > F.lit(interval.start)) & (F.col("known_at") <= F.lit(interval.end))


def once_happened(moment: str = "event_timestamp") -> Column:
    """The row's tick, or the first one after a moment if that is later: what is stamped ahead waits."""
    return F.greatest("known_at", TICKS.instant(TICKS.after(F.col(moment))))


def is_late(source: Source) -> Column:
    """Whether the event was older than its source's late horizon when it became known."""
    return F.col("event_timestamp") < F.col("known_at") - span(source.late)


def span(length: timedelta) -> Column:
    """A length of time, exact to the microsecond."""
    return F.lit(length)
