"""OpenLineage events: what they say, that they arrive, and that no run fails for them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import update

from lakehouse.lineage import Dataset, Lineage, run_uuid
from lakehouse.ops import Ops, runs
from lakehouse.run_ledger import Run, RunLedger
from support.failed_runs import failed_run
from validation.clocks import Interval
from validation.column_lineage import ColumnRef, How, MadeOf, TableLineage
from validation.columns import pick
from validation.contract import Table

WALL = datetime(2026, 11, 1, 9, tzinfo=UTC)
TICK = Interval(datetime(2026, 3, 10, 17, tzinfo=UTC), datetime(2026, 3, 10, 17, 15, tzinfo=UTC))
OFFERS = Table(
    "silver.offers", "One row per offer.", ("offer_id",), pick("offer_id", "known_at", "known_date")
)


class Told:
    """A ledger that tells an address of its runs; its clock goes on a second each time it is asked."""

    def __init__(self, folder: Path, address: str, lineage: TableLineage | None = None) -> None:
        self.columns = lineage
        self.notes: list[str] = []
        self.asked = 0
        self.lineage = Lineage(address, self.reads, self.writes, self.notes.append)
        self.ops = Ops(f"sqlite:///{folder / 'ops.db'}")
        self.wall = WALL
        self.runs = RunLedger(self.ops, self.now, self.lineage.heard)

    def now(self) -> datetime:
        self.wall += timedelta(seconds=1)
        return self.wall

    def reads(self, _run: Run) -> Sequence[Dataset]:
        return [Dataset("s3://lake", "silver.dispatch_events", 12), Dataset("s3://lake", "silver.jobs")]

    def writes(self, _run: Run) -> Dataset:
        return Dataset("s3://lake", "silver.offers", table=OFFERS, lineage=self.columns)

    def publish(self) -> Run:
        run = self.runs.begin("silver.offers", TICK, "c1")
        return self.runs.finish(run.run_id, snapshot_id=7, rows=3, counts={"late": 1})


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def plain(facet: dict[str, Any]) -> dict[str, Any]:
    """A facet without what says who made it, which every facet must say."""
    assert facet["_producer"] == "urn:roadside-feature-platform"
    assert facet["_schemaURL"].startswith("https://openlineage.io/spec/")
    return {name: value for name, value in facet.items() if not name.startswith("_")}


def test_a_published_run_is_a_start_and_a_complete_of_one_run(tmp_path: Path) -> None:
    told = Told(tmp_path, str(tmp_path / "deep" / "lineage.jsonl"))
    run = told.publish()
    start, complete = lines(tmp_path / "deep" / "lineage.jsonl")
    assert (start["eventType"], start["eventTime"]) == ("START", "2026-11-01T09:00:01+00:00")
    assert (complete["eventType"], complete["eventTime"]) == ("COMPLETE", "2026-11-01T09:00:02+00:00")
    assert start["run"]["runId"] == complete["run"]["runId"] == run_uuid(run.run_id)
    assert start["producer"] == "urn:roadside-feature-platform"
    assert start["schemaURL"].startswith("https://openlineage.io/spec/")
    assert (start["job"]["namespace"], start["job"]["name"]) == ("roadside", "silver.offers")
    job_type = {"processingType": "BATCH", "integration": "ROADSIDE", "jobType": "STEP"}
    assert plain(start["job"]["facets"]["jobType"]) == job_type
    facets = complete["run"]["facets"]
    assert plain(facets["nominalTime"]) == {
        "nominalStartTime": "2026-03-10T17:00:00+00:00",
        "nominalEndTime": "2026-03-10T17:15:00+00:00",
    }
    assert plain(facets["roadside"]) == {
        "runId": run.run_id,
        "codeVersion": "c1",
        "status": "published",
        "rows": 3,
        "warnings": {"late": 1},
    }
    assert "errorMessage" not in facets


def test_an_event_names_what_is_read_and_written_with_known_snapshots(tmp_path: Path) -> None:
    told = Told(tmp_path, str(tmp_path / "lineage.jsonl"))
    told.publish()
    start, complete = lines(tmp_path / "lineage.jsonl")
    events, jobs = complete["inputs"]
    assert (events["namespace"], events["name"]) == ("s3://lake", "silver.dispatch_events")
    assert plain(events["facets"]["version"]) == {"datasetVersion": "12"}
    assert (jobs["name"], jobs.get("facets", {})) == ("silver.jobs", {})
    (output,) = complete["outputs"]
    assert (output["namespace"], output["name"]) == ("s3://lake", "silver.offers")
    assert plain(output["facets"]["version"]) == {"datasetVersion": "7"}
    assert plain(output["outputFacets"]["outputStatistics"]) == {"rowCount": 3}
    fields = plain(output["facets"]["schema"])["fields"]
    assert [(each["name"], each["type"]) for each in fields] == [
        ("offer_id", "string"),
        ("known_at", "timestamp"),
        ("known_date", "date"),
    ]
    assert "columnLineage" not in output["facets"], "nobody declared which column is made of which"
    (begun,) = start["outputs"]
    assert "version" not in begun["facets"]
    assert begun.get("outputFacets", {}) == {}


def test_an_event_tells_of_each_column_which_columns_read_it_is_made_of(tmp_path: Path) -> None:
    event_id = ColumnRef("silver.dispatch_events", "event_id")
    given = MadeOf(event_id, How.IDENTITY, "as given", part="stated")
    also = MadeOf(event_id, How.IDENTITY, "as given", part="derived")
    token = MadeOf(ColumnRef("silver.jobs", "member_token"), How.TRANSFORMATION, "digest", is_masked=True)
    elsewhere = MadeOf(ColumnRef("silver.not_read", "event_id"), How.IDENTITY)
    late = MadeOf(ColumnRef("silver.dispatch_events", "is_late"), How.FILTER)
    lineage = TableLineage({"offer_id": (given, also, token), "known_at": (elsewhere,)}, (late,))
    told = Told(tmp_path, str(tmp_path / "lineage.jsonl"), lineage)
    told.publish()
    for event in lines(tmp_path / "lineage.jsonl"):
        facet = plain(event["outputs"][0]["facets"]["columnLineage"])
        assert list(facet["fields"]) == ["offer_id"], "of a table that is not read nothing is told"
        assert facet["fields"]["offer_id"]["inputFields"] == [
            of_input(
                "silver.dispatch_events",
                "event_id",
                {
                    "type": "DIRECT",
                    "subtype": "IDENTITY",
                    "description": "as given: stated, derived",
                    "masking": False,
                },
            ),
            of_input(
                "silver.jobs",
                "member_token",
                {"type": "DIRECT", "subtype": "TRANSFORMATION", "description": "digest", "masking": True},
            ),
        ]
        assert [each["field"] for each in facet["dataset"]] == ["is_late"]
        assert facet["dataset"][0]["transformations"][0]["subtype"] == "FILTER"


def of_input(name: str, column: str, *transformations: dict[str, Any]) -> dict[str, Any]:
    return {
        "namespace": "s3://lake",
        "name": name,
        "field": column,
        "transformations": list(transformations),
    }


def test_a_failed_run_tells_the_class_of_its_error(tmp_path: Path) -> None:
    told = Told(tmp_path, str(tmp_path / "lineage.jsonl"))
    failed_run(told.runs, "silver.offers", TICK, "CheckFailed", "c1")
    _start, fail = lines(tmp_path / "lineage.jsonl")
    assert fail["eventType"] == "FAIL"
    message = {"message": "CheckFailed", "programmingLanguage": "python"}
    assert plain(fail["run"]["facets"]["errorMessage"]) == message


def test_a_run_whose_process_died_fails_when_the_next_begins(tmp_path: Path) -> None:
    told = Told(tmp_path, str(tmp_path / "lineage.jsonl"))
    dead = told.runs.begin("silver.offers", TICK, "c1")
    with told.ops.write() as connection:
        connection.execute(update(runs).values(process_started="an earlier boot"))
    told.runs.begin("silver.offers", TICK, "c1")
    kinds = [(each["eventType"], each["run"]["runId"] == run_uuid(dead.run_id)) for each in lines(
        tmp_path / "lineage.jsonl"
    )]  # fmt: skip
    assert kinds == [("START", True), ("FAIL", True), ("START", False)]


def test_finishing_twice_is_told_once(tmp_path: Path) -> None:
    told = Told(tmp_path, str(tmp_path / "lineage.jsonl"))
    done = told.publish()
    told.runs.finish(done.run_id, snapshot_id=8, rows=9)
    assert len(lines(tmp_path / "lineage.jsonl")) == 2


def test_a_file_that_cannot_be_written_fails_no_run(tmp_path: Path) -> None:
    told = Told(tmp_path, str(tmp_path))
    assert told.publish().snapshot_id == 7
    told.lineage.close()
    (note,) = told.notes
    assert "(IsADirectoryError)" in note
