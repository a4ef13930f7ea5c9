"""Arrow columns as the bytes Feast writes: values, entity keys, timestamps; no Python object per value.

Feast 0.67 stores a value as a serialized `Value` message, an entity as `serialize_entity_key` of
version 3, a moment as a serialized `Timestamp`. The same bytes are made here by columns; a type that is
not listed goes through Feast's own conversion. A null, and a NaN, is the empty message, as Feast has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from feast.protos.feast.types.Value_pb2 import Value
from feast.protos.feast.types.Value_pb2 import ValueType as KeyType
from feast.type_map import NULL_TIMESTAMP_INT_VALUE, python_values_to_proto_values
from feast.value_type import ValueType

from validation.errors import UserError

_FIELD = {field.name: field.number for field in Value.DESCRIPTOR.fields}
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = (
    0,
    1,
    2,
    5,
)  # wire types, protobuf.dev/programming-guides/encoding
_SCALARS: Mapping[ValueType, tuple[str, pa.DataType]] = {
    ValueType.INT64: ("int64_val", pa.int64()),
    ValueType.INT32: ("int32_val", pa.int32()),
    ValueType.DOUBLE: ("double_val", pa.float64()),
    ValueType.FLOAT: ("float_val", pa.float32()),
    ValueType.BOOL: ("bool_val", pa.bool_()),
    ValueType.UNIX_TIMESTAMP: ("unix_timestamp_val", pa.int64()),
    ValueType.STRING: ("string_val", pa.string()),
    ValueType.BYTES: ("bytes_val", pa.binary()),
}
_LISTS: Mapping[ValueType, tuple[str, ValueType]] = {
    ValueType.INT64_LIST: ("int64_list_val", ValueType.INT64),
    ValueType.INT32_LIST: ("int32_list_val", ValueType.INT32),
    ValueType.DOUBLE_LIST: ("double_list_val", ValueType.DOUBLE),
    ValueType.FLOAT_LIST: ("float_list_val", ValueType.FLOAT),
    ValueType.BOOL_LIST: ("bool_list_val", ValueType.BOOL),
    ValueType.UNIX_TIMESTAMP_LIST: ("unix_timestamp_list_val", ValueType.UNIX_TIMESTAMP),
    ValueType.STRING_LIST: ("string_list_val", ValueType.STRING),
    ValueType.BYTES_LIST: ("bytes_list_val", ValueType.BYTES),
}
_KEY_TYPES = {
    ValueType.STRING: KeyType.STRING,
    ValueType.BYTES: KeyType.BYTES,
    ValueType.INT64: KeyType.INT64,
    ValueType.INT32: KeyType.INT32,
    ValueType.UNIX_TIMESTAMP: KeyType.UNIX_TIMESTAMP,
}
_UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_NOTHING = pa.scalar(b"", pa.binary())
NULL_MOMENT = Value(unix_timestamp_val=NULL_TIMESTAMP_INT_VALUE).SerializeToString()
"""What stock Feast makes of a null moment that comes in a column; it reads as null."""

SIGN = 1 << 63
"""Added to a signed 64-bit number, so that its hexadecimal digits sort as the number does."""


def value_bytes(column: pa.Array, value_type: ValueType) -> pa.BinaryArray:
    """One serialized `Value` per row, equal to Feast's `python_values_to_proto_values`; null is empty.

    Raises:
        TypeError, ValueError: Feast cannot make the type of the column's values.
    """
    if (
        value_type in _SCALARS and value_type is not ValueType.BYTES
    ):  # of which Feast takes an empty one for null
        scalar = _as_type(column, value_type)
        if scalar is not None:
            return _without_nulls(_scalar(scalar, value_type))
    elif value_type in _LISTS:
        name, of = _LISTS[value_type]
        lists = _as_lists(column, of)
        if lists is not None:
            return _without_nulls(_message(_FIELD[name], _list_body(lists, of)))
    protos = python_values_to_proto_values(column.to_pylist(), value_type)
    return pa.array([each.SerializeToString() for each in protos], pa.binary())


def entity_keys(
    columns: Mapping[str, pa.Array], value_types: Mapping[str, ValueType], suffix: str
) -> pa.BinaryArray:
    """One `serialize_entity_key` (version 3) per row, and the suffix: a Redis key of Feast's.

    Raises:
        UserError: a key is null, or of a type that Feast has no key of.
    """
    names = sorted(columns)
    head = len(names).to_bytes(4, "little")
    for name in names:
        head += int(KeyType.STRING).to_bytes(4, "little") + len(name.encode()).to_bytes(4, "little")
        head += name.encode()
    parts: list[Any] = [pa.scalar(head, pa.binary())]
    for name in names:
        column, value_type = columns[name], value_types[name]
        typed = _as_type(column, value_type) if value_type in _KEY_TYPES else None
        if typed is None:
            raise UserError(
                f"Key {name} is {column.type}; Feast has no key of that type as {value_type.name}."
            )
        if typed.null_count:
            raise UserError(f"Key {name} is null in {typed.null_count:,} of {len(typed):,} rows.")
        content = _key_content(typed, value_type)
        parts += [
            pa.scalar(int(_KEY_TYPES[value_type]).to_bytes(4, "little"), pa.binary()),
            _fixed(_bytes_of(lengths_of(content).astype("<u4"))),
            content,
        ]
    return joined(*parts, pa.scalar(suffix.encode(), pa.binary()))


def microseconds(column: pa.Array) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Microseconds since 1970 of moments without nulls; finer units are rounded down, no zone is UTC."""
    unit = _UNITS[column.type.unit]
    ticks = column.cast(pa.int64()).to_numpy(zero_copy_only=False)
    return ticks * (1_000_000 // unit) if unit <= 1_000_000 else ticks // (unit // 1_000_000)


def timestamp_bytes(moments: np.ndarray[Any, np.dtype[np.int64]]) -> pa.BinaryArray:
    """One serialized `Timestamp` per moment in microseconds since 1970."""
    seconds, nanos = moments // 1_000_000, (moments % 1_000_000) * 1_000
    return joined(
        *(
            pc.if_else(pa.array(part != 0), joined(_byte(tag), _varints(part)), _NOTHING)
            for tag, part in ((0x08, seconds), (0x10, nanos))
        )
    )


def order_bytes(moments: np.ndarray[Any, np.dtype[np.int64]]) -> pa.BinaryArray:
    """Sixteen hexadecimal digits per 64-bit number, which sort as the numbers do."""
    biased = moments.astype(np.int64).view(np.uint64) ^ np.uint64(SIGN)
    digits = _HEXADECIMAL[biased.astype(">u8").view(np.uint8)].reshape(len(moments), 16)
    return _fixed(digits)


def lengths_of(column: pa.Array) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Bytes per row of a column of bytes."""
    return pc.binary_length(column).to_numpy(zero_copy_only=False).astype(np.int64)


def joined(*parts: pa.Array | pa.Scalar) -> pa.BinaryArray:
    """The parts of each row one after the other; null if one is."""
    return pc.binary_join_element_wise(*parts, _NOTHING)


_HEXADECIMAL = np.frombuffer(b"".join(b"%02x" % number for number in range(256)), np.uint8).reshape(256, 2)


def _as_type(column: pa.Array, value_type: ValueType) -> pa.Array | None:
    """The column in the Arrow type of the values; None where Feast's own conversion must decide."""
    wanted = _SCALARS[value_type][1]
    found = column.type
    if pa.types.is_null(found):
        return pa.nulls(len(column), wanted)
    if value_type is ValueType.UNIX_TIMESTAMP and pa.types.is_timestamp(found):
        return _whole_seconds(column)
    if pa.types.is_floating(wanted) and pa.types.is_floating(found):
        values = column.cast(wanted)
        return pc.if_else(pc.is_nan(values), pa.scalar(None, wanted), values)
    if pa.types.is_integer(wanted) and pa.types.is_integer(found):
        return column.cast(wanted)
    if value_type in (ValueType.STRING, ValueType.BYTES):
        is_text = pa.types.is_string(found) or pa.types.is_large_string(found)
        is_bytes = pa.types.is_binary(found) or pa.types.is_large_binary(found)
        return column.cast(pa.binary()) if (is_text if value_type is ValueType.STRING else is_bytes) else None
    return column if found == wanted else None


def _whole_seconds(column: pa.Array) -> pa.Array:
    """Seconds since 1970, towards it where there is a fraction, as Feast's int() has it."""
    ticks, unit = column.cast(pa.int64()), _UNITS[column.type.unit]
    return pc.divide(ticks, unit)  # Arrow divides integers towards zero


def _as_lists(column: pa.Array, of: ValueType) -> pa.Array | None:
    """The column as lists of values in their Arrow type, without null elements; None if it is none."""
    if pa.types.is_null(column.type):
        return pa.nulls(len(column), pa.list_(pa.binary() if _is_bytes(of) else _SCALARS[of][1]))
    if not (pa.types.is_list(column.type) or pa.types.is_large_list(column.type)):
        return None
    lists = column.cast(pa.list_(column.type.value_type))
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    elements = _as_type(pc.list_flatten(lists), of)
    if elements is None or elements.null_count:
        return None
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int32)
    mask = lists.is_null() if lists.null_count else None
    return pa.ListArray.from_arrays(pa.array(offsets), elements, mask=mask)


