"""Recorded cities carried along the whole road by the command line, held to the record itself.

What is expected comes from the published files by pandas alone (`labels_from_raw`,
`transitions_from_raw`) or from the landed objects as the oracle reads them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from feast.infra.offline_stores.contrib.spark_offline_store.spark_source import SparkSource
from pyspark.sql import SparkSession

from feast_plugins.duckdb_engine import DuckDBEngine
from feast_plugins.iceberg_files import IcebergTables
from feast_plugins.point_in_time import ROW, Retrieval, Rows, ViewRead
from feast_plugins.spark_engine import SparkEngine
from simulation.recorded import labels_from_raw, transitions_from_raw
from simulation.recorded.canberra import CHANGES_FILE, HEARTBEAT_MINUTES, POLLS_FILE
from simulation.recorded.sffd_calls import SECONDS_FILE
from support import point_in_time_oracle as oracle
from support.oracle_held import objects_from_landing
from support.recordings import Replayed, assert_every_record_is_in_bronze, replayed
from validation.clocks import TICK

pytestmark = [pytest.mark.slow(minutes=5), pytest.mark.timeout(900)]

BACKDATED = timedelta(minutes=15)
MONTH_END = datetime(2024, 4, 1, tzinfo=UTC)


def assert_offers_in_force(
    recording: Replayed, start: datetime, days: int, is_held: Callable[[datetime], bool]
) -> None:
    """At each tick of the days that is not held, each provider's count of 4 hours is that of what landed."""
    offers = [record for record in recording.landed if record.data["event_type"] == "offered"]
    columns = ("provider_id", "event_timestamp", "offers_4h_count")
    rows = recording.rows("features.provider_activity_15m", *columns).sort_values("event_timestamp")
    compared = Counter[bool]()
    for tick in (start + n * timedelta(minutes=15) for n in range(96 * days)):
        if is_held(tick):
            assert not (rows["event_timestamp"] == tick).any()
            continue
        in_force = rows[rows["event_timestamp"] <= tick].drop_duplicates("provider_id", keep="last")
        served = dict(zip(in_force["provider_id"], in_force["offers_4h_count"], strict=True))
        known = Counter(
            offer.data["provider_id"]
            for offer in offers
            if offer.known_at <= tick and tick - timedelta(hours=4) <= offer.event_timestamp < tick
        )
        for provider in {*served, *known}:
            value = served.get(provider, 0)
            assert (0 if pd.isna(value) else value) == known[provider], (provider, tick)
            compared[known[provider] > 0] += 1
    assert compared[True] > 200


