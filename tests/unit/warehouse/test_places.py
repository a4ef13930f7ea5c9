"""Names, types and comments in Snowflake, derived from contracts."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from validation.contract import Type
from validation.contracts import FEATURES, table_named
from validation.contracts.features.provider_profile_1d import PROVIDER_PROFILE_1D
from validation.contracts.training.eta_v1 import ETA_V1
from validation.errors import UnknownName
from warehouse.places import SNOWFLAKE_TYPES, FoundColumn, differences, literal, meaning, place_of, quoted


def test_datasets_stand_in_capitals_and_features_under_the_lake_s_names() -> None:
    assert place_of(ETA_V1, "Lake").identifier == '"Lake"."ML"."ETA_V1"'
    assert place_of(PROVIDER_PROFILE_1D, "LAKE").identifier == '"LAKE"."features"."provider_profile_1d"'
    assert place_of(ETA_V1, "L").spelled("meta_row_id") == "META_ROW_ID"
    assert place_of(PROVIDER_PROFILE_1D, "L").spelled("provider_id") == "provider_id"
    with pytest.raises(UnknownName, match="silver"):
        place_of(table_named("silver.offers"), "LAKE")


def test_every_type_of_a_contract_has_one_there() -> None:
    assert set(SNOWFLAKE_TYPES) == set(Type)


def test_a_column_has_its_type_its_null_rule_and_what_it_means() -> None:
    lines = place_of(ETA_V1, "LAKE").definitions().split(",\n  ")
    assert len(lines) == len(ETA_V1.columns)
    assert lines[0] == (
        "\"META_ROW_ID\" VARCHAR NOT NULL COMMENT 'Identifier of the row in its dataset; no key of the lake.'"
    )
    assert lines[1].startswith('"META_DECISION_AT" TIMESTAMP_TZ(6) NOT NULL COMMENT ')
    (label,) = [line for line in lines if line.startswith('"LABEL_ARRIVAL_MINUTES"')]
    assert re.fullmatch(r"\"LABEL_ARRIVAL_MINUTES\" FLOAT COMMENT 'Acceptance to .* Unit: min\.'", label)


def test_every_published_column_s_comment_is_one_literal() -> None:
    for table in (ETA_V1, *FEATURES):
        for column in table.columns:
            assert re.fullmatch(r"'(?:[^'\\]|''|\\\\)*'", literal(meaning(column))), column.name


def test_names_and_texts_cannot_end_their_quotes() -> None:
    assert quoted('a"; DROP') == '"a""; DROP"'
    assert literal("it's \\' so") == "'it''s \\\\'' so'"


def test_files_are_read_column_by_column() -> None:
    selected = place_of(PROVIDER_PROFILE_1D, "LAKE").selection().split(", ")
    assert selected[:2] == ["$1:provider_id::VARCHAR", "$1:event_timestamp::TIMESTAMP_TZ(6)"]
    assert "$1:service_types::ARRAY" in selected


def listed() -> dict[str, FoundColumn]:
    """The dataset's columns as information_schema tells a table that was made from the contract."""
    kinds = {"VARCHAR": "TEXT", "TIMESTAMP_TZ(6)": "TIMESTAMP_TZ"}
    columns = {}
    for column in ETA_V1.columns:
        declared = SNOWFLAKE_TYPES[column.type]
        name = column.name.upper()
        columns[name] = FoundColumn(name, kinds.get(declared, declared), column.name not in ETA_V1.not_null)
    return columns


def test_a_table_made_from_the_contract_differs_in_nothing() -> None:
    place = place_of(ETA_V1, "LAKE")
    assert differences(place, listed().values()) == []
    assert differences(place, list(listed().values())[::-1]) == []


@pytest.mark.parametrize("wider", ["NUMBER(38,0)", "NUMBER(19,0)"])
def test_a_wider_number_is_no_difference(wider: str) -> None:
    name = "PROVIDER_FLEET_15M__DRIVERS_ON_DUTY_COUNT"
    found = listed() | {name: FoundColumn(name, wider, True)}
    assert differences(place_of(ETA_V1, "LAKE"), found.values()) == []


def test_every_difference_is_named() -> None:
    found = listed()
    del found["META_WEIGHT"]
    found["META_GROUP"] = FoundColumn("META_GROUP", "NUMBER(19,0)", True)
    found["PROVIDER_ID"] = FoundColumn("PROVIDER_ID", "TEXT", True)  # null is allowed there: it does no harm
    found["SERVICE_TYPE"] = FoundColumn("SERVICE_TYPE", "TEXT", False)
    found["NOTE"] = FoundColumn("NOTE", "TEXT", True)
    assert differences(place_of(ETA_V1, "LAKE"), found.values()) == [
        "META_GROUP is NUMBER(19,0) where the contract has VARCHAR",
        "SERVICE_TYPE is NOT NULL where the contract allows null",
        "META_WEIGHT is not there",
        "NOTE is in no contract",
    ]


def test_the_digest_of_columns_forgets_what_they_mean() -> None:
    columns = tuple(replace(column, meaning="Something else.") for column in ETA_V1.columns)
    digest = place_of(ETA_V1, "LAKE").columns_digest
    assert place_of(replace(ETA_V1, columns=columns), "LAKE").columns_digest == digest
    assert place_of(replace(ETA_V1, columns=columns[:-1], checks=()), "LAKE").columns_digest != digest
