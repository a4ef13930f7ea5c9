"""job_state_15m: where a job stands."""

from datetime import timedelta

from feast import FeatureView, Field
from feast.types import Int64, String, UnixTimestamp

from feature_repo.entities import job
from feature_repo.sources import source_of

job_state_15m = FeatureView(
    name="job_state_15m",
    description="Where a job stands.",
    entities=[job],
    ttl=timedelta(days=2),
    schema=[
        Field(
            name="job_id",
            dtype=String,
            description="One request for service; may have several rounds of offers.",
        ),
        Field(
            name="tick_at",
            dtype=UnixTimestamp,
            description="The tick the values belong to; null on a closing row.",
        ),
        Field(
            name="stage",
            dtype=String,
            description="unassigned, offered, assigned, en_route, on_scene, towing or closed.",
        ),
        Field(name="stage_since_at", dtype=UnixTimestamp, description="Since when the job is in its stage."),
        Field(name="requested_at", dtype=UnixTimestamp, description="When the member asked."),
        Field(name="area_id", dtype=String, description="H3 r6 cell, parent of the zone."),
        Field(name="zone_id", dtype=String, description="H3 r7 cell of the incident (about 5 km2)."),
        Field(
            name="service_type",
            dtype=String,
            description="Service asked for, as last stated at or before the row's moment.",
        ),
        Field(name="program_id", dtype=String, description="The client's contract."),
        Field(name="offers_count", dtype=Int64, description="Offers made for the job so far."),
        Field(name="declines_count", dtype=Int64, description="Offers declined so far."),
        Field(name="assigned_provider_id", dtype=String, description="Provider of the active assignment."),
        Field(
            name="assigned_driver_id",
            dtype=String,
            description="Token of the driver of the active assignment.",
        ),
        Field(name="first_promised_arrival_at", dtype=UnixTimestamp, description="First promise of arrival."),
        Field(
            name="promised_arrival_at",
            dtype=UnixTimestamp,
            description="Latest promise of arrival known at the row's moment.",
        ),
        Field(name="promise_extension_count", dtype=Int64, description="Times the promise was moved later."),
    ],
    source=source_of("job_state_15m"),
    tags={"cadence": "every 15 minutes"},
)
