"""supply_pressure: demand over supply within four cells of the incident."""

import pandas as pd
from feast import Field
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import Float64

from feature_repo.roles import zone_demand_of_incident, zone_supply_of_incident


@on_demand_feature_view(
    sources=[
        zone_supply_of_incident[["ring4_available_drivers_count"]],
        zone_demand_of_incident[["ring4_requests_60m_count", "ring4_open_unassigned_count"]],
    ],
    schema=[
        Field(name="requests_per_available_driver_ring4", dtype=Float64),
        Field(name="unassigned_per_available_driver_ring4", dtype=Float64),
    ],
    mode="pandas",
    description="Demand over supply within four cells of the incident.",
    tags={"cadence": "on demand"},
)
def supply_pressure(inputs: pd.DataFrame) -> pd.DataFrame:
    """One row per request: requests of 60 minutes, and waiting ones, over available drivers.

    Null without an available driver, as a ratio without support is; the counts stand beside it.
    """
    supply, demand = "zone_supply_15m__ring4_", "zone_demand_15m__ring4_"
    drivers = pd.to_numeric(inputs[f"{supply}available_drivers_count"]).astype("float64")
    drivers = drivers.where(drivers > 0)
    requests = pd.to_numeric(inputs[f"{demand}requests_60m_count"]).astype("float64")
    waiting = pd.to_numeric(inputs[f"{demand}open_unassigned_count"]).astype("float64")
    return pd.DataFrame(
        {
            "requests_per_available_driver_ring4": requests / drivers,
            "unassigned_per_available_driver_ring4": waiting / drivers,
        }
    )
