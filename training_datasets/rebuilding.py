"""Rebuilds days from their manifests and says whether they come out equal, and if not, what moved and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import pyarrow as pa

from lakehouse.ops import Ops
from training_datasets.compared_rows import compared
from training_datasets.computing import Computing
from training_datasets.dataset_folder import DatasetFolder, open_folder
from training_datasets.manifests import DayManifest, day_manifest
from training_datasets.maturity import why_not_mature
from validation.errors import CheckFailed, InputMissing, RoadsideError

EQUAL, DIFFERS, FILE_CHANGED, NOT_RECOMPUTABLE = "equal", "differs", "file changed", "not recomputable"
_KEY = "meta_row_id"


@dataclass(frozen=True)
class Verdict:
    """What became of one day.

    Attributes:
        rows: rows of the manifest.
        columns: rows that differ, by column; of rows that one side lacks, by `only before`, `only now`.
        why: what was found to have changed; empty where the day is equal.
    """

    day: date
    status: str
    rows: int
    columns: Mapping[str, int] = field(default_factory=dict)
    why: tuple[str, ...] = ()


def rebuilt(
    computing: Computing, days: Sequence[date], progress: Callable[[Verdict], None] = lambda _: None
) -> Iterator[Verdict]:
    """The verdict of each day, computed again from what its manifest names; nothing is written.

    Raises:
        InputMissing: a day was never built.
    """
    folder = computing.settings.datasets_dir / computing.spec.name
    manifests = {day: day_manifest(folder, day) for day in days}
    missing = [str(day) for day, found in manifests.items() if found is None]
    if missing:
        raise InputMissing(
            f"{computing.spec.name} was never built for {', '.join(missing)}.",
            f"Built days: roadside dataset show {computing.spec.name}.",
        )
    opened = open_folder(folder, computing.spec.name)
    for manifest in manifests.values():
        assert manifest is not None
        verdict = _verdict(computing, opened, manifest)
        progress(verdict)
        yield verdict


def _verdict(computing: Computing, folder: DatasetFolder, manifest: DayManifest) -> Verdict:
    spec, day = computing.spec, manifest.day
    try:
        stored = folder.rows(day)
    except CheckFailed as error:
        return Verdict(day, FILE_CHANGED, manifest.rows, why=(error.what,))
    touched = folder.differing(day, stored)
    if touched:
        why = f"the file is not the one that the manifest tells of: {', '.join(touched)}"
        return Verdict(day, FILE_CHANGED, manifest.rows, why=(why,))
    reason = why_not_mature(Ops(computing.settings.ops_url), spec, computing.service, day)
    if reason is not None:
        return Verdict(day, NOT_RECOMPUTABLE, manifest.rows, why=(reason,))
    try:
        again = computing.computed([day], manifest.revised_through)[day]
    except CheckFailed as error:  # what it is made of breaks a rule that it kept
        return Verdict(day, DIFFERS, manifest.rows, why=(error.what,))
    except RoadsideError as error:
        return Verdict(day, NOT_RECOMPUTABLE, manifest.rows, why=(error.what,))
    if again.manifest.content == manifest.content:
        return Verdict(day, EQUAL, manifest.rows)
    columns = differing_rows(stored, again.rows)
    if not columns:
        why = f"the decisions left out are others: {manifest.waterfall}, now {again.manifest.waterfall}"
        return Verdict(day, DIFFERS, manifest.rows, why=(why,))
    return Verdict(day, DIFFERS, manifest.rows, columns, _why(computing, manifest, again.manifest, columns))


def differing_rows(before: pa.Table, now: pa.Table) -> dict[str, int]:
    """Rows whose value differs, by column; rows that one side lacks count as `only before`, `only now`."""
    told = compared(before, now, _KEY)
    gone = dict.fromkeys(set(before.column_names) - set(now.column_names), before.num_rows)
    found = {"only before": told.removed, "only now": told.added, **told.differing, **gone}
    return {name: count for name, count in found.items() if count}


def _why(
    computing: Computing, before: DayManifest, now: DayManifest, columns: Mapping[str, int]
) -> tuple[str, ...]:
    """What decides the day and is not what it was; else the tables whose rows must have changed."""
    names = {
        "code_version": "the code",
        "contract_digest": "the contract",
        "feature_service": "the feature service",
    }
    changed = [
        f"{told} is another: {_short(before.inputs[name])}, now {_short(now.inputs[name])}"
        for name, told in names.items()
        if before.inputs[name] != now.inputs[name]
    ]
    if changed:
        return tuple(changed)
    return (
        f"code, contract and service are the same: rows changed in {', '.join(_tables(computing, columns))}",
    )


def _tables(computing: Computing, columns: Mapping[str, int]) -> list[str]:
    """The tables that the columns come from."""
    of_column = {column: view.table.name for view in computing.service.views for column in view.columns}
    silver = [table.name for table in computing.spec.sources]
    found: dict[str, None] = {}
    for column in columns:
        found |= dict.fromkeys([of_column[column]] if column in of_column else silver)
    return list(found)


def _short(told: object) -> str:
    text = told["digest"] if isinstance(told, dict) else str(told)
    return str(text)[:12]
