"""Naive oracle, part 8: what each driver is doing and where, and driver_state_15m."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from support.oracle_fixes import Fix
from support.oracle_records import TICK, Landed
from support.oracle_silver import Silver
from support.oracle_traffic import speed_ratio
from support.oracle_windows import DAY, HOUR, Window, known_of, last, within

TOWS = {"flatbed", "wheel_lift", "tow"}
BUSY = {"en_route", "on_job"}
SILENT_AFTER = timedelta(minutes=15)


@dataclass(frozen=True)
class DriverState:
    """A driver at a tick: the basis of the views about drivers, fleets, zones and areas."""

    driver_id: str  # the token
    provider_id: str
    truck_id: str | None
    duty_status: str
    active_job_count: int | None
    is_tow_capable: bool | None
    duty_status_since_at: datetime
    on_duty_since_at: datetime | None
    last_fix: Fix | None
    is_silent: bool
    on_duty_seconds: int
    busy_seconds: int

    @property
    def is_on_duty(self) -> bool:
        """Not offline."""
        return self.duty_status != "offline"

    @property
    def is_available(self) -> bool:
        """Waiting for a job."""
        return self.duty_status == "available"

    @property
    def last_zone_id(self) -> str | None:
        """H3 r7 cell of the last fix."""
        return self.last_fix.zone_id if self.last_fix else None


def driver_states(silver: Silver, tick: datetime, corrected: bool = False) -> dict[str, DriverState]:
    """The state of every driver that has one, by token."""

    def states() -> dict[str, DriverState]:
        found = (driver_state(silver, driver_id, tick, corrected) for driver_id in silver.statuses_of_driver)
        return {each.driver_id: each for each in found if each is not None}

    return silver.once(("driver states", tick, corrected), states)


def driver_state(silver: Silver, driver_id: str, tick: datetime, corrected: bool) -> DriverState | None:
    """The driver's state by its statuses of the 24 hours before the tick; None without any."""
    of_driver = silver.statuses_of_driver.get(driver_id, [])
    statuses = known_of(within(of_driver, last(DAY, tick)), tick, corrected)
    if not statuses:
        return None
    newest = statuses[-1].data
    since = trailing_run_start(statuses, lambda status: status == newest["status"])
    on_duty_since = trailing_run_start(statuses, lambda status: status != "offline")
    fix = last_fix(silver, driver_id, on_duty_since, tick, corrected)
    is_seen = fix is not None and fix.event_timestamp >= tick - SILENT_AFTER
    return DriverState(
        driver_id=driver_id,
        provider_id=newest["provider_id"],
        truck_id=newest.get("truck_id"),
        duty_status=newest["status"],
        active_job_count=newest.get("active_job_count"),
        is_tow_capable=is_tow_capable(statuses),
        duty_status_since_at=since,
        on_duty_since_at=on_duty_since,
        last_fix=fix,
        is_silent=newest["status"] != "offline" and not is_seen,
        on_duty_seconds=seconds_in(statuses, last(HOUR, tick), lambda status: status != "offline"),
        busy_seconds=seconds_in(statuses, last(HOUR, tick), lambda status: status in BUSY),
    )


def trailing_run_start(statuses: Sequence[Landed], belongs: Callable[[str], bool]) -> datetime | None:
    """When the run of statuses that belong, at the end of them all, began; None if the last does not."""
    start = None
    for status in reversed(statuses):
        if not belongs(status.data["status"]):
            break
        start = status.event_timestamp
    return start


def is_tow_capable(statuses: Sequence[Landed]) -> bool | None:
    """Whether the equipment last declared tows; None if none was."""
    for status in reversed(statuses):
        if status.data.get("equipment") is not None:
            return bool(TOWS & set(status.data["equipment"]))
    return None


def last_fix(
    silver: Silver, driver_id: str, on_duty_since: datetime | None, tick: datetime, corrected: bool
) -> Fix | None:
    """The greatest plausible fix since the driver is on duty; None off duty."""
    if on_duty_since is None:
        return None
    fixes = within(silver.fixes_of_driver.get(driver_id, []), Window(on_duty_since, tick))
    seen = known_of(fixes, tick, corrected)
    return seen[-1] if seen else None


def seconds_in(statuses: Sequence[Landed], window: Window, belongs: Callable[[str], bool]) -> int:
    """Whole seconds of the window in which the status in force belongs."""
    total = timedelta(0)
    ends = [*(each.event_timestamp for each in statuses[1:]), window.end]
    for status, end in zip(statuses, ends, strict=True):
        start = max(status.event_timestamp, window.start)
        if belongs(status.data["status"]) and end > start:
            total += end - start
    return total // timedelta(seconds=1)


def driver_state_15m(silver: Silver, driver_id: str, tick: datetime, corrected: bool = False) -> dict | None:
    """Every feature of the driver (its token) at the tick; None when it is not live."""
    state = driver_states(silver, tick, corrected).get(driver_id)
    if state is None:
        return None
    fix = state.last_fix
    latitude, longitude = fix.shown_place if fix else (None, None)
    ratio = speed_ratio(silver, {fix.zone_id}, last(TICK, tick), tick, corrected) if fix else None
    return {
        "tick_at": tick,
        "provider_id": state.provider_id,
        "truck_id": state.truck_id,
        "duty_status": state.duty_status,
        "duty_status_since_at": state.duty_status_since_at,
        "on_duty_since_at": state.on_duty_since_at,
        "active_job_count": state.active_job_count,
        "is_tow_capable": state.is_tow_capable,
        "last_fix_at": fix.event_timestamp if fix else None,
        "last_fix_latitude": latitude,
        "last_fix_longitude": longitude,
        "last_zone_id": state.last_zone_id,
        "last_fix_accuracy_m": fix.accuracy_m if fix else None,
        "last_speed_kmh": fix.speed_kmh if fix else None,
        "zone_speed_ratio_15m": ratio,
    }
