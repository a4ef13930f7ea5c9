"""Iceberg tables read without Spark: what they hold, from metadata alone, and a few rows of them.

The same catalog and files as `lakehouse.tables`, through pyiceberg; answers in a second or two
where a Spark session would take ten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.conversions import from_bytes
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.expressions import AlwaysTrue, And, BooleanExpression, EqualTo
from pyiceberg.expressions.parser import parse
from pyiceberg.manifest import ManifestFile
from pyiceberg.table import Table as IcebergTable
from pyiceberg.types import DateType
from pyiceberg.utils.datetime import days_to_date, micros_to_timestamptz

from lakehouse.settings import Settings
from validation.contract import Table, Type
from validation.errors import InputMissing

CATALOG = "lake"  # as in lakehouse.spark, whose import would bring Spark along
_EVENT_TIME = "event_timestamp"


@dataclass(frozen=True)
class TableState:
    """What a table holds now.

    Attributes:
        rows: published rows.
        snapshot_id: the newest published snapshot; None while nothing was published.
        newest_known: greatest value of the clock that the table is replaced by.
        newest_event: greatest event_timestamp in the newest partition, if the table has one.
    """

    rows: int = 0
    snapshot_id: int | None = None
    newest_known: datetime | date | None = None
    newest_event: datetime | None = None


@dataclass(frozen=True)
class DaySize:
    """What one partition holds: rows, and bytes of its data files."""

    rows: int
    bytes: int
    files: int = 0


@dataclass(frozen=True)
class SnapshotRows:
    """The rows of one state of a table; `read` gives them file by file, each time anew."""

    snapshot_id: int
    read: Callable[[], Iterator[pa.Table]]


class CatalogReader:
    """The tables of the settings' catalog, read only."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._opened: Catalog | None = None

    def state(self, table: Table) -> TableState | None:
        """What the table holds; None if it was never created. No data file is read."""
        found = self._load(table)
        if found is None:
            return None
        snapshot = found.current_snapshot()
        if snapshot is None:
            return TableState()
        summary = snapshot.summary
        rows = int(summary.additional_properties.get("total-records", "0")) if summary else 0
        manifests = _newest(found, snapshot.manifests(found.io))
        known = _greatest(found, manifests, table, table.clock)
        event = known if table.clock == _EVENT_TIME else None
        if event is None and _EVENT_TIME in table.column_names:
            event = _greatest(found, manifests, table, _EVENT_TIME)
        return TableState(
            rows=rows,
            snapshot_id=snapshot.snapshot_id,
            newest_known=known,
            newest_event=event if isinstance(event, datetime) else None,
        )

    def head(self, table: Table) -> int | None:
        """The newest published snapshot; None if nothing was published, or the table never created."""
        found = self._load(table)
        snapshot = None if found is None else found.current_snapshot()
        return None if snapshot is None else snapshot.snapshot_id

    def rows(
        self, table: Table, columns: Sequence[str], where: str = "", keys: Mapping[str, str] | None = None
    ) -> pa.Table:
        """The columns of the published rows that the filter keeps: SQL comparisons joined by AND.

        With `keys`, only rows whose columns hold these values. Files that are ruled out are not read.

        Raises:
            InputMissing: the table was never created.
        """
        found = self._load(table)
        if found is None:
            raise InputMissing(f"The table {table.name} does not exist yet.", "Run `roadside run` first.")
        wanted: BooleanExpression = parse(where) if where else AlwaysTrue()
        for name, value in (keys or {}).items():
            wanted = And(wanted, EqualTo(name, value))  # type: ignore[call-arg, arg-type]
        return found.scan(row_filter=wanted, selected_fields=tuple(columns)).to_arrow()

    def batches(self, table: Table, columns: Sequence[str], where: str) -> pa.RecordBatchReader | None:
        """The same as batches, read once and bit by bit; None if the table was never created."""
        found = self._load(table)
        if found is None:
            return None
        return found.scan(row_filter=parse(where), selected_fields=tuple(columns)).to_arrow_batch_reader()

    def rows_by_day(self, table: Table) -> dict[date, int]:
        """Published rows by partition, in order; nothing of a table never created. No data file is read."""
        return {day: size.rows for day, size in self.sizes_by_day(table).items()}

    def sizes_by_day(self, table: Table) -> dict[date, DaySize]:
        """The same with the bytes of the data files, as the manifests say."""
        found = self._load(table)
        if found is None or found.current_snapshot() is None:
            return {}
        told = ["partition", "record_count", "total_data_file_size_in_bytes", "file_count"]
        sizes = {
            each["partition"][table.partition]: DaySize(
                each["record_count"], each["total_data_file_size_in_bytes"], each["file_count"]
            )
            for each in found.inspect.partitions().select(told).to_pylist()
        }
        return dict(sorted(sizes.items()))

    def property(self, table: Table, name: str) -> str | None:
        """What the table's property says; None without it, and of a table never created."""
        found = self._load(table)
        return None if found is None else found.properties.get(name)

    def snapshot(self, table: Table) -> SnapshotRows:
        """All published rows as they stand now, to be read bit by bit; later commits do not show.

        Raises:
            InputMissing: the table was never created, or nothing was published.
        """
        found = self._load(table)
        current = found.current_snapshot() if found is not None else None
        if found is None or current is None:
            raise InputMissing(f"Nothing was published in {table.name} yet.", "Run `roadside run` first.")
        scan = found.scan(snapshot_id=current.snapshot_id, selected_fields=table.column_names)

        def read() -> Iterator[pa.Table]:
            with scan.to_arrow_batch_reader() as batches:
                for batch in batches:
                    yield pa.Table.from_batches([batch])

        return SnapshotRows(current.snapshot_id, read)

    def _load(self, table: Table) -> IcebergTable | None:
        if self._settings.catalog == "sqlite" and not self._settings.catalog_path.exists():
            return None
        if self._opened is None:
            self._opened = load_catalog(CATALOG, **_properties(self._settings))
        try:
            return self._opened.load_table((table.layer, table.short_name))
        except NoSuchTableError:
            return None


