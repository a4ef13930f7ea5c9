"""The offline store through Feast: what it refuses before anything is read, and the ways it is asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feast import Entity, FeatureStore, ValueType
from feast.data_source import DataSource
from feast.infra.offline_stores.contrib.spark_offline_store.spark_source import (
    SavedDatasetSparkStorage,
    SparkSource,
)
from pyspark import SparkContext
from pyspark.sql import SparkSession

from feast_plugins.offline import RoadsideOfflineStore, _Store
from feast_plugins.spines import spine_of
from lakehouse.processes import this_process
from support.offline_store import (
    MINUTE,
    MOMENT,
    NOON,
    OURS,
    OURS_DUCKDB,
    OURS_SPARK,
    PROVIDER,
    ZONE,
    rows,
    spine,
    store_of,
    view,
)
from validation.errors import InputMissing, UnknownName, UserError

pytestmark = pytest.mark.filterwarnings("ignore")  # Feast's own
HOUR = 60 * MINUTE
FLEET = rows(
    {"provider_id": "P1", "at": NOON, "offers": 3},
    {"provider_id": "P1", "at": NOON, "created": NOON + HOUR, "offers": 4},
    {"provider_id": "P2", "at": NOON + 30 * MINUTE, "offers": 7},
)
DEMAND = rows({"zone_id": "Z1", "at": NOON, "requests": 5})


def objects(sources: Mapping[str, DataSource]) -> Sequence[Any]:
    return [
        PROVIDER,
        ZONE,
        view("fleet", [PROVIDER], sources["fleet"], "offers", ttl=3 * HOUR),
        view("demand", [ZONE], sources["demand"], "requests"),
    ]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> FeatureStore:
    folder = tmp_path_factory.mktemp("store")
    return store_of(folder, OURS_DUCKDB, {"fleet": FLEET, "demand": DEMAND}, objects)


def asked(store: FeatureStore, frame: Any, *features: str, **more: Any) -> list[Any]:
    answered = store.get_historical_features(frame, list(features) or ["fleet:offers"], **more).to_arrow()
    return answered["offers"].to_pylist()


ONE = {"provider_id": "P1", "event_timestamp": NOON + MINUTE}
LATER = datetime.now(UTC) + timedelta(days=2)


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (spine({"event_timestamp": NOON}), "no column provider_id"),
        (spine(ONE).iloc[:0], "it has no rows"),
        (spine({**ONE, "offers": 1}), "its column offers would be added"),
        (spine({**ONE, "provider_id": 7}), "provider_id is int64; fleet is keyed by varchar"),
        (spine({**ONE, "event_timestamp": LATER}), "in the future"),
        (spine({**ONE, "event_timestamp": pd.NaT}, ONE), "event_timestamp is null in 1 rows"),
        (spine({"provider_id": "P1", "asked_on": "today"}), "no event_timestamp, and 0 columns of moments"),
        (spine({**ONE, "event_timestamp": "soon"}), "no moment"),
        (pa.table({"provider_id": ["P1"], "event_timestamp": [3]}), "event_timestamp is int64, no moment"),
    ],
)
def test_a_spine_that_cannot_be_asked_is_refused_before_anything_is_read(
    store: FeatureStore, frame: Any, said: str
) -> None:
    with pytest.raises(UserError, match=said):
        store.get_historical_features(frame, ["fleet:offers"])


def test_moments_to_come_are_answered_where_that_is_allowed(tmp_path: Path) -> None:
    planned = rows({"provider_id": "P1", "at": LATER - MINUTE, "offers": 6})
    offline = OURS_DUCKDB | {"allow_future": True}
    store = store_of(tmp_path, offline, {"fleet": planned, "demand": DEMAND}, objects)
    assert asked(store, spine({"provider_id": "P1", "event_timestamp": LATER})) == [6]


def test_a_key_has_the_type_of_the_rows_whatever_the_entity_is_said_to_be(tmp_path: Path) -> None:
    number = Entity(name="number", join_keys=["number"], value_type=ValueType.STRING)
    table = rows({"at": NOON, "offers": 3}).append_column("number", pa.array([7], pa.int64()))
    store = store_of(
        tmp_path,
        OURS_DUCKDB,
        {"fleet": table},
        lambda sources: [number, view("fleet", [number], sources["fleet"], "offers")],
    )
    frame = pd.DataFrame({"number": [7], "event_timestamp": [NOON + MINUTE]})
    assert asked(store, frame) == [3]
    with pytest.raises(UserError, match="number is string; fleet is keyed by bigint"):
        asked(store, frame.astype({"number": "str"}))


def test_all_that_is_wrong_of_a_spine_is_said_at_once(store: FeatureStore) -> None:
    with pytest.raises(UserError, match=r"no column provider_id; it has no column zone_id; it has no rows"):
        store.get_historical_features(
            spine({"event_timestamp": NOON}).iloc[:0], ["fleet:offers", "demand:requests"]
        )


def test_a_source_that_is_missing_or_lacks_a_column_is_said(tmp_path: Path) -> None:
    store = store_of(tmp_path, OURS_DUCKDB, {"fleet": FLEET, "demand": DEMAND}, objects)
    pq.write_table(FLEET.drop_columns(["offers"]), tmp_path / "fleet.parquet")
    with pytest.raises(UnknownName, match="offers"):
        store.get_historical_features(spine(ONE), ["fleet:offers"])
    (tmp_path / "fleet.parquet").unlink()
    with pytest.raises(InputMissing, match=r"fleet\.parquet"):
        store.get_historical_features(spine(ONE), ["fleet:offers"])


def test_what_only_spark_reads_is_said_where_duckdb_is_forced(tmp_path: Path) -> None:
    def of_query(_: Mapping[str, DataSource]) -> Sequence[Any]:
        query = SparkSource(name="queried", query="SELECT 1", timestamp_field="at")
        return [PROVIDER, view("fleet", [PROVIDER], query, "offers")]

    store = store_of(tmp_path, OURS_DUCKDB, {"fleet": FLEET}, of_query)
    with pytest.raises(UserError, match="engine is duckdb, and only Spark reads queried"):
        store.get_historical_features(spine(ONE), ["fleet:offers"])
    with pytest.raises(UserError, match="only Spark reads queried, the spine"):
        store.get_historical_features("SELECT 'P1' provider_id", ["fleet:offers"])


def test_rows_count_from_their_created_time_where_that_is_asked(store: FeatureStore) -> None:  # P10
    moments = (NOON - MINUTE, NOON, NOON + HOUR - MINUTE, NOON + HOUR)
    frame = spine(*({"provider_id": "P1", "event_timestamp": each} for each in moments))
    assert asked(store, frame) == [None, 4, 4, 4]
    assert asked(store, frame, filter_by_created_timestamp=True) == [None, 3, 3, 4]


def test_a_view_that_does_not_say_when_its_rows_were_created_is_read_whole(tmp_path: Path) -> None:
    source = SparkSource(
        name="fleet",
        path=str(tmp_path / "fleet.parquet"),
        file_format="parquet",
        timestamp_field="at",
    )
    store = store_of(
        tmp_path,
        OURS_DUCKDB,
        {"fleet": FLEET},
        lambda _: [PROVIDER, view("fleet", [PROVIDER], source, "offers")],
    )
    assert asked(store, spine(ONE), filter_by_created_timestamp=True) == [4]


def test_the_spine_s_columns_come_back_as_they_were(store: FeatureStore) -> None:
    frame = spine(
        {
            **ONE,
            "note": {"any": 1},
            "count": 5,
            "event_timestamp": pd.Timestamp(NOON) + pd.Timedelta(1, "ns"),
        },
        {**ONE, "provider_id": None, "note": "text", "count": 6},
    ).set_index(pd.Index([9, 4]))
    frame["count"] = frame["count"].astype("int8")
    answered = store.get_historical_features(frame, ["fleet:offers"]).to_df()
    pd.testing.assert_frame_equal(answered[frame.columns], frame.reset_index(drop=True))
    assert answered["offers"].tolist() == [4, pd.NA]
    with pytest.raises(UserError, match="Arrow has no type for the spine's note"):
        store.get_historical_features(frame, ["fleet:offers"]).to_arrow()


def test_arrow_in_arrow_out(store: FeatureStore) -> None:
    table = pa.Table.from_pandas(spine(ONE, {**ONE, "provider_id": "P2"}), preserve_index=False)
    answered = store.get_historical_features(table, ["fleet:offers"]).to_arrow()
    assert answered.column_names == ["provider_id", "event_timestamp", "offers"]
    assert answered["offers"].to_pylist() == [4, None]
    assert answered.schema.field("offers").type == pa.int64()


def test_a_range_gives_every_entity_as_it_stood_at_its_end(store: FeatureStore) -> None:
    job = store.get_historical_features(
        features=["fleet:offers"], start_date=NOON - HOUR, end_date=NOON + 2 * HOUR
    )
    answered = job.to_df().sort_values("provider_id")
    assert list(answered.columns) == ["provider_id", "entity_ts", "offers"]
    assert answered["provider_id"].tolist() == ["P1", "P2"]
    assert answered["offers"].tolist() == [4, 7]
    assert set(answered["entity_ts"]) == {pd.Timestamp(NOON + 2 * HOUR)}


@pytest.fixture
def clock_of(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Sets the machine's zone."""

    def set_to(zone: str) -> None:
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield set_to
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York", "UTC"])
def test_a_range_without_an_end_ends_now_wherever_the_machine_stands(
    tmp_path: Path, clock_of: Callable[[str], None], zone: str
) -> None:
    clock_of(zone)
    now = datetime.now(UTC)
    table = rows(
        {"provider_id": "P1", "at": now - MINUTE, "offers": 3},
        {"provider_id": "P2", "at": now + HOUR, "offers": 4},
    )
    store = store_of(tmp_path, OURS_DUCKDB, {"fleet": table, "demand": DEMAND}, objects)
    answered = store.get_historical_features(features=["fleet:offers"], start_date=now - HOUR).to_df()
    assert answered[["provider_id", "offers"]].values.tolist() == [["P1", 3]]
    assert now <= answered["entity_ts"][0] <= datetime.now(UTC)


