"""What a reader states about the job: the request source of every on-demand view.

No field is named like a join key: online, Feast would take it for the key (#6790).
"""

from feast import Field, RequestSource
from feast.types import Bool, Float64, Int64, String, UnixTimestamp

request = RequestSource(
    name="request",
    description="The job at the decision, as the caller knows it.",
    schema=[
        Field(name="job_latitude", dtype=Float64, description="Where the member waits."),
        Field(name="job_longitude", dtype=Float64, description="Where the member waits."),
        Field(
            name="job_timezone",
            dtype=String,
            description="IANA name of the time zone there, America/Los_Angeles say.",
        ),
        Field(
            name="job_service_type", dtype=String, description="Service asked for, as known at the decision."
        ),
        Field(name="job_vehicle_class", dtype=String, description="Class of the member's vehicle."),
        Field(name="job_needs_tow", dtype=Bool, description="Only a truck that tows will do."),
        Field(
            name="job_is_highway",
            dtype=Bool,
            description="On a limited-access road; null where nobody said.",
        ),
        Field(
            name="job_tow_leg_km",
            dtype=Float64,
            description="From the incident to the drop; null without a drop.",
        ),
        Field(
            name="job_channel",
            dtype=String,
            description="How the provider is asked: digital, phone or partner.",
        ),
        Field(name="job_requested_at", dtype=UnixTimestamp, description="When the member asked."),
        Field(
            name="job_decision_at",
            dtype=UnixTimestamp,
            description="The instant of the decision, by the caller's clock.",
        ),
        Field(
            name="job_offers_so_far_count",
            dtype=Int64,
            description="Offers made for the job before the decision.",
        ),
        Field(
            name="job_declines_so_far_count",
            dtype=Int64,
            description="Of these, declined before the decision.",
        ),
        Field(
            name="job_minutes_since_this_provider_declined",
            dtype=Float64,
            description="Since the provider last declined this job; null if it never did.",
        ),
    ],
)
