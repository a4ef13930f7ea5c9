"""Landed records judged by their source's contract, a chunk of them at a time.

Every field of a chunk is checked as one column: the types of all its values in one pass, bounds
and clocks in Arrow, and value by value only where that pass finds something. What comes out does
not depend on how records fall into chunks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

import h3
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.aliases import Aliases
from ingestion.reasons import Problem, Reason
from validation.contract import Type
from validation.errors import Defect
from validation.source import EARLIEST, FARTHEST, Field, Source

ZONE_RESOLUTION = 7

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FIRST_MOMENT = (datetime(1, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND
_LAST_MOMENT = (datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC) - _EPOCH) // _MICROSECOND
_RANGE = {Type.INT: (-(2**31), 2**31 - 1), Type.LONG: (-(2**63), 2**63 - 1)}
_WHOLE = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(
    r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?(inf|infinity|nan)", re.IGNORECASE
)
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_MOST_NAMES = 100
_STRANGE_NAME = "(a name that is no identifier)"

Record = dict[str, Any]
Problems = dict[int, list[Problem]]
Placed = tuple[tuple[str, ...], Any]  # where in the record a value stands, and the value


@dataclass
class Judgement:
    """What the contract says of one chunk of records.

    Attributes:
        accepted: positions of the records without a problem, in order.
        problems: every problem of each other record, by position.
        values: by path, the values of the accepted records as the contract types them; no times.
        columns: by path, the same as Arrow arrays; times as UTC microseconds.
        canonical: JSON of each accepted record with sorted keys.
        has_unknown_value: by accepted record, whether a vocabulary lacks a value of it.
        unknown_fields: by accepted record, dotted names the contract does not have, sorted.
        unknown_values: by accepted record, paths and values of those fields.
    """

    accepted: list[int]
    problems: Problems
    values: dict[str, list[Any]]
    columns: dict[str, pa.Array]
    canonical: list[bytes]
    has_unknown_value: list[bool]
    unknown_fields: list[list[str]]
    unknown_values: list[Sequence[Placed]]


@dataclass
class _Findings:
    """Collects what is found while a chunk is judged."""

    size: int
    problems: Problems = field(default_factory=dict)
    has_unknown_value: list[bool] = field(init=False)
    unknown: dict[int, list[Placed]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.has_unknown_value = [False] * self.size

    def refuse(self, position: int, reason: Reason, path: str | None = None) -> None:
        self.problems.setdefault(position, []).append(Problem(reason, path))

    def differ(self, position: int, path: str) -> None:
        self.refuse(position, Reason.TWO_VALUES, path)


class Contract:
    """A source's contract, compiled: judges chunks of its records.

    Raises:
        Defect: the contract asks for what cannot be judged.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.field_names = frozenset(name for each in source.fields for name in (each.path, *each.aliases))
        self._aliases = Aliases(source.fields)
        self._fields = [(each, _checker(landed_type(each))) for each in source.fields]
        paths = [tuple(each.path.split(".")) for each in source.fields]
        self._containers = sorted({path[:n] for path in paths for n in range(1, len(path))}, key=len)
        self._known = {
            parent: frozenset(path[len(parent)] for path in paths if path[: len(parent)] == parent != path)
            for parent in ((), *self._containers)
        }
        required = {each.path for each in source.fields if each.required}
        if not source.subjects or not required.issuperset(source.subjects[-1][1]):
            raise Defect(
                f"{source.name}: the key of the last of its subjects may be absent.",
                f"Require {source.subjects[-1:]} in validation/sources/{source.name}.py.",
            )
        self._from_text = {
            name: _text_reader(landed_type(each))
            for each in source.fields
            for name in (each.path, *each.aliases)
        }

    def from_texts(self, header: Sequence[str], texts: Iterable[str]) -> Record:
        """A CSV line as a record: text typed as the contract says, empty text as null.

        Text that does not read as its type stays text, and fails the type check.
        """
        record: Record = {}
        for name, text in zip(header, texts, strict=True):
            read = self._from_text.get(name)
            record[name] = None if not text else text if read is None else read(text.strip())
        return record

    def judge(self, records: Sequence[Record], landed_at: datetime) -> Judgement:
        """Every problem of every record, and the accepted ones column by column."""
        found = _Findings(len(records))
        canonical = _canonical(records, found)
        records = self._aliases.moved(records, found.differ)
        parents = self._open_containers(records, found)
        values: dict[str, list[Any]] = {}
        columns: dict[str, pa.Array] = {}
        for each, check in self._fields:
            *parent, name = each.path.split(".")
            given = [record.get(name) for record in parents[tuple(parent)]]
            if each.required:
                _require(given, each.path, found)
            columns[each.path] = check(given, each, found)
            if each.type is Type.TIMESTAMP:
                self._refuse_beyond(each, columns[each.path], landed_at, found)
            else:
                values[each.path] = given
        return _kept(found, values, columns, canonical)

    def _open_containers(
        self, records: Sequence[Record], found: _Findings
    ) -> dict[tuple[str, ...], Sequence[Record]]:
        """The records, and by path every object inside them; an absent one stands as empty."""
        objects: dict[tuple[str, ...], Sequence[Record]] = {(): records}
        self._note_unknown((), records, found)
        for path in self._containers:
            inner: list[Any] = [parent.get(path[-1]) for parent in objects[path[:-1]]]
            for position, value in enumerate(inner):
                if type(value) is not dict:
                    if value is not None:
                        found.refuse(position, Reason.WRONG_TYPE, ".".join(path))
                    inner[position] = _EMPTY
            objects[path] = inner
            self._note_unknown(path, inner, found)
        return objects

    def _note_unknown(self, path: tuple[str, ...], objects: Sequence[Record], found: _Findings) -> None:
        known = self._known[path]
        if known.issuperset(set().union(*objects)):
            return
        for position, each in enumerate(objects):
            for name in each.keys() - known:
                found.unknown.setdefault(position, []).append(((*path, name), each[name]))

    def _refuse_beyond(self, each: Field, moments: pa.Array, landed_at: datetime, found: _Findings) -> None:
        """Refuse the moments that lie ahead of the landing, if they must not, or out of all bounds."""
        is_past = each.is_past or each.path == self.source.timestamp
        limit, reason = (self.source.ahead, Reason.AHEAD) if is_past else (FARTHEST, Reason.OUT_OF_BOUNDS)
        first, last = (pa.scalar(moment, moments.type) for moment in (EARLIEST, landed_at + limit))
        _refuse_positions(pc.greater(moments, last), reason, each.path, found)
        _refuse_positions(pc.less(moments, first), Reason.OUT_OF_BOUNDS, each.path, found)


