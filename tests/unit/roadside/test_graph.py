"""Which landing sources a step's values come from."""

from __future__ import annotations

import pytest

from roadside.graph import STEPS, sources_read, step_named
from validation.contracts import FEATURES

DISPATCH = ("dispatch_events",)
FLEET = ("gps_pings", "provider_status")
STREETS = ("gps_pings", "provider_status", "traffic_speeds")
SOURCES = {
    "area_dispatch_15m": ("dispatch_events", "gps_pings", "provider_status"),
    "area_hour_1d": ("dispatch_events", "gps_pings", "provider_status"),
    "area_service_1d": DISPATCH,
    "driver_state_15m": STREETS,
    "job_state_15m": DISPATCH,
    "market_dispatch_15m": ("dispatch_events", "gps_pings", "provider_status"),
    "program_dispatch_15m": DISPATCH,
    "provider_activity_15m": DISPATCH,
    "provider_area_1d": DISPATCH,
    "provider_fleet_15m": FLEET,
    "provider_performance_1d": ("dispatch_events", "gps_pings", "service_outcomes"),
    "provider_profile_1d": ("dispatch_events", "gps_pings", "provider_status"),
    "provider_service_1d": DISPATCH,
    "zone_demand_15m": DISPATCH,
    "zone_supply_15m": FLEET,
    "zone_traffic_15m": STREETS,
}


def test_every_view_has_its_sources_listed_here() -> None:
    assert set(SOURCES) == {table.short_name for table in FEATURES}


@pytest.mark.parametrize("view", SOURCES)
def test_a_view_comes_from_the_sources_of_all_it_reads(view: str) -> None:
    assert sources_read(step_named(f"features.{view}")) == SOURCES[view]


def test_a_source_step_reads_its_own_source() -> None:
    assert sources_read(step_named("bronze.gps_pings")) == ("gps_pings",)


@pytest.mark.parametrize("step", [step for step in STEPS if step.sources], ids=lambda step: step.name)
def test_fewer_sources_are_declared_only_of_those_that_are_read(step) -> None:
    read = {source for name in step.reads for source in sources_read(step_named(name))}
    assert set(step.sources) < read


def test_lifecycle_goes_on_where_nothing_landed() -> None:
    """What landed stamped ahead comes true in a later tick, in which there may be no new event."""
    assert not step_named("silver.lifecycle").rests


def test_a_record_known_again_beyond_the_horizon_is_another_row_of_its_table() -> None:
    """Or one chunk over both copies would break the key that each tick by itself keeps."""
    deduplicated = [step.tables[0] for step in STEPS if step.identity is not None]
    assert len(deduplicated) == 4
    assert all("known_at" in table.key for table in deduplicated)
