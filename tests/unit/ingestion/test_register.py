from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingestion.register import register_landed
from lakehouse.landing_ledger import LandingLedger
from lakehouse.ops import Ops
from lakehouse.settings import Settings, load_settings
from simulation.landing import LandingWriter
from validation.errors import InputMissing, UserError
from validation.sources import GPS_PINGS

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOUR, TICK = timedelta(hours=1), timedelta(minutes=15)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"ROADSIDE_HOME": str(tmp_path)})


def land(settings: Settings, landed_at: datetime, object_id: str = "a") -> str:
    return LandingWriter(settings.home).write("gps_pings", landed_at, object_id, [])


def ledger(settings: Settings) -> LandingLedger:
    return LandingLedger(Ops(settings.ops_url))


def test_first_registration_takes_all_history_and_the_next_only_what_is_new(settings: Settings) -> None:
    old, new = land(settings, NOON - 400 * 24 * HOUR), land(settings, NOON - HOUR)
    assert [entry.key for entry in register_landed(settings, GPS_PINGS, NOON).entries] == [old, new]
    assert register_landed(settings, GPS_PINGS, NOON).entries == ()


def test_object_stamped_at_or_after_until_waits(settings: Settings) -> None:
    key = land(settings, NOON)
    assert register_landed(settings, GPS_PINGS, NOON).entries == ()
    assert [entry.key for entry in register_landed(settings, GPS_PINGS, NOON + TICK).entries] == [key]


def test_straggler_is_known_at_the_first_tick_not_yet_closed(settings: Settings) -> None:
    ledger(settings).close("gps_pings", NOON)
    land(settings, NOON - 47 * HOUR)
    (entry,) = register_landed(settings, GPS_PINGS, NOON + TICK).entries
    assert entry.known_at == NOON + TICK


def test_listing_goes_back_48_hours_behind_the_last_closed_tick(settings: Settings) -> None:
    ledger(settings).close("gps_pings", NOON)
    key = land(settings, NOON - 49 * HOUR)
    assert register_landed(settings, GPS_PINGS, NOON + TICK).entries == ()
    found = register_landed(settings, GPS_PINGS, NOON + TICK, look_back=72 * HOUR)
    assert [(entry.key, entry.known_at) for entry in found.entries] == [(key, NOON + TICK)]


def test_archive_is_known_at_its_own_tick(settings: Settings) -> None:
    ledger(settings).close("gps_pings", NOON)
    land(settings, NOON - 1000 * HOUR)
    (entry,) = register_landed(settings, GPS_PINGS, NOON, archive=True).entries
    assert entry.known_at == NOON - 1000 * HOUR + TICK
    land(settings, NOON - 1000 * HOUR, "b")
    with pytest.raises(UserError, match="already holds 1 other object"):
        register_landed(settings, GPS_PINGS, NOON, archive=True)


def test_misnamed_things_are_reported_and_never_registered(settings: Settings) -> None:
    folder = (settings.home / land(settings, NOON - HOUR)).parent
    (folder / "notes.txt").write_text("hello")
    registered = register_landed(settings, GPS_PINGS, NOON)
    assert len(registered.entries) == 1
    assert [misnamed.key.rpartition("/")[2] for misnamed in registered.misnamed] == ["notes.txt"]


def test_landing_root_that_is_not_there_is_told(tmp_path: Path) -> None:
    settings = load_settings(
        {"ROADSIDE_HOME": str(tmp_path), "ROADSIDE_LANDING_URI": (tmp_path / "nowhere").as_uri()}
    )
    with pytest.raises(InputMissing, match="no folder of landed objects"):
        register_landed(settings, GPS_PINGS, NOON)
