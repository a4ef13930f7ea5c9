"""Every table of the platform, in the order of the road."""

from validation.contract import Table
from validation.contracts.bronze.dispatch_events import DISPATCH_EVENTS as BRONZE_DISPATCH_EVENTS
from validation.contracts.bronze.gps_pings import GPS_PINGS as BRONZE_GPS_PINGS
from validation.contracts.bronze.provider_status import PROVIDER_STATUS as BRONZE_PROVIDER_STATUS
from validation.contracts.bronze.service_outcomes import SERVICE_OUTCOMES as BRONZE_SERVICE_OUTCOMES
from validation.contracts.bronze.traffic_speeds import TRAFFIC_SPEEDS as BRONZE_TRAFFIC_SPEEDS
from validation.contracts.features.area_dispatch_15m import AREA_DISPATCH_15M
from validation.contracts.features.area_hour_1d import AREA_HOUR_1D
from validation.contracts.features.area_service_1d import AREA_SERVICE_1D
from validation.contracts.features.driver_state_15m import DRIVER_STATE_15M
from validation.contracts.features.job_state_15m import JOB_STATE_15M
from validation.contracts.features.market_dispatch_15m import MARKET_DISPATCH_15M
from validation.contracts.features.program_dispatch_15m import PROGRAM_DISPATCH_15M
from validation.contracts.features.provider_activity_15m import PROVIDER_ACTIVITY_15M
from validation.contracts.features.provider_area_1d import PROVIDER_AREA_1D
from validation.contracts.features.provider_fleet_15m import PROVIDER_FLEET_15M
from validation.contracts.features.provider_performance_1d import PROVIDER_PERFORMANCE_1D
from validation.contracts.features.provider_profile_1d import PROVIDER_PROFILE_1D
from validation.contracts.features.provider_service_1d import PROVIDER_SERVICE_1D
from validation.contracts.features.zone_demand_15m import ZONE_DEMAND_15M
from validation.contracts.features.zone_supply_15m import ZONE_SUPPLY_15M
from validation.contracts.features.zone_traffic_15m import ZONE_TRAFFIC_15M
from validation.contracts.quarantine import QUARANTINE
from validation.contracts.silver.arrival_evidence import ARRIVAL_EVIDENCE
from validation.contracts.silver.assignments import ASSIGNMENTS
from validation.contracts.silver.dispatch_events import DISPATCH_EVENTS, DISPATCH_EVENTS_PRECISE
from validation.contracts.silver.gps_pings import GPS_PINGS
from validation.contracts.silver.job_milestones import JOB_MILESTONES
from validation.contracts.silver.job_waits import JOB_WAITS
from validation.contracts.silver.jobs import JOBS
from validation.contracts.silver.offers import OFFERS
from validation.contracts.silver.provider_status import PROVIDER_STATUS
from validation.contracts.silver.service_outcomes import SERVICE_OUTCOMES
from validation.contracts.silver.traffic_speeds import TRAFFIC_SPEEDS
from validation.contracts.tiles.area_hour_1d import AREA_HOUR_1D as AREA_HOUR_TILES
from validation.contracts.tiles.dispatch_1d import DISPATCH_1D
from validation.contracts.tiles.dispatch_15m import DISPATCH_15M
from validation.contracts.tiles.driver_fixes_15m import DRIVER_FIXES_15M
from validation.contracts.tiles.driver_states_15m import DRIVER_STATES_15M
from validation.contracts.tiles.fleet_1d import FLEET_1D
from validation.contracts.tiles.traffic_15m import TRAFFIC_15M
from validation.contracts.training.eta_v1 import ETA_V1
from validation.contracts.training.eta_v2 import ETA_V2
from validation.contracts.training.matching_acceptance_v1 import MATCHING_ACCEPTANCE_V1
from validation.contracts.training.matching_ranking_v1 import MATCHING_RANKING_V1
from validation.contracts.training.row_index import ROW_INDEX
from validation.errors import UnknownName

BRONZE = (
    BRONZE_DISPATCH_EVENTS,
    BRONZE_PROVIDER_STATUS,
    BRONZE_GPS_PINGS,
    BRONZE_SERVICE_OUTCOMES,
    BRONZE_TRAFFIC_SPEEDS,
)
SILVER = (
    DISPATCH_EVENTS,
    DISPATCH_EVENTS_PRECISE,
    OFFERS,
    ASSIGNMENTS,
    JOB_MILESTONES,
    JOBS,
    JOB_WAITS,
    PROVIDER_STATUS,
    GPS_PINGS,
    ARRIVAL_EVIDENCE,
    SERVICE_OUTCOMES,
    TRAFFIC_SPEEDS,
)
TILES = (
    DISPATCH_15M,
    DISPATCH_1D,
    DRIVER_FIXES_15M,
    DRIVER_STATES_15M,
    FLEET_1D,
    TRAFFIC_15M,
    AREA_HOUR_TILES,
)
FEATURES = (
    DRIVER_STATE_15M,
    PROVIDER_FLEET_15M,
    PROVIDER_ACTIVITY_15M,
    ZONE_DEMAND_15M,
    ZONE_SUPPLY_15M,
    ZONE_TRAFFIC_15M,
    AREA_DISPATCH_15M,
    MARKET_DISPATCH_15M,
    PROGRAM_DISPATCH_15M,
    JOB_STATE_15M,
    PROVIDER_PERFORMANCE_1D,
    PROVIDER_SERVICE_1D,
    PROVIDER_AREA_1D,
    AREA_SERVICE_1D,
    AREA_HOUR_1D,
    PROVIDER_PROFILE_1D,
)
SERVED = (
    PROVIDER_FLEET_15M,
    PROVIDER_ACTIVITY_15M,
    ZONE_DEMAND_15M,
    ZONE_SUPPLY_15M,
    ZONE_TRAFFIC_15M,
    AREA_DISPATCH_15M,
    PROVIDER_PERFORMANCE_1D,
    PROVIDER_AREA_1D,
    AREA_SERVICE_1D,
)
"""Feature tables in Redis after every tick, those of eta_v1; the others when asked for."""
TRAINING = (ETA_V1, ETA_V2, MATCHING_ACCEPTANCE_V1, MATCHING_RANKING_V1, ROW_INDEX)
TABLES: tuple[Table, ...] = (*BRONZE, *QUARANTINE, *SILVER, *TILES, *FEATURES, *TRAINING)


def table_named(name: str) -> Table:
    """The contract of a table, `silver.offers` say.

    Raises:
        UnknownName: no table has that name.
    """
    for table in TABLES:
        if table.name == name:
            return table
    raise UnknownName("table", name, [table.name for table in TABLES])
