"""Who read what online: per read the views, their ticks and revisions, and for which decision; no values.

A read adds one entry to the stream `roadside:<project>:reads` of the Redis it read from, which keeps about
as many as it is told; `drain` moves them into the table `access_log` of the ops database. An entry whose
answer was lost is added again: both have the read's id, and count as one. Entities stand in it as marks:
whoever holds the features can tell whose row was served, the log alone names nobody.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import uuid4

from feast_plugins.redis_link import Command, RedisLink, packed
from feast_plugins.view_state import moment_at
from lakehouse.access_log import Access, AccessLog
from validation.clocks import require_utc

_DRAINED_AT_ONCE = 1_000
SERVED, OUTLIVED, ABSENT = "served", "outlived", "absent"
"""Of an entity a row is served, is older than the view's time to live, or is not there."""
RowRead = tuple[str, int | None, int | None]
"""What was found of an entity: how it stands, and the row's timestamp and created, in microseconds."""


@dataclass(frozen=True)
class Reading:
    """On whose behalf something is read, and for which decision and purpose."""

    decision: str = ""
    principal: str = ""
    purpose: str = ""
    service: str = ""
    decided_at: datetime | None = None


@dataclass(frozen=True)
class LoggedRead:
    """What one read found.

    Attributes:
        rows: by view, the Redis keys by what was found of them.
        through: by view, the microsecond through which it was complete.
        decided_at: the instant that ages were measured against.
    """

    rows: Mapping[str, Mapping[RowRead, Iterable[bytes]]]
    through: Mapping[str, int]
    decided_at: datetime


_NOBODY = Reading()
_reading: ContextVar[Reading] = ContextVar("reading", default=_NOBODY)


@contextmanager
def reading(
    *, decision: str = "", principal: str = "", purpose: str = "", decided_at: datetime | None = None
) -> Iterator[None]:
    """What is read within is logged as read for this decision and purpose, by this principal.

    `decided_at` is the instant of the decision where that is not the moment of the read: of a
    simulated or replayed one. It has a zone.

    >>> with reading(decision="D1", purpose="dispatch"):
    ...     current_reading().decision
    'D1'
    """
    moment = None if decided_at is None else require_utc(decided_at, "decided_at")
    service = _reading.get().service
    held = _reading.set(Reading(decision, principal, purpose, service, moment))
    try:
        yield
    finally:
        _reading.reset(held)


@contextmanager
def of_service(name: str) -> Iterator[None]:
    """What is read within is logged as read of this feature service."""
    held = _reading.set(replace(_reading.get(), service=name))
    try:
        yield
    finally:
        _reading.reset(held)


def current_reading() -> Reading:
    """On whose behalf this thread, or task, reads now."""
    return _reading.get()


def stream_key(project: str) -> bytes:
    """The stream of a project's reads."""
    return f"roadside:{project}:reads".encode()


@lru_cache(maxsize=65_536)
def mark_of(key: bytes) -> str:
    """What stands for an entity in the log: 64 bits of its Redis key's digest.

    >>> mark_of(b"provider_id P1")
    '3de154116496b0b3'
    """
    return hashlib.blake2b(key, digest_size=8).hexdigest()


def entry(project: str, read: LoggedRead, principal: str, length: int, now: datetime) -> Command:
    """The command that logs one read.

    Args:
        principal: who reads if the context does not say.
        length: about how many entries the stream keeps.
    """
    told = current_reading()
    key = stream_key(project)
    fields = {
        "read_id": uuid4().hex,
        "at": now.isoformat(),
        "principal": told.principal or principal,
        "decision": told.decision,
        "purpose": told.purpose,
        "service": told.service,
        "views": json.dumps({view: _counts(rows) for view, rows in read.rows.items()}),
        "decided_at": (told.decided_at or read.decided_at).isoformat(),
        "answers": json.dumps(
            {view: [read.through.get(view), _marks(rows)] for view, rows in read.rows.items()}
        ),
    }
    words = [word for pair in fields.items() for word in pair]
    return Command(key, packed("XADD", key, "MAXLEN", "~", length, "*", *words))


def _counts(rows: Mapping[RowRead, Iterable[bytes]]) -> list[list[Any]]:
    """Per row served its timestamp, created, and to how many entities."""
    return [
        [moment, created, len([*keys])]
        for (standing, moment, created), keys in rows.items()
        if standing == SERVED
    ]


def _marks(rows: Mapping[RowRead, Iterable[bytes]]) -> list[list[Any]]:
    """Per row found how it stands, its timestamp, created, and whose it is."""
    return [[*row, [mark_of(key) for key in keys]] for row, keys in rows.items()]


def drain(link: RedisLink, project: str, log: AccessLog) -> int:
    """Move the logged reads into the access log; how many were new there.

    A drain that dies in between is repeated, and so is the adding of a read, without one counted twice.

    Raises:
        Unreachable: Redis or the ops database does not answer.
    """
    key, moved = stream_key(project), 0
    while True:
        words = ("XRANGE", key, "-", "+", "COUNT", _DRAINED_AT_ONCE)
        (found,) = link.ask([Command(key, packed(*words))])
        if not found:
            return moved
        moved += log.add([_access(project, identity, fields) for identity, fields in found])
        link.ask([Command(key, packed("XDEL", key, *(identity for identity, _ in found)))])


def _access(project: str, identity: bytes, fields: Any) -> Access:
    pairs: Sequence[Any] = (
        [each for pair in fields.items() for each in pair] if isinstance(fields, dict) else fields
    )
    told = {pairs[place].decode(): pairs[place + 1].decode() for place in range(0, len(pairs), 2)}
    views = {
        view: [_clocks(moment, created) | {"entities": count} for moment, created, count in rows]
        for view, rows in json.loads(told["views"]).items()
    }
    return Access(
        # An entry of a reader that is not upgraded yet has no id of its own, nor the last two.
        access_id=f"{project}:{told.get('read_id') or identity.decode()}",
        at=_moment(told["at"]),
        principal=told["principal"],
        decision=told["decision"],
        purpose=told["purpose"],
        service=told["service"],
        views=views,
        decided_at=_moment(told["decided_at"]) if "decided_at" in told else None,
        answers=_answers(json.loads(told["answers"])) if "answers" in told else None,
    )


def _answers(told: Mapping[str, Any]) -> dict[str, Any]:
    return {
        view: {
            "through": _text(through),
            "rows": [
                {"standing": standing, **_clocks(moment, created), "entities": marks}
                for standing, moment, created, marks in rows
            ],
        }
        for view, (through, rows) in told.items()
    }


def _clocks(moment: int | None, created: int | None) -> dict[str, Any]:
    return {"available_at": _text(moment), "revised_at": _text(created)}


def _text(microseconds: int | None) -> str | None:
    return None if microseconds is None else moment_at(microseconds).isoformat()


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
