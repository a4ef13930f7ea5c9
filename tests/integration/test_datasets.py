"""Every dataset over a small city and the afternoon, carried along the whole road, against the oracle."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

import training_datasets
from lakehouse import feast_edge
from lakehouse.settings import Settings
from lakehouse.spark import CATALOG
from roadside.graph import STEPS, step_named
from roadside.leaks import Leak, differing, leaks
from roadside.leaks import joined as joined_ways
from roadside.runner import Runner
from simulation.afternoon import AFTERNOON, write_afternoon
from simulation.city import SimulationConfig, simulate
from simulation.landing import LandingWriter
from support import oracle
from support.afternoon import at
from support.afternoon import expected as afternoon_expected
from support.dataset_city import DAY, City, differences, key_of, mountain, plain
from support.landed_city import forget_city
from support.oracle import Silver, records_from_landing
from support.oracle_dataset import ROLES, Dataset, joined
from support.tokens import driver_tokens
from support.truth_labels import Truth
from training_datasets import choice_sets
from training_datasets.build import BuildResult
from training_datasets.choice_sets import Recall, checked_recall
from training_datasets.computing import Computing
from training_datasets.files import day_file
from training_datasets.known import Known
from training_datasets.manifests import day_manifest
from training_datasets.rebuilding import rebuilt
from training_datasets.specs import SPECS, spec_named
from validation.clocks import Interval
from validation.contracts.training.row_index import ROW_INDEX
from validation.errors import CheckFailed
from validation.sources import SOURCES

# The warnings are Feast's and pyspark's own.
pytestmark = [pytest.mark.slow(minutes=4), pytest.mark.timeout(1500), pytest.mark.filterwarnings("ignore")]

START, END = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 12, 8, tzinfo=UTC)
TABLES = [table for step in STEPS for table in step.tables]
BOUND = choice_sets.LEAST_RECALL
JOBS = [f"J{number}" for number in range(1, 9)]
"""The afternoon's."""


@pytest.fixture(scope="module")
def city(spark: SparkSession, spark_settings: Settings) -> Iterator[City]:
    simulate(
        SimulationConfig(
            start=date(2026, 3, 8), days=5, providers=8, jobs_per_day=40, ping_seconds=600, pings_days=4
        ),
        spark_settings.home,
    )
    write_afternoon(spark_settings.home, start=END, end=END)  # the city's heartbeats do
    runner = Runner(spark_settings, spark)
    for result in runner.run(Interval(START, END)):
        assert (result.error, result.is_broken) == (None, False), result
    feast_edge.apply(spark_settings)
    yield City(spark_settings, runner, feast_edge.feature_store(spark_settings))
    shutil.rmtree(spark_settings.datasets_dir, ignore_errors=True)
    forget_city(spark_settings.home)
    for table in (*TABLES, *(spec.table for spec in SPECS), ROW_INDEX):
        spark.sql(f"DROP TABLE IF EXISTS {CATALOG}.{table.name} PURGE")


@pytest.fixture(scope="module")
def silver(city: City) -> Silver:
    return Silver(records_from_landing(city.settings.home), driver_tokens(city.settings))


@pytest.fixture(scope="module")
def built(city: City) -> Iterator[dict[str, BuildResult]]:
    """Every dataset of the day; the rule's recall is refused in a test of its own, and not asked here."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(choice_sets, "LEAST_RECALL", 0.0)
        yield {spec.name: city.build(spec) for spec in SPECS}


NAMES = [spec.name for spec in SPECS]
each_dataset = pytest.mark.parametrize("name", NAMES)
LEAST_OF_CITY = dict.fromkeys(NAMES, 20)
FEATURES_OF_EVERY = 7
"""Of so many rows one has its features compared: the oracle is slow."""


def oracle_of(name: str, silver: Silver) -> Dataset:
    """The day's rows by the oracle, without features."""
    if name == "eta_v1":
        return oracle.eta_v1(silver, AFTERNOON)
    made: Dataset = getattr(oracle, name)(silver, AFTERNOON, timezone_of=mountain)
    return made