def _properties(settings: Settings) -> dict[str, str]:
    if settings.catalog == "sqlite":
        return {
            "type": "sql",
            "uri": f"sqlite:///{settings.catalog_path}",
            "warehouse": settings.warehouse_uri,
            "init_catalog_tables": "false",
        }
    properties = {"type": "glue", "warehouse": settings.warehouse_uri, "client.region": settings.aws_region}
    if settings.glue_endpoint:
        properties["glue.endpoint"] = settings.glue_endpoint
    if settings.s3_endpoint:
        properties["s3.endpoint"] = settings.s3_endpoint
    return properties


def _newest(table: IcebergTable, manifests: Iterable[ManifestFile]) -> list[ManifestFile]:
    """The manifests that reach into the newest partition; a greater clock stands in no earlier one."""
    reaching = [(_last_day(each), each) for each in manifests]
    newest = max((day for day, _ in reaching if day is not None), default=None)
    return [each for day, each in reaching if day == newest]


def _last_day(manifest: ManifestFile) -> int | None:
    if not manifest.partitions or manifest.partitions[0].upper_bound is None:
        return None
    return int(from_bytes(DateType(), manifest.partitions[0].upper_bound))


def _greatest(
    table: IcebergTable, manifests: Iterable[ManifestFile], contract: Table, name: str
) -> datetime | date | None:
    """The column's greatest value, from the bounds that each data file's writer recorded."""
    column = table.schema().find_field(name)
    bounds = [
        entry.data_file.upper_bounds[column.field_id]
        for manifest in manifests
        for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=True)
        if entry.data_file.upper_bounds and column.field_id in entry.data_file.upper_bounds
    ]
    if not bounds:
        return None
    greatest: Any = max(from_bytes(column.field_type, bound) for bound in bounds)  # type: ignore[arg-type]
    if contract.column(name).type is Type.DATE:
        return days_to_date(greatest)
    return micros_to_timestamptz(greatest).astimezone(UTC)
