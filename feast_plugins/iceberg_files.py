"""The Parquet files of an Iceberg table that a range of time needs, planned from metadata alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pyarrow as pa
from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError
from pyiceberg.expressions import AlwaysTrue, And, BooleanExpression, GreaterThanOrEqual, LessThanOrEqual
from pyiceberg.schema import Schema
from pyiceberg.table import DataScan, Table
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FixedType,
    FloatType,
    IcebergType,
    IntegerType,
    ListType,
    LongType,
    StringType,
    TimestampType,
    TimestamptzType,
    TimeType,
    UUIDType,
)

from feast_plugins.point_in_time import Rows
from validation.errors import InputMissing, UnknownName, UserError

_NAME_MAPPING = "schema.name-mapping.default"
_DUCKDB: dict[type[IcebergType], str] = {
    BinaryType: "BLOB",
    BooleanType: "BOOLEAN",
    DateType: "DATE",
    DoubleType: "DOUBLE",
    FixedType: "BLOB",
    FloatType: "FLOAT",
    IntegerType: "INTEGER",
    LongType: "BIGINT",
    StringType: "VARCHAR",
    TimeType: "TIME",
    TimestampType: "TIMESTAMP",
    TimestamptzType: "TIMESTAMP WITH TIME ZONE",
    UUIDType: "VARCHAR",
}


@dataclass(frozen=True)
class Planned:
    """Files to read, by field id: `columns` pairs a field's id with its name and DuckDB type now.

    `rows` is set instead where only pyiceberg knows how: of delete files, and of files without field ids,
    whose columns a mapping of names tells (tables that were migrated or to which files were added).
    """

    files: tuple[str, ...]
    columns: tuple[tuple[int, str, str], ...]
    rows: pa.Table | None = None


class IcebergTables:
    """The tables of one catalog, read only. A table is addressed as `<catalog>.<namespace>.<name>`."""

    def __init__(self, name: str, properties: Mapping[str, str]) -> None:
        self._name = name
        self._properties = tuple(sorted(properties.items()))

    def has(self, table: str | None) -> bool:
        """Whether the name is of this catalog, be there such a table or not."""
        return bool(table) and bool(self._properties) and str(table).split(".")[0] == self._name

    def reads(self, table: str, columns: Sequence[str] = ()) -> bool:
        """Whether DuckDB has a type for each of the columns, of all where none is named.

        Raises:
            InputMissing, UnknownName: there is no such table.
        """
        kinds = {each.name: each.field_type for each in self._load(table).schema().fields}
        return all(_duckdb(kinds[name]) for name in columns or kinds if name in kinds)

    def columns(self, table: str) -> dict[str, str]:
        """DuckDB type by column, Iceberg's where DuckDB reads none.

        Raises:
            InputMissing, UnknownName: there is no such table.
        """
        return {name: kind for _, name, kind in _columns(self._load(table).schema())}

    def plan(self, rows: Rows, columns: Sequence[str]) -> Planned:
        """The files that may hold rows of the range, and the columns wanted of them.

        Raises:
            InputMissing, UnknownName: there is no such table, or no longer the snapshot that is read of it.
        """
        table = self._load(str(rows.source.table))
        fields = [each for each in _columns(table.schema()) if each[1] in columns]
        snapshot = rows.snapshot if rows.is_at_snapshot else None
        if rows.is_at_snapshot and snapshot is None:
            return Planned((), tuple(fields))
        if snapshot is not None and table.snapshot_by_id(snapshot) is None:
            raise InputMissing(f"{rows.told()} has no snapshot {snapshot}, or no longer.", "Begin anew.")
        scan = table.scan(row_filter=_within(table.schema(), rows), snapshot_id=snapshot)
        tasks = list(scan.plan_files())
        if _NAME_MAPPING in table.properties or any(task.delete_files for task in tasks):
            return Planned((), tuple(fields), _read(scan, table.schema(), columns))
        return Planned(tuple(sorted(_path(task.file.file_path) for task in tasks)), tuple(fields))

    def _load(self, table: str) -> Table:
        catalog = _catalog(self._name, self._properties)
        _, *identifier = table.split(".")
        if len(identifier) < 2:
            raise UserError(f"{table} is no table.", f"Write {self._name}.<namespace>.<table>.")
        try:
            return catalog.load_table(tuple(identifier))
        except (NoSuchTableError, NoSuchNamespaceError):
            pass
        try:
            known = [".".join((self._name, *each)) for each in catalog.list_tables(tuple(identifier[:-1]))]
        except NoSuchNamespaceError:
            known = []
        if not known:
            raise InputMissing(f"The table {table} does not exist yet.", "Run `roadside run` first.")
        raise UnknownName("table", table, known)


@lru_cache(maxsize=4)
def _catalog(name: str, properties: tuple[tuple[str, str], ...]) -> Catalog:
    return load_catalog(name, **dict(properties))


def _columns(schema: Schema) -> list[tuple[int, str, str]]:
    return [
        (each.field_id, each.name, _duckdb(each.field_type) or str(each.field_type)) for each in schema.fields
    ]


def _duckdb(kind: IcebergType) -> str | None:
    """DuckDB's type; None where it would read something else: a struct by the order of its fields, say."""
    if isinstance(kind, ListType):
        element = _duckdb(kind.element_type)
        return f"{element}[]" if element else None
    if isinstance(kind, DecimalType):
        return f"DECIMAL({kind.precision}, {kind.scale})"
    return _DUCKDB.get(type(kind))


def _within(schema: Schema, rows: Rows) -> BooleanExpression:
    """Rules files out; rows are told apart by whoever reads them."""
    found: BooleanExpression = AlwaysTrue()
    if not isinstance(schema.find_field(rows.time).field_type, TimestamptzType):
        return found
    bounds: list[tuple[Any, str, Any]] = [
        (GreaterThanOrEqual, rows.time, rows.start),
        (LessThanOrEqual, rows.time, rows.end),
    ]
    for holds, column, bound in bounds:
        if bound is not None:
            found = And(found, holds(column, bound.isoformat()))
    return found


def _read(scan: DataScan, schema: Schema, columns: Sequence[str]) -> pa.Table:
    """These columns of the scan's rows; one that its snapshot had not yet is null."""
    held = [each.name for each in scan.projection().fields if each.name in columns]
    found = scan.update(selected_fields=tuple(held)).to_arrow()
    wanted = schema.select(*columns).as_arrow().empty_table()
    return pa.concat_tables([wanted, found], promote_options="permissive")


def _path(location: str) -> str:
    """A local file as a path; any other as it is."""
    for scheme in ("file://", "file:"):
        if location.startswith(scheme):
            return location.removeprefix(scheme)
    return location
