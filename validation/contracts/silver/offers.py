"""silver.offers: the state of each offer, as a changelog."""

from validation.columns import pick
from validation.contract import Between, OneOf, Table

OFFERS = Table(
    name="silver.offers",
    grain="One row per offer and tick in which what was known of it changed.",
    key=("offer_id", "known_at"),
    columns=pick(
        "offer_id",
        "known_at",
        "known_date",
        "is_retracted",
        "job_id",
        "provider_id",
        "offer_seq",
        "offered_at",
        "offer_expires_at",
        "dispatch_channel",
        "is_channel_derived",
        "is_offer_id_derived",
        "offer_outcome",
        "responded_at",
        "response_seconds",
        "accepted_at",
        "reason_code",
        "is_immediate",
        "job_kind",
        "service_type",
        "program_id",
        "zone_id",
        "area_id",
        "selection_policy_version",
        "selection_rank",
        "selection_score",
        "selection_propensity",
    ),
    required=("is_retracted", "job_id", "offered_at", "offer_outcome"),
    order=("provider_id", "offer_id"),
    checks=(
        OneOf(
            "offer_outcome",
            ("open", "accepted", "declined", "expired", "no_contact", "withdrawn", "eta_rejected"),
        ),
        Between("response_seconds", 0),
    ),
)
