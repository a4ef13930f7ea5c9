"""tiles: what each measure is made of. Facts tell it; what is no fact is declared here."""

from __future__ import annotations

from roadside.column_lineage.facts import MEASURED, Facts, tile_lineage
from roadside.column_lineage.naming import Made, Of, as_changes, in_part
from transforms.tiles import area_hour_1d, dispatch_1d, dispatch_15m, fleet_1d, traffic_15m
from transforms.tiles.driver_fixes_15m import RECORD_ORDER
from transforms.tiles.measures import OFFER_COHORT, REQUESTS, TIME_TO_ARRIVAL
from validation.column_lineage import How, MadeOf, TableLineage
from validation.contracts import table_named

_OFFERS, _ASSIGNMENTS, _JOBS = Of("silver.offers"), Of("silver.assignments"), Of("silver.jobs")
_WAITS, _EVIDENCE, _CLAIMS = (
    Of("silver.job_waits"),
    Of("silver.arrival_evidence"),
    Of("silver.service_outcomes"),
)
_STATUS, _PING, _SPEEDS = Of("silver.provider_status"), Of("silver.gps_pings"), Of("silver.traffic_speeds")
_FIX, _STATE = Of("tiles.driver_fixes_15m"), Of("tiles.driver_states_15m")

_OFFER, _ASSIGNMENT, _JOB, _CLAIM = ("offer_id",), ("assignment_id",), ("job_id",), ("claim_id",)


def tiles() -> dict[str, TableLineage]:
    """Every family."""
    dispatch_15 = (
        Facts(_OFFERS, _OFFER, dispatch_15m.OFFERS, dispatch_15m.BY_PROVIDER),
        Facts(_ASSIGNMENTS, _ASSIGNMENT, dispatch_15m.ASSIGNMENTS, dispatch_15m.BY_PROVIDER),
        Facts(_JOBS, _JOB, dispatch_15m.JOBS, dispatch_15m.BY_PLACE),
        Facts(_WAITS, ("job_id", "wait_seq"), dispatch_15m.WAITS, dispatch_15m.BY_PLACE),
    )
    readings = Facts(
        _SPEEDS, (), traffic_15m.READINGS, traffic_15m.BY_ZONE, chosen_by=_SPEEDS.how(How.FILTER, "is_late")
    )
    made = {
        "tiles.dispatch_15m": tile_lineage(table_named("tiles.dispatch_15m"), dispatch_15),
        "tiles.dispatch_1d": tile_lineage(table_named("tiles.dispatch_1d"), _dispatch_1d()),
        "tiles.traffic_15m": tile_lineage(table_named("tiles.traffic_15m"), (readings, _en_route_pings())),
        "tiles.area_hour_1d": tile_lineage(
            table_named("tiles.area_hour_1d"), _by_hour(), _available_by_hour()
        ),
        "tiles.fleet_1d": tile_lineage(table_named("tiles.fleet_1d"), (), _fleet()),
    }
    return made | {_FIX.table: _driver_fixes(), _STATE.table: _driver_states()}


def _dispatch_1d() -> tuple[Facts, ...]:
    of_claims = {name: _JOBS.refs(name) for name in ("requested_at", "area_id")}
    of_claims |= {"known_at": _CLAIMS.refs("known_at", "source_updated_at")}
    claims_chosen = (
        *_CLAIMS.how(How.FILTER, "is_late"),
        *_CLAIMS.how(How.WINDOW, "source_updated_at", note="the greatest version known is current"),
        *_CLAIMS.how(How.JOIN, "job_id"),
        *_JOBS.how(How.JOIN, "job_id"),
        *_JOBS.how(How.WINDOW, "known_at", "requested_at", note="the job's request as known"),
    )
    borne_out = (
        *_EVIDENCE.how(How.JOIN, "assignment_id", "arrived_at"),
        *_EVIDENCE.how(How.WINDOW, "known_at"),
        *_ASSIGNMENTS.how(How.JOIN, "assignment_id", "arrived_at"),
    )
    evidence_known = {"known_at": _ASSIGNMENTS.refs("known_at") + _EVIDENCE.refs("known_at")}
    touched = _EVIDENCE.how(How.WINDOW, "assignment_id", "known_at", note="versions that it touches")
    by_service = dispatch_1d.BY_SERVICE
    return (
        Facts(_OFFERS, _OFFER, dispatch_1d.OFFERS, by_service),
        Facts(_ASSIGNMENTS, _ASSIGNMENT, dispatch_1d.ASSIGNMENTS, by_service, chosen_by=touched),
        Facts(_ASSIGNMENTS, _ASSIGNMENT, dispatch_1d.EVIDENCE, by_service, evidence_known, borne_out),
        Facts(_JOBS, _JOB, dispatch_1d.JOBS, dispatch_1d.BY_REQUESTED_SERVICE),
        *(
            Facts(_CLAIMS, _CLAIM, facts, dimensions, of_claims, claims_chosen)
            for facts, dimensions in (
                (dispatch_1d.CLAIMS_BEFORE_REQUEST, dispatch_1d.BY_COMPANY),
                (dispatch_1d.CLAIMS, dispatch_1d.BY_AREA),
            )
        ),
    )


