"""provider_status: who is on duty and what they are doing."""

from datetime import timedelta

from validation.contract import Severity
from validation.feed_checks import (
    DamagedShare,
    LateShare,
    NullShare,
    RefusedShare,
    RepeatShare,
    UnknownShare,
    Volume,
)
from validation.source import Field, Source, Treatment, plain, required

STATUSES = frozenset({"available", "en_route", "on_job", "on_break", "offline"})

PROVIDER_STATUS = Source(
    name="provider_status",
    version=1,
    timestamp="event_timestamp",
    fields=(
        Field("schema_version", "schema_version"),
        *required("event_id", "event_timestamp", "provider_id"),
        Field("driver_id", "driver_id", required=True, treatment=Treatment.TOKEN, subject="driver"),
        Field("status", "status", required=True, vocabulary=STATUSES),
        *plain("truck_id", "equipment", "active_job_count"),
    ),
    subjects=(("driver", ("driver_id",)),),
    late=timedelta(days=2),
    checks=(
        NullShare("truck_id", severity=Severity.WARN),
        NullShare("equipment", severity=Severity.WARN),
        NullShare("active_job_count"),
        RefusedShare(),
        DamagedShare(),
        UnknownShare(),
        RepeatShare(),
        LateShare(timedelta(hours=1)),
        LateShare(timedelta(days=1), least=0.1),
        Volume(together=8),
    ),
)
