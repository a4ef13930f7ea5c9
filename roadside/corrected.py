"""As corrected: what was true at each instant, whenever it was known. A query over tiles, never stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse.expiries import NOTHING_GONE, Expiries
from lakehouse.tables import Lakehouse
from roadside.graph import step_named
from transforms.features import (
    area_dispatch_15m,
    area_hour_1d,
    area_service_1d,
    driver_state_15m,
    market_dispatch_15m,
    program_dispatch_15m,
    provider_activity_15m,
    provider_area_1d,
    provider_fleet_15m,
    provider_performance_1d,
    provider_profile_1d,
    provider_service_1d,
    zone_demand_15m,
    zone_supply_15m,
    zone_traffic_15m,
)
from transforms.tiles.driver_states_15m import LOOK_BACK as STATES_MEMORY
from transforms.tiles.driver_states_15m import driver_states_15m
from transforms.timeline import Timeline
from validation.clocks import Interval
from validation.contracts import table_named
from validation.errors import UnknownName, UserError

_TRANSFORMS: Mapping[str, Callable[..., DataFrame]] = {
    "area_dispatch_15m": area_dispatch_15m.area_dispatch_15m,
    "area_hour_1d": area_hour_1d.area_hour_1d,
    "area_service_1d": area_service_1d.area_service_1d,
    "driver_state_15m": driver_state_15m.driver_state_15m,
    "market_dispatch_15m": market_dispatch_15m.market_dispatch_15m,
    "program_dispatch_15m": program_dispatch_15m.program_dispatch_15m,
    "provider_activity_15m": provider_activity_15m.provider_activity_15m,
    "provider_area_1d": provider_area_1d.provider_area_1d,
    "provider_fleet_15m": provider_fleet_15m.provider_fleet_15m,
    "provider_performance_1d": provider_performance_1d.provider_performance_1d,
    "provider_profile_1d": provider_profile_1d.provider_profile_1d,
    "provider_service_1d": provider_service_1d.provider_service_1d,
    "zone_demand_15m": zone_demand_15m.zone_demand_15m,
    "zone_supply_15m": zone_supply_15m.zone_supply_15m,
    "zone_traffic_15m": zone_traffic_15m.zone_traffic_15m,
}
"""job_state_15m is what was known of a job: it has no other timeline. Nor have the drivers of
area_hour_1d and provider_profile_1d, which are those that its ticks saw."""

CORRECTED_VIEWS = tuple(_TRANSFORMS)
"""The views that have this timeline."""

_STATES = "tiles.driver_states_15m"
_FIXES = "tiles.driver_fixes_15m"


def as_corrected(
    lakehouse: Lakehouse, view: str, interval: Interval, gone: Expiries = NOTHING_GONE
) -> DataFrame:
    """The view's rows as corrected at the interval's instants: changes, one a day, closing rows.

    Reads what is known by now from the view's look-back on. Held ticks are like any other here.

    Args:
        gone: what is past its retention.

    Raises:
        UnknownName: no view of that name has this timeline.
        UserError: the look-back reaches what is past its retention.
    """
    if view not in _TRANSFORMS:
        raise UnknownName("view with an as corrected timeline", view, _TRANSFORMS)
    step = step_named(f"features.{view}")
    inputs = []
    for name, look_back in step.reads.items():
        if name == _STATES:
            inputs.append(_states(lakehouse, gone, interval, look_back))
        else:
            longest = max(step.reads.values()) if name == _FIXES else look_back
            inputs.append(_known_since(lakehouse, gone, name, interval, longest))
    return _TRANSFORMS[view](*inputs, interval, (), Timeline.AS_CORRECTED)


def _states(lakehouse: Lakehouse, gone: Expiries, interval: Interval, look_back: timedelta) -> DataFrame:
    """What drivers truly were: folded anew from statuses and fixes."""
    widened = interval.widened(look_back)
    back = look_back + STATES_MEMORY
    statuses = _known_since(lakehouse, gone, "silver.provider_status", interval, back)
    fixes = _known_since(lakehouse, gone, _FIXES, interval, back)
    return driver_states_15m(statuses, fixes, widened, Timeline.AS_CORRECTED)


def _known_since(
    lakehouse: Lakehouse, gone: Expiries, name: str, interval: Interval, look_back: timedelta
) -> DataFrame:
    since = interval.widened(look_back).start
    if gone.reaches(name, since):
        raise UserError(
            f"{gone.told(name)}, and as corrected {interval} looks back to {since:%Y-%m-%dT%H:%MZ}.",
            "Ask for a later interval.",
        )
    return lakehouse.read(table_named(name)).where(F.col("known_at") > F.lit(since))
