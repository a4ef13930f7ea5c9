"""job_shape: the job so far."""

import pandas as pd
from feast import Field
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import Float64, Int64

from feature_repo.request import request


@on_demand_feature_view(
    sources=[request],
    schema=[
        Field(name="minutes_since_requested", dtype=Float64),
        Field(name="tow_leg_km", dtype=Float64),
        Field(name="offers_so_far_count", dtype=Int64),
        Field(name="declines_so_far_count", dtype=Int64),
        Field(name="this_provider_declined_minutes_ago", dtype=Float64),
    ],
    mode="pandas",
    description="The job so far.",
    tags={"cadence": "on demand"},
)
def job_shape(inputs: pd.DataFrame) -> pd.DataFrame:
    """One row per request: how long it waits, the tow's length, what was asked and answered so far."""
    requested, decided = (
        pd.to_datetime(inputs[name], utc=True) for name in ("job_requested_at", "job_decision_at")
    )
    number = {
        name: pd.to_numeric(inputs[f"job_{name}"])
        for name in (
            "tow_leg_km",
            "offers_so_far_count",
            "declines_so_far_count",
            "minutes_since_this_provider_declined",
        )
    }
    return pd.DataFrame(
        {
            "minutes_since_requested": (decided - requested).dt.total_seconds() / 60,
            "tow_leg_km": number["tow_leg_km"].astype("float64"),
            "offers_so_far_count": number["offers_so_far_count"].astype("Int64"),
            "declines_so_far_count": number["declines_so_far_count"].astype("Int64"),
            "this_provider_declined_minutes_ago": number["minutes_since_this_provider_declined"].astype(
                "float64"
            ),
        }
    )
