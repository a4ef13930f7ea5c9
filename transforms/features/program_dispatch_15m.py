"""features.program_dispatch_15m: how dispatch goes for a client's program."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from pyspark.sql import DataFrame

from transforms.features.dispatch_family import dispatch_spec
from transforms.features.windows import view_rows
from transforms.timeline import Timeline
from validation.clocks import Interval
from validation.contracts.features.program_dispatch_15m import PROGRAM_DISPATCH_15M

SPEC = dispatch_spec(PROGRAM_DISPATCH_15M, "program_id", has_drivers=False)


def program_dispatch_15m(
    dispatch_15m: DataFrame,
    interval: Interval,
    held: Collection[datetime] = (),
    timeline: Timeline = Timeline.AS_SERVED,
) -> DataFrame:
    """One row per program and tick at which a value changed, plus one a day and a closing row."""
    return view_rows(dispatch_15m, SPEC, interval, held, timeline)
