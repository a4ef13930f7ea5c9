"""The gates before bronze and behind silver: a feed that breaks with its past stops, readers keep the last
good release, a person may accept it on record; what was refused before is published then, and nothing twice.
Bronze is silver and its copies, and a table with more dirt than usual says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from time import sleep
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from ingestion import quarantine
from ingestion.reasons import Reason
from lakehouse.catalog_reader import CatalogReader
from lakehouse.landing_ledger import LandingLedger, Refusal
from lakehouse.ops import Ops
from lakehouse.settings import Settings
from lakehouse.tables import Lakehouse
from roadside import cli
from roadside.graph import Step, step_named
from roadside.runner import Runner, StepResult
from simulation.landing import LandingWriter
from validation.clocks import TICK, Interval
from validation.contracts import table_named
from validation.errors import CheckFailed, UserError
from validation.sources import source_named

SOURCE = "dispatch_events"
STEPS = [step_named("bronze.dispatch_events"), step_named("silver.dispatch_events")]
LIFECYCLE = step_named("silver.lifecycle")
FIRST = datetime(2026, 3, 4, 18, tzinfo=UTC)
DAYS, REQUESTS = 4, 40
DAY = timedelta(days=1)
GATED = Interval(FIRST + DAYS * DAY, FIRST + DAYS * DAY + TICK)


def requests(start: datetime, day: int, **said: Any) -> list[dict[str, Any]]:
    return [
        {
            "event_id": f"{day}-{number}",
            "job_id": f"J{day}-{number}",
            "event_type": "requested",
            "event_timestamp": (start + timedelta(seconds=number)).isoformat(),
            "program_id": "G1",
            "service_type": "tow",
            "latitude": 43.6,
            "longitude": -116.2,
        }
        | said
        for number in range(REQUESTS)
    ]


@dataclass
class Home:
    runner: Runner
    lakehouse: Lakehouse
    writer: LandingWriter
    answer: Callable[..., Any]

    def run(self, interval: Interval, **how: Any) -> list[StepResult]:
        return self.runner.run(interval, STEPS, **how)

    def rows(self, table: str) -> int:
        return self.lakehouse.read(table_named(table)).count()


@pytest.fixture
def home(
    spark: SparkSession,
    spark_settings: Settings,
    lakehouse: Lakehouse,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Home:
    settings = replace(
        spark_settings, landing_uri=tmp_path.as_uri(), ops_url=f"sqlite:///{tmp_path}/ops.db", principal="ada"
    )
    writer = LandingWriter(tmp_path)
    for day in range(DAYS):
        start = FIRST + day * DAY
        writer.write(SOURCE, start + timedelta(minutes=5), f"o{day}", requests(start, day))
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)

    def answer(line: str, code: int = 0) -> Any:
        capsys.readouterr()
        assert cli.main(["quality", *line.split()]) == code
        said = capsys.readouterr()
        return json.loads(said.out) if "--json" in line else said.out + said.err

    home = Home(Runner(settings, spark, look_back=timedelta(days=9)), lakehouse, writer, answer)
    history = home.run(Interval(FIRST - timedelta(hours=1), GATED.start))
    assert [(each.status, each.error) for each in history] == [("published", None)] * 2
    return home


def test_a_feed_that_breaks_with_its_past_stops_until_a_person_accepts_it(home: Home) -> None:
    home.writer.write(
        SOURCE, GATED.start + timedelta(minutes=5), "bad", requests(GATED.start, DAYS, service_type=None)
    )
    for _ in range(2):  # again, it is stopped again
        bronze, silver = home.run(GATED)
        assert (bronze.status, silver.status) == ("failed", "blocked")
        assert isinstance(bronze.error, CheckFailed)
        assert home.rows("bronze.dispatch_events") == home.rows("silver.dispatch_events") == DAYS * REQUESTS
    told = str(bronze.error)
    assert "null_service_type: 100.0% of 40 rows are null, usually 0.0%." in told
    assert "null_service_type where program_id=G1: 100.0% of 40 rows are null" in told
    run_id = told.partition("roadside quality accept ")[2].split()[0]

    found = home.answer("list --json", code=1)
    assert {(each["check_name"], each["group_name"], each["stops"]) for each in found} == {
        ("null_service_type", "", True),
        ("null_service_type", "program_id=G1", True),
    }
    assert {each["run_id"] for each in found} == {run_id}
    assert "stops" in home.answer("list --stopping", code=1)
    assert "Say why" in home.answer(f"accept {run_id}", code=2)
    assert "No check stopped a run nobody" in home.answer("accept nobody --why x", code=2)
    home.answer(f"accept {run_id} --dry-run")
    assert home.run(GATED)[0].status == "failed"

    assert {each["run_id"] for each in home.answer("list --json", code=1)} == {run_id}  # the first's name
    assert len(home.answer(f"accept {run_id} --why agreed --json")["accepted"]) == 2
    assert "Nothing stops" in home.answer(f"accept {run_id} --why agreed")
    bronze, silver = home.run(GATED)
    assert (bronze.status, silver.status) == ("published", "published")
    assert bronze.warnings == {"bronze.dispatch_events.null_service_type": 2}
    assert home.rows("bronze.dispatch_events") == home.rows("silver.dispatch_events") == 5 * REQUESTS
    assert "accepted" in home.answer("list")
    assert {each["run_id"] for each in home.answer("list --json")} == {run_id}
    assert home.run(GATED)[0].status == "skipped"
    assert home.run(GATED, force=True)[0].status == "published"
    (reconciled,) = LandingLedger(Ops(home.runner.settings.ops_url)).reconcile([SOURCE])
    assert reconciled.is_balanced


def test_what_is_refused_is_quarantined_whole_until_it_lands_again(home: Home) -> None:
    def said(name: str, minute: int, **also: Any) -> str:
        events = [{**each, "event_id": f"{name}-{each['event_id']}"} for each in requests(GATED.start, DAYS)]
        lines = [{**each, **also} for each in events]
        return home.writer.write(SOURCE, GATED.start + timedelta(minutes=minute), f"{name}{minute}", lines)

    good = said("good", 4)
    bad = said("bad", 5, service_type=None)
    run_id = str(home.run(GATED)[0].error).partition("roadside quality refuse ")[2].split()[0]
    assert home.answer(f"refuse {run_id} --dry-run --json")["objects"] == [good, bad]
    assert "Say why" in home.answer(f"refuse {run_id}", code=2)
    assert "no object of dispatch_events" in home.answer(
        f"refuse {run_id} --why x --object landing/x", code=2
    )
    assert home.answer(f"refuse {run_id} --why wrong --object {bad} --json")["objects"] == [bad]

    bronze, silver = home.run(GATED)
    assert (bronze.status, silver.status) == ("published", "published")
    assert home.rows("silver.dispatch_events") == (DAYS + 1) * REQUESTS
    settings = home.runner.settings
    waiting = quarantine.waiting(settings, source_named(SOURCE), is_sealed_wanted=True)
    asked_for = quarantine.reviewed(settings, source_named(SOURCE), waiting, GATED.end)
    assert (len(asked_for.passing_lines), list(asked_for.staying)) == (REQUESTS, [])
    among_others = [replace(waiting[0], reason=Reason.AHEAD), *waiting[1:]]
    review = quarantine.reviewed(settings, source_named(SOURCE), among_others, GATED.end)
    assert (len(review.passing_lines), len(review.staying)) == (1, REQUESTS - 1)
    assert {(each.key, each.reason) for each in waiting} == {(bad, Reason.TURNED_AWAY)}
    assert len(waiting) == REQUESTS
    assert home.answer("list --stopping") == "Nothing was found.\n"
    assert "No check stops a run" in home.answer(f"refuse {run_id} --why again", code=2)

    said("bad", 20)
    bronze, silver = home.run(Interval(GATED.end, GATED.end + TICK))
    assert (bronze.status, silver.status) == ("published", "published")
    quarantine.settle(settings, source_named(SOURCE), waiting, GATED.end, "landed again")
    assert quarantine.waiting(settings, source_named(SOURCE)) == []
    assert home.rows("silver.dispatch_events") == (DAYS + 2) * REQUESTS
    ledger = LandingLedger(Ops(settings.ops_url))
    assert ledger.reconcile([SOURCE])[0].is_balanced
    with pytest.raises(UserError, match="1 of 2 objects are in bronze already"):
        ledger.refuse([Refusal(key, SOURCE, run_id, "ada", "late", GATED.end) for key in (bad, good)])


def test_one_day_alike_and_one_chunk_are_judged_alike(home: Home) -> None:
    home.writer.write(SOURCE, GATED.start + timedelta(minutes=5), "good", requests(GATED.start, DAYS))
    home.writer.write(
        SOURCE, GATED.start + DAY + timedelta(minutes=5), "bad", requests(GATED.start + DAY, 9, latitude=None)
    )
    bronze, _ = home.run(Interval(GATED.start, GATED.end + DAY))
    assert bronze.status == "failed"
    of_chunk = home.answer("list --json", code=1)
    assert home.run(GATED)[0].status == "published"
    assert home.run(Interval(GATED.end, GATED.end + DAY))[0].status == "failed"
    of_days = home.answer("list --json", code=1)
    for each in (*of_chunk, *of_days):
        each.pop("run_id")
    assert of_days == of_chunk
    assert {each["check_name"] for each in of_days} == {"null_zone_id"}


def test_a_feed_sent_twice_is_told_by_its_copies_and_published_once(home: Home) -> None:
    said = requests(GATED.start, DAYS)
    home.writer.write(SOURCE, GATED.start + timedelta(minutes=5), "one", said)
    home.writer.write(SOURCE, GATED.start + timedelta(minutes=10), "two", said)
    other = [{**each, "service_type": "lockout"} for each in said[:30]]
    home.writer.write(SOURCE, GATED.start + timedelta(minutes=12), "three", other)
    _, silver = home.run(GATED)
    assert silver.status == "published"
    assert silver.warnings == {
        "silver.dispatch_events.resent": 1,
        "silver.dispatch_events.conflicting": 1,
    }
    assert home.rows("silver.dispatch_events") == (DAYS + 1) * REQUESTS
    told = {each["check_name"]: each["text"] for each in home.answer("list --json")}
    assert told["resent"] == "resent: 36.4% of 110 landed rows, usually 0.0%."
    assert told["conflicting"] == "conflicting: 27.3% of 110 landed rows, usually 0.0%."


def test_a_row_that_is_neither_in_silver_nor_a_copy_stops_the_run(home: Home) -> None:
    home.writer.write(SOURCE, GATED.start + timedelta(minutes=5), "good", requests(GATED.start, DAYS))
    step = STEPS[1]
    assert step.build is not None

    def losing(*given: Any) -> dict[str, DataFrame]:
        made = dict(step.build(*given))  # type: ignore[misc]
        return made | {"silver.dispatch_events": made["silver.dispatch_events"].where("event_id <> '4-3'")}

    _, silver = home.runner.run(GATED, [STEPS[0], replace(step, build=losing)])
    assert silver.status == "failed"
    assert "bronze = silver + copies does not hold at 1 of 1 ticks" in str(silver.error)
    assert "1 rows too few in silver" in str(silver.error)
    assert home.rows("silver.dispatch_events") == DAYS * REQUESTS
    assert home.run(GATED)[1].status == "published"


def test_more_illegal_transitions_than_usual_are_told(home: Home) -> None:
    home.runner.run(Interval(FIRST - timedelta(hours=1), GATED.start), [*STEPS, LIFECYCLE])
    arrivals = [
        {**each, "event_type": "on_scene", "provider_id": "P1"} for each in requests(GATED.start, DAYS)
    ]
    home.writer.write(SOURCE, GATED.start + timedelta(minutes=5), "odd", arrivals)
    *_, lifecycle = home.runner.run(GATED, [*STEPS, LIFECYCLE])
    assert lifecycle.status == "published"
    of_milestones = {
        name: count for name, count in lifecycle.warnings.items() if name.startswith("silver.job_milestones.")
    }
    assert of_milestones == {
        "silver.job_milestones.legal_transition": REQUESTS,
        "silver.job_milestones.legal_transition_share": 1,
    }
    (told,) = [each for each in home.answer("list --json") if each["source"] == "silver.job_milestones"]
    assert told["text"] == "legal_transition_share: 100.0% of 40 rows break it, usually 0.0%."


def test_readers_see_the_last_good_rows_only_while_runs_fail(home: Home) -> None:
    """One run is stopped before bronze, one loses a row, one writes a row that its contract forbids."""
    tables = [table_named(name) for name in ("bronze.dispatch_events", "silver.dispatch_events")]
    seen: set[tuple[Any, ...]] = set()
    is_over = Event()

    def read() -> None:
        while not is_over.is_set():
            reader = CatalogReader(home.runner.settings)
            for table in tables:
                state = reader.state(table)
                assert state is not None
                ids = reader.rows(table, ["event_id"]).column("event_id").to_pylist()
                seen.add((table.name, state.snapshot_id, state.rows, len(ids), len(set(ids))))

    def breaking(change: Callable[[DataFrame], DataFrame]) -> Step:
        def build(*given: Any) -> dict[str, DataFrame]:
            assert STEPS[1].build is not None
            made = dict(STEPS[1].build(*given))
            return made | {"silver.dispatch_events": change(made["silver.dispatch_events"])}

        return replace(STEPS[1], build=build)

    next_day = Interval(GATED.end, GATED.end + DAY)
    good = requests(GATED.start, DAYS)
    bad = requests(GATED.start + DAY, DAYS + 1, service_type=None)
    home.writer.write(SOURCE, GATED.start + timedelta(minutes=5), "good", good)
    home.writer.write(SOURCE, GATED.start + DAY + timedelta(minutes=5), "bad", bad)
    reading = Thread(target=read)
    reading.start()
    try:
        while len(seen) < len(tables):
            sleep(0.1)
        bronze = home.runner.run(GATED, STEPS[:1])
        failed = [
            *home.runner.run(GATED, [breaking(lambda frame: frame.where("event_id <> '4-3'"))]),
            *home.runner.run(GATED, [breaking(lambda frame: frame.withColumn("job_id", F.lit(None)))]),
            *home.run(next_day),
        ]
    finally:
        is_over.set()
        reading.join()
    assert [each.status for each in (*bronze, *failed)] == ["published", *["failed"] * 3, "blocked"]
    assert "bronze = silver + copies" in str(failed[0].error)
    assert "job_id_not_null" in str(failed[1].error)
    assert "null_service_type" in str(failed[2].error)
    counted = {(name, rows) for name, _, rows, read_rows, ids in seen if rows == read_rows == ids}
    assert len(seen) == len({(name, snapshot) for name, snapshot, *_ in seen}) == 3
    assert counted == {
        ("bronze.dispatch_events", DAYS * REQUESTS),
        ("bronze.dispatch_events", (DAYS + 1) * REQUESTS),  # the good tick's, whole
        ("silver.dispatch_events", DAYS * REQUESTS),
    }