def _by_hour() -> tuple[Facts, ...]:
    """The hour is that of the fact's own moment."""
    return tuple(
        Facts(of, key, facts, area_hour_1d.BY_HOUR, {"local_hour_of_week": of.refs(moment)})
        for of, key, moment, facts in (
            (_JOBS, _JOB, "requested_at", (REQUESTS,)),
            (_OFFERS, _OFFER, "offered_at", OFFER_COHORT),
            (_ASSIGNMENTS, _ASSIGNMENT, "arrived_at", (TIME_TO_ARRIVAL,)),
        )
    )


def _en_route_pings() -> Facts:
    chosen = (
        *_PING.how(How.FILTER, "is_late", "is_implausible_jump", "speed_kmh", note="good fixes with a speed"),
        *_PING.how(How.JOIN, "driver_id"),
        *_PING.how(How.SORT, *RECORD_ORDER),
        *_STATUS.how(How.JOIN, "driver_id"),
        *_STATUS.how(How.SORT, *RECORD_ORDER),
        *_STATUS.how(How.FILTER, "status", "is_late", note="whose driver was en route"),
    )
    return Facts(_PING, (), traffic_15m.PINGS, traffic_15m.BY_ZONE, chosen_by=chosen)


# How long drivers stood available, hour by hour (transforms.tiles.available_hours).

_STOOD = (
    *_STATE.how(How.FILTER, "is_live", "duty_status", "last_zone_id", note="available, with a fix"),
    *_STATE.how(How.WINDOW, "driver_id", "known_at", note="a state holds until the driver's next"),
    *_STATE.how(How.WINDOW, "provider_id", "is_tow_capable", note="states equal in it are joined"),
)
_TICKS = _STATE.added("known_at", note="ticks from one state to the next") + _STATE.if_(
    "duty_status", note="while available"
)
_CUT = _STATE.made("known_at", note="cut of the hour's business day")


def _available(part: str, **dimensions: Made) -> TableLineage:
    clocks = dict.fromkeys((name for name in MEASURED if name not in ("bucket", "amount")), _CUT)
    columns = {**dimensions, **clocks, "amount": _TICKS}
    groups = (MadeOf(each.of, How.GROUP_BY) for made in dimensions.values() for each in made)
    rows = (*_STOOD, *groups)
    return TableLineage({name: in_part(part, made) for name, made in columns.items()}, in_part(part, rows))


def _available_by_hour() -> TableLineage:
    return _available(
        "available_ticks",
        area_id=_STATE.made("last_zone_id", note="its H3 r6 parent"),
        local_hour_of_week=_STATE.made("known_at", note="the hours that the state held"),
    )


def _fleet() -> TableLineage:
    by = {"provider_id": _STATE.same("provider_id"), "zone_id": _STATE.same("last_zone_id")}
    parts = [_available(fleet_1d.AVAILABLE, **by), _available(fleet_1d.TOW_AVAILABLE, **by), _last_fixes()]
    columns: dict[str, Made] = {}
    for each in parts:
        for name, made in each.columns.items():
            columns[name] = columns.get(name, ()) + made
    tow = in_part(fleet_1d.TOW_AVAILABLE, _STATE.if_("is_tow_capable", note="of trucks that tow"))
    columns["amount"] += tow
    rows = in_part(fleet_1d.TOW_AVAILABLE, _STATE.how(How.FILTER, "is_tow_capable"))
    return TableLineage(columns, rows + tuple(row for each in parts for row in each.rows))


