"""A dataset built over hand-made silver and features: the afternoon's rows, twice, held, changed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from feast import FeatureStore
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

import training_datasets
from lakehouse import feast_edge, leases
from lakehouse.landing_ledger import LandingLedger
from lakehouse.leases import Leases
from lakehouse.ops import Ops
from lakehouse.releases import ReleaseKind, Releases
from lakehouse.run_ledger import Run, RunLedger, RunStatus
from lakehouse.settings import Settings
from lakehouse.spark import CATALOG
from lakehouse.tables import Lakehouse, Staged
from lakehouse.vault import handle_of
from roadside.locations import location_opener
from support.afternoon import AFTERNOON, expected, oracle_records, zone_ids
from support.frames import frame_of
from support.oracle import Silver
from support.oracle_tables import assignment_rows
from training_datasets import build as building
from training_datasets.build import BuildResult, DayResult, build, planned
from training_datasets.computing import Computing, features_at
from training_datasets.differences import differences, side
from training_datasets.files import day_file
from training_datasets.maturity import SOURCES
from training_datasets.specs.eta_v1 import ETA_V1
from validation.clocks import Interval
from validation.contract import Table, Type
from validation.contracts import FEATURES, table_named
from validation.contracts.features.feature_table import feature_columns
from validation.contracts.silver.arrival_evidence import ARRIVAL_EVIDENCE
from validation.contracts.silver.assignments import ASSIGNMENTS
from validation.contracts.training.row_index import ROW_INDEX
from validation.errors import CheckFailed, NotReady, UserError
from validation.spark_schema import struct_of

# The warnings are Feast's and pyspark's own.
pytestmark = [pytest.mark.slow(minutes=1), pytest.mark.timeout(900), pytest.mark.filterwarnings("ignore")]

DAY = timedelta(days=1)
MADE = "2026-03-13T07:00:00.000000Z"
"""The newest of the rows below that the afternoon can read."""
KNOWN = Interval(datetime(2026, 3, 8, tzinfo=UTC), datetime(2026, 3, 14, tzinfo=UTC))
CLOSED = datetime(2026, 3, 13, 7, tzinfo=UTC)  # the 11th's close
NOW = datetime(2026, 3, 13, 9, tzinfo=UTC)
OFFERS, REQUESTS = "provider_activity_15m__offers_60m_count", "incident_zone_demand_15m__requests_15m_count"


@dataclass
class Platform:
    settings: Settings
    lakehouse: Lakehouse
    store: FeatureStore
    ops: Ops

    def build(self, start: date = AFTERNOON, end: date = AFTERNOON + DAY, **options: Any) -> BuildResult:
        return build(
            self.settings,
            self.lakehouse,
            self.store,
            ETA_V1,
            start,
            end,
            location_of=location_opener(handle_of(self.settings)),
            now=lambda: NOW,
            **options,
        )

    def files(self) -> dict[str, bytes]:
        """Every file of the dataset by its path."""
        folder = self.settings.datasets_dir / "eta_v1"
        return {
            str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }

    def put(self, table_name: str, rows: list[dict[str, Any]]) -> None:
        """Replace a table's rows, and say that they were made over all of the days."""
        table = table_named(table_name)
        self.lakehouse.create(table)
        ledger = RunLedger(self.ops, lambda: NOW)
        run = ledger.begin(table_name, KNOWN, "handmade")
        if "known_at" in table.column_names:
            frame = frame_of(self.lakehouse.spark, table, rows)
        else:
            complete = [tuple(row.get(name) for name in table.column_names) for row in rows]
            frame = self.lakehouse.spark.createDataFrame(complete, struct_of(table))
        published = self.lakehouse.replace(table, KNOWN, frame, run.run_id)
        ledger.finish(run.run_id, snapshot_id=published.snapshot_id, rows=published.rows)


def feature_row(view: str, key: str, tick: datetime, delay: timedelta, **values: Any) -> dict[str, Any]:
    """A row whose counts are 0 unless given."""
    table = table_named(f"features.{view}")
    counts = {column.name: 0 for column in feature_columns(table) if column.type is Type.LONG}
    known_date = (tick - timedelta(minutes=15)).date()
    clocks = {"event_timestamp": tick, "available_at": tick + delay, "revised_at": tick + delay}
    return {**counts, table.key[0]: key, **clocks, "known_date": known_date, "revision": 0, **values}


