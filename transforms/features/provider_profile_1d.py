"""features.provider_profile_1d: what a company is, derived from what it does.

Its site is where its trucks wait for work, its services are those it has completed. What a company did
is as its business days knew it, so the fleet's part of it has no other timeline.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from transforms.features.fleet import positive
from transforms.features.spec import ViewSpec
from transforms.features.sums import Carried, Count, Has, Since, Sum, Summing
from transforms.features.windows import (
    SPAN_COLUMNS,
    content_of,
    feature_values,
    tile_spans,
    with_clocks,
)
from transforms.grid import BUSINESS_DAYS, Instants
from transforms.tiles.fleet_1d import AVAILABLE, FIX, TOW_AVAILABLE
from transforms.timeline import Timeline
from transforms.zones import centre_of
from validation.clocks import Interval
from validation.contracts.features.provider_profile_1d import PROVIDER_PROFILE_1D

QUARTER, MONTH, WEEK = 90, 28, 7
"""In business days."""

_DISPATCH = (
    Sum("offers", "offers", QUARTER),
    Sum("digital_offers", "digital_offers", QUARTER),
    Sum("done", "done", QUARTER),
)
_FLEET = (
    Sum("available", AVAILABLE, MONTH),
    Sum("tow_available", TOW_AVAILABLE, MONTH),
    Sum("fixes", FIX, WEEK),
)
_SITE, _SERVICES = ("site_latitude", "site_longitude"), ("service_types",)
SPEC = ViewSpec(
    table=PROVIDER_PROFILE_1D,
    keys=("provider_id",),
    grid=BUSINESS_DAYS,
    sums=(
        *_DISPATCH,
        *_FLEET,
        *(Sum(name, "", QUARTER) for name in ("alive", "tow", "areas", "site", "services")),
    ),
    features=(
        Carried("site", "site"),
        Carried("services", "services"),
        Has("is_tow_capable", "tow"),
        Has("is_digital", "digital_offers"),
        Has("is_location_tracked", "fixes"),
        Count("territory_areas_count", "areas"),
        Since("tenure_days", "offers"),
    ),
    live="alive",
    beat=1,
    carried={"site": _SITE, "services": _SERVICES},
)
_OF_FLEET = replace(SPEC, keys=("provider_id", "zone_id"), sums=_FLEET)
FLEET_LOOK_BACK = _OF_FLEET.look_back


def provider_profile_1d(
    dispatch_1d: DataFrame,
    fleet_1d: DataFrame,
    interval: Interval,
    held: Collection[datetime] = (),
    timeline: Timeline = Timeline.AS_SERVED,
) -> DataFrame:
    """One row per provider and business-day cut while it is live, plus a closing row."""
    instants = BUSINESS_DAYS.instants(interval, held)

    def dispatch(keys: Sequence[str], *measures: str) -> DataFrame:
        tiles = dispatch_1d.where(F.col("measure").isin(*measures))
        return tile_spans(tiles, replace(SPEC, keys=tuple(keys)), instants, timeline)

    own = dispatch(["provider_id"], "offers", "digital_offers")
    by_zone = tile_spans(fleet_1d, replace(SPEC, keys=_OF_FLEET.keys), instants)
    areas, services = (
        positive(dispatch(keys, measure), keys)
        for keys, measure in (
            (["provider_id", "area_id"], "offers"),
            (["provider_id", "service_type"], "done"),
        )
    )
    spans = (
        own,
        _of(by_zone, "fixes"),
        _as(_of(own, "offers"), "alive"),
        _as(_of(by_zone, "available"), "alive"),
        _as(_of(by_zone, "tow_available"), "tow"),
        _as(services.where(F.col("service_type") == "tow"), "tow"),
        _as(areas, "areas"),
        _services(services, instants),
        _sites(by_zone, instants),
    )
    whole = spans[0].select("provider_id", *SPAN_COLUMNS)
    for each in spans[1:]:
        whole = whole.unionByName(each.select("provider_id", *SPAN_COLUMNS))
    values = feature_values(whole, SPEC, instants)
    listed = F.coalesce("service_types", F.array().cast("array<string>"))
    return with_clocks(
        values.withColumn("service_types", F.when(~F.col("is_dead"), listed)), SPEC.table, SPEC.grid
    )


def _of(spans: DataFrame, name: str) -> DataFrame:
    return spans.where(F.col("measure") == SPEC.measures.number(name))


def _as(spans: DataFrame, name: str) -> DataFrame:
    return spans.withColumn("measure", F.lit(SPEC.measures.number(name)))


def _services(services: DataFrame, instants: Instants) -> DataFrame:
    """Cut by cut, the services that a provider has completed, in order of name, as a content."""
    cuts = F.sequence(
        F.greatest("enter", F.lit(instants.first)), F.least(F.col("leave") - 1, F.lit(instants.last))
    )
    listed = (
        services.withColumn("enter", F.explode(cuts))
        .groupBy("provider_id", "enter")
        .agg(F.sort_array(F.collect_list("service_type")).alias("service_types"))
    )
    return _contents(listed, "services", content_of({"service_types": F.col("service_types")}))


def _sites(by_zone: DataFrame, instants: Instants) -> DataFrame:
    """Cut by cut, the zone where a provider's drivers stood available longest, as a content.

    Of two zones with as many ticks it is the lesser one.
    """
    ticks = Summing(SPEC.measures, (Count("ticks", "available"),), "available", beat=1)
    sums = (
        _of(by_zone, "available")
        .select("provider_id", "zone_id", *SPAN_COLUMNS)
        .repartition("provider_id", "zone_id")
        .mapInArrow(
            ticks.rows(("provider_id", "zone_id"), instants),
            "provider_id string, zone_id string, number bigint, is_dead boolean, ticks bigint",
        )
    )
    longest = (
        sums.where(~F.col("is_dead"))
        .groupBy("provider_id", F.col("number").alias("enter"))
        .agg(F.min(F.struct(-F.col("ticks"), "zone_id"))["zone_id"].alias("zone_id"))
    )
    centre = longest.withColumn("centre", centre_of(F.col("zone_id")))
    places = {name: F.element_at("centre", at) for at, name in enumerate(_SITE, start=1)}
    return _contents(centre, "site", content_of(places))


def _contents(rows: DataFrame, name: str, content: Column) -> DataFrame:
    """A span of one instant per row."""
    return rows.select(
        "provider_id",
        F.lit(SPEC.measures.number(name)).alias("measure"),
        F.lit(1).cast("bigint").alias("amount"),
        F.lit(0).cast("bigint").alias("moment"),
        "enter",
        (F.col("enter") + 1).alias("leave"),
        content.alias("content"),
    )