def test_an_end_without_a_zone_is_utc_wherever_the_machine_stands(
    store: FeatureStore, clock_of: Callable[[str], None]
) -> None:
    clock_of("Asia/Tokyo")
    end = (NOON + 2 * HOUR).replace(tzinfo=None)
    job = store.get_historical_features(features=["fleet:offers"], start_date=end - 4 * HOUR, end_date=end)
    assert set(job.to_df()["entity_ts"]) == {pd.Timestamp(NOON + 2 * HOUR)}


def test_an_answer_is_kept_once_and_replaced_where_that_is_allowed(
    store: FeatureStore, tmp_path: Path
) -> None:
    job = store.get_historical_features(spine(ONE), ["fleet:offers"])
    storage = SavedDatasetSparkStorage(path=str(tmp_path / "kept.parquet"), file_format="parquet")
    job.persist(storage)
    assert pq.read_table(tmp_path / "kept.parquet")["offers"].to_pylist() == [4]
    with pytest.raises(UserError, match="exists already"):
        job.persist(storage)
    job.persist(storage, allow_overwrite=True)
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(UserError, match="is a folder"):
        job.persist(SavedDatasetSparkStorage(path=str(folder), file_format="parquet"), allow_overwrite=True)
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".")] == []


def test_an_answer_that_was_kept_is_read_back_whatever_its_spine_counted_in(
    store: FeatureStore, tmp_path: Path
) -> None:
    frame = spine(ONE)
    assert str(frame["event_timestamp"].dtype) == "datetime64[ns, UTC]"
    kept = tmp_path / "kept.parquet"
    job = store.get_historical_features(frame, ["fleet:offers"])
    job.persist(SavedDatasetSparkStorage(path=str(kept), file_format="parquet"))
    source = SparkSource(
        name="kept", path=str(kept), file_format="parquet", timestamp_field="event_timestamp"
    )
    asked_for = (["provider_id"], ["offers"], "event_timestamp", None, NOON, NOON + HOUR)
    pulled = RoadsideOfflineStore.pull_all_from_table_or_query(store.config, source, *asked_for)
    assert pulled.to_arrow().to_pylist() == [
        {"provider_id": "P1", "offers": 4, "event_timestamp": NOON + MINUTE}
    ]


