"""silver: what each column is made of, declared here, for transforms of whole histories do not tell."""

from __future__ import annotations

from roadside.column_lineage.landed import sealed_parts
from roadside.column_lineage.naming import Made, Of, as_changes
from transforms.silver import dispatch_events, gps_pings, provider_status, service_outcomes, traffic_speeds
from transforms.silver.deduplication import COPY_ORDER, Identity
from validation.column_lineage import ColumnRef, How, MadeOf, TableLineage
from validation.contracts import table_named
from validation.sources.dispatch_events import DISPATCH_EVENTS as DISPATCH_SOURCE

_EVENT = Of("silver.dispatch_events")
_ASSIGNMENT = Of("silver.assignments")
_PRECISE = Of("silver.dispatch_events_precise")
_PING = Of("silver.gps_pings")


def silver() -> dict[str, TableLineage]:
    """Every table of silver."""
    return {
        **{name: _deduplicated(name, *each) for name, each in _deduplicated_tables().items()},
        "silver.traffic_speeds": _traffic_speeds(),
        **{name: _fold(columns) for name, columns in _FOLDS.items()},
        "silver.arrival_evidence": _arrival_evidence(),
    }


def _deduplicated_tables() -> dict[str, tuple[str, Identity, dict[str, Made]]]:
    """By table: its bronze, what makes copies there, and the columns that are not bronze's own."""
    dispatch, status = Of("bronze.dispatch_events"), Of("bronze.provider_status")
    ping, outcome = Of("bronze.gps_pings"), Of("bronze.service_outcomes")
    sealed = tuple(
        MadeOf(ColumnRef(dispatch.table, "sealed_payload", path), How.IDENTITY, "sealed as it was", part=path)
        for path in sealed_parts(DISPATCH_SOURCE)
    )
    return {
        "silver.dispatch_events": (
            dispatch.table,
            dispatch_events.IDENTITY,
            {"is_late": _late(dispatch)},
        ),
        "silver.dispatch_events_precise": (
            dispatch.table,
            dispatch_events.IDENTITY,
            {"sealed_payload": sealed},
        ),
        "silver.provider_status": (status.table, provider_status.IDENTITY, {"is_late": _late(status)}),
        "silver.gps_pings": (
            ping.table,
            gps_pings.IDENTITY,
            {
                "zone_id": ping.made("latitude", "longitude", note="the H3 r7 cell that holds it"),
                "is_late": _late(ping),
                "is_stale": ping.made("landed_at", "event_timestamp"),
                "is_inaccurate": ping.made("accuracy_m"),
                "is_implausible_jump": ping.added(
                    "latitude", "longitude", "event_timestamp", "known_at", note="against the fix before"
                )
                + ping.how(How.WINDOW, "driver_id", "event_id", note="the driver's fixes, in order"),
            },
        ),
        "silver.service_outcomes": (
            outcome.table,
            service_outcomes.IDENTITY,
            {
                "source_updated_at": outcome.same("event_timestamp"),
                "billed_cents": outcome.made("billed_usd", note="in cents, half up"),
                "tow_metres": outcome.made("tow_km", note="in metres, half up"),
                "is_late": _late(outcome),
            },
        ),
    }


def _late(of: Of) -> Made:
    return of.made("event_timestamp", "known_at", note="older than the source's horizon when known")


def _first_copies(of: Of, identity: Identity) -> Made:
    note = "the first known of equal records stands"
    return of.how(How.WINDOW, *dict.fromkeys((*identity.key, *COPY_ORDER)), note=note)


def _deduplicated(name: str, bronze: str, identity: Identity, others: dict[str, Made]) -> TableLineage:
    of = Of(bronze)
    rows = _first_copies(of, identity)
    if name == _PRECISE.table:
        rows += of.how(How.FILTER, "sealed_payload", note="of events that have one")
    names = table_named(name).column_names
    return TableLineage({column: others.get(column) or of.same(column) for column in names}, rows)


def _traffic_speeds() -> TableLineage:
    of = Of("bronze.traffic_speeds")
    speed, free = of.added("speed_kmh", "sample_count"), of.added("free_flow_kmh", "sample_count")
    is_reading = of.if_("reading_status", "speed_kmh", note="whether it is a reading")
    is_rated = is_reading + of.if_("free_flow_kmh", note="readings with a free-flow speed")
    groups = ("feed", "zone_id", "event_timestamp", "known_at", "known_date")
    return TableLineage(
        {
            **{name: of.same(name) for name in ("feed", "zone_id", "known_at", "known_date")},
            "tile_start_at": of.made("event_timestamp", note="start of its 15 minutes"),
            "reading_count": of.added("speed_kmh", "reading_status", note="counted"),
            "sentinel_count": of.added("speed_kmh", "reading_status", note="counted"),
            "sample_count_sum": of.added("sample_count") + is_reading,
            "speed_metres_per_hour_sum": speed + is_reading,
            "rated_speed_metres_per_hour_sum": speed + is_rated,
            "free_flow_metres_per_hour_sum": free + is_rated,
            "is_late": _late(of),
        },
        of.how(How.GROUP_BY, *groups) + _first_copies(of, traffic_speeds.IDENTITY),
    )