_EMPTY: Record = {}


def landed_type(each: Field) -> Type:
    """The type of the field's value as it lands: a sealed field with bounds is a number."""
    is_number = each.column is None and (each.low is not None or each.high is not None)
    return Type.DOUBLE if is_number else each.type


def zone(latitude: float | None, longitude: float | None) -> str | None:
    """The H3 r7 cell of a place; none when a coordinate is not given."""
    return None if latitude is None or longitude is None else _cell(latitude, longitude)


@lru_cache(maxsize=100_000)
def _cell(latitude: float, longitude: float) -> str:
    return str(h3.latlng_to_cell(latitude, longitude, ZONE_RESOLUTION))


def canonical_json(record: Any) -> bytes:
    """JSON with sorted keys: equal for equal contents.

    Raises:
        TypeError: the record is nested too deep.
    """
    return orjson.dumps(record, default=str, option=orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z)


def _canonical(records: Sequence[Record], found: _Findings) -> list[bytes]:
    try:
        return [canonical_json(record) for record in records]
    except TypeError:
        return [_canonical_or_refused(position, record, found) for position, record in enumerate(records)]


def _canonical_or_refused(position: int, record: Record, found: _Findings) -> bytes:
    try:
        return canonical_json(record)
    except TypeError:
        found.refuse(position, Reason.TOO_DEEP)
        return b""


def _require(values: list[Any], path: str, found: _Findings) -> None:
    if None in values or "" in values:
        for position, value in enumerate(values):
            if value is None or value == "":
                found.refuse(position, Reason.MISSING_FIELD, path)
                values[position] = None


Checker = Callable[[list[Any], Field, _Findings], pa.Array]