@each_dataset
def test_rows_and_labels_are_the_oracle_s(
    city: City, silver: Silver, built: dict[str, BuildResult], name: str
) -> None:
    made = oracle_of(name, silver)
    rows = city.rows(spec_named(name))
    assert built[name].waterfall == made.waterfall
    assert sorted(rows.index) == sorted(key_of(name, row) for row in made.rows)
    compared = set()
    for expected in made.rows:
        row = rows.loc[key_of(name, expected)]
        both = [column for column in expected if column in rows.columns]
        compared |= set(both)
        assert differences(row, expected, both) == {}, key_of(name, expected)
    of_no_oracle = {"meta_row_id", "meta_group", "meta_round", "dataset", "job_id", "label_is_censored"}
    assert {column for column in rows.columns if "__" not in column} - compared <= of_no_oracle


@each_dataset
def test_features_are_the_oracle_s_at_the_decision(
    city: City, silver: Silver, built: dict[str, BuildResult], name: str
) -> None:
    columns = [column for column in spec_named(name).table.column_names if "__" in column]
    stored: dict[str, list[str]] = {}
    for role, _, feature in (column.partition("__") for column in columns):
        if role in ROLES:
            stored.setdefault(role, []).append(feature)
    rows, known = city.rows(spec_named(name)), 0
    for expected in oracle_of(name, silver).rows[::FEATURES_OF_EVERY]:
        row = rows.loc[key_of(name, expected)]
        features = joined(silver, expected, stored)
        assert differences(row, features, features) == {}, key_of(name, expected)
        known += sum(value is not None for value in features.values())
    assert known > len(stored)


@each_dataset
def test_labels_are_what_really_happened(city: City, built: dict[str, BuildResult], name: str) -> None:
    """Of the city's jobs; the afternoon's are told apart by hand."""
    truth, told = Truth.of(city.settings.home), 0
    for key, row in city.rows(spec_named(name)).iterrows():
        expected = truth.labels(name, row.to_dict())
        if expected is not None:
            assert differences(row, expected, [label for label in expected if label in row]) == {}, key
            told += 1
    assert told >= LEAST_OF_CITY[name]


@each_dataset
def test_a_status_says_whether_a_row_is_censored(
    city: City, built: dict[str, BuildResult], name: str
) -> None:
    rows = city.rows(spec_named(name))
    assert (rows["label_is_censored"] == (rows["label_status"] == "censored")).all()


def test_what_was_asked_and_is_no_candidate_is_counted_before_it_is_added(
    city: City, silver: Silver, built: dict[str, BuildResult]
) -> None:
    spec = spec_named("matching_ranking_v1")
    made = oracle.matching_ranking_v1(silver, AFTERNOON)
    inside, asked = (
        sum(getattr(each, count) for each in made.recalls) for count in ("inside_count", "offered_count")
    )
    manifest = day_manifest(city.settings.datasets_dir / spec.name, AFTERNOON)
    assert manifest is not None
    told = manifest.evidence["checks"]["rule_recall"]
    assert told.endswith(f": {inside} of {asked} providers asked are candidates by the rule")
    outside = (city.rows(spec)["meta_candidate_source"] == "offered_outside_rule").sum()
    assert 0 < outside <= asked - inside


