"""Who read what online: per read the views, their ticks and revisions, and for which decision; no values.

A read adds one entry to the stream `roadside:<project>:reads` of the Redis it read from, which keeps about
as many as it is told; `drain` moves them into the table `access_log` of the ops database.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from feast_plugins.redis_link import Command, RedisLink, packed
from feast_plugins.view_state import moment_at
from lakehouse.access_log import Access, AccessLog

_DRAINED_AT_ONCE = 1_000


@dataclass(frozen=True)
class Reading:
    """On whose behalf something is read, and for which decision and purpose."""

    decision: str = ""
    principal: str = ""
    purpose: str = ""
    service: str = ""


_NOBODY = Reading()
_reading: ContextVar[Reading] = ContextVar("reading", default=_NOBODY)


@contextmanager
def reading(*, decision: str = "", principal: str = "", purpose: str = "") -> Iterator[None]:
    """What is read within is logged as read for this decision and purpose, by this principal.

    >>> with reading(decision="D1", purpose="dispatch"):
    ...     current_reading().decision
    'D1'
    """
    held = _reading.set(replace(_reading.get(), decision=decision, principal=principal, purpose=purpose))
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


def entry(
    project: str,
    used: Mapping[str, Mapping[tuple[int, int | None], int]],
    principal: str,
    length: int,
    now: datetime,
) -> Command:
    """The command that logs one read.

    Args:
        used: by view, how many entities were served a row of this (timestamp, created), in
            microseconds; an entity of which nothing is served is none of them.
        principal: who reads if the context does not say.
        length: about how many entries the stream keeps.
    """
    told = current_reading()
    key = stream_key(project)
    fields = {
        "at": now.isoformat(),
        "principal": told.principal or principal,
        "decision": told.decision,
        "purpose": told.purpose,
        "service": told.service,
        "views": json.dumps(
            {
                view: [[moment, created, count] for (moment, created), count in rows.items()]
                for view, rows in used.items()
            }
        ),
    }
    words = [word for pair in fields.items() for word in pair]
    return Command(key, packed("XADD", key, "MAXLEN", "~", length, "*", *words))


def drain(link: RedisLink, project: str, log: AccessLog) -> int:
    """Move the logged reads into the access log; how many were new there.

    A drain that dies in between is repeated without a read counted twice.

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
        view: [
            {
                "available_at": moment_at(moment).isoformat(),
                "revised_at": None if created is None else moment_at(created).isoformat(),
                "entities": count,
            }
            for moment, created, count in rows
        ]
        for view, rows in json.loads(told["views"]).items()
    }
    return Access(
        access_id=f"{project}:{identity.decode()}",
        at=datetime.fromisoformat(told["at"]).astimezone(UTC),
        principal=told["principal"],
        decision=told["decision"],
        purpose=told["purpose"],
        service=told["service"],
        views=views,
    )