@pytest.fixture(scope="module")
def platform(spark: SparkSession, spark_settings: Settings) -> Iterator[Platform]:
    """Assignments as the oracle knows them, feature rows by hand, everything closed through CLOSED."""
    ops = Ops(spark_settings.ops_url)
    for source in SOURCES:
        LandingLedger(ops).close(source, CLOSED)
    feast_edge.apply(spark_settings)
    here = Platform(spark_settings, Lakehouse(spark), feast_edge.feature_store(spark_settings), ops)
    silver = Silver(oracle_records())
    here.put("silver.assignments", assignment_rows(silver, [ETA_V1.close(AFTERNOON) - DAY]))
    here.put("silver.arrival_evidence", [])
    at, five, three = datetime(2026, 3, 10, tzinfo=UTC), timedelta(minutes=5), timedelta(hours=3)
    ticks = [at.replace(hour=hour) for hour in range(17, 20)]
    rows = {
        "provider_activity_15m": [
            feature_row("provider_activity_15m", "P1", tick, five, offers_60m_count=n, tick_at=tick)
            for n, tick in enumerate(ticks)
        ],
        "zone_demand_15m": [
            feature_row("zone_demand_15m", zone_ids()["Z1"], ticks[0], five, requests_15m_count=6),
            feature_row("zone_demand_15m", zone_ids()["Z1"], ticks[0], five, requests_15m_count=7)
            | {"revision": 1, "revised_at": CLOSED},
        ],
        "provider_performance_1d": [
            feature_row("provider_performance_1d", "P3", at.replace(hour=7), three, on_time_ratio_28d=0.75)
        ],
    }
    for table in FEATURES:
        here.put(table.name, rows.get(table.short_name, []))
    yield here
    shutil.rmtree(spark_settings.datasets_dir, ignore_errors=True)
    for table in (*FEATURES, ASSIGNMENTS, ARRIVAL_EVIDENCE, ETA_V1.table, ROW_INDEX):
        spark.sql(f"DROP TABLE IF EXISTS {here.lakehouse.identifier(table)} PURGE")


@pytest.fixture(scope="module")
def built(platform: Platform) -> BuildResult:
    """The afternoon, computed together with the day before it, on which nothing was decided."""
    return platform.build(AFTERNOON - DAY)


def forget(built: BuildResult, day: date) -> Path:
    """Remove the manifest of a day, which then was never built; returns where it stood."""
    path = built.folder / "_manifests" / f"{day}.json"
    path.unlink(missing_ok=True)
    return path


