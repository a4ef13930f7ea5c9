"""Where the platform stands: what landed, what each table holds, and what is due and missing.

Starts neither Spark nor Feast: the ledgers, the landed objects' names and Iceberg's metadata say it
all, in a second or two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from lakehouse.catalog_reader import CatalogReader, TableState
from lakehouse.completeness import Completeness
from lakehouse.landing_ledger import LandingLedger, Reconciliation
from lakehouse.ops import Ops
from lakehouse.processes import is_dead
from lakehouse.releases import Release, Releases
from lakehouse.run_history import Made, gaps, made_by_table, merged
from lakehouse.run_ledger import Run, RunLedger, RunStatus
from lakehouse.settings import Settings
from roadside.expired import Kept, kept_as_it_is
from roadside.graph import STEPS, step_named
from roadside.handling import again, failures
from roadside.holds import Hold, completeness_of, served_through, view_holds
from roadside.landed_backlog import STRAGGLER_HORIZON, Backlog, backlog, has_landing
from roadside.redis_standing import redis_problem
from roadside.run_names import ONLINE
from training_datasets.manifests import built_days
from training_datasets.maturity import days_left_out
from training_datasets.specs import SPECS
from validation.clocks import TICK, Interval
from validation.contract import Table
from validation.contracts import BRONZE, FEATURES, SERVED, TABLES, table_named
from validation.errors import InputMissing
from validation.sources import SOURCES

LOOK_BACK = timedelta(days=7)
"""How far behind the last closed tick landed objects are looked for, unless more is asked: further than a
run looks, and no further than lists in a second."""

A_LITTLE_LATER = timedelta(hours=1)  # ticks closed meanwhile


@dataclass(frozen=True)
class SourceStanding:
    """One source: landed = bronze + quarantined, and what has landed but waits.

    Attributes:
        landed: objects in the ledger.
        waiting: landed objects that no run has registered yet.
        overlooked: those of them stamped too long ago for an ordinary run to find, oldest_overlooked_at the
            first of their stamps.
        misnamed: keys lately among them that no run will ever read.
        unread: objects in the ledger that no run has read to the end.
        closed_through: the last tick that gains no object any more.
    """

    source: str
    landed: int
    waiting: int
    overlooked: int
    oldest_overlooked_at: datetime | None
    misnamed: tuple[str, ...]
    unread: int
    lines: int
    bronze: int
    quarantined: int
    reasons: Mapping[str, int]
    is_balanced: bool
    closed_through: datetime | None


@dataclass(frozen=True)
class LastRun:
    """How a table's last run ended."""

    run_id: str
    start: datetime
    end: datetime
    outcome: str  # published | superseded | running | outdated | failed
    at: datetime
    error: str | None = None


@dataclass(frozen=True)
class TableStanding:
    """One table: what it holds, through when it was made, its last run and release."""

    table: str
    rows: int | None
    newest_known: datetime | date | None
    newest_event: datetime | None
    made_through: datetime | None
    last_run: LastRun | None
    release: str | None
    released_at: datetime | None


@dataclass(frozen=True)
class ViewStanding:
    """One feature view: what its readers have, and what keeps it from them.

    Attributes:
        made_through: the last tick for which its features are made.
        served_through: the same, before the instants that are held until then.
        age: how long ago served_through was when the newest tick ended that is closed or due.
        held_by: the sources that hold its newest instant.
        written_through: the last tick written to Redis.
    """

    view: str
    made_through: datetime | None
    served_through: datetime | None
    age: timedelta | None
    held_by: tuple[Hold, ...]
    written_through: datetime | None
    last_run: LastRun | None


@dataclass(frozen=True)
class Standing:
    """The whole platform at one moment; `missing` has a sentence for each thing that is due."""

    home: Path
    closed_through: datetime | None
    sources: tuple[SourceStanding, ...]
    tables: tuple[TableStanding, ...]
    views: tuple[ViewStanding, ...]
    missing: tuple[str, ...] = field(default=())


