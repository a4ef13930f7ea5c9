"""What ran and all that is known of a run, told from ledgers made by hand."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from lakehouse.landing_ledger import LandingLedger
from lakehouse.object_store import LandedObject
from lakehouse.ops import Ops, runs
from lakehouse.quality_ledger import KeptFinding, QualityLedger
from lakehouse.releases import ReleaseKind, Releases
from lakehouse.run_ledger import Run, RunLedger
from lakehouse.sent_states import SentState, keep_sent
from lakehouse.settings import Settings
from roadside.run_account import Carried, LandedInput, account_of
from roadside.run_inputs import InputRead
from roadside.runner import road_version
from validation.clocks import Interval

WALL = datetime(2026, 11, 1, 9, tzinfo=UTC)
DAY = Interval(datetime(2026, 3, 10, tzinfo=UTC), datetime(2026, 3, 11, tzinfo=UTC))
TICK = Interval(datetime(2026, 3, 10, 17, tzinfo=UTC), datetime(2026, 3, 10, 17, 15, tzinfo=UTC))
BUSINESS_DAY = Interval(datetime(2026, 3, 10, 7, tzinfo=UTC), datetime(2026, 3, 11, 7, tzinfo=UTC))


class Home:
    """A platform whose clock is set by hand, in seconds after WALL."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.ops = Ops(settings.ops_url)
        self.second = 0.0
        self.runs = RunLedger(self.ops, self.clock)

    def clock(self) -> datetime:
        return WALL + timedelta(seconds=self.second)

    def begin(self, table: str, interval: Interval = DAY, at: float = 0, code: str = "c1") -> Run:
        self.second = at
        return self.runs.begin(table, interval, code)

    def publish(
        self, table: str, interval: Interval = DAY, *, began: float, ended: float,
        snapshot: int | None = 7, warnings: dict[str, int] | None = None, code: str = "c1",
    ) -> Run:  # fmt: skip
        run = self.begin(table, interval, began, code)
        self.second = ended
        return self.runs.finish(run.run_id, snapshot_id=snapshot, rows=1200, counts=warnings)

    def fail(self, table: str, interval: Interval = DAY, *, began: float, ended: float) -> Run:
        run = self.begin(table, interval, began)
        self.second = ended
        return self.runs.fail(run.run_id, "Defect")

    def release(self, table: str, snapshot: int, at: float) -> str:
        self.second = at
        releases = Releases(self.ops, self.clock)
        return releases.publish(ReleaseKind.TICK, DAY.end, DAY.end, {table: snapshot}).release_id


@pytest.fixture
def platform(settings: Settings) -> Home:
    return Home(settings)


def told(out: str, run_id: str) -> list[str]:
    """The words of the run's row."""
    return next(line.split() for line in out.splitlines() if line.strip().startswith(run_id))


def test_runs_are_listed_newest_first_with_how_they_ended(platform: Home, run: Callable) -> None:
    jobs = platform.publish("silver.jobs", began=0, ended=2.5, warnings={"has_request": 40})
    failed = platform.fail("silver.offers", TICK, began=60, ended=61)
    online = platform.publish("online.zone_demand_15m", TICK, began=120, ended=121, snapshot=None)
    going = platform.begin("bronze.gps_pings", TICK, at=180)
    answer = run("runs")
    assert answer.code == 0
    ids = [word for line in answer.out.splitlines() for word in line.split()[:1] if len(word) == 12]
    assert ids == [going.run_id, online.run_id, failed.run_id, jobs.run_id]
    day, tick = "2026-03-10T00:00Z", "2026-03-10T17:00Z"
    assert told(answer.out, jobs.run_id)[1:] == [
        "silver.jobs", day, "1d", "2026-11-01T09:00Z", "2.5", "1,200", "published,", "40", "warnings",
    ]  # fmt: skip
    assert told(answer.out, failed.run_id)[1:] == [
        "silver.offers", tick, "15min", "2026-11-01T09:01Z", "1.0", "-", "failed:", "Defect",
    ]  # fmt: skip
    assert told(answer.out, online.run_id)[5:] == ["1.0", "-", "published"], "Redis' rows are not counted"
    assert told(answer.out, going.run_id)[5:] == ["-", "-", "running"]


