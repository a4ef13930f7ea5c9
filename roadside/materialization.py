"""Feature views written to Redis: from where the last writing ended, through the last tick made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

from lakehouse import feast_edge
from lakehouse.ops import Ops
from lakehouse.run_history import Made, finished_at, made_by_table
from lakehouse.run_ledger import RunLedger
from lakehouse.settings import Settings
from roadside.holds import completeness_of, served_through
from roadside.online_state import complete, markers
from roadside.run_listeners import heard_of
from roadside.run_names import ONLINE
from roadside.runner import road_version
from roadside.standing import features_through, is_daily
from validation.clocks import TICK_DELAY, Interval, tick_start
from validation.contracts import FEATURES, SERVED, table_named
from validation.errors import NotReady, UnknownName, Unreachable


@dataclass(frozen=True)
class Written:
    """One view: written now, up to date already, held since the tick after `through`, or never made."""

    view: str
    status: str  # written | up to date | held | no features
    through: datetime | None
    seconds: float = 0.0


def view_names(wanted: Sequence[str] = ()) -> list[str]:
    """The views of these names; those that a dataset's service reads without any.

    Raises:
        UnknownName: there is no such view.
    """
    known = [table.short_name for table in FEATURES]
    for name in wanted:
        if name not in known:
            raise UnknownName("feature view", name, known)
    return [name for name in known if name in wanted] if wanted else [table.short_name for table in SERVED]


def time_to_live(view: str) -> timedelta:
    """How long a value is served, as the view's Feast definition has it (DOMAIN 3: 2 and 8 days)."""
    return timedelta(days=8 if is_daily(table_named(f"features.{view}")) else 2)


def spans_due(
    settings: Settings,
    views: Sequence[str],
    until: datetime | None = None,
    *,
    served: Mapping[str, datetime] | None = None,
    force: bool = False,
) -> dict[str, Interval | None]:
    """What is to be written of each view, in ticks; None where Redis has it all.

    From the last tick written (a time to live before the end, the first time) through the last
    tick whose features are made and not held, at most `until`: readers of a held view keep what
    they have. Features made again since are written again, and what a Redis lost that crashed, was
    emptied or came back from a copy.

    Args:
        served: by view, through when Redis itself says that it is complete; None to go by the ledger alone.

    Raises:
        NotReady: no features were ever made.
    """
    ops = Ops(settings.ops_url)
    made, completeness = made_by_table(ops), completeness_of(settings, ops)
    due: dict[str, Interval | None] = {}
    for view in views:
        online = made.get(f"{ONLINE}.{view}", Made())
        ready = features_through(made, view)
        if ready is None:
            due[view] = None
            continue
        end = served_through(completeness, view, min(until or ready, ready))
        oldest = end - time_to_live(view)
        written = _written_through(view, online, served)
        is_whole = force or written is None or _made_again(ops, view, oldest, online)
        start = oldest if is_whole or written is None else max(written, oldest)
        due[view] = Interval(tick_start(start), end) if start < end else None
    if not any(f"features.{view}" in made for view in views):
        raise NotReady("No features were made yet.", "Run `roadside run --start DAY --end DAY` first.")
    return due


def _written_through(view: str, online: Made, served: Mapping[str, datetime] | None) -> datetime | None:
    """The last tick that is in Redis by the ledger and by Redis itself; None if one of them knows of none.

    The marker is told after the rows: where it stands they are, whatever was lost since.
    """
    if online.through is None or served is None:
        return online.through
    marker = served.get(view)
    return None if marker is None else min(online.through, tick_start(marker - TICK_DELAY))


def _made_again(ops: Ops, view: str, oldest: datetime, online: Made) -> bool:
    """Whether features of ticks that belong in Redis were made since the run that wrote them began."""
    if online.through is None or online.began_at is None or online.through <= oldest:
        return False
    features_at = finished_at(ops, f"features.{view}", Interval(oldest, online.through))
    return features_at is not None and features_at > online.began_at


def materialize(
    settings: Settings,
    store: Any,
    views: Sequence[str],
    until: datetime | None = None,
    *,
    force: bool = False,
    heard: Callable[[Written], None] = lambda _written: None,
) -> list[Written]:
    """Write what is due of each view to Redis, move its marker and record it. Idempotent.

    Raises:
        Unreachable: Redis does not answer; the run ledger keeps the failure.
    """
    runs = RunLedger(Ops(settings.ops_url), lambda: datetime.now(UTC), heard_of(settings))
    done = []
    as_of = datetime.now(UTC)  # before the ledger is read: what is published from now on is due next time
    due = spans_due(settings, views, until, served=_markers(store), force=force)
    for view, span in due.items():
        started = monotonic()
        if span is None:
            written = _unwritten(settings, view, until)
        else:
            _write(runs, store, view, span, as_of)
            written = Written(view, "written", span.end, monotonic() - started)
        done.append(written)
        heard(written)
    return done


def _markers(store: Any) -> dict[str, datetime] | None:
    """As `markers`; none while Redis is away, whose runs then fail and are kept so."""
    try:
        return markers(store)
    except Unreachable:
        return {}


def _unwritten(settings: Settings, view: str, until: datetime | None) -> Written:
    """What there is of a view of which nothing is due."""
    ops = Ops(settings.ops_url)
    ready = features_through(made_by_table(ops), view)
    if ready is None:
        return Written(view, "no features", None)
    end = min(until or ready, ready)
    served = served_through(completeness_of(settings, ops), view, end)
    return Written(view, "held" if served < end else "up to date", served)


def _write(runs: RunLedger, store: Any, view: str, span: Interval, as_of: datetime) -> None:
    run = runs.begin(f"{ONLINE}.{view}", span, road_version(), as_of=as_of)
    try:
        feast_edge.materialize(store, view, span.start, span.end + TICK_DELAY)
        complete(store, view, span.end + TICK_DELAY)
    except BaseException as error:
        runs.fail(run.run_id, type(error).__name__)
        raise
    runs.finish(run.run_id, snapshot_id=None, rows=None)  # Feast does not tell how many it wrote
