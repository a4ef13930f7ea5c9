"""Naive oracle, part 26: the providers that a rule, by what was known at the decision, would consider."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import inf

from support.oracle_requests import Place, km_between
from support.oracle_rows import Row, served_row
from support.oracle_silver import Silver
from support.oracle_states import Job, area_of, zone_of
from support.oracle_views import VIEWS

MOST_CANDIDATES = 50
NEAR_KM, NEAR_KM_WHERE_SPARSE = 25.0, 50.0
SPARSE_BELOW = 5


@dataclass(frozen=True)
class Question:
    """A job at a decision, as stated by it: who could be asked?"""

    silver: Silver
    decision_at: datetime
    place: Place | None
    area_id: str | None
    service_type: str | None

    @property
    def needs_tow(self) -> bool:
        """Only a truck that tows will do; a service nobody stated asks for none."""
        return self.service_type == "tow"

    def served(self, view_name: str, *key: str | None) -> Row:
        """The feature row that a reader at the decision would have had; empty without one."""
        parts = tuple(part for part in key if part is not None)
        if len(parts) < len(key):
            return {}
        entity = parts[0] if len(parts) == 1 else parts
        return served_row(self.silver, VIEWS[view_name], entity, self.decision_at) or {}


def question(silver: Silver, job: Job, decision_at: datetime) -> Question:
    """The job as stated by the decision."""
    place = job.place(decision_at)
    area_id = area_of(zone_of(place))
    return Question(silver, decision_at, place, area_id, job.fact("service_type", decision_at))


def candidates(asked: Question, most: int = MOST_CANDIDATES) -> list[str]:
    """Providers with territory, capability and somebody on duty; the nearest of them, in order."""
    everybody = providers_named(asked.silver)
    at_home = {each for each in everybody if has_worked_there(asked, each)}
    near_km = NEAR_KM_WHERE_SPARSE if len(at_home) < SPARSE_BELOW else NEAR_KM
    found = [
        each
        for each in everybody
        if (each in at_home or is_near(asked, each, near_km))
        and is_capable(asked, each)
        and is_on_duty(asked, each)
    ]
    return sorted(found, key=lambda each: (distance_km(asked, each), each))[:most]


def providers_named(silver: Silver) -> list[str]:
    """Every provider of whom anything ever landed, known by then or not."""
    records = [*silver.dispatch_events, *silver.provider_status]
    return sorted({each.data["provider_id"] for each in records if each.data.get("provider_id")})


def has_worked_there(asked: Question, provider_id: str) -> bool:
    """Territory: it was offered a job in the area."""
    return is_positive(asked.served("provider_area_1d", provider_id, asked.area_id), "offers_90d_count")


def is_near(asked: Question, provider_id: str, near_km: float) -> bool:
    """Territory: an available driver, whatever the truck, stands within so many km of the job."""
    nearest = nearest_driver_km(asked, provider_id, tow_only=False)
    return nearest is not None and nearest <= near_km


def nearest_driver_km(asked: Question, provider_id: str, tow_only: bool) -> float | None:
    """From the job to the nearest available driver (with a truck that tows); null without one."""
    fleet = asked.served("provider_fleet_15m", provider_id)
    drivers = zip(
        fleet.get("available_latitude") or (),
        fleet.get("available_longitude") or (),
        fleet.get("available_is_tow") or (),
        strict=True,
    )
    places = [(latitude, longitude) for latitude, longitude, tows in drivers if tows or not tow_only]
    if asked.place is None:
        return None
    return min((km_between(asked.place, each) for each in places), default=None)


def is_capable(asked: Question, provider_id: str) -> bool:
    """It finished such a job, or its equipment would do."""
    done = asked.served("provider_service_1d", provider_id, asked.service_type)
    if is_positive(done, "completed_90d_count"):
        return True
    needs_none = asked.service_type is not None and not asked.needs_tow
    return needs_none or asked.served("provider_profile_1d", provider_id).get("is_tow_capable") is True


def is_on_duty(asked: Question, provider_id: str) -> bool:
    """A driver is on duty; or nobody can know, and it was asked something in 24 hours."""
    fleet = asked.served("provider_fleet_15m", provider_id)
    if is_positive(fleet, "drivers_on_duty_count"):
        return True
    is_tracked = fleet.get("is_location_tracked") is True
    activity = asked.served("provider_activity_15m", provider_id)
    return not is_tracked and is_positive(activity, "offers_24h_count")


def distance_km(asked: Question, provider_id: str) -> float:
    """To the nearest available driver that would do, else to the provider's site, else no end."""
    nearest = nearest_driver_km(asked, provider_id, tow_only=asked.needs_tow)
    return next((km for km in (nearest, site_km(asked, provider_id)) if km is not None), inf)


def site_km(asked: Question, provider_id: str) -> float | None:
    """From the job to the provider's site; null where either is not known."""
    profile = asked.served("provider_profile_1d", provider_id)
    latitude, longitude = profile.get("site_latitude"), profile.get("site_longitude")
    if asked.place is None or latitude is None or longitude is None:
        return None
    return km_between(asked.place, (latitude, longitude))


def is_positive(row: Row, name: str) -> bool:
    """Whether the count is there and not 0."""
    return (row.get(name) or 0) > 0
