"""features.provider_performance_1d: how a provider has done over the last weeks."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from transforms.features.spec import ViewSpec
from transforms.features.sums import Count, Quantile, Ratio, Sum
from transforms.features.windows import feature_values, tile_spans, with_clocks
from transforms.grid import BUSINESS_DAYS, Instants
from transforms.tiles.measures import ARRIVAL_MINUTES, PROMISE_MINUTES, RESPONSE_SECONDS
from transforms.timeline import Timeline
from validation.clocks import Interval
from validation.contracts.features.provider_performance_1d import PROVIDER_PERFORMANCE_1D

WEEK, MONTH, QUARTER = 7, 28, 90
_COUNTS = (
    Sum("offers_7d", "offers", WEEK),
    Sum("offers_28d", "offers", MONTH),
    Sum("accepted_28d", "accepted", MONTH),
    Sum("arrivals_28d", "arrivals", MONTH),
    Sum("nps_90d", "nps", QUARTER),
    Sum("billed_90d", "billed", QUARTER),
)
SPEC = ViewSpec(
    table=PROVIDER_PERFORMANCE_1D,
    keys=("provider_id",),
    grid=BUSINESS_DAYS,
    sums=(
        *_COUNTS,
        Sum("cohort_accepted_7d", "offers_accepted", WEEK),
        Sum("cohort_accepted_28d", "offers_accepted", MONTH),
        Sum("cohort_withdrawn_7d", "offers_withdrawn", WEEK),
        Sum("cohort_withdrawn_28d", "offers_withdrawn", MONTH),
        Sum("reassigned_28d", "reassigned", MONTH),
        Sum("done_28d", "done", MONTH),
        Sum("member_cancelled_28d", "member_cancelled", MONTH),
        Sum("promised_arrivals_28d", "promised_arrivals", MONTH),
        Sum("on_time_28d", "on_time", MONTH),
        Sum("goa_28d", "goa", MONTH),
        Sum("evidenced_28d", "evidenced", MONTH),
        Sum("nps_points_90d", "nps_points", QUARTER),
        Sum("billed_cents_90d", "billed_cents", QUARTER),
        Sum("response_28d", "response_seconds", MONTH, RESPONSE_SECONDS),
        Sum("arrival_28d", "arrival_minutes", MONTH, ARRIVAL_MINUTES),
        Sum("promise_28d", "promise_minutes", MONTH, PROMISE_MINUTES),
    ),
    features=(
        *(Count(f"{each.name}_count", each.name) for each in _COUNTS),
        Ratio("offer_accept_ratio_7d", "cohort_accepted_7d", "offers_7d", "cohort_withdrawn_7d"),
        Ratio("offer_accept_ratio_28d", "cohort_accepted_28d", "offers_28d", "cohort_withdrawn_28d"),
        Quantile("response_seconds_p50_28d", "response_28d", 50),
        Quantile("arrival_minutes_p50_28d", "arrival_28d", 50),
        Quantile("arrival_minutes_p90_28d", "arrival_28d", 90),
        Quantile("arrival_minus_promise_minutes_p50_28d", "promise_28d", 50),
        Quantile("arrival_minus_promise_minutes_p90_28d", "promise_28d", 90),
        Ratio("reassign_ratio_28d", "reassigned_28d", "accepted_28d"),
        Ratio("completion_ratio_28d", "done_28d", "accepted_28d", "member_cancelled_28d"),
        Ratio("on_time_ratio_28d", "on_time_28d", "promised_arrivals_28d"),
        Ratio("goa_ratio_28d", "goa_28d", "arrivals_28d"),
        Ratio("gps_evidenced_arrival_ratio_28d", "evidenced_28d", "arrivals_28d"),
        Ratio("nps_mean_90d", "nps_points_90d", "nps_90d"),
        Ratio("billed_usd_mean_90d", "billed_cents_90d", "billed_90d", divisor=100),
    ),
    live="offers_28d",
    beat=1,
)
_BILLED = replace(
    SPEC,
    keys=("provider_id", "area_id"),
    sums=(Sum("bills", "billed", QUARTER), Sum("cents", "billed_cents", QUARTER)),
    features=(),
)


def provider_performance_1d(
    dispatch_1d: DataFrame,
    interval: Interval,
    held: Collection[datetime] = (),
    timeline: Timeline = Timeline.AS_SERVED,
) -> DataFrame:
    """One row per provider and business-day cut while it is live, plus a closing row."""
    instants = BUSINESS_DAYS.instants(interval, held)
    values = feature_values(tile_spans(dispatch_1d, SPEC, instants, timeline), SPEC, instants)
    billed = values.join(
        billed_vs_area(dispatch_1d, instants, timeline), ["provider_id", "number"], "left"
    ).withColumn("billed_vs_area_ratio_90d", F.when(~F.col("is_dead"), F.col("billed_vs_area_ratio_90d")))
    return with_clocks(billed, PROVIDER_PERFORMANCE_1D, BUSINESS_DAYS)


def billed_vs_area(dispatch_1d: DataFrame, instants: Instants, timeline: Timeline) -> DataFrame:
    """Per provider and cut: billed, over what the claims would cost at their areas' mean.

    Claims without an area are left out of both sides. The area's mean is floored to 1/10000 cent, so
    that the sums stay integers.
    """
    spans = tile_spans(dispatch_1d, _BILLED, instants, timeline)
    number = _BILLED.measures.number
    cuts = F.filter(
        F.array(*(F.lit(cut) for cut in instants.numbers)),
        lambda cut: (cut >= F.col("enter")) & (cut < F.col("leave")),
    )
    amounts = {
        name: F.sum(F.when(F.col("measure") == number(name), F.col("amount")).otherwise(0)).alias(name)
        for name in ("cents", "bills")
    }
    daily = (
        spans.withColumn("number", F.explode(cuts))
        .groupBy("provider_id", "area_id", "number")
        .agg(*amounts.values())
    )
    by_area = daily.groupBy("area_id", "number").agg(
        F.sum("cents").alias("area_cents"), F.sum("bills").alias("area_bills")
    )
    expected = F.sum(F.expr("bills * (area_cents * 10000 div area_bills)"))
    return (
        daily.join(by_area, ["area_id", "number"])
        .where(F.col("area_bills") > 0)
        .groupBy("provider_id", "number")
        .agg(F.sum("cents").alias("cents"), expected.alias("expected"))
        .select(
            "provider_id",
            "number",
            F.when(
                F.col("expected") > 0,
                (F.col("cents") * 10_000).cast("double") / F.col("expected").cast("double"),
            ).alias("billed_vs_area_ratio_90d"),
        )
    )
