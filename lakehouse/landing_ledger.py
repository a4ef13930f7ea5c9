"""When each landed object became known, decided once.

`known_at` of an object is the end of the tick of its stamp, or the first tick of its source that
was not yet closed when the object was found, whichever is later. It is never rewritten: what the
platform knew at T is exactly the objects with known_at <= T, on every later day.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Select, func, select

from lakehouse.database import chunks, insert_new, replace_rows
from lakehouse.object_store import LandedObject, Misnamed, parse_key
from lakehouse.ops import Ops, closed_ticks, landing_objects, landing_outcomes, refused_objects
from validation.clocks import TICK, Interval, require_utc, tick_end, tick_start
from validation.errors import Defect, UserError


class ObjectStatus(StrEnum):
    """How reading an object ended."""

    OK = "ok"
    TRUNCATED = "truncated"
    EMPTY = "empty"
    UNREADABLE = "unreadable"


@dataclass(frozen=True)
class LedgerEntry:
    """One landed object and the tick it became known at.

    Attributes:
        is_refused: a person turned it away whole: its records go into quarantine.
    """

    source: str
    key: str
    landed_at: datetime
    known_at: datetime
    size: int
    is_archive: bool
    is_refused: bool = False


@dataclass(frozen=True)
class Refusal:
    """A person's word that an object may not enter, for a check stopped the run that read it."""

    object_key: str
    source: str
    run_id: str
    principal: str
    why: str
    refused_at: datetime


@dataclass(frozen=True)
class ObjectOutcome:
    """What became of one object's lines; a quarantined whole object counts as one line.

    Attributes:
        counts: what its source's checks count, by name; not kept by object (`lakehouse.quality_ledger`).
    """

    key: str
    status: ObjectStatus
    lines: int
    bronze_rows: int
    quarantined_rows: int
    reasons: Mapping[str, int]
    size_bytes: int
    contract_version: int
    counts: Mapping[str, int] = field(default_factory=dict, compare=False)

    @property
    def is_balanced(self) -> bool:
        """Whether every line is in bronze or in quarantine."""
        return self.lines == self.bronze_rows + self.quarantined_rows


@dataclass(frozen=True)
class Reconciliation:
    """Landed against bronze and quarantine, for one source."""

    source: str
    objects: int
    objects_without_outcome: int
    lines: int
    bronze_rows: int
    quarantined_rows: int
    size_bytes: int
    reasons: Mapping[str, int] = field(default_factory=dict)
    statuses: Mapping[str, int] = field(default_factory=dict)
    unbalanced: tuple[ObjectOutcome, ...] = ()

    @property
    def is_balanced(self) -> bool:
        """Whether every object was read and every line accounted for."""
        return not self.unbalanced and not self.objects_without_outcome


