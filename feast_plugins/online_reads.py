"""Hashes out of Redis, and the answer Feast makes of them: all views of a request in one round trip.

What is served is true: a value older than its view's time to live reads null and OUTSIDE_MAX_AGE, an
entity or a feature never written NOT_FOUND, a null that was written NULL_VALUE. The answer's message is
put together from the bytes that Redis holds, which are the bytes it is made of.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from feast import utils
from feast.infra.key_encoding_utils import _serialize_val
from feast.infra.online_stores.helpers import _mmh3
from feast.protos.feast.serving.ServingService_pb2 import FieldStatus
from feast.protos.feast.types.Value_pb2 import ValueType as KeyType
from google.protobuf.timestamp_pb2 import Timestamp

from feast_plugins import wire
from feast_plugins.read_log import ABSENT, OUTLIVED, SERVED, RowRead
from feast_plugins.redis_link import Command, packed
from feast_plugins.view_state import markers_key, markers_of, micros

Clock = Literal["wall", "data"]
PRESENT, NULL, NOT_FOUND, EXPIRED = (
    FieldStatus.PRESENT,
    FieldStatus.NULL_VALUE,
    FieldStatus.NOT_FOUND,
    FieldStatus.OUTSIDE_MAX_AGE,
)


@dataclass(frozen=True)
class Asked:
    """What a request reads of one view.

    Attributes:
        view: its name in the hashes; title: its name in the answer.
        keys: Redis keys, each once; places: for each row of the request, which of the keys.
        lives_for: microseconds a value is served; None for ever.
    """

    view: str
    title: str
    features: tuple[str, ...]
    keys: Sequence[bytes]
    places: Sequence[int]
    lives_for: int | None


@dataclass(frozen=True)
class Found:
    """What is served of one entity: a value and its status per feature, and the row they came from.

    Attributes:
        moment, created: microseconds since 1970; None of an entity never written.
        stamp: the moment, as a serialized Timestamp.
    """

    values: Sequence[bytes]
    statuses: bytes
    moment: int | None
    created: int | None
    stamp: bytes

    @property
    def standing(self) -> str:
        """Whether a row of it is served, be it a closing one, is too old to be, or is not there."""
        if self.moment is None:
            return ABSENT
        return OUTLIVED if EXPIRED in self.statuses else SERVED


def commands(asked: Iterable[Asked], project: str) -> list[Command]:
    """One HMGET per view and entity; last, the markers of all views."""
    wanted = []
    for each in asked:
        head, tail = _hmget(each.view, each.features)
        wanted += [Command(key, b"%b$%d\r\n%b\r\n%b" % (head, len(key), key, tail)) for key in each.keys]
    markers = markers_key(project)
    return [*wanted, Command(markers, packed("HGETALL", markers))]


def through(replies: Sequence[Any]) -> dict[str, int]:
    """By view, the microsecond through which it was complete when it was read."""
    return {view: micros(moment) for view, moment in markers_of(replies[-1]).items()}


def found(asked: Sequence[Asked], replies: Sequence[Any], now: int | None) -> list[list[Found]]:
    """What is served, by view and key, of the replies to `commands`.

    Ages are measured against the microsecond `now`; without one nothing is too old.
    """
    answers, place = [], 0
    for each in asked:
        oldest = None if each.lives_for is None or now is None else now - each.lives_for
        answers.append([_found(reply, oldest) for reply in replies[place : place + len(each.keys)]])
        place += len(each.keys)
    return answers


def rows_read(
    asked: Sequence[Asked], answers: Sequence[Sequence[Found]]
) -> dict[str, dict[RowRead, dict[bytes, None]]]:
    """By view, the rows that were found and whose they are, whatever the roles they were asked in."""
    read: dict[str, dict[RowRead, dict[bytes, None]]] = {}
    for each, answer in zip(asked, answers, strict=True):
        rows = read.setdefault(each.view, {})
        for key, one in zip(each.keys, answer, strict=True):
            rows.setdefault((one.standing, one.moment, one.created), {})[key] = None
    return read


def add_to_response(response: Any, asked: Asked, answer: Sequence[Found], full_names: bool) -> None:
    """Add a vector per feature of the view to Feast's response, in order."""
    names = [f"{asked.title}__{name}" for name in asked.features] if full_names else asked.features
    response.metadata.feature_names.val.extend(names)
    rows = [answer[place] for place in asked.places]
    stamps = b"".join([b"\x1a%b%b" % (_varint(len(row.stamp)), row.stamp) for row in rows])
    count = _varint(len(rows))
    vectors = []
    none: list[Any] = [()] * len(asked.features)
    statuses = list(zip(*(row.statuses for row in rows), strict=True)) or none
    columns = list(zip(*(row.values for row in rows), strict=True)) or none
    for number, values in enumerate(columns):
        content = b"".join(
            [_PREFIXES[len(value)] + value if len(value) < 128 else _long(value) for value in values]
        )
        vector = b"%b\x12%b%b%b" % (content, count, bytes(statuses[number]), stamps)
        vectors.append(b"\x12%b%b" % (_varint(len(vector)), vector))
    response.MergeFromString(b"".join(vectors))