@pytest.mark.parametrize("pull", ["pull_latest_from_table_or_query", "pull_all_from_table_or_query"])
@pytest.mark.parametrize("features", [["offers"], []])
def test_rows_without_the_timestamp_are_refused_by_name(
    store: FeatureStore, pull: str, features: list[str]
) -> None:
    source = store.get_feature_view("fleet").batch_source
    asked_for = (["provider_id"], features, "moment", None, NOON, NOON + HOUR)
    with pytest.raises(UnknownName, match="named 'moment'"):
        getattr(RoadsideOfflineStore, pull)(store.config, source, *asked_for).to_arrow()


def test_a_range_of_rows_is_pulled_whole_or_newest_by_key(store: FeatureStore) -> None:
    fleet = store.get_feature_view("fleet")
    provider = store._get_provider()
    keys, features = ["provider_id"], ["offers"]
    clocks = ("at", "created", NOON - HOUR, NOON + HOUR)
    config, offline = store.config, provider.offline_store  # type: ignore[attr-defined]
    newest = offline.pull_latest_from_table_or_query(config, fleet.batch_source, keys, features, *clocks)
    everything = offline.pull_all_from_table_or_query(config, fleet.batch_source, keys, features, *clocks)
    told = newest.to_arrow().sort_by("provider_id")
    assert told.select(["provider_id", "offers"]).to_pylist() == [
        {"provider_id": "P1", "offers": 4},
        {"provider_id": "P2", "offers": 7},
    ]
    assert everything.to_arrow().num_rows == 3


