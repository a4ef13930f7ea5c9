"""Whether the promise of 06:00 ET was kept: daily views out, newest mature days of the datasets released.

Asks the ledgers, the landing ledger and the datasets' manifests, and nothing that publishes: neither a
scheduler, nor Spark, nor Feast. What was published is told as of a moment, for releases are never edited.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from lakehouse.landing_ledger import LandingLedger
from lakehouse.ops import Ops
from lakehouse.releases import Release, ReleaseKind, Releases
from lakehouse.run_history import reach_by_table
from lakehouse.run_ledger import RunLedger, RunStatus
from lakehouse.settings import Settings
from roadside.holds import completeness_of, view_holds
from roadside.standing import is_daily
from training_datasets.files import day_file
from training_datasets.manifests import day_manifest
from training_datasets.maturity import SOURCES, newest_closed_day
from training_datasets.spec import DatasetSpec
from training_datasets.specs import SPECS
from validation.clocks import TICK, business_day_start, daily_available_at
from validation.contract import Table
from validation.contracts import FEATURES
from validation.errors import RoadsideError

VIEW, DATASET = "view", "dataset"
DAILY_VIEWS = tuple(table for table in FEATURES if is_daily(table))
_NEVER = datetime.min.replace(tzinfo=UTC)


class State(StrEnum):
    """What became of one promised thing."""

    KEPT = "kept"
    LATE = "late"
    MISSING = "missing"
    NOT_DUE = "not due yet"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Asked:
    """Which views and datasets are looked at; nothing named is all of them."""

    views: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()

    @property
    def tables(self) -> tuple[Table, ...]:
        """The daily views' tables."""
        return tuple(each for each in DAILY_VIEWS if self._holds(each.short_name, self.views))

    @property
    def specs(self) -> tuple[DatasetSpec, ...]:
        """The datasets."""
        return tuple(each for each in SPECS if self._holds(each.name, self.datasets))

    def _holds(self, name: str, named: Sequence[str]) -> bool:
        return name in named or not (self.views or self.datasets)


@dataclass(frozen=True)
class LastGood:
    """What readers have meanwhile: the newest that was released, and by which release.

    Attributes:
        what: the cut or day; None of a state that no release names.
    """

    what: datetime | date | None
    release_id: str
    published_at: datetime


@dataclass(frozen=True)
class Reason:
    """Why something is not there, and what to type.

    Attributes:
        is_hold: a silent source holds the view.
        is_of_home: the home begins after what it needs.
    """

    why: str
    next_step: str
    is_hold: bool = False
    is_of_home: bool = False


@dataclass(frozen=True)
class Kept:
    """One promised thing: a view's cut, a dataset's day, or either of them at a target of publication.

    Attributes:
        kind: view, dataset, or the target: snowflake, s3.
        due: the cut of a view (its release's tick), the business day of a dataset.
        published_at: when it first came out; None if it did not by the moment asked for.
        late_by: how long after the promise that was.
        readers_have: where it is missing, what was released last before it; None if nothing ever was.
        because: where it is missing, why, and what to type next.
    """

    kind: str
    name: str
    due: datetime | date
    promised_at: datetime
    published_at: datetime | None
    state: State
    late_by: timedelta | None = None
    release_id: str | None = None
    readers_have: LastGood | None = None
    because: Reason | None = None

    @property
    def is_broken(self) -> bool:
        """Whether the promise was not kept."""
        return self.state in (State.LATE, State.MISSING)

    @property
    def is_held(self) -> bool:
        """Whether a source holds it, so that it does not come out before the next cut."""
        return self.because is not None and self.because.is_hold

    @property
    def is_out_of_reach(self) -> bool:
        """Whether it needs known time from before the home's first, so that it is never due there."""
        return self.state is State.NOT_DUE and self.because is not None and self.because.is_of_home

    @property
    def is_lacking(self) -> bool:
        """Whether it is not out, and nobody has said why."""
        return self.published_at is None and self.because is None


