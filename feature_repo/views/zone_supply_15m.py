"""zone_supply_15m: who could help in and around a zone."""

from datetime import timedelta

from feast import FeatureView, Field
from feast.types import Int64, String, UnixTimestamp

from feature_repo.entities import zone
from feature_repo.sources import source_of

zone_supply_15m = FeatureView(
    name="zone_supply_15m",
    description="Who could help in and around a zone.",
    entities=[zone],
    ttl=timedelta(days=2),
    schema=[
        Field(name="zone_id", dtype=String, description="H3 r7 cell of the incident (about 5 km2)."),
        Field(
            name="tick_at",
            dtype=UnixTimestamp,
            description="The tick the values belong to; null on a closing row.",
        ),
        Field(
            name="available_drivers_count",
            dtype=Int64,
            description="Available drivers whose last fix on duty lies in the zone.",
        ),
        Field(
            name="ring1_available_drivers_count",
            dtype=Int64,
            description="The same, in the zone and the cells around it.",
        ),
        Field(name="ring4_available_drivers_count", dtype=Int64, description="The same, within four cells."),
        Field(
            name="ring4_tow_available_drivers_count",
            dtype=Int64,
            description="Available drivers with a tow truck within four cells.",
        ),
        Field(
            name="ring4_on_duty_drivers_count", dtype=Int64, description="Drivers on duty within four cells."
        ),
        Field(
            name="ring4_silent_drivers_count",
            dtype=Int64,
            description="Drivers on duty, silent for 15 minutes, last seen within four cells.",
        ),
        Field(
            name="ring4_available_providers_count",
            dtype=Int64,
            description="Providers with an available driver within four cells.",
        ),
    ],
    source=source_of("zone_supply_15m"),
    tags={"cadence": "every 15 minutes"},
)
