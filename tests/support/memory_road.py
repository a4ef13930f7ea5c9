"""The road without tables: landed objects through every transform, chunk by chunk, rows kept as Arrow."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession

from ingestion.rows import RECORD, bronze_table, read_object
from lakehouse.landing_ledger import LedgerEntry
from lakehouse.spark import frame_of_arrow
from lakehouse.vault import VaultHandle, vault_of
from roadside.graph import STEPS, Edge, Step, sources_read
from roadside.locations import location_opener
from support.frames import known_in
from support.oracle_landing import SOURCES, stamp_of
from validation.clocks import Interval, tick_end
from validation.contracts import table_named
from validation.sources import source_named
from validation.spark_schema import conform, struct_of

ABOVE_BRONZE = tuple(step for step in STEPS if step.build is not None)


@dataclass
class MemoryRoad:
    """Every step's build over the chunks, given just what a run of the chunk would read.

    Attributes:
        held: by source, the ticks at which it is incomplete.
        rows: what was made so far, by table.
    """

    spark: SparkSession
    handle: VaultHandle
    held: Mapping[str, Collection[datetime]] = field(default_factory=dict)
    rows: dict[str, pa.Table] = field(default_factory=dict)

    def ingest(self, root: Path, known_at: Mapping[str, datetime] | None = None) -> None:
        """Bronze of the objects under root; known_at overrides, by key, the tick of an object's stamp."""
        vault = vault_of(self.handle)
        for name in SOURCES:
            source = source_named(name)
            table = bronze_table(source)
            parts = [pa.schema([]).empty_table()]
            for path in sorted((root / "landing" / name).rglob(f"{name}-*.gz")):
                key = path.relative_to(root).as_posix()
                stamp = stamp_of(key)
                known = (known_at or {}).get(key, tick_end(stamp))
                entry = LedgerEntry(name, key, stamp, known, path.stat().st_size, False)
                parts += [
                    pa.Table.from_batches([batch])
                    for batch in read_object(source, entry, root.as_uri(), vault)
                ]
            wide = pa.concat_tables(parts[1:]) if len(parts) > 1 else None
            columns = table.column_names
            self.rows[table.name] = (
                self.frame_schema(table.name).empty_table()
                if wide is None
                else wide.filter(pc.field("kind") == RECORD).select(columns)
            )

    def carry(self, chunks: Sequence[Interval], steps: Sequence[Step] = ABOVE_BRONZE) -> None:
        """Make the steps' tables anew: each step over all chunks, in the order given, then the next."""
        for step in steps:
            made = [self._built(step, chunk) for chunk in chunks if step.due(chunk)]
            for table in step.tables:
                frames = [conform(frames[table.name], table) for frames in made]
                self.rows[table.name] = (
                    reduce(DataFrame.unionByName, frames).toArrow()
                    if frames
                    else self.frame_schema(table.name).empty_table()
                )

    def frame(self, table: str) -> DataFrame:
        """The table's rows as a frame."""
        return frame_of_arrow(self.spark, self.rows[table], struct_of(table_named(table)))

    def frame_schema(self, table: str) -> pa.Schema:
        """The table's columns in Arrow."""
        empty: pa.Table = self.spark.createDataFrame([], struct_of(table_named(table))).toArrow()
        return empty.schema

    def digest(self, *tables: str) -> dict[str, list[str]]:
        """Every row as text, sorted, by table."""
        found = {}
        for name in tables:
            columns = sorted(self.rows[name].column_names)
            listed = self.rows[name].select(columns).to_pylist()
            found[name] = sorted(repr([in_utc(row[column]) for column in columns]) for row in listed)
        return found

    def _built(self, step: Step, chunk: Interval) -> Mapping[str, DataFrame]:
        assert step.build is not None
        inputs = {name: known_in(self.frame(name), chunk, back) for name, back in step.reads.items()}
        if step.share is not None:
            shared = step.share(inputs, chunk)
            inputs["shared"] = frame_of_arrow(self.spark, shared.toArrow(), shared.schema)
        edge = Edge(location_of=location_opener(self.handle))
        if step.is_features:
            held = {instant for source in sources_read(step) for instant in self.held.get(source, ())}
            edge = replace(edge, held=frozenset(held))
        return step.build(inputs, chunk, edge)


def in_utc(value: object) -> object:
    """Moments in UTC, whatever zone Arrow gives them."""
    if isinstance(value, list):
        return [in_utc(each) for each in value]
    return value.astimezone(UTC) if isinstance(value, datetime) else value
