"""Where a contract's rows stand in Snowflake, in which types, and what a table there has otherwise.

Datasets are read by people: `ML.ETA_V1`, in the capitals that Snowflake makes of unquoted names.
Features tables are read by Feast, which quotes the lake's names (feature_repo/sources.py):
`"features"."provider_activity_15m"`, columns in small letters. All statements quote, so that
neither depends on a session's settings.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from validation.contract import Column, Table, Type
from validation.errors import UnknownName

DATASETS = "ML"
FEATURES = "features"

SNOWFLAKE_TYPES: dict[Type, str] = {
    Type.STRING: "VARCHAR",
    Type.LONG: "NUMBER(19,0)",
    Type.INT: "NUMBER(10,0)",
    Type.DOUBLE: "FLOAT",
    Type.BOOLEAN: "BOOLEAN",
    Type.TIMESTAMP: "TIMESTAMP_TZ(6)",  # a day of it is the UTC day, whatever the session's zone
    Type.DATE: "DATE",
    Type.BINARY: "BINARY",
    Type.STRINGS: "ARRAY",
    Type.DOUBLES: "ARRAY",
    Type.BOOLEANS: "ARRAY",
    Type.TIMESTAMPS: "ARRAY",
}

# What information_schema calls them; a VARIANT holds an array as it is.
_LISTED = {
    "VARCHAR": ("TEXT",),
    "NUMBER(19,0)": ("NUMBER(19,0)", "NUMBER(38,0)"),
    "NUMBER(10,0)": ("NUMBER(10,0)", "NUMBER(19,0)", "NUMBER(38,0)"),
    "TIMESTAMP_TZ(6)": ("TIMESTAMP_TZ",),
    "ARRAY": ("ARRAY", "VARIANT"),
}


def quoted(name: str) -> str:
    """An identifier as Snowflake is given it.

    >>> quoted('odd"name')
    '"odd""name"'
    """
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as Snowflake is given it, where no parameter can stand.

    >>> literal("it's")
    "'it''s'"
    """
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


@dataclass(frozen=True)
class Place:
    """A table in Snowflake: its names as Snowflake keeps them, and its contract."""

    database: str
    schema: str
    name: str
    table: Table

    def __str__(self) -> str:
        return f"{self.database}.{self.schema}.{self.name}"

    @property
    def identifier(self) -> str:
        """The whole name, quoted."""
        return ".".join(quoted(part) for part in (self.database, self.schema, self.name))

    def spelled(self, column: str) -> str:
        """A column of the contract as it is called there."""
        return column.upper() if self.schema == DATASETS else column

    @property
    def columns(self) -> str:
        """All columns, quoted, in the contract's order."""
        return ", ".join(quoted(self.spelled(name)) for name in self.table.column_names)

    def definitions(self, has_comments: bool = True) -> str:
        """All columns with type, whether null is allowed, and what they mean."""
        return ",\n  ".join(self._definition(column, has_comments) for column in self.table.columns)

    @property
    def columns_digest(self) -> str:
        """Sixteen letters for these names and types, and where null is allowed."""
        return hashlib.sha256(self.definitions(has_comments=False).encode()).hexdigest()[:16]

    def selection(self) -> str:
        """All columns of a Parquet file, each cast to its type."""
        return ", ".join(f"$1:{column.name}::{SNOWFLAKE_TYPES[column.type]}" for column in self.table.columns)

    def _definition(self, column: Column, has_comment: bool) -> str:
        words = [quoted(self.spelled(column.name)), SNOWFLAKE_TYPES[column.type]]
        if column.name in self.table.not_null:
            words.append("NOT NULL")
        if has_comment:
            words.append(f"COMMENT {literal(meaning(column))}")
        return " ".join(words)


@dataclass(frozen=True)
class FoundColumn:
    """A column of a table that is there, as information_schema lists it."""

    name: str
    type: str
    is_nullable: bool


def place_of(table: Table, database: str) -> Place:
    """Where the rows of a training or features contract stand.

    Raises:
        UnknownName: tables of other layers are not published.
    """
    match table.layer:
        case "training":
            return Place(database, DATASETS, table.short_name.upper(), table)
        case "features":
            return Place(database, FEATURES, table.short_name, table)
    raise UnknownName("layer that is published", table.layer, ("training", "features"))


def meaning(column: Column) -> str:
    """The column's comment: what it means, and its unit.

    >>> meaning(Column("wait_minutes", Type.DOUBLE, "How long.", "minutes"))
    'How long. Unit: minutes.'
    """
    return f"{column.meaning} Unit: {column.unit}." if column.unit else column.meaning


def differences(place: Place, found: Iterable[FoundColumn]) -> list[str]:
    """What a table there has otherwise than the contract, a sentence part each; none where it fits.

    Order does not count, nor a wider number, nor that null is allowed where the contract has none.
    """
    there = {column.name: column for column in found}
    wanted = {place.spelled(column.name): column for column in place.table.columns}
    return [
        *_unfit(place, wanted, there),
        *(f"{name} is not there" for name in wanted if name not in there),
        *(f"{name} is in no contract" for name in there if name not in wanted),
    ]


def additions(place: Place, found: Iterable[FoundColumn]) -> str:
    """The statement that adds the contract's columns which are not there; empty where none is missing."""
    there = {column.name for column in found}
    missing = [column for column in place.table.columns if place.spelled(column.name) not in there]
    if not missing:
        return ""
    added = ", ".join(
        f"{quoted(place.spelled(column.name))} {SNOWFLAKE_TYPES[column.type]}" for column in missing
    )
    return f"ALTER TABLE {place.identifier} ADD COLUMN {added};"


def _unfit(place: Place, wanted: dict[str, Column], there: dict[str, FoundColumn]) -> Iterator[str]:
    for name, column in wanted.items():
        found = there.get(name)
        if found is None:
            continue
        declared = SNOWFLAKE_TYPES[column.type]
        if found.type not in _LISTED.get(declared, (declared,)):
            yield f"{name} is {found.type} where the contract has {declared}"
        elif not found.is_nullable and column.name not in place.table.not_null:
            yield f"{name} is NOT NULL where the contract allows null"