def keys_of(
    table: Any,
    join_key_values: dict[str, list[Any]],
    entity_to_join_key: dict[str, str],
    suffix: bytes,
) -> tuple[list[bytes], list[int]]:
    """The Redis keys a view is read by, each once, and for each row of the request which of them.

    Raises:
        KeyError: the request lacks a key of the view, or its values.
    """
    columns = utils._get_table_entity_values(table, entity_to_join_key, join_key_values)
    wanted = [entity_to_join_key[name] for name in table.entities]
    lacking = sorted(name for name in wanted if not columns.get(name))
    if lacking and any(len(values) for values in join_key_values.values()):
        raise KeyError(f"Missing join key values for keys: {lacking} of {table.name}.")
    names = tuple(sorted(columns))
    head = _key_head(names)
    places: list[int] = []
    known: dict[bytes, int] = {}
    for row in zip(*(columns[name] for name in names), strict=True):
        key = b"".join((head, *(_key_value(value) for value in row), suffix))
        places.append(known.setdefault(key, len(known)))
    return list(known), places


def _found(reply: Sequence[bytes | None], oldest: int | None) -> Found:
    *values, stamp, revision = reply
    if stamp is None:
        return Found([b""] * len(values), bytes([NOT_FOUND]) * len(values), None, None, b"")
    moment, created = _moment(stamp), _created(revision, stamp)
    if oldest is not None and moment < oldest:
        return Found([b""] * len(values), bytes([EXPIRED]) * len(values), moment, created, stamp)
    if wire.NULL_MOMENT in values:
        values = [b"" if value == wire.NULL_MOMENT else value for value in values]
    statuses = bytes([PRESENT if value else NOT_FOUND if value is None else NULL for value in values])
    return Found([value or b"" for value in values], statuses, moment, created, stamp)


@lru_cache(maxsize=4_096)
def _moment(stamp: bytes) -> int:
    moment = Timestamp.FromString(stamp)
    return int(moment.seconds) * 1_000_000 + int(moment.nanos) // 1_000


@lru_cache(maxsize=4_096)
def _created(revision: bytes | None, stamp: bytes) -> int | None:
    """The created timestamp in `_rev`, if that belongs to the row that `_ts` tells of."""
    if revision is None or revision[32:] != stamp:
        return None
    created = int(revision[16:32], 16) - wire.SIGN
    return None if created == -wire.SIGN else created


@lru_cache(maxsize=1_024)
def _hmget(view: str, features: tuple[str, ...]) -> tuple[bytes, bytes]:
    """A packed HMGET of a view's features, timestamp and revision, around its key."""
    fields = [
        *(_mmh3(f"{view}:{name}") for name in features),
        f"_ts:{view}".encode(),
        f"_rev:{view}".encode(),
    ]
    tail = b"".join(b"$%d\r\n%b\r\n" % (len(field), field) for field in fields)
    return b"*%d\r\n$5\r\nHMGET\r\n" % (len(fields) + 2), tail


@lru_cache(maxsize=1_024)
def _key_head(names: tuple[str, ...]) -> bytes:
    """What `serialize_entity_key` of version 3 begins with."""
    head = len(names).to_bytes(4, "little")
    for name in names:
        text = name.encode()
        head += int(KeyType.STRING).to_bytes(4, "little") + len(text).to_bytes(4, "little") + text
    return head


def _key_value(value: Any) -> bytes:
    content, key_type = _serialize_val(value.WhichOneof("val"), value, 3)
    return int(key_type).to_bytes(4, "little") + len(content).to_bytes(4, "little") + content


def _varint(number: int) -> bytes:
    if number < 128:
        return _BYTES[number]
    digits = bytearray()
    while number >= 128:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(digits) + _BYTES[number]


def _long(value: bytes) -> bytes:
    return b"\n%b%b" % (_varint(len(value)), value)


_BYTES = [bytes([number]) for number in range(128)]
_PREFIXES = [b"\n" + number for number in _BYTES]
"""The tag and length of a value of so many bytes."""
