"""What stops or stopped runs, what failed, what only warned, what is held, and what to type next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby

from lakehouse.ops import Ops
from lakehouse.quality_ledger import Acceptance, KeptFinding, QualityLedger
from lakehouse.run_history import Made, gaps, made_by_table
from lakehouse.run_ledger import Run, RunLedger
from lakehouse.settings import Settings
from roadside.holds import Hold, completeness_of, view_holds
from roadside.quality_report.scope import Scope
from roadside.standing import features_through
from validation.clocks import Interval, business_date_et
from validation.errors import CheckFailed

DRIFT, FEATURES, BRONZE = "drift_", "features.", "bronze."


@dataclass(frozen=True)
class Word:
    """A person's word that an alarm may pass: whose, why, given when, and until which tick."""

    principal: str
    why: str
    accepted_at: datetime
    until: datetime


@dataclass(frozen=True)
class Alarm:
    """A check that alarmed for a group over some ticks of the range, or stands open from before it.

    Attributes:
        state: stops | accepted | warns.
        run_id: the run that it stopped first; empty of a warning.
        text: of the tick with the most rows.
        next_step: what to type, empty where nothing is to be done.
    """

    source: str
    check_name: str
    group: str
    state: str
    run_id: str
    first: datetime
    last: datetime
    ticks: int
    most_rows: int
    text: str
    words: tuple[Word, ...] = ()
    next_step: str = ""

    @property
    def refused_by(self) -> str:
        """What to type if the data is wrong; empty where it stops nothing."""
        is_open = self.state == "stops"
        return f"roadside quality refuse {self.run_id} --why '...'" if is_open else ""


@dataclass(frozen=True)
class FailedRuns:
    """Runs of one table over one interval that failed with one kind of error.

    Attributes:
        run_id, at: the last of them, and when it ended (wall clock).
        is_open: no run has made all of the interval since.
        is_stopped: it is a check of the feed that stops them, told as an alarm.
    """

    table: str
    interval: Interval
    error_kind: str
    times: int
    run_id: str
    at: datetime | None
    is_open: bool
    is_stopped: bool
    next_step: str


@dataclass(frozen=True)
class HeldView:
    """A view whose newest instant is held, and the source that holds it."""

    view: str
    hold: Hold


@dataclass(frozen=True)
class Drift:
    """The greatest drift that was found of a feature in the range, in PSI."""

    table: str
    check_name: str
    group: str
    at: datetime
    ticks: int
    psi: float
    rows: int
    text: str


@dataclass(frozen=True)
class Gates:
    """All that keeps something from being published, or is told beside it."""

    alarms: tuple[Alarm, ...]
    failed: tuple[FailedRuns, ...]
    held: tuple[HeldView, ...]
    drift: tuple[Drift, ...]

    def of_state(self, state: str) -> list[Alarm]:
        """The alarms that are in that state."""
        return [each for each in self.alarms if each.state == state]

    @property
    def stopped_runs(self) -> list[str]:
        """Ids of the runs that a check of a feed stops now."""
        return sorted({each.run_id for each in self.of_state("stops")})

    @property
    def open_failures(self) -> list[FailedRuns]:
        """What failed otherwise and was not made since."""
        return [each for each in self.failed if each.is_open and not each.is_stopped]

    @property
    def held_views(self) -> list[str]:
        """The views that are held, each once."""
        return sorted({each.view for each in self.held})


def gates(settings: Settings, ops: Ops, scope: Scope) -> Gates:
    """The gates as of the scope's moment."""
    ledger = QualityLedger(ops)
    in_range = [each for each in ledger.findings(None, scope.interval) if _is_told(each, scope)]
    before = [each for each in ledger.stopping(scope.at) if _is_told(each, scope) and each not in in_range]
    found = [each for each in (*before, *in_range) if not _is_drift(each)]
    made = made_by_table(ops)
    alarms = _alarms(found, {each.acceptance_id: each for each in ledger.acceptances()})
    failed = _failed_runs(RunLedger(ops, _no_clock).failures(scope.at), made, alarms, scope)
    return Gates(
        alarms=_with_next_steps(alarms, failed),
        failed=failed,
        held=tuple(_held(settings, ops, made, scope)),
        drift=_drift([each for each in in_range if _is_drift(each)]),
    )


def _is_drift(each: KeptFinding) -> bool:
    return each.source.startswith(FEATURES) and each.check_name.startswith(DRIFT)


def _is_told(each: KeptFinding, scope: Scope) -> bool:
    return each.source in scope.sources or scope.has_table(each.source)


