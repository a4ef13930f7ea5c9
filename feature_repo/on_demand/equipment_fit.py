"""equipment_fit: whether the provider can do the job, as far as is known."""

import pandas as pd
from feast import Field
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import Bool

from feature_repo.request import request
from feature_repo.views.provider_fleet_15m import provider_fleet_15m
from feature_repo.views.provider_service_1d import provider_service_1d


@on_demand_feature_view(
    sources=[
        provider_fleet_15m[["tow_drivers_available_count"]],
        provider_service_1d[["completed_90d_count"]],
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

    A job that needs no tow fits; one that does fits while a driver whose truck tows is available.
    Unknown (null) where nobody said whether, or a tow is needed of a provider that is not tracked.
    Proven is a job of the service completed in 90 days; no row there is no proof. The services and
    the equipment a provider declares wait for provider_profile_1d.
    """
    needs = pd.Series(
        [None if pd.isna(each) else bool(each) for each in inputs["job_needs_tow"]], dtype="boolean"
    )
    trucks = pd.to_numeric(inputs["provider_fleet_15m__tow_drivers_available_count"]).astype("float64")
    done = pd.to_numeric(inputs["provider_service_1d__completed_90d_count"]).astype("float64")
    tows = pd.Series([None if pd.isna(each) else each > 0 for each in trucks], dtype="boolean")
    return pd.DataFrame(
        {
            "is_equipment_match": ~needs | (needs & tows),
            "is_service_proven": (done > 0).astype("boolean"),
        }
    )
