"""Computes whole days of a dataset: rows, features as served, labels, checks; publishes nothing.

The same landed data and code give the same rows, whoever asks: a build, or a rebuild that verifies one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, partial, reduce
from typing import Any

import pandas as pd
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lakehouse.code_version import code_version
from lakehouse.feast_edge import features_by_reference, historical_features
from lakehouse.pinning import Pin, pin_in_force, pinned
from lakehouse.settings import Settings
from lakehouse.tables import Lakehouse
from training_datasets.choice_sets import CHOICE, Recall, checked_recall
from training_datasets.feature_service import ServiceDefinition, service_definition
from training_datasets.files import arrow_table, digest_of
from training_datasets.known import Known
from training_datasets.manifests import DayManifest, content_of, contract_digest, inputs_of
from training_datasets.requests import LocationOf, with_request
from training_datasets.row_ids import row_ids
from training_datasets.spec import DatasetSpec
from training_datasets.spines import (
    DECISION_TIME,
    GROUP_KEY,
    LEFT_OUT,
    ROW_KEY,
    checked_spine,
    decided,
    decisions,
    waterfall,
    with_row_key,
)
from transforms.features.revisions import known_in
from validation.clocks import Interval
from validation.contract import Table
from validation.contracts.features.feature_table import time_to_live
from validation.contracts.features.provider_area_1d import PROVIDER_AREA_1D
from validation.contracts.features.provider_fleet_15m import PROVIDER_FLEET_15M
from validation.contracts.training.row_index import ROW_INDEX
from validation.errors import CheckFailed, Defect
from validation.pandera_schema import validated

_CODE = ("validation", "ingestion", "transforms", "training_datasets")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def features_at(spec: DatasetSpec, store: Any, spine: pd.DataFrame) -> pd.DataFrame:
    """The spine, in its order, with every `view__feature` as it could be read at `event_timestamp`.

    Raises:
        UserError: the spine asks for what is not an allowed input, or its times have no zone.
    """
    return historical_features(store, checked_spine(spec, spine), spec.service)


@dataclass(frozen=True)
class ComputedDay:
    """One day, computed and checked, not yet published.

    Attributes:
        frame: its rows for the gates: the contract's columns, `row_key`, and the labels' `check_*`.
    """

    manifest: DayManifest
    rows: pa.Table
    index: pa.Table
    frame: pd.DataFrame


@dataclass
class Computing:
    """Everything that a dataset's days are computed from."""

    settings: Settings
    lakehouse: Lakehouse
    store: Any
    spec: DatasetSpec
    location_of: LocationOf
    recalls: dict[date, str] = field(default_factory=dict)

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

    @cached_property
    def inputs(self) -> tuple[Table, ...]:
        """The tables that a day is made of: those of its rows and labels, and those of its features."""
        return tuple(dict.fromkeys((*self.spec.sources, *(view.table for view in self.service.views))))

    def heads(self) -> dict[str, int | None]:
        """The snapshot that each input has now, by name of the table; None of one without any."""
        return self.lakehouse.heads(self.inputs)

    def computed(
        self,
        days: Sequence[date],
        revised_through: datetime | None = None,
        at: Mapping[str, int | None] | None = None,
    ) -> dict[date, ComputedDay]:
        """Rows, checks and manifest of each day. Reads only; the same days give the same rows.

        `revised_through` pins the features: none made later counts, so a replay since then changes nothing.
        `at` is the snapshot of each input that is read, whatever is published meanwhile: its head if none
        is named. The manifests name them.
        """
        snapshots = self.heads() if at is None else dict(at)
        with pinned(Pin(revised_through=revised_through, snapshots=snapshots)):
            return self._computed(days, revised_through, snapshots)

    def spine(self, day: date) -> pd.DataFrame:
        """One row per decision of the day, left out or not, by its key; no feature is joined."""
        return self._decided(day).orderBy("meta_decision_at", ROW_KEY).toArrow().to_pandas()

    def _computed(
        self, days: Sequence[date], revised_through: datetime | None, snapshots: Mapping[str, int | None]
    ) -> dict[date, ComputedDay]:
        spec = self.spec
        collected = reduce(DataFrame.unionByName, map(self._decided, days)).toArrow().to_pandas()
        ids = row_ids(self.settings, spec.name)
        collected["meta_row_id"] = collected[ROW_KEY].map(ids.row)
        collected["meta_group"] = collected[GROUP_KEY].map(ids.group)
        if "meta_round" in collected:
            collected["meta_round"] = collected["meta_round"].map(ids.round)
        rows = collected[collected[LEFT_OUT].isna()].reset_index(drop=True)
        frame = self._with_features(rows)
        made = self._made_through(days) if revised_through is None else dict.fromkeys(days, revised_through)
        computed = {}
        for day in days:
            of_day = collected["meta_decision_date_et"] == day
            steps = waterfall(spec, collected.loc[of_day, LEFT_OUT])
            mine = frame[frame["meta_decision_date_et"] == day]
            checks = self._checks(day, steps, mine, rows[rows["meta_decision_date_et"] == day])
            valid = validated(mine[list(spec.table.column_names)], spec.table)
            table = arrow_table(valid, spec.table)
            asked = mine[[name for name in mine if name == ROW_KEY or str(name).startswith("check_")]]
            index = mine.assign(dataset=spec.name, job_id=mine[GROUP_KEY])
            computed[day] = ComputedDay(
                DayManifest(
                    day,
                    1,
                    inputs_of(spec, self.service, day, made[day], dataset_version()),
                    content_of(spec, table, steps),
                    {"checks": checks, "input_snapshot_ids": snapshots},
                ),
                table,
                arrow_table(validated(index[list(ROW_INDEX.column_names)], ROW_INDEX), ROW_INDEX),
                valid.join(asked),
            )
        return computed

    def _decided(self, day: date) -> DataFrame:
        """The day's decisions, left out or not, with their labels, of what was known by the close."""
        spec, known = self.spec, self.known(day)
        decided_on = decided(spec, known, day) if spec.choices is None else self._candidates(known, day)
        labels = spec.labels(known, decided_on)
        if self.service.request:
            decided_on = with_request(decided_on, known, self.location_of)
        return decisions(spec, decided_on, day).join(labels, ROW_KEY, "left")

    def _candidates(self, known: Known, day: date) -> DataFrame:
        """The day's choices, a row per candidate of each.

        Raises:
            CheckFailed: the rule names too few of those who were asked; no other day is computed.
        """
        found, recall = self.choices(known, day)
        self.recalls[day] = checked_recall(self.spec.name, day, recall)
        return found

    def choices(self, known: Known, day: date, which: Column | None = None) -> tuple[DataFrame, Recall]:
        """The choices of the day, all or some, a row per candidate of each, and the rule's recall."""
        spec, asked_for = self.spec, self.spec.decisions(day)
        rounds = with_row_key(spec.decided(known, spec.day(day)), "round_key")
        if which is not None:
            rounds = rounds.where(which)
        stated = with_request(rounds, known, self.location_of)
        readable = [
            self._read_known(table, Interval(asked_for.start - time_to_live(table), asked_for.end))
            for table in (PROVIDER_AREA_1D, PROVIDER_FLEET_15M)
        ]
        assert spec.choices is not None
        features_of = partial(features_by_reference, self.store)
        found, recall = spec.choices(known, stated, *readable, features_of)
        rows = found.select(*rounds.drop(ROW_KEY).columns, *CHOICE)
        return with_row_key(rows, *spec.row_key), recall

    def known(self, day: date) -> Known:
        """The dataset's silver as known at the day's close."""
        spec, close = self.spec, self.spec.close(day)
        read = Interval(spec.reads_from(day, has_request=bool(self.service.request)), close)
        return Known({table.short_name: self._read_known(table, read) for table in spec.sources}, close)

    def _read_known(self, table: Table, interval: Interval) -> DataFrame:
        """The rows of the interval, as the pin in force has them: as they stand, without one."""
        pin = pin_in_force()
        if pin is None or not pin.is_at_snapshots:
            return self.lakehouse.read_known(table, interval)
        at = pin.snapshot_of(table.name)
        rows = self.lakehouse.read_known(table, interval, at)
        return rows if at is not None else rows.where(F.lit(False))

    def _with_features(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Rows and features, joined by row id; the features see keys, request and decision instant only."""
        seen = list(dict.fromkeys((*self.service.keys, *self.service.request)))
        spine = rows[["meta_row_id", *seen]].assign(**{DECISION_TIME: rows["meta_decision_at"]})
        features = features_at(self.spec, self.store, spine)[["meta_row_id", *self.service.columns]]
        require_one_per_row_id(self.spec, [features])
        return rows.merge(features, on="meta_row_id", how="left", validate="one_to_one")

    def _checks(
        self, day: date, steps: Mapping[str, int], frame: pd.DataFrame, rows: pd.DataFrame
    ) -> dict[str, str]:
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
        checks = dict.fromkeys([*held, "contract"], "passed")
        if day in self.recalls:
            checks["rule_recall"] = self.recalls[day]
        return checks

    def _made_through(self, days: Sequence[date]) -> dict[date, datetime]:
        """When the newest of the feature rows that a day's decisions can read was made, by day."""
        read = []
        for view in {view.view: view for view in self.service.views}.values():
            spans = {day: self.spec.decisions(day) for day in days}
            known = Interval(spans[days[0]].start - view.ttl, spans[days[-1]].end)
            readable = {
                day: known_in(view.table, [Interval(span.start - view.ttl, span.end)])
                for day, span in spans.items()
            }
            newest_by_day = [
                F.max(F.when(is_readable, F.unix_micros("revised_at"))).alias(str(day))
                for day, is_readable in readable.items()
            ]
            read.append(self._read_known(view.table, known).agg(*newest_by_day))
        newest = reduce(DataFrame.unionByName, read).agg(*(F.max(f"`{day}`") for day in days)).collect()[0]
        return {
            day: self.spec.close(day) if found is None else _EPOCH + timedelta(microseconds=found)
            for day, found in zip(days, newest, strict=True)
        }


def require_one_per_row_id(spec: DatasetSpec, frames: Sequence[pd.DataFrame]) -> None:
    """Refuse rows of days that share a row id.

    Raises:
        CheckFailed: some do.
    """
    ids = [row_id for frame in frames for row_id in frame["meta_row_id"]]
    repeated = len(ids) - len({*ids})
    if repeated:
        raise CheckFailed(
            f"{spec.name}: {repeated} of {len(ids)} rows have a row id that another row has.",
            f"A row is decided twice in these days: look at {spec.sources[0].name}.",
        )


def dataset_version() -> str:
    """Version of the code that decides what a dataset holds."""
    return code_version(*_CODE)
