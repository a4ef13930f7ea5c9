"""service_outcomes: claims, each version an event."""

from datetime import timedelta

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
    checked_over=timedelta(days=1),
    checks=(
        NullShare("billed_usd", together=2),
        Spread("billed_usd", (0, 10, 25, 50, 75, 100, 150, 250, 500, 1000, 2500), together=1),
        RefusedShare(),
        DamagedShare(),
        UnknownShare(),
        RepeatShare("claim_id"),
        LateShare(timedelta(hours=1)),
        LateShare(timedelta(days=1), least=0.1),
        Volume(together=8),
    ),
)
