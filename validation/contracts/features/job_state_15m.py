"""features.job_state_15m: where a job stands."""

from validation.columns import pick
from validation.contracts.features.feature_table import feature_table

JOB_STATE_15M = feature_table(
    "job_state_15m",
    grain="One row per job and tick at which a value changed, plus one a day and a closing row.",
    entities=("job_id",),
    features=pick(
        "tick_at",
        "stage",
        "stage_since_at",
        "requested_at",
        "area_id",
        "zone_id",
        "service_type",
        "program_id",
        "offers_count",
        "declines_count",
        "assigned_provider_id",
        "assigned_driver_id",
        "first_promised_arrival_at",
        "promised_arrival_at",
        "promise_extension_count",
    ),
    is_restricted=True,
    notes="Null throughout: closed for a tick, older than 24 h, or unknown.",
)