def test_a_view_without_an_entity_is_joined_by_time_alone(tmp_path: Path) -> None:
    table = rows({"at": NOON, "requests": 1}, {"at": NOON + HOUR, "requests": 2})
    store = store_of(
        tmp_path, OURS_DUCKDB, {"all": table}, lambda of: [view("everywhere", [], of["all"], "requests")]
    )
    frame = spine({"event_timestamp": NOON}, {"event_timestamp": NOON + HOUR})
    answered = store.get_historical_features(frame, ["everywhere:requests"]).to_df()
    assert answered["requests"].tolist() == [1, 2]


def test_a_range_of_a_view_without_an_entity_is_one_row(tmp_path: Path) -> None:
    table = rows({"at": NOON, "requests": 1}, {"at": NOON + HOUR, "requests": 2})
    store = store_of(
        tmp_path,
        OURS_DUCKDB,
        {"all": table, "fleet": FLEET},
        lambda of: [
            PROVIDER,
            view("everywhere", [], of["all"], "requests"),
            view("fleet", [PROVIDER], of["fleet"], "offers"),
        ],
    )
    span = {"start_date": NOON - HOUR, "end_date": NOON + MINUTE}
    alone = store.get_historical_features(features=["everywhere:requests"], **span).to_arrow()
    assert alone.to_pylist() == [{"entity_ts": NOON + MINUTE, "requests": 1}]
    both = store.get_historical_features(features=["fleet:offers", "everywhere:requests"], **span).to_arrow()
    assert both.drop_columns(["entity_ts"]).to_pylist() == [{"provider_id": "P1", "offers": 4, "requests": 1}]


