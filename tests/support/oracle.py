"""A naive oracle of the platform: landed records in, exact expected values out.

    records = records_from_landing(root)          # or a list of Landed, made by hand
    silver = Silver(records)                      # deduplicated, late ones out
    silver.at(tick).offers["J1#1"].outcome        # offers, assignments, jobs as known at a tick
    provider_activity_15m(silver, "P1", tick)     # every feature, None when not live
    rows_written(silver, VIEWS["zone_demand_15m"], start, end)
    served_row(silver, VIEWS["zone_demand_15m"], zone_id, decision_at)
    eta_v1(silver, date(2026, 3, 10)).rows

Slow on purpose: plain loops over all records, so that it can be checked by reading. It shares no
code with the platform, clocks included.
"""

from support.oracle_dataset import EtaDataset, eta_v1
from support.oracle_days import provider_performance_1d
from support.oracle_fleet import available_drivers
from support.oracle_lifecycle import lifecycle
from support.oracle_records import (
    Landed,
    business_date,
    business_day_start,
    ledger_known_at,
    parse_time,
    records_from_landing,
    tick_end,
)
from support.oracle_rows import VIEWS, View, point_in_time, row_written, rows_written, served_row
from support.oracle_states import Assignment, Job, Lifecycle, Offer
from support.oracle_ticks import Silver, is_overdue, is_waiting, provider_activity_15m, zone_demand_15m

__all__ = [
    "VIEWS",
    "Assignment",
    "EtaDataset",
    "Job",
    "Landed",
    "Lifecycle",
    "Offer",
    "Silver",
    "View",
    "available_drivers",
    "business_date",
    "business_day_start",
    "eta_v1",
    "is_overdue",
    "is_waiting",
    "ledger_known_at",
    "lifecycle",
    "parse_time",
    "point_in_time",
    "provider_activity_15m",
    "provider_performance_1d",
    "records_from_landing",
    "row_written",
    "rows_written",
    "served_row",
    "tick_end",
    "zone_demand_15m",
]
