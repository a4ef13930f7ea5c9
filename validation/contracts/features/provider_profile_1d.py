"""features.provider_profile_1d: what a company is, derived from what it does."""

from validation.columns import pick
from validation.contracts.features.feature_table import feature_table

PROVIDER_PROFILE_1D = feature_table(
    "provider_profile_1d",
    grain="One row per provider and business-day cut while it is live, plus a closing row.",
    entities=("provider_id",),
    features=pick(
        "site_latitude",
        "site_longitude",
        "service_types",
        "is_tow_capable",
        "is_digital",
        "is_location_tracked",
        "territory_areas_count",
        "tenure_days",
    ),
    false_when_dead=("is_tow_capable", "is_digital", "is_location_tracked"),
    notes="Null throughout but is_tow_capable, is_digital and is_location_tracked, false: no offer in 90 "
    "days and no driver available in 28. Network tier and base rate cannot be derived: they come with a "
    "reference of companies.",
)
