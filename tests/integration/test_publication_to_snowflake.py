"""Publication through the real connector to a server that speaks Snowflake's protocol, on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest

from lakehouse.catalog_reader import CatalogReader
from roadside.publication import publish
from roadside.publication_sources import sources_named
from support import feature_lake
from support.publications import Loading, as_tuples, loading, settings_of
from support.small_publications import DAY, NOON, build_eta_v1, eta_v1_rows, put_features
from support.snowflake_server import Fate, SnowflakeServer, snowflake_server
from validation.contracts.features.driver_state_15m import DRIVER_STATE_15M
from validation.contracts.features.provider_activity_15m import PROVIDER_ACTIVITY_15M
from validation.contracts.features.provider_profile_1d import PROVIDER_PROFILE_1D
from validation.errors import (
    Busy,
    CheckFailed,
    InputMissing,
    PermissionRefused,
    SettingError,
    UnknownName,
    Unreachable,
)

pytestmark = pytest.mark.filterwarnings("ignore:Arrow output on a DB-API result")  # fakesnow's

DAYS = (DAY, DAY + timedelta(days=1))
PROFILES = 'LAKE."features"."provider_profile_1d"'


@pytest.fixture
def server() -> Iterator[SnowflakeServer]:
    with snowflake_server() as running:
        yield running


@pytest.fixture
def there(server: SnowflakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Loading:
    """A home without data that publishes to the server."""
    return loading(server, tmp_path / "home", monkeypatch)


def expected(*days: Any, rows: int = 5, seed: int = 1) -> list[tuple[Any, ...]]:
    return sorted(
        (row for day in days for row in as_tuples(eta_v1_rows(day, rows, seed))), key=lambda row: str(row[0])
    )


def test_a_dataset_stands_there_value_by_value_in_types_of_its_contract(there: Loading) -> None:
    build_eta_v1(there.settings, DAYS)
    published = there.done()
    assert (published.status, published.rows, published.where) == ("created", 10, "LAKE.ML.ETA_V1")
    assert there.rows() == expected(*DAYS)
    kinds = there.server.sql(
        "SELECT COLUMN_NAME, DATA_TYPE, NUMERIC_PRECISION, IS_NULLABLE FROM LAKE.INFORMATION_SCHEMA.COLUMNS "
        "WHERE TABLE_NAME = 'ETA_V1'"
    )
    found = {name: (kind, precision, nullable) for name, kind, precision, nullable in kinds}
    assert found["META_ROW_ID"] == ("TEXT", None, "NO")
    assert found["META_DECISION_AT"] == ("TIMESTAMP_TZ", None, "NO")
    assert found["PROVIDER_ACTIVITY_15M__OFFERS_4H_COUNT"] == ("NUMBER", 19, "YES")
    assert found["LABEL_ARRIVAL_MINUTES"] == ("FLOAT", None, "YES")
    assert found["LABEL_IS_ON_TIME"] == ("BOOLEAN", None, "YES")


def test_the_audit_names_table_rows_digest_and_release(there: Loading) -> None:
    folder = build_eta_v1(there.settings, DAYS)
    there.done()
    digest = json.loads((folder / "_manifest.json").read_text())["digest"]
    ((table, number, batch, said, rows),) = there.audit()
    assert (table, number, said, rows, len(batch)) == ("ML.ETA_V1", 1, digest, 10, 16)
    told = there.server.sql("SELECT RELEASE, SNAPSHOT_ID, PUBLISHED_BY FROM LAKE.ML._PUBLICATIONS")
    assert told == [("2026-03-10..2026-03-11", None, "publisher")]


def test_published_twice_is_one_audit_row_and_not_a_statement_that_changes(there: Loading) -> None:
    build_eta_v1(there.settings)
    there.done()
    with there.server.watched_by(lambda *_: Fate.GOES_ON):
        assert there.done().status == "unchanged"
        assert {statement.split()[0] for statement in there.server.statements} == {"SELECT"}
    assert len(there.audit()) == 1


def test_the_next_release_replaces_all_rows_and_an_older_one_may_come_back(there: Loading) -> None:
    build_eta_v1(there.settings, DAYS)
    there.done()
    build_eta_v1(there.settings, rows=7, seed=2, release=2)
    assert there.done().status == "replaced"
    assert there.rows() == sorted(expected(DAYS[0], rows=7, seed=2) + expected(DAYS[1]))
    build_eta_v1(there.settings, rows=5, seed=1, release=1)
    there.done()
    assert there.rows() == expected(*DAYS)
    assert [row[1] for row in there.audit()] == [1, 2, 3]
    first, _, third = there.audit()
    assert first[2:] == third[2:]


def test_a_table_emptied_by_hand_is_published_again(there: Loading) -> None:
    build_eta_v1(there.settings)
    there.done()
    there.server.sql("DELETE FROM LAKE.ML.ETA_V1 WHERE META_ROW_ID = '2026-03-10-1'")
    assert there.done().status == "replaced"
    assert there.rows() == expected(DAY)


def test_a_features_table_stands_under_the_names_that_feast_reads(there: Loading) -> None:
    put_features(there.settings, PROVIDER_PROFILE_1D)
    published = there.done("features.provider_profile_1d")
    assert published.where == "LAKE.features.provider_profile_1d"
    names = PROVIDER_PROFILE_1D.column_names
    lake = as_tuples(CatalogReader(there.settings).rows(PROVIDER_PROFILE_1D, names).select(names))
    array = names.index("service_types")
    found = [
        (*row[:array], row[array] and json.loads(row[array]), *row[array + 1 :])
        for row in there.rows(PROFILES)
    ]
    assert found == lake
    created = there.server.sql(
        "SELECT COLUMN_NAME FROM LAKE.INFORMATION_SCHEMA.COLUMNS WHERE TABLE_NAME = 'provider_profile_1d'"
    )
    assert {name for (name,) in created} == set(names)


def test_a_table_whose_state_is_new_but_whose_rows_are_not_is_left_alone(there: Loading) -> None:
    put_features(there.settings, PROVIDER_ACTIVITY_15M)
    name = "features.provider_activity_15m"
    there.done(name)
    feature_lake.put(there.settings, PROVIDER_ACTIVITY_15M)  # a snapshot without a row
    assert there.done(name).status == "unchanged"
    put_features(there.settings, PROVIDER_ACTIVITY_15M, seed=2)
    assert there.done(name).rows == 8
    assert [row[1] for row in there.audit()] == [1, 2]


def test_a_dry_run_makes_nothing(there: Loading) -> None:
    build_eta_v1(there.settings)
    assert there.publish(dry_run=True).status == "would be created"
    tables = "SELECT TABLE_NAME FROM LAKE.INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = 'ML'"
    assert there.server.sql(tables) == []
    assert not (there.settings.home / "ops.db").exists()
    there.done()
    assert there.publish(dry_run=True).status == "unchanged"


def test_restricted_tables_are_refused_before_anything_is_asked(there: Loading) -> None:
    feature_lake.put(there.settings, DRIVER_STATE_15M)
    with (
        there.server.watched_by(lambda *_: Fate.GOES_ON),
        pytest.raises(PermissionRefused, match=r"never leaves the platform: it has driver_id, last_fix_lat"),
    ):
        there.done("features.driver_state_15m")
    assert there.server.statements == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (['RENAME COLUMN "META_WEIGHT" TO "WEIGHT"'], "META_WEIGHT is not there; WEIGHT is in no contract"),
        (["DROP COLUMN META_WEIGHT"], "META_WEIGHT is not there"),
        (
            ["DROP COLUMN META_GROUP", "ADD COLUMN META_GROUP NUMBER(9,0)"],
            r"META_GROUP is NUMBER\(9,0\) where the contract has VARCHAR",
        ),
        (
            ["ALTER COLUMN META_GROUP SET NOT NULL"],
            "META_GROUP is NOT NULL where the contract allows null",
        ),
    ],
    ids=["renamed", "dropped", "of another type", "never null"],
)
def test_columns_that_drifted_are_named_and_the_table_stays(
    there: Loading, changes: list[str], said: str
) -> None:
    build_eta_v1(there.settings)
    there.done()
    there.server.sql("DELETE FROM LAKE.ML.ETA_V1")
    for change in changes:
        there.server.sql(f"ALTER TABLE LAKE.ML.ETA_V1 {change}")
    with pytest.raises(CheckFailed, match=said) as refused:
        there.done()
    assert there.rows() == []
    assert len(there.audit()) == 1
    told = refused.value.next_step.partition("run again: ")[2]
    assert told == 'DROP TABLE "LAKE"."ML"."ETA_V1";'
    there.server.sql(told)
    there.done()
    assert there.rows() == expected(DAY)


def test_a_column_that_the_contract_gained_is_added_as_told(there: Loading) -> None:
    """Made by an earlier contract, of which the audit knows."""
    put_features(there.settings, PROVIDER_PROFILE_1D)
    name = "features.provider_profile_1d"
    there.done(name)
    there.server.sql(f"ALTER TABLE {PROFILES} DROP COLUMN service_types")
    there.server.sql("UPDATE LAKE.ML._PUBLICATIONS SET COLUMNS_DIGEST = 'of an earlier contract'")
    with pytest.raises(CheckFailed, match="service_types is not there") as refused:
        there.done(name)
    told = refused.value.next_step.partition("run again: ")[2]
    assert told == 'ALTER TABLE "LAKE"."features"."provider_profile_1d" ADD COLUMN "service_types" ARRAY;'
    there.server.sql(told)
    assert there.done(name).status == "replaced"
    filled = there.server.sql(f"SELECT COUNT(service_types) FROM {PROFILES}")
    rows = CatalogReader(there.settings).rows(PROVIDER_PROFILE_1D, ["service_types"])
    assert filled == [(rows.num_rows - rows["service_types"].null_count,)]


def test_what_is_missing_is_named(there: Loading, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputMissing, match="was never built"):
        there.done()
    build_eta_v1(there.settings)
    there.server.sql("DROP SCHEMA LAKE.ML")
    with pytest.raises(InputMissing, match="The database LAKE has no schema named ML") as missing:
        there.done()
    assert missing.value.next_step == 'Create it: CREATE SCHEMA "LAKE"."ML";'
    there.server.sql("CREATE SCHEMA LAKE.ML")
    monkeypatch.setenv("SNOWFLAKE_CONNECTIONS", there.server.connections(warehouse="LAODING"))
    with pytest.raises(InputMissing, match="no warehouse runs the statements"):
        there.done()
    monkeypatch.setenv("SNOWFLAKE_CONNECTIONS", there.server.connections())
    elsewhere = Loading(there.server, replace(there.settings, snowflake_database="LACK"))
    with pytest.raises(InputMissing, match="Snowflake has no database named LACK") as missing:
        elsewhere.done()
    assert missing.value.next_step.endswith('CREATE DATABASE "LACK";')


def test_who_asks_and_where_is_told_when_it_is_wrong(there: Loading, monkeypatch: pytest.MonkeyPatch) -> None:
    build_eta_v1(there.settings)
    monkeypatch.setenv("SNOWFLAKE_CONNECTIONS", there.server.connections(password="a guess"))
    with pytest.raises(SettingError, match="does not accept user loader of connection loading") as refused:
        there.done()
    assert "a guess" not in str(refused.value)
    monkeypatch.setenv("SNOWFLAKE_CONNECTIONS", there.server.connections(password=""))
    with pytest.raises(SettingError, match=r"connection loading cannot be used: .*Password is empty"):
        there.done()
    key = there.server.connections(authenticator="SNOWFLAKE_JWT", private_key_file="/nowhere/key.p8")
    monkeypatch.setenv("SNOWFLAKE_CONNECTIONS", key)
    with pytest.raises(SettingError, match=r"connection loading cannot be used: .*/nowhere/key\.p8"):
        there.done()
    monkeypatch.setenv("SNOWFLAKE_CONNECTIONS", "[laoding]\naccount = 'x'")
    with pytest.raises(UnknownName, match="Did you mean laoding"):
        there.done()
    monkeypatch.setenv("SNOWFLAKE_CONNECTIONS", there.server.connections(port=1))
    with pytest.raises(Unreachable, match=r"Snowflake at 127\.0\.0\.1 .connection loading. does not answer"):
        there.done()


def test_two_at_once_in_one_installation_the_second_is_refused(there: Loading) -> None:
    build_eta_v1(there.settings)
    second: list[Any] = []

    def watch(_number: int, statement: str, was_run: bool) -> Fate:
        if statement.startswith("COPY") and was_run:
            second.append(there.publish().error)
        return Fate.GOES_ON

    with there.server.watched_by(watch):
        there.done()
    assert isinstance(second[0], Busy)
    assert "publication of training.eta_v1" in str(second[0])
    assert there.rows() == expected(DAY)


@pytest.mark.parametrize("seed", [1, 2], ids=["the same rows", "other rows"])
def test_two_at_once_of_two_installations_give_one_of_the_two(
    there: Loading, tmp_path: Path, seed: int
) -> None:
    """The second waits for the first's transaction, then finds its table published under it."""
    build_eta_v1(there.settings)
    there.done()
    build_eta_v1(there.settings, seed=3)
    (tmp_path / "other").mkdir()
    other = Loading(there.server, settings_of(tmp_path / "other"))
    build_eta_v1(other.settings, rows=9, seed=4) if seed == 2 else build_eta_v1(other.settings, seed=3)
    second_has_looked, results = threading.Event(), []
    second = threading.Thread(target=lambda: results.append(other.publish()))

    def watch(_number: int, statement: str, was_run: bool) -> Fate:
        if statement.startswith("DELETE") and was_run and not second.ident:
            second.start()
        elif statement.startswith("MERGE") and not was_run and second.ident:
            second_has_looked.set()  # at what stands; at the row of the lock it now waits for us
        elif statement.startswith("COMMIT") and not was_run and second.ident:
            assert second_has_looked.wait(50)
        return Fate.GOES_ON

    with there.server.watched_by(watch):
        assert there.done().status == "replaced"
        second.join()
    assert there.rows() == expected(DAY, seed=3)
    assert [row[1] for row in there.audit()] == [1, 2]
    if seed == 1:
        assert (results[0].status, results[0].error) == ("unchanged", None)
    else:
        assert isinstance(results[0].error, Busy)
        assert "ended while this one was prepared" in str(results[0].error)
        assert other.done().status == "replaced"
        assert there.rows() == expected(DAY, rows=9, seed=4)


