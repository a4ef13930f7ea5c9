"""assigned_driver_trip: where the assigned driver is, seen from the job."""

import pandas as pd
from feast import Field
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import Float64

from feature_repo.request import request
from feature_repo.views.driver_state_15m import driver_state_15m


@on_demand_feature_view(
    sources=[
        driver_state_15m[["last_fix_latitude", "last_fix_longitude", "last_fix_at"]],
        request,
    ],
    schema=[
        Field(name="assigned_driver_km", dtype=Float64),
        Field(name="assigned_driver_fix_age_minutes", dtype=Float64),
    ],
    mode="pandas",
    description="Where the assigned driver is, seen from the job.",
    tags={"cadence": "on demand"},
)
def assigned_driver_trip(inputs: pd.DataFrame) -> pd.DataFrame:
    """One row per request: km from the assigned driver's last fix to the job, and the fix's age.

    Great circle on a sphere of 6371.0088 km; the driver stands at the centre of an H3 r9 cell.
    """
    import numpy as np

    driver = "driver_state_15m__last_fix_"
    there, east_there, here, east_here = (
        np.radians(pd.to_numeric(inputs[name]).astype("float64"))
        for name in (f"{driver}latitude", f"{driver}longitude", "job_latitude", "job_longitude")
    )
    chord = (
        np.sin((there - here) / 2) ** 2
        + np.cos(here) * np.cos(there) * np.sin((east_there - east_here) / 2) ** 2
    )
    fixed, decided = (pd.to_datetime(inputs[name], utc=True) for name in (f"{driver}at", "job_decision_at"))
    return pd.DataFrame(
        {
            "assigned_driver_km": 2 * 6371.0088 * np.arcsin(np.sqrt(chord)),
            "assigned_driver_fix_age_minutes": (decided - fixed).dt.total_seconds() / 60,
        }
    )
