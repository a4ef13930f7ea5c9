"""A naive oracle of the platform: landed records in, exact expected values out.

    records = records_from_landing(root)          # or a list of Landed, made by hand
    silver = Silver(records, token_of)            # deduplicated, late ones out; drivers by their tokens
    silver.at(tick).offers["J1#1"].outcome        # offers, assignments, jobs as known at a tick
    provider_activity_15m(silver, "P1", tick)     # every feature, None when not live
    provider_fleet_15m(silver, "P1", tick, corrected=True)
    view = VIEWS["provider_service_1d"]           # any view: view.values(silver, ("P1", "tow"), cut)
    held = held_instants(objects_from_landing(root), view, start, end)
    rows_written(silver, view, start, end, held)
    served_row(silver, view, ("P1", "tow"), decision_at, held)
    eta_v1(silver, date(2026, 3, 10)).rows
    eta_v2(silver, date(2026, 3, 10)).waterfall   # matching_acceptance_v1, matching_ranking_v1 likewise
    rule_recall(matching_ranking_v1(silver, date(2026, 3, 10)).recalls)

Slow on purpose: plain loops over all records, so that it can be checked by reading. It shares no
code with the platform, clocks included.
"""

from support.oracle_acceptance import matching_acceptance_v1
from support.oracle_areas import area_dispatch_15m
from support.oracle_dataset import Dataset, eta_v1
from support.oracle_days import provider_performance_1d
from support.oracle_drivers import DriverState, driver_state_15m, driver_states
from support.oracle_eta_v2 import eta_v2
from support.oracle_fleet import provider_fleet_15m, zone_supply_15m
from support.oracle_held import LandedObject, held_instants, is_complete, objects_from_landing
from support.oracle_job_states import job_state_15m
from support.oracle_landing import records_from_landing
from support.oracle_lifecycle import lifecycle
from support.oracle_ranking import RankingDataset, matching_ranking_v1, rule_recall
from support.oracle_records import (
    Landed,
    business_date,
    business_day_start,
    ledger_known_at,
    parse_time,
    tick_end,
)
from support.oracle_rows import point_in_time, row_written, rows_written, served_row
from support.oracle_services import area_service_1d, provider_area_1d, provider_service_1d
from support.oracle_silver import Silver
from support.oracle_states import Assignment, Job, Lifecycle, Offer
from support.oracle_ticks import is_overdue, is_waiting, provider_activity_15m, zone_demand_15m
from support.oracle_traffic import zone_traffic_15m
from support.oracle_views import VIEWS, View

__all__ = [
    "VIEWS",
    "Assignment",
    "Dataset",
    "DriverState",
    "Job",
    "Landed",
    "LandedObject",
    "Lifecycle",
    "Offer",
    "RankingDataset",
    "Silver",
    "View",
    "area_dispatch_15m",
    "area_service_1d",
    "business_date",
    "business_day_start",
    "driver_state_15m",
    "driver_states",
    "eta_v1",
    "eta_v2",
    "held_instants",
    "is_complete",
    "is_overdue",
    "is_waiting",
    "job_state_15m",
    "ledger_known_at",
    "lifecycle",
    "matching_acceptance_v1",
    "matching_ranking_v1",
    "objects_from_landing",
    "parse_time",
    "point_in_time",
    "provider_activity_15m",
    "provider_area_1d",
    "provider_fleet_15m",
    "provider_performance_1d",
    "provider_service_1d",
    "records_from_landing",
    "row_written",
    "rows_written",
    "rule_recall",
    "served_row",
    "tick_end",
    "zone_demand_15m",
    "zone_supply_15m",
    "zone_traffic_15m",
]
