"""features.zone_supply_15m: who could help in and around a zone."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from transforms.driver_spans import driver_spans
from transforms.features.fleet import counted, fix_spans, positive
from transforms.features.spec import ViewSpec
from transforms.features.sums import Count, Sum
from transforms.features.windows import feature_rows, with_rings
from transforms.grid import TICKS
from transforms.timeline import Timeline
from transforms.zones import with_disk
from validation.clocks import Interval
from validation.contracts.features.zone_supply_15m import ZONE_SUPPLY_15M

MONTH = 28 * 96
RING = 4
_OWN = ("available", "tow_available", "on_duty", "silent", "seen_28d")
_RINGS = {
    "ring1_available": ("available", 1),
    "ring4_available": ("available", RING),
    "ring4_tow_available": ("tow_available", RING),
    "ring4_on_duty": ("on_duty", RING),
    "ring4_silent": ("silent", RING),
    "ring4_seen_28d": ("seen_28d", RING),
}
SPEC = ViewSpec(
    table=ZONE_SUPPLY_15M,
    keys=("zone_id",),
    grid=TICKS,
    sums=(*(Sum(name, name, 0) for name in (*_OWN, "ring4_providers")),),
    rings=_RINGS,
    features=(
        Count("available_drivers_count", "available"),
        Count("ring1_available_drivers_count", "ring1_available"),
        Count("ring4_available_drivers_count", "ring4_available"),
        Count("ring4_tow_available_drivers_count", "ring4_tow_available"),
        Count("ring4_on_duty_drivers_count", "ring4_on_duty"),
        Count("ring4_silent_drivers_count", "ring4_silent"),
        Count("ring4_available_providers_count", "ring4_providers"),
    ),
    live="ring4_seen_28d",
)


def zone_supply_15m(
    driver_states_15m: DataFrame,
    fleet_1d: DataFrame,
    driver_fixes_15m: DataFrame,
    interval: Interval,
    held: Collection[datetime] = (),
    timeline: Timeline = Timeline.AS_SERVED,
) -> DataFrame:
    """One row per zone and tick at which a value changed, plus one a day and a closing row."""
    instants = TICKS.instants(interval, held)
    columns = ["provider_id", "duty_status", "is_tow_capable", "is_silent", "last_zone_id"]
    states = (
        driver_spans(driver_states_15m, instants, columns)
        .where(F.col("last_zone_id").isNotNull())
        .withColumn("zone_id", F.col("last_zone_id"))
    )
    seen = fix_spans(
        fleet_1d,
        driver_fixes_15m,
        ["zone_id"],
        SPEC.measures.number("seen_28d"),
        MONTH,
        instants,
        timeline,
    )
    own = _counts(states).unionByName(positive(seen, ["zone_id"]))
    return feature_rows(with_rings(own, SPEC).unionByName(_providers(states)), SPEC, instants)


def _counts(states: DataFrame) -> DataFrame:
    is_available = (F.col("duty_status") == "available").cast("int")
    amounts = {
        "available": is_available,
        "tow_available": is_available * F.coalesce("is_tow_capable", F.lit(False)).cast("int"),
        "on_duty": (F.col("duty_status") != "offline").cast("int"),
        "silent": F.col("is_silent").cast("int"),
    }
    numbers = {SPEC.measures.number(name): amount for name, amount in amounts.items()}
    return counted(states, {"zone_id": F.col("zone_id")}, numbers)


def _providers(states: DataFrame) -> DataFrame:
    """Spans in which a provider has an available driver within the ring, each provider once a zone."""
    number = SPEC.measures.number("ring4_providers")
    keys = {"zone_id": F.col("zone_id"), "provider_id": F.col("provider_id")}
    available = states.where(F.col("duty_status") == "available")
    own = positive(counted(available, keys, {number: F.lit(1)}), list(keys))
    around = (
        own.join(with_disk(own.select("zone_id"), RING), "zone_id")
        .withColumn("zone_id", F.col("ring_zone_id"))
        .select(*own.columns)
    )
    return positive(around, list(keys)).drop("provider_id")
