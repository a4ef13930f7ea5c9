"""traffic_speeds: readings of third-party traffic feeds."""

from datetime import timedelta

from validation.contract import Severity
from validation.feed_checks import (
    DamagedShare,
    LateShare,
    NullShare,
    RefusedShare,
    Spread,
    UnknownShare,
    Volume,
)
from validation.source import Field, Place, Source, required

TRAFFIC_SPEEDS = Source(
    name="traffic_speeds",
    version=1,
    timestamp="measured_at",
    fields=(
        Field("schema_version", "schema_version"),
        *required("feed", "segment_id"),
        Field("measured_at", "event_timestamp", required=True),
        Field("latitude", "latitude", required=True, low=-90, high=90),
        Field("longitude", "longitude", required=True, low=-180, high=180),
        Field("speed_kmh", "speed_kmh", high=400),  # a negative one is a feed's way to say: no reading
        Field("free_flow_kmh", "free_flow_kmh", high=400),
        Field("sample_count", "sample_count", low=0, high=1_000_000),
        Field("status", "reading_status"),
    ),
    places=(Place("latitude", "longitude", "zone_id"),),
    subjects=(("table", ("feed",)),),
    late=timedelta(days=1),
    checks=(
        NullShare("speed_kmh", together=12),
        NullShare("free_flow_kmh", together=12, severity=Severity.WARN),
        Spread("speed_kmh", (0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120, 140)),
        Spread("latitude", tuple(range(-60, 75, 5))),
        Spread("longitude", tuple(range(-180, 180, 5))),
        RefusedShare(),
        DamagedShare(),
        UnknownShare(),
        LateShare(timedelta(hours=1)),
        LateShare(timedelta(days=1), least=0.1),
        Volume(together=8),
    ),
)
