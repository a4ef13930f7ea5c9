"""features.market_dispatch_15m: how dispatch goes in a market."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from pyspark.sql import DataFrame

from transforms.features.dispatch_family import MONTH, dispatch_spec, place_spans
from transforms.features.windows import feature_rows
from transforms.grid import TICKS
from transforms.timeline import Timeline
from transforms.zones import with_market
from validation.clocks import Interval
from validation.contracts.features.market_dispatch_15m import MARKET_DISPATCH_15M

SPEC = dispatch_spec(MARKET_DISPATCH_15M, "market_id", has_drivers=True)

__all__ = ["MONTH", "SPEC", "market_dispatch_15m"]


def market_dispatch_15m(
    dispatch_15m: DataFrame,
    driver_states_15m: DataFrame,
    fleet_1d: DataFrame,
    driver_fixes_15m: DataFrame,
    interval: Interval,
    held: Collection[datetime] = (),
    timeline: Timeline = Timeline.AS_SERVED,
) -> DataFrame:
    """One row per market and tick at which a value changed, plus one a day and a closing row."""
    instants = TICKS.instants(interval, held)
    fleet = (driver_states_15m, fleet_1d, driver_fixes_15m)
    spans = place_spans(SPEC, with_market, with_market(dispatch_15m), *fleet, instants, timeline)
    return feature_rows(spans, SPEC, instants)