def _is_bytes(value_type: ValueType) -> bool:
    return value_type in (ValueType.STRING, ValueType.BYTES)


def _scalar(column: pa.Array, value_type: ValueType) -> pa.Array:
    number = _FIELD[_SCALARS[value_type][0]]
    if _is_bytes(value_type):
        return _message(number, column)
    wire = {ValueType.DOUBLE: _EIGHT_BYTES, ValueType.FLOAT: _FOUR_BYTES}.get(value_type, _VARINT)
    encoded = joined(_byte(number << 3 | wire), _elements(column, value_type))
    return (
        pc.if_else(column.is_null(), pa.scalar(None, pa.binary()), encoded) if column.null_count else encoded
    )


def _elements(column: pa.Array, value_type: ValueType) -> pa.BinaryArray:
    """The bare numbers of a column, as a packed list has them; whatever for a null."""
    if value_type in (ValueType.DOUBLE, ValueType.FLOAT):
        kind = "<f8" if value_type is ValueType.DOUBLE else "<f4"
        numbers = pc.fill_null(column, 0.0).to_numpy(zero_copy_only=False).astype(kind)
        return _fixed(_bytes_of(numbers))
    zero = False if value_type is ValueType.BOOL else 0
    return _varints(pc.fill_null(column, zero).to_numpy(zero_copy_only=False).astype(np.int64))


