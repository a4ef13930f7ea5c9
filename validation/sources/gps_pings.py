"""gps_pings: where trucks are."""

from datetime import timedelta

from validation.contract import Severity
from validation.feed_checks import (
    DamagedShare,
    LateShare,
    NullShare,
    RefusedShare,
    RepeatShare,
    Spread,
    UnknownShare,
    Volume,
)
from validation.source import Field, Source, Treatment, plain, required

GPS_PINGS = Source(
    name="gps_pings",
    version=1,
    timestamp="event_timestamp",
    fields=(
        Field("schema_version", "schema_version"),
        *required("event_id", "event_timestamp", "provider_id"),
        Field("driver_id", "driver_id", required=True, treatment=Treatment.TOKEN, subject="driver"),
        Field("latitude", "latitude", required=True, low=-90, high=90),
        Field("longitude", "longitude", required=True, low=-180, high=180),
        Field("speed_kmh", "speed_kmh", low=0),
        *plain("heading", "accuracy_m"),
    ),
    subjects=(("driver", ("driver_id",)),),
    late=timedelta(days=2),
    checks=(
        NullShare("speed_kmh", together=30),
        NullShare("accuracy_m", together=30, severity=Severity.WARN),
        Spread("speed_kmh", (10, 20, 30, 40, 50, 60, 80, 100), above=0, together=6),
        Spread("latitude", tuple(range(-60, 75, 5))),
        Spread("longitude", tuple(range(-180, 180, 5))),
        RefusedShare(),
        DamagedShare(),
        UnknownShare(),
        RepeatShare(),
        LateShare(timedelta(hours=1), together=60),
        LateShare(timedelta(days=1), least=0.1, together=60),
        Volume(together=30),
    ),
)