@dataclass(frozen=True)
class PromiseKept:
    """The promise of one day, seen at a moment.

    Attributes:
        day: the calendar day in ET of the promise.
        cannot_tell: what kept some of it from being told.
    """

    day: date
    at: datetime
    promised_at: datetime
    things: tuple[Kept, ...]
    cannot_tell: tuple[RoadsideError, ...] = field(default=())

    @property
    def broken(self) -> tuple[Kept, ...]:
        """What was not kept."""
        return tuple(each for each in self.things if each.is_broken)

    @property
    def unknown(self) -> tuple[Kept, ...]:
        """What nobody can tell any more."""
        return tuple(each for each in self.things if each.state is State.UNKNOWN)

    @property
    def is_due(self) -> bool:
        """Whether the promise's hour has come."""
        return self.at >= self.promised_at


@dataclass(frozen=True)
class Readings:
    """What the ledgers and the datasets' folders say.

    Attributes:
        releases: the daily ones and those of datasets, in order of publication.
        begun: from when on there is anything to be made of; None of a home that ingested nothing.
        is_built: whether a dataset's day stands in its folder, with its file.
        why: what keeps a table from having what is due (a cut, or a dataset's close); with True where that
            is a source that holds it.
    """

    releases: tuple[Release, ...] = ()
    begun: datetime | None = None
    is_built: Callable[[DatasetSpec, date], bool] = lambda _spec, _day: False
    why: Callable[[str, datetime], tuple[str, bool]] = lambda _table, _instant: ("it was not made", False)


def promise_kept(
    settings: Settings, day: date, at: datetime, asked: Asked | None = None, *, published: bool = True
) -> PromiseKept:
    """The promise of 06:00 ET of the day, as it stood at the moment.

    With `published`, what the settings publish to is asked too.

    Raises:
        Unreachable: the ledgers cannot be read.
    """
    asked = asked or Asked()
    readings = read_promise(settings, at)
    found = kept_at(day, at, readings, asked)
    if not published or not (settings.publish_uri or settings.snowflake_connection):
        return found
    from roadside.promise_publications import published_things

    things, problems = published_things(settings, found, readings.releases)
    return replace(found, things=(*found.things, *things), cannot_tell=problems)


def kept_at(day: date, at: datetime, readings: Readings, asked: Asked) -> PromiseKept:
    """What became of every thing that is promised for 06:00 ET of the day; pure but for its readings."""
    cut = business_day_start(day)
    judge = _Judge(cut, at, readings)
    things = [judge.view(table) for table in asked.tables] + [judge.dataset(spec) for spec in asked.specs]
    return PromiseKept(day, at, daily_available_at(cut), tuple(things))


@dataclass(frozen=True)
class _Judge:
    """The promise of one cut at one moment."""

    cut: datetime
    at: datetime
    readings: Readings

    @property
    def promised_at(self) -> datetime:
        """06:00 ET of the cut's day."""
        return daily_available_at(self.cut)

    def view(self, table: Table) -> Kept:
        """By the first release that holds the cut: its own, or one of a later cut."""
        mine = [each for each in self.readings.releases if table.name in each.tables]
        first = next((each for each in mine if each.tick >= self.cut), None)
        kept = self._judged(VIEW, table.short_name, self.cut, first, needs=self.cut - TICK)
        if not kept.is_lacking:
            return kept
        last = max(mine, key=lambda each: (each.tick, each.revision), default=None)
        good = None if last is None else LastGood(last.tick, last.release_id, last.published_at)
        return replace(kept, readers_have=good, because=self._why_no_view(table))

    def dataset(self, spec: DatasetSpec) -> Kept:
        """By the release of the newest day whose labels are closed, and by the day's own file."""
        day = newest_closed_day(spec, self.cut)
        mine = [each for each in self.readings.releases if spec.table.name in each.tables]
        first = next((each for each in mine if each.tick == spec.close(day)), None)
        is_built = self.readings.is_built(spec, day)
        out = first if is_built else None
        kept = self._judged(DATASET, spec.name, day, out, needs=spec.day(day).start)
        if not kept.is_lacking:
            return kept
        because = self._why_no_day(spec, day, is_built=is_built, is_released=first is not None)
        return replace(kept, readers_have=self._last_day(spec, mine), because=because)

    def _judged(
        self, kind: str, name: str, due: datetime | date, release: Release | None, *, needs: datetime
    ) -> Kept:
        """By the release; nothing is due that needs known time from before the home's first."""
        out = None if release is None else release.published_at
        state, late_by = judged(out, self.promised_at, self.at)
        begun = self.readings.begun
        if out is None and begun is not None and needs < begun:
            because = Reason(f"the home begins at {_told(begun)}, after what it needs", "", is_of_home=True)
            return Kept(kind, name, due, self.promised_at, None, State.NOT_DUE, because=because)
        release_id = None if release is None else release.release_id
        return Kept(kind, name, due, self.promised_at, out, state, late_by, release_id)

    def _last_day(self, spec: DatasetSpec, released: Sequence[Release]) -> LastGood | None:
        """The newest day that is released and stands."""
        for each in sorted(released, key=lambda each: (each.tick, each.revision), reverse=True):
            day = newest_closed_day(spec, each.tick)
            if self.readings.is_built(spec, day):
                return LastGood(day, each.release_id, each.published_at)
        return None

    def _why_no_view(self, table: Table) -> Reason:
        span = f"--start {_told(self.cut - TICK)} --end {_told(self.cut)}"
        why, is_hold = self.readings.why(table.name, self.cut)
        return Reason(why, "roadside freshness" if is_hold else f"roadside run {span}", is_hold)

    def _why_no_day(self, spec: DatasetSpec, day: date, *, is_built: bool, is_released: bool) -> Reason:
        build = f"roadside dataset build {spec.name} --start {day} --end {day + timedelta(days=1)}"
        if is_built:
            return Reason("it is built, and not released", build)
        if is_released:
            return Reason("it was released, and its file or manifest is gone", build)
        return Reason(self.readings.why(spec.table.name, spec.close(day))[0], build)