def _alarms(found: Iterable[KeptFinding], acceptances: Mapping[str, Acceptance]) -> tuple[Alarm, ...]:
    def alike(each: KeptFinding) -> tuple[str, str, str, str]:
        return each.source, each.check_name, each.group_name, each.run_id if each.severity == "fail" else ""

    told = []
    for (source, check, group, run_id), ticks in groupby(sorted(found, key=alike), key=alike):
        of_one = sorted(ticks, key=lambda each: each.known_at)
        most = max(of_one, key=lambda each: (each.rows, each.known_at))
        state = "warns" if most.severity != "fail" else "accepted"
        state = "stops" if any(each.stops for each in of_one) else state
        ids = dict.fromkeys(each.acceptance_id for each in of_one if each.acceptance_id)
        words = tuple(_word(acceptances[each]) for each in ids if each in acceptances)
        told.append(
            Alarm(
                source, check, group, state, run_id, of_one[0].known_at, of_one[-1].known_at, len(of_one),
                most.rows, most.text, words,
            )
        )  # fmt: skip
    order = {"stops": 0, "accepted": 1, "warns": 2}
    return tuple(sorted(told, key=lambda each: order[each.state]))


def _word(accepted: Acceptance) -> Word:
    return Word(accepted.principal, accepted.why, accepted.accepted_at, accepted.end)


def _failed_runs(
    failures: Sequence[Run], made: Mapping[str, Made], alarms: Sequence[Alarm], scope: Scope
) -> tuple[FailedRuns, ...]:
    def alike(run: Run) -> tuple[str, Interval, str]:
        return run.table, run.interval, run.error_kind or "unknown"

    told = []
    for (table, interval, kind), runs in groupby(sorted(failures, key=alike), key=alike):
        of_one = list(runs)
        is_open = bool(gaps([interval], made.get(table, Made()).intervals))
        in_range = interval.start < scope.interval.end and interval.end > scope.interval.start
        if scope.has_table(table) and (in_range or is_open):
            last = max(of_one, key=lambda run: (run.started_at, run.run_id))
            told.append(
                FailedRuns(
                    table, interval, kind, len(of_one), last.run_id, last.finished_at, is_open,
                    is_open and kind == CheckFailed.__name__ and _is_stopped(table, interval, alarms),
                    _to_make(table, interval) if is_open else "",
                )
            )  # fmt: skip
    return tuple(sorted(told, key=lambda each: not each.is_open))


def _is_stopped(table: str, interval: Interval, alarms: Sequence[Alarm]) -> bool:
    return any(
        each.state == "stops" and table == BRONZE + each.source and interval.start < each.last
        and each.first <= interval.end
        for each in alarms
    )  # fmt: skip


def _with_next_steps(alarms: Sequence[Alarm], failed: Sequence[FailedRuns]) -> tuple[Alarm, ...]:
    return tuple(replace(each, next_step=_after_alarm(each, failed)) for each in alarms)


def _after_alarm(alarm: Alarm, failed: Sequence[FailedRuns]) -> str:
    """Accept it or have it mended; once accepted, run its interval again if that did not happen yet."""
    if alarm.state == "stops":
        return f"roadside quality accept {alarm.run_id} --why '...'"
    waits = next(
        (
            each
            for each in failed
            if each.is_open and each.table == BRONZE + alarm.source and each.interval.holds(alarm.first)
        ),
        None,
    )
    return waits.next_step if alarm.state == "accepted" and waits is not None else ""


def _to_make(table: str, interval: Interval) -> str:
    layer, _, short = table.partition(".")
    span = f"--start {interval.start:%Y-%m-%dT%H:%MZ} --end {interval.end:%Y-%m-%dT%H:%MZ}"
    match layer:
        case "online":
            return "roadside materialize"
        case "training":
            days = [business_date_et(each) for each in (interval.start, interval.end)]
            return f"roadside dataset build {short} --start {days[0]} --end {days[1]}"
        case _:
            return f"roadside run {span}"


def _held(settings: Settings, ops: Ops, made: Mapping[str, Made], scope: Scope) -> Iterator[HeldView]:
    completeness = completeness_of(settings, ops)
    for view in scope.views:
        through = features_through(made, view)
        if through is not None:
            for hold in view_holds(completeness, view, min(through, scope.at)):
                yield HeldView(view, hold)


def _drift(found: Sequence[KeptFinding]) -> tuple[Drift, ...]:
    def alike(each: KeptFinding) -> tuple[str, str, str]:
        return each.source, each.check_name, each.group_name

    worst = []
    for _, ticks in groupby(sorted(found, key=alike), key=alike):
        of_one = list(ticks)
        most = max(of_one, key=lambda each: (each.found, each.known_at))
        worst.append(
            Drift(
                most.source, most.check_name, most.group_name, most.known_at, len(of_one), most.found,
                most.rows, most.text,
            )
        )  # fmt: skip
    return tuple(sorted(worst, key=lambda each: (-each.psi, each.table, each.check_name, each.group)))


def _no_clock() -> datetime:
    return datetime.now(UTC)
