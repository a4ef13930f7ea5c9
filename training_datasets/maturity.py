"""Whether a day of a dataset may be built: its labels closed, its inputs known through the close."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import select

from lakehouse.expiries import expired
from lakehouse.landing_ledger import LandingLedger
from lakehouse.ops import Ops, runs
from lakehouse.run_ledger import RunStatus
from training_datasets.feature_service import ServiceDefinition, ViewUsed
from training_datasets.spec import DatasetSpec
from validation.clocks import TICK, Interval, business_date_et, daily_available_at
from validation.contracts.silver.arrival_evidence import ARRIVAL_EVIDENCE
from validation.errors import NotReady, UserError

SOURCES = ("dispatch_events", "gps_pings")
"""Landing sources behind silver: closed through the close, no object can still enter it. Pings bear arrivals
out, where a dataset asks for that."""

LEFT_OUT_SINCE = timedelta(days=31)
"""How far behind its newest day a dataset's days count as passed over by the nights."""

Coverage = Sequence[Interval]


def require_mature(ops: Ops, spec: DatasetSpec, service: ServiceDefinition, days: Iterable[date]) -> None:
    """Refuse days whose labels or features could still change.

    Raises:
        NotReady: a day is not mature; the message says when it closes and what is missing.
        UserError: what a day is made of is past its retention.
    """
    asked = list(days)
    gone = [reason for day in asked if (reason := why_gone(ops, spec, service, day))]
    if gone:
        raise UserError(
            f"{spec.name}: {min(asked)} can no longer be computed: {gone[0]}",
            "Days that were built stay as they are, for good. Leave out those that were not.",
        )
    reasons = {day: reason for day in asked if (reason := why_not_mature(ops, spec, service, day))}
    if reasons:
        first, last = min(reasons), max(reasons)
        more = f" {len(reasons)} of {len(asked)} days are not mature." if len(asked) > 1 else ""
        raise NotReady(
            f"{spec.name}: {first} is not mature: {reasons[first]}{more}",
            f"Run the road through {_told(spec.close(last))}, then build again; "
            "or leave out the days that are not mature.",
        )


def mature_days(
    ops: Ops, spec: DatasetSpec, service: ServiceDefinition, start_day: date, end_day: date
) -> list[date]:
    """The days of [start_day, end_day) that may be built now."""
    days = [start_day + timedelta(days=n) for n in range((end_day - start_day).days)]
    return [day for day in days if why_not_mature(ops, spec, service, day) is None]


def why_not_mature(ops: Ops, spec: DatasetSpec, service: ServiceDefinition, day: date) -> str | None:
    """Why the day may not be built yet, as a sentence; None if it may.

    Its sources must be closed through the day's close, the tables of its rows and labels made from
    the day's start to its close, and every feature table made for each tick or cut a decision of the
    day can read: from a time to live before the day, or the table's first tick, to the day's end.
    """
    gone = why_gone(ops, spec, service, day)
    if gone is not None:
        return gone
    close, decided = spec.close(day), spec.decisions(day)
    closing = f"it closes at {_told(close)} (03:00 ET, {spec.closes_after_days} days later)"
    ledger = LandingLedger(ops)
    for source in SOURCES[: 1 + (ARRIVAL_EVIDENCE in spec.sources)]:
        through = ledger.closed_through(source)
        if through is None or through < close:
            return f"{closing} and {source} is closed through {_told(through)}."
    for table in spec.sources:
        missing = _gap(coverage(ops, table.name), decided.start, close)
        if missing is not None:
            return f"{closing} and {table.name} was not made for {missing}."
    for view in service.views:
        gap = _view_gap(coverage(ops, view.table.name), view, decided)
        if gap is not None:
            return f"{view.table.name} was not made for {gap}."
    return None


def why_gone(ops: Ops, spec: DatasetSpec, service: ServiceDefinition, day: date) -> str | None:
    """What the day is made of and is past its retention, as a sentence; None if all of it is kept."""
    gone, decided = expired(ops), spec.decisions(day)
    since = spec.reads_from(day, has_request=bool(service.request))
    reads = [(table.name, since) for table in spec.sources]
    reads += [(view.table.name, decided.start - view.ttl) for view in service.views]
    lost = [name for name, since in reads if gone.reaches(name, since)]
    return f"{gone.told(lost[0])}." if lost else None


def days_left_out(ops: Ops, spec: DatasetSpec, built: Sequence[date]) -> list[date]:
    """The days of the last month before the newest of the built ones that are none, though silver has them.

    All of them are closed, for they close before the newest. What is older was left out for good, or lies
    between one history and another; so does what silver was never made for, or no longer has.
    """
    if not built:
        return []
    first, last = max(built[0], built[-1] - LEFT_OUT_SINCE), built[-1]
    between = [first + timedelta(days=n) for n in range((last - first).days)]
    lacking = [day for day in between if day not in built]
    gone, covered = expired(ops), {table.name: coverage(ops, table.name) for table in spec.sources if lacking}

    def is_there(name: str, day: date) -> bool:
        is_kept = not gone.reaches(name, spec.reads_from(day, has_request=False))
        return is_kept and _gap(covered[name], spec.decisions(day).start, spec.close(day)) is None

    return [day for day in lacking if all(is_there(table.name, day) for table in spec.sources)]


def newest_closed_day(spec: DatasetSpec, cut: datetime) -> date:
    """The newest business day whose labels are closed at the cut: due at 06:00 ET of the cut's day."""
    day = business_date_et(cut)
    while spec.close(day) > cut:
        day -= timedelta(days=1)
    return day


def coverage(ops: Ops, table: str) -> list[Interval]:
    """The intervals of known time a table's standing runs made, merged, in order."""
    query = (
        select(runs.c.interval_start, runs.c.interval_end)
        .where(runs.c.table_name == table, runs.c.status == RunStatus.PUBLISHED.value)
        .order_by(runs.c.interval_start)
    )
    with ops.read() as connection:
        found = connection.execute(query).all()
    merged: list[Interval] = []
    for start, end in found:
        if merged and start <= merged[-1].end:
            merged[-1] = Interval(merged[-1].start, max(merged[-1].end, end))
        else:
            merged.append(Interval(start, end))
    return merged


def _view_gap(covered: Coverage, view: ViewUsed, decided: Interval) -> Interval | None:
    """The first ticks missing among those the day's decisions can read.

    A daily view is made where an interval holds a cut: only its cuts are asked for.
    """
    back = decided.start - view.ttl
    first = covered[0].start if covered else decided.start
    if not view.is_daily:
        return _gap(covered, min(max(back, first), decided.start), decided.end)
    readable = [
        cut for cut in Interval(back, decided.end).cuts() if daily_available_at(cut) < decided.end
    ]  # a decision after 06:00 ET reads the cut of its own morning
    cuts = [cut for cut in readable if cut > first or cut == decided.start]
    missing = [cut for cut in cuts if not any(each.holds(cut) for each in covered)]
    return Interval(missing[0] - TICK, missing[0]) if missing else None


def _gap(covered: Coverage, start: datetime, end: datetime) -> Interval | None:
    """The first part of [start, end) that no interval covers."""
    reached = start
    for each in covered:
        if each.start > reached:
            break
        reached = max(reached, each.end)
    if reached >= end:
        return None
    later = [each.start for each in covered if each.start > reached]
    return Interval(reached, min([*later, end]))


def _told(moment: datetime | None) -> str:
    return "no tick yet" if moment is None else f"{moment:%Y-%m-%dT%H:%MZ}"