def has_ops(settings: Settings) -> bool:
    """Whether the operational database exists."""
    return Ops(settings.ops_url).is_there()


def require_home(settings: Settings) -> None:
    """Refuse to work where nothing ever landed.

    Raises:
        InputMissing: there are neither landed objects nor an operational database.
    """
    if not has_landing(settings) and not has_ops(settings):
        raise InputMissing(
            f"Nothing has landed in {settings.home}: the folder is not there.",
            "Land something (roadside simulate), or point ROADSIDE_HOME at a folder that holds landing/.",
        )


def standing(
    settings: Settings,
    due_at: datetime | None = None,
    redis_problem: Callable[[Settings], str] = redis_problem,
    look_back: timedelta = LOOK_BACK,
) -> Standing:
    """Where the platform stands now; with `due_at`, every source is due through that tick.

    Landed objects are looked for as far back as `look_back` behind the last closed tick.

    Raises:
        Unreachable: the ledgers or the landed objects cannot be read.
    """
    if not has_ops(settings):
        return _nothing_ingested(settings)
    ops = Ops(settings.ops_url)
    made = made_by_table(ops)
    ledger = LandingLedger(ops)
    reconciled = {each.source: each for each in ledger.reconcile([source.name for source in SOURCES])}
    sources = tuple(
        _source(
            reconciled[source.name],
            backlog(settings, ledger, source, look_back=look_back),
            ledger.closed_through(source.name),
        )
        for source in SOURCES
    )
    runs, releases, reader = RunLedger(ops, _no_clock), Releases(ops, _no_clock), CatalogReader(settings)
    tables = tuple(
        _table(table, reader.state(table), made, runs.last_run(table.name), releases.for_table(table.name))
        for table in TABLES
    )
    closed = max((each.closed_through for each in sources if each.closed_through), default=None)
    completeness = completeness_of(settings, ops)
    newest = max((each for each in (closed, due_at) if each is not None), default=None)
    views = tuple(_view(table.short_name, completeness, made, runs, newest) for table in FEATURES)
    missing = (
        *_missing_of_sources(sources, closed, due_at),
        *_missing_of_runs([*tables, *views]),
        *_missing_of_handling(failures(settings, ops)),
        *_missing_of_tables(made, kept_as_it_is(ops, STEPS)),
        *_missing_of_datasets(settings, ops),
        *_missing_of_held(views),
        *_missing_online(views),
        *(
            [problem]
            if any(each.written_through for each in views) and (problem := redis_problem(settings))
            else []
        ),
    )
    return Standing(settings.home, closed, sources, tables, views, missing)


def _nothing_ingested(settings: Settings) -> Standing:
    none = {source.name: Reconciliation(source.name, 0, 0, 0, 0, 0, 0) for source in SOURCES}
    sources = tuple(_source(none[each.name], backlog(settings, None, each), None) for each in SOURCES)
    missing = ("Nothing has been ingested yet.", *_misnamed(sources))
    return Standing(settings.home, None, sources, (), (), missing)


def _source(found: Reconciliation, landed: Backlog, closed: datetime | None) -> SourceStanding:
    stamps = [each.landed_at for each in landed.waiting]
    overlooked = [] if closed is None else [each for each in stamps if each < closed - STRAGGLER_HORIZON]
    return SourceStanding(
        source=found.source,
        landed=found.objects,
        waiting=len(landed.waiting),
        overlooked=len(overlooked),
        oldest_overlooked_at=min(overlooked, default=None),
        misnamed=tuple(each.key for each in landed.misnamed),
        unread=found.objects_without_outcome,
        lines=found.lines,
        bronze=found.bronze_rows,
        quarantined=found.quarantined_rows,
        reasons=dict(found.reasons),
        is_balanced=not found.unbalanced,
        closed_through=closed,
    )


