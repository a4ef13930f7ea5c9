"""features.area_hour_1d: what an hour of the week is usually like in an area."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from transforms.features.fleet import positive
from transforms.features.spec import ViewSpec
from transforms.features.sums import Count, Quantile, Ratio, Sum
from transforms.features.windows import SPAN_COLUMNS, feature_rows, tile_spans
from transforms.grid import BUSINESS_DAYS, Instants
from transforms.local_hours import HOURS_OF_WEEK, with_hours
from transforms.tiles.available_hours import TICKS_AN_HOUR
from transforms.tiles.measures import ARRIVAL_MINUTES
from transforms.timeline import Timeline
from validation.clocks import Interval
from validation.contracts.features.area_hour_1d import AREA_HOUR_1D

WEEKS = 8 * 7
"""In business days."""

SPEC = ViewSpec(
    table=AREA_HOUR_1D,
    keys=("area_id", "local_hour_of_week"),
    grid=BUSINESS_DAYS,
    sums=(
        Sum("requests", "requests", WEEKS),
        Sum("offers", "offers", WEEKS),
        Sum("accepted", "offers_accepted", WEEKS),
        Sum("withdrawn", "offers_withdrawn", WEEKS),
        Sum("available_ticks", "available_ticks", WEEKS),
        Sum("arrival", "arrival_minutes", WEEKS, ARRIVAL_MINUTES),
        Sum("hours", "", WEEKS),
        Sum("alive", "", WEEKS),
    ),
    features=(
        Count("weeks_8w_count", "hours"),
        Ratio("requests_per_hour_mean_8w", "requests", "hours"),
        Ratio("drivers_available_mean_8w", "available_ticks", "hours", divisor=TICKS_AN_HOUR),
        Ratio("offer_accept_ratio_8w", "accepted", "offers", "withdrawn"),
        Quantile("arrival_minutes_p50_8w", "arrival", 50),
    ),
    live="alive",
    beat=1,
)


def area_hour_1d(
    tiles_area_hour_1d: DataFrame,
    interval: Interval,
    held: Collection[datetime] = (),
    timeline: Timeline = Timeline.AS_SERVED,
) -> DataFrame:
    """One row per live area, hour of the week and business-day cut, plus a closing row."""
    instants = BUSINESS_DAYS.instants(interval, held)
    return feature_rows(hour_spans(tiles_area_hour_1d, instants, timeline), SPEC, instants)


def hour_spans(tiles_area_hour_1d: DataFrame, instants: Instants, timeline: Timeline) -> DataFrame:
    """The spans of every running sum of the view, in cuts."""
    spans = tile_spans(tiles_area_hour_1d, SPEC, instants, timeline)
    requests = spans.where(F.col("measure") == SPEC.measures.number("requests"))
    areas = positive(requests, ["area_id"]).withColumn("measure", F.lit(SPEC.measures.number("alive")))
    hour = F.explode(F.sequence(F.lit(0), F.lit(HOURS_OF_WEEK - 1)).cast("array<string>"))
    alive = areas.withColumn("local_hour_of_week", hour)
    had = _hours_had(spans).crossJoin(F.broadcast(areas.select("area_id").distinct()))
    whole = ("area_id", "local_hour_of_week", *SPAN_COLUMNS)
    return spans.unionByName(alive.select(*whole)).unionByName(had.select(*whole))


def _hours_had(spans: DataFrame) -> DataFrame:
    """Spans of the hours that business days had on which a request or an available driver is known."""
    signs = [SPEC.measures.number(name) for name in ("requests", "available_ticks")]
    days = spans.where(F.col("measure").isin(signs)).withColumns(
        {
            "day": (F.col("leave") - WEEKS).cast("string"),
            "measure": F.lit(SPEC.measures.number("hours")),
        }
    )
    return with_hours(
        positive(days, ["day"]).withColumn("number", F.col("day").cast("bigint")), "number"
    ).withColumn("amount", F.col("hours"))
