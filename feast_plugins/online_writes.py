"""Rows into Redis, each accepted if it is newer than what is there by (timestamp, created timestamp).

Per entity one hash, as stock Feast lays it: field murmur3 of `view:feature`, `_ts:<view>`; ours beside
it `_rev:<view>`, the row's order and the `_ts` it belongs to, so that a hash which stock Feast wrote over
counts as created at the least moment. Rows may come in any order, twice, and from two writers at once:
what stays is the greatest.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from feast.infra.online_stores.helpers import _mmh3, _redis_key
from feast.utils import make_tzaware
from feast.value_type import ValueType

from feast_plugins import wire
from feast_plugins.redis_link import Command, Flight, RedisLink
from feast_plugins.scripts import ACCEPT_ROW, sha
from feast_plugins.view_state import ViewState, micros
from validation.errors import UserError

ROWS_AT_ONCE = 5_000
"""Rows on their way together: some 3 MB, which Redis takes in between the reads of others."""
LEAST = -wire.SIGN
"""Created timestamp of a row without one, in microseconds."""
TICK_AT = "tick_at"
"""The feature that is null on a closing row; a view without it is closed by a row of nulls."""


@dataclass(frozen=True)
class ViewShape:
    """What a view's hash fields are called, and the Feast types of its keys and features."""

    view: str
    keys: Mapping[str, ValueType]
    features: Mapping[str, ValueType]
    keep_seconds: int
    project: str

    @property
    def fields(self) -> dict[str, bytes]:
        """Hash field by feature."""
        return {name: _mmh3(f"{self.view}:{name}") for name in self.features}


@dataclass(frozen=True)
class Rows:
    """Rows as bytes, by column.

    Attributes:
        keys: Redis keys; values: serialized values by hash field.
        moments, created: microseconds since 1970.
        is_live: false of a closing row.
    """

    keys: pa.BinaryArray
    values: Mapping[bytes, pa.BinaryArray]
    moments: np.ndarray[Any, np.dtype[np.int64]]
    created: np.ndarray[Any, np.dtype[np.int64]]
    is_live: np.ndarray[Any, np.dtype[np.bool_]]

    def __len__(self) -> int:
        return len(self.moments)


@dataclass(frozen=True)
class Accepted:
    """How many rows were written, were there already, or were older than what is there."""

    written: int = 0
    there: int = 0
    older: int = 0

    def __add__(self, other: Accepted) -> Accepted:
        return Accepted(self.written + other.written, self.there + other.there, self.older + other.older)


def rows_of(shape: ViewShape, batch: pa.RecordBatch, timestamp: str, created: str | None) -> Rows:
    """A batch of a view's rows as bytes.

    Raises:
        UserError: a key is null.
    """
    moments = batch.column(timestamp)
    keys = {name: batch.column(name) for name in shape.keys}
    features = {name: batch.column(name) for name in shape.features}
    return Rows(
        wire.entity_keys(keys, shape.keys, shape.project),
        {
            shape.fields[name]: wire.value_bytes(column, shape.features[name])
            for name, column in features.items()
        },
        wire.microseconds(moments),
        _created(batch.column(created) if created else None, len(moments)),
        _is_live(features, len(moments)),
    )


def rows_of_protos(shape: ViewShape, data: Sequence[Any]) -> Iterator[Rows]:
    """Rows as Feast hands them over (key, values, timestamp, created timestamp), as bytes.

    A naive moment is UTC. Rows whose features come in another order are in batches of their own.

    Raises:
        UserError: a row lacks a feature of the view; nothing is written.
    """
    _require_whole(shape, data)
    by_features: dict[tuple[str, ...], list[Any]] = {}
    for row in data:
        by_features.setdefault(tuple(row[1]), []).append(row)
    for names, rows in by_features.items():
        for start in range(0, len(rows), ROWS_AT_ONCE):
            yield _rows_of_protos(shape, names, rows[start : start + ROWS_AT_ONCE])


def _require_whole(shape: ViewShape, data: Sequence[Any]) -> None:
    partial = [values for _, values, *_ in data if not shape.features.keys() <= values.keys()]
    if partial:
        lacking = sorted({name for values in partial for name in shape.features if name not in values})
        raise UserError(
            f"{len(partial):,} of {len(data):,} rows of {shape.view} lack {', '.join(lacking)}: what earlier "
            "rows said of that would be served as of the new moment.",
            "Write every feature of the view, null where it is not known, or make a view of those alone.",
        )


def _rows_of_protos(shape: ViewShape, names: Sequence[str], rows: Sequence[Any]) -> Rows:
    told = TICK_AT if TICK_AT in names else None
    columns = {name: [_serialized(values[name]) for _, values, *_ in rows] for name in names}
    lives = zip(*(columns[name] for name in ([told] if told else names)), strict=True)
    return Rows(
        pa.array([_redis_key(shape.project, key) for key, *_ in rows], pa.binary()),
        {_mmh3(f"{shape.view}:{name}"): pa.array(column, pa.binary()) for name, column in columns.items()},
        np.array([micros(make_tzaware(moment)) for *_, moment, _ in rows], np.int64),
        np.array([_revised(created) for *_, created in rows], np.int64),
        np.array([any(values) for values in lives], bool),
    )