def _table(
    table: Table,
    state: TableState | None,
    made: Mapping[str, Made],
    run: Run | None,
    release: Release | None,
) -> TableStanding:
    return TableStanding(
        table=table.name,
        rows=None if state is None else state.rows,
        newest_known=None if state is None else state.newest_known,
        newest_event=None if state is None else state.newest_event,
        made_through=made.get(table.name, Made()).through,
        last_run=_last_run(run),
        release=None if release is None else release.release_id,
        released_at=None if release is None else release.published_at,
    )


def _view(
    view: str, completeness: Completeness, made: Mapping[str, Made], runs: RunLedger, newest: datetime | None
) -> ViewStanding:
    through = features_through(made, view)
    served = None if through is None else served_through(completeness, view, through)
    return ViewStanding(
        view=view,
        made_through=through,
        served_through=served,
        age=None if served is None or newest is None else max(newest - served, timedelta(0)),
        held_by=() if through is None else view_holds(completeness, view, through),
        written_through=made.get(f"{ONLINE}.{view}", Made()).through,
        last_run=_last_run(runs.last_run(f"{ONLINE}.{view}")),
    )


def _last_run(run: Run | None) -> LastRun | None:
    if run is None:
        return None
    is_lost = run.is_running and is_dead(run.process)
    return LastRun(
        run.run_id,
        run.interval.start,
        run.interval.end,
        RunStatus.FAILED.value if is_lost else run.status.value,
        run.finished_at or run.started_at,
        "ProcessDied" if is_lost else run.error_kind,
    )


def _missing_of_sources(
    sources: Sequence[SourceStanding], closed: datetime | None, due_at: datetime | None
) -> Iterator[str]:
    due = max((each for each in (closed, due_at) if each is not None), default=None)
    for each in sources:
        if due is not None and (each.closed_through is None or each.closed_through < due):
            through = "not yet" if each.closed_through is None else f"through {_told(each.closed_through)}"
            yield f"{each.source}: closed {through}, due through {_told(due)}."
        if each.waiting > each.overlooked:
            yield f"{each.source}: {each.waiting - each.overlooked:,} landed objects are not ingested."
        yield from _overlooked(each)
        if each.unread:
            yield f"{each.source}: {each.unread:,} of {each.landed:,} objects were not read to the end."
        if not each.is_balanced:
            yield f"{each.source}: lines landed are neither in bronze nor in quarantine."
    yield from _misnamed(sources)


