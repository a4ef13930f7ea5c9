"""What has landed and no ledger knows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from ingestion import register
from lakehouse.landing_ledger import LandingLedger
from lakehouse.ops import Ops
from lakehouse.settings import Settings
from roadside import landed_backlog
from roadside.landed_backlog import Backlog, backlog, has_landing, newest_stamp
from roadside.standing import standing
from simulation.landing import LandingWriter
from validation.clocks import TICK
from validation.sources import source_named

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
PINGS = source_named("gps_pings")


def test_the_horizon_is_the_one_a_run_lists_by() -> None:
    assert landed_backlog.STRAGGLER_HORIZON == register.STRAGGLER_HORIZON


def test_without_a_ledger_everything_waits(settings: Settings, home: Path) -> None:
    assert not has_landing(settings)
    assert backlog(settings, None, PINGS) == Backlog()
    key = LandingWriter(home).write("gps_pings", NOON, "a", [])
    assert [each.key for each in backlog(settings, None, PINGS).waiting] == [key]
    assert backlog(settings, None, PINGS, until=NOON) == Backlog()


def test_a_name_that_tells_no_arrival_does_not_wait_and_is_told(settings: Settings, home: Path) -> None:
    key = LandingWriter(home).write("gps_pings", NOON, "a", [])
    stray = key.rpartition("/")[0] + "/gps_pings_20260310.json.gz"
    (home / stray).write_bytes((home / key).read_bytes())
    found = backlog(settings, None, PINGS)
    assert ([each.key for each in found.waiting], [each.key for each in found.misnamed]) == ([key], [stray])
    told = standing(settings).missing
    assert [text for text in told if stray in text and "never read" in text] == [told[1]]


def test_what_a_run_registered_waits_no_more(settings: Settings, home: Path) -> None:
    writer, ledger = LandingWriter(home), LandingLedger(Ops(settings.ops_url))
    writer.write("gps_pings", NOON, "a", [])
    register.register_landed(settings, PINGS, NOON + TICK)
    ledger.close("gps_pings", NOON + TICK)
    straggler = writer.write("gps_pings", NOON - timedelta(hours=47), "b", [])
    writer.write("gps_pings", NOON - timedelta(days=3), "too_old_to_be_found", [])
    assert [each.key for each in backlog(settings, ledger, PINGS).waiting] == [straggler]


def test_the_newest_stamp_is_of_what_the_producer_landed_until_then(settings: Settings, home: Path) -> None:
    assert newest_stamp(settings, "gps_pings", NOON - TICK, NOON) is None
    writer = LandingWriter(home)
    for stamp, name in (
        (NOON - 2 * TICK, "too_old"),
        (NOON - timedelta(minutes=3), "a"),
        (NOON - timedelta(minutes=1), "released_a1"),
        (NOON + timedelta(seconds=1), "after"),
    ):
        writer.write("gps_pings", stamp, name, [])
    assert newest_stamp(settings, "gps_pings", NOON - TICK, NOON) == NOON - timedelta(minutes=3)
    assert newest_stamp(settings, "gps_pings", NOON - timedelta(minutes=2), NOON) is None
    writer.write("gps_pings", NOON, "on_the_moment", [])
    assert newest_stamp(settings, "gps_pings", NOON - TICK, NOON) == NOON
