"""What landed of a source, by day, from the ledger and the objects' names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingestion.register import register_landed
from lakehouse.landing_ledger import LandingLedger, ObjectOutcome, ObjectStatus
from lakehouse.ops import Ops
from lakehouse.settings import Settings
from roadside.graph import step_named
from roadside.home_volumes import volumes_of
from roadside.volumes import inputs_of
from simulation.landing import LandingWriter
from validation.clocks import Interval
from validation.sources import source_named

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
MIDNIGHT = NOON + timedelta(hours=12)
WITHIN = Interval(NOON - timedelta(days=2, hours=12), MIDNIGHT + timedelta(days=5))
PINGS = "landing.gps_pings"


def test_a_source_s_step_reads_what_landed() -> None:
    assert inputs_of(step_named("bronze.gps_pings")) == {PINGS: timedelta(0)}
    assert list(inputs_of(step_named("silver.gps_pings"))) == ["bronze.gps_pings"]


def test_landed_rows_are_told_by_how_many_lines_a_byte_held(settings: Settings, home: Path) -> None:
    """One object was read: four lines. The one that waits is as dense; a straggler joins no day."""
    writer, ledger = LandingWriter(home), LandingLedger(Ops(settings.ops_url))
    key = writer.write("gps_pings", NOON, "a", [{"n": n} for n in range(4)])
    size = (home / key).stat().st_size
    register_landed(settings, source_named("gps_pings"), MIDNIGHT)
    ledger.close("gps_pings", MIDNIGHT)
    ledger.record_outcome(ObjectOutcome(key, ObjectStatus.OK, 4, 4, 0, {}, size, 1))
    waiting = home / writer.write("gps_pings", MIDNIGHT + timedelta(hours=1), "b", [{"n": 1}])
    writer.write("gps_pings", NOON + timedelta(hours=1), "straggler", [{"n": 1}])
    volume = volumes_of(settings, WITHIN)
    read = volume(PINGS, Interval(MIDNIGHT - timedelta(days=1), MIDNIGHT))
    assert (read.rows, read.bytes, read.is_known) == (pytest.approx(4), size, True)
    later = volume(PINGS, Interval(MIDNIGHT, MIDNIGHT + timedelta(days=1)))
    waits = waiting.stat().st_size
    assert (later.rows, later.bytes) == (pytest.approx(4 * waits / size), waits)


def test_of_a_source_that_was_never_read_only_the_bytes_are_known(settings: Settings, home: Path) -> None:
    key = LandingWriter(home).write("gps_pings", NOON, "a", [{"n": 1}])
    settings.home.mkdir(exist_ok=True)
    told = volumes_of(settings, WITHIN)(PINGS, Interval(MIDNIGHT - timedelta(days=1), MIDNIGHT))
    assert (told.bytes, told.is_known) == ((home / key).stat().st_size, False)


def test_a_table_that_was_never_made_is_of_unknown_size(settings: Settings, home: Path) -> None:
    LandingWriter(home).write("gps_pings", NOON, "a", [{"n": 1}])
    day = Interval(MIDNIGHT - timedelta(days=1), MIDNIGHT)
    assert not volumes_of(settings, WITHIN)("silver.gps_pings", day).is_known