def _checker(landed: Type) -> Checker:
    try:
        return _CHECKERS[landed]
    except KeyError:
        raise Defect(f"No source can land a field of type {landed.value}.") from None


def _cleaned(
    values: list[Any], types: set[type], convert: Callable[[Any], Any], path: str, found: _Findings
) -> None:
    """Convert, in place, the values that are not of the types; where that cannot be, refuse and clear."""
    if types.issuperset(map(type, values)):
        return
    for position, value in enumerate(values):
        if type(value) not in types:
            converted = convert(value)
            if isinstance(converted, Reason):
                found.refuse(position, converted, path)
                converted = None
            values[position] = converted


def _wrong_type(_value: Any) -> Reason:
    return Reason.WRONG_TYPE


def _strings(values: list[Any], each: Field, found: _Findings) -> pa.Array:
    _cleaned(values, {str, type(None)}, _wrong_type, each.path, found)
    if each.vocabulary and not (set(values) - {None} <= each.vocabulary):
        for position, value in enumerate(values):
            if value is not None and value not in each.vocabulary:
                found.has_unknown_value[position] = True
    return pa.array(values, pa.string())


def _booleans(values: list[Any], each: Field, found: _Findings) -> pa.Array:
    _cleaned(values, {bool, type(None)}, _wrong_type, each.path, found)
    return pa.array(values, pa.bool_())


def _string_lists(values: list[Any], each: Field, found: _Findings) -> pa.Array:
    def checked(value: Any) -> Any:
        is_good = type(value) is list and all(type(item) is str for item in value)
        return value if is_good else Reason.WRONG_TYPE

    _cleaned(values, {type(None)}, checked, each.path, found)
    return pa.array(values, pa.list_(pa.string()))


def _doubles(values: list[Any], each: Field, found: _Findings) -> pa.Array:
    _cleaned(values, {float, type(None)}, _as_double, each.path, found)
    column = pa.array(values, pa.float64())
    if not pc.all(pc.is_finite(column), min_count=0).as_py():
        _refuse_where(values, lambda value: not _is_finite(value), Reason.NOT_FINITE, each.path, found)
        column = pa.array(values, pa.float64())
    return _bounded(values, column, each.low, each.high, each.path, found)


def _as_double(value: Any) -> Any:
    return float(value) if type(value) is int or type(value) is Decimal else Reason.WRONG_TYPE


def _is_finite(value: float) -> bool:
    return float("-inf") < value < float("inf")


def _integers(landed: Type, arrow: pa.DataType) -> Checker:
    lowest, highest = _RANGE[landed]

    def as_integer(value: Any) -> Any:
        if type(value) is float:
            return int(value) if value.is_integer() else Reason.WRONG_TYPE
        return Reason.WRONG_TYPE

    def check(values: list[Any], each: Field, found: _Findings) -> pa.Array:
        _cleaned(values, {int, type(None)}, as_integer, each.path, found)
        given = [value for value in values if value is not None]
        if given and (min(given) < lowest or max(given) > highest):
            _refuse_where(
                values, lambda value: not lowest <= value <= highest, Reason.OUT_OF_BOUNDS, each.path, found
            )
        return _bounded(values, pa.array(values, arrow), each.low, each.high, each.path, found)

    return check


def _bounded(
    values: list[Any], column: pa.Array, low: float | None, high: float | None, path: str, found: _Findings
) -> pa.Array:
    if (low is None and high is None) or column.null_count == len(column):
        return column
    lowest, highest = pc.min_max(column).as_py().values()
    if (low is None or lowest >= low) and (high is None or highest <= high):
        return column

    def is_out(value: float) -> bool:
        return (low is not None and value < low) or (high is not None and value > high)

    _refuse_where(values, is_out, Reason.OUT_OF_BOUNDS, path, found)
    return pa.array(values, column.type)


def _refuse_where(
    values: list[Any], is_wrong: Callable[[Any], bool], reason: Reason, path: str, found: _Findings
) -> None:
    for position, value in enumerate(values):
        if value is not None and is_wrong(value):
            found.refuse(position, reason, path)
            values[position] = None


def _refuse_positions(is_wrong: pa.Array, reason: Reason, path: str, found: _Findings) -> None:
    if pc.any(is_wrong).as_py():
        for position, refused in enumerate(is_wrong.to_pylist()):
            if refused:
                found.refuse(position, reason, path)