def _list_body(lists: pa.Array, of: ValueType) -> pa.Array:
    """What is inside a list message: one packed field of numbers, or one field per text."""
    offsets = lists.offsets.to_numpy().astype(np.int64)
    values = lists.values
    elements = _message(1, values) if _is_bytes(of) else _elements(values, of)
    ends = np.concatenate(([0], np.cumsum(lengths_of(elements))))
    flat = joined(elements) if len(elements) else pa.array([], pa.binary())
    data = b"" if not len(flat) else _data_of(flat)
    body = _ragged(np.frombuffer(data, np.uint8), ends[offsets])
    if not _is_bytes(of):
        body = pc.if_else(pc.equal(pc.binary_length(body), 0), _NOTHING, _message(1, body))
    return pc.if_else(lists.is_null(), pa.scalar(None, pa.binary()), body) if lists.null_count else body


def _data_of(column: pa.BinaryArray) -> pa.Buffer:
    """The bytes of all rows, in order; the column was just made, so it starts at 0."""
    return column.buffers()[2]


def _message(number: int, content: pa.Array) -> pa.BinaryArray:
    """A length-delimited field; null stays null."""
    filled = pc.fill_null(content, b"") if content.null_count else content
    field = joined(_byte(number << 3 | _LENGTH), _varints(lengths_of(filled)), filled)
    return pc.if_else(content.is_null(), pa.scalar(None, pa.binary()), field) if content.null_count else field


def _byte(tag: int) -> pa.Scalar:
    """A tag, itself a varint."""
    low, high = tag & 0x7F, tag >> 7
    return pa.scalar(bytes((low | 0x80, high)) if high else bytes((low,)), pa.binary())


def _varints(numbers: np.ndarray[Any, np.dtype[np.int64]]) -> pa.BinaryArray:
    """Base-128 varints of signed 64-bit numbers: seven bits a byte, the lowest first."""
    left = numbers.astype(np.int64).view(np.uint64)
    if not len(left):
        return pa.array([], pa.binary())
    width = max(1, -(-int(left.max()).bit_length() // 7))
    if width == 1:
        return _fixed(left.astype(np.uint8).reshape(-1, 1))
    groups = np.empty((len(left), width), np.uint8)
    for position in range(width):
        groups[:, position] = (left >> np.uint64(7 * position)).astype(np.uint8) & 0x7F
    lengths = np.ones(len(left), np.int64)
    for position in range(1, width):
        lengths += left >= np.uint64(1 << (7 * position))
    columns = np.arange(width)
    groups[columns < lengths[:, None] - 1] |= 0x80
    return _ragged(groups[columns < lengths[:, None]], np.concatenate(([0], np.cumsum(lengths))))


def _bytes_of(numbers: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The bytes of each number, a row a number."""
    return numbers.view(np.uint8).reshape(len(numbers), numbers.itemsize)


def _fixed(rows: np.ndarray[Any, np.dtype[np.uint8]]) -> pa.BinaryArray:
    """A matrix of bytes as a column, a row of it a value."""
    count, width = rows.shape
    return _ragged(np.ascontiguousarray(rows).reshape(-1), np.arange(count + 1, dtype=np.int64) * width)


def _ragged(data: np.ndarray[Any, Any], offsets: np.ndarray[Any, Any]) -> pa.BinaryArray:
    buffers = [None, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(np.ascontiguousarray(data))]
    return pa.Array.from_buffers(pa.binary(), len(offsets) - 1, buffers)


def _key_content(typed: pa.Array, value_type: ValueType) -> pa.Array:
    if _is_bytes(value_type):
        return typed
    kind = "<i4" if value_type is ValueType.INT32 else "<i8"
    numbers = typed.to_numpy(zero_copy_only=False).astype(kind)
    return _fixed(_bytes_of(numbers))


def _without_nulls(column: pa.Array) -> pa.BinaryArray:
    return pc.fill_null(column, b"") if column.null_count else column
