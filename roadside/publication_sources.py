"""What can be published: datasets and features tables as they stand, and their objects in a bucket."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path

from lakehouse.catalog_reader import CatalogReader
from lakehouse.ops import Ops
from lakehouse.releases import Releases
from lakehouse.settings import Settings
from roadside.standing import has_ops
from training_datasets.dataset_folder import DatasetFolder, open_folder
from training_datasets.files import as_json
from training_datasets.spec import DatasetSpec
from training_datasets.specs import SPECS
from validation.contract import Table
from validation.contracts import FEATURES, TABLES
from validation.errors import UnknownName, UserError
from warehouse.batches import Batch, Outgoing, batch_of, require_may_leave
from warehouse.objects import DataFile, Shipment


@dataclass
class Source:
    """A dataset (where it has a spec) or a features table, as it stands in a home."""

    settings: Settings
    table: Table
    spec: DatasetSpec | None = None
    _batch: Batch | None = field(default=None, init=False, repr=False)

    @property
    def name(self) -> str:
        """As it is asked for: eta_v1, features.zone_demand_15m."""
        return self.spec.name if self.spec else self.table.name

    @property
    def folder(self) -> str:
        """Where it lies in a bucket: training/eta_v1, features/zone_demand_15m."""
        return f"{self.table.layer}/{self.table.short_name}"

    @property
    def waiting(self) -> Path:
        """The folder that its rows wait in as files."""
        return self.settings.home / "publishing" / self.table.name

    @cached_property
    def dataset(self) -> DatasetFolder:
        """The built dataset.

        Raises:
            InputMissing: it was never built.
            CheckFailed: the manifest of a day is not the one that the dataset's names.
        """
        assert self.spec is not None
        folder = open_folder(self.settings.datasets_dir / self.spec.name, self.spec.name)
        for day in folder.days:
            folder.day_manifest(day)
        return folder

    @cached_property
    def outgoing(self) -> Outgoing:
        """Its rows, none of them read.

        Raises:
            PermissionRefused: it is restricted.
            InputMissing: there is nothing of it.
        """
        require_may_leave(self.table)
        if self.spec is None:
            return _of_table(self.settings, self.table)
        dataset = self.dataset
        return Outgoing(
            self.table,
            dataset.release,
            lambda: (dataset.contract_rows(day) for day in dataset.days),
            digest=dataset.digest,
            rows=dataset.rows_count,
        )

    def batch(self, progress: Callable[[str], None]) -> Batch:
        """Its rows as files, read once for all targets."""
        if self._batch is None:
            self._batch = batch_of(
                self.outgoing,
                self.waiting,
                tell=lambda rows: progress(f"{self.name}: {rows:,} rows read"),
            )
        return self._batch

    def shipment(self, progress: Callable[[str], None]) -> Shipment:
        """Its objects in a bucket; a dataset's are the files that were built."""
        if self.spec is None:
            return _table_shipment(self.batch(progress), self.folder)
        return _dataset_shipment(self.dataset, self.folder)

    def forget(self) -> None:
        """Remove the files that waited."""
        self._batch = None
        shutil.rmtree(self.waiting, ignore_errors=True)


def all_sources(settings: Settings) -> list[Source]:
    """Every dataset and features table, restricted ones too, which are kept back by name."""
    datasets = [Source(settings, spec.table, spec) for spec in SPECS]
    return datasets + [Source(settings, table) for table in FEATURES]


def sources_named(settings: Settings, names: Iterable[str]) -> list[Source]:
    """What is published under these names, each once.

    Raises:
        UnknownName: a name is no dataset's and no features table's.
        UserError: it is a table that is never published.
    """
    known = {each.name: each for each in all_sources(settings)}
    chosen = []
    for name in dict.fromkeys(names):
        if name not in known and any(table.name == name for table in TABLES):
            raise UserError(
                f"{name} is not published: datasets and features tables are.",
                f"`roadside publish --all --dry-run` names them; for instance {SPECS[0].name}.",
            )
        if name not in known:
            raise UnknownName("dataset or features table", name, known)
        chosen.append(known[name])
    return chosen


def _of_table(settings: Settings, table: Table) -> Outgoing:
    rows = CatalogReader(settings).snapshot(table)
    release = _release_of(settings, table, rows.snapshot_id) or f"snapshot {rows.snapshot_id}"
    return Outgoing(table, release, rows.read, snapshot_id=rows.snapshot_id)


def _release_of(settings: Settings, table: Table, snapshot_id: int) -> str | None:
    """The id of the release that published this state of the table, where it is the newest one."""
    if not has_ops(settings):
        return None
    newest = Releases(Ops(settings.ops_url), _wall_clock).for_table(table.name)
    return newest.release_id if newest and newest.tables[table.name] == snapshot_id else None


def _dataset_shipment(dataset: DatasetFolder, folder: str) -> Shipment:
    """The dataset's files as they are; its manifest names each with `object`, its day's with `manifest`.

    All else that the manifest says is as it was built, its digest too.
    """
    data, notes = [], []
    days = {day: dict(said) for day, said in dataset.manifest["days"].items()}
    for day in dataset.days:
        path = dataset.path / days[str(day)]["file"]
        name = f"{path.parent.name}/{path.stem}-{days[str(day)]['digest'][:16]}.parquet"
        data.append(DataFile(name, path, partial(dataset.contract_rows, day)))
        content = (dataset.path / "_manifests" / f"{day}.json").read_bytes()
        note = f"_manifests/{day}-{_mark(content)}.json"
        notes.append((note, content))
        days[str(day)] |= {"object": name, "manifest": note}
    for kept in sorted((dataset.path / "_manifests").glob("????-??-??.*.json")):
        notes.append((f"_manifests/{kept.name}", kept.read_bytes()))
    manifest = as_json({**dataset.manifest, "days": days}).encode()
    return Shipment(folder, tuple(data), tuple(notes), manifest)


def _table_shipment(batch: Batch, folder: str) -> Shipment:
    """The table's rows as files; its manifest says which state of the table they are."""
    data = tuple(DataFile(f"{path.stem}-{_mark(path.read_bytes())}.parquet", path) for path in batch.parts)
    manifest = {
        "table": batch.table.name,
        "row": batch.table.grain,
        "release": batch.release,
        "snapshot_id": batch.snapshot_id,
        "rows": batch.rows,
        "digest": batch.digest,
        "columns": [[column.name, column.type.value, column.unit] for column in batch.table.columns],
        "files": [each.name for each in data],
    }
    return Shipment(folder, data, (), as_json(manifest).encode())


def _mark(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _wall_clock() -> datetime:
    return datetime.now(UTC)