def _last_fixes() -> TableLineage:
    moment = _FIX.added("last_fix_at", note="the last one known")
    cut = _FIX.made("known_at", note="cut of its business day")
    columns = {
        "provider_id": _FIX.same("provider_id"),
        "zone_id": _FIX.same("last_zone_id"),
        "tile_at": moment,
        "counts_at": moment,
        "moment_at": moment,
        "known_at": cut,
        "known_date": cut,
        "amount": _FIX.added("last_fix_at", note="1 where there is one"),
    }
    rows = _FIX.how(How.GROUP_BY, "provider_id", "last_zone_id", "known_at", "tile_at", "last_fix_at")
    return TableLineage(
        {name: in_part(fleet_1d.FIX, made) for name, made in columns.items()}, in_part(fleet_1d.FIX, rows)
    )


def _driver_fixes() -> TableLineage:
    note = "of the last fix"
    cell = _PING.added("latitude", "longitude", note="centre of the H3 r9 cell of the last fix")
    last = {
        "last_fix_at": "event_timestamp",
        "last_fix_accuracy_m": "accuracy_m",
        "last_speed_kmh": "speed_kmh",
    }
    groups = ("driver_id", "provider_id", "zone_id", "event_timestamp", "known_at", "known_date")
    return TableLineage(
        {
            **{name: _PING.same(name) for name in ("driver_id", "provider_id", "known_at", "known_date")},
            "last_zone_id": _PING.same("zone_id"),
            "tile_at": _PING.made("event_timestamp", note="end of its tile"),
            "fix_count": _PING.added("event_timestamp", note="counted"),
            **{name: _PING.added(name, note=note) for name in ("source_object", "source_line")},
            **{name: _PING.added(column, note=note) for name, column in last.items()},
            "last_fix_latitude": cell,
            "last_fix_longitude": cell,
        },
        (
            *_PING.how(How.GROUP_BY, *groups),
            *_PING.how(How.FILTER, "is_late", "is_implausible_jump"),
            *_PING.how(How.SORT, *RECORD_ORDER, note="which fix is the last"),
        ),
    )


def _driver_states() -> TableLineage:
    on_duty = _STATUS.if_("status", "event_timestamp", note="while on duty")
    since = _STATUS.added("event_timestamp", "status", note="since when statuses say so")
    seconds = _STATUS.added("event_timestamp", "status", note="seconds of the last hour")
    fixes = (
        "last_fix_at",
        "last_fix_latitude",
        "last_fix_longitude",
        "last_zone_id",
        "last_fix_accuracy_m",
        "last_speed_kmh",
    )
    columns = {
        "driver_id": _STATUS.same("driver_id"),
        "is_live": _STATUS.added("event_timestamp", note="a status in 24 hours"),
        **{name: _STATUS.same(name, note="of the last status") for name in ("provider_id", "truck_id")},
        "duty_status": _STATUS.same("status", note="of the last status"),
        "duty_status_since_at": since,
        "on_duty_since_at": since,
        "active_job_count": _STATUS.same("active_job_count", note="of the last status"),
        "is_tow_capable": _STATUS.made("equipment", note="a towing truck, as last declared"),
        "is_silent": _FIX.added("last_fix_at", note="none in a tick") + on_duty,
        "on_duty_seconds_60m": seconds,
        "busy_seconds_60m": seconds,
        **{name: _FIX.same(name, note="of the last fix") + on_duty for name in fixes},
    }
    order = (*_STATUS.how(How.SORT, *RECORD_ORDER), *_FIX.how(How.SORT, "last_fix_at", *RECORD_ORDER[1:]))
    return TableLineage(
        columns,
        (
            *_STATUS.how(How.FILTER, "is_late"),
            *_STATUS.how(How.GROUP_BY, "driver_id"),
            *_FIX.how(How.JOIN, "driver_id"),
            *order,
            *as_changes(columns.values()),
        ),
        dict.fromkeys(("known_at", "known_date"), "the tick"),
    )
