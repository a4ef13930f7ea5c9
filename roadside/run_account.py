"""What is known of one run: what it read and wrote, how it ended, who carries it, how it is made again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lakehouse.landed_counts import landed_size
from lakehouse.ops import Ops
from lakehouse.processes import is_dead
from lakehouse.quality_ledger import QualityLedger
from lakehouse.releases import Release, Releases
from lakehouse.run_ledger import Run, RunStatus
from lakehouse.run_search import left_by, replaced_by
from lakehouse.sent_states import SentState, sent_by
from lakehouse.settings import Settings
from roadside.graph import Step
from roadside.handling import again, handling_version
from roadside.run_inputs import InputRead, inputs_of, step_of, with_makers
from roadside.run_names import ONLINE
from roadside.runner import road_version, step_version
from validation.clocks import business_date_et

_LOGGED_WITHIN = timedelta(minutes=1)
"""How long after a run failed the log of its step is written at most."""


@dataclass(frozen=True)
class LandedInput:
    """The landed objects known in the run's interval, and their bytes as they landed."""

    source: str
    objects: int
    size_bytes: int


@dataclass(frozen=True)
class Carried:
    """The first release of the table after the run; it has the run's own snapshot, or a later one."""

    release_id: str
    published_at: datetime
    has_its_snapshot: bool


@dataclass(frozen=True)
class Stop:
    """A finding of a check that stopped the run."""

    check: str
    known_at: datetime
    text: str
    stops: bool


@dataclass(frozen=True)
class RunAccount:
    """One run and what the ledgers, the graph and the catalog know around it.

    Attributes:
        step: the step of the road that writes the table; None of datasets and of what is written online.
        process_is_gone: it is running by the ledger, and its process on this host is no more.
        is_todays_code: whether it had the code that a run would have now; None where that is unknown.
        read: the tables that it read.
        sent: the state of a dataset that a publication sent.
        landed: of a source's run.
        is_unchanged: it left the snapshot that was there; its rows were there already, or it had none.
        replaced_by: the run that first published (part of) its interval again.
        release: what carried it to readers; tables short of features are not released.
        log: Spark's own words on a failure, restricted.
        again: the command that makes it again, with the code and the inputs of now.
    """

    run: Run
    step: str | None
    process_is_gone: bool
    is_todays_code: bool | None
    read: tuple[InputRead, ...]
    sent: SentState | None
    landed: LandedInput | None
    is_unchanged: bool
    stopped_by: tuple[Stop, ...]
    replaced_by: str | None
    release: Carried | None
    log: Path | None
    again: str | None


def account_of(settings: Settings, run: Run) -> RunAccount:
    """All that is known of the run. Reads ledgers; no Spark, no data file."""
    ops = Ops(settings.ops_url)
    step = step_of(run)
    made = None if run.snapshot_id is None else left_by(ops, run.table, run.snapshot_id)
    added_none = run.files == 0 and bool(run.rows)
    is_unchanged = added_none or (made is not None and made.run_id != run.run_id)
    is_done = run.status in (RunStatus.PUBLISHED, RunStatus.SUPERSEDED)
    later = replaced_by(ops, run) if is_done else None
    return RunAccount(
        run=run,
        step=None if step is None else step.name,
        process_is_gone=run.is_running and is_dead(run.process),
        is_todays_code=_is_todays_code(settings, run, step),
        read=with_makers(ops, inputs_of(run)),
        sent=None if run.makes_rows else sent_by(ops, run.run_id),
        landed=_landed(ops, run, step),
        is_unchanged=is_unchanged,
        stopped_by=tuple(_stops(ops, run)),
        replaced_by=None if later is None else later.run_id,
        release=_carried(ops, run) if is_done else None,
        log=_log(settings, run, step),
        again=_again(run, step, is_done=run.status is RunStatus.PUBLISHED or later is not None),
    )


def _landed(ops: Ops, run: Run, step: Step | None) -> LandedInput | None:
    if step is None or step.build is not None:
        return None
    source = step.name.partition(".")[2]
    return LandedInput(source, *landed_size(ops, source, run.interval))


def _stops(ops: Ops, run: Run) -> Iterator[Stop]:
    for each in QualityLedger(ops).findings(run_id=run.run_id):
        group = f" where {each.group_name}" if each.group_name else ""
        yield Stop(f"{each.check_name}{group}", each.known_at, each.text, each.stops)


def _carried(ops: Ops, run: Run) -> Carried | None:
    if run.finished_at is None:
        return None
    release: Release | None = Releases(ops, _no_clock).first_after(run.table, run.finished_at)
    if release is None:
        return None
    its_own = release.tables[run.table] == run.snapshot_id
    return Carried(release.release_id, release.published_at, its_own)


def _log(settings: Settings, run: Run, step: Step | None) -> Path | None:
    """The step's log, where it was written as this run failed: a later failure overwrites it."""
    if run.status is not RunStatus.FAILED or run.finished_at is None or step is None:
        return None
    path = settings.home / "logs" / f"{step.name}-{run.interval.start:%Y%m%dT%H%M}.log"
    try:
        written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:
        return None
    failed = run.finished_at.replace(microsecond=0)  # a file's time may be coarser
    return path if failed <= written <= failed + _LOGGED_WITHIN else None


def _is_todays_code(settings: Settings, run: Run, step: Step | None) -> bool | None:
    if step is not None:
        return run.code_version == step_version(step, settings)
    if run.table.startswith(f"{ONLINE}."):
        return run.code_version == road_version()
    return None if run.makes_rows else run.code_version == handling_version()


def _again(run: Run, step: Step | None, *, is_done: bool) -> str | None:
    """The command that makes the run's interval again; None of a table that no command names."""
    if not run.makes_rows:
        return again(run)
    force = " --force" if is_done else ""
    if step is not None:
        span = f"--start {_word(run.interval.start)} --end {_word(run.interval.end)}"
        return f"roadside run {span} --step {step.name}{force}"
    if run.table.startswith(f"{ONLINE}."):
        return f"roadside materialize --view {_view(run)} --until {_word(run.interval.end)}{force}"
    layer, _, name = run.table.partition(".")
    if layer == "training" and name in _dataset_names():
        first, last = business_date_et(run.interval.start), business_date_et(run.interval.end)
        return f"roadside dataset build {name} --start {first} --end {last}{force}"
    return None


def _dataset_names() -> set[str]:
    from training_datasets.specs import SPECS

    return {spec.name for spec in SPECS}


def _view(run: Run) -> str:
    return run.table.removeprefix(f"{ONLINE}.")


def _word(moment: datetime) -> str:
    """A moment as the command line takes it; a midnight as its day.

    >>> _word(datetime(2026, 3, 10, tzinfo=UTC)), _word(datetime(2026, 3, 10, 17, 15, tzinfo=UTC))
    ('2026-03-10', '2026-03-10T17:15Z')
    """
    return f"{moment:%Y-%m-%dT%H:%MZ}" if (moment.hour, moment.minute) != (0, 0) else f"{moment:%Y-%m-%d}"


def _no_clock() -> datetime:
    return datetime.now(UTC)