@pytest.fixture(scope="module")
def san_francisco(recorded_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    """The citywide days, through the close of the last business day with an acceptance."""
    return replayed(
        tmp_path_factory.mktemp("san_francisco"),
        f"replay san-francisco --data '{recorded_data}' --start 2016-12-31 --end 2017-01-06 --json",
        "run --start 2016-12-31 --end 2017-01-07T08:00Z",
        "dataset build eta_v1 --start 2016-12-31 --end 2017-01-06",
    )


@pytest.fixture(scope="module")
def labels(recorded_data: Path) -> pd.DataFrame:
    """The citywide file's labels by assignment, from the raw file."""
    rows = pd.read_csv(recorded_data / SECONDS_FILE.name, dtype=str)
    listed = rows["Call Number"] + "-" + rows["Unit sequence in call dispatch"] + "-1"
    found = labels_from_raw(recorded_data).set_index("assignment_id")
    return found[found.index.isin(listed)]


@pytest.fixture(scope="module")
def dataset(san_francisco: Replayed) -> pd.DataFrame:
    """The dataset's files, by assignment."""
    index = san_francisco.rows("training.row_index", "meta_row_id", "row_key")
    rows = pd.read_parquet(san_francisco.settings.datasets_dir / "eta_v1")
    return rows.merge(index, on="meta_row_id", validate="one_to_one").set_index("row_key")


def test_every_record_of_san_francisco_is_in_bronze(san_francisco: Replayed, recorded_data: Path) -> None:
    """A record for each moment of the file; the response is the acceptance as well."""
    moments = pd.read_csv(recorded_data / SECONDS_FILE.name, dtype=str).notna().sum()
    met = ("Response DtTm", "On Scene DtTm", "Available DtTm")
    told = (*met, "Received DtTm", "Dispatch DtTm", "Transport DtTm", "Response DtTm")
    assert {name: count for name, count in san_francisco.records.items() if count} == {
        "dispatch_events": sum(moments[name] for name in told),
        "provider_status": sum(moments[name] for name in met),
    }
    assert_every_record_is_in_bronze(san_francisco)


def test_the_assignments_of_san_francisco_are_the_responses_of_the_file(
    san_francisco: Replayed, labels: pd.DataFrame
) -> None:
    found = san_francisco.latest("silver.assignments", "end_reason")["end_reason"]
    assert len(labels) == 4_664
    assert found.to_dict() == labels["end_reason"].to_dict()


def test_the_dataset_leaves_out_what_was_keyed_late_and_nothing_else(
    san_francisco: Replayed, labels: pd.DataFrame, dataset: pd.DataFrame
) -> None:
    keyed_late = {
        record.data["assignment_id"]
        for record in san_francisco.landed
        if record.data["event_type"] == "accepted" and record.landed_at - record.event_timestamp > BACKDATED
    }
    assert set(labels.index) - set(dataset.index) == keyed_late
    assert set(dataset.index) <= set(labels.index)
    manifest = json.loads((san_francisco.settings.datasets_dir / "eta_v1" / "_manifest.json").read_text())
    assert dict(manifest["waterfall"]) == {
        "accepted_offers": 4_664,
        "scheduled": 0,
        "second_tow": 0,
        "backdated": len(keyed_late),
        "rows": len(dataset),
    }
    assert (len(keyed_late), len(dataset)) == (4, 4_660)


def test_the_dataset_s_labels_are_those_of_the_raw_file(labels: pd.DataFrame, dataset: pd.DataFrame) -> None:
    expected = labels.loc[dataset.index]
    assert dataset["label_status"].tolist() == expected["status"].tolist()
    assert Counter(expected["status"]) == {
        "observed": 3_703,
        "censored": 801,
        "invalid_arrival": 152,
        "missing_milestone": 4,
    }
    pd.testing.assert_series_equal(
        dataset["label_arrival_minutes"],
        expected["arrival_minutes"],
        check_names=False,
        check_exact=True,
    )
    told = dataset["label_censor_reason"].replace("open_at_close", "open")
    assert told[told.notna()].equals(expected["end_reason"][expected["status"] == "censored"])


def test_features_of_san_francisco_count_what_had_landed(san_francisco: Replayed) -> None:
    assert_offers_in_force(san_francisco, datetime(2017, 1, 2, tzinfo=UTC), 1, lambda tick: False)


JOINED = {
    "provider_activity_15m": (
        "provider_id",
        ["offers_60m_count", "accepts_60m_count", "open_assignment_count"],
    ),
    "zone_demand_15m": ("zone_id", ["requests_60m_count", "open_unassigned_count"]),
    "area_dispatch_15m": ("area_id", ["offers_60m_count", "arrivals_4h_count"]),
}
"""Key and some features by view."""


@pytest.mark.filterwarnings("ignore:The spark data source API:RuntimeWarning")
def test_what_both_engines_and_the_oracle_join_to_the_recorded_offers_is_the_same(
    san_francisco: Replayed, spark: SparkSession, tmp_path: Path
) -> None:
    """Every fifth offer at its own moment, and at that at which a row of its provider begins to be read."""
    asked, reads, views = _offers_asked(san_francisco), [], []
    for name, (key, features) in JOINED.items():
        table = san_francisco.rows(f"features.{name}", key, "available_at", "revised_at", *features)
        path = tmp_path / f"{name}.parquet"
        table.to_parquet(path, index=False, coerce_timestamps="us")
        source = SparkSource(name=name, path=str(path), file_format="parquet", timestamp_field="available_at")
        pairs = tuple((feature, f"{name}__{feature}") for feature in features)
        rows = Rows(source, "available_at", "revised_at")
        ttl = TICK * 8
        reads.append(ViewRead(name, rows, ((key, key),), pairs, ttl))
        renamed = table.rename(columns={"available_at": "at", "revised_at": "created"}).astype(object)
        by_key = renamed.where(renamed.notna(), None).groupby(key)
        of_key = {value: each.to_dict("records") for value, each in by_key}
        views.append(
            (
                key,
                of_key,
                oracle.View(
                    (), {key: key}, {answer: feature for feature, answer in pairs}, features, ttl, True
                ),
            )
        )
    expected = [
        {
            feature: value
            for key, of_key, view in views
            for feature, value in oracle.found(
                row, "event_timestamp", replace(view, rows=of_key.get(row[key], ())), False
            ).items()
        }
        for row in asked.to_pylist()
    ]
    retrieval, end = Retrieval("event_timestamp", tuple(reads)), pc.max(asked["event_timestamp"]).as_py()
    start = pc.min(asked["event_timestamp"]).as_py()
    files = DuckDBEngine(IcebergTables("lake", {}), {"threads": "2"})
    by_files = files.features(asked, retrieval, start, end).drop_columns([ROW])
    on_spark = SparkEngine(spark).features(spark.createDataFrame(asked), retrieval, start, end)
    by_spark = on_spark.orderBy(ROW).toArrow().drop_columns(asked.column_names)
    assert by_files.to_pylist() == by_spark.to_pylist() == expected
    for name, (_, features) in JOINED.items():
        assert sum(row[f"{name}__{features[0]}"] not in (None, 0) for row in expected) > 100


def _offers_asked(recording: Replayed) -> pa.Table:
    """ROW, the keys and the moment of offers; each twice."""
    jobs = recording.latest("silver.jobs", "zone_id", "area_id")
    offers = recording.rows("silver.offers", "job_id", "provider_id", "offered_at")
    known = offers.drop_duplicates().sort_values(["offered_at", "job_id", "provider_id"])[::5]
    at = known.merge(jobs, on="job_id", validate="many_to_one")
    begins = at.assign(offered_at=at["offered_at"].dt.ceil("15min") + timedelta(minutes=5))
    both = pd.concat([at, begins])
    return pa.table(
        {
            ROW: pa.array(range(len(both)), pa.int64()),
            "provider_id": pa.array(both["provider_id"], pa.string()),
            "zone_id": pa.array(both["zone_id"], pa.string()),
            "area_id": pa.array(both["area_id"], pa.string()),
            "event_timestamp": pa.array(both["offered_at"], pa.timestamp("us", "UTC")),
        }
    )


@pytest.fixture(scope="module")
def month(recorded_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a feed that ends with March 2024."""
    folder = tmp_path_factory.mktemp("feed")
    (folder / CHANGES_FILE).parent.mkdir()
    for name in (CHANGES_FILE, POLLS_FILE):
        rows = pq.read_table(recorded_data / name)
        pq.write_table(rows.filter(pc.less(rows["observed_at"], MONTH_END)), folder / name)
    return folder


@pytest.fixture(scope="module")
def canberra(month: Path, tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    return replayed(
        tmp_path_factory.mktemp("canberra"),
        f"replay canberra --data '{month}' --json",
        "run --start 2024-03-01 --end 2024-04-01",
        heartbeats=HEARTBEAT_MINUTES,
    )


def test_every_record_of_canberra_is_in_bronze(canberra: Replayed) -> None:
    assert_every_record_is_in_bronze(canberra)


def test_silver_makes_the_transitions_of_every_incident(canberra: Replayed, month: Path) -> None:
    events = canberra.rows("silver.dispatch_events", "job_id", "event_type")
    assert len(events) == canberra.records["dispatch_events"]
    counted = events.groupby(["job_id", "event_type"]).size().unstack(fill_value=0)
    expected = transitions_from_raw(month).set_index("job_id")
    assert len(expected) == pd.read_parquet(month / CHANGES_FILE, columns=["id"])["id"].nunique() > 4_000
    pd.testing.assert_frame_equal(
        counted[expected.columns].sort_index(), expected.sort_index(), check_dtype=False, check_names=False
    )


def test_the_lifecycle_has_every_incident_and_acceptance_that_was_not_late(
    canberra: Replayed, month: Path
) -> None:
    late = [record for record in canberra.landed if record.is_late]
    kept: dict[str, set[Any]] = {"job_id": set(), "assignment_id": set()}
    for record in canberra.landed:
        if not record.is_late:
            kept["job_id"].add(record.data["job_id"])
            if record.data["event_type"] == "accepted":
                kept["assignment_id"].add(record.data["assignment_id"])
    assert set(canberra.latest("silver.jobs").index) == kept["job_id"]
    assert set(canberra.latest("silver.assignments").index) == kept["assignment_id"]
    assert len(kept["assignment_id"]) == transitions_from_raw(month)["accepted"].sum() - sum(
        record.data["event_type"] == "accepted" for record in late
    )
    is_late = canberra.rows("silver.dispatch_events", "is_late")["is_late"]
    assert int(is_late.sum()) == len(late) == 1


def test_features_of_canberra_count_what_had_been_seen(canberra: Replayed) -> None:
    """A tick is held where no poll of the last hour had landed by it."""
    stamps = [each.landed_at for each in objects_from_landing(canberra.settings.home, ["dispatch_events"])]

    def is_held(tick: datetime) -> bool:
        return not any(tick - timedelta(hours=1) <= stamp < tick for stamp in stamps)

    assert_offers_in_force(canberra, datetime(2024, 3, 20, tzinfo=UTC), 2, is_held)
