"""What was known of each job at each tick that taught us something about it.

The lifecycle tables (offers, assignments, job_milestones, jobs) are folds over a job's events in
the automaton's order. One tick of one job depends on its events known in (T - STATE_LOOK_BACK, T]
and on nothing else, so any chunking gives the same rows. The folds are plain functions of a list
of events; this module brings them their lists and keeps what changed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from functools import cached_property, partial
from itertools import groupby
from operator import attrgetter
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from transforms.known_time import AHEAD, once_happened
from validation.clocks import TICK, Interval
from validation.contract import Table, Type
from validation.sources.dispatch_events import LIFECYCLE_ORDER
from validation.spark_schema import struct_of

STATE_LOOK_BACK = timedelta(days=10)
"""A job's state at T folds its events known in (T - 10 days, T]: 8 days of lateness and a job of two.

What was said before is not known any more: a job whose request is among it was an appointment, has no
place, service or program, and is not immediate."""

LOOK_BACK = 2 * STATE_LOOK_BACK + AHEAD + TICK
"""Reading this far back suffices: a row is compared with a state at most STATE_LOOK_BACK older, and what
is stamped ahead landed at most AHEAD before it is known."""

SECOND = 1_000_000
"""Moments are whole microseconds since 1970 inside the folds."""

ANSWERS = ("no_contact", "declined", "offer_expired", "offer_withdrawn", "accepted")
RETRACTIONS = ("unassigned", "eta_rejected")
ARRIVALS = ("on_scene", "gone_on_arrival")
CLOSINGS = ("gone_on_arrival", "unsuccessful", "completed", "cancelled")
_RANK = {name: rank for rank, name in enumerate(LIFECYCLE_ORDER)}
_ASSIGNMENT_EVENTS = frozenset(LIFECYCLE_ORDER[LIFECYCLE_ORDER.index("eta_rejected") :])
_STATE_LOOK_BACK = STATE_LOOK_BACK // timedelta(microseconds=1)
_TICK = TICK // timedelta(microseconds=1)

Row = dict[str, Any]
Fold = Callable[["History"], Iterable[Row]]


@dataclass(slots=True)
class Event:
    """One deduplicated dispatch event; the last two say which offer and assignment it belongs to."""

    job_id: str
    event_id: str
    event_type: str
    event_timestamp: int
    known_at: int
    landed_at: int
    offer_id: str | None = None
    assignment_id: str | None = None
    provider_id: str | None = None
    driver_id: str | None = None
    dispatch_channel: str | None = None
    actor: str | None = None
    reason_code: str | None = None
    service_type: str | None = None
    zone_id: str | None = None
    destination_zone_id: str | None = None
    promised_arrival_at: int | None = None
    offer_expires_at: int | None = None
    vehicle_year: int | None = None
    vehicle_make: str | None = None
    vehicle_model: str | None = None
    vehicle_token: str | None = None
    member_token: str | None = None
    program_id: str | None = None
    scheduled_for: int | None = None
    job_kind: str | None = None
    selection_policy_version: str | None = None
    selection_rank: int | None = None
    selection_score: float | None = None
    selection_propensity: float | None = None
    offer_key: str | None = None
    assignment_key: str | None = None


_COLUMNS = tuple(field.name for field in fields(Event))[:-2]


@dataclass(frozen=True)
class History:
    """A job's events known at a tick, in order: event time, lifecycle rank, event id.

    Each knows its offer and its assignment (`linked`).
    """

    job_id: str
    events: tuple[Event, ...]

    def first(self, *event_types: str) -> Event | None:
        """The first event of these types."""
        firsts = [self._places[each][0] for each in event_types if each in self._places]
        return self.events[min(firsts)] if firsts else None

    def next(self, event_type: str, after: Event) -> Event | None:
        """The first event of the type behind another one."""
        places = self._places.get(event_type, [])
        place = bisect_right(places, self.place(after))
        return self.events[places[place]] if place < len(places) else None

    def of_offer(self, offer_key: str | None) -> Sequence[Event]:
        """The events of the offer (of none, if no key is given), in order."""
        return self._of_offer.get(offer_key, ())

    def place(self, event: Event) -> int:
        """Where the event stands in the order."""
        return self._place[event.event_id, event.event_timestamp]

    def offered(self, answer: Event) -> Event | None:
        """The offer that the event answers."""
        return self._offered.get(answer.offer_key)

    def provider_of(self, accepted: Event) -> str | None:
        """Who accepted: the one that the acceptance names, else the one that was asked."""
        asked = self.offered(accepted)
        return accepted.provider_id or (asked.provider_id if asked else None)

    @property
    def is_requested(self) -> bool:
        """Whether a request is known."""
        return "requested" in self._places

    def is_immediate(self, upto: Event | None = None) -> bool:
        """Whether the job is known to have no appointment: requested, and none stated (upto an event)."""
        return self.is_requested and self.stated("scheduled_for", upto) is None

    def stated(self, name: str, upto: Event | None = None) -> Any:
        """The fact as last stated, at or before an event if one is given; None if never."""
        places, values = self._statements(name)
        last = len(places) if upto is None else bisect_right(places, self.place(upto))
        return values[last - 1] if last else None

    # A job may have thousands of events, and each of its offers asks all of these.

    @cached_property
    def _place(self) -> dict[tuple[str, int], int]:
        found: dict[tuple[str, int], int] = {}
        for place, event in enumerate(self.events):
            found.setdefault((event.event_id, event.event_timestamp), place)
        return found

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for place, event in enumerate(self.events):
            found.setdefault(event.event_type, []).append(place)
        return found

    @cached_property
    def _of_offer(self) -> dict[str | None, list[Event]]:
        found: dict[str | None, list[Event]] = {}
        for event in self.events:
            found.setdefault(event.offer_key, []).append(event)
        return found

    @cached_property
    def _offered(self) -> dict[str | None, Event]:
        found: dict[str | None, Event] = {}
        for event in self.events:
            if event.event_type == "offered":
                found.setdefault(event.offer_key, event)
        return found

    @cached_property
    def _stated(self) -> dict[str, tuple[list[int], list[Any]]]:
        return {}

    def _statements(self, name: str) -> tuple[list[int], list[Any]]:
        """Where the fact was stated, and as what."""
        if name not in self._stated:
            stated = [(place, getattr(event, name)) for place, event in enumerate(self.events)]
            given = [(place, value) for place, value in stated if value is not None]
            self._stated[name] = [place for place, _ in given], [value for _, value in given]
        return self._stated[name]


def history_of(job_id: str, events: Iterable[Event]) -> History:
    """The events in order, linked to their offers and assignments."""
    return History(job_id, linked(job_id, sorted(events, key=_order)))


def _order(event: Event) -> tuple[int, int, str]:
    return event.event_timestamp, _RANK.get(event.event_type, len(_RANK)), event.event_id


def linked(job_id: str, events: list[Event]) -> tuple[Event, ...]:
    """The events, each with its offer_key and assignment_key.

    An offer's key is given, else made from its `offered` event, the first of that key: a repeated one
    asks nobody anew. An answer without an id goes to the last offer before it, of its provider if it
    names one. An assignment's key is given, else its offer's; an event without an id goes to the last
    acceptance before it, likewise. A rejected ETA goes by assignment id, then offer id, then the last
    acceptance. An acceptance of nothing known is no assignment, nor is a second one of the same offer.
    """
    _link_offers(job_id, events)
    _link_assignments(events)
    return tuple(events)


def _link_offers(job_id: str, events: list[Event]) -> None:
    last: dict[str | None, str] = {}  # by provider; None: of the job
    made: set[str] = set()
    for event in events:
        event.offer_key = None
        if event.event_type == "offered":
            event.offer_key = event.offer_id or f"{job_id}:{event.event_id}"
            if event.offer_key not in made:
                made.add(event.offer_key)
                last[None] = last[event.provider_id] = event.offer_key
        elif event.event_type in ANSWERS:
            event.offer_key = event.offer_id or last.get(event.provider_id)


def _link_assignments(events: list[Event]) -> None:
    asked: dict[str | None, str | None] = {}  # provider by offer
    by_id: dict[str | None, Event] = {}
    by_offer: dict[str | None, Event] = {}
    for event in events:
        event.assignment_key = None
        if event.event_type == "offered":
            asked.setdefault(event.offer_key, event.provider_id)
        elif event.event_type == "accepted":
            key = event.assignment_id or event.offer_key
            if key is not None and key not in by_id:
                event.assignment_key = key
                by_id[key] = event
                by_offer.setdefault(event.offer_key, event)
    last: dict[str | None, Event] = {}
    for event in events:
        if event.event_type == "accepted":
            if event.assignment_key is not None:
                last[None] = last[event.provider_id or asked.get(event.offer_key)] = event
        elif event.event_type in _ASSIGNMENT_EVENTS:
            if event.assignment_id is not None:
                of = by_id.get(event.assignment_id)
            elif event.event_type == "eta_rejected" and event.offer_id is not None:
                of = by_offer.get(event.offer_id)
            else:
                of = last.get(event.provider_id)
            event.assignment_key = of.assignment_key if of else None
            if event.event_type == "eta_rejected":
                event.offer_key = of.offer_key if of else None


def changes(dispatch_events: DataFrame, interval: Interval, folds: Mapping[Table, Fold]) -> DataFrame:
    """One row per key, table and tick of the interval in which what was known of it changed.

    A column a table, of which one is set; `rows_of` picks a table's rows. All tables come from one
    pass: persist it before using more than one. What is stamped ahead is known once it has happened: at
    the first tick after it.
    """
    inside = (F.col("known_at") > F.lit(interval.start)) & (F.col("known_at") <= F.lit(interval.end))
    events = (
        dispatch_events.where(~F.col("is_late"))
        .withColumn("known_at", once_happened())
        .where(F.col("known_at") <= F.lit(interval.end))
    )
    touched = events.where(inside).select("job_id").distinct()
    schema = ", ".join(f"`{table.short_name}` {struct_of(table).simpleString()}" for table in folds)
    return (
        events.join(touched, "job_id", "left_semi")
        .select(*_COLUMNS)
        .repartition("job_id")
        .mapInArrow(_folding(interval, folds), schema)
    )


def rows_of(changed_rows: DataFrame, table: Table) -> DataFrame:
    """The table's rows of `changes`."""
    return changed_rows.where(F.col(table.short_name).isNotNull()).select(f"{table.short_name}.*")


