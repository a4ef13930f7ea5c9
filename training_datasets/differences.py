"""What differs between two datasets, releases or days: by the manifests first, then in the files.

A side is a dataset's name or folder, and after an `@` a release number or a day:

    eta_v1                 the days as they stand
    eta_v1@1               each day's newest release that is not newer than 1
    eta_v1@2026-03-10      that day alone
    /mnt/copy/eta_v1@2     the same of a folder
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from training_datasets.compared_rows import Compared, compared
from training_datasets.dataset_folder import DatasetFolder, open_folder
from training_datasets.files import column_digests, digest_of, read_json
from validation.clocks import parse_day
from validation.errors import CheckFailed, InputMissing, UserError

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Side:
    """One of the two: some days of a dataset, each in one release.

    Attributes:
        asked: as it was asked for.
        manifests: the manifest of each day.
    """

    asked: str
    folder: DatasetFolder
    manifests: Mapping[date, Mapping[str, Any]]

    @property
    def rows(self) -> int:
        """Rows of all its days."""
        return sum(self.rows_of(day) for day in self.manifests)

    @cached_property
    def columns(self) -> list[str]:
        """Columns of any of its days, in the dataset's order."""
        there = {name for manifest in self.manifests.values() for name in manifest["content"]["columns"]}
        return [name for name in self.folder.columns if name in there] + sorted(
            there - set(self.folder.columns)
        )

    def rows_of(self, day: date) -> int:
        """Rows of the day."""
        return int(self.manifests[day]["content"]["rows"])

    def release_of(self, day: date) -> int:
        """Number of the day's release."""
        return int(self.manifests[day]["release_number"])

    def file_rows(self, day: date, columns: Sequence[str]) -> pa.Table | None:
        """The day's rows, these columns of them; None if the release's file is kept no more, cannot be
        read, or is not what its manifest says."""
        if self.release_of(day) != self.folder.manifest["days"][str(day)]["release_number"]:
            return None
        try:
            rows = self.folder.rows(day)
        except CheckFailed:
            return None
        told = self.manifests[day]["content"]["columns"]
        there = [name for name in columns if name in rows.column_names]
        found = column_digests(rows.select(there), there[0]) if there else {}
        return rows.select(there) if found == {name: told.get(name) for name in there} else None


@dataclass(frozen=True)
class ColumnMoved:
    """A column whose values of a day differ; in how many of the rows of both, None if no file tells."""

    column: str
    rows: int | None


@dataclass(frozen=True)
class DayMoved:
    """A day that differs.

    Attributes:
        rows_a, rows_b: rows on each side; added, removed: rows of one side alone, None if no file tells.
        columns: those with another value in rows of both sides; where no file tells, all that moved.
        inputs: what it was made from differently: code_version, feature_service, predicate, ...
    """

    day: date
    release_a: int
    release_b: int
    rows_a: int
    rows_b: int
    added: int | None
    removed: int | None
    columns: tuple[ColumnMoved, ...]
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class Differences:
    """How B differs from A; only days of both sides can have moved."""

    a: str
    b: str
    rows_a: int
    rows_b: int
    columns_only_a: tuple[str, ...]
    columns_only_b: tuple[str, ...]
    days_only_a: tuple[date, ...]
    days_only_b: tuple[date, ...]
    days_equal: int
    days_moved: tuple[DayMoved, ...]

    @property
    def is_equal(self) -> bool:
        """Whether both sides hold the same rows on the same days."""
        apart = self.columns_only_a or self.columns_only_b or self.days_only_a or self.days_only_b
        return not apart and not self.days_moved


def side(asked: str, datasets: Path) -> Side:
    """The days that a text asks for; names are looked for in the folder `datasets`.

    Raises:
        UnknownName, InputMissing: there is no such dataset, day or release.
        UserError: what stands after the @ is neither a release number nor a day.
        CheckFailed: a manifest was changed.
    """
    place, _, wanted = asked.partition("@") if not Path(asked).is_dir() else (asked, "", "")
    is_folder = "/" in place or place in (".", "..")
    folder = open_folder(Path(place)) if is_folder else open_folder(datasets / place, place)
    if not wanted:
        return Side(asked, folder, {day: folder.day_manifest(day) for day in folder.days})
    if wanted.isdigit():
        return Side(asked, folder, _of_release(folder, int(wanted)))
    if not _DAY.fullmatch(wanted):
        raise UserError(
            f"'{wanted}' in '{asked}' is neither a release number nor a day.",
            f"Write {place}@1 or {place}@2026-03-10.",
        )
    day = parse_day(wanted, "the day")
    if day not in folder.days:
        raise InputMissing(
            f"{folder.name} has no day {day}; it has {folder.days[0]} to {folder.days[-1]}."
            if folder.days
            else f"{folder.name} has no day yet."
        )
    return Side(asked, folder, {day: folder.day_manifest(day)})


