"""The data dictionary's features: every feature of every view, described once."""

from __future__ import annotations

from validation.contract import Column, Sensitivity, Type

_S, _L, _D, _B, _T = Type.STRING, Type.LONG, Type.DOUBLE, Type.BOOLEAN, Type.TIMESTAMP
_BUSINESS, _TOKEN, _PRECISE = Sensitivity.BUSINESS, Sensitivity.TOKEN, Sensitivity.PRECISE_LOCATION


def _counts(noun: str, meaning: str, *windows: str) -> tuple[Column, ...]:
    return tuple(Column(f"{noun}_{window}_count", _L, f"{meaning} ({window} window).") for window in windows)


PROVIDER_ACTIVITY = (
    *_counts("offers", "Offers made", "60m", "4h", "24h", "7d", "28d", "90d"),
    *_counts("accepts", "Offers accepted, by acceptance", "60m", "4h", "90d"),
    *_counts("declines", "Offers declined, by answer", "60m", "4h"),
    *_counts("expired", "Digital offers that lapsed", "4h"),
    *_counts("no_contact", "Phone offers nobody answered", "4h"),
    *(
        Column(
            f"offer_accept_ratio_{window}",
            _D,
            f"Accepted share of the offers made in the {window} window, withdrawn ones left out; "
            "null without support.",
            "ratio",
        )
        for window in ("4h", "24h", "7d", "28d", "90d")
    ),
    *_counts("gave_back", "Assignments the provider gave back", "60m", "24h"),
    Column("response_seconds_p50_24h", _L, "Median answer time of digital offers, bucket's upper edge.", "s"),
    Column("open_assignment_count", _L, "Accepted and not yet ended, at most 24 h old."),
    Column("open_tow_count", _L, "Open assignments that are tows."),
    Column("overdue_assignment_count", _L, "Open assignments past their first promise."),
    Column("last_offered_at", _T, "Latest offer in the view's longest window.", "UTC"),
    Column("last_accepted_at", _T, "Latest acceptance in 28 days.", "UTC"),
    Column("last_declined_at", _T, "Latest decline in 28 days.", "UTC"),
)

ZONE_DEMAND = (
    *_counts("requests", "Immediate roadside requests", "15m", "60m", "4h", "28d"),
    *_counts("tow_requests", "Immediate roadside tow requests in the zone", "60m"),
    *_counts("member_cancels", "Immediate roadside requests cancelled by the member, by cancel", "60m"),
    Column("open_unassigned_count", _L, "Requests waiting without a provider, at most 24 h."),
    *_counts("ring1_requests", "Requests in the zone and the cells around it", "60m"),
    *_counts("ring4_requests", "Requests within four cells", "60m"),
    Column("ring4_open_unassigned_count", _L, "Requests waiting without a provider within four cells."),
)

DRIVER_STATE = (
    Column("duty_status", _S, "Last status in 24 h: available, en_route, on_job, on_break or offline."),
    Column("duty_status_since_at", _T, "Since when it is the status, within 24 h.", "UTC"),
    Column("on_duty_since_at", _T, "Since when the driver is not offline, in 24 h; null if offline.", "UTC"),
    Column(
        "is_tow_capable",
        _B,
        "The truck's last declared equipment tows; of a provider: such a truck stood available in 28 days, "
        "or it completed a tow in 90.",
    ),
    Column("last_fix_at", _T, "Latest GPS fix taken on duty; of a provider, in 7 days.", "UTC"),
    Column("last_fix_latitude", _D, "Centre of the H3 r9 cell of that fix.", "degrees", _PRECISE),
    Column("last_fix_longitude", _D, "Centre of the H3 r9 cell of that fix.", "degrees", _PRECISE),
    Column("last_zone_id", _S, "H3 r7 cell of that fix."),
    Column("last_fix_accuracy_m", _D, "Radius of uncertainty of that fix.", "m"),
    Column("last_speed_kmh", _D, "Speed at that fix.", "km/h"),
    Column(
        "zone_speed_ratio_15m",
        _D,
        "speed_ratio_15m of the cell the driver is in, as known at the tick.",
        "ratio",
    ),
)

