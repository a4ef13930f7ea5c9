"""Feature tables of a home without Spark: made and filled by pyiceberg."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog

from lakehouse.settings import Settings
from validation.contract import Table, Type

ARROW = {
    Type.STRING: pa.string(),
    Type.LONG: pa.int64(),
    Type.INT: pa.int32(),
    Type.DOUBLE: pa.float64(),
    Type.BOOLEAN: pa.bool_(),
    Type.DATE: pa.date32(),
    Type.TIMESTAMP: pa.timestamp("us", "UTC"),
    Type.STRINGS: pa.list_(pa.string()),
    Type.DOUBLES: pa.list_(pa.float64()),
    Type.BOOLEANS: pa.list_(pa.bool_()),
    Type.TIMESTAMPS: pa.list_(pa.timestamp("us", "UTC")),
}


def put(settings: Settings, table: Table, *rows: dict[str, Any]) -> None:
    """Append the rows to the table, which is made if it is not there."""
    schema = pa.schema([(column.name, ARROW[column.type]) for column in table.columns])
    catalog = SqlCatalog("lake", uri=f"sqlite:///{settings.catalog_path}", warehouse=settings.warehouse_uri)
    catalog.create_namespace_if_not_exists("features")
    stored = catalog.create_table_if_not_exists(table.name, schema)
    stored.append(pa.Table.from_pylist(list(rows), schema=schema))
    catalog.engine.dispose()
