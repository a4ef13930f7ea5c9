"""What each kind of run is told to read and write, by the graph and the ledger."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lakehouse.ops import Ops
from lakehouse.run_ledger import RunLedger, unheard
from lakehouse.settings import Settings, load_settings
from roadside.lineage import lineage_of
from validation.clocks import Interval
from validation.errors import Busy, SettingError

TICK = Interval(datetime(2026, 3, 10, 17, tzinfo=UTC), datetime(2026, 3, 10, 17, 15, tzinfo=UTC))


class Telling:
    """A platform that tells a file of its runs."""

    def __init__(self, settings: Settings, path: Path) -> None:
        self.path = path
        self.wall = datetime(2026, 11, 1, 9, tzinfo=UTC)
        self.settings = replace(
            settings, lineage=str(path), warehouse_uri="s3://lake/tables?region=us-east-1"
        )
        heard = lineage_of(self.settings, {"training.eta_v1": ["silver.jobs", "features.zone_demand_15m"]})
        self.runs = RunLedger(Ops(settings.ops_url), self.now, heard)

    def now(self) -> datetime:
        self.wall += timedelta(seconds=1)
        return self.wall

    def publish(self, table: str, snapshot: int | None = 7) -> dict[str, Any]:
        """The event of the run's end."""
        run = self.runs.begin(table, TICK, "c1")
        self.runs.finish(run.run_id, snapshot_id=snapshot, rows=3)
        return json.loads(self.path.read_text().splitlines()[-1])


@pytest.fixture
def telling(settings: Settings, tmp_path: Path) -> Telling:
    return Telling(settings, tmp_path / "lineage.jsonl")


def named(dataset: dict[str, Any]) -> tuple[str, str, str | None]:
    version = dataset.get("facets", {}).get("version", {})
    return dataset["namespace"], dataset["name"], version.get("datasetVersion")


def test_a_step_reads_its_tables_at_the_snapshots_that_it_is_kept_with(telling: Telling) -> None:
    run = telling.runs.begin("tiles.dispatch_15m", TICK, "c1")
    heads = {"silver.offers": 1, "silver.assignments": None, "silver.jobs": 2, "silver.job_waits": None}
    telling.runs.read([run.run_id], heads)
    telling.runs.finish(run.run_id, snapshot_id=3, rows=3)
    begun, event = (json.loads(line) for line in telling.path.read_text().splitlines())
    lake = "s3://lake/tables"
    assert [named(each) for each in event["inputs"]] == [
        (lake, "silver.offers", "1"),
        (lake, "silver.assignments", None),
        (lake, "silver.jobs", "2"),
        (lake, "silver.job_waits", None),
    ]
    assert [named(each) for each in begun["inputs"]] == [(lake, name, None) for name in heads]
    assert [named(each) for each in event["outputs"]] == [(lake, "tiles.dispatch_15m", "3")]
    columns = [each["name"] for each in event["outputs"][0]["facets"]["schema"]["fields"]]
    assert columns[-2:] == ["known_date", "amount"]