def plant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the afternoon stopped by a gate, the day before by a check, the one before that by its table."""
    asked, decided, stage_days = building.asked, Computing._decided, Lakehouse.stage_days

    def with_gate(gates: Any, day: Any) -> dict[str, str]:
        if day.day == AFTERNOON:
            raise CheckFailed("A gate stops it.")
        return asked(gates, day)

    def with_check(self: Computing, day: date) -> DataFrame:
        if day == AFTERNOON - DAY:
            raise CheckFailed("A check stops it.")
        return decided(self, day)

    def with_contract(self: Lakehouse, table: Table, days: Sequence[date], *given: Any) -> Staged:
        if table is ETA_V1.table and AFTERNOON - 2 * DAY in days:
            raise CheckFailed("Its table stops it.")
        return stage_days(self, table, days, *given)

    monkeypatch.setattr(building, "asked", with_gate)
    monkeypatch.setattr(Computing, "_decided", with_check)
    monkeypatch.setattr(Lakehouse, "stage_days", with_contract)


def frame_by_assignment(platform: Platform) -> pd.DataFrame:
    index = platform.lakehouse.read(ROW_INDEX).toPandas().set_index("meta_row_id")
    rows = platform.lakehouse.read(ETA_V1.table).toPandas()
    return rows.assign(assignment=rows["meta_row_id"].map(index["row_key"])).set_index("assignment")


def test_the_afternoon_has_seven_rows_with_its_labels(platform: Platform, built: BuildResult) -> None:
    steps = {row["step"]: row["rows"] for row in expected("eta_v1_waterfall")}
    assert (built.rows, built.waterfall, list(built.waterfall)) == (7, steps, list(steps))
    found = frame_by_assignment(platform)
    told = {row["assignment"]: (row["label_status"], row["arrival_minutes"]) for row in expected("eta_v1")}
    assert {
        key: (row["label_status"], None if pd.isna(took := row["label_arrival_minutes"]) else round(took, 2))
        for key, row in found.iterrows()
    } == told


def test_features_are_those_usable_at_the_decision(platform: Platform, built: BuildResult) -> None:
    found = frame_by_assignment(platform)
    assert found.loc["J1#3", OFFERS] == 0  # decided 17:07, tick 17:00 usable from 17:05
    assert found.loc["J3#2", OFFERS] == 0
    assert found[OFFERS].isna().sum() == 5  # the rows of P2 and P3, which have no row
    assert found.loc[["J1#3", "J6#2"], REQUESTS].tolist() == [7, 7]
    assert found.loc[["J6#2", "J7#1"], "provider_performance_1d__on_time_ratio_28d"].tolist() == [0.75, 0.75]


def test_no_key_of_the_lake_is_in_the_files(platform: Platform, built: BuildResult) -> None:
    frame = pd.read_parquet(built.folder)
    assert len(frame) == 7
    assert set(frame.columns) == set(ETA_V1.table.column_names)
    assert frame["meta_decision_at"].is_monotonic_increasing
    everything = b"".join(platform.files().values())
    assert not [name for name in ("J1#3", "J3#2") if name.encode() in everything]
    assert frame["meta_group"].nunique() == 6  # J3 twice


def test_the_manifest_pins_inputs_and_counts_and_holds_no_clock(built: BuildResult) -> None:
    dataset = json.loads(built.manifest.read_text())
    assert (dataset["rows"], dataset["mode"]) == (7, "as_served")
    day = json.loads((built.folder / "_manifests" / "2026-03-10.json").read_text())
    assert day["inputs"]["predicate"] == {
        "silver.assignments": "known_at <= 2026-03-12T07:00:00Z",
        "silver.arrival_evidence": "known_at <= 2026-03-12T07:00:00Z",
        **{
            f"features.{view}": f"available_at <= meta_decision_at AND revised_at <= {MADE}"
            for view in (
                "provider_fleet_15m",
                "provider_activity_15m",
                "zone_demand_15m",
                "zone_supply_15m",
                "zone_traffic_15m",
                "area_dispatch_15m",
                "provider_performance_1d",
                "provider_area_1d",
                "area_service_1d",
            )
        },
    }
    before = json.loads((built.folder / "_manifests" / "2026-03-09.json").read_text())
    pin = before["inputs"]["predicate"]["features.zone_demand_15m"]
    assert pin.endswith("revised_at <= 2026-03-10T10:00:00.000000Z"), "the cut at its end, not the revision"
    assert set(day["content"]["columns"]) == set(ETA_V1.table.column_names)
    assert set(day["evidence"]["checks"].values()) == {"passed"}
    assert day["evidence"]["gates"]["no_promise_among_inputs"] == "passed"
    assert dataset["days"]["2026-03-10"]["digest"] == day["digest"] == built.days[1].digest
    assert f"{NOW:%Y-%m-%d}" not in built.manifest.read_text()


def test_the_release_names_the_day_by_its_close(platform: Platform, built: BuildResult) -> None:
    release = Releases(platform.ops, lambda: NOW).for_table("training.eta_v1")
    assert release is not None
    assert (release.kind, release.tick) == (ReleaseKind.DATASET, ETA_V1.close(AFTERNOON))
    assert release.promised_at == ETA_V1.promised_at(AFTERNOON)


def test_built_again_nothing_changes(platform: Platform, built: BuildResult) -> None:
    before, digest = platform.files(), platform.lakehouse.digest(ETA_V1.table)
    told: list[DayResult] = []
    assert [day.status for day in platform.build(progress=told.append).days] == ["skipped"]
    assert [day.status for day in platform.build(force=True).days] == ["unchanged"]
    assert [day.day for day in told] == [AFTERNOON]
    assert platform.files() == before
    assert platform.lakehouse.digest(ETA_V1.table) == digest


def test_built_after_a_kill_or_a_loss_the_bytes_are_the_same(platform: Platform, built: BuildResult) -> None:
    before, digest = platform.files(), platform.lakehouse.digest(ETA_V1.table)
    (built.folder / "_manifests" / "2026-03-10.json").unlink()  # killed before the day was done
    assert [day.status for day in platform.build().days] == ["built"]
    without_evidence = [
        {name: content for name, content in json.loads(text).items() if name != "evidence"}
        for files in (before, platform.files())
        for text in (files["_manifests/2026-03-10.json"],)
    ]
    assert without_evidence[0] == without_evidence[1]
    other = [name for name in before if not name.startswith("_manifests")]
    assert {name: platform.files()[name] for name in other} == {name: before[name] for name in other}
    assert platform.lakehouse.digest(ETA_V1.table) == digest


def test_a_day_without_decisions_is_an_empty_partition(platform: Platform, built: BuildResult) -> None:
    result = platform.build(AFTERNOON, AFTERNOON + 2 * DAY)
    assert [(day.status, day.rows) for day in result.days] == [("skipped", 7), ("built", 0)]
    assert len(pd.read_parquet(result.folder)) == 7
    assert platform.lakehouse.count(ETA_V1.table) == 7


def test_an_immature_day_is_refused_and_keeps_no_other_back(platform: Platform, built: BuildResult) -> None:
    following = forget(built, AFTERNOON + DAY)
    with pytest.raises(NotReady, match="2026-03-12 is not mature: it closes at 2026-03-14T07:00Z") as told:
        platform.build(AFTERNOON, AFTERNOON + 3 * DAY)
    assert (
        "Left as they were: 2026-03-12; of the days asked for stand: 2026-03-10..2026-03-11."
        in told.value.what
    )
    assert following.is_file()
    forget(built, AFTERNOON + DAY)
    with pytest.raises(NotReady, match=r"2026-03-12 is not mature: .* 2 of 2 days are not mature") as told:
        platform.build(AFTERNOON + 2 * DAY, AFTERNOON + 4 * DAY)
    assert "Left as they were" not in told.value.what, "no day is mature, and none was touched"
    with pytest.raises(UserError, match="are none"):
        platform.build(AFTERNOON, AFTERNOON)


def test_days_that_are_stopped_keep_no_other_back(
    platform: Platform, built: BuildResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of four days that are built together the first three."""
    before, digest = platform.files(), platform.lakehouse.digest(ETA_V1.table)
    stopped = [forget(built, AFTERNOON - n * DAY) for n in range(3)]
    following = forget(built, AFTERNOON + DAY)
    with monkeypatch.context() as planted:
        plant(planted)
        heard: list[Run] = []
        with pytest.raises(CheckFailed) as told:
            platform.build(AFTERNOON - 2 * DAY, AFTERNOON + 2 * DAY, heard=heard.append)
    assert told.value.what == (
        "Its table stops it. A check stops it. A gate stops it. Left as they were: 2026-03-08..2026-03-10; "
        "of the days asked for stand: 2026-03-11."
    )
    assert [path.exists() for path in (*stopped, following)] == [False, False, False, True]
    assert list(json.loads(built.manifest.read_text())["days"]) == ["2026-03-11"]
    run_id = json.loads(following.read_text())["evidence"]["run_id"]
    ran = [(run.table, run.interval) for run in heard if run.status is RunStatus.PUBLISHED]
    over = ETA_V1.decisions(AFTERNOON + DAY)
    assert ran == [(ROW_INDEX.name, over), (ETA_V1.table.name, over)], "and over no day that is not there"
    assert heard[-1].run_id == run_id
    mended = platform.build(AFTERNOON - DAY, AFTERNOON + 2 * DAY)
    assert [day.status for day in mended.days] == ["built", "built", "skipped"]
    assert platform.lakehouse.digest(ETA_V1.table) == digest
    rows = [name for name in before if name.endswith(".parquet")]
    assert {name: platform.files()[name] for name in rows} == {name: before[name] for name in rows}


