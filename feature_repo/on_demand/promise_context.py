"""promise_context: the promise that stands, at the decision."""

import pandas as pd
from feast import Field
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import Float64

from feature_repo.request import request
from feature_repo.roles import area_service_of_incident
from feature_repo.views.job_state_15m import job_state_15m


@on_demand_feature_view(
    sources=[
        job_state_15m[["promised_arrival_at"]],
        area_service_of_incident[["arrival_minutes_p50_28d"]],
        request,
    ],
    schema=[
        Field(name="promised_minutes_remaining", dtype=Float64),
        Field(name="promise_minus_typical_minutes", dtype=Float64),
    ],
    mode="pandas",
    description="The promise that stands, at the decision.",
    tags={"cadence": "on demand"},
)
def promise_context(inputs: pd.DataFrame) -> pd.DataFrame:
    """One row per request: minutes until the promised arrival, and how many more than is typical.

    Typical is the area's median from acceptance to arrival for the service, so that the second
    compares promise and area at the acceptance and falls from there. promise_extension_count is
    job_state_15m's own: Feast drops an output that is named like an input.
    """
    promised, decided = (  # a promise beyond pandas' years is none, and leaves the others theirs
        pd.to_datetime(inputs[name], utc=True, errors="coerce")
        for name in ("job_state_15m__promised_arrival_at", "job_decision_at")
    )
    remaining = (promised - decided).dt.total_seconds() / 60
    typical = pd.to_numeric(inputs["area_service_1d__arrival_minutes_p50_28d"]).astype("float64")
    return pd.DataFrame(
        {"promised_minutes_remaining": remaining, "promise_minus_typical_minutes": remaining - typical}
    )
