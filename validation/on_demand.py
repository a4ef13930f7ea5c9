"""What is worked out at the request: the fields a request states, and the features made of them.

The Feast definitions in `feature_repo/on_demand/` are tested equal to this. Feast 0.67 refuses a
described field on an on-demand view (its inferred twin has no description), so the words live here.
"""

from __future__ import annotations

from dataclasses import dataclass

from validation.contract import Column, Sensitivity, Type

_S, _L, _D, _B, _T = Type.STRING, Type.LONG, Type.DOUBLE, Type.BOOLEAN, Type.TIMESTAMP

REQUEST = (
    Column("job_latitude", _D, "Where the member waits.", "degrees", Sensitivity.PRECISE_LOCATION),
    Column("job_longitude", _D, "Where the member waits.", "degrees", Sensitivity.PRECISE_LOCATION),
    Column("job_timezone", _S, "IANA name of the time zone there, America/Los_Angeles say."),
    Column("job_service_type", _S, "Service asked for, as known at the decision."),
    Column("job_vehicle_class", _S, "Class of the member's vehicle."),
    Column("job_needs_tow", _B, "Only a truck that tows will do."),
    Column("job_is_highway", _B, "On a limited-access road; null where nobody said."),
    Column("job_tow_leg_km", _D, "From the incident to the drop; null without a drop.", "km"),
    Column("job_channel", _S, "How the provider is asked: digital, phone or partner."),
    Column("job_requested_at", _T, "When the member asked.", "UTC"),
    Column("job_decision_at", _T, "The instant of the decision, by the caller's clock.", "UTC"),
    Column("job_offers_so_far_count", _L, "Offers made for the job before the decision."),
    Column("job_declines_so_far_count", _L, "Of these, declined before the decision."),
    Column(
        "job_minutes_since_this_provider_declined",
        _D,
        "Since the provider last declined this job; null if it never did.",
        "min",
    ),
)
"""The request source `request`. Each name starts with job_, so that none is a join key (Feast #6790)."""


@dataclass(frozen=True)
class OnDemandView:
    """An on-demand view: what its features mean and what they are made of.

    Attributes:
        inputs: `view.feature` of a stored view, or a field of the request.
        outputs: its features.
        null: when a feature of it is null.
    """

    name: str
    meaning: str
    inputs: tuple[str, ...]
    outputs: tuple[Column, ...]
    null: str

    @property
    def needs_request(self) -> bool:
        """Whether a reader has to state a request."""
        return any(name.startswith("job_") for name in self.inputs if "." not in name)