def test_days_that_share_a_row_keep_no_later_day_back(
    platform: Platform, built: BuildResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The day before the afternoon holds its decisions too; each of the two would pass alone."""
    digest = platform.lakehouse.digest(ETA_V1.table)
    sharing = [forget(built, AFTERNOON - n * DAY) for n in range(2)]
    following = forget(built, AFTERNOON + DAY)
    decided = Computing._decided

    def as_well(self: Computing, day: date) -> DataFrame:
        found = decided(self, max(day, AFTERNOON))
        return found.withColumn("meta_decision_date_et", F.lit(day))

    with monkeypatch.context() as planted:
        planted.setattr(Computing, "_decided", as_well)
        with pytest.raises(NotReady) as told:
            platform.build(AFTERNOON - DAY, AFTERNOON + 3 * DAY, days_at_once=2)
    assert "eta_v1: 7 of 14 rows have a row id that another row has. eta_v1: 2026-03-12 is not mature" in (
        told.value.what
    )
    assert told.value.what.endswith(
        "Left as they were: 2026-03-09..2026-03-10, 2026-03-12; of the days asked for stand: 2026-03-11."
    )
    assert [path.exists() for path in (*sharing, following)] == [False, False, True]
    assert [day.status for day in platform.build(AFTERNOON - DAY, AFTERNOON + DAY).days] == ["built", "built"]
    assert platform.lakehouse.digest(ETA_V1.table) == digest


def test_a_build_waits_for_another_that_writes_the_index_of_rows(
    platform: Platform, built: BuildResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget(built, AFTERNOON + DAY)
    other = ExitStack()
    other.enter_context(Leases(platform.ops, lambda: NOW).publishing(ROW_INDEX.name))
    monkeypatch.setattr(leases, "sleep", lambda _seconds: other.close())
    with other:
        (day,) = platform.build(AFTERNOON + DAY, AFTERNOON + 2 * DAY).days
    assert day.status == "built"


def test_a_day_is_made_of_the_snapshots_that_its_manifest_and_runs_name(
    platform: Platform, built: BuildResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One input is published before the rows are read, another between rows and features."""
    before, digest = platform.files(), platform.lakehouse.digest(ETA_V1.table)
    forget(built, AFTERNOON)
    heads, with_features = Computing.heads, Computing._with_features
    taken: dict[str, int | None] = {}
    activity = table_named("features.provider_activity_15m")

    def then_rows(self: Computing) -> dict[str, int | None]:
        taken.update(heads(self))
        platform.put(ASSIGNMENTS.name, [])
        return taken

    def then_features(self: Computing, rows: pd.DataFrame) -> pd.DataFrame:
        platform.put(activity.name, [])
        return with_features(self, rows)

    heard: list[Run] = []
    with monkeypatch.context() as planted:
        planted.setattr(Computing, "heads", then_rows)
        planted.setattr(Computing, "_with_features", then_features)
        (day,) = platform.build(heard=heard.append).days
    for table in (ASSIGNMENTS, activity):
        assert platform.lakehouse.head(table) != taken[table.name]
        call = f"CALL {CATALOG}.system.set_current_snapshot('{table.name}', {taken[table.name]})"
        platform.lakehouse.spark.sql(call)
    manifest = json.loads(platform.files()["_manifests/2026-03-10.json"])
    assert (day.status, manifest["evidence"]["input_snapshot_ids"]) == ("built", taken)
    assert manifest["content"] == json.loads(before["_manifests/2026-03-10.json"])["content"]
    assert platform.lakehouse.digest(ETA_V1.table) == digest
    read = {run.table: run.inputs for run in heard if run.status is RunStatus.PUBLISHED}
    assert read == {ETA_V1.table.name: taken, ROW_INDEX.name: taken}


def test_a_plan_says_what_a_build_would_do(platform: Platform, built: BuildResult) -> None:
    computing = Computing(platform.settings, platform.lakehouse, platform.store, ETA_V1, lambda _: _)
    plan = planned(computing, [AFTERNOON - 2 * DAY, AFTERNOON, AFTERNOON + 4 * DAY])
    assert list(plan.values())[:2] == ["to be built", "built"]
    assert plan[AFTERNOON + 4 * DAY].startswith("not mature: it closes at 2026-03-16T07:00Z")
    path = day_file(built.folder, ETA_V1.table, AFTERNOON)
    kept = path.read_bytes()
    path.write_bytes(kept[:-1])
    assert planned(computing, [AFTERNOON])[AFTERNOON].startswith("to be computed again")
    (day,) = platform.build().days
    assert (day.status, path.read_bytes()) == ("unchanged", kept)


def test_a_given_spine_is_held_to_the_same_rules(platform: Platform) -> None:
    spine = pd.DataFrame(
        {
            "provider_id": ["P1"],
            "incident_zone_id": [zone_ids()["Z1"]],
            "incident_area_id": [None],
            "service_type": ["tow"],
            "event_timestamp": [pd.Timestamp("2026-03-10T18:05:00")],
        }
    )
    with pytest.raises(UserError, match=r"event_timestamp has no time zone; say which \(UTC\?\)"):
        features_at(ETA_V1, platform.store, spine)
    spine["event_timestamp"] = spine["event_timestamp"].dt.tz_localize("UTC")
    with pytest.raises(UserError, match="promised_arrival_at is not an allowed input of eta_v1"):
        features_at(ETA_V1, platform.store, spine.assign(promised_arrival_at=None))
    assert features_at(ETA_V1, platform.store, spine)[OFFERS].tolist() == [1]


def test_what_was_built_is_loaded_with_its_labels_and_drawn(platform: Platform, built: BuildResult) -> None:
    dataset = training_datasets.load("eta_v1", settings=platform.settings)
    index = platform.lakehouse.read(ROW_INDEX).toPandas().set_index("meta_row_id")["row_key"]
    labels = dataset.y.set_axis(dataset.meta["meta_row_id"].map(index), axis="index")
    gone, missing = labels.loc["J3#3"], labels.loc["J6#2"]
    assert (gone["label_status"], bool(gone["label_is_goa"])) == ("observed", True)
    assert (missing["label_status"], bool(missing["label_is_censored"])) == ("missing_milestone", False)
    assert (missing["label_lower_bound_minutes"], missing["label_upper_bound_minutes"]) == (0, 49)
    assert (dataset.X[OFFERS].dtype, dataset.X[OFFERS].isna().sum()) == (pd.Int64Dtype(), 5)
    assert set(dataset.meta["meta_split"]) == {"embargo"}, "of three days test is the last two"
    assert dataset.card == training_datasets.load(built.folder).card
    assert "n = 8 decisions" in dataset.card


def test_a_built_day_changes_only_as_a_new_release(platform: Platform, built: BuildResult) -> None:
    """Last: it changes the features the other tests read."""
    tick = datetime(2026, 3, 10, 17, tzinfo=UTC)
    changed = feature_row(
        "provider_activity_15m", "P1", tick, timedelta(minutes=5), offers_60m_count=99, tick_at=tick
    )
    before, digest = platform.files(), platform.lakehouse.digest(ETA_V1.table)
    platform.put("features.provider_activity_15m", [changed])
    with pytest.raises(CheckFailed, match=rf"2026-03-10: 7 rows, now 7\) in {OFFERS}") as refused:
        platform.build(force=True)
    assert "--new-release" in refused.value.next_step
    assert (platform.files(), platform.lakehouse.digest(ETA_V1.table)) == (before, digest)
    following = forget(built, AFTERNOON + DAY)
    with pytest.raises(CheckFailed, match=r"would change .* days asked for stand: 2026-03-11"):
        platform.build(AFTERNOON, AFTERNOON + 2 * DAY, force=True)
    assert following.is_file()
    assert platform.files()["_manifests/2026-03-10.json"] == before["_manifests/2026-03-10.json"]
    held = {"features.zone_demand_15m": [datetime(2026, 3, 10, 18, tzinfo=UTC)]}
    again = platform.build(force=True, new_release=True, held_of=lambda table, _interval: held.get(table, []))
    (day,) = again.days
    assert (day.status, day.rows) == ("new release", 7)
    assert set(frame_by_assignment(platform).loc[["J1#3", "J3#2"], OFFERS]) == {99}
    manifests = Path(built.folder / "_manifests")
    standing = json.loads((manifests / "2026-03-10.json").read_text())
    assert standing["release_number"] == 2
    assert standing["evidence"]["held"] == {"features.zone_demand_15m": ["2026-03-10T18:00Z"]}
    kept = (manifests / "2026-03-10.1.json").read_bytes()
    assert kept == before["_manifests/2026-03-10.json"]
    releases = [side(f"eta_v1@{number}", platform.settings.datasets_dir) for number in (1, 2)]
    (moved,) = differences(*releases).days_moved
    assert [each.column for each in moved.columns] == [OFFERS]