class LandingLedger:
    """The landed objects of every source, with their ticks and what was read from them."""

    def __init__(self, ops: Ops) -> None:
        self._ops = ops

    def register(
        self, source: str, objects: Iterable[LandedObject], until: datetime, archive: bool = False
    ) -> list[LedgerEntry]:
        """The entries added, in order of (known_at, key); objects known already add none.

        An object stamped at or after `until` is left for a later call. With archive, known_at
        is the stamp's tick even where that is closed: history loaded after the fact, which has no
        say in which ticks are held. All in one transaction: two processes that register the same
        objects agree.

        Raises:
            UserError: until is off the 15-minute grid; or archive, and the ledger holds other
                objects of the source in those ticks.
        """
        end = _on_grid(until, "until")
        found = {landed.key: landed for landed in objects if landed.landed_at < end}
        with self._ops.write() as connection:
            closed_through = _closed_through(connection, source)
            known = _keys_known(connection, found)
            floor = None if archive or closed_through is None else closed_through + TICK
            entries = sorted(
                (
                    LedgerEntry(source, key, landed.landed_at, _known_at(landed, floor), landed.size, archive)
                    for key, landed in found.items()
                    if key not in known
                ),
                key=_by_tick,
            )
            if archive:
                _refuse_occupied_ticks(connection, source, entries)
            _insert(connection, entries)
        return entries

    def close(self, source: str, until: datetime) -> datetime:
        """The tick through which the source is closed, now at least `until`; it never goes back.

        A closed tick gains no object, save by archive.

        Raises:
            UserError: until is off the 15-minute grid.
        """
        end = _on_grid(until, "until")
        with self._ops.write() as connection:
            return _close(connection, source, end)

    def closed_through(self, source: str) -> datetime | None:
        """The last tick of the source that is closed; None if none is."""
        with self._ops.read() as connection:
            return _closed_through(connection, source)

    def objects(self, source: str, interval: Interval) -> list[LedgerEntry]:
        """The source's objects with start < known_at <= end, in order of (known_at, key)."""
        query = _in_interval(
            select(landing_objects, refused_objects.c.object_key.is_not(None).label("is_refused"))
            .join_from(
                landing_objects,
                refused_objects,
                refused_objects.c.object_key == landing_objects.c.object_key,
                isouter=True,
            )
            .where(landing_objects.c.source == source),
            interval,
        )
        with self._ops.read() as connection:
            rows = connection.execute(query).all()
        entries = [
            LedgerEntry(
                row.source,
                row.object_key,
                row.landed_at,
                row.known_at,
                row.size_bytes,
                row.is_archive,
                row.is_refused,
            )
            for row in rows
        ]
        return sorted(entries, key=_by_tick)

    def refused_runs(self) -> frozenset[str]:
        """Ids of the runs that were stopped and whose objects a person turned away."""
        with self._ops.read() as connection:
            return frozenset(connection.execute(select(refused_objects.c.run_id)).scalars())

    def refuse(self, refusals: Sequence[Refusal]) -> None:
        """Turn objects away whole, from their next reading on; those refused before stay as they are.

        Raises:
            UserError: records of one are in bronze: what was served of them is not taken back.
        """
        keys = [each.object_key for each in refusals]
        with self._ops.write() as connection:
            published = 0
            for some in chunks(keys):
                is_one = landing_outcomes.c.object_key.in_(some)
                query = select(func.count()).where(is_one, landing_outcomes.c.bronze_rows > 0)
                published += connection.execute(query).scalar_one()
            if published:
                raise UserError(
                    f"{published} of {len(keys)} objects are in bronze already.",
                    "What was published stays: correct it by what lands next. A run over it passes once the "
                    "check is accepted (roadside quality accept).",
                )
            for rows in chunks([vars(each) for each in refusals]):
                insert_new(connection, refused_objects, rows)

    def record_outcome(self, *outcomes: ObjectOutcome) -> None:
        """Keep what became of each object; an earlier outcome of the same object is replaced.

        Raises:
            Defect: an object is not in the ledger.
        """
        with self._ops.write() as connection:
            keys = {outcome.key for outcome in outcomes}
            strangers = len(keys) - len(_keys_known(connection, keys))
            if strangers:
                raise Defect(f"{strangers} of {len(keys)} objects with an outcome are not in the ledger.")
            for some in chunks(outcomes):
                replace_rows(connection, landing_outcomes, [_outcome_row(outcome) for outcome in some])

    def reconcile(
        self, sources: Sequence[str] | None = None, interval: Interval | None = None
    ) -> list[Reconciliation]:
        """Landed = bronze + quarantined, per source in order of name, over an interval or for ever."""
        query = select(landing_objects.c.source, landing_objects.c.object_key.label("key"), landing_outcomes)
        query = query.join_from(
            landing_objects,
            landing_outcomes,
            landing_outcomes.c.object_key == landing_objects.c.object_key,
            isouter=True,
        )
        if sources is not None:
            query = query.where(landing_objects.c.source.in_(sources))
        if interval is not None:
            query = _in_interval(query, interval)
        outcomes: dict[str, list[ObjectOutcome | None]] = {source: [] for source in sources or ()}
        with self._ops.read() as connection:
            for row in connection.execute(query.order_by(landing_objects.c.object_key)):
                outcomes.setdefault(row.source, []).append(_outcome(row))
        return [_reconciled(source, found) for source, found in sorted(outcomes.items())]

    def rebuild(self, entries: Iterable[tuple[str, datetime]]) -> int:
        """How many entries were added from (source_object, known_at) pairs of bronze and quarantine.

        Each source is then closed through its newest known_at, so that nothing new enters those
        ticks. Sizes are unknown (0). Objects that left no row, such as heartbeats, are registered
        as stragglers when they are next listed.

        Raises:
            Defect: a key names no object, or an object is known at another tick than the ledger's.
        """
        rebuilt = {key: _rebuilt(key, known_at) for key, known_at in entries}
        with self._ops.write() as connection:
            newest: dict[str, datetime] = {}
            for entry in rebuilt.values():
                newest[entry.source] = max(newest.get(entry.source, entry.known_at), entry.known_at)
            known = _keys_known(connection, rebuilt)
            moved = sum(known_at != rebuilt[key].known_at for key, known_at in known.items())
            if moved:
                raise Defect(
                    f"{moved} of {len(rebuilt)} objects are known at another tick than the ledger says.",
                    "One of them belongs to another platform; rebuild into an empty ops database.",
                )
            added = [entry for key, entry in rebuilt.items() if key not in known]
            _insert(connection, added)
            for source, known_at in newest.items():
                _close(connection, source, known_at)
        return len(added)


def _on_grid(moment: datetime, name: str) -> datetime:
    moment = require_utc(moment, name)
    if tick_start(moment) != moment:
        raise UserError(
            f"{name} {moment:%Y-%m-%dT%H:%M:%SZ} is not on the 15-minute grid.",
            f"The tick that holds it starts {tick_start(moment):%Y-%m-%dT%H:%MZ}.",
        )
    return moment