# A job's events, in order, each with its offer and its assignment (transforms.silver.histories).

_LINKED = (
    *_EVENT.how(How.FILTER, "is_late", note="late events enter no state"),
    *_EVENT.how(How.GROUP_BY, "job_id"),
    *_EVENT.how(How.WINDOW, "known_at", note="what was known at a tick"),
    *_EVENT.how(How.SORT, "event_timestamp", "event_type", "event_id", note="the order of a job's events"),
    *_EVENT.how(
        How.JOIN,
        "offer_id",
        "assignment_id",
        "provider_id",
        note="which offer and assignment an event belongs to",
    ),
)
_TICK = _EVENT.made("known_at", "event_timestamp", note="the tick that knew it, once it had happened")
_OFFER = _EVENT.made("offer_id", "job_id", "event_id", note="as given, else of job and event")
_ASSIGNED = _EVENT.made(
    "assignment_id", "offer_id", "job_id", "event_id", note="as given, else that of the offer"
)
_KNOWN = {"known_at": _TICK, "known_date": _TICK}
_RETRACTED = {
    "is_retracted": _EVENT.added("event_type", "offer_id", "assignment_id", note="later events unmade it")
}


def _at(note: str) -> Made:
    return _EVENT.same("event_timestamp", note=note)


def _stated(*names: str) -> dict[str, Made]:
    return {name: _EVENT.same(name, note="as last stated") for name in names}


def _of_job(*names: str, zone: str) -> dict[str, Made]:
    """Facts of a job that its offers, assignments and waits bear too."""
    return {
        "job_id": _EVENT.same("job_id"),
        "is_immediate": _EVENT.added("scheduled_for", note="requested, and no appointment stated"),
        **_stated("job_kind", "program_id", *names),
        "zone_id": _EVENT.same("zone_id", note=zone),
        "area_id": _EVENT.made("zone_id", note="its H3 r6 parent"),
    }