def test_what_is_told_asks_no_database(telling: Telling, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run ends while its table's lease is held; a ledger that others write to would make it wait."""
    run = telling.runs.begin("features.zone_demand_15m", TICK, "c1", inputs={"tiles.dispatch_15m": 4})
    done = telling.runs.finish(run.run_id, snapshot_id=5, rows=3)
    read, written = telling.path.read_text(), telling.path.with_name("again.jsonl")
    heard = lineage_of(replace(telling.settings, lineage=str(written)))

    def asked(*_given: object) -> None:
        raise Busy("Another process held the write lock for 30 s.", "Run the command again.")

    for name in ("__init__", "read", "write"):
        monkeypatch.setattr(Ops, name, asked)
    heard(run)
    heard(done)
    assert written.read_text() == read
    last = json.loads(read.splitlines()[-1])
    assert named(last["inputs"][0]) == ("s3://lake/tables", "tiles.dispatch_15m", "4")


def test_a_source_reads_what_landed_and_a_view_online_its_features(telling: Telling) -> None:
    bronze = telling.publish("bronze.gps_pings")
    assert [named(each) for each in bronze["inputs"]] == [
        (telling.settings.landing_uri, "landing/gps_pings", None)
    ]
    online = telling.publish("online.zone_demand_15m", None)
    assert [named(each) for each in online["inputs"]] == [
        ("s3://lake/tables", "features.zone_demand_15m", None)
    ]
    assert [named(each) for each in online["outputs"]] == [("redis://private", "zone_demand_15m", None)]
    away = replace(telling.settings, redis="cache:6379,ssl=true,password=hunter2")
    RunLedger(Ops(away.ops_url), telling.now, lineage_of(away)).begin("online.zone_demand_15m", TICK, "c1")
    assert "hunter2" not in telling.path.read_text()
    assert '"redis://cache:6379"' in telling.path.read_text()


def test_a_dataset_reads_what_its_build_says(telling: Telling) -> None:
    event = telling.publish("training.eta_v1")
    assert [name for _, name, _ in map(named, event["inputs"])] == ["silver.jobs", "features.zone_demand_15m"]


def test_without_a_setting_nobody_is_told(settings: Settings) -> None:
    assert settings.lineage is None
    assert lineage_of(settings) is unheard


def test_the_setting_is_a_file_or_a_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def lineage(value: str) -> str | None:
        return load_settings({"ROADSIDE_HOME": str(tmp_path), "ROADSIDE_LINEAGE": value}).lineage

    assert lineage("lineage.jsonl") == str(tmp_path / "lineage.jsonl")
    assert lineage("https://marquez:5000") == "https://marquez:5000"
    with pytest.raises(SettingError, match="ROADSIDE_LINEAGE is 'kafka://broker'"):
        lineage("kafka://broker")


def published_to(telling: Telling, table: str) -> dict[str, Any]:
    """The event of a run's end that read a snapshot of a table."""
    run = telling.runs.begin(table, TICK, "c1", inputs={"features.zone_demand_15m": 5})
    telling.runs.finish(run.run_id, snapshot_id=6, rows=3, counts={"rows_dropped": 2}, files=1, size_bytes=40)
    return json.loads(telling.path.read_text().splitlines()[-1])


@pytest.mark.parametrize(
    ("table", "written"),
    [
        ("s3.features.zone_demand_15m", ("s3://shelf/road", "features/zone_demand_15m")),
        (
            "snowflake.features.zone_demand_15m",
            ("snowflake://org-account", "LAKE.features.zone_demand_15m"),
        ),
        ("snowflake.training.eta_v1", ("snowflake://org-account", "LAKE.ML.ETA_V1")),
        ("compaction.silver.jobs", ("s3://lake/tables", "silver.jobs")),
        ("retention.silver.jobs", ("s3://lake/tables", "silver.jobs")),
        ("retention.landing.gps_pings", ("{landing}", "landing/gps_pings")),
        ("retention.ledgers", ("{ops}", "ledgers")),
    ],
)
def test_what_is_sent_rewritten_or_dropped_is_named_where_it_stands(
    telling: Telling, monkeypatch: pytest.MonkeyPatch, table: str, written: tuple[str, str]
) -> None:
    monkeypatch.setenv("SNOWFLAKE_CONNECTIONS", '[loading]\naccount = "org-account"\n')
    settings = replace(
        telling.settings, publish_uri="s3://shelf/road", snowflake_connection="loading",
        snowflake_database="LAKE",
    )  # fmt: skip
    telling.runs = RunLedger(Ops(settings.ops_url), telling.now, lineage_of(settings))
    event = published_to(telling, table)
    place = written[0].format(landing=settings.landing_uri, ops=settings.ops_url)
    assert [named(each) for each in event["outputs"]] == [(place, written[1], "6")]
    assert [named(each) for each in event["inputs"]] == [
        ("s3://lake/tables", "features.zone_demand_15m", "5")
    ]
    facet = event["run"]["facets"]["roadside"]
    assert (facet.get("warnings", {}), facet["did"]) == ({}, {"rows_dropped": 2})
    statistics = event["outputs"][0]["outputFacets"]["outputStatistics"]
    assert (statistics["rowCount"], statistics["size"], statistics["fileCount"]) == (3, 40, 1)


def test_a_dataset_that_is_sent_is_read_at_no_snapshot(telling: Telling) -> None:
    event = telling.publish("s3.training.eta_v1", None)
    assert [named(each) for each in event["inputs"]] == [("s3://lake/tables", "training.eta_v1", None)]


def test_what_a_settings_file_says_no_more_loses_no_event(telling: Telling) -> None:
    """A tick that finds a publication dead may run where nothing of its target is set."""
    event = published_to(telling, "snowflake.features.zone_demand_15m")
    assert [named(each)[:2] for each in event["outputs"]] == [
        ("snowflake://private", "features.zone_demand_15m")
    ]


@pytest.mark.parametrize(
    ("table", "column", "made_of"),
    [
        ("bronze.gps_pings", "driver_id", ("landing/gps_pings", "driver_id", "TRANSFORMATION", True)),
        ("silver.offers", "offered_at", ("silver.dispatch_events", "event_timestamp", "IDENTITY", False)),
        (
            "online.zone_demand_15m",
            "requests_60m_count",
            ("features.zone_demand_15m", "requests_60m_count", "IDENTITY", False),
        ),
    ],
)
def test_an_event_tells_which_columns_a_column_is_made_of_in_the_datasets_that_it_reads(
    telling: Telling, table: str, column: str, made_of: tuple[str, str, str, bool]
) -> None:
    event = telling.publish(table)
    (dataset,) = event["inputs"]
    facet = event["outputs"][0]["facets"]["columnLineage"]
    (field,) = facet["fields"][column]["inputFields"]
    (done,) = field["transformations"]
    assert (field["name"], field["field"], done["subtype"], done["masking"]) == made_of
    assert (field["namespace"], field["name"]) == (dataset["namespace"], dataset["name"])
    assert {each["namespace"] for each in facet["dataset"]} == {dataset["namespace"]}