def judged(out: datetime | None, promised_at: datetime, at: datetime) -> tuple[State, timedelta | None]:
    """The state at the moment of what came out then, if it did; and by how much it was late."""
    if out is not None and out <= promised_at:
        return State.KEPT, None
    if out is not None:
        return State.LATE, out - promised_at
    return (State.MISSING if at >= promised_at else State.NOT_DUE), None


def read_promise(settings: Settings, at: datetime) -> Readings:
    """What the home's ledgers and folders say; releases as of the moment, all else as it is now.

    Raises:
        Unreachable: the ledgers cannot be read.
    """
    ops = Ops(settings.ops_url)
    out = Releases(ops, _no_clock).published((ReleaseKind.DAILY, ReleaseKind.DATASET), at)
    reach = reach_by_table(ops)
    begun = min((start for name, (start, _) in reach.items() if name.startswith("bronze.")), default=None)
    return Readings(
        releases=tuple(out),
        begun=begun,
        is_built=lambda spec, day: _is_built(settings, spec, day),
        why=lambda table, instant: _why(settings, ops, reach, table, instant),
    )


def _is_built(settings: Settings, spec: DatasetSpec, day: date) -> bool:
    folder = settings.datasets_dir / spec.name
    return day_manifest(folder, day) is not None and day_file(folder, spec.table, day).is_file()


def _why(
    settings: Settings,
    ops: Ops,
    reach: Mapping[str, tuple[datetime, datetime]],
    table: str,
    instant: datetime,
) -> tuple[str, bool]:
    """Why a table has not what is due at the instant: the first reason that the ledgers give."""
    if table in reach and reach[table][1] >= instant and table.startswith("features."):
        holds = view_holds(completeness_of(settings, ops), table.partition(".")[2], instant)
        if not holds:
            return "it is made, and not released", False
        by, since = ", ".join(each.source for each in holds), min(each.since for each in holds)
        return f"held by {by} since {_told(since)}", True
    last = RunLedger(ops, _no_clock).last_run(table)
    if last is not None and last.status is RunStatus.FAILED and last.interval.end >= instant:
        return f"its last run, {last.run_id}, failed ({last.error_kind})", False
    closed = LandingLedger(ops).closed_through
    behind = [source for source in SOURCES if (closed(source) or _NEVER) < instant]
    return f"{', '.join(behind)} not closed through {_told(instant)}" if behind else "it was not made", False


def _told(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%MZ}"


def _no_clock() -> datetime:
    return datetime.now(UTC)
