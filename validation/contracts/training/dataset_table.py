"""The shape every training dataset shares: a decision, its keys and request, features, labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from validation.columns import pick
from validation.contract import Column, Rule, Table
from validation.contracts.features.area_dispatch_15m import AREA_DISPATCH_15M
from validation.contracts.features.area_hour_1d import AREA_HOUR_1D
from validation.contracts.features.area_service_1d import AREA_SERVICE_1D
from validation.contracts.features.driver_state_15m import DRIVER_STATE_15M
from validation.contracts.features.job_state_15m import JOB_STATE_15M
from validation.contracts.features.provider_activity_15m import PROVIDER_ACTIVITY_15M
from validation.contracts.features.provider_area_1d import PROVIDER_AREA_1D
from validation.contracts.features.provider_fleet_15m import PROVIDER_FLEET_15M
from validation.contracts.features.provider_performance_1d import PROVIDER_PERFORMANCE_1D
from validation.contracts.features.provider_profile_1d import PROVIDER_PROFILE_1D
from validation.contracts.features.provider_service_1d import PROVIDER_SERVICE_1D
from validation.contracts.features.zone_demand_15m import ZONE_DEMAND_15M
from validation.contracts.features.zone_supply_15m import ZONE_SUPPLY_15M
from validation.contracts.features.zone_traffic_15m import ZONE_TRAFFIC_15M
from validation.on_demand import ON_DEMAND

ServiceFeatures = Mapping[str, tuple[str, ...]]
"""Role of a view in the service -> its features, in order; on-demand views among them."""

_STORED = (
    DRIVER_STATE_15M,
    PROVIDER_FLEET_15M,
    PROVIDER_ACTIVITY_15M,
    ZONE_DEMAND_15M,
    ZONE_SUPPLY_15M,
    ZONE_TRAFFIC_15M,
    AREA_DISPATCH_15M,
    JOB_STATE_15M,
    PROVIDER_PERFORMANCE_1D,
    PROVIDER_SERVICE_1D,
    PROVIDER_AREA_1D,
    PROVIDER_PROFILE_1D,
    AREA_SERVICE_1D,
    AREA_HOUR_1D,
)
_INCIDENT = "incident_"
"""Role of a zone's or area's view: the incident's."""

REQUEST = (
    "job_timezone",
    "job_needs_tow",
    "job_channel",
    "job_requested_at",
    "job_tow_leg_km",
    "job_offers_so_far_count",
    "job_declines_so_far_count",
    "job_minutes_since_this_provider_declined",
)
"""Request fields a dataset keeps: not where the job is, nor what no source states or another column says."""


def dataset_table(
    name: str,
    *,
    grain: str,
    meta: tuple[str, ...] = (),
    keys: tuple[str, ...] = (),
    request: tuple[str, ...] = (),
    features: ServiceFeatures,
    labels: tuple[str, ...],
    required: tuple[str, ...],
    checks: tuple[Rule, ...],
) -> Table:
    """The contract of training.<name>; `meta` and `keys` beside those that all datasets have."""
    return Table(
        name=f"training.{name}",
        grain=grain,
        key=("meta_row_id",),
        columns=(
            *pick(
                "meta_row_id",
                "meta_decision_at",
                "meta_decision_date_et",
                "meta_group",
                "meta_weight",
                "meta_dispatch_channel",
                "meta_program_id",
                *meta,
                "provider_id",
                "incident_zone_id",
                "incident_area_id",
                "service_type",
                *keys,
                *request,
            ),
            *_service_columns(features),
            *pick(*labels),
        ),
        required=("meta_decision_at", "provider_id", "label_status", "meta_weight", *required),
        order=("meta_decision_at", "meta_row_id"),
        checks=checks,
        retention_months=24,
        partition="meta_decision_date_et",
        clock="meta_decision_at",
    )


def _service_columns(features: ServiceFeatures) -> tuple[Column, ...]:
    by_view = {table.short_name: {column.name: column for column in table.columns} for table in _STORED}
    by_view |= {view.name: {column.name: column for column in view.outputs} for view in ON_DEMAND}
    return tuple(
        replace(by_view[role.removeprefix(_INCIDENT)][name], name=f"{role}__{name}")
        for role, names in features.items()
        for name in names
    )
