"""Which providers could have been asked: the candidate rule, over features as they could be read. Pure.

A provider is a candidate when it serves the place, can do the job, and is on duty; a rule of what the
platform knew at the decision, so that nobody is added for having been asked (DOMAIN 4). How many of those
asked the rule finds is measured before they are added.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

REFERENCES = (
    "provider_area_1d:offers_90d_count",
    "provider_service_1d:completed_90d_count",
    "provider_profile_1d:is_tow_capable",
    "provider_profile_1d:site_latitude",
    "provider_profile_1d:site_longitude",
    "provider_fleet_15m:drivers_on_duty_count",
    "provider_fleet_15m:is_location_tracked",
    "provider_fleet_15m:available_latitude",
    "provider_fleet_15m:available_longitude",
    "provider_fleet_15m:available_is_tow",
    "provider_activity_15m:offers_24h_count",
)
"""What the rule reads, as Feast is asked for it."""

NEAR_KM, NEAR_KM_WHERE_SPARSE = 25.0, 50.0
SPARSE_BELOW = 5
"""Providers with territory: with fewer an area is sparse."""
MOST_CANDIDATES = 50
EARTH_RADIUS_KM = 6371.0088


def candidates(pairs: pd.DataFrame, most: int = MOST_CANDIDATES) -> pd.DataFrame:
    """The pairs that the rule names: round_key and provider_id, at most `most` a round.

    Args:
        pairs: every pair of a round and a provider that might be one; round_key, provider_id,
            job_latitude, job_longitude, job_needs_tow, service_type, and REFERENCES by full name.

    A provider serves the place if it was offered a job in the area in 90 days, or a driver of it stands
    available within 25 km; 50 km where fewer than five have territory. It can do the job if it completed
    one of the service in 90 days, or its equipment fits. On duty is a driver not offline, or, of a
    provider that is not tracked, an offer in 24 hours. The nearest are kept: by the nearest available
    driver whose truck will do, else by the site, else last; then by provider_id.
    """
    needs_tow = _is(pairs["job_needs_tow"])
    has_territory = _number(pairs, "provider_area_1d__offers_90d_count") > 0
    of_round = pairs["round_key"]
    territories = has_territory.groupby(of_round).transform("sum")
    near = np.where(territories < SPARSE_BELOW, NEAR_KM_WHERE_SPARSE, NEAR_KM)
    any_driver, fit_driver = _nearest_driver_km(pairs, needs_tow)
    serves = has_territory | (any_driver <= near)
    fits = (pairs["service_type"].notna() & ~needs_tow) | _is(pairs["provider_profile_1d__is_tow_capable"])
    can = (_number(pairs, "provider_service_1d__completed_90d_count") > 0) | fits
    is_tracked = _is(pairs["provider_fleet_15m__is_location_tracked"])
    on_duty = (_number(pairs, "provider_fleet_15m__drivers_on_duty_count") > 0) | (
        ~is_tracked & (_number(pairs, "provider_activity_15m__offers_24h_count") > 0)
    )
    site = _km(
        pairs["job_latitude"],
        pairs["job_longitude"],
        pairs["provider_profile_1d__site_latitude"],
        pairs["provider_profile_1d__site_longitude"],
    )
    by_site = np.isinf(fit_driver)
    named = pairs.assign(by_site=by_site, km=np.where(by_site, site, fit_driver))[serves & can & on_duty]
    named = named.sort_values(["round_key", "by_site", "km", "provider_id"], na_position="last")
    return named.groupby("round_key", sort=False).head(most)[["round_key", "provider_id"]]


def _nearest_driver_km(pairs: pd.DataFrame, needs_tow: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Great circles from the job to the nearest available driver: any, and one whose truck will do."""
    arrays: Iterable[tuple[object, ...]] = zip(
        pairs["job_latitude"],
        pairs["job_longitude"],
        pairs["provider_fleet_15m__available_latitude"],
        pairs["provider_fleet_15m__available_longitude"],
        pairs["provider_fleet_15m__available_is_tow"],
        needs_tow,
        strict=True,
    )
    nearest = np.full((len(pairs), 2), np.inf)
    for place, (latitude, longitude, latitudes, longitudes, tows, tow_only) in enumerate(arrays):
        if latitudes is None or not np.ndim(latitudes) or not len(latitudes) or pd.isna(latitude):  # type: ignore[call-overload,arg-type]
            continue
        km = _km(latitude, longitude, np.asarray(latitudes, float), np.asarray(longitudes, float))
        will_do = np.asarray(tows, bool) if tow_only else np.ones(len(km), bool)
        nearest[place] = km.min(), km[will_do].min(initial=np.inf)
    return nearest[:, 0], nearest[:, 1]


def _km(latitude: object, longitude: object, latitudes: object, longitudes: object) -> np.ndarray:
    """Great circles on the mean sphere, by the haversine formula; NaN where a place is not known."""
    here, east, there, east_there = (
        np.radians(np.asarray(each, dtype="float64")) for each in (latitude, longitude, latitudes, longitudes)
    )
    chord = (
        np.sin((there - here) / 2) ** 2 + np.cos(here) * np.cos(there) * np.sin((east_there - east) / 2) ** 2
    )
    return np.asarray(2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(chord)))


def _number(pairs: pd.DataFrame, name: str) -> pd.Series:
    return pd.to_numeric(pairs[name]).astype("float64").fillna(0.0)


def _is(values: pd.Series) -> pd.Series:
    return values.astype("boolean").fillna(False).astype(bool)
