"""What was served against what a training dataset would say, read by read, and why they differ.

A read is one entity of one view in one logged answer. What it was served stands in the read log; what
training sees is the row that the offline store joins at the decision's instant. Rows are compared by
their clocks: two rows of one tick and revision hold one set of values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum, StrEnum
from typing import Any

from feast_plugins.as_served import AsServed, Clocks, rows_in_force
from feast_plugins.read_log import OUTLIVED, SERVED
from feast_plugins.view_state import micros, moment_at
from lakehouse import feast_edge
from lakehouse.access_log import Access, AccessLog
from validation.contracts import FEATURES
from validation.errors import InputMissing


class Cause(StrEnum):
    """Why a read was served what training would not say; each read has exactly one."""

    EQUAL = "equal"
    LATE = "late release"
    EARLY = "early release"
    EXPIRED = "expired"
    MISSING = "missing"
    UNKNOWN = "unknown"


class Reason(Enum):
    """What is the case, as a sentence; each belongs to one cause."""

    SAME_ROW = (Cause.EQUAL, "the row in force was served")
    NO_ROW = (Cause.EQUAL, "no row was in force, and none was served")
    OLDER_TICK = (Cause.LATE, "a newer tick was promised by then and not in Redis yet")
    OLDER_REVISION = (Cause.LATE, "the tick was made again, and Redis had its older revision")
    FIRST_ROW = (Cause.LATE, "the entity's first row was promised by then and not in Redis yet")
    BEFORE_PROMISE = (Cause.EARLY, "the row was in Redis before the instant it was promised for")
    OUTLIVED_ONLINE = (Cause.EXPIRED, "Redis had only a row past its time to live")
    OUTLIVED_OFFLINE = (Cause.EXPIRED, "a row past its time to live was served")
    NOT_WRITTEN = (Cause.MISSING, "the view was said to be complete, and Redis had no row of the entity")
    NOT_KEPT = (Cause.UNKNOWN, "the row that was served is not in the features table")
    NO_REVISION = (Cause.UNKNOWN, "a writer that keeps no revision wrote the row that was served")
    NO_ENTITIES = (Cause.UNKNOWN, "the read was logged before entries told their entities")
    NO_VIEW = (Cause.UNKNOWN, "the view is no longer registered")

    @property
    def cause(self) -> Cause:
        """The cause it belongs to."""
        return self.value[0]

    @property
    def sentence(self) -> str:
        """What is the case."""
        return self.value[1]


@dataclass(frozen=True)
class Read:
    """One entity of one view in one logged answer.

    Attributes:
        entity: its mark in the log.
        decided_at: the decision's instant; through: when the view was complete. In microseconds.
        standing: served, outlived or absent; row: the clocks of the row that Redis had.
    """

    view: str
    entity: str
    decision: str
    decided_at: int
    standing: str
    row: Clocks | None
    through: int | None

    @property
    def served(self) -> Clocks | None:
        """The clocks of the row that was served; None where nothing was."""
        return self.row if self.standing == SERVED else None


@dataclass(frozen=True)
class Difference:
    """A read that was served what training would not say.

    Attributes:
        entity: the keys as the features table has them; a mark where the view is restricted, or
            where no row of it tells.
        minutes: how long after its promise the row was missed, or before it the row was served.
    """

    view: str
    entity: str
    decision: str
    read_at: datetime
    cause: Cause
    reason: str
    served_available_at: datetime | None
    served_revised_at: datetime | None
    expected_available_at: datetime | None
    expected_revised_at: datetime | None
    minutes: float | None


@dataclass(frozen=True)
class ViewSkew:
    """The reads of one view by cause."""

    view: str
    reads: int
    equal: int
    late_release: int
    early_release: int
    expired: int
    missing: int
    unknown: int
    share_equal: float


@dataclass(frozen=True)
class Skew:
    """What a service was served on a day against as served.

    Attributes:
        decisions: how many were logged; decisions_apart: those with a read that is not equal.
        reasons: reads that are not equal, by cause and reason.
        differences: every read that is not equal, in order of instant.
    """

    service: str
    day: date
    decisions: int
    decisions_apart: int
    views: Sequence[ViewSkew]
    reasons: Mapping[Reason, int]
    differences: Sequence[Difference]

    @property
    def is_equal(self) -> bool:
        """Whether every read was served what training would say."""
        return not self.reasons

    def worst(self, count: int) -> list[Difference]:
        """So many differences of each cause, those furthest from the promise first."""
        furthest = sorted(self.differences, key=lambda each: -(each.minutes or 0))
        of_cause = {cause: [each for each in furthest if each.cause is cause][:count] for cause in Cause}
        return [each for differences in of_cause.values() for each in differences]


def skew(store: Any, log: AccessLog, service: str, day: date) -> Skew:
    """What was served of the service's decisions of that day (UTC), compared with as served.

    Raises:
        UnknownName: there is no such service.
        InputMissing: none of its decisions of that day was logged, or a features table is not there.
        UserError: only Spark reads a view's source.
    """
    feast_edge.service_named(store, service)
    start = datetime.combine(day, time(0), UTC)
    accesses = list(log.decided(service, start, start + timedelta(days=1)))
    if not accesses:
        raise _no_reads(log, service, day)
    registered = {view.name: view for view in store.list_feature_views()}
    by_view: dict[str, list[Read]] = {}
    for read in (read for access in accesses for read in reads_of(access)):
        by_view.setdefault(read.view, []).append(read)
    counts: dict[str, Counter[Reason]] = {view: Counter() for view in by_view}
    differences: list[Difference] = []
    for name, reads in by_view.items():
        view = registered.get(name)
        expected = AsServed([None] * len(reads), {}) if view is None else _expected(store, view, reads)
        lives_for = None if view is None or not view.ttl else view.ttl // timedelta(microseconds=1)
        for read, row in zip(reads, expected.rows, strict=True):
            reason = Reason.NO_VIEW if view is None else reason_of(read, row, lives_for)
            counts[name][reason] += 1
            if reason.cause is not Cause.EQUAL:
                differences.append(_difference(read, row, reason, expected))
    _count_unmatched(accesses, counts)
    return _told(service, day, accesses, counts, differences)


def reads_of(access: Access) -> Iterable[Read]:
    """The reads of a logged answer; none of one logged before its entities were."""
    for view, answer in (access.answers or {}).items():
        through = _micros(answer["through"])
        for row in answer["rows"]:
            available_at = _micros(row["available_at"])
            clocks = None if available_at is None else (available_at, _micros(row["revised_at"]))
            for entity in row["entities"]:
                yield Read(
                    view, entity, _decision(access), micros(access.decided_at or access.at),
                    row["standing"], clocks, through,
                )  # fmt: skip


def reason_of(read: Read, expected: Clocks | None, lives_for: int | None) -> Reason:
    """Why a read was served what it was, where `expected` is the row that training sees.

    `lives_for` is the view's time to live in microseconds, None where values live for ever.
    """
    served = read.served
    if served is None:
        return _reason_of_nothing(read, expected)
    if served == expected:
        return Reason.SAME_ROW
    if served[0] > read.decided_at:
        return Reason.BEFORE_PROMISE
    if expected is None:
        is_old = lives_for is not None and served[0] < read.decided_at - lives_for
        return Reason.OUTLIVED_OFFLINE if is_old else Reason.NOT_KEPT
    if served[0] != expected[0]:
        return Reason.OLDER_TICK if served[0] < expected[0] else Reason.NOT_KEPT
    if served[1] is None or expected[1] is None:
        return Reason.NO_REVISION
    return Reason.OLDER_REVISION if served[1] < expected[1] else Reason.NOT_KEPT


def _reason_of_nothing(read: Read, expected: Clocks | None) -> Reason:
    """Why nothing was served."""
    if expected is None:
        return Reason.NO_ROW
    if read.standing == OUTLIVED:
        return Reason.OUTLIVED_ONLINE
    is_complete = read.through is not None and read.through >= expected[0]
    return Reason.NOT_WRITTEN if is_complete else Reason.FIRST_ROW


def _expected(store: Any, view: Any, reads: Sequence[Read]) -> AsServed:
    moments = [moment for each in reads for moment in (each.decided_at, *(each.row or ())[:1])]
    return rows_in_force(
        store.config,
        view,
        [each.entity for each in reads],
        [each.decided_at for each in reads],
        min(moments),
        max(moments),
    )


def _count_unmatched(accesses: Sequence[Access], counts: dict[str, Counter[Reason]]) -> None:
    """Count the reads of entries that do not tell their entities, as far as they tell how many."""
    for access in accesses:
        if access.answers is None:
            for view, rows in access.views.items():
                many = sum(row["entities"] for row in rows)
                counts.setdefault(view, Counter())[Reason.NO_ENTITIES] += many


def _told(
    service: str,
    day: date,
    accesses: Sequence[Access],
    counts: Mapping[str, Counter[Reason]],
    differences: Sequence[Difference],
) -> Skew:
    apart = {each.decision for each in differences}
    apart |= {_decision(each) for each in accesses if each.answers is None and any(each.views.values())}
    reasons = sum(counts.values(), Counter[Reason]())
    return Skew(
        service,
        day,
        len({_decision(each) for each in accesses}),
        len(apart),
        [_of_view(view, counts[view]) for view in sorted(counts)],
        {each: reasons[each] for each in Reason if each.cause is not Cause.EQUAL and each in reasons},
        sorted(differences, key=lambda each: (each.read_at, each.decision, each.view, each.entity)),
    )


def _of_view(view: str, reasons: Counter[Reason]) -> ViewSkew:
    of = {cause: sum(count for each, count in reasons.items() if each.cause is cause) for cause in Cause}
    reads = sum(of.values())
    equal, late, early, expired, missing, unknown = (of[cause] for cause in Cause)
    return ViewSkew(view, reads, equal, late, early, expired, missing, unknown, equal / reads if reads else 1)


def _difference(read: Read, row: Clocks | None, reason: Reason, known: AsServed) -> Difference:
    served = read.served
    promised = served[0] if reason.cause is Cause.EARLY and served else row and row[0]
    return Difference(
        view=read.view,
        entity=_named(read, known),
        decision=read.decision,
        read_at=moment_at(read.decided_at),
        cause=reason.cause,
        reason=reason.sentence,
        served_available_at=_moment(served and served[0]),
        served_revised_at=_moment(served and served[1]),
        expected_available_at=_moment(row and row[0]),
        expected_revised_at=_moment(row and row[1]),
        minutes=None if promised is None else round(abs(read.decided_at - promised) / 60_000_000, 1),
    )


def _named(read: Read, known: AsServed) -> str:
    """The entity's keys; its mark where they are not ours to print, or nothing tells them."""
    keys = known.entities.get(read.entity)
    if keys is None or read.view in {table.short_name for table in FEATURES if table.is_restricted}:
        return read.entity
    return " ".join(f"{name}={value}" for name, value in keys.items())


def _no_reads(log: AccessLog, service: str, day: date) -> InputMissing:
    last = log.last_decision(service)
    return InputMissing(
        f"No read of {service} was logged for a decision of {day}.",
        f"The last one was of {last:%Y-%m-%d}." if last else "No read of it was ever logged.",
    )


def _decision(access: Access) -> str:
    """What tells decisions apart: their name, where the reader gave one."""
    return access.decision or access.access_id


def _micros(text: str | None) -> int | None:
    return None if text is None else micros(datetime.fromisoformat(text))


def _moment(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else moment_at(microseconds)