def _known_at(landed: LandedObject, floor: datetime | None) -> datetime:
    own = tick_end(landed.landed_at)
    return own if floor is None else max(own, floor)


def _by_tick(entry: LedgerEntry) -> tuple[datetime, str]:
    return entry.known_at, entry.key


def _closed_through(connection: Connection, source: str) -> datetime | None:
    query = select(closed_ticks.c.closed_through).where(closed_ticks.c.source == source)
    return connection.execute(query).scalar_one_or_none()


def _close(connection: Connection, source: str, end: datetime) -> datetime:
    before = _closed_through(connection, source)
    closed_through = end if before is None else max(before, end)
    replace_rows(connection, closed_ticks, [{"source": source, "closed_through": closed_through}])
    return closed_through


def _keys_known(connection: Connection, keys: Iterable[str]) -> dict[str, datetime]:
    query = select(landing_objects.c.object_key, landing_objects.c.known_at)
    known: dict[str, datetime] = {}
    for some in chunks(keys):
        for key, known_at in connection.execute(query.where(landing_objects.c.object_key.in_(some))):
            known[key] = known_at
    return known


def _refuse_occupied_ticks(connection: Connection, source: str, entries: Sequence[LedgerEntry]) -> None:
    if not entries:
        return
    wanted = {entry.known_at for entry in entries}
    at = landing_objects.c.known_at
    query = (
        select(at, func.count())
        .where(landing_objects.c.source == source, at >= min(wanted), at <= max(wanted))
        .group_by(at)
    )
    taken = {known_at: count for known_at, count in connection.execute(query) if known_at in wanted}
    if taken:
        raise UserError(
            f"{source}: the ledger already holds {sum(taken.values())} other objects known in "
            f"{len(taken)} of the archive's {len(wanted)} ticks, "
            f"{min(taken):%Y-%m-%dT%H:%MZ} to {max(taken):%Y-%m-%dT%H:%MZ}.",
            "An archive may fill only ticks that hold nothing. Register these objects without archive "
            "(they become known now), or load the archive into a new ROADSIDE_HOME.",
        )


def _insert(connection: Connection, entries: Iterable[LedgerEntry]) -> None:
    for some in chunks(entries):
        rows = [
            {
                "object_key": entry.key,
                "source": entry.source,
                "landed_at": entry.landed_at,
                "known_at": entry.known_at,
                "size_bytes": entry.size,
                "is_archive": entry.is_archive,
            }
            for entry in some
        ]
        insert_new(connection, landing_objects, rows)


def _rebuilt(key: str, known_at: datetime) -> LedgerEntry:
    landed = parse_key(key)
    if isinstance(landed, Misnamed):
        raise Defect(f"A source_object in bronze names no landed object: {landed.reason}.")
    known_at = require_utc(known_at, "known_at")
    return LedgerEntry(key.split("/")[1], key, landed.landed_at, known_at, 0, False)


def _in_interval(query: Select[Any], interval: Interval) -> Select[Any]:
    at = landing_objects.c.known_at
    return query.where(at > interval.start, at <= interval.end)


def _outcome_row(outcome: ObjectOutcome) -> dict[str, Any]:
    return {
        "object_key": outcome.key,
        "status": outcome.status.value,
        "lines": outcome.lines,
        "bronze_rows": outcome.bronze_rows,
        "quarantined_rows": outcome.quarantined_rows,
        "reasons": dict(outcome.reasons),
        "size_bytes": outcome.size_bytes,
        "contract_version": outcome.contract_version,
    }


def _outcome(row: Any) -> ObjectOutcome | None:
    if row.status is None:
        return None
    return ObjectOutcome(
        row.key,
        ObjectStatus(row.status),
        row.lines,
        row.bronze_rows,
        row.quarantined_rows,
        row.reasons,
        row.size_bytes,
        row.contract_version,
    )


def _reconciled(source: str, outcomes: Sequence[ObjectOutcome | None]) -> Reconciliation:
    read = [outcome for outcome in outcomes if outcome is not None]
    reasons: Counter[str] = Counter()
    for outcome in read:
        reasons.update(outcome.reasons)
    return Reconciliation(
        source=source,
        objects=len(outcomes),
        objects_without_outcome=len(outcomes) - len(read),
        lines=sum(outcome.lines for outcome in read),
        bronze_rows=sum(outcome.bronze_rows for outcome in read),
        quarantined_rows=sum(outcome.quarantined_rows for outcome in read),
        size_bytes=sum(outcome.size_bytes for outcome in read),
        reasons=dict(sorted(reasons.items())),
        statuses=dict(sorted(Counter(outcome.status.value for outcome in read).items())),
        unbalanced=tuple(outcome for outcome in read if not outcome.is_balanced),
    )