def test_runs_are_picked_by_table_status_known_time_and_beginning(platform: Home, run: Callable) -> None:
    jobs = platform.publish("silver.jobs", began=0, ended=1)
    failed = platform.fail("silver.jobs", TICK, began=60, ended=61)
    offers = platform.publish("silver.offers", TICK, began=120, ended=121)

    def ids(*words: str) -> list[str]:
        answer = run("runs", *words, "--json")
        assert answer.code == 0, answer.err
        return [each["run_id"] for each in json.loads(answer.out)]

    assert ids() == [offers.run_id, failed.run_id, jobs.run_id]
    assert ids("--table", "silver.jobs") == [failed.run_id, jobs.run_id]
    assert ids("--status", "failed", "--status", "running") == [failed.run_id]
    assert ids("--start", "2026-03-10T18:00Z", "--end", "2026-03-10T19:00Z") == [jobs.run_id]
    assert ids("--since", "2026-11-01T09:01Z") == [offers.run_id, failed.run_id]
    assert ids("--limit", "1") == [offers.run_id]
    assert "There are more than these 2;" in run("runs", "--limit", "2").out
    assert "There are more" not in run("runs", "--limit", "3").out
    assert run("runs", "--table", "silver.job_waits").out == "No run is like that.\n"


def test_a_run_in_json_has_all_that_the_ledger_keeps(platform: Home, run: Callable) -> None:
    made = platform.publish("silver.jobs", TICK, began=0, ended=2.5, warnings={"has_request": 40})
    assert json.loads(run("runs", "--json").out) == [
        {
            "run_id": made.run_id,
            "table": "silver.jobs",
            "start": "2026-03-10T17:00:00Z",
            "end": "2026-03-10T17:15:00Z",
            "status": "published",
            "code_version": "c1",
            "started_at": "2026-11-01T09:00:00Z",
            "finished_at": "2026-11-01T09:00:02.5Z",
            "seconds": 2.5,
            "snapshot_id": 7,
            "rows": 1200,
            "files": None,
            "size_bytes": None,
            "inputs": None,
            "revision": made.revision,
            "warnings": {"has_request": 40},
            "did": {},
            "error_kind": None,
            "host": made.process.host,
            "pid": os.getpid(),
        }
    ]


def test_a_table_or_run_that_is_not_there_is_told_with_what_is_near(platform: Home, run: Callable) -> None:
    made = platform.publish("silver.jobs", began=0, ended=1)
    platform.publish("silver.gone_since", began=2, ended=3)
    assert run("runs", "--table", "silver.job").err.splitlines()[1].startswith("Did you mean silver.jobs")
    assert run("runs", "--table", "silver.gone_since", "--json").code == 0
    near = run("runs", "show", f"{made.run_id[:-1]}x")
    assert near.code == 2
    assert near.err.splitlines()[1].startswith(f"Did you mean {made.run_id}")
    far = run("runs", "show", "zz")
    assert far.code == 2
    assert far.err.splitlines()[1] == "`roadside runs` lists the newest."


def test_an_input_is_told_with_its_snapshot_and_the_run_that_left_it(platform: Home, run: Callable) -> None:
    read = platform.publish("silver.dispatch_events", began=2, ended=3, snapshot=2**61)
    made = platform.begin("silver.jobs", TICK, at=4)
    platform.runs.read([made.run_id], {"silver.dispatch_events": 2**61})
    platform.publish("silver.dispatch_events", began=7, ended=8, snapshot=13)
    done = platform.runs.finish(made.run_id, snapshot_id=7, rows=1, files=2, size_bytes=9_000)
    account = account_of(platform.settings, done)
    assert account.step == "silver.lifecycle"
    assert account.read == (
        InputRead(
            "silver.dispatch_events",
            datetime(2026, 2, 18, 15, 45, tzinfo=UTC),  # 20 days, an hour and a tick behind the interval
            TICK.end,
            is_kept=True,
            snapshot_id=2**61,
            run_id=read.run_id,
        ),
    )
    told = run("runs", "show", made.run_id)
    assert f" {2**61} " in told.out
    assert "wrote     1 row, snapshot 7, 2 files of 9,000 bytes added" in told.out
    facts = json.loads(run("runs", "show", made.run_id, "--json").out)
    assert facts["inputs"] == {"silver.dispatch_events": 2**61}
    assert (facts["files"], facts["size_bytes"], facts["revision"]) == (2, 9_000, done.revision)