_UTC_MICROSECONDS = pa.timestamp("us", tz="UTC")


def _moments(values: list[Any], each: Field, found: _Findings) -> pa.Array:
    """Times with an offset, to the microsecond. Arrow reads the usual forms; Python all of ISO 8601."""
    if {str, type(None)}.issuperset(map(type, values)):
        try:
            column = pa.array(values, pa.string()).cast(_UTC_MICROSECONDS)
        except pa.ArrowInvalid:
            pass
        else:
            if _is_in_calendar(column):
                return column
    _cleaned(values, {type(None)}, _microseconds, each.path, found)
    return pa.array(values, pa.int64()).cast(_UTC_MICROSECONDS)


def _is_in_calendar(column: pa.Array) -> bool:
    first, last = pc.min_max(column.cast(pa.int64())).as_py().values()
    return first is None or (first >= _FIRST_MOMENT and last <= _LAST_MOMENT)


def _microseconds(value: Any) -> int | Reason:
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return Reason.NOT_A_TIME
    elif isinstance(value, datetime):
        moment = value
    else:
        return Reason.NO_TIME_ZONE if isinstance(value, date) else Reason.WRONG_TYPE
    if moment.tzinfo is None:
        return Reason.NO_TIME_ZONE
    microseconds: int = (moment - _EPOCH) // _MICROSECOND
    return microseconds if _FIRST_MOMENT <= microseconds <= _LAST_MOMENT else Reason.OUT_OF_BOUNDS


_CHECKERS: dict[Type, Checker] = {
    Type.STRING: _strings,
    Type.STRINGS: _string_lists,
    Type.BOOLEAN: _booleans,
    Type.DOUBLE: _doubles,
    Type.INT: _integers(Type.INT, pa.int32()),
    Type.LONG: _integers(Type.LONG, pa.int64()),
    Type.TIMESTAMP: _moments,
}


def _text_reader(landed: Type) -> Callable[[str], Any] | None:
    match landed:
        case Type.INT | Type.LONG | Type.DOUBLE:
            return _number
        case Type.BOOLEAN:
            return lambda text: {"true": True, "false": False}.get(text.lower(), text)
        case Type.STRINGS:
            return _list
    return None


def _number(text: str) -> Any:
    if _WHOLE.fullmatch(text):
        return int(text) if len(text) <= 20 else float(text)
    return float(text) if _NUMBER.fullmatch(text) else text


def _list(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _kept(
    found: _Findings, values: dict[str, list[Any]], columns: dict[str, pa.Array], canonical: list[bytes]
) -> Judgement:
    accepted = list(range(found.size))
    if found.problems:
        accepted = [position for position in accepted if position not in found.problems]
        rows = pa.array(accepted, pa.int64())
        values = {path: [column[position] for position in accepted] for path, column in values.items()}
        columns = {path: column.take(rows) for path, column in columns.items()}
        canonical = [canonical[position] for position in accepted]
    strangers: list[Sequence[Placed]] = [found.unknown.get(position, ()) for position in accepted]
    return Judgement(
        accepted,
        found.problems,
        values,
        columns,
        canonical,
        [found.has_unknown_value[position] for position in accepted],
        [_names(each) for each in strangers],
        strangers,
    )


def _names(strangers: Sequence[Placed]) -> list[str]:
    if not strangers:
        return []
    names = sorted({_shown(path) for path, _ in strangers})
    return names if len(names) <= _MOST_NAMES else [*names[:_MOST_NAMES], "(and more)"]


def _shown(path: tuple[str, ...]) -> str:
    """The dotted name, unless it may be data itself (a name or a number used as a key)."""
    return ".".join(path) if all(_PLAIN_NAME.fullmatch(name) for name in path) else _STRANGE_NAME


def nested(placed: Iterable[Placed]) -> Record:
    """The values where they stood in the record.

    >>> nested([(("member", "name"), "Ada"), (("notes",), "blue car")])
    {'member': {'name': 'Ada'}, 'notes': 'blue car'}
    """
    whole: Record = {}
    for path, value in placed:
        inner = whole
        for name in path[:-1]:
            inner = inner.setdefault(name, {})
        inner[path[-1]] = value
    return whole