def test_one_that_never_ends_keeps_others_out_with_a_word(there: Loading, tmp_path: Path) -> None:
    build_eta_v1(there.settings)
    there.done()
    build_eta_v1(there.settings, seed=2)
    (tmp_path / "other").mkdir()
    other = Loading(there.server, settings_of(tmp_path / "other"))
    build_eta_v1(other.settings, seed=3)
    there.server.lock_seconds = 0.2
    refused: list[Any] = []

    def watch(_number: int, statement: str, was_run: bool) -> Fate:
        if statement.startswith("DELETE") and was_run:
            refused.append(other.publish().error)
        return Fate.GOES_ON

    with there.server.watched_by(watch):
        there.done()
    assert isinstance(refused[0], Busy)
    assert "another publication holds the table" in str(refused[0])
    assert there.rows() == expected(DAY, seed=2)


def test_rows_that_were_not_built_as_their_manifest_says_are_not_published(there: Loading) -> None:
    folder = build_eta_v1(there.settings, DAYS)
    there.done()
    files = sorted(folder.glob("*/part-0.parquet"))
    files[0].write_bytes(files[1].read_bytes())
    there.server.sql("DELETE FROM LAKE.ML.ETA_V1")
    with pytest.raises(CheckFailed, match="files are not what their manifest says, in 2026-03-10"):
        there.done()
    files[0].unlink()
    with pytest.raises(CheckFailed, match="the file of 2026-03-10 is missing"):
        there.done()
    day = folder / "_manifests" / "2026-03-10.json"
    day.write_text(day.read_text().replace("as_served", "as_corrected"))
    with pytest.raises(CheckFailed, match="the manifest of 2026-03-10 is not the one"):
        there.done()
    assert there.rows() == []


def test_times_are_instants_in_utc(there: Loading) -> None:
    build_eta_v1(there.settings)
    there.done()
    ((first,),) = there.server.sql("SELECT MIN(META_DECISION_AT) FROM LAKE.ML.ETA_V1")
    assert first.tzinfo is not None
    assert first == min(row[1] for row in expected(DAY))
    assert first.astimezone(UTC) >= NOON


def test_nobody_publishes_through_the_command_what_is_not_there(there: Loading) -> None:
    (source,) = sources_named(there.settings, ["features.zone_demand_15m"])
    published = publish(there.settings, source, "snowflake", dry_run=False, progress=print)
    assert isinstance(published.error, InputMissing)
    assert "Nothing was published in features.zone_demand_15m yet" in published.error.what
