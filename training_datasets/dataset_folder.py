"""A built dataset's folder, read back and held to its manifests. Needs neither Spark nor Java.

The chain that is checked: `_manifest.json` names the digest of each day's manifest, that names the
digest of each column, and the digest is made anew of the day's file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from training_datasets.files import column_digests, day_file, digest_of, read_json
from validation.arrow_schema import arrow_schema
from validation.contract import Table
from validation.contracts import TRAINING, table_named
from validation.errors import CheckFailed, InputMissing, UnknownName

MANIFEST = "_manifest.json"
_TOLD = 5


@dataclass(frozen=True)
class DatasetFolder:
    """A dataset as it stands in a folder.

    Attributes:
        manifest: what `_manifest.json` says.
        table: contract of the rows.
    """

    path: Path
    manifest: Mapping[str, Any]
    table: Table

    @property
    def name(self) -> str:
        """Name of the dataset."""
        return str(self.manifest["dataset"])

    @property
    def days(self) -> tuple[date, ...]:
        """The business days that are built, in order."""
        return tuple(date.fromisoformat(day) for day in sorted(self.manifest["days"]))

    @property
    def rows_count(self) -> int:
        """Rows of all days."""
        return int(self.manifest["rows"])

    @property
    def digest(self) -> str:
        """Of everything that the manifest says."""
        return str(self.manifest["digest"])

    @property
    def release(self) -> str:
        """First and last day, and the newest release among them where it is not the first."""
        first, last = self.days[0], self.days[-1]
        newest = max(told["release_number"] for told in self.manifest["days"].values())
        again = f", release {newest}" if newest > 1 else ""
        return (str(first) if first == last else f"{first}..{last}") + again

    @property
    def columns(self) -> tuple[str, ...]:
        """The dataset's columns in the contract's order; after them what only the manifest has."""
        told = self.manifest["columns"]
        known = [name for name in self.table.column_names if name in told]
        return (*known, *sorted(set(told) - set(known)))

    def day_manifest(self, day: date) -> dict[str, Any]:
        """The day's manifest, the very one that the dataset's manifest names.

        Raises:
            CheckFailed: it is missing, or says something else than it did.
        """
        told = read_json(self.path / "_manifests" / f"{day}.json")
        if told is None:
            raise CheckFailed(f"{self.name}: the manifest of {day} is missing.", self._next_step)
        digest = digest_of({"inputs": told["inputs"], "content": told["content"]})
        if digest != self.manifest["days"][str(day)]["digest"]:
            raise CheckFailed(
                f"{self.name}: the manifest of {day} is not the one that {MANIFEST} names.", self._next_step
            )
        return dict(told)

    def rows(self, day: date) -> pa.Table:
        """The day's rows with the column that partitions them, as they are in the file.

        Raises:
            CheckFailed: the file is missing or cannot be read; the message names the columns that cannot.
        """
        path = day_file(self.path, self.table, day)
        try:
            # Not read_table: that would take the partition from the folder's name, as text.
            rows = pq.ParquetFile(path).read()
        except (OSError, pa.ArrowException) as error:
            raise CheckFailed(
                f"{self.name}: the file of {day} {_state(path)} ({path.relative_to(self.path)}).",
                self._next_step,
            ) from error
        partition = pa.array([day] * rows.num_rows, pa.date32())
        return rows.append_column(pa.field(self.table.partition, pa.date32()), partition)

    def contract_rows(self, day: date) -> pa.Table:
        """The day's rows with every column of the contract, each value as the manifests say.

        Raises:
            CheckFailed: as `verified_rows`; or the day was built under another contract.
        """
        (rows,) = self.verified_rows([day])
        other = sorted(set(rows.column_names) ^ set(self.table.column_names))
        if other:
            raise CheckFailed(
                f"{self.name}: {day} was built under another contract: {_listed(other, len(self.columns))}.",
                self._next_step,
            )
        schema = arrow_schema(self.table)
        return rows.select(schema.names).cast(schema)

    def differing(self, day: date, rows: pa.Table) -> list[str]:
        """The columns of the rows that are not what the day's manifest says, missing and new ones too."""
        told = self.day_manifest(day)["content"]["columns"]
        key = self.table.key[0]
        found = column_digests(rows, key) if key in rows.column_names else {}
        return sorted(name for name in {*told, *found} if told.get(name) != found.get(name))

    def verified_rows(self, days: Sequence[date]) -> list[pa.Table]:
        """The rows of the days, one table a day, every value as the manifests say.

        Raises:
            CheckFailed: a file or manifest is missing, or values differ; each day and column is named.
        """
        tables, problems = [], []
        for day in days:
            rows = self.rows(day)
            differing = self.differing(day, rows)
            if differing:
                told = _listed(differing, len(self.columns))
                problems.append(f"{day}: {told}")
            else:
                tables.append(rows.select(self.columns))
        if problems:
            raise CheckFailed(
                f"{self.name}: files are not what their manifest says, in {'; '.join(problems)}.",
                self._next_step,
            )
        return tables

    @property
    def _next_step(self) -> str:
        days = self.days
        return (
            f"In {self.path}. Fetch the folder again from where it was built, or move the day's folder away "
            f"and build it again: roadside dataset build {self.name} --start {days[0]} --end DAY --force. "
            "A build that was ended before it was done goes on where it stopped."
        )


def open_folder(path: Path, name: str | None = None) -> DatasetFolder:
    """The dataset that stands in a folder.

    Raises:
        UnknownName: there is no dataset of that name.
        InputMissing: nothing was built there.
        CheckFailed: the manifest was changed by hand.
    """
    manifest = read_json(path / MANIFEST)
    if manifest is None:
        names = [table.short_name for table in TRAINING if table.key == ("meta_row_id",)]
        if name is not None and name not in names:
            raise UnknownName("dataset", name, names)
        dataset = name or "NAME"
        raise InputMissing(
            f"{dataset if name else 'A dataset'} was never built in {path}.",
            f"Build it: roadside dataset build {dataset} --start DAY --end DAY",
        )
    content = {part: told for part, told in manifest.items() if part != "digest"}
    if digest_of(content) != manifest["digest"]:
        raise CheckFailed(
            f"{manifest['dataset']}: {path / MANIFEST} does not have the digest that it states.",
            "It was changed after it was written; build any day of the dataset, and it is written anew.",
        )
    return DatasetFolder(path, manifest, table_named(manifest["table"]))


def _state(path: Path) -> str:
    """What is the matter with a file that could not be read whole."""
    if not path.exists():
        return "is missing"
    try:
        names = pq.ParquetFile(path).schema_arrow.names
        unreadable = [name for name in names if not _is_readable(path, name)]
    except (OSError, pa.ArrowException):
        return "cannot be read as Parquet"
    return f"cannot be read in {_listed(unreadable, len(names))}"


def _is_readable(path: Path, column: str) -> bool:
    try:
        pq.ParquetFile(path).read(columns=[column])
    except (OSError, pa.ArrowException):
        return False
    return True


def _listed(columns: Sequence[str], all_columns: int) -> str:
    """Column names, not more than a few.

    >>> _listed(["a", "b"], 9), _listed(list("abcdefg"), 9), _listed(list("abcdefg"), 7)
    ('a, b', 'a, b, c, d, e and 2 more', 'every column')
    """
    if len(columns) >= all_columns > 1:
        return "every column"
    more = len(columns) - _TOLD
    return ", ".join(columns[:_TOLD]) + (f" and {more} more" if more > 0 else "")
