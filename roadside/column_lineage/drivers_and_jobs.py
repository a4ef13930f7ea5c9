"""features: what is not summed from tiles, declared view by view: drivers, fixes, states of jobs, sites."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from roadside.column_lineage.naming import Made, Of
from transforms.features import driver_state_15m, job_state_15m
from transforms.tiles import fleet_1d
from validation.column_lineage import How


@dataclass(frozen=True)
class Declared:
    """What a view's spec does not tell.

    Attributes:
        sums: running sums that are not, or not only, of a measure of the tiles.
        columns: keys, and columns that no running sum gives.
        rows: what else decides which rows there are.
    """

    sums: Mapping[str, Made] = field(default_factory=dict)
    columns: Mapping[str, Made] = field(default_factory=dict)
    rows: Made = ()


STATE, FIX = Of("tiles.driver_states_15m"), Of("tiles.driver_fixes_15m")
_FLEET, _TRAFFIC = Of("tiles.fleet_1d"), Of("tiles.traffic_15m")
_DISPATCH, _DISPATCH_1D, _HOURS = Of("tiles.dispatch_15m"), Of("tiles.dispatch_1d"), Of("tiles.area_hour_1d")
_JOB, _ASSIGNMENT = Of("silver.jobs"), Of("silver.assignments")

_AVAILABLE = STATE.added("duty_status", note="available drivers")
_TOW_AVAILABLE = STATE.added("duty_status", "is_tow_capable", note="available drivers of trucks that tow")
_ON_DUTY = STATE.added("duty_status", note="drivers not offline")
_SILENT = STATE.added("is_silent", note="drivers whose truck does not report")
_RECENT_FIX = FIX.added("last_fix_at", note="fixes since the last cut")
_SEEN = _FLEET.added("amount", note="fixes known at a cut", part=fleet_1d.FIX) + _RECENT_FIX
_PLACED = STATE.how(How.FILTER, "last_zone_id", note="drivers with a fix")
_PLACE_DRIVERS = {
    "drivers_on_duty": _ON_DUTY,
    "drivers_available": _AVAILABLE,
    "drivers_silent": _SILENT,
    "alive": _SEEN,
}
_COMPANY = _FLEET.same("provider_id") + FIX.same("provider_id")


def _place(note: str) -> Made:
    """A place that is worked out from the zone of drivers and fixes."""
    return STATE.made("last_zone_id", note=note) + _FLEET.made("zone_id") + FIX.made("last_zone_id")


def _listed(column: str) -> Made:
    return STATE.added(column, note="of available drivers, newest fix first") + STATE.if_(
        "duty_status", "last_fix_at", "driver_id", note="which drivers, in which order"
    )


def _job_columns() -> dict[str, Made]:
    renamed = {"offers_count": "offer_count", "declines_count": "decline_count"}
    chosen = _ASSIGNMENT.if_(
        "accepted_at", "assignment_id", "end_reason", "job_id", "is_retracted", note="the active assignment"
    )
    driver = {"assigned_driver_id": "driver_id"}
    return {
        "job_id": _JOB.same("job_id"),
        **{name: _JOB.same(renamed.get(name, name)) for name in job_state_15m.JOB},
        **{name: _ASSIGNMENT.same(driver.get(name, name)) + chosen for name in job_state_15m.ASSIGNMENT},
    }


_RATIO = _TRAFFIC.added("amount", note="measure rated_speed over 15 minutes", part="rated_speed")
_RATIO += _TRAFFIC.added("amount", note="measure free_flow over 15 minutes", part="free_flow")
_RATIO += STATE.how(How.JOIN, "last_zone_id") + _TRAFFIC.how(How.JOIN, "zone_id")
_BILLED = tuple(
    each
    for name in ("billed", "billed_cents")
    for each in _DISPATCH_1D.added("amount", note=f"measure {name} over 90 business days", part=name)
)

DECLARED: Mapping[str, Declared] = {
    "features.driver_state_15m": Declared(
        sums={"live": STATE.added("is_live")},
        columns={
            "driver_id": STATE.same("driver_id"),
            **{name: STATE.same(name) for name in driver_state_15m.STATE},
            driver_state_15m.RATIO: _RATIO,
        },
    ),
    "features.provider_fleet_15m": Declared(
        sums={
            "drivers": STATE.added("is_live"),
            "drivers_on_duty": _ON_DUTY,
            "drivers_available": _AVAILABLE,
            "tow_drivers_available": _TOW_AVAILABLE,
            "drivers_on_job": STATE.added("duty_status", note="drivers on a job"),
            "drivers_silent": _SILENT,
            "on_duty_seconds": STATE.added("on_duty_seconds_60m"),
            "busy_seconds": STATE.added("busy_seconds_60m"),
            "fixes_7d": _RECENT_FIX,
        },
        columns={
            "provider_id": STATE.same("provider_id") + _COMPANY,
            "available_latitude": _listed("last_fix_latitude"),
            "available_longitude": _listed("last_fix_longitude"),
            "available_fix_at": _listed("last_fix_at"),
            "available_is_tow": _listed("is_tow_capable"),
        },
    ),
    "features.zone_supply_15m": Declared(
        sums={
            "available": _AVAILABLE,
            "tow_available": _TOW_AVAILABLE,
            "on_duty": _ON_DUTY,
            "silent": _SILENT,
            "seen_28d": _SEEN,
            "ring4_providers": STATE.added("provider_id", "duty_status", note="companies, each once"),
        },
        columns={"zone_id": _place("of drivers and fixes, and the cells around it")},
        rows=_PLACED,
    ),
    "features.area_dispatch_15m": Declared(
        sums=_PLACE_DRIVERS
        | {
            "usual_requests": _HOURS.added("amount", note="of the hour over 8 weeks", part="requests"),
            "usual_hours": tuple(
                each
                for part in ("requests", "available_ticks")
                for each in _HOURS.added("amount", note="hours that 8 weeks had", part=part)
            ),
        },
        columns={"area_id": _DISPATCH.same("area_id") + _HOURS.same("area_id") + _place("its H3 r6 parent")},
        rows=_PLACED + _HOURS.how(How.JOIN, "local_hour_of_week"),
    ),
    "features.market_dispatch_15m": Declared(
        sums=_PLACE_DRIVERS,
        columns={
            "market_id": _DISPATCH.made("zone_id", note="its H3 r4 parent") + _place("its H3 r4 parent")
        },
        rows=_PLACED,
    ),
    "features.job_state_15m": Declared(
        sums={"live": _JOB.added("requested_at", "stage", "stage_since_at", note="requested and not closed")},
        columns=_job_columns(),
        rows=_JOB.how(How.WINDOW, "job_id", "known_at", note="a version holds until the next")
        + _ASSIGNMENT.how(How.WINDOW, "assignment_id", "known_at"),
    ),
    "features.area_hour_1d": Declared(
        sums={
            "hours": tuple(
                each
                for part in ("requests", "available_ticks")
                for each in _HOURS.added("tile_at", "amount", note="business days known of", part=part)
            ),
            "alive": _HOURS.added("amount", note="an area with a request", part="requests"),
        },
    ),
    "features.provider_performance_1d": Declared(
        columns={
            "billed_vs_area_ratio_90d": _BILLED
            + _DISPATCH_1D.how(How.GROUP_BY, "area_id", "provider_id", note="against the area's mean")
        },
    ),
    "features.provider_profile_1d": Declared(
        sums={
            "alive": _DISPATCH_1D.added("amount", part="offers")
            + _FLEET.added("amount", part=fleet_1d.AVAILABLE),
            "tow": _FLEET.added(
                "amount", note="a truck that tows stood available", part=fleet_1d.TOW_AVAILABLE
            )
            + _DISPATCH_1D.added("amount", note="a tow completed", part="done")
            + _DISPATCH_1D.if_("service_type"),
            "areas": _DISPATCH_1D.added("amount", note="areas with an offer", part="offers")
            + _DISPATCH_1D.added("area_id", part="offers"),
        },
        columns={
            "provider_id": _DISPATCH_1D.same("provider_id") + _FLEET.same("provider_id"),
            **{
                name: _FLEET.added("zone_id", note="centre of the zone where drivers stood available longest")
                + _FLEET.how(How.CONDITIONAL, "amount", note="for how long", part=fleet_1d.AVAILABLE)
                for name in ("site_latitude", "site_longitude")
            },
            "service_types": _DISPATCH_1D.added("service_type", note="of what it completed", part="done")
            + _DISPATCH_1D.how(How.CONDITIONAL, "amount", note="that stands", part="done"),
        },
    ),
}
"""By view. A running sum of a measure of the tiles is told by the view's spec, and stands here only if it
has more than that."""
