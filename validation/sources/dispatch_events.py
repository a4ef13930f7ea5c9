"""dispatch_events: the lifecycle of jobs, offers and assignments."""

from datetime import timedelta

from validation.contract import Severity
from validation.feed_checks import (
    Among,
    DamagedShare,
    LateShare,
    NullShare,
    RefusedShare,
    RepeatShare,
    UnknownShare,
    Volume,
)
from validation.source import Field, Place, Source, Treatment, plain, required, sealed

LIFECYCLE_ORDER = (
    "requested",
    "job_updated",
    "offered",
    "no_contact",
    "declined",
    "offer_expired",
    "offer_withdrawn",
    "accepted",
    "eta_rejected",
    "driver_assigned",
    "en_route",
    "eta_updated",
    "on_scene",
    "towing",
    "gone_on_arrival",
    "unsuccessful",
    "unassigned",
    "completed",
    "cancelled",
)
"""Rank of an event type; breaks ties of events on one instant (DOMAIN 2.3)."""

_REQUESTS = Among("event_type", ("requested",))

SERVICE_TYPES = frozenset({"tow", "jump_start", "flat_tire", "lockout", "fuel_delivery", "winch_out"})

DISPATCH_EVENTS = Source(
    name="dispatch_events",
    version=1,
    timestamp="event_timestamp",
    fields=(
        Field("schema_version", "schema_version"),
        *required("event_id", "job_id", "event_timestamp"),
        Field("event_type", "event_type", required=True, vocabulary=frozenset(LIFECYCLE_ORDER)),
        *plain("offer_id", "assignment_id", "provider_id", "reason_code", "program_id", "scheduled_for"),
        Field("dispatch_channel", "dispatch_channel", vocabulary=frozenset({"digital", "phone", "partner"})),
        Field("actor", "actor", vocabulary=frozenset({"member", "provider", "agent", "system"})),
        Field("driver_id", "driver_id", treatment=Treatment.TOKEN, subject="driver"),
        Field("service_type", "service_type", vocabulary=SERVICE_TYPES),
        Field("job_kind", "job_kind", vocabulary=frozenset({"roadside", "accident", "second_tow"})),
        *plain("promised_arrival_at", "offer_expires_at"),
        Field("vehicle.year", "vehicle_year"),
        Field("vehicle.make", "vehicle_make"),
        Field("vehicle.model", "vehicle_model"),
        Field("vehicle.vin", "vehicle_token", treatment=Treatment.TOKEN, subject="member"),
        Field("member.member_id", "member_token", treatment=Treatment.TOKEN, subject="member"),
        Field("selection.policy_version", "selection_policy_version"),
        Field("selection.rank", "selection_rank"),
        Field("selection.score", "selection_score"),
        Field("selection.propensity", "selection_propensity"),
        *sealed("member.name", "member.phone", "notes"),
        Field("latitude", None, treatment=Treatment.SEALED, low=-90, high=90),
        Field("longitude", None, treatment=Treatment.SEALED, low=-180, high=180),
        Field("destination.latitude", None, treatment=Treatment.SEALED, low=-90, high=90),
        Field("destination.longitude", None, treatment=Treatment.SEALED, low=-180, high=180),
    ),
    places=(
        Place("latitude", "longitude", "zone_id"),
        Place("destination.latitude", "destination.longitude", "destination_zone_id"),
    ),
    subjects=(("member", ("program_id", "member.member_id")), ("job", ("job_id",))),
    late=timedelta(days=8),
    checks=(
        NullShare("service_type", _REQUESTS, by="program_id", together=1),
        NullShare("zone_id", _REQUESTS, by="program_id", together=1),
        NullShare("program_id", _REQUESTS, together=1),
        NullShare("provider_id", Among("event_type", ("offered", "accepted", "en_route", "on_scene"))),
        NullShare("promised_arrival_at", Among("event_type", ("accepted",)), together=1),
        NullShare(
            "driver_id", Among("event_type", ("en_route", "on_scene")), together=2, severity=Severity.WARN
        ),
        NullShare("offer_id", Among("dispatch_channel", ("digital",)), together=2),
        NullShare(
            "assignment_id",
            Among(
                "event_type",
                ("accepted", "driver_assigned", "en_route", "on_scene", "towing", "completed"),
            ),
            together=2,
            severity=Severity.WARN,
        ),
        RefusedShare(),
        DamagedShare(),
        UnknownShare(),
        RepeatShare(),
        LateShare(timedelta(hours=1)),
        LateShare(timedelta(days=1), least=0.1),
        Volume(together=8),
    ),
)