FLEET = (
    Column("drivers_on_duty_count", _L, "Drivers whose last status in 24 h is not offline."),
    Column("drivers_available_count", _L, "Drivers whose last status in 24 h is available."),
    Column("tow_drivers_available_count", _L, "Available drivers whose truck tows."),
    Column("drivers_on_job_count", _L, "Drivers whose last status in 24 h is on_job."),
    Column("drivers_silent_count", _L, "Drivers on duty without a fix in the last 15 minutes."),
    Column("on_duty_minutes_60m", _D, "Minutes its drivers were on duty in the last 60.", "min"),
    Column("busy_ratio_60m", _D, "Share of those minutes en route or on a job; null without any.", "ratio"),
    Column("is_location_tracked", _B, "A fix of one of its drivers in 7 days; false for a dead entity."),
    Column(
        "available_latitude",
        Type.DOUBLES,
        "Of the available drivers with a fix, newest fix first, at most 32: centre of its H3 r9 cell.",
        "degrees",
        _PRECISE,
    ),
    Column("available_longitude", Type.DOUBLES, "Likewise.", "degrees", _PRECISE),
    Column("available_fix_at", Type.TIMESTAMPS, "Likewise: when the fix was taken.", "UTC"),
    Column("available_is_tow", Type.BOOLEANS, "Likewise: whether the truck is declared to tow."),
)

ZONE_SUPPLY = (
    Column("available_drivers_count", _L, "Available drivers whose last fix on duty lies in the zone."),
    Column("ring1_available_drivers_count", _L, "The same, in the zone and the cells around it."),
    Column("ring4_available_drivers_count", _L, "The same, within four cells."),
    Column("ring4_tow_available_drivers_count", _L, "Available drivers with a tow truck within four cells."),
    Column("ring4_on_duty_drivers_count", _L, "Drivers on duty within four cells."),
    Column(
        "ring4_silent_drivers_count",
        _L,
        "Drivers on duty, silent for 15 minutes, last seen within four cells.",
    ),
    Column(
        "ring4_available_providers_count",
        _L,
        "Providers with an available driver within four cells.",
    ),
)

ZONE_TRAFFIC = (
    Column(
        "speed_ratio_15m",
        _D,
        "Measured over free-flow speed in the zone, weighted by samples (15m window); null without readings.",
        "ratio",
    ),
    Column("ring1_speed_ratio_30m", _D, "The same with the cells around it (30m window).", "ratio"),
    *_counts("readings", "Readings with a speed in the zone", "30m"),
    Column("last_reading_at", _T, "Start of the latest 15 minutes with a reading, in 24 h.", "UTC"),
    Column(
        "fleet_speed_kmh_p50_30m",
        _L,
        "Median speed of own trucks en route in the zone, bucket's upper edge (30m window).",
        "km/h",
    ),
    *_counts("fleet_pings", "Fixes with a speed of own trucks en route in the zone", "30m"),
)

AREA_DISPATCH = (
    *_counts("first_offers", "Offers that were their job's first", "60m"),
    Column("first_offer_accept_ratio_60m", _D, "Accepted share of those, withdrawn ones left out.", "ratio"),
    Column("offers_per_accept_60m", _D, "Offers made over acceptances; null without any."),
    *(
        Column(f"unassigned_over_{n}m_count", _L, f"Requests waiting for more than {n} minutes.")
        for n in (10, 20, 30)
    ),
    Column("unassigned_age_minutes_p90", _L, "90th percentile of the waits, bucket's upper edge.", "min"),
    *_counts("arrivals", "Arrivals, gone on arrival included", "60m", "4h", "28d"),
    *(
        Column(
            f"on_time_ratio_{window}",
            _D,
            f"Arrivals by the first promise, of those with one ({window}).",
            "ratio",
        )
        for window in ("60m", "4h")
    ),
    *(
        Column(
            f"arrival_minutes_p{percent}_{window}",
            _L,
            f"{meaning} minutes from acceptance to arrival, bucket's upper edge ({window} window).",
            "min",
        )
        for window, percent, meaning in (
            ("4h", 50, "Median"),
            ("4h", 90, "90th percentile of"),
            ("28d", 50, "Median"),
            ("28d", 90, "90th percentile of"),
            ("90d", 50, "Median"),
        )
    ),
    *(
        Column(
            f"arrival_minus_promise_minutes_p{percent}_{window}",
            _L,
            f"{meaning} minutes past the first promise, bucket's upper edge ({window} window).",
            "min",
        )
        for window, percent, meaning in (
            ("4h", 50, "Median"),
            ("28d", 50, "Median"),
            ("28d", 90, "90th percentile of"),
        )
    ),
    *_counts("goa", "Arrivals that found nobody, by arrival", "60m"),
)

