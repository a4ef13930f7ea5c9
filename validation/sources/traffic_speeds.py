"""traffic_speeds: readings of third-party traffic feeds."""

from datetime import timedelta

from validation.source import Field, Place, Source, plain, required

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
        *plain("speed_kmh", "free_flow_kmh", "sample_count"),
        Field("status", "reading_status"),
    ),
    places=(Place("latitude", "longitude", "zone_id"),),
    subjects=(("table", ("feed",)),),
    late=timedelta(days=1),
)
