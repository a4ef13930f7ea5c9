"""Moments as the engines have them: microseconds of UTC, what is finer left off."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

MOMENT = pa.timestamp("us", "UTC")


def in_utc(moments: pa.ChunkedArray) -> pa.ChunkedArray:
    """The moments in MOMENT; those without a zone are UTC, parts of a microsecond are left off.

    The zone goes first: to floor is done in the column's own, where an hour of autumn stands twice.
    """
    unit = moments.type.unit
    moments = moments.cast(pa.timestamp(unit, "UTC"))
    if unit == "ns":
        moments = pc.floor_temporal(moments, unit="microsecond")
    return moments.cast(MOMENT)


def in_microseconds(table: pa.Table) -> pa.Table:
    """The table with its moments in MOMENT."""
    for position, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type) and field.type != MOMENT:
            table = table.set_column(position, field.with_type(MOMENT), in_utc(table[position]))
    return table


def schema_in_utc(schema: pa.Schema) -> pa.Schema:
    """The schema, every zone in it UTC."""
    return pa.schema([each.with_type(type_in_utc(each.type)) for each in schema])


def type_in_utc(kind: pa.DataType) -> pa.DataType:
    """The type, every zone in it UTC: Spark gives moments in the session's, and takes them in UTC.

    >>> type_in_utc(pa.list_(pa.timestamp("us", "America/New_York"))).value_type
    TimestampType(timestamp[us, tz=UTC])
    """
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return pa.timestamp(kind.unit, MOMENT.tz)
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(type_in_utc(kind.value_type)))
    if pa.types.is_struct(kind):
        return pa.struct([each.with_type(type_in_utc(each.type)) for each in kind])
    if pa.types.is_map(kind):
        return pa.map_(type_in_utc(kind.key_type), type_in_utc(kind.item_type))
    return kind
