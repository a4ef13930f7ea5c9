"""Who read feature values, when, for which decision and purpose; never the values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, or_, select

from lakehouse.database import chunks, insert_new
from lakehouse.ops import Ops, access_log


@dataclass(frozen=True)
class Access:
    """One read of feature values.

    Attributes:
        access_id: names the read for good; the same read told twice is kept once.
        views: by view, the rows served: available_at, revised_at, and to how many entities.
        decided_at: the instant of the decision it was read for; None of a read logged before there was one.
        answers: by view, `through` when it was complete and the `rows` that were found: standing (served,
            outlived, absent), available_at, revised_at, and the marks of the entities; None as decided_at.
    """

    access_id: str
    at: datetime
    principal: str
    decision: str
    purpose: str
    service: str
    views: Mapping[str, Any]
    decided_at: datetime | None = None
    answers: Mapping[str, Any] | None = None


class AccessLog:
    """The reads that were logged; nothing is ever changed or taken out here."""

    def __init__(self, ops: Ops) -> None:
        self._ops = ops

    def add(self, reads: Sequence[Access]) -> int:
        """How many of the reads were not there yet."""
        new = 0
        for chunk in chunks(reads):
            identities = [each.access_id for each in chunk]
            counted = select(func.count()).where(access_log.c.access_id.in_(identities))
            with self._ops.write() as connection:
                known = connection.execute(counted).scalar_one()
                insert_new(connection, access_log, [asdict(each) for each in chunk])
            new += len(set(identities)) - known
        return new

    def reads(self, decision: str | None = None) -> list[Access]:
        """The reads, of one decision if it is given, oldest first."""
        query = select(access_log).order_by(access_log.c.at, access_log.c.access_id)
        if decision is not None:
            query = query.where(access_log.c.decision == decision)
        with self._ops.read() as connection:
            return [Access(**row) for row in connection.execute(query).mappings()]

    def decided(self, service: str, start: datetime, end: datetime) -> Iterator[Access]:
        """The service's reads of decisions in [start, end), oldest first; of old entries by their read."""
        decided_at, at = access_log.c.decided_at, access_log.c.at
        of_old = and_(decided_at.is_(None), at >= start, at < end)
        query = (
            select(access_log)
            .where(access_log.c.service == service, or_(and_(decided_at >= start, decided_at < end), of_old))
            .order_by(func.coalesce(decided_at, at), access_log.c.access_id)
        )
        with self._ops.read() as connection:
            for row in connection.execution_options(yield_per=1_000).execute(query).mappings():
                yield Access(**row)

    def last_decision(self, service: str) -> datetime | None:
        """The instant of the service's last decision that was logged; None without any."""
        instant = func.coalesce(access_log.c.decided_at, access_log.c.at)
        query = select(func.max(instant)).where(access_log.c.service == service)
        with self._ops.read() as connection:
            found: datetime | None = connection.execute(query).scalar_one()
        return found