def _serialized(value: Any) -> bytes:
    """The value's message; empty of a null, a null moment's too."""
    text: bytes = value.SerializeToString()
    return b"" if text == wire.NULL_MOMENT else text


def _revised(created: datetime | None) -> int:
    """Microseconds since 1970; Feast hands a null over as None, or as pandas' NaT."""
    return LEAST if pd.isna(created) else micros(make_tzaware(created))


def _created(column: pa.Array | None, count: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    if column is None or pa.types.is_null(column.type):
        return np.full(count, LEAST, np.int64)
    known = wire.microseconds(pc.fill_null(column, pa.scalar(0, column.type)))
    return np.where(column.is_null().to_numpy(zero_copy_only=False), LEAST, known)


def _is_live(features: Mapping[str, pa.Array], count: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    told = [features[TICK_AT]] if TICK_AT in features else list(features.values())
    live = np.zeros(count, bool)
    for column in told:
        live |= column.is_valid().to_numpy(zero_copy_only=False)
    return live


def write(
    link: RedisLink,
    state: ViewState,
    shape: ViewShape,
    batches: Iterator[Rows],
    progress: Callable[[int], Any] = lambda _count: None,
) -> Accepted:
    """Write the rows, the next ones packed while Redis takes in the last; of rows there, tell who lives.

    Raises:
        Unreachable: Redis is down, slow, full or refuses us; run again, nothing is half written.
    """
    link.load_scripts()
    accepted = Accepted()
    under_way: deque[tuple[Rows, Flight]] = deque()

    def take(at_most: int) -> None:
        nonlocal accepted
        while len(under_way) > at_most:
            rows, flight = under_way[0]
            verdicts = np.array(link.receive(flight), np.int8)
            under_way.popleft()
            _tell_standing(state, shape.view, rows, verdicts >= 0)
            accepted += Accepted(*(int((verdicts == verdict).sum()) for verdict in (1, 0, -1)))
            progress(len(rows))

    try:
        for rows in batches:
            under_way.append((rows, link.send(PackedRows(shape, rows))))
            take(at_most=1)
        take(at_most=0)
    finally:
        for _, flight in under_way:
            link.abandon(flight)
    return accepted


def _tell_standing(
    state: ViewState, view: str, rows: Rows, stands: np.ndarray[Any, np.dtype[np.bool_]]
) -> None:
    """Of the rows that now stand, who lives and who is closed."""
    for tell, is_told in ((state.add_live, rows.is_live), (state.close, ~rows.is_live)):
        chosen = np.flatnonzero(stands & is_told)
        if len(chosen):
            created = wire.order_bytes(rows.created[chosen]).to_pylist()
            tell(view, rows.keys.take(pa.array(chosen)).to_pylist(), rows.moments[chosen].tolist(), created)


class PackedRows(Sequence[Command]):
    """One call of the acceptance script per row; `whole` is all of them, as they are sent."""

    def __init__(self, shape: ViewShape, rows: Rows) -> None:
        self._keys = rows.keys
        self._calls = _calls(shape, rows)

    def __len__(self) -> int:
        return len(self._keys)

    def __getitem__(self, place: Any) -> Any:
        return Command(self._keys[place].as_py(), self._calls[place].as_py())

    @property
    def whole(self) -> memoryview:
        """The calls one after the other."""
        return memoryview(self._calls.buffers()[2]) if len(self._calls) else memoryview(b"")


def _calls(shape: ViewShape, rows: Rows) -> pa.BinaryArray:
    seconds = str(shape.keep_seconds).encode()
    words = 3 + 1 + 5 + 2 * len(rows.values)
    head = b"*%d\r\n$7\r\nEVALSHA\r\n$40\r\n%b\r\n$1\r\n1\r\n" % (words, sha(ACCEPT_ROW).encode())
    named = _word(f"_ts:{shape.view}".encode()) + _word(f"_rev:{shape.view}".encode()) + b"$32\r\n"
    order = wire.joined(wire.order_bytes(rows.moments), wire.order_bytes(rows.created))
    parts: list[Any] = [
        _scalar(head), *_bulk(rows.keys), _scalar(b"\r\n" + named), order, _scalar(b"\r\n"),
        *_bulk(wire.timestamp_bytes(rows.moments)), _scalar(b"\r\n" + _word(seconds)),
    ]  # fmt: skip
    for name, values in rows.values.items():
        parts += [_scalar(_word(name)), *_bulk(values), _scalar(b"\r\n")]
    return wire.joined(*parts)


def _word(text: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(text), text)


def _bulk(column: pa.BinaryArray) -> tuple[pa.BinaryArray, pa.BinaryArray]:
    """The length of each value as Redis wants it before the value, and the value."""
    lengths = wire.lengths_of(column)
    known, place = np.unique(lengths, return_inverse=True)
    told = pa.array([b"$%d\r\n" % length for length in known], pa.binary())
    return told.take(pa.array(place)), column


def _scalar(text: bytes) -> pa.Scalar:
    return pa.scalar(text, pa.binary())
