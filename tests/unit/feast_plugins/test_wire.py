"""Bytes made by columns equal the bytes Feast makes by values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from feast.infra.key_encoding_utils import serialize_entity_key
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.type_map import python_values_to_proto_values
from feast.value_type import ValueType
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st

from feast_plugins.wire import entity_keys, microseconds, order_bytes, timestamp_bytes, value_bytes
from validation.errors import UserError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
int64s = st.integers(-(2**63), 2**63 - 1)
int32s = st.integers(-(2**31), 2**31 - 1)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
moments = st.integers(-(2**51), 2**52).map(lambda micros: EPOCH + timedelta(microseconds=micros))
of_time = pa.timestamp("us", "UTC")
SCALARS: list[tuple[ValueType, pa.DataType, st.SearchStrategy[Any]]] = [
    (ValueType.INT64, pa.int64(), int64s),
    (ValueType.INT32, pa.int32(), int32s),
    (ValueType.DOUBLE, pa.float64(), st.floats()),
    (ValueType.FLOAT, pa.float32(), st.floats(width=32)),
    (ValueType.BOOL, pa.bool_(), st.booleans()),
    (ValueType.STRING, pa.string(), texts),
    (ValueType.BYTES, pa.binary(), st.binary(max_size=200)),
    (ValueType.UNIX_TIMESTAMP, of_time, moments),
]
LISTS = [
    (ValueType.INT64_LIST, pa.int64(), int64s),
    (ValueType.INT32_LIST, pa.int32(), int32s),
    (ValueType.DOUBLE_LIST, pa.float64(), st.floats(allow_nan=False)),
    (ValueType.FLOAT_LIST, pa.float32(), st.floats(width=32, allow_nan=False)),
    (ValueType.BOOL_LIST, pa.bool_(), st.booleans()),
    (ValueType.STRING_LIST, pa.string(), texts),
    (ValueType.BYTES_LIST, pa.binary(), st.binary(max_size=20)),
    (ValueType.UNIX_TIMESTAMP_LIST, of_time, moments),
]


def feast_bytes(column: pa.Array, value_type: ValueType) -> list[bytes]:
    return [
        each.SerializeToString() for each in python_values_to_proto_values(column.to_pylist(), value_type)
    ]


@pytest.mark.parametrize(("value_type", "arrow", "values"), SCALARS, ids=str)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_value_has_the_bytes_feast_gives_it(
    data: st.DataObject, value_type: ValueType, arrow: pa.DataType, values: st.SearchStrategy[Any]
) -> None:
    column = pa.array(data.draw(st.lists(st.none() | values, max_size=20)), arrow)
    assert value_bytes(column, value_type).to_pylist() == feast_bytes(column, value_type)


@pytest.mark.parametrize(("value_type", "arrow", "values"), LISTS, ids=str)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_list_has_the_bytes_feast_gives_it(
    data: st.DataObject, value_type: ValueType, arrow: pa.DataType, values: st.SearchStrategy[Any]
) -> None:
    lists = data.draw(st.lists(st.none() | st.lists(values, max_size=40), max_size=10))
    column = pa.array(lists, pa.list_(arrow))
    assert value_bytes(column, value_type).to_pylist() == feast_bytes(column, value_type)


def test_a_slice_of_a_column_is_that_slice() -> None:
    column = pa.array([[1], None, [2, 300], [], [4]], pa.list_(pa.int64())).slice(1, 3)
    assert value_bytes(column, ValueType.INT64_LIST).to_pylist() == feast_bytes(column, ValueType.INT64_LIST)
    words = pa.array(["a", "bc", None, "d"]).slice(1)
    assert value_bytes(words, ValueType.STRING).to_pylist() == feast_bytes(words, ValueType.STRING)


def test_a_type_that_is_not_listed_is_made_by_feast_itself() -> None:
    column = pa.array([{"a": "b"}, None], pa.struct([("a", pa.string())]))
    assert value_bytes(column, ValueType.MAP).to_pylist() == feast_bytes(column, ValueType.MAP)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(texts, int64s, int32s), min_size=1, max_size=20))
def test_an_entity_key_has_the_bytes_feast_gives_it(rows: list[tuple[str, int, int]]) -> None:
    types = {"zone_id": ValueType.STRING, "hour": ValueType.INT64, "area": ValueType.INT32}
    arrow = {"zone_id": pa.string(), "hour": pa.int64(), "area": pa.int32()}
    columns = {name: pa.array([row[place] for row in rows], arrow[name]) for place, name in enumerate(types)}
    protos = {
        name: python_values_to_proto_values(columns[name].to_pylist(), each) for name, each in types.items()
    }
    expected = [
        serialize_entity_key(EntityKey(join_keys=list(types), entity_values=list(values)), 3) + b"roadside"
        for values in zip(*protos.values(), strict=True)
    ]
    assert entity_keys(columns, types, "roadside").to_pylist() == expected


def test_a_null_key_is_refused_and_counted() -> None:
    with pytest.raises(UserError, match="zone_id is null in 1 of 2 rows"):
        entity_keys({"zone_id": pa.array(["Z1", None])}, {"zone_id": ValueType.STRING}, "p")
    with pytest.raises(UserError, match="zone_id is double"):
        entity_keys({"zone_id": pa.array([1.5])}, {"zone_id": ValueType.STRING}, "p")


@settings(max_examples=40, deadline=None)
@given(st.lists(moments, max_size=20))
def test_a_moment_has_the_bytes_of_its_timestamp(found: list[datetime]) -> None:
    expected = []
    for moment in found:
        proto = Timestamp()
        proto.FromDatetime(moment)
        expected.append(proto.SerializeToString())
    assert timestamp_bytes(microseconds(pa.array(found, of_time))).to_pylist() == expected


@settings(max_examples=40, deadline=None)
@given(st.lists(int64s, min_size=2, max_size=20))
def test_digits_sort_as_their_numbers(numbers: list[int]) -> None:
    digits = order_bytes(np.array(numbers, np.int64)).to_pylist()
    assert [number for _, number in sorted(zip(digits, numbers, strict=True))] == sorted(numbers)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_microseconds_are_the_same_in_every_unit(unit: str) -> None:
    moment = EPOCH + timedelta(days=20_000, seconds=5)
    column = pa.array([moment], pa.timestamp(unit, "UTC"))
    assert microseconds(column).tolist() == [(moment - EPOCH) // timedelta(microseconds=1)]
