"""What a run may no longer make: rows past their retention, or of landed objects that are gone.

What was published stays as it was made. Nothing is ever put in its place from what is left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lakehouse.expiries import LANDED, Expiries, expired
from lakehouse.landed_accounts import deleted_within
from lakehouse.ops import Ops
from lakehouse.run_history import gaps, made_by_code, merged, shared
from lakehouse.run_ledger import RunLedger
from roadside.graph import Step
from roadside.time_ranges import whole_days_apart
from transforms.grid import HELD_MEMORY_DAILY
from validation.clocks import TICK, Interval, tick_start
from validation.errors import UserError
from validation.retention import LANDING

_COMPARED_WITH = timedelta(days=1) + HELD_MEMORY_DAILY
"""As the runner's revisions: a live entity has a row so long before."""
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def rows_that_stand(
    ops: Ops, runs: RunLedger, step: Step, interval: Interval, version: str, *, force: bool
) -> dict[str, int] | None:
    """By table the rows that stand of the interval and are not made again; None if it is to be made.

    Empty where nobody knows how many: of bronze that other code made, over other intervals.

    This code made them, and nobody forces it; or they are bronze whose landed objects are gone, which no
    other code can make again.

    Raises:
        UserError: the interval is past its retention, or looks back to what is, or bronze is wanted anew of
            landed objects that are gone.
    """
    gone = expired(ops)
    for name in _made_of_it(step):
        require_kept(gone, name, interval)
    done = [runs.published(name, interval, version) for name in step.writes]
    if not force and all(run is not None for run in done):
        return {run.table: run.rows or 0 for run in done if run is not None}
    if step.build is None:
        return _bronze_that_stands(ops, runs, step, interval, force=force)
    _require_inputs_kept(gone, step, interval)
    return None


def require_kept(gone: Expiries, name: str, interval: Interval) -> None:
    """That nothing of the table's interval is past its retention.

    Raises:
        UserError: some of it is.
    """
    if gone.reaches(name, interval.start):
        raise UserError(f"{gone.told(name)}: {interval} is not made again.", _begin_at(gone.before[name]))


def _bronze_that_stands(
    ops: Ops, runs: RunLedger, step: Step, interval: Interval, *, force: bool
) -> dict[str, int] | None:
    """Bronze of an interval all of whose landed objects are too old to be there, if it was ever made."""
    source = step.name.partition(".")[2]
    deleted = deleted_within(ops, source, interval)
    if deleted is None:
        return None
    count, newest = deleted
    was_made = not any(runs.never_made(name, interval) for name in step.writes)
    if was_made and not force and not _reaches_landed(ops, source, interval):
        return {}
    raise UserError(
        f"{step.name}: {count:,} landed objects of {interval} are gone (kept {LANDING}), so it cannot be "
        "made again; what was published stays.",
        f"The newest of them is of {newest:%Y-%m-%dT%H:%MZ}: begin there, or make what reads bronze from it "
        f"as it stands: roadside build --start {interval.start:%Y-%m-%dT%H:%MZ} --end "
        f"{interval.end:%Y-%m-%dT%H:%MZ}, or roadside backfill --keep-bronze.",
    )


def _reaches_landed(ops: Ops, source: str, interval: Interval) -> bool:
    """Whether the interval reaches into known time whose landed objects are kept."""
    before = expired(ops).before.get(f"{LANDED}{source}")
    return before is None or interval.end > before


def _require_inputs_kept(gone: Expiries, step: Step, interval: Interval) -> None:
    for name, back in step.reads.items():
        since = interval.widened(_reach(step, back)).start
        if gone.reaches(name, since):
            raise UserError(
                f"{step.name}: {interval} looks back to {since:%Y-%m-%dT%H:%MZ}, and "
                f"{gone.told(name)}. It would come out as if nothing had happened there; what was published "
                "stays.",
                _begin_at(first_makeable(gone, step)),
            )


def _begin_at(moment: datetime | None) -> str:
    assert moment is not None
    return f"Begin at {moment:%Y-%m-%dT%H:%MZ} or later."