def test_what_is_not_kept_of_a_run_is_said(platform: Home, run: Callable) -> None:
    platform.publish("silver.dispatch_events", began=0, ended=1, snapshot=11)
    made = platform.publish("silver.jobs", TICK, began=3, ended=4)
    (read,) = account_of(platform.settings, made).read
    assert (read.table, read.is_kept, read.snapshot_id) == ("silver.dispatch_events", False, None)
    out = run("runs", "show", made.run_id).out
    assert "not kept" in out
    assert " 11 " not in out


def test_a_view_online_reads_its_features_and_a_source_its_landed_objects(platform: Home) -> None:
    platform.publish("features.zone_demand_15m", began=0, ended=1, snapshot=11)
    online = platform.publish("online.zone_demand_15m", TICK, began=2, ended=3, snapshot=None)
    (read,) = account_of(platform.settings, online).read
    assert (read.table, read.start, read.end) == ("features.zone_demand_15m", TICK.start, TICK.end)
    assert not read.is_kept, "Feast reads it"
    key = "landing/gps_pings/2026/03/10/17/gps_pings-2026-03-10-17-0{}-00-a.json.gz"
    objects = [LandedObject(key.format(n), TICK.start + timedelta(minutes=n), 100 + n) for n in (1, 2)]
    LandingLedger(platform.ops).register("gps_pings", objects, TICK.end)
    bronze = platform.publish("bronze.gps_pings", TICK, began=4, ended=5)
    assert account_of(platform.settings, bronze).landed == LandedInput("gps_pings", 2, 203)
    assert account_of(platform.settings, online).landed is None


def test_a_dataset_read_what_its_run_is_kept_with(platform: Home) -> None:
    inputs = {"silver.jobs": 5, "silver.assignments": None}
    made = platform.runs.begin("training.eta_v1", BUSINESS_DAY, "c1", inputs=inputs)
    assert account_of(platform.settings, made).read == (
        InputRead("silver.jobs", None, None, is_kept=True, snapshot_id=5),
        InputRead("silver.assignments", None, None, is_kept=True),
    )


def test_a_run_that_left_the_snapshot_that_was_there_wrote_nothing_new(platform: Home, run: Callable) -> None:
    first = platform.publish("silver.jobs", TICK, began=0, ended=1, snapshot=7)
    same = platform.publish("silver.jobs", TICK, began=2, ended=3, snapshot=7)
    assert not account_of(platform.settings, first).is_unchanged
    assert account_of(platform.settings, same).is_unchanged
    assert "wrote     1,200 rows, snapshot 7, which was there already" in run("runs", "show", same.run_id).out


def handle(
    platform: Home, table: str, interval: Interval = DAY, *, snapshot: int | None = None, **left: Any
) -> Run:
    run = platform.begin(table, interval)
    return platform.runs.finish(run.run_id, snapshot_id=snapshot, rows=left.pop("rows", None), **left)


def shown(run: Callable, made: Run) -> list[str]:
    return [line.strip() for line in run("runs", "show", made.run_id).out.splitlines()]


def test_a_publication_tells_what_was_sent_and_what_stands_there(platform: Home, run: Callable) -> None:
    sent = handle(platform, "s3.features.zone_demand_15m", snapshot=7, rows=1200, files=2, size_bytes=4096)
    told = shown(run, sent)
    assert told[0].startswith(f"{sent.run_id}  s3.features.zone_demand_15m")
    assert "sent      2 files of 4,096 bytes" in told
    assert "left      1,200 rows, snapshot 7" in told
    assert "again     roadside publish features.zone_demand_15m --to s3" in told
    (facts,) = json.loads(run("runs", "--table", "s3.features.zone_demand_15m", "--json").out)
    assert (facts["rows"], facts["files"], facts["size_bytes"]) == (1200, 2, 4096)