def differences(a: Side, b: Side) -> Differences:
    """How B differs from A. Files are read only of the days and columns that manifests say differ."""
    both = sorted(a.manifests.keys() & b.manifests.keys())
    moved = [day for day in both if _content(a, day) != _content(b, day)]
    return Differences(
        a.asked,
        b.asked,
        a.rows,
        b.rows,
        tuple(name for name in a.columns if name not in b.columns),
        tuple(name for name in b.columns if name not in a.columns),
        tuple(sorted(a.manifests.keys() - b.manifests.keys())),
        tuple(sorted(b.manifests.keys() - a.manifests.keys())),
        len(both) - len(moved),
        tuple(_moved(a, b, day) for day in moved),
    )


def _of_release(folder: DatasetFolder, number: int) -> dict[date, Mapping[str, Any]]:
    """Each day's newest manifest that is not of a later release; days that began later are left out."""
    newest = max((told["release_number"] for told in folder.manifest["days"].values()), default=0)
    if not 1 <= number <= newest:
        raise InputMissing(f"{folder.name} has no release {number}; its newest is {newest}.")
    found: dict[date, Mapping[str, Any]] = {}
    for day in folder.days:
        standing = folder.day_manifest(day)
        manifest = standing if standing["release_number"] <= number else _kept(folder, day, number)
        if manifest is not None:
            found[day] = manifest
    return found


def _kept(folder: DatasetFolder, day: date, number: int) -> Mapping[str, Any] | None:
    """The newest of the day's earlier manifests that is not of a later release than this."""
    paths = (folder.path / "_manifests" / f"{day}.{each}.json" for each in range(number, 0, -1))
    manifest = next((told for path in paths if (told := read_json(path)) is not None), None)
    return None if manifest is None else _unchanged(folder, manifest)


def _unchanged(folder: DatasetFolder, manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    if digest_of({part: manifest[part] for part in ("inputs", "content")}) != manifest["digest"]:
        raise CheckFailed(
            f"{folder.name}: the manifest of {manifest['day']}, release {manifest['release_number']}, does "
            "not have the digest that it states.",
            f"It was changed after it was written, in {folder.path / '_manifests'}.",
        )
    return manifest


def _content(of: Side, day: date) -> tuple[int, Mapping[str, str]]:
    content = of.manifests[day]["content"]
    return content["rows"], content["columns"]


def _moved(a: Side, b: Side, day: date) -> DayMoved:
    columns_a, columns_b = (_content(each, day)[1] for each in (a, b))
    differing = [
        name for name in b.columns if name in columns_a and columns_a[name] != columns_b.get(name, "")
    ]
    told = _counted(a, b, day, differing)
    moved = [ColumnMoved(name, None if told is None else told.differing.get(name, 0)) for name in differing]
    return DayMoved(
        day,
        a.release_of(day),
        b.release_of(day),
        a.rows_of(day),
        b.rows_of(day),
        None if told is None else told.added,
        None if told is None else told.removed,
        tuple(each for each in moved if each.rows != 0),
        tuple(_inputs_moved(a.manifests[day]["inputs"], b.manifests[day]["inputs"])),
    )


def _counted(a: Side, b: Side, day: date, columns: Sequence[str]) -> Compared | None:
    """Rows that differ by the files of both sides; None where one has none to tell by."""
    key = a.folder.table.key[0]
    asked = list(dict.fromkeys([key, *columns]))
    rows_a, rows_b = a.file_rows(day, asked), b.file_rows(day, asked)
    return None if rows_a is None or rows_b is None else compared(rows_a, rows_b, key)


def _inputs_moved(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    """What the day was made from differently; of the predicate, the tables whose pin differs."""
    found = [name for name in sorted({*a, *b}) if name != "predicate" and a.get(name) != b.get(name)]
    pins_a, pins_b = a.get("predicate", {}), b.get("predicate", {})
    return found + [name for name in sorted({*pins_a, *pins_b}) if pins_a.get(name) != pins_b.get(name)]
