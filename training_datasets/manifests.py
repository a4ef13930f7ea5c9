"""What a dataset's files hold, and from which inputs: a manifest a day, and one of the dataset.

A day's manifest has three parts. `inputs` and `content` are pure functions of the landed data and
the code: rebuilt anywhere, they are equal, and `digest` is theirs. `evidence` (snapshot ids, run,
checks and gates, code that verified it) is of this build and enters no digest: snapshots expire.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from training_datasets.feature_service import ServiceDefinition
from training_datasets.files import column_digests, day_file, digest_of, read_json, write_json
from training_datasets.spec import DatasetSpec
from validation.clocks import parse_moment

MODE = "as_served"


@dataclass(frozen=True)
class DayManifest:
    """One day of a dataset, as its manifest tells it."""

    day: date
    release_number: int
    inputs: Mapping[str, Any]
    content: Mapping[str, Any]
    evidence: Mapping[str, Any]

    @property
    def rows(self) -> int:
        """Rows of the day."""
        return int(self.content["rows"])

    @property
    def revised_through(self) -> datetime:
        """When the newest of the feature rows that the day could read was made."""
        return parse_moment(self.inputs["revised_through"], "revised_through")

    @property
    def waterfall(self) -> dict[str, int]:
        """How the day's decisions became rows."""
        return dict(self.content["waterfall"])

    @property
    def digest(self) -> str:
        """Of inputs and content."""
        return digest_of({"inputs": self.inputs, "content": self.content})

    def differing_columns(self, other: DayManifest) -> list[str]:
        """Columns whose values differ between two builds of the day, those of one build alone included."""
        mine, theirs = self.content["columns"], other.content["columns"]
        return sorted(name for name in {*mine, *theirs} if mine.get(name) != theirs.get(name))


def inputs_of(
    spec: DatasetSpec, service: ServiceDefinition, day: date, revised_through: datetime, code: str
) -> dict[str, Any]:
    """The predicate that pins the day's inputs, and digests of what reads them."""
    close = _told(spec.close(day))
    made = _exactly(revised_through)
    features = f"available_at <= meta_decision_at AND revised_at <= {made}"
    return {
        "predicate": {
            **{table.name: f"known_at <= {close}" for table in spec.sources},
            **{view.table.name: features for view in service.views},
        },
        "feature_service": {"name": service.name, "digest": service.digest},
        "contract_digest": contract_digest(spec),
        "code_version": code,
        "revised_through": made,
        "mode": MODE,
    }


def content_of(spec: DatasetSpec, rows: pa.Table, waterfall: Mapping[str, int]) -> dict[str, Any]:
    """What the day's rows are: how many, from which decisions, their values by column."""
    return {
        "rows": rows.num_rows,
        "waterfall": [[step, count] for step, count in waterfall.items()],
        "columns": column_digests(rows, spec.table.key[0]),
    }


def contract_digest(spec: DatasetSpec) -> str:
    """Of the contract's columns, key, partition and checks."""
    table = spec.table
    return digest_of(
        {
            "table": table.name,
            "key": table.key,
            "order": table.order,
            "partition": table.partition,
            "columns": [[column.name, column.type.value, column.unit] for column in table.columns],
            "not_null": table.not_null,
            "checks": [[check.name, check.holds] for check in table.checks],
        }
    )


def day_manifest(folder: Path, day: date) -> DayManifest | None:
    """The day's manifest; None if the day was never built."""
    found = read_json(_day_path(folder, day))
    if found is None:
        return None
    return DayManifest(day, found["release_number"], found["inputs"], found["content"], found["evidence"])


def built_days(folder: Path) -> list[date]:
    """The days that have a manifest, in order; their names say it."""
    named = sorted(path.stem for path in (folder / "_manifests").glob("????-??-??.json"))
    return [date.fromisoformat(name) for name in named]


def write_day_manifest(folder: Path, spec: DatasetSpec, manifest: DayManifest) -> None:
    """Keep the day's manifest; one of an earlier release stays beside it under its number."""
    earlier = day_manifest(folder, manifest.day)
    if earlier is not None and earlier.release_number != manifest.release_number:
        kept = _day_path(folder, manifest.day, f".{earlier.release_number}")
        write_json(kept, _as_content(spec, earlier))
    write_json(_day_path(folder, manifest.day), _as_content(spec, manifest))


def write_dataset_manifest(folder: Path, spec: DatasetSpec) -> Path:
    """The dataset's manifest, made from its days' manifests; returns its path."""
    days = [each for day in built_days(folder) if (each := day_manifest(folder, day))]
    content = {
        "dataset": spec.name,
        "question": spec.question,
        "row": spec.table.grain,
        "censoring": spec.censoring,
        "table": spec.table.name,
        "feature_service": spec.service,
        "mode": MODE,
        "rows": sum(each.rows for each in days),
        "waterfall": [[step, count] for step, count in _summed([each.waterfall for each in days]).items()],
        "columns": {name: _digest_over_days(name, days) for name in spec.table.column_names},
        "days": {
            str(each.day): {
                "rows": each.rows,
                "release_number": each.release_number,
                "digest": each.digest,
                "file": str(day_file(folder, spec.table, each.day).relative_to(folder)),
            }
            for each in days
        },
    }
    path = folder / "_manifest.json"
    write_json(path, {**content, "digest": digest_of(content)})
    return path


def _as_content(spec: DatasetSpec, manifest: DayManifest) -> dict[str, Any]:
    return {
        "dataset": spec.name,
        "day": str(manifest.day),
        "release_number": manifest.release_number,
        "inputs": manifest.inputs,
        "content": manifest.content,
        "evidence": manifest.evidence,
        "digest": manifest.digest,
    }


def _digest_over_days(column: str, days: Sequence[DayManifest]) -> str:
    text = "\n".join(f"{each.day} {each.content['columns'].get(column)}" for each in days)
    return hashlib.sha256(text.encode()).hexdigest()


def _summed(waterfalls: Sequence[Mapping[str, int]]) -> dict[str, int]:
    steps = dict.fromkeys(step for each in waterfalls for step in each)
    return {step: sum(each.get(step, 0) for each in waterfalls) for step in steps}


def _day_path(folder: Path, day: date, suffix: str = "") -> Path:
    return folder / "_manifests" / f"{day}{suffix}.json"


def _told(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _exactly(moment: datetime) -> str:
    """To the microsecond, for a pin."""
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
