"""gps_pings: where trucks are."""

from datetime import timedelta

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
)
