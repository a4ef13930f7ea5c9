"""Arrow schemas derived from contracts."""

from __future__ import annotations

import pyarrow as pa

from validation.contract import Table, Type

_ARROW_TYPES: dict[Type, pa.DataType] = {
    Type.STRING: pa.string(),
    Type.LONG: pa.int64(),
    Type.INT: pa.int32(),
    Type.DOUBLE: pa.float64(),
    Type.BOOLEAN: pa.bool_(),
    Type.TIMESTAMP: pa.timestamp("us", "UTC"),
    Type.DATE: pa.date32(),
    Type.BINARY: pa.binary(),
    Type.STRINGS: pa.list_(pa.string()),
    Type.DOUBLES: pa.list_(pa.float64()),
    Type.BOOLEANS: pa.list_(pa.bool_()),
    Type.TIMESTAMPS: pa.list_(pa.timestamp("us", "UTC")),
}


def arrow_schema(table: Table) -> pa.Schema:
    """The contract's columns as Arrow has them. Nullability is checked at the gate, not here."""
    return pa.schema([(column.name, _ARROW_TYPES[column.type]) for column in table.columns])
