"""Every table of the platform, in the order of the road."""

from validation.contract import Table
from validation.contracts.bronze.dispatch_events import DISPATCH_EVENTS as BRONZE_DISPATCH_EVENTS
from validation.contracts.bronze.gps_pings import GPS_PINGS as BRONZE_GPS_PINGS
from validation.contracts.bronze.provider_status import PROVIDER_STATUS as BRONZE_PROVIDER_STATUS
from validation.contracts.bronze.service_outcomes import SERVICE_OUTCOMES as BRONZE_SERVICE_OUTCOMES
from validation.contracts.bronze.traffic_speeds import TRAFFIC_SPEEDS as BRONZE_TRAFFIC_SPEEDS
from validation.contracts.features.provider_activity_15m import PROVIDER_ACTIVITY_15M
from validation.contracts.features.provider_performance_1d import PROVIDER_PERFORMANCE_1D
from validation.contracts.features.zone_demand_15m import ZONE_DEMAND_15M
from validation.contracts.quarantine import QUARANTINE
from validation.contracts.silver.arrival_evidence import ARRIVAL_EVIDENCE
from validation.contracts.silver.assignments import ASSIGNMENTS
from validation.contracts.silver.dispatch_events import DISPATCH_EVENTS, DISPATCH_EVENTS_PRECISE
from validation.contracts.silver.gps_pings import GPS_PINGS
from validation.contracts.silver.job_milestones import JOB_MILESTONES
from validation.contracts.silver.jobs import JOBS
from validation.contracts.silver.offers import OFFERS
from validation.contracts.silver.provider_status import PROVIDER_STATUS
from validation.contracts.silver.service_outcomes import SERVICE_OUTCOMES
from validation.contracts.silver.traffic_speeds import TRAFFIC_SPEEDS
from validation.contracts.training.eta_v1 import ETA_V1
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
    PROVIDER_STATUS,
    GPS_PINGS,
    ARRIVAL_EVIDENCE,
    SERVICE_OUTCOMES,
    TRAFFIC_SPEEDS,
)
FEATURES = (PROVIDER_ACTIVITY_15M, ZONE_DEMAND_15M, PROVIDER_PERFORMANCE_1D)
TRAINING = (ETA_V1, ROW_INDEX)
TABLES: tuple[Table, ...] = (*BRONZE, *QUARANTINE, *SILVER, *FEATURES, *TRAINING)


def table_named(name: str) -> Table:
    """The contract of a table, `silver.offers` say.

    Raises:
        UnknownName: no table has that name.
    """
    for table in TABLES:
        if table.name == name:
            return table
    raise UnknownName("table", name, [table.name for table in TABLES])
