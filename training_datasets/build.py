"""Builds a dataset, whole days at a time: rows, features as served, labels; checked, then published.

A built day is never edited. Built again from the same inputs it is skipped; from other code it is
computed again and must come out equal, or it needs a new release, which says so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, reduce
from pathlib import Path
from time import monotonic
from typing import Any

import pandas as pd
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse.code_version import code_version
from lakehouse.feast_edge import historical_features
from lakehouse.leases import Leases
from lakehouse.ops import Ops
from lakehouse.releases import ReleaseKind, Releases
from lakehouse.run_ledger import RunLedger
from lakehouse.settings import Settings
from lakehouse.spark import frame_of_arrow
from lakehouse.tables import Lakehouse, Published
from training_datasets.feature_service import ServiceDefinition, service_definition
from training_datasets.files import arrow_table, day_file, digest_of, write_parquet
from training_datasets.manifests import (
    DayManifest,
    content_of,
    contract_digest,
    day_manifest,
    inputs_of,
    write_dataset_manifest,
    write_day_manifest,
)
from training_datasets.maturity import require_mature
from training_datasets.row_ids import row_ids
from training_datasets.spec import DatasetSpec
from training_datasets.spines import DECISION_TIME, LEFT_OUT, checked_spine, decisions, waterfall
from transforms.features.revisions import known_in
from validation.clocks import Interval
from validation.contract import Table
from validation.contracts.training.row_index import ROW_INDEX
from validation.errors import CheckFailed, Defect, UserError
from validation.pandera_schema import validated
from validation.sources.dispatch_events import DISPATCH_EVENTS

_CODE = ("validation", "ingestion", "transforms", "training_datasets")
DAYS_AT_ONCE = 7


@dataclass(frozen=True)
class DayResult:
    """What became of one day."""

    day: date
    status: str  # built | new release | unchanged (computed again, equal) | skipped (same inputs)
    rows: int
    waterfall: Mapping[str, int]
    digest: str
    seconds: float = 0.0


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


def _silent(_result: DayResult) -> None:
    return None


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
    progress: Progress = _silent,
    force: bool = False,
    new_release: bool = False,
    days_at_once: int = DAYS_AT_ONCE,
    now: Callable[[], datetime] = _wall_clock,
) -> BuildResult:
    """The ET business days [start_day, end_day) of the dataset: table, files, manifests, releases.

    A day is done once its manifest stands, so a build that was killed goes on where it stopped, at
    most `days_at_once` days back. Days built from the same inputs are skipped unless `force`; days
    computed again that differ are refused unless `new_release`. `now` stamps runs and releases;
    no row holds it.

    Raises:
        UserError: the range is empty.
        NotReady: a day is not mature, or its inputs were not made through its close.
        CheckFailed: a check fails, or a built day would change; nothing of it is published.
        Busy: another process publishes the dataset.
    """
    if end_day <= start_day:
        raise UserError(f"The days [{start_day}, {end_day}) are none: the end must be after the start.")
    builder = _Builder(settings, lakehouse, store, spec, now, new_release=new_release)
    days = [start_day + timedelta(days=n) for n in range((end_day - start_day).days)]
    require_mature(builder.ops, spec, builder.service, days)
    results: list[DayResult] = []
    done = set() if force else {day for day in days if builder.is_done(day)}
    for chunk in _chunks(days, days_at_once, done):
        for result in builder.skipped(chunk[0]) if chunk[0] in done else builder.build(chunk):
            results.append(result)
            progress(result)
    manifest = write_dataset_manifest(builder.folder, spec)
    return BuildResult(spec.name, tuple(results), builder.folder, manifest)


def features_at(spec: DatasetSpec, store: Any, spine: pd.DataFrame) -> pd.DataFrame:
    """The spine, in its order, with every `view__feature` as it could be read at `event_timestamp`.

    Raises:
        UserError: the spine asks for what is not an allowed input, or its times have no zone.
    """
    return historical_features(store, checked_spine(spec, spine), spec.service)


@dataclass(frozen=True)
class _Day:
    """One day, computed and checked, not yet published."""

    manifest: DayManifest
    rows: pa.Table
    index: pa.Table


@dataclass
class _Builder:
    """Everything a build of one dataset needs at hand."""

    settings: Settings
    lakehouse: Lakehouse
    store: Any
    spec: DatasetSpec
    now: Callable[[], datetime]
    new_release: bool = False
    ops: Ops = field(init=False)

    def __post_init__(self) -> None:
        self.ops = Ops(self.settings.ops_url)
        self.folder = self.settings.datasets_dir / self.spec.name

    @cached_property
    def service(self) -> ServiceDefinition:
        """The feature service; it must give the contract's feature columns, and no label or meta."""
        service = service_definition(self.store, self.spec.service)
        wanted = [name for name in self.spec.table.column_names if "__" in name]
        if sorted(service.columns) != sorted(wanted):
            differing = sorted(set(service.columns) ^ set(wanted))
            raise Defect(
                f"{self.spec.name}: the feature service and the contract disagree on {', '.join(differing)}.",
                "A released service is never edited: add the next version.",
            )
        return service

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the code, contract and service that decide a day's content."""
        return digest_of([dataset_version(), contract_digest(self.spec), self.service.digest])

    def is_done(self, day: date) -> bool:
        """Whether the day stands, made or verified by this code, contract and service."""
        built = day_manifest(self.folder, day)
        return (
            built is not None
            and self.fingerprint in built.evidence["verified"]
            and day_file(self.folder, self.spec.table, day).is_file()
        )

    def skipped(self, day: date) -> Iterator[DayResult]:
        """A day that is done; its release is published if a killed build did not come to it."""
        built = day_manifest(self.folder, day)
        assert built is not None
        self._release(built)
        yield _result(built, "skipped")

    def build(self, days: Sequence[date]) -> Iterator[DayResult]:
        """The days, one after the other without a gap, computed and published together."""
        started = monotonic()
        computed = self._computed(days)
        built = {day: day_manifest(self.folder, day) for day in days}
        standing = {day: manifest for day, manifest in built.items() if manifest is not None}
        changed = [day for day in standing if computed[day].manifest.content != standing[day].content]
        if changed and not self.new_release:
            raise self._would_change(changed, computed, standing)
        for day in changed:
            number = standing[day].release_number + 1
            computed[day] = replace(
                computed[day], manifest=replace(computed[day].manifest, release_number=number)
            )
        due = [day for day in days if day not in standing or day in changed]
        published = self._published([computed[day] for day in due], days) if due else {}
        seconds = (monotonic() - started) / len(days)
        for day in days:
            rows = computed[day].rows.drop_columns([self.spec.table.partition])
            path = day_file(self.folder, self.spec.table, day)
            if day in due or not path.is_file():
                write_parquet(path, rows)
            manifest = published[day] if day in due else self._verified(standing[day])
            write_day_manifest(self.folder, self.spec, manifest)
            self._release(manifest)
            status = "new release" if day in changed else "built" if day in due else "unchanged"
            yield _result(manifest, status, seconds)

    def _computed(self, days: Sequence[date]) -> dict[date, _Day]:
        """Rows, checks and manifest of each day. Reads only; the same days give the same rows."""
        spec = self.spec
        collected = reduce(DataFrame.unionByName, map(self._decided, days)).toArrow().to_pandas()
        ids = row_ids(self.settings, spec.name)
        collected["meta_row_id"] = collected[spec.row_key].map(ids.row)
        collected["meta_group"] = collected[spec.group_key].map(ids.group)
        rows = collected[collected[LEFT_OUT].isna()].reset_index(drop=True)
        frame = self._with_features(rows)
        revisions = self._revisions(days)
        computed = {}
        for day in days:
            of_day = collected["meta_decision_date_et"] == day
            steps = waterfall(spec, collected.loc[of_day, LEFT_OUT])
            mine = frame[frame["meta_decision_date_et"] == day]
            checks = self._checks(steps, mine, rows[rows["meta_decision_date_et"] == day])
            table = arrow_table(validated(mine[list(spec.table.column_names)], spec.table), spec.table)
            index = mine.rename(columns={spec.row_key: "assignment_id", spec.group_key: "job_id"}).assign(
                dataset=spec.name
            )
            computed[day] = _Day(
                DayManifest(
                    day,
                    1,
                    inputs_of(spec, self.service, day, revisions[day], dataset_version()),
                    content_of(spec, table, steps, checks),
                    {},
                ),
                table,
                arrow_table(validated(index[list(ROW_INDEX.column_names)], ROW_INDEX), ROW_INDEX),
            )
        return computed

    def _decided(self, day: date) -> DataFrame:
        """The day's decisions, left out or not, with their labels, of what was known by the close."""
        spec, close = self.spec, self.spec.close(day)
        earliest = spec.decisions(day).start - DISPATCH_EVENTS.ahead  # an event may land before its time
        known = Interval(earliest, close)
        changelog = self.lakehouse.read_known(spec.source, known)
        labels = spec.labels(changelog, self.lakehouse.read_known(spec.evidence, known), close)
        return decisions(spec, changelog, day).join(labels, spec.row_key, "left")

    def _with_features(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Rows and features, joined by row id; the features see keys and decision instant only."""
        spine = rows[["meta_row_id", *self.service.keys]].assign(**{DECISION_TIME: rows["meta_decision_at"]})
        features = features_at(self.spec, self.store, spine)[["meta_row_id", *self.service.columns]]
        repeated = int(features["meta_row_id"].duplicated().sum())
        if repeated:
            raise CheckFailed(
                f"{self.spec.name}: {repeated} of {len(features)} rows have a row id that another row has.",
                f"An {self.spec.row_key} is decided twice in these days: look at {self.spec.source.name}.",
            )
        return rows.merge(features, on="meta_row_id", how="left", validate="one_to_one")

    def _checks(self, steps: Mapping[str, int], frame: pd.DataFrame, rows: pd.DataFrame) -> dict[str, str]:
        """The checks that all datasets share, by name, all passed.

        Raises:
            CheckFailed: one does not hold.
        """
        first, *filters = (count for step, count in steps.items() if step != "rows")
        held = {
            "waterfall_sums_to_the_rows": first - sum(filters) == steps["rows"] == len(rows),
            "features_add_and_drop_no_row": sorted(frame["meta_row_id"]) == sorted(rows["meta_row_id"]),
            "one_row_per_row_id": bool(frame["meta_row_id"].is_unique),
            "every_row_has_a_label_status": bool(frame["label_status"].notna().all()),
        }
        broken = [name for name, is_held in held.items() if not is_held]
        if broken:
            raise CheckFailed(
                f"{self.spec.name}: {', '.join(broken)} failed for a day of {len(rows)} rows.",
                "Nothing was published; this is ours to mend.",
            )
        return dict.fromkeys([*held, "contract"], "passed")

    def _revisions(self, days: Sequence[date]) -> dict[date, int]:
        """The newest revision among the feature rows that a day's decisions can read, by day."""
        read = []
        for view in self.service.views:
            spans = {day: self.spec.decisions(day) for day in days}
            known = Interval(spans[days[0]].start - view.ttl, spans[days[-1]].end)
            readable = {
                day: known_in(view.table, [Interval(span.start - view.ttl, span.end)])
                for day, span in spans.items()
            }
            newest_by_day = [
                F.max(F.when(is_readable, F.col("revision"))).alias(str(day))
                for day, is_readable in readable.items()
            ]
            read.append(self.lakehouse.read_known(view.table, known).agg(*newest_by_day))
        newest = reduce(DataFrame.unionByName, read).agg(*(F.max(f"`{day}`") for day in days)).collect()[0]
        return {day: int(found or 0) for day, found in zip(days, newest, strict=True)}

    def _would_change(
        self, changed: Sequence[date], computed: Mapping[date, _Day], standing: Mapping[date, DayManifest]
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

    def _published(self, days: Sequence[_Day], chunk: Sequence[date]) -> dict[date, DayManifest]:
        """The days' rows in the tables of the lake, checked there; their manifests with the evidence."""
        dates = [each.manifest.day for each in days]
        index = pa.concat_tables([each.index for each in days])
        rows = pa.concat_tables([each.rows for each in days])
        interval = Interval(self.spec.decisions(chunk[0]).start, self.spec.decisions(chunk[-1]).end)
        self._replaced(ROW_INDEX, interval, dates, index, {"dataset": self.spec.name})
        published, run_id = self._replaced(self.spec.table, interval, dates, rows, {})
        inputs = [self.spec.source, self.spec.evidence, *(view.table for view in self.service.views)]
        evidence = {
            "run_id": run_id,
            "snapshot_id": published.snapshot_id,
            "input_snapshot_ids": {table.name: self.lakehouse.head(table) for table in inputs},
            "verified": [self.fingerprint],
        }
        return {each.manifest.day: replace(each.manifest, evidence=evidence) for each in days}

    def _replaced(
        self, table: Table, interval: Interval, days: Sequence[date], rows: pa.Table, only: Mapping[str, str]
    ) -> tuple[Published, str]:
        self.lakehouse.create(table)
        leases, runs = Leases(self.ops, self.now), RunLedger(self.ops, self.now)
        with leases.publishing(table.name) as lease:
            run = runs.begin(table.name, interval, dataset_version())
            try:
                frame = frame_of_arrow(self.lakehouse.spark, rows)
                staged = self.lakehouse.stage_days(table, days, frame, run.run_id, only)
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
        return published, run.run_id

    def _verified(self, manifest: DayManifest) -> DayManifest:
        """The manifest, with this code, contract and service among those that gave its content."""
        verified = sorted({*manifest.evidence["verified"], self.fingerprint})
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
    yield chunk


def _result(manifest: DayManifest, status: str, seconds: float = 0.0) -> DayResult:
    return DayResult(
        manifest.day, status, manifest.rows, manifest.waterfall, manifest.digest, round(seconds, 2)
    )


def dataset_version() -> str:
    """Version of the code that decides what a dataset holds."""
    return code_version(*_CODE)