_SELECTION = tuple(f"selection_{name}" for name in ("policy_version", "rank", "score", "propensity"))
_CHANNEL = _EVENT.same("dispatch_channel") + _EVENT.added(
    "event_type", "event_timestamp", note="where none is stated: whether it was answered in 15 minutes"
)
_ILLEGAL = _EVENT.added("event_type", "provider_id", "offer_id", "assignment_id", note="of the automaton")
_FOLDS: dict[str, dict[str, Made]] = {
    "silver.offers": {
        "offer_id": _OFFER,
        **_KNOWN,
        **_RETRACTED,
        **_of_job("service_type", zone="as stated by then"),
        "provider_id": _EVENT.same("provider_id"),
        "offer_seq": _EVENT.added("event_type", note="its number among the job's offers"),
        "offered_at": _at("of the offered event"),
        "offer_expires_at": _EVENT.same("offer_expires_at"),
        "dispatch_channel": _CHANNEL,
        "is_channel_derived": _EVENT.made("dispatch_channel"),
        "is_offer_id_derived": _EVENT.made("offer_id"),
        "offer_outcome": _EVENT.made("event_type", note="by the first answer"),
        "responded_at": _at("of the first answer"),
        "response_seconds": _EVENT.added("event_timestamp", note="from the offer to its answer"),
        "accepted_at": _at("of the acceptance"),
        "reason_code": _EVENT.same("reason_code", note="of the first answer"),
        **{name: _EVENT.same(name, note="of the offered event") for name in _SELECTION},
    },
    "silver.assignments": {
        "assignment_id": _ASSIGNED,
        **_KNOWN,
        **_RETRACTED,
        **_of_job("service_type", zone="as stated by then"),
        "offer_id": _OFFER,
        "provider_id": _EVENT.same("provider_id", note="who accepted, else who was asked"),
        "driver_id": _EVENT.same("driver_id", note="the last one named"),
        "requested_at": _at("of the first request"),
        "accepted_at": _at("of the acceptance"),
        "accepted_landed_at": _EVENT.same("landed_at", note="of the acceptance"),
        "is_backdated": _EVENT.made("landed_at", "event_timestamp", note="landed over 15 minutes later"),
        "first_promised_arrival_at": _EVENT.same("promised_arrival_at", note="the first one"),
        "promised_arrival_at": _EVENT.same("promised_arrival_at", note="the last one"),
        "promise_extension_count": _EVENT.added("promised_arrival_at", "event_type", note="moved later"),
        "en_route_at": _at("of the first en_route"),
        "on_scene_at": _at("of the first on_scene"),
        "gone_on_arrival_at": _at("of the first gone_on_arrival"),
        "arrived_at": _at("on scene, else gone on arrival"),
        "is_gone_on_arrival": _EVENT.added("event_type"),
        "completed_at": _at("of the first completed"),
        "cancelled_at": _at("of the first cancelled"),
        "ended_at": _at("of the first event that ends it"),
        "end_reason": _EVENT.made("event_type", "actor", note="of the first event that ends it"),
        "dispatch_channel": _CHANNEL,
    },
    "silver.job_milestones": {
        **{name: _EVENT.same(name) for name in ("event_id", "event_timestamp", "job_id", "event_type")},
        **_KNOWN,
        "provider_id": _EVENT.same("provider_id"),
        "offer_id": _OFFER,
        "assignment_id": _ASSIGNED,
        "stage": _EVENT.added("event_type", "assignment_id", "offer_id", note="of the automaton"),
        "is_illegal": _ILLEGAL,
        "illegal_reason": _ILLEGAL,
    },
    "silver.jobs": {
        **_KNOWN,
        **_of_job(
            "scheduled_for",
            "service_type",
            "destination_zone_id",
            "member_token",
            "vehicle_token",
            "vehicle_year",
            "vehicle_make",
            "vehicle_model",
            zone="of the first request",
        ),
        "requested_at": _at("of the first request"),
        "requested_service_type": _EVENT.same("service_type", note="of the first request"),
        "stage": _EVENT.added("event_type", "assignment_id", "offer_id", note="of the automaton"),
        "stage_since_at": _at("of the event that moved it"),
        "offer_count": _EVENT.added("event_type", note="offered"),
        "decline_count": _EVENT.added("event_type", note="declined"),
        "assigned_provider_id": _EVENT.same("provider_id", note="of the acceptance that stands"),
        "unassigned_from": _EVENT.added("event_timestamp", "event_type", note="request or retraction"),
        "first_accepted_at": _at("of the first acceptance"),
        "completed_at": _at("of the first completed"),
        "cancelled_at": _at("of the first cancelled"),
        "cancel_actor": _EVENT.same("actor", note="of the first cancelled"),
        "illegal_event_count": _ILLEGAL,
    },
    "silver.job_waits": {
        **_KNOWN,
        **_RETRACTED,
        **_of_job(zone="of the first request"),
        "wait_seq": _EVENT.added("event_type", note="its number among the job's waits"),
        "wait_started_at": _at("request or retraction"),
        "wait_ended_at": _at("acceptance or end of the job"),
    },
}


def _fold(columns: dict[str, Made]) -> TableLineage:
    return TableLineage(columns, _LINKED + as_changes(columns.values()))


def _arrival_evidence() -> TableLineage:
    ping_at = _PING.added("event_timestamp", note="of a good ping near place and time")
    known = (
        *_ASSIGNMENT.added("known_at", note="when state, place and ping were known"),
        *_PRECISE.added("known_at"),
        *_PING.added("known_at"),
    )
    place = tuple(
        MadeOf(ColumnRef(_PRECISE.table, "sealed_payload", path), How.FILTER, "where the job is")
        for path in ("latitude", "longitude")
    )
    rows = (
        *_ASSIGNMENT.how(How.JOIN, "job_id", "provider_id", "driver_id"),
        *_ASSIGNMENT.how(How.WINDOW, "assignment_id", "known_at", note="states that hold at a tick"),
        *_ASSIGNMENT.how(How.FILTER, "arrived_at", "is_retracted"),
        *_PRECISE.how(How.JOIN, "job_id"),
        *_PRECISE.how(How.FILTER, "event_type", "event_timestamp", note="the place last stated by then"),
        *_PRECISE.how(How.SORT, "event_timestamp", "event_id"),
        *_PRECISE.how(How.WINDOW, "known_at"),
        *place,
        *_PING.how(How.JOIN, "provider_id", "driver_id", "event_timestamp"),
        *_PING.how(How.FILTER, "latitude", "longitude", note="within 300 m of the place"),
        *_PING.how(How.FILTER, "is_late", "is_inaccurate", "is_implausible_jump", note="good pings"),
        *_PING.how(How.WINDOW, "known_at"),
    )
    return TableLineage(
        {
            **{name: _ASSIGNMENT.same(name) for name in ("assignment_id", "arrived_at", "provider_id")},
            "known_at": known,
            "known_date": known,
            "evidence_ping_at": ping_at,
            "elsewhere_ping_at": ping_at,
        },
        rows,
    )