def test_a_publication_of_a_dataset_tells_which_state_was_sent(platform: Home, run: Callable) -> None:
    sent = handle(platform, "snowflake.training.eta_v1", rows=10, files=2, size_bytes=4096)
    keep_sent(platform.ops, sent.run_id, SentState("2026-03-10..2026-03-11, release 2", "9f" * 32))
    told = shown(run, sent)
    assert f"state     2026-03-10..2026-03-11, release 2; manifest {'9f' * 32}" in told
    assert not [line for line in told if line.startswith("read")], "no table at a snapshot that it had not"
    facts = json.loads(run("runs", "show", sent.run_id, "--json").out)
    assert facts["sent"] == {"release": "2026-03-10..2026-03-11, release 2", "digest": "9f" * 32}
    assert facts["inputs"] is None


def test_upkeep_tells_what_it_did_and_none_of_it_is_a_warning(platform: Home, run: Callable) -> None:
    counts = {"rows_dropped": 3000, "files_dropped": 4}
    dropped = handle(platform, "retention.silver.jobs", snapshot=9, counts=counts)
    told = shown(run, dropped)
    assert told[0].endswith("published")
    assert "did       rows dropped 3,000, files dropped 4" in told
    assert "left      snapshot 9" in told
    assert not [line for line in told if line.startswith(("warned", "wrote"))]
    (facts,) = json.loads(run("runs", "--table", "retention.silver.jobs", "--json").out)
    assert (facts["warnings"], facts["did"]) == ({}, counts)
    compacted = handle(platform, "compaction.silver.jobs", snapshot=9, files=1, size_bytes=10)
    assert "wrote     1 file of 10 bytes" in shown(run, compacted)


def test_rows_that_went_to_redis_are_not_counted(platform: Home, run: Callable) -> None:
    written = handle(platform, "online.zone_demand_15m", TICK)
    assert "wrote     rows that are not counted" in shown(run, written)
    failed = platform.fail("online.zone_demand_15m", TICK, began=4, ended=5)
    assert not [line for line in shown(run, failed) if line.startswith("wrote")]


def test_a_release_carries_the_run_in_its_snapshot_or_a_later_one(platform: Home) -> None:
    view = "features.zone_demand_15m"
    early = platform.publish(view, TICK, began=0, ended=1, snapshot=11)
    late = platform.publish(view, DAY, began=2, ended=3, snapshot=12)
    assert account_of(platform.settings, late).release is None
    release = platform.release(view, 12, at=5)
    platform.release(view, 13, at=9)
    at = WALL + timedelta(seconds=5)
    assert account_of(platform.settings, late).release == Carried(release, at, has_its_snapshot=True)
    assert account_of(platform.settings, early).release == Carried(release, at, has_its_snapshot=False)
    assert account_of(platform.settings, early).replaced_by == late.run_id
    failed = platform.fail(view, TICK, began=4, ended=4)
    assert account_of(platform.settings, failed).release is None


def test_a_failed_run_names_the_log_that_was_written_as_it_failed(platform: Home, run: Callable) -> None:
    failed = platform.fail("silver.jobs", TICK, began=0, ended=10)
    log = platform.settings.home / "logs" / "silver.lifecycle-20260310T1700.log"
    log.parent.mkdir(parents=True)
    log.write_text("Spark's own words")

    def found(second: float) -> Path | None:
        moment = (WALL + timedelta(seconds=second)).timestamp()
        os.utime(log, (moment, moment))
        return account_of(platform.settings, failed).log

    assert [found(second) for second in (9, 71)] == [None, None], "of another failure"
    assert found(10) == log
    out = run("runs", "show", failed.run_id).out
    assert "failed: Defect" in out.splitlines()[0]
    assert f"log       {log} (restricted: it may quote data)" in out
    assert "Spark's own words" not in out