@dataclass(frozen=True)
class State:
    """What was known of a job at a tick.

    Attributes:
        before: what was known at its tick before; None where that lies STATE_LOOK_BACK or more before,
            or never was.
        whole: makes the history of all events that before and now are of.
    """

    tick: int
    before: History | None
    now: History
    whole: Callable[[], History]

    def changed(self, fold: Fold, key: tuple[str, ...]) -> Iterator[Row]:
        """The fold's rows that the tick changed or took back."""
        return changed(fold, key, self.before, self.now, self.whole)


def states(events: Iterable[Event], start: int, end: int) -> Iterator[State]:
    """The job's states at its ticks with start < T <= end."""
    listed = list(events)
    job_id = listed[0].job_id
    ticks = sorted({event.known_at for event in listed})
    before: tuple[int, History] | None = None
    for previous, tick in zip([None, *ticks], ticks, strict=False):
        if not start < tick <= end:
            continue
        if previous is None or previous <= tick - _STATE_LOOK_BACK:
            before = None
        elif before is None or before[0] != previous:
            before = (previous, _known(job_id, listed, previous))
        now = _known(job_id, listed, tick)
        since = previous if before else tick
        yield State(tick, before[1] if before else None, now, partial(_known, job_id, listed, tick, since))
        before = (tick, now)


