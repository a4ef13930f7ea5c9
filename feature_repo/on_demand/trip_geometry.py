"""trip_geometry: the provider's available drivers around the job."""

import pandas as pd
from feast import Field
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import Float64, Int64

from feature_repo.request import request
from feature_repo.views.provider_fleet_15m import provider_fleet_15m
from feature_repo.views.provider_profile_1d import provider_profile_1d


@on_demand_feature_view(
    sources=[
        provider_fleet_15m[
            ["available_latitude", "available_longitude", "available_fix_at", "available_is_tow"]
        ],
        provider_profile_1d[["site_latitude", "site_longitude"]],
        request,
    ],
    schema=[
        Field(name="nearest_available_driver_km", dtype=Float64),
        Field(name="second_available_driver_km", dtype=Float64),
        Field(name="available_within_10km_count", dtype=Int64),
        Field(name="nearest_fix_age_minutes", dtype=Float64),
        Field(name="site_to_job_km", dtype=Float64),
    ],
    mode="pandas",
    description="The provider's available drivers around the job (those whose truck tows if the job "
    "needs a tow), and its site.",
    tags={"cadence": "on demand"},
)
def trip_geometry(inputs: pd.DataFrame) -> pd.DataFrame:
    """One row per request: km to the two nearest available drivers, how many within 10 km, a fix's age.

    Great circles on a sphere of 6371.0088 km (the IUGG mean radius); a driver stands at the centre
    of an H3 r9 cell, so a distance is off by up to 0.2 km. Only drivers whose truck tows count when
    job_needs_tow; a null there asks for none. Of two as near, the newer fix is the nearest. No list
    of drivers (a provider that is not tracked) gives nulls, an empty one a count of 0. The site is the
    centre of an H3 r7 cell, so its distance is off by a radius of it (some 1.4 km).
    """
    import numpy as np

    fleet = "provider_fleet_15m__available_"
    nothing = (None, None, None, None)

    def km(latitude, longitude, latitudes: np.ndarray, longitudes: np.ndarray) -> np.ndarray:
        here, there = np.radians(latitude), np.radians(latitudes)
        across = np.sin((there - here) / 2) ** 2
        along = np.sin(np.radians(longitudes - longitude) / 2) ** 2
        return 2 * 6371.0088 * np.arcsin(np.sqrt(across + np.cos(here) * np.cos(there) * along))

    def row(latitudes, longitudes, fixes, tows, latitude, longitude, needs_tow, decided):
        if latitudes is None or np.ndim(latitudes) == 0 or pd.isna(latitude) or pd.isna(longitude):
            return nothing
        tow_only = not pd.isna(needs_tow) and bool(needs_tow)
        counts = np.asarray(tows, dtype=bool) if tow_only else np.ones(len(latitudes), dtype=bool)
        places = (np.asarray(each, dtype=float)[counts] for each in (latitudes, longitudes))
        distances = km(float(latitude), float(longitude), *places)
        order = np.argsort(distances, kind="stable")
        nearest, second = ([*distances[order][:2], None, None])[:2]
        within = int((distances <= 10).sum())
        if not len(order) or pd.isna(decided):
            return nearest, second, within, None
        fix = pd.to_datetime(pd.Series(list(fixes))[counts].iloc[order[0]], utc=True)
        return nearest, second, within, (decided - fix).total_seconds() / 60

    columns = (
        *(inputs[fleet + each] for each in ("latitude", "longitude", "fix_at", "is_tow")),
        *(inputs[name] for name in ("job_latitude", "job_longitude", "job_needs_tow")),
        pd.to_datetime(inputs["job_decision_at"], utc=True),
    )

    def degrees(name: str) -> np.ndarray:
        return pd.to_numeric(inputs[name]).to_numpy(dtype="float64")

    site = (degrees(f"provider_profile_1d__site_{each}") for each in ("latitude", "longitude"))
    rows = [row(*values) for values in zip(*columns, strict=True)]
    nearest, second, within, age = zip(*rows, strict=True) if rows else ((), (), (), ())
    return pd.DataFrame(
        {
            "nearest_available_driver_km": pd.Series(nearest, dtype="float64"),
            "second_available_driver_km": pd.Series(second, dtype="float64"),
            "available_within_10km_count": pd.Series(within, dtype="Int64"),
            "nearest_fix_age_minutes": pd.Series(age, dtype="float64"),
            "site_to_job_km": pd.Series(
                km(degrees("job_latitude"), degrees("job_longitude"), *site), dtype="float64"
            ),
        }
    )