def _overlooked(source: SourceStanding) -> Iterator[str]:
    oldest, closed = source.oldest_overlooked_at, source.closed_through
    if oldest is not None and closed is not None:
        days = -(-(closed + A_LITTLE_LATER - oldest) // timedelta(days=1))
        yield (
            f"{source.source}: {source.overlooked:,} landed objects appeared so long after their stamps (the "
            f"oldest {_told_to_the_second(oldest)}) that no ordinary run finds them. The next tick reads "
            f"them after: roadside ingest --source {source.source} --start {_told(closed - TICK)} "
            f"--end {_told(closed)} --look-back-hours {24 * days}"
        )


def _misnamed(sources: Sequence[SourceStanding]) -> Iterator[str]:
    for each in sources:
        if each.misnamed:
            more = f" and {len(each.misnamed) - 1:,} more" if len(each.misnamed) > 1 else ""
            yield (
                f"{each.source}: {each.misnamed[0]}{more} landed under a name that tells no arrival, and is "
                "never read: land it again as <source>-YYYY-MM-DD-HH-MM-SS-<id>.<ext> in that hour's folder."
            )


def _missing_of_runs(standings: Sequence[TableStanding | ViewStanding]) -> Iterator[str]:
    for each in standings:
        run = each.last_run
        if run is not None and run.outcome == RunStatus.FAILED.value:
            name = each.table if isinstance(each, TableStanding) else f"{ONLINE}.{each.view}"
            yield (
                f"{name}: its last run, {run.run_id} over {Interval(run.start, run.end)}, "
                f"failed at {_told(run.at)} ({run.error})."
            )


def _missing_of_handling(failed: Mapping[str, Sequence[Run]]) -> Iterator[str]:
    """A sentence for each target, for compaction and for retention, however many tables it failed for."""
    for run, *others in failed.values():
        last = _last_run(run)
        assert last is not None
        more = f"; likewise {len(others):,} more" if others else ""
        yield (
            f"{run.table}: its last run, {run.run_id}, failed at {_told(last.at)} ({last.error}{more}): "
            f"{again(run)}"
        )


def _missing_of_tables(made: Mapping[str, Made], kept: Kept) -> Iterator[str]:
    """Known time that bronze covers and a table behind it does not, and that can still be made."""
    ingested = merged(each for table in BRONZE for each in made.get(table.name, Made()).intervals)
    for table in TABLES:
        if table.layer == "training":
            continue
        lacking = gaps(ingested, made.get(table.name, Made()).intervals)
        lacking = kept.wanted(step_named(table.name), table.name, lacking)
        if is_daily(table):
            lacking = [Interval(cut - TICK, cut) for each in lacking for cut in each.cuts()]
        if lacking:
            more = f" and {len(lacking) - 1} more intervals" if len(lacking) > 1 else ""
            yield f"{table.name}: to be made for {lacking[0]}{more}."


def _missing_of_datasets(settings: Settings, ops: Ops) -> Iterator[str]:
    """Days that no night builds any more: it looks a few days back, and a trouble may have lasted longer."""
    for spec in SPECS:
        left = days_left_out(ops, spec, built_days(settings.datasets_dir / spec.name))
        if left:
            start = end = left[0]
            while end in left:
                end += timedelta(days=1)
            others = len(left) - (end - start).days
            more = f" and {others:,} more day{'s' if others > 1 else ''}" if others else ""
            yield (
                f"{spec.table.name}: to be built for [{start}, {end}){more}, though newer days are built: "
                f"roadside dataset build {spec.name} --start {start} --end {end}"
            )


def _missing_of_held(views: Sequence[ViewStanding]) -> Iterator[str]:
    """A sentence per source and instant, naming the views it holds there."""
    held: dict[Hold, list[str]] = {}
    for each in views:
        for hold in each.held_by:
            held.setdefault(hold, []).append(each.view)
    for hold, names in sorted(held.items(), key=lambda item: (item[0].source, item[0].at, item[0].since)):
        records = (
            "" if hold.expected_records is None else f", about {hold.expected_records:,} records expected"
        )
        yield (
            f"{hold.source} holds {', '.join(names)} at {_told(hold.at)}, since {_told(hold.since)}: "
            f"last object {_told_to_the_second(hold.last_object_at)}, "
            f"{hold.found_objects} of {hold.expected_objects} objects found{records}."
        )


def _missing_online(views: Sequence[ViewStanding]) -> Iterator[str]:
    """Of the views that a service reads, and of those that were written before."""
    served = {table.short_name for table in SERVED}
    for each in views:
        ready, written = each.served_through, each.written_through
        if ready is not None and (written < ready if written is not None else each.view in served):
            through = (
                "nothing" if each.written_through is None else f"ticks through {_told(each.written_through)}"
            )
            yield f"{ONLINE}.{each.view}: Redis holds {through}, features are made through {_told(ready)}."


def features_through(made: Mapping[str, Made], view: str) -> datetime | None:
    """The last tick for which the view's features are made; None if none were ever made.

    A daily table gains nothing until the next cut, so it is complete as far as the others are.
    """
    own = made.get(f"features.{view}", Made()).through
    latest = max((each for table in FEATURES if (each := made.get(table.name, Made()).through)), default=None)
    if own is None or latest is None or own >= latest or not is_daily(table_named(f"features.{view}")):
        return own
    cuts = Interval(own, latest).cuts()
    return cuts[0] - TICK if cuts else latest


def is_daily(table: Table) -> bool:
    """Whether the table gains rows at business-day cuts only."""
    return table.layer in ("tiles", "features") and table.name.endswith("_1d")


def _told(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%MZ}"


def _told_to_the_second(moment: datetime | None) -> str:
    return "never" if moment is None else f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _no_clock() -> datetime:
    return datetime.now(UTC)
