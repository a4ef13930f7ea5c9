"""Rules that every contract keeps: names, grain, units, sensitivity, one schema for all engines."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import pytest
from pyspark.sql import SparkSession

from lakehouse.tables import create_statement
from validation import columns
from validation.contract import Between, Column, OneOf, Sensitivity, Table, Type
from validation.contracts import FEATURES, TABLES, TRAINING, table_named
from validation.contracts.features.feature_table import feature_columns
from validation.errors import Defect
from validation.on_demand import ON_DEMAND
from validation.pandera_schema import pandera_schema
from validation.source import Field, Source, Treatment
from validation.sources import SOURCES
from validation.spark_schema import conform, spark_type, struct_of

each_table = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
each_feature_table = pytest.mark.parametrize("table", FEATURES, ids=lambda table: table.name)
each_source = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
DICTIONARY = tuple(
    entry
    for value in vars(columns).values()
    if isinstance(value, tuple)
    for entry in value
    if isinstance(entry, Column)
)

MOMENTS_NAMED_OTHERWISE = {"event_timestamp", "scheduled_for", "unassigned_from"}
AT_THE_TICK = {
    "last_fix_latitude",
    "last_fix_longitude",
    "last_fix_accuracy_m",
    "last_speed_kmh",
    "unassigned_age_minutes_p90",
    "requests_60m_vs_baseline_ratio",
    "site_latitude",
    "site_longitude",
    "tenure_days",
}
"""Features that no window ends in the name of: a last value, an age at the tick, one beside its usual, what
a company is."""
UNIT_IN_NAME = {
    "UTC": "at",
    "s": "seconds",
    "min": "minutes",
    "d": "days",
    "ratio": "ratio",
    "km": "km",
    "km/h": "kmh",
    "m": "(m|metres)",
    "m/h": "metres_per_hour",
    "USD": "usd",
    "US cents": "cents",
    "bytes": "byte",
    "degrees": "(latitude|longitude|heading)",
    "0-10": "nps",
}


def test_tables_are_named_once() -> None:
    assert [name for name, times in Counter(table.name for table in TABLES).items() if times > 1] == []


def test_columns_are_described_once() -> None:
    assert [name for name, times in Counter(entry.name for entry in DICTIONARY).items() if times > 1] == []


@each_table
def test_a_table_is_named_after_its_layer_and_says_its_grain(table: Table) -> None:
    assert re.fullmatch(r"(bronze|quarantine|silver|tiles|features|training)\.[a-z][a-z0-9_]*", table.name)
    assert re.fullmatch(r"One row per [^\n]+\.", table.grain)
    assert set(table.key) <= set(table.not_null)


@pytest.mark.parametrize("column", DICTIONARY, ids=lambda column: column.name)
def test_a_column_s_name_says_its_kind_and_unit(column: Column) -> None:
    name = column.name
    assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
    assert column.meaning.endswith(".")
    if column.type is Type.TIMESTAMP:
        assert column.unit == "UTC"
        assert name.endswith("_at") or name in MOMENTS_NAMED_OTHERWISE
    elif column.type is Type.DATE:
        assert name.endswith(("_date", "_date_et"))
    elif column.type is Type.BOOLEAN:
        assert re.match(r"((label|meta|job)_)?(is|has|was|needs)_", name)
    elif column.unit:
        assert re.search(rf"(^|_){UNIT_IN_NAME[column.unit]}(_|$)", name)
    if name.endswith("_count"):
        assert column.type in (Type.LONG, Type.INT)
    if "_ratio" in name:
        assert (column.type, column.unit) == (Type.DOUBLE, "ratio")


@each_table
def test_a_column_is_the_dictionary_s_own(table: Table) -> None:
    on_demand = [output for view in ON_DEMAND for output in view.outputs]
    for column in table.columns:
        assert replace(column, name=column.name.rpartition("__")[2]) in (*DICTIONARY, *on_demand)


@each_feature_table
def test_a_feature_is_measure_aggregation_window(table: Table) -> None:
    for column in feature_columns(table):
        assert column.type is not Type.TIMESTAMP or column.name.endswith("_at")
        if column.type in (Type.LONG, Type.DOUBLE):
            assert re.search(r"_(15m|30m|60m|4h|24h|7d|28d|90d|8w)(_count)?$|_count$", column.name) or (
                column.name in AT_THE_TICK
            )


@each_table
def test_what_gives_a_person_away_stays_where_it_may(table: Table) -> None:
    held = {column.sensitivity for column in table.columns}
    if not table.is_restricted:
        assert not held & {Sensitivity.SEALED, Sensitivity.PRECISE_LOCATION}
    if table in TRAINING:
        assert held <= {Sensitivity.OPEN, Sensitivity.BUSINESS}
        assert table.is_restricted == ("job_id" in table.column_names)
    if table in FEATURES:
        holds_a_person = bool(held & {Sensitivity.TOKEN, Sensitivity.PRECISE_LOCATION})
        assert table.is_restricted == (holds_a_person or "job_id" in table.column_names)


@each_table
def test_a_coordinate_and_a_token_are_marked_as_such(table: Table) -> None:
    for column in table.columns:
        if column.name in ("latitude", "longitude"):
            assert column.sensitivity is Sensitivity.PRECISE_LOCATION
        if column.name.endswith("_token") or column.name == "driver_id":
            assert column.sensitivity is Sensitivity.TOKEN
        if column.type is Type.BINARY:
            assert column.sensitivity is Sensitivity.SEALED


@each_table
def test_spark_iceberg_and_pandera_have_the_contract_s_columns(table: Table) -> None:
    in_spark = [(field.name, field.dataType.simpleString()) for field in struct_of(table).fields]
    in_ddl = re.findall(r"^  (\w+) (\S+) COMMENT", create_statement(table), flags=re.MULTILINE)
    assert in_spark == in_ddl == [(column.name, str(column.type)) for column in table.columns]
    in_pandera = pandera_schema(table).columns
    assert tuple(in_pandera) == table.column_names
    assert tuple(name for name, column in in_pandera.items() if not column.nullable) == table.not_null


def test_every_type_is_spelled_as_spark_spells_it() -> None:
    assert all(spark_type(kind).simpleString() == kind for kind in Type)


@each_table
def test_a_rule_on_a_column_fits_its_type(table: Table) -> None:
    names = [rule.name for rule in table.checks]
    assert len(names) == len(set(names))
    for rule in table.checks:
        if isinstance(rule, OneOf):
            assert table.column(rule.column).type is Type.STRING
        if isinstance(rule, Between):
            assert table.column(rule.column).type in (Type.LONG, Type.INT, Type.DOUBLE)


@each_table
def test_a_transform_cannot_make_a_column_that_left_the_contract(spark: SparkSession, table: Table) -> None:
    made = spark.createDataFrame([], struct_of(table))
    free = set(table.column_names) - {*table.key, *table.required, *table.order, table.partition, table.clock}
    for gone in free - {getattr(rule, "column", "") for rule in table.checks}:
        left = tuple(column for column in table.columns if column.name != gone)
        with pytest.raises(Defect, match=f"unknown columns .*{gone}"):
            conform(made, replace(table, columns=left))


@each_table
def test_a_column_that_a_promise_names_cannot_leave_the_contract(table: Table) -> None:
    for gone in {*table.key, *table.required, *table.order, table.partition, table.clock}:
        left = tuple(column for column in table.columns if column.name != gone)
        with pytest.raises(Defect, match=gone):
            replace(table, columns=left)


@each_source
def test_a_source_s_fields_stand_in_its_bronze_table(source: Source) -> None:
    bronze = table_named(f"bronze.{source.name}")
    for field in source.fields:
        if field.column is None:
            assert field.treatment is Treatment.SEALED
            continue
        column = bronze.column(field.column)
        assert column.type is (Type.STRING if field.treatment is Treatment.TOKEN else field.type)
        assert (column.sensitivity is Sensitivity.TOKEN) == (field.treatment is Treatment.TOKEN)
        if field.required:
            assert column.name in bronze.not_null
    for place in source.places:
        assert bronze.column(place.column).type is Type.STRING


@each_source
def test_a_source_s_clock_and_subjects_are_fields_of_it(source: Source) -> None:
    fields = {field.path: field for field in source.fields}
    clock = fields[source.timestamp]
    assert (clock.column, clock.required, clock.type) == ("event_timestamp", True, Type.TIMESTAMP)
    assert {path for _, paths in source.subjects for path in paths} <= set(fields)
    assert {path for place in source.places for path in (place.latitude, place.longitude)} <= set(fields)
    assert fields[source.subjects[-1][1][0]].required


@each_source
def test_every_bronze_column_comes_from_the_envelope_a_field_or_a_place(source: Source) -> None:
    bronze, quarantine = (table_named(f"{layer}.{source.name}") for layer in ("bronze", "quarantine"))
    made = {field.column for field in source.fields} | {place.column for place in source.places}
    envelope = set.intersection(*(set(table_named(f"bronze.{s.name}").column_names) for s in SOURCES))
    assert set(bronze.column_names) <= made | envelope
    assert bronze.is_restricted
    assert quarantine.is_restricted


@each_source
def test_only_vocabulary_or_bounds_are_asked_of_a_field(source: Source) -> None:
    def is_sound(field: Field) -> bool:
        bounded = field.low is not None or field.high is not None
        numeric = field.type in (Type.LONG, Type.INT, Type.DOUBLE) or field.treatment is Treatment.SEALED
        return not (field.vocabulary and bounded) and (numeric or not bounded)

    assert [field.path for field in source.fields if not is_sound(field)] == []
