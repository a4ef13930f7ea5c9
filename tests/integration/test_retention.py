"""The end of old rows and files in a real home: what is gone, what stays, and what nobody can make again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from lakehouse import landed_accounts
from lakehouse.branches import branch_of, fork
from lakehouse.leases import Leases
from lakehouse.object_store import delete_object
from lakehouse.settings import Settings
from lakehouse.table_upkeep import STRAYS_AFTER
from lakehouse.tables import Lakehouse, digests
from roadside import cli
from roadside.graph import step_named
from roadside.retention import Horizons, carry_out, names_of, planned
from roadside.runner import Runner
from roadside.table_maintenance import Maintenance
from roadside.unmade import unmade
from simulation.landing import LandingWriter
from validation.clocks import TICK, Interval
from validation.contracts import table_named
from validation.errors import UserError
from validation.retention import Retention

pytestmark = pytest.mark.slow(minutes=1)

SOURCE = "traffic_speeds"
BRONZE, SILVER = step_named(f"bronze.{SOURCE}"), step_named(f"silver.{SOURCE}")
TABLES = [*BRONZE.tables, *SILVER.tables]
OLD, NEW = datetime(2026, 1, 20, 10, tzinfo=UTC), datetime(2026, 3, 10, 10, tzinfo=UTC)
OLD_TICK, NEW_TICK = Interval(OLD, OLD + TICK), Interval(NEW, NEW + TICK)
NEW_DAY = Interval(datetime(2026, 3, 10, tzinfo=UTC), datetime(2026, 3, 11, tzinfo=UTC))


def reading(segment: str, at: datetime, **more: Any) -> dict[str, Any]:
    place = {"feed": "city", "segment_id": segment, "latitude": 43.6, "longitude": -116.2}
    return place | {"speed_kmh": 50, "free_flow_kmh": 60, "measured_at": at} | more


@dataclass
class Home:
    """Two days fifty days apart: two objects of the old one, with a line that was refused, one of the new."""

    settings: Settings
    runner: Runner
    root: Path
    answer: Callable[..., Any]

    def run(self, interval: Interval, *, force: bool = False) -> list[str]:
        done = self.runner.run(interval, [BRONZE, SILVER], force=force)
        return [each.status for each in done]

    def landed(self) -> set[str]:
        return {
            path.name.partition(".")[0].rpartition("-")[2] for path in (self.root / "landing").rglob("*.gz")
        }

    def stored(self) -> list[Path]:
        """Every data file in the folder of the tables, in force or not."""
        return sorted(Path(self.settings.warehouse_uri.removeprefix("file://")).rglob("*.parquet"))

    def days(self) -> set[str]:
        return {path.parent.name for path in self.stored()}

    def holding(self, text: str) -> list[Path]:
        return [path for path in self.stored() if text.encode() in path.read_bytes()]

    def digest_of_new(self) -> dict[str, str]:
        lakehouse = self.runner.lakehouse
        return {table.name: lakehouse.digest(table, NEW_DAY) for table in TABLES}

    def drop(self, horizons: Horizons) -> tuple[str, ...]:
        """The tables that lost days; tomorrow, when no reader of today is left."""
        plan = planned(self.settings, NEW_TICK.end, names_of(()), horizons)
        now = datetime.now(UTC) + timedelta(hours=25)
        maintenance = Maintenance(self.runner.lakehouse, self.runner.ops, lambda: now)
        done = carry_out(self.settings, plan, maintenance.drop, lambda: now)
        assert (plan.failed, done.failed) == ({}, {})
        return done.tables


@pytest.fixture
def home(
    spark: SparkSession,
    spark_settings: Settings,
    lakehouse: Lakehouse,  # dropped after the test
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Home:
    settings = replace(spark_settings, landing_uri=tmp_path.as_uri(), ops_url=f"sqlite:///{tmp_path}/ops.db")
    writer = LandingWriter(tmp_path)
    ahead = reading("S2", OLD + timedelta(hours=5))
    writer.write(SOURCE, OLD + timedelta(minutes=2), "old1", [reading("expired-segment", OLD), ahead])
    writer.write(SOURCE, OLD + timedelta(minutes=7), "old2", [])
    writer.write(SOURCE, NEW + timedelta(minutes=2), "new1", [reading("S1", NEW), reading("S3", NEW)])
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(Runner, "prepare", lambda runner: runner.lakehouse.create(*TABLES))

    def answer(line: str, code: int = 0) -> Any:
        capsys.readouterr()
        assert cli.main(line.split()) == code
        said = capsys.readouterr()
        return json.loads(said.out) if "--json" in line else said.out + said.err

    then = Runner(settings, spark, now=lambda: OLD)  # its refused line has been readable for fifty days
    made = Home(settings, then, tmp_path, answer)
    assert made.run(Interval(OLD, NEW_TICK.end)) == ["published", "published"]
    made.runner = Runner(settings, spark)
    writer.write(SOURCE, OLD + timedelta(minutes=12), "late", [reading("S4", OLD)])
    return made


def test_landed_objects_and_refused_lines_go_and_bronze_stays_what_it_was(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told, killed, done, done again; then bronze is asked for anew."""
    before, everything = digests(home.runner.lakehouse, [BRONZE.tables[0], *SILVER.tables]), home.landed()
    (told,) = [each for each in home.answer("retention --json")["landing"] if each["source"] == SOURCE]
    assert (told["objects"], told["before"]) == (2, "2026-02-03T00:00:00Z")
    assert told["kept"]["unregistered"]["objects"] == 1
    said = home.answer("retention")
    assert "no run has registered it" in said
    assert f"1 refused line of quarantine.{SOURCE} go unanswered" in said
    assert home.landed() == everything == {"old1", "old2", "new1", "late"}

    with monkeypatch.context() as patch:
        deletions = count()

        def killed(root: str, key: str) -> None:
            if next(deletions):
                raise KeyboardInterrupt
            delete_object(root, key)

        patch.setattr(landed_accounts, "delete_object", killed)
        home.answer("retention --execute", code=130)
    assert len(home.landed()) == 3
    assert home.run(OLD_TICK, force=True)[0] == "failed"  # what is marked is gone already

    done = home.answer("retention --execute --json")
    assert (sum(done["dropped"]["objects"].values()), done["dropped"]["tables"]) == (1, [BRONZE.writes[1]])
    assert done["files_of_dropped_days"] == {BRONZE.writes[1]: 1}
    assert home.landed() == {"new1", "late"}
    with Leases(home.runner.ops, lambda: datetime.now(UTC)).publishing(f"compaction of {BRONZE.writes[0]}"):
        said = home.answer("retention --execute", code=4)
    assert f"kept: {BRONZE.writes[0]}; the others are not kept back" in said
    assert f"compaction of {BRONZE.writes[0]}: " in said
    again = home.answer("retention --execute --json")
    assert (sum(again["dropped"]["objects"].values()), again["dropped"]["tables"]) == (0, [])
    assert home.runner.lakehouse.count(table_named(BRONZE.writes[1])) == 0

    (bronze, silver) = home.runner.run(OLD_TICK, [BRONZE, SILVER], force=True)
    assert (bronze.status, type(bronze.error), silver.status) == ("failed", UserError, "blocked")
    monkeypatch.setattr("roadside.runner.road_version", lambda: "other code")
    assert home.run(OLD_TICK) == ["skipped", "published"]
    monkeypatch.setattr("roadside.runner.road_version", lambda: "newer code")
    across = home.runner.backfill([Interval(OLD, NEW_TICK.end)], [BRONZE, SILVER], only_lacking=True)
    assert [(each.status, each.interval.start) for each in across] == [
        ("published", datetime(2026, 2, 3, tzinfo=UTC)),
        ("published", OLD),
    ]
    assert digests(home.runner.lakehouse, [BRONZE.tables[0], *SILVER.tables]) == before