def test_views_whose_keys_no_value_can_both_be_are_refused_by_name(tmp_path: Path) -> None:
    texts = rows({"at": NOON, "offers": 3}).append_column("number", pa.array(["7"]))
    numbers = rows({"at": NOON, "requests": 4}).append_column("number", pa.array([7], pa.int64()))
    number = Entity(name="number", join_keys=["number"], value_type=ValueType.STRING)
    store = store_of(
        tmp_path,
        OURS_DUCKDB,
        {"texts": texts, "numbers": numbers},
        lambda of: [
            number,
            view("texts", [number], of["texts"], "offers"),
            view("numbers", [number], of["numbers"], "requests"),
        ],
    )
    frame = spine({"number": "7", "event_timestamp": NOON})
    said = "number asks texts, which is keyed by varchar, and numbers, which is keyed by bigint"
    with pytest.raises(UserError, match=said):
        store.get_historical_features(frame, ["texts:offers", "numbers:requests"])


def test_a_spine_in_the_hour_that_autumn_repeats_is_read(store: FeatureStore) -> None:
    hours = [datetime(2025, 11, 2, hour, 30, 0, 5, tzinfo=UTC) for hour in (5, 6)]
    moments = pa.array(hours, MOMENT).cast(pa.timestamp("ns", "UTC"))
    table = pa.table(
        {"provider_id": ["P1", "P1"], "event_timestamp": moments.cast(pa.timestamp("ns", "America/New_York"))}
    )
    spine = spine_of(table, {"provider_id": ("varchar", "fleet")}, ["offers"])
    assert spine.asked["event_timestamp"].to_pylist() == hours


def test_whole_numbers_are_keys_in_whatever_width_they_come(tmp_path: Path) -> None:
    number = Entity(name="number", join_keys=["number"], value_type=ValueType.INT64)
    table = rows({"at": NOON, "offers": 3}).append_column("number", pa.array([5], pa.int32()))

    def of_numbers(sources: Mapping[str, DataSource]) -> Sequence[Any]:
        made = view("fleet", [], sources["fleet"], "offers")
        return [
            number,
            type(made)(
                name="fleet", entities=[number], schema=made.schema, source=sources["fleet"], ttl=HOUR
            ),
        ]

    store = store_of(tmp_path, OURS, {"fleet": table}, of_numbers)
    frame = pd.DataFrame({"number": [5.0, None], "event_timestamp": [NOON, NOON]})
    assert asked(store, frame) == [3, None]
    with pytest.raises(UserError, match="number is double; fleet is keyed by integer"):
        store.get_historical_features(frame.assign(number=5.5), ["fleet:offers"])


def test_a_session_that_it_begins_has_scratch_of_its_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[dict[str, Any]] = []
    monkeypatch.setattr(SparkSession, "getActiveSession", lambda: None)
    monkeypatch.setattr(SparkContext, "_active_spark_context", None)
    monkeypatch.setattr(SparkContext, "_jvm", None)  # whose settings a configuration would begin with
    monkeypatch.setattr(SparkSession.Builder, "getOrCreate", lambda built: begun.append(built._options))
    for conf in ({"spark.local.dir": str(tmp_path / "scratch")}, {"spark.app.name": "another's"}):
        _Store(store_of(tmp_path, OURS_SPARK | {"spark_conf": conf}, {}, lambda _: []).config).spark()
    own = tmp_path / "scratch" / this_process().folder_name
    assert own.stat().st_mode & 0o777 == 0o700
    assert begun[0]["spark.local.dir"] == str(own)
    assert begun[0]["spark.driver.extraJavaOptions"] == f'"-Djava.io.tmpdir={own}"'
    assert not {"spark.local.dir", "spark.driver.extraJavaOptions"} & set(begun[1])
