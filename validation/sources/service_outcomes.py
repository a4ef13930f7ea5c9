"""service_outcomes: claims, each version an event."""

from datetime import timedelta

from validation.source import Field, Source, plain, required

SERVICE_OUTCOMES = Source(
    name="service_outcomes",
    version=1,
    timestamp="source_updated_at",
    fields=(
        Field("schema_version", "schema_version"),
        *required("claim_id", "job_id"),
        Field("submitted_at", "submitted_at", required=True, is_past=True),
        Field("source_updated_at", "event_timestamp", required=True),
        *plain("provider_id", "invoice_status", "rating"),
        Field(
            "outcome",
            "claim_outcome",
            vocabulary=frozenset({"completed", "goa", "cancelled", "unsuccessful"}),
        ),
        Field("billed_usd", "billed_usd", low=0, high=1_000_000),
        Field("tow_km", "tow_km", low=0, high=100_000),
        Field("nps", "nps", low=0, high=10),
    ),
    subjects=(("job", ("job_id",)),),
    late=timedelta(days=400),
)