def test_old_days_are_gone_with_their_files_and_what_is_kept_is_equal(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between rows and files, done, done again; then they are asked for anew."""

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    kept = home.digest_of_new()
    assert home.holding("expired-segment")
    shorter = Horizons(layers={"bronze": Retention(days=20), "silver": Retention(days=10)})
    with monkeypatch.context() as patch:
        patch.setattr(Maintenance, "_expire", killed)
        with pytest.raises(KeyboardInterrupt):
            home.drop(shorter)
    assert set(home.drop(shorter)) == {BRONZE.writes[1], *SILVER.writes}  # bronze had lost its rows before
    assert home.days() == {f"known_date={date(2026, 3, 10)}"}
    assert home.holding("expired-segment") == []
    assert home.digest_of_new() == kept
    assert home.drop(shorter) == ()

    assert unmade(home.settings, [BRONZE, SILVER], OLD_TICK) == ()
    assert f"silver.{SOURCE}: to be made" not in home.answer("status", code=1)
    for force in (False, True):
        (bronze, _) = home.runner.run(OLD_TICK, [BRONZE, SILVER], force=force)
        assert "is past its retention" in str(bronze.error)
    assert home.run(NEW_TICK, force=True) == ["published", "published"]
    assert home.digest_of_new() == kept


def test_compaction_removes_what_dead_runs_left_of_tables_that_no_retention_ends(home: Home) -> None:
    lakehouse, table = home.runner.lakehouse, TABLES[0]
    (beside, *_) = [path for path in home.stored() if f"/{table.short_name}/" in path.as_posix()]
    stray = beside.with_name("stray.parquet")
    stray.write_bytes(b"stray")
    fork(lakehouse.iceberg(table), branch_of("dead"), lakehouse.head(table))
    alive = home.runner.runs.begin(table.name, NEW_TICK, "code").run_id
    fork(lakehouse.iceberg(table), branch_of(alive), lakehouse.head(table))
    kept, now = home.digest_of_new(), datetime.now(UTC) + STRAYS_AFTER + timedelta(hours=1)
    Maintenance(lakehouse, home.runner.ops, lambda: now).compact(table, NEW.date())
    assert set(lakehouse.iceberg(table).refs().keySet()) == {"main", branch_of(alive)}
    assert not stray.exists()
    assert home.digest_of_new() == kept
