"""How dispatch goes, of whatever the jobs are grouped by: one family of measures, a key apiece."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from transforms.driver_spans import driver_spans
from transforms.features.fleet import counted, fix_spans, positive
from transforms.features.spec import ViewSpec
from transforms.features.sums import Count, Feature, Quantile, Ratio, Sum
from transforms.features.windows import tile_spans
from transforms.grid import TICKS, Instants
from transforms.tiles.measures import ARRIVAL_MINUTES, PROMISE_MINUTES, WAIT_MINUTES
from transforms.timeline import Timeline
from validation.contract import Table

HOUR, FOUR_HOURS, DAY, MONTH = 4, 16, 96, 28 * 96
_COUNTS = (
    Sum("requests_60m", "requests", HOUR),
    Sum("offers_60m", "offers", HOUR),
    Sum("first_offers_60m", "first_offers", HOUR),
    Sum("open_unassigned", "waiting", DAY),
    Sum("unassigned_over_10m", "waiting_over_10m", DAY),
    Sum("unassigned_over_20m", "waiting_over_20m", DAY),
    Sum("unassigned_over_30m", "waiting_over_30m", DAY),
    Sum("open_assignment", "open", DAY),
    Sum("overdue_assignment", "overdue", DAY),
    Sum("arrivals_60m", "arrivals", HOUR),
    Sum("arrivals_4h", "arrivals", FOUR_HOURS),
    Sum("member_cancels_60m", "member_cancels", HOUR),
    Sum("goa_60m", "goa", HOUR),
    Sum("gave_back_60m", "gave_back", HOUR),
)
_PARTS = (
    Sum("accepts_60m", "accepts", HOUR),
    Sum("first_accepted_60m", "first_offers_accepted", HOUR),
    Sum("first_withdrawn_60m", "first_offers_withdrawn", HOUR),
    Sum("on_time_60m", "on_time", HOUR),
    Sum("on_time_4h", "on_time", FOUR_HOURS),
    Sum("promised_60m", "promised_arrivals", HOUR),
    Sum("promised_4h", "promised_arrivals", FOUR_HOURS),
    Sum("age", "wait_minutes", DAY, WAIT_MINUTES),
    Sum("arrival_4h", "arrival_minutes", FOUR_HOURS, ARRIVAL_MINUTES),
    Sum("promise_4h", "promise_minutes", FOUR_HOURS, PROMISE_MINUTES),
    Sum("alive", "any_requests", MONTH),
)
_RATIOS_AND_QUANTILES = (
    Ratio("first_offer_accept_ratio_60m", "first_accepted_60m", "first_offers_60m", "first_withdrawn_60m"),
    Ratio("offers_per_accept_60m", "offers_60m", "accepts_60m"),
    Quantile("unassigned_age_minutes_p90", "age", 90),
    Ratio("on_time_ratio_60m", "on_time_60m", "promised_60m"),
    Ratio("on_time_ratio_4h", "on_time_4h", "promised_4h"),
    Quantile("arrival_minutes_p50_4h", "arrival_4h", 50),
    Quantile("arrival_minutes_p90_4h", "arrival_4h", 90),
    Quantile("arrival_minus_promise_minutes_p50_4h", "promise_4h", 50),
)
_DRIVERS = ("drivers_on_duty", "drivers_available", "drivers_silent")


def dispatch_spec(
    table: Table,
    key: str,
    *,
    has_drivers: bool,
    sums: tuple[Sum, ...] = (),
    features: tuple[Feature, ...] = (),
) -> ViewSpec:
    """The family by one key, over tiles.dispatch_15m; with drivers, of places; and what else the view has."""
    drivers = _DRIVERS if has_drivers else ()
    return ViewSpec(
        table=table,
        keys=(key,),
        grid=TICKS,
        sums=(*_COUNTS, *_PARTS, *(Sum(name, name, 0) for name in drivers), *sums),
        features=(
            *(Count(f"{each.name}_count", each.name) for each in _COUNTS),
            *_RATIOS_AND_QUANTILES,
            *(Count(f"{name}_count", name) for name in drivers),
            *features,
        ),
        live="alive",
    )


def place_spans(
    spec: ViewSpec,
    placed: Callable[[DataFrame], DataFrame],
    dispatch_15m: DataFrame,
    driver_states_15m: DataFrame,
    fleet_1d: DataFrame,
    driver_fixes_15m: DataFrame,
    instants: Instants,
    timeline: Timeline,
) -> DataFrame:
    """The spans of a place's view. `dispatch_15m` has the place; `placed` adds it to a frame with zone_id."""
    (key,) = spec.keys
    number = spec.measures.number("alive")
    seen = fix_spans(fleet_1d, driver_fixes_15m, ["zone_id"], number, MONTH, instants, timeline)
    alive = placed(positive(seen, ["zone_id"])).drop("zone_id")
    return (
        tile_spans(dispatch_15m, spec, instants, timeline)
        .unionByName(_drivers(spec, placed, driver_states_15m, instants))
        .unionByName(alive.select(key, *(name for name in alive.columns if name != key)))
    )


def _drivers(
    spec: ViewSpec, placed: Callable[[DataFrame], DataFrame], driver_states_15m: DataFrame, instants: Instants
) -> DataFrame:
    states = driver_spans(driver_states_15m, instants, ["duty_status", "is_silent", "last_zone_id"]).where(
        F.col("last_zone_id").isNotNull()
    )
    status = F.col("duty_status")
    amounts: dict[str, Column] = {
        "drivers_on_duty": (status != "offline").cast("int"),
        "drivers_available": (status == "available").cast("int"),
        "drivers_silent": F.col("is_silent").cast("int"),
    }
    (key,) = spec.keys
    numbers = {spec.measures.number(name): amount for name, amount in amounts.items()}
    return counted(placed(states.withColumn("zone_id", F.col("last_zone_id"))), {key: F.col(key)}, numbers)
