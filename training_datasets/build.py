"""Builds a dataset, whole days at a time: rows, features as served, labels; checked, then published.

A built day is never edited. Built again from the same inputs it is skipped; from other code it is
computed again and must come out equal, or it needs a new release, which says so. A day that cannot be
built keeps no other back.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import pandas as pd
import pyarrow as pa

from lakehouse.leases import PATIENCE, Leases
from lakehouse.ops import Ops
from lakehouse.releases import ReleaseKind, Releases
from lakehouse.run_ledger import Heard, RunLedger, unheard
from lakehouse.settings import Settings
from lakehouse.spark import frame_of_arrow
from lakehouse.tables import Lakehouse, Published
from training_datasets.computing import ComputedDay, Computing, dataset_version, require_one_per_row_id
from training_datasets.dataset_folder import MANIFEST
from training_datasets.files import day_file, file_digest, write_parquet
from training_datasets.gates import Day, asked
from training_datasets.history import before_day
from training_datasets.late_releases import counts_of_late
from training_datasets.manifests import (
    DayManifest,
    day_manifest,
    write_dataset_manifest,
    write_day_manifest,
)
from training_datasets.maturity import mature_days, require_mature, why_not_mature
from training_datasets.refused_days import RefusedDays
from training_datasets.requests import LocationOf
from training_datasets.spec import DatasetSpec
from validation.clocks import Interval
from validation.contract import Table
from validation.contracts.training.row_index import ROW_INDEX
from validation.errors import CheckFailed, NotReady, UserError

DAYS_AT_ONCE = 7
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class DayResult:
    """What became of one day."""

    day: date
    status: str  # built | new release | unchanged (computed again, equal) | skipped (same inputs)
    rows: int
    waterfall: Mapping[str, int]
    digest: str
    seconds: float = 0.0
    gates: Mapping[str, str] = field(default_factory=dict)
    run_id: str | None = None
    snapshot_id: int | None = None


@dataclass(frozen=True)
class BuildResult:
    """What a build did; the folder holds one Parquet file a day."""

    dataset: str
    days: tuple[DayResult, ...]
    folder: Path
    manifest: Path

    @property
    def rows(self) -> int:
        """Rows of the days asked for."""
        return sum(each.rows for each in self.days)

    @property
    def waterfall(self) -> dict[str, int]:
        """How the decisions of these days became rows, step by step."""
        steps = dict.fromkeys(step for each in self.days for step in each.waterfall)
        return {step: sum(each.waterfall.get(step, 0) for each in self.days) for step in steps}


Progress = Callable[[DayResult], None]
HeldOf = Callable[[str, Interval], Sequence[datetime]]
"""(features table, interval) -> its instants there that have no row, for a source it reads was silent."""


def _silent(_result: DayResult) -> None:
    return None


def _none_held(_table: str, _interval: Interval) -> Sequence[datetime]:
    return ()


def _wall_clock() -> datetime:
    return datetime.now(UTC)


def build(
    settings: Settings,
    lakehouse: Lakehouse,
    store: Any,
    spec: DatasetSpec,
    start_day: date,
    end_day: date,
    *,
    location_of: LocationOf,
    held_of: HeldOf = _none_held,
    progress: Progress = _silent,
    force: bool = False,
    new_release: bool = False,
    days_at_once: int = DAYS_AT_ONCE,
    now: Callable[[], datetime] = _wall_clock,
    heard: Heard = unheard,
) -> BuildResult:
    """The ET business days [start_day, end_day) of the dataset: table, files, manifests, releases.

    A day is done once its manifest stands, so a build that was killed goes on where it stopped, at
    most `days_at_once` days back. `location_of` opens the places that on-demand features are worked out
    from; `held_of` tells what the manifest lists as held. Days built from the same inputs are skipped
    unless `force`; days computed again that differ are refused unless `new_release`. `now` stamps runs
    and releases; no row holds it. `heard` is told of the runs.

    Raises:
        UserError: the range is empty, or what a day not yet done is made of is past its retention; nothing
            is built.
        NotReady, CheckFailed: once all other days stand, for those that do not: a day not yet done is not
            mature; a check fails; a built day would change. Such a day stays as it was. NotReady if there
            is a day to wait for, whatever else there is.
        Busy: another process publishes the dataset, and does so as long as patience lasts.
    """
    if end_day <= start_day:
        raise UserError(f"The days [{start_day}, {end_day}) are none: the end must be after the start.")
    computing = Computing(settings, lakehouse, store, spec, location_of)
    builder = _Builder(computing, now, held_of, new_release=new_release, heard=heard)
    wanted = [start_day + timedelta(days=n) for n in range((end_day - start_day).days)]
    done = set() if force else {day for day in wanted if builder.is_done(day)}
    builder.refuse_immature([day for day in wanted if day not in done])
    days = builder.refused.among(wanted)
    results: list[DayResult] = []
    for chunk in _chunks(days, days_at_once, done):
        try:
            for result in builder.skipped(chunk[0]) if chunk[0] in done else builder.build(chunk):
                results.append(result)
                progress(result)
        finally:  # what stands is what readers find, whatever becomes of the rest
            if results:
                write_dataset_manifest(builder.folder, spec)
    if builder.refused.errors:
        raise builder.refused.told([each.day for each in results])
    return BuildResult(spec.name, tuple(results), builder.folder, builder.folder / MANIFEST)


def planned(computing: Computing, days: Sequence[date]) -> dict[date, str]:
    """What a build would do with each day, in words. Reads ledgers and manifests only."""
    builder = _Builder(computing, _wall_clock, _none_held)
    found = {}
    for day in days:
        reason = why_not_mature(builder.ops, computing.spec, computing.service, day)
        if builder.is_done(day):
            found[day] = "built"
        elif reason is not None:
            found[day] = f"not mature: {reason}"
        elif day_manifest(builder.folder, day) is not None:
            found[day] = (
                "to be computed again: the code is another, or the file is not the one that was built"
            )
        else:
            found[day] = "to be built"
    return found


@dataclass
class _Builder:
    """Everything a build of one dataset needs at hand."""

    computing: Computing
    now: Callable[[], datetime]
    held_of: HeldOf
    new_release: bool = False
    heard: Heard = unheard
    refused: RefusedDays = field(default_factory=RefusedDays)

    def __post_init__(self) -> None:
        settings = self.computing.settings
        self.spec, self.lakehouse = self.computing.spec, self.computing.lakehouse
        self.ops = Ops(settings.ops_url)
        self.folder = settings.datasets_dir / self.spec.name

    def refuse_immature(self, days: Sequence[date]) -> None:
        """Those of the days that may not be built now are refused.

        Raises:
            UserError: what a day is made of is past its retention.
        """
        try:
            require_mature(self.ops, self.spec, self.computing.service, days)
        except NotReady as error:
            mature = mature_days(self.ops, self.spec, self.computing.service, days[0], days[-1] + _DAY)
            self.refused.refuse(sorted({*days} - {*mature}), error)

    def is_done(self, day: date) -> bool:
        """Whether the day stands, made or verified by this code, contract and service."""
        built = day_manifest(self.folder, day)
        return (
            built is not None
            and self.computing.fingerprint in built.evidence["verified"]
            and self._has_its_file(built)
        )

    def _has_its_file(self, built: DayManifest) -> bool:
        """Whether the day's file is the one that was written with the manifest."""
        path = day_file(self.folder, self.spec.table, built.day)
        return path.is_file() and file_digest(path) == built.evidence.get("file_sha256")

    def skipped(self, day: date) -> Iterator[DayResult]:
        """A day that is done; its release is published if a killed build did not come to it."""
        built = day_manifest(self.folder, day)
        assert built is not None
        self._release(built)
        yield _result(built, "skipped")

    def build(self, days: Sequence[date]) -> Iterator[DayResult]:
        """The days in order, computed and published together; those that cannot be are refused."""
        started = monotonic()
        built = {day: day_manifest(self.folder, day) for day in days}
        standing = {day: manifest for day, manifest in built.items() if manifest is not None}
        computed = self._computed(days, {} if self.new_release else standing, self.computing.heads())
        changed = [
            day
            for day, each in computed.items()
            if day in standing and each.manifest.content != standing[day].content
        ]
        if changed and not self.new_release:
            self.refused.refuse(changed, self._would_change(changed, computed, standing))
            changed = []
        for day in changed:
            number = standing[day].release_number + 1
            computed[day] = replace(
                computed[day], manifest=replace(computed[day].manifest, release_number=number)
            )
        made = self.refused.among(days)
        gates = self._asked([day for day in made if day not in standing or day in changed], computed)
        published = self._published([*gates], computed, gates)
        seconds = (monotonic() - started) / len(days)
        for day in self.refused.among(days):
            manifest = published[day] if day in published else self._verified(standing[day])
            path = day_file(self.folder, self.spec.table, day)
            if day in published or not self._has_its_file(manifest):
                write_parquet(path, computed[day].rows.drop_columns([self.spec.table.partition]))
            evidence = {**manifest.evidence, "file_sha256": file_digest(path)}
            manifest = replace(manifest, evidence=evidence)
            write_day_manifest(self.folder, self.spec, manifest)
            self._release(manifest)
            status = "new release" if day in changed else "built" if day in published else "unchanged"
            yield _result(manifest, status, seconds)

    def _computed(
        self,
        days: Sequence[date],
        standing: Mapping[date, DayManifest],
        at: Mapping[str, int | None],
    ) -> dict[date, ComputedDay]:
        """The days of one state of their inputs: of these snapshots.

        Days that stand are computed from what they were made of: revisions made since do not count.
        """
        pins = {day: standing[day].revised_through if day in standing else None for day in days}
        computed: dict[date, ComputedDay] = {}
        for pin in dict.fromkeys(pins.values()):
            together = [day for day in days if pins[day] == pin]
            made = self.refused.made(together, partial(self.computing.computed, revised_through=pin, at=at))
            try:
                require_one_per_row_id(self.spec, [each.frame for each in made.values()])
            except CheckFailed as error:  # made one by one, beside a day that was stopped
                self.refused.refuse(made, error)
            else:
                computed |= made
        return computed

    def _would_change(
        self,
        changed: Sequence[date],
        computed: Mapping[date, ComputedDay],
        standing: Mapping[date, DayManifest],
    ) -> CheckFailed:
        columns = sorted(
            {name for day in changed for name in standing[day].differing_columns(computed[day].manifest)}
        )
        rows = {day: (standing[day].rows, computed[day].manifest.rows) for day in changed}
        counts = "; ".join(f"{day}: {before} rows, now {after}" for day, (before, after) in rows.items())
        return CheckFailed(
            f"{self.spec.name}: built days would change ({counts}) in {', '.join(columns) or 'counts'}.",
            "A built day is never edited. Find what changed since (the manifests name their inputs); if the "
            "new content is right, build with --new-release.",
        )

    def _asked(
        self, days: Sequence[date], computed: Mapping[date, ComputedDay]
    ) -> dict[date, dict[str, str]]:
        """The outcome of every gate of each day, asked in order: a day is compared with those before it.

        A day that a gate stops is refused, and no day is compared with it.
        """
        frames: dict[date, pd.DataFrame] = {}
        answers: dict[date, dict[str, str]] = {}
        for day in days:
            before = before_day(self.folder, self.spec.table, day, frames)
            frame, steps = computed[day].frame, computed[day].manifest.waterfall
            try:
                answers[day] = asked(self.spec.all_gates, Day(self.spec.table, day, frame, before, steps))
                frames[day] = frame
            except CheckFailed as error:
                self.refused.refuse([day], error)
        return answers

    def _published(
        self,
        days: Sequence[date],
        computed: Mapping[date, ComputedDay],
        gates: Mapping[date, Mapping[str, str]],
    ) -> dict[date, DayManifest]:
        """The days' rows in the tables of the lake, checked there; their manifests with the evidence."""
        if not days:
            return {}
        return self.refused.made(days, lambda some: self._in_tables([computed[day] for day in some], gates))

    def _in_tables(
        self, days: Sequence[ComputedDay], gates: Mapping[date, Mapping[str, str]]
    ) -> dict[date, DayManifest]:
        """Their rows published together."""
        dates = [each.manifest.day for each in days]
        index = pa.concat_tables([each.index for each in days])
        rows = pa.concat_tables([each.rows for each in days])
        interval = Interval(self.spec.decisions(dates[0]).start, self.spec.decisions(dates[-1]).end)
        replaced = partial(
            self._replaced,
            interval=interval,
            days=dates,
            inputs=days[0].manifest.evidence["input_snapshot_ids"],  # those of one build read the same
        )
        index_replaced = partial(replaced, ROW_INDEX, index, {"dataset": self.spec.name})
        published = replaced(self.spec.table, rows, {}, before=index_replaced)
        evidence = {
            "run_id": published.run_id,
            "snapshot_id": published.snapshot_id,
            "verified": [self.computing.fingerprint],
        }
        return {
            each.manifest.day: replace(
                each.manifest,
                evidence={
                    **each.manifest.evidence,
                    **evidence,
                    "gates": gates[each.manifest.day],
                    "late_release": self._late(each),
                    "held": self._held(each.manifest.day),
                },
            )
            for each in days
        }

    def _held(self, day: date) -> dict[str, list[str]]:
        """By features table, the instants between the day's decisions that no reader was given."""
        decided = self.spec.decisions(day)
        tables = sorted({view.table.name for view in self.computing.service.views})
        held = {name: self.held_of(name, decided) for name in tables}
        return {
            name: [f"{at:%Y-%m-%dT%H:%MZ}" for at in sorted(ticks)] for name, ticks in held.items() if ticks
        }

    def _late(self, of: ComputedDay) -> dict[str, Any]:
        """The rows that read what no reader had yet, by the ledger of releases."""
        tables = sorted({view.table.name for view in self.computing.service.views})
        return counts_of_late(of.frame["meta_decision_at"], self.ops, tables)

    def _replaced(
        self,
        table: Table,
        rows: pa.Table,
        only: Mapping[str, str],
        *,
        interval: Interval,
        days: Sequence[date],
        inputs: Mapping[str, int | None],
        before: Callable[[], object] = lambda: None,
    ) -> Published:
        """The days' rows published; once they have passed the table's checks, what must be there `before`."""
        self.lakehouse.create(table)
        leases = Leases(self.ops, self.now, patience=PATIENCE)  # all datasets share the index of rows
        runs = RunLedger(self.ops, self.now, self.heard)
        with leases.publishing(table.name) as lease:
            run = runs.begin(table.name, interval, dataset_version(), inputs=inputs)
            try:
                frame = frame_of_arrow(self.lakehouse.spark, rows)
                staged = self.lakehouse.stage_days(table, days, frame, run.run_id, only)
                before()
                leases.renew(lease)
                published = self.lakehouse.publish(staged)
            except BaseException as error:
                runs.fail(run.run_id, type(error).__name__)
                raise
            runs.finish(
                run.run_id,
                snapshot_id=published.snapshot_id,
                rows=published.rows,
                counts=published.warnings,
            )
        return replace(published, run_id=run.run_id)

    def _verified(self, manifest: DayManifest) -> DayManifest:
        """The manifest, with this code, contract and service among those that gave its content."""
        verified = sorted({*manifest.evidence["verified"], self.computing.fingerprint})
        return replace(manifest, evidence={**manifest.evidence, "verified": verified})

    def _release(self, manifest: DayManifest) -> None:
        """The day's release; published already, it stays as it was."""
        snapshot_id = manifest.evidence["snapshot_id"]
        if snapshot_id is not None:
            Releases(self.ops, self.now).publish(
                ReleaseKind.DATASET,
                self.spec.close(manifest.day),
                self.spec.promised_at(manifest.day),
                {self.spec.table.name: snapshot_id},
            )


def _chunks(days: Sequence[date], size: int, alone: Collection[date]) -> Iterator[list[date]]:
    """Runs of days in order, at most `size` long; a day that goes alone is a run of its own."""
    chunk: list[date] = []
    for day in days:
        if chunk and (day in alone or chunk[-1] in alone or len(chunk) == size):
            yield chunk
            chunk = []
        chunk.append(day)
    if chunk:
        yield chunk


def _result(manifest: DayManifest, status: str, seconds: float = 0.0) -> DayResult:
    return DayResult(
        manifest.day,
        status,
        manifest.rows,
        manifest.waterfall,
        manifest.digest,
        round(seconds, 2),
        manifest.evidence.get("gates", {}),
        manifest.evidence.get("run_id"),
        manifest.evidence.get("snapshot_id"),
    )
