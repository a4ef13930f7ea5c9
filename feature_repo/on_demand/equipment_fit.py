"""equipment_fit: whether the provider can do the job, as far as is known."""

import pandas as pd
from feast import Field
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import Bool

from feature_repo.request import request
from feature_repo.views.provider_fleet_15m import provider_fleet_15m
from feature_repo.views.provider_profile_1d import provider_profile_1d


@on_demand_feature_view(
    sources=[
        provider_fleet_15m[["tow_drivers_available_count"]],
        provider_profile_1d[["service_types", "is_tow_capable"]],
        request,
    ],
    schema=[
        Field(name="is_equipment_match", dtype=Bool),
        Field(name="is_service_proven", dtype=Bool),
    ],
    mode="pandas",
    description="Whether the provider can do the job, as far as is known.",
    tags={"cadence": "on demand"},
)
def equipment_fit(inputs: pd.DataFrame) -> pd.DataFrame:
    """One row per request: whether equipment fits, and whether the provider has done the service.

    A job that needs no tow fits; one that does fits while a driver whose truck tows is available, and
    with a provider that is not tracked if it tows. Unknown (null) where nobody said whether a tow is
    needed, or nothing is known of the provider. Proven is a service completed in 90 days; no row there is
    no proof, and no service named is unknown.
    """

    def known(values, of):
        return pd.Series([None if pd.isna(each) else of(each) for each in values], dtype="boolean")

    needs = known(inputs["job_needs_tow"], bool)
    available = known(pd.to_numeric(inputs["provider_fleet_15m__tow_drivers_available_count"]), bool)
    tows = available.fillna(known(inputs["provider_profile_1d__is_tow_capable"], bool))
    services = [
        () if each is None or isinstance(each, float) else set(each)
        for each in inputs["provider_profile_1d__service_types"]
    ]
    proven = [
        None if pd.isna(asked) else asked in done
        for asked, done in zip(inputs["job_service_type"], services, strict=True)
    ]
    return pd.DataFrame(
        {
            "is_equipment_match": ~needs | (needs & tows),
            "is_service_proven": pd.Series(proven, dtype="boolean"),
        }
    )
