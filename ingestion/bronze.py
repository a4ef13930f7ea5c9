"""Landed objects spread over Spark: rows for bronze, rows for quarantine, outcomes for the ledger."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import heapify, heappop, heappush

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructField, StructType

from ingestion.rows import (
    OBJECT,
    QUARANTINED,
    RECORD,
    bronze_table,
    quarantine_table,
    read_object,
    wide_columns,
)
from lakehouse.landing_ledger import LedgerEntry, ObjectOutcome, ObjectStatus
from lakehouse.vault import VaultHandle, vault_of
from validation.contract import Table
from validation.errors import Defect
from validation.source import Source
from validation.spark_schema import spark_type

TASK_BYTES = 32 << 20
"""Compressed bytes a task is given, about: half a minute of pings on one core."""
BATCH_ROWS, BATCH_BYTES = 4096, 4 << 20
"""A batch is handed to Spark once it is as large as either."""


def ingest_frame(
    spark: SparkSession,
    source: Source,
    entries: Sequence[LedgerEntry],
    root_uri: str,
    vault_handle: VaultHandle,
) -> DataFrame:
    """One row per line of the objects and one per object, in the wide schema of `ingestion.rows`.

    Nothing is read until an action; persist the frame before using it more than once. Executors
    open the vault themselves: the plan holds object keys, clocks and where the vault is, no secret.
    Equal entries over one vault give equal rows.
    """
    tasks = _tasks(entries, at_least=spark.sparkContext.defaultParallelism)
    schema = StructType(
        [StructField(name, spark_type(of_type)) for name, of_type in wide_columns(source).items()]
    )
    reading = _reading(source, tasks, root_uri, vault_handle)
    return spark.range(0, len(tasks), 1, max(1, len(tasks))).mapInArrow(reading, schema)


def bronze_rows(frame: DataFrame, source: Source) -> DataFrame:
    """The accepted records of an `ingest_frame`, as the source's bronze table has them."""
    return _rows(frame, RECORD, bronze_table(source))


def quarantine_rows(frame: DataFrame, source: Source) -> DataFrame:
    """The refused lines and objects of an `ingest_frame`, as the source's quarantine table has them."""
    return _rows(frame, QUARANTINED, quarantine_table(source))


def object_outcomes(frame: DataFrame) -> list[ObjectOutcome]:
    """What became of each object of an `ingest_frame`, in order of key.

    Lines are as the reader counted them; rows are counted here, from the rows themselves, so that
    `ObjectOutcome.is_balanced` compares two counts made apart.

    Raises:
        Defect: an object has rows and no summary.
    """
    counts = frame.groupBy("source_object", "kind", "reason").agg(
        F.count("*").alias("rows"),
        *(
            F.max(name).alias(name)
            for name in ("line_count", "object_bytes", "object_status", "object_counts")
        ),
        F.max("contract_version").alias("contract_version"),
    )
    records: dict[str, int] = {}
    reasons: dict[str, dict[str, int]] = {}
    summaries = {}
    for row in counts.collect():
        if row.kind == OBJECT:
            summaries[row.source_object] = row
        elif row.kind == RECORD:
            records[row.source_object] = row.rows
        else:
            reasons.setdefault(row.source_object, {})[row.reason] = row.rows
    lost = (records.keys() | reasons.keys()) - summaries.keys()
    if lost:
        raise Defect(f"{len(lost)} objects have rows and no summary.")
    return [
        ObjectOutcome(
            key=key,
            status=ObjectStatus(summary.object_status),
            lines=summary.line_count,
            bronze_rows=records.get(key, 0),
            quarantined_rows=sum(reasons.get(key, {}).values()),
            reasons=dict(sorted(reasons.get(key, {}).items())),
            size_bytes=summary.object_bytes,
            contract_version=summary.contract_version,
            counts=json.loads(summary.object_counts),
        )
        for key, summary in sorted(summaries.items())
    ]


def _rows(frame: DataFrame, kind: str, table: Table) -> DataFrame:
    return frame.where(F.col("kind") == kind).select(*table.column_names)


def _tasks(entries: Sequence[LedgerEntry], at_least: int) -> list[list[LedgerEntry]]:
    """The entries in groups of about equal bytes: the largest first, each to the lightest group."""
    total = sum(entry.size for entry in entries)
    count = min(len(entries), max(at_least, -(-total // TASK_BYTES)))
    groups: list[list[LedgerEntry]] = [[] for _ in range(count)]
    weights = [(0, 0, number) for number in range(count)]  # bytes, objects (where sizes are 0), group
    heapify(weights)
    for entry in sorted(entries, key=lambda entry: (-entry.size, entry.key)):
        weight, objects, number = heappop(weights)
        groups[number].append(entry)
        heappush(weights, (weight + entry.size, objects + 1, number))
    return groups


def _reading(
    source: Source, tasks: list[list[LedgerEntry]], root_uri: str, vault_handle: VaultHandle
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def read(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        vault = vault_of(vault_handle)
        gc.disable()  # records make no cycles; looking for some costs a quarter of the time
        try:
            entries = (
                entry for batch in batches for task in batch.column("id").to_pylist() for entry in tasks[task]
            )
            yield from _joined(
                rows for entry in entries for rows in read_object(source, entry, root_uri, vault)
            )
        finally:
            gc.enable()

    return read


def _joined(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The batches in order, small ones joined: most objects have few lines, and each batch has its cost."""
    waiting: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        waiting.append(batch)
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if rows >= BATCH_ROWS or size >= BATCH_BYTES:
            yield pa.concat_batches(waiting)
            waiting, rows, size = [], 0, 0
    if waiting:
        yield pa.concat_batches(waiting)
