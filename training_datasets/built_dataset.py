"""A built dataset as it may be handed on: its manifests, and each day's file held against its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from training_datasets.files import column_digests, day_file, read_json
from training_datasets.manifests import DayManifest, day_manifest
from training_datasets.spec import DatasetSpec
from validation.arrow_schema import arrow_schema
from validation.errors import CheckFailed, InputMissing, NotReady


@dataclass(frozen=True)
class BuiltDataset:
    """All days of a dataset, as its manifest names them.

    Attributes:
        manifest: what `_manifest.json` holds.
        days: the manifests of its days, in order; they are the ones that the manifest names.
    """

    spec: DatasetSpec
    folder: Path
    manifest: Mapping[str, Any]
    days: tuple[DayManifest, ...]

    @property
    def rows(self) -> int:
        """Rows of all days."""
        return int(self.manifest["rows"])

    @property
    def digest(self) -> str:
        """Of everything that the manifest says."""
        return str(self.manifest["digest"])

    @property
    def release(self) -> str:
        """First and last day, and the newest release among them where it is not the first."""
        first, last = str(self.days[0].day), str(self.days[-1].day)
        newest = max(each.release_number for each in self.days)
        again = f", release {newest}" if newest > 1 else ""
        return (first if first == last else f"{first}..{last}") + again

    def path(self, day: date) -> Path:
        """The day's file."""
        return day_file(self.folder, self.spec.table, day)

    def rows_of(self, manifest: DayManifest) -> pa.Table:
        """The day's rows with every column of the contract, equal to the bit to what its manifest says.

        Raises:
            CheckFailed: they differ; the message names the columns.
            InputMissing: the file is gone.
        """
        table = self.spec.table
        rows = self._read(manifest.day)
        day = pa.array([manifest.day], pa.date32()).take(pa.array([0] * rows.num_rows, pa.int32()))
        rows = rows.append_column(table.partition, day)
        said = manifest.content["columns"]
        differing = sorted(set(rows.column_names) ^ set(said)) or sorted(set(said) ^ set(table.column_names))
        if not differing:
            found = column_digests(rows, table.key[0])
            differing = sorted(name for name in said if found[name] != said[name])
        if differing:
            raise CheckFailed(
                f"{self.spec.name}: the file of {manifest.day} is not what its manifest says "
                f"({manifest.rows} rows; {', '.join(differing[:8])} differ).",
                f"{self._again(manifest.day)} --force",
            )
        schema = arrow_schema(table)
        return rows.select(schema.names).cast(schema)

    def _read(self, day: date) -> pa.Table:
        path = self.path(day)
        try:
            return pq.ParquetFile(path).read()
        except FileNotFoundError as error:
            raise InputMissing(
                f"{self.spec.name}: the file of {day} is gone ({path}).", self._again(day)
            ) from error
        except (pa.ArrowInvalid, OSError) as error:
            raise CheckFailed(
                f"{self.spec.name}: the file of {day} cannot be read ({path}).", f"{self._again(day)} --force"
            ) from error

    def _again(self, day: date) -> str:
        following = date.fromordinal(day.toordinal() + 1)
        return (
            "Nothing was published. Build the day again: "
            f"roadside dataset build {self.spec.name} --start {day} --end {following}"
        )


def built_dataset(folder: Path, spec: DatasetSpec) -> BuiltDataset:
    """The dataset that stands in the folder.

    Raises:
        InputMissing: it was never built.
        NotReady: a build of it was ended before its manifest was written.
    """
    manifest = read_json(folder / "_manifest.json")
    if not manifest or not manifest["days"]:
        raise InputMissing(
            f"{spec.name} was never built in {folder}.",
            f"Build it: roadside dataset build {spec.name} --start DAY --end DAY",
        )
    days = [day_manifest(folder, date.fromisoformat(day)) for day in sorted(manifest["days"])]
    standing = [each for each in days if each and each.digest == manifest["days"][str(each.day)]["digest"]]
    if len(standing) < len(days):
        changed = sorted(set(manifest["days"]) - {str(each.day) for each in standing})
        raise NotReady(
            f"{spec.name}: {', '.join(changed)} changed since the dataset's manifest was written.",
            "A build was ended before it was done: run the same `roadside dataset build` again.",
        )
    return BuiltDataset(spec, folder, manifest, tuple(standing))