ON_DEMAND = (
    OnDemandView(
        "request_time",
        "The decision's local time.",
        ("job_decision_at", "job_timezone"),
        (
            Column("local_hour_of_day", _L, "Hour of the local day, 0 to 23.", "h"),
            Column("local_day_of_week", _L, "Local day of the week, 0 Monday to 6 Sunday."),
            Column("is_weekend", _B, "Local Saturday or Sunday."),
            Column("is_night", _B, "Local hour from 22 to 5."),
            Column("is_holiday", _B, "A US federal holiday, on its own day or the one it is observed on."),
        ),
        null="no moment, no time zone, or a name that is no time zone",
    ),
    OnDemandView(
        "trip_geometry",
        "The provider's available drivers around the job (those whose truck tows if the job needs a "
        "tow), and its site.",
        (
            "provider_fleet_15m.available_latitude",
            "provider_fleet_15m.available_longitude",
            "provider_fleet_15m.available_fix_at",
            "provider_fleet_15m.available_is_tow",
            "provider_profile_1d.site_latitude",
            "provider_profile_1d.site_longitude",
            "job_latitude",
            "job_longitude",
            "job_needs_tow",
            "job_decision_at",
        ),
        (
            Column("nearest_available_driver_km", _D, "Great circle to the nearest of them.", "km"),
            Column("second_available_driver_km", _D, "Great circle to the second nearest of them.", "km"),
            Column("available_within_10km_count", _L, "How many of them are within 10 km."),
            Column("nearest_fix_age_minutes", _D, "Age of the nearest one's fix at the decision.", "min"),
            Column("site_to_job_km", _D, "Great circle from the provider's site.", "km"),
        ),
        null="no tracked driver in 24 h, or no place given; a distance also without (two) such drivers; "
        "site_to_job_km: no driver stood available in 28 days",
    ),
    OnDemandView(
        "supply_pressure",
        "Demand over supply within four cells of the incident.",
        (
            "zone_supply_15m.ring4_available_drivers_count",
            "zone_demand_15m.ring4_requests_60m_count",
            "zone_demand_15m.ring4_open_unassigned_count",
        ),
        (
            Column(
                "requests_per_available_driver_ring4",
                _D,
                "Requests of the last 60 minutes over available drivers.",
            ),
            Column("unassigned_per_available_driver_ring4", _D, "Waiting requests over available drivers."),
        ),
        null="no available driver, or the zone has no demand or no supply row",
    ),
    OnDemandView(
        "equipment_fit",
        "Whether the provider can do the job, as far as is known.",
        (
            "provider_fleet_15m.tow_drivers_available_count",
            "provider_profile_1d.service_types",
            "provider_profile_1d.is_tow_capable",
            "job_needs_tow",
            "job_service_type",
        ),
        (
            Column(
                "is_equipment_match",
                _B,
                "No tow is needed, or a driver whose truck tows is available; of a provider that is not "
                "tracked, that it tows.",
            ),
            Column("is_service_proven", _B, "The provider completed a job of the service in 90 days."),
        ),
        null="is_equipment_match: nobody said whether a tow is needed, or it is and the provider has no row; "
        "is_service_proven: no service named (a provider without a row is not proven)",
    ),
    OnDemandView(
        "job_shape",
        "The job so far.",
        (
            "job_requested_at",
            "job_decision_at",
            "job_tow_leg_km",
            "job_offers_so_far_count",
            "job_declines_so_far_count",
            "job_minutes_since_this_provider_declined",
        ),
        (
            Column("minutes_since_requested", _D, "From the request to the decision.", "min"),
            Column("tow_leg_km", _D, "From the incident to the drop.", "km"),
            Column("offers_so_far_count", _L, "Offers made for the job before the decision."),
            Column("declines_so_far_count", _L, "Of these, declined before the decision."),
            Column(
                "this_provider_declined_minutes_ago", _D, "Since the provider last declined the job.", "min"
            ),
        ),
        null="the request does not say",
    ),
    OnDemandView(
        "promise_context",
        "The promise that stands, at the decision.",
        (
            "job_state_15m.promised_arrival_at",
            "area_service_1d.arrival_minutes_p50_28d",
            "job_decision_at",
        ),
        (
            Column("promised_minutes_remaining", _D, "Until the promised arrival; negative if over.", "min"),
            Column(
                "promise_minus_typical_minutes",
                _D,
                "Of these, more than the area's median from acceptance to arrival for the service.",
                "min",
            ),
        ),
        null="no promise known at the tick, no decision, or no arrival in the area in 28 days",
    ),
    OnDemandView(
        "assigned_driver_trip",
        "Where the assigned driver is, seen from the job.",
        (
            "driver_state_15m.last_fix_latitude",
            "driver_state_15m.last_fix_longitude",
            "driver_state_15m.last_fix_at",
            "job_latitude",
            "job_longitude",
            "job_decision_at",
        ),
        (
            Column("assigned_driver_km", _D, "Great circle from the driver's last fix to the job.", "km"),
            Column("assigned_driver_fix_age_minutes", _D, "Age of that fix at the decision.", "min"),
        ),
        null="no driver assigned, off duty or without a fix",
    ),
)
"""All of them. What needs provider_profile_1d waits for it: site_to_job_km, and declared services."""