def first_makeable(gone: Expiries, step: Step) -> datetime | None:
    """The first known time of which the step can still be made; None where nothing is past its retention."""
    edges = [gone.before[name] for name in _made_of_it(step) if name in gone.before]
    edges += [
        _tick_after(gone.before[name], _reach(step, back))
        for name, back in step.reads.items()
        if name in gone.before
    ]
    return max(edges, default=None)


def _made_of_it(step: Step) -> tuple[str, ...]:
    """The tables whose retention ends the step; quarantine goes with the landed objects it tells of."""
    return step.writes[:1] if step.build is None else step.writes


def _reach(step: Step, back: timedelta) -> timedelta:
    """How far back a run reads: features also at the instants before, to tell what changed."""
    return back + _COMPARED_WITH if step.is_features else back


def _tick_after(before: datetime, back: timedelta) -> datetime:
    """The first tick whose look-back does not reach before that moment."""
    start = tick_start(before + back)
    return start if start == before + back else start + TICK


@dataclass(frozen=True)
class Kept:
    """What of a home can no longer be made, and is left as it is.

    Attributes:
        gone: what is past its retention.
        as_made: by bronze or quarantine table, known time that was made of landed objects that are gone.
    """

    gone: Expiries
    as_made: Mapping[str, Sequence[Interval]]

    def wanted(self, step: Step, name: str, intervals: Sequence[Interval]) -> list[Interval]:
        """The parts of the intervals, of one of the step's tables, that can be made."""
        first = first_makeable(self.gone, step)
        closed = [] if first is None else [Interval(_BEGINNING, first)]
        return gaps(list(intervals), merged([*closed, *self.as_made.get(name, ())]))


def kept_as_it_is(ops: Ops, steps: Sequence[Step]) -> Kept:
    """What of the steps' tables can no longer be made."""
    gone = expired(ops)
    landed = {
        name: gone.part(f"{LANDED}{name.partition('.')[2]}")
        for step in steps
        if step.build is None
        for name in step.writes
    }
    if not any(landed.values()):
        return Kept(gone, {})
    runs = RunLedger(ops, lambda: datetime.now(UTC))  # never finishes a run, so asks no clock that matters
    as_made = {
        name: tuple(each for part in parts for each in gaps([part], runs.never_made(name, part)))
        for name, parts in landed.items()
    }
    return Kept(gone, as_made)


def lacking(ops: Ops, step: Step, version: str, chunk: Interval) -> list[Interval]:
    """What no standing run of this code made of one of the step's tables, and can be made; in order.

    One run over two holes is cheaper than two, so they are joined, unless something lies between that was
    made of landed objects that are gone: it must stand. Whole days are apart from parts of days: only they
    are staged without the table's lease, for which live ticks wait. None if nothing is lacking that is due.
    """
    kept, holes = kept_as_it_is(ops, [step]), []
    for name in step.writes:
        lacks = gaps([chunk], made_by_code(ops, name, version, within=chunk))
        holes += [each for each in kept.wanted(step, name, lacks) if step.due(each)]
    stands = merged(part for name in step.writes for part in kept.as_made.get(name, ()))
    joined: list[Interval] = []
    for hole in merged(holes):
        if joined and not shared([Interval(joined[-1].end, hole.start)], stands):
            joined[-1] = Interval(joined[-1].start, hole.end)
        else:
            joined.append(hole)
    return [part for each in joined for part in whole_days_apart(each) if step.due(part)]


def left_as_it_is(ops: Ops, steps: Sequence[Step], start: datetime) -> dict[str, datetime]:
    """By step, the first known time that can still be made, of those where that is later than the start."""
    gone = expired(ops)
    found = {}
    for step in steps:
        edges = [first_makeable(gone, step)]
        if step.build is None:
            edges.append(gone.before.get(f"{LANDED}{step.name.partition('.')[2]}"))
        latest = max((each for each in edges if each is not None), default=start)
        if latest > start:
            found[step.name] = latest
    return found