def changed(
    fold: Fold, key: tuple[str, ...], before: History | None, now: History, whole: Callable[[], History]
) -> Iterator[Row]:
    """The fold's rows that differ from what the fold made of the history before, then what is taken back.

    A row of before that now has no successor is retracted, unless its events are only too old to be
    folded: `whole` gives the history with all events of before and now.
    """
    earlier = {} if before is None else _by_key(fold(before), key)
    rows = _by_key(fold(now), key)
    for place, row in rows.items():
        if earlier.get(place) != row:
            yield row | {"is_retracted": False}
    gone = earlier.keys() - rows.keys()
    if gone:
        standing = _by_key(fold(whole()), key)
        for place, row in earlier.items():
            if place in gone and place not in standing:
                yield row | {"is_retracted": True}


def _by_key(rows: Iterable[Row], key: tuple[str, ...]) -> dict[tuple[Any, ...], Row]:
    return {tuple(row[name] for name in key): row for row in rows}


def _known(job_id: str, events: list[Event], tick: int, since: int | None = None) -> History:
    """What was known at the tick; of events that were still folded `since` an earlier one, if given."""
    oldest = (tick if since is None else since) - _STATE_LOOK_BACK
    return history_of(job_id, [replace(event) for event in events if oldest < event.known_at <= tick])


def _folding(
    interval: Interval, folds: Mapping[Table, Fold]
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """From all events of some jobs to the changed rows of every table."""
    start, end = (round(moment.timestamp()) * SECOND for moment in (interval.start, interval.end))
    keys = {table: tuple(name for name in table.key if name != "known_at") for table in folds}
    structs = {table: _arrow_struct(table) for table in folds}

    def folded(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        listed = list(batches)
        if not listed:
            return
        table = pa.Table.from_batches(listed).sort_by([("job_id", "ascending")])
        rows: dict[Table, list[Row]] = {table: [] for table in folds}
        for _, events in groupby(_events(table), key=attrgetter("job_id")):
            for state in states(events, start, end):
                clocks = {"known_at": state.tick, "known_date": (state.tick - _TICK) // (86_400 * SECOND)}
                for target, fold in folds.items():
                    rows[target].extend(row | clocks for row in state.changed(fold, keys[target]))
        for target, made in rows.items():
            columns = {
                other.short_name: pa.array(made, structs[other])
                if other is target
                else pa.nulls(len(made), structs[other])
                for other in folds
            }
            yield pa.RecordBatch.from_pydict(columns)

    return folded


def _events(table: pa.Table) -> Iterator[Event]:
    columns = []
    for name in _COLUMNS:
        column = table.column(name)
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("us", "UTC")).cast(pa.int64())
        columns.append(column.to_pylist())
    for values in zip(*columns, strict=True):
        yield Event(*values)


def _arrow_struct(table: Table) -> pa.StructType:
    types = {
        Type.STRING: pa.string(),
        Type.LONG: pa.int64(),
        Type.INT: pa.int32(),
        Type.DOUBLE: pa.float64(),
        Type.BOOLEAN: pa.bool_(),
        Type.TIMESTAMP: pa.timestamp("us", "UTC"),
        Type.DATE: pa.date32(),
    }
    return pa.struct([(column.name, types[column.type]) for column in table.columns])