JOB_STATE = (
    Column("offers_count", _L, "Offers made for the job so far."),
    Column("declines_count", _L, "Offers declined so far."),
    Column("assigned_driver_id", _S, "Token of the driver of the active assignment.", sensitivity=_TOKEN),
)

SERVICE_RECORD = (
    *_counts("completed", "Jobs completed or gone on arrival, by acceptance", "90d"),
    *(
        Column(
            f"on_scene_minutes_p50_{window}",
            _L,
            f"Median minutes from arrival to completion, bucket's upper edge ({window} window).",
            "min",
        )
        for window in ("28d", "90d")
    ),
    Column(
        "request_to_accept_minutes_p50_28d",
        _L,
        "Median minutes from request to first acceptance, bucket's upper edge.",
        "min",
    ),
    Column("offers_per_job_28d", _D, "Offers made over jobs requested; null without any."),
    Column("member_cancel_ratio_28d", _D, "Requests cancelled by the member, over requests.", "ratio"),
)

PROVIDER_PROFILE = (
    Column(
        "site_latitude",
        _D,
        "Centre of the H3 r7 cell where its drivers stood available longest in 28 days; null without any.",
        "degrees",
    ),
    Column("site_longitude", _D, "Likewise.", "degrees"),
    Column("service_types", Type.STRINGS, "Services it completed or found nobody at in 90 days, by name."),
    Column("is_digital", _B, "It was made an offer over the digital channel in 90 days."),
    Column("territory_areas_count", _L, "Areas it was made offers in, in 90 days."),
    Column(
        "tenure_days",
        _L,
        "Business days since its oldest offer of the last 90, so at most 89; null without an offer.",
        "d",
    ),
)

PROVIDER_PERFORMANCE = (
    Column("response_seconds_p50_28d", _L, "Median answer time of digital offers, bucket's upper edge.", "s"),
    *_counts("accepted", "Offers accepted, by acceptance", "28d"),
    Column("reassign_ratio_28d", _D, "Given back or taken back, over accepted.", "ratio"),
    Column(
        "completion_ratio_28d",
        _D,
        "Completed or gone on arrival, over accepted less member cancels.",
        "ratio",
    ),
    Column("on_time_ratio_28d", _D, "Arrivals by the first promise, over arrivals with one.", "ratio"),
    Column("goa_ratio_28d", _D, "Arrivals that found nobody, over arrivals.", "ratio"),
    Column("gps_evidenced_arrival_ratio_28d", _D, "Arrivals a ping bears out, over arrivals.", "ratio"),
    Column("nps_mean_90d", _D, "Mean likelihood to recommend of current claims.", "0-10"),
    *_counts("nps", "Current claims with an nps", "90d"),
    Column("billed_usd_mean_90d", _D, "Mean billed amount of current claims.", "USD", _BUSINESS),
    *_counts("billed", "Current claims with an amount", "90d"),
    Column(
        "billed_vs_area_ratio_90d",
        _D,
        "Billed by the provider, over what its jobs' areas bill on average.",
        "ratio",
        _BUSINESS,
    ),
)

AREA_HOUR = (
    Column(
        "requests_60m_vs_baseline_ratio",
        _D,
        "Requests of the 60 minutes over area_hour_1d's mean for the hour that holds their middle, as the "
        "last cut knew it; null where that is 0.",
        "ratio",
    ),
    Column("weeks_8w_count", _L, "How often the hour came in 8 weeks, on days that saw requests or drivers."),
    Column("requests_per_hour_mean_8w", _D, "Immediate roadside requests each time the hour came."),
    Column("drivers_available_mean_8w", _D, "Available drivers last seen in the area, at the hour's ticks."),
    Column(
        "offer_accept_ratio_8w",
        _D,
        "Accepted share of the offers made in the hour, withdrawn ones left out.",
        "ratio",
    ),
    Column(
        "arrival_minutes_p50_8w",
        _L,
        "Median minutes from acceptance to arrival, of arrivals in the hour, bucket's upper edge.",
        "min",
    ),
)

FEATURE_COLUMNS = (
    *PROVIDER_ACTIVITY,
    *ZONE_DEMAND,
    *DRIVER_STATE,
    *FLEET,
    *ZONE_SUPPLY,
    *ZONE_TRAFFIC,
    *AREA_DISPATCH,
    *JOB_STATE,
    *SERVICE_RECORD,
    *AREA_HOUR,
    *PROVIDER_PROFILE,
    *PROVIDER_PERFORMANCE,
)
"""All of them; entity keys and clocks stand in `validation.columns`."""