def test_the_checks_that_stopped_a_run_are_told_with_where_to_answer(platform: Home, run: Callable) -> None:
    failed = platform.fail("bronze.gps_pings", TICK, began=0, ended=1)
    found = KeptFinding(
        "gps_pings", TICK.end, "null_speed_kmh", "", "fail", 9, 0.9, 0.1, "Speeds are missing.", failed.run_id
    )
    QualityLedger(platform.ops).record_findings("gps_pings", TICK, [found])
    lines = run("runs", "show", failed.run_id).out.splitlines()
    assert "  stopped   null_speed_kmh at 2026-03-10T17:15Z (stops): Speeds are missing." in lines
    assert f"            roadside quality list --run {failed.run_id}" in lines


def test_a_running_run_whose_process_is_gone_says_so(platform: Home, run: Callable) -> None:
    going = platform.begin("silver.jobs", TICK)
    assert "its process is gone" not in run("runs", "show", going.run_id).out
    with platform.ops.write() as connection:
        connection.execute(update(runs).values(process_started="an earlier boot"))
    out = run("runs", "show", going.run_id).out
    assert "ended     its process is gone; the next run of any table marks it as failed" in out


def test_whether_the_code_is_todays_is_told(platform: Home) -> None:
    old = platform.publish("silver.jobs", TICK, began=0, ended=1)
    new = platform.publish("silver.jobs", DAY, began=2, ended=3, code=road_version())
    assert account_of(platform.settings, old).is_todays_code is False
    assert account_of(platform.settings, new).is_todays_code is True
    other = platform.publish("training.eta_v1", DAY, began=4, ended=5)
    assert account_of(platform.settings, other).is_todays_code is None


@pytest.mark.parametrize(
    ("table", "interval", "command"),
    [
        (
            "silver.jobs",
            DAY,
            "roadside run --start 2026-03-10 --end 2026-03-11 --step silver.lifecycle --force",
        ),
        (
            "quarantine.gps_pings",
            TICK,
            "roadside run --start 2026-03-10T17:00Z --end 2026-03-10T17:15Z --step bronze.gps_pings --force",
        ),
        (
            "online.zone_demand_15m",
            TICK,
            "roadside materialize --view zone_demand_15m --until 2026-03-10T17:15Z --force",
        ),
        (
            "training.eta_v1",
            BUSINESS_DAY,
            "roadside dataset build eta_v1 --start 2026-03-10 --end 2026-03-11 --force",
        ),
        ("training.row_index", BUSINESS_DAY, None),
        (
            "compaction.silver.jobs",
            DAY,
            "roadside compact --table silver.jobs --before 2026-03-11",
        ),
    ],
)
def test_the_command_that_makes_a_run_again(
    platform: Home, table: str, interval: Interval, command: str | None
) -> None:
    made = platform.publish(table, interval, began=0, ended=1)
    assert account_of(platform.settings, made).again == command


def test_what_does_not_stand_is_made_again_without_force(platform: Home) -> None:
    failed = platform.fail("silver.jobs", TICK, began=0, ended=1)
    made = platform.publish("silver.offers", TICK, began=2, ended=3)
    platform.runs.supersede({"silver.offers": TICK})
    command = "roadside run --start 2026-03-10T17:00Z --end 2026-03-10T17:15Z --step silver.lifecycle"
    assert account_of(platform.settings, failed).again == command
    (outdated,) = (each for each in [platform.runs.last_run("silver.offers")] if each is not None)
    assert outdated.run_id == made.run_id
    assert account_of(platform.settings, outdated).again == command


def test_an_account_in_json_has_the_run_and_what_is_around_it(platform: Home, run: Callable) -> None:
    made = platform.publish("silver.jobs", TICK, began=0, ended=1)
    account = json.loads(run("runs", "show", made.run_id, "--json").out)
    assert account["run_id"] == made.run_id
    assert account["read"][0]["table"] == "silver.dispatch_events"
    assert {name: account[name] for name in ("step", "is_unchanged", "release", "replaced_by", "log")} == {
        "step": "silver.lifecycle",
        "is_unchanged": False,
        "release": None,
        "replaced_by": None,
        "log": None,
    }
