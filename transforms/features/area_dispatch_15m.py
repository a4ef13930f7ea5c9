"""features.area_dispatch_15m: how dispatch goes in an area."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from transforms.features import area_hour_1d
from transforms.features.dispatch_family import MONTH, dispatch_spec, place_spans
from transforms.features.sums import Ratio, Sum
from transforms.features.windows import SPAN_COLUMNS, feature_rows
from transforms.grid import BUSINESS_DAYS, TICKS, Instants
from transforms.local_hours import hour_of_week
from transforms.timeline import Timeline
from transforms.zones import with_area
from validation.clocks import Interval
from validation.contracts.features.area_dispatch_15m import AREA_DISPATCH_15M

_USUAL = {"requests": "usual_requests", "hours": "usual_hours"}
"""Sums of area_hour_1d that stand here too, at the ticks of their hour."""

SPEC = dispatch_spec(
    AREA_DISPATCH_15M,
    "area_id",
    has_drivers=True,
    sums=tuple(Sum(name, "", 0) for name in _USUAL.values()),
    features=(
        Ratio("requests_60m_vs_baseline_ratio", "requests_60m", "usual_requests", times="usual_hours"),
    ),
)
USUAL_LOOK_BACK = area_hour_1d.SPEC.look_back + timedelta(hours=25)
"""A tick reads what the cut before it knew."""

__all__ = ["MONTH", "SPEC", "USUAL_LOOK_BACK", "area_dispatch_15m"]


def area_dispatch_15m(
    dispatch_15m: DataFrame,
    tiles_area_hour_1d: DataFrame,
    driver_states_15m: DataFrame,
    fleet_1d: DataFrame,
    driver_fixes_15m: DataFrame,
    interval: Interval,
    held: Collection[datetime] = (),
    timeline: Timeline = Timeline.AS_SERVED,
) -> DataFrame:
    """One row per area and tick at which a value changed, plus one a day and a closing row."""
    instants = TICKS.instants(interval, held)
    fleet = (driver_states_15m, fleet_1d, driver_fixes_15m)
    spans = place_spans(SPEC, with_area, dispatch_15m, *fleet, instants, timeline)
    return feature_rows(
        spans.unionByName(usual_spans(tiles_area_hour_1d, instants, timeline)), SPEC, instants
    )


def usual_spans(tiles_area_hour_1d: DataFrame, instants: Instants, timeline: Timeline) -> DataFrame:
    """What the last cut knew of the hour that holds the middle of a tick's 60 minutes, as spans of ticks."""
    first, last = (BUSINESS_DAYS.number(TICKS.moment(number)) for number in (instants.first, instants.last))
    cuts = Instants(tuple(range(first, last + 1)))
    numbers = {
        area_hour_1d.SPEC.measures.number(of_hour): SPEC.measures.number(here)
        for of_hour, here in _USUAL.items()
    }
    known = area_hour_1d.hour_spans(tiles_area_hour_1d, cuts, timeline)
    measure = F.create_map(*(F.lit(number) for pair in numbers.items() for number in pair))[F.col("measure")]
    usual = known.where(F.col("measure").isin(list(numbers))).select(
        "area_id",
        "local_hour_of_week",
        measure.alias("measure"),
        "amount",
        "moment",
        "content",
        F.col("enter").alias("first_cut"),
        F.col("leave").alias("end_cut"),
    )
    tick = F.col("tick")
    ticks = (
        tiles_area_hour_1d.sparkSession.range(instants.first, instants.last + 1)
        .withColumnRenamed("id", "tick")
        .select(
            "tick",
            (BUSINESS_DAYS.after(TICKS.instant(tick)) - 1).alias("cut"),
            hour_of_week(TICKS.instant(tick - 2)).alias("local_hour_of_week"),
            F.expr("(tick - 2) DIV 4").alias("hour"),
        )
        .groupBy("cut", "hour", "local_hour_of_week")
        .agg(F.min(tick).alias("enter"), (F.max(tick) + 1).alias("leave"))
    )
    is_known = (F.col("first_cut") <= F.col("cut")) & (F.col("cut") < F.col("end_cut"))
    return (
        usual.join(F.broadcast(ticks), "local_hour_of_week").where(is_known).select("area_id", *SPAN_COLUMNS)
    )