def test_a_day_whose_rule_knows_too_few_of_the_asked_is_refused(
    city: City, built: dict[str, BuildResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Phone companies that nobody called for a day, and areas nobody was called to yet: 6 of 109."""
    monkeypatch.setattr(choice_sets, "LEAST_RECALL", BOUND)
    monkeypatch.setattr(Computing, "_with_features", None)  # refused before a feature is asked for
    with pytest.raises(CheckFailed, match=r"rule recall 0\.945 on 2026-03-10 is below 0\.95: 103 of 109"):
        city.build(spec_named("matching_ranking_v1"), force=True)
    assert checked_recall("x", AFTERNOON, Recall(38, 40)).startswith("warned: 38 of 40")
    assert checked_recall("x", AFTERNOON, Recall(99, 100)).startswith("passed: 99 of 100")
    with pytest.raises(CheckFailed, match=r"below 0\.95: 11 of 12"):
        checked_recall("x", AFTERNOON, Recall(11, 12))


def test_s13_the_candidate_set_is_what_was_known_and_admits_what_it_cannot_know(
    city: City, built: dict[str, BuildResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An accepted offer to P9, never in the area and without equipment, beside what J7 was."""
    monkeypatch.setattr(choice_sets, "LEAST_RECALL", BOUND)
    spec, computing = spec_named("matching_ranking_v1"), city.computing("matching_ranking_v1")
    rows = city.rows(spec)
    of_j7 = rows[rows["job_id"] == "J7"].sort_values("provider_id")
    assert of_j7["provider_id"].tolist() == ["P1", "P3"]
    assert [plain(gain) for gain in of_j7["label_gain"]] == [None, 2]
    assert of_j7["label_status"].tolist() == ["unobserved", "observed"]
    known = computing.known(AFTERNOON)
    offers = known.rows("offers")
    to_p9 = offers.where("job_id = 'J7' AND offer_outcome = 'accepted'").withColumns(
        {"offer_id": F.lit("O9"), "provider_id": F.lit("P9"), "offer_seq": F.lit(2).cast("bigint")}
    )
    with_p9 = Known({**known.tables, "offers": offers.unionByName(to_p9)}, known.close)
    for jobs, before, after in ((["J7"], (1, 1), (1, 2)), (JOBS, (11, 12), (11, 13))):
        for each, recall in ((known, before), (with_p9, after)):
            found, told = computing.choices(each, AFTERNOON, F.col("job_id").isin(jobs))
            assert (told.named, told.asked) == recall
        sources = {
            row["provider_id"]: row["candidate_source"] for row in found.where("job_id = 'J7'").collect()
        }
        assert sources == {"P1": "rule", "P3": "rule", "P9": "offered_outside_rule"}
        with pytest.raises(
            CheckFailed, match="look whether a source was silent, or what the rule cannot know"
        ):
            checked_recall(spec.name, AFTERNOON, told)


def test_a_rule_that_misses_whom_it_would_name_among_all_is_refused(
    city: City, built: dict[str, BuildResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    def only_p3(*_: Any) -> Any:
        return whole(*_).where("provider_id = 'P3'")

    whole = choice_sets.pool
    monkeypatch.setattr(choice_sets, "pool", only_p3)
    computing = city.computing("matching_ranking_v1")
    with pytest.raises(CheckFailed, match="rounds are not those that the rule names among all providers"):
        computing.choices(computing.known(AFTERNOON), AFTERNOON, F.col("job_id").isin(JOBS))


def test_a_day_that_does_not_pass_its_gates_leaves_readers_what_they_had(
    city: City, built: dict[str, BuildResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trap T16: a feature of the next day is the answer itself."""
    spec, leak = spec_named("matching_acceptance_v1"), "provider_activity_15m__offer_accept_ratio_4h"
    following = AFTERNOON + DAY
    joined_honestly = Computing._with_features

    def joined_badly(self: Computing, rows: pd.DataFrame) -> pd.DataFrame:
        frame = joined_honestly(self, rows)
        return frame.assign(**{leak: frame["label_is_accepted"].astype("float64")})

    folder = city.settings.datasets_dir / spec.name
    stood = (city.runner.releases.by_table().get(spec.table.name), city.runner.lakehouse.head(spec.table))
    with monkeypatch.context() as planted:
        planted.setattr(Computing, "_with_features", joined_badly)
        with pytest.raises(CheckFailed, match=f"{following} does not pass its gates .* tripwire: {leak}"):
            city.build(spec, following)
    assert day_manifest(folder, following) is None
    assert not day_file(folder, spec.table, following).exists()
    now = (city.runner.releases.by_table().get(spec.table.name), city.runner.lakehouse.head(spec.table))
    assert now == stood
    assert training_datasets.load(folder).days == (AFTERNOON,)
    (mended,) = city.build(spec, following).days
    assert (mended.status, mended.gates["tripwire"]) == ("built", "passed")
    assert mended.gates["one_acceptance_at_a_time"] == "passed"
    assert mended.gates["no_drift"] == "not asked: 1 days before it are too few"
    evidence = day_manifest(folder, following)
    assert evidence is not None
    assert evidence.evidence["late_release"]["rows"] == mended.rows, "a replayed past came out long after"
    assert evidence.evidence["held"] == {}, "no source was silent"


def test_leaks_are_one_of_the_fifteen_cells_that_p1_s_offers_show(city: City) -> None:
    """Trap T5, DOMAIN section 7: J6's offer at 18:03 would count itself's tick, promised for 18:05."""
    ways = joined_ways(city.computing("matching_acceptance_v1"), [AFTERNOON])
    decided = {offer["decision"]: offer["offer"] for offer in afternoon_expected("p1_offers")}
    of_p1 = ways.rows["provider_id"].eq("P1") & ways.rows["meta_decision_at"].isin(decided)
    assert of_p1.sum() == 5
    apart = [
        (decided[ways.rows["meta_decision_at"][row]], cell)
        for cell in (
            "provider_activity_15m__offers_60m_count",
            "provider_activity_15m__declines_60m_count",
            "provider_fleet_15m__drivers_available_count",
        )
        for row in ways.rows.index[of_p1]
        if differing(ways.served.loc[[row], cell], ways.early.loc[[row], cell])
    ]
    assert apart == [("J6#1", "provider_activity_15m__offers_60m_count")]


def test_a_cell_leaks_where_it_could_not_be_read_yet(city: City, built: dict[str, BuildResult]) -> None:
    """Traps T5 and T6. J6's offer at 18:03: the tick of 18:00 was promised for 18:05."""
    computing = city.computing("matching_acceptance_v1")
    report = leaks(computing, [AFTERNOON])
    by_feature = {each.feature: each for each in report.features}
    assert report.rows == built["matching_acceptance_v1"].rows
    assert {each.cells for each in report.features} == {report.rows}
    assert by_feature["provider_activity_15m__offers_60m_count"].ignoring_available_at > 0
    late = by_feature["provider_fleet_15m__drivers_available_count"].ignoring_landing
    assert (late or 0) > 0, "D1's status of 18:41 landed 27 minutes late"
    assert by_feature["request_time__local_hour_of_day"] == Leak(
        "request_time__local_hour_of_day", report.rows, 0, None
    )


def test_a_rebuild_is_equal_after_compaction_and_expiry(city: City, built: dict[str, BuildResult]) -> None:
    sql = city.runner.lakehouse.spark.sql
    for table in ("silver.assignments", "silver.offers", "features.provider_activity_15m"):
        rewriting = f"table => '{table}', options => map('rewrite-all', 'true')"
        (rewritten,) = sql(f"CALL {CATALOG}.system.rewrite_data_files({rewriting})").collect()
        assert rewritten["rewritten_data_files_count"] > 0
        expiring = f"table => '{table}', older_than => TIMESTAMP '2100-01-01 00:00:00', retain_last => 1"
        sql(f"CALL {CATALOG}.system.expire_snapshots({expiring})")
    for name in ("eta_v1", "matching_ranking_v1"):
        (verdict,) = rebuilt(city.computing(name), [AFTERNOON])
        assert (verdict.status, verdict.columns, verdict.why) == ("equal", {}, ())


def test_a_changed_row_of_an_input_is_told_by_column_day_and_rows(
    city: City, built: dict[str, BuildResult]
) -> None:
    """One assignment of the afternoon arrived two minutes later; it is put back."""
    lakehouse, table = city.runner.lakehouse, "silver.assignments"
    of_j7 = "job_id = 'J7' AND arrived_at IS NOT NULL"
    for later in ("+", "-"):
        lakehouse.spark.sql(
            f"UPDATE {CATALOG}.{table} SET arrived_at = arrived_at {later} INTERVAL 2 MINUTES WHERE {of_j7}"
        )
        (verdict,) = rebuilt(city.computing("eta_v1"), [AFTERNOON])
        if later == "-":
            assert verdict.status == "equal"
            continue
        assert (verdict.status, verdict.day) == ("differs", AFTERNOON)
        labels = {
            "label_arrival_minutes",
            "label_observed_minutes",
            "label_wait_minutes",
            "label_ata_minutes",
        }
        assert {verdict.columns[name] for name in labels} == {1}
        assert {name for name in verdict.columns if not name.startswith("label_")} == set()
        (why,) = verdict.why
        assert why.endswith("rows changed in silver.assignments, silver.arrival_evidence")


def test_a_changed_byte_of_a_file_is_told_before_anything_is_computed(
    city: City, built: dict[str, BuildResult]
) -> None:
    spec = spec_named("eta_v1")
    path = day_file(city.settings.datasets_dir / spec.name, spec.table, AFTERNOON)
    kept = path.read_bytes()
    rows = pq.read_table(path, partitioning=None)
    at = rows.column_names.index("service_type")
    other = pa.array(["lockout", *rows["service_type"].to_pylist()[1:]])
    assert other[0].as_py() != rows["service_type"][0].as_py()
    pq.write_table(rows.set_column(at, "service_type", other), path)
    (verdict,) = rebuilt(city.computing("eta_v1"), [AFTERNOON])
    path.write_bytes(kept)
    assert (verdict.status, verdict.why) == (
        "file changed",
        ("the file is not the one that the manifest tells of: service_type",),
    )


@pytest.mark.long
def test_a_rebuild_is_equal_after_late_data_a_schema_addition_and_a_replay(
    city: City, built: dict[str, BuildResult]
) -> None:
    """Last of all, for the lake is another afterwards: what a build pins is not."""
    runner, spark = city.runner, city.runner.lakehouse.spark
    landing = LandingWriter(city.settings.home)
    late = {"job_id": "J7", "provider_id": "P3", "assignment_id": None, "schema_version": 2}
    records = [
        {**late, "event_id": "late-1", "event_type": "on_scene", "event_timestamp": at("20:02")},
        {**late, "event_id": "late-2", "event_type": "offered", "event_timestamp": at("18:50"), "novel": 1},
    ]
    landing.write("dispatch_events", END + timedelta(minutes=3), "late", records)
    for source in SOURCES:
        landing.write(source.name, END + timedelta(minutes=20), "heartbeat", [])
    for result in runner.run(Interval(END, END + timedelta(minutes=15))):
        assert (result.error, result.is_broken) == (None, False), result
    step = step_named("features.provider_activity_15m")

    def doctored(*given: Any) -> Any:
        ((name, frame),) = step.build(*given).items()  # type: ignore[misc]
        return {name: frame.withColumn("offers_60m_count", F.col("offers_60m_count") + 100)}

    afternoon = Interval(at("12:00"), at("23:00"))
    (replayed,) = runner.run(afternoon, [replace(step, build=doctored)], force=True)
    assert replayed.status == "published", replayed.error
    revisions = runner.lakehouse.read(step.tables[0]).agg(F.max("revision")).collect()[0][0]
    assert revisions == 1
    for table in ("silver.offers", "silver.assignments", "features.provider_activity_15m"):
        spark.sql(f"ALTER TABLE {CATALOG}.{table} ADD COLUMN of_next_version BIGINT")
    for name in NAMES:
        (verdict,) = rebuilt(city.computing(name), [AFTERNOON])
        assert (verdict.status, verdict.columns, verdict.why) == ("equal", {}, ()), name
    # what is built now, with another pin, is another: the replay was no void one
    again = city.build(spec_named("matching_acceptance_v1"), force=True, new_release=True)
    (day,) = again.days
    assert (day.status, day.digest) != ("unchanged", built["matching_acceptance_v1"].days[0].digest)
