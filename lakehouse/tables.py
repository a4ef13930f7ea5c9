"""Iceberg tables: created from contracts, read by interval, replaced by interval.

An interval is written to a branch, checked there, and only then published to `main`. Readers
of `main` see the last published version, whatever happens meanwhile.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import reduce
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from lakehouse.branches import Staged, added_by, branch_of, drop_branches, fork, head_of, move_main, moved
from lakehouse.spark import CATALOG, java_class
from validation.clocks import Interval
from validation.contract import Severity, Table
from validation.errors import CheckFailed, Defect, InputMissing
from validation.feed_checks import ROWS, Counts
from validation.spark_schema import conform, spark_type, struct_of
from validation.table_checks import is_watched

Heads = Mapping[str, int | None]
"""Snapshot ids by table name; None of a table that has none."""
RUN_PROPERTY = "roadside.run"
CONTRACT_PROPERTY = "roadside.contract"
_PROPERTIES = {
    "format-version": "2",
    "write.parquet.compression-codec": "zstd",
    "write.distribution-mode": "none",  # rows are placed and sorted before the write
    "write.delete.mode": "copy-on-write",
    "write.update.mode": "copy-on-write",
    "write.merge.mode": "copy-on-write",
    "commit.retry.num-retries": "20",  # ticks, replays and compaction commit to one table side by side
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "10",
    "history.expire.max-snapshot-age-ms": str(24 * 3600 * 1000),
    "history.expire.min-snapshots-to-keep": "20",
}

_ROWS_OF_A_TASK = 100_000
"""Up to so many rows are checked by one task: no shuffle, and one job in place of three."""


@dataclass(frozen=True)
class Published:
    """What publishing an interval did; unchanged, the interval keeps its files and `main` its snapshot.

    Attributes:
        files, size_bytes: those that were added.
    """

    snapshot_id: int | None
    rows: int
    warnings: dict[str, int] = field(default_factory=dict)
    is_changed: bool = True
    run_id: str = ""
    files: int = 0
    size_bytes: int = 0


@dataclass(frozen=True)
class _Span:
    """The rows a run replaces: a predicate, how it is told, whether it is made of whole partitions."""

    holds: str
    name: str
    is_whole_partitions: bool
    days: int


@dataclass(frozen=True)
class Found:
    """What the checks found in the rows a run wrote: how many, how many break each rule, and by tick."""

    rows: int = 0
    broken: Mapping[str, int] = field(default_factory=dict)
    by_tick: Mapping[datetime, Counts] = field(default_factory=dict)


class Lakehouse:
    """The Iceberg tables of one catalog, through one Spark session."""

    def __init__(self, spark: SparkSession) -> None:
        self.spark = spark

    def identifier(self, table: Table, branch: str = "") -> str:
        """`lake.<layer>.<table>`, or its branch."""
        return f"{CATALOG}.{table.name}" + (f".branch_{branch}" if branch else "")

    def exists(self, table: Table) -> bool:
        """Whether the table has been created."""
        return bool(self.spark.catalog.tableExists(self.identifier(table)))

    def create(self, *tables: Table, at_once: int = 1) -> None:
        """Create the tables, or add the columns their contracts gained; so many side by side. Idempotent.

        Raises:
            Defect: a table has a column its contract lacks, or of another type.
        """
        for layer in sorted({table.layer for table in tables}):
            self.spark.sql(f"CREATE NAMESPACE IF NOT EXISTS {CATALOG}.{layer}")
        with ThreadPoolExecutor(at_once, "create") as pool:
            for _ in pool.map(self._create, tables):
                pass

    def _create(self, table: Table) -> None:
        if not self.exists(table):
            self.spark.sql(create_statement(table))
            return
        if self.iceberg(table).properties().get(CONTRACT_PROPERTY) == contract_digest(table):
            return
        have = {f.name: f.dataType for f in self.spark.table(self.identifier(table)).schema.fields}
        for column in table.columns:
            if column.name not in have:
                self.spark.sql(
                    f"ALTER TABLE {self.identifier(table)} ADD COLUMN {column.name} {column.type} "
                    f"COMMENT '{_quoted(column.meaning)}'"
                )
        wrong = sorted(set(have) - set(table.column_names)) + [
            column.name
            for column in table.columns
            if column.name in have and have[column.name] != spark_type(column.type)
        ]
        if wrong:
            raise Defect(
                f"{table.name}: the stored table and its contract disagree on {', '.join(wrong)}.",
                "A released column is never dropped or retyped: add a new one to the contract.",
            )
        self.spark.sql(
            f"ALTER TABLE {self.identifier(table)} SET TBLPROPERTIES "
            f"('{CONTRACT_PROPERTY}' = '{contract_digest(table)}')"
        )

    def read(self, table: Table, at: int | None = None) -> DataFrame:
        """Every published row; as of a snapshot, if one is named.

        Columns that the contract gained since that snapshot are null, as they are in its rows on `main`.

        Raises:
            InputMissing: the table was never created.
        """
        place = self.identifier(table) + (f".snapshot_id_{at}" if at is not None else "")
        try:
            rows = self.spark.table(place)
            return (
                rows if at is None or len(rows.columns) == len(table.columns) else rows.to(struct_of(table))
            )
        except AnalysisException as error:
            if error.getCondition() != "TABLE_OR_VIEW_NOT_FOUND":
                raise
            raise InputMissing(
                f"The table {table.name} does not exist yet.", "Run `roadside run` or `make demo` first."
            ) from error

    def read_known(self, table: Table, interval: Interval, at: int | None = None) -> DataFrame:
        """The published rows of an interval of known time, as `read`; only its partitions are read."""
        return self.read(table, at).where(_inside_sql(table, interval))

    def replace(self, table: Table, interval: Interval, frame: DataFrame, run_id: str) -> Published:
        """Stage the interval and publish it at once. The caller holds the table's lease.

        Raises:
            CheckFailed, Moved, Defect: as `stage` and `publish`.
        """
        return self.publish(self.stage(table, interval, frame, run_id))

    def stage(
        self,
        table: Table,
        interval: Interval,
        frame: DataFrame,
        run_id: str,
        alive: Callable[[], Collection[str]] = tuple,
    ) -> Staged:
        """Write the frame to a branch, in place of the interval's rows, and check it there.

        Whole days are replaced partition by partition (`overwritePartitions`), any other interval
        by delete and append; either way no row outside the interval is touched, and a second run
        leaves the same rows. Whole days may be staged without the table's lease. Branches of earlier
        runs are dropped, save those of the runs that are `alive`.

        Raises:
            CheckFailed: a check of the contract fails; `main` is untouched, the branch is kept.
            Defect: the frame has rows outside the interval, or not the contract's columns.
        """
        span = _Span(
            _inside_sql(table, interval), str(interval), interval.is_whole_days(), len(interval.known_dates())
        )
        return self._stage(table, span, frame, run_id, alive)

    def stage_days(
        self,
        table: Table,
        days: Sequence[date],
        frame: DataFrame,
        run_id: str,
        only: Mapping[str, str] | None = None,
    ) -> Staged:
        """Stage whole partitions, in place of what they hold; with the guarantees of `stage`.

        For tables that are not replaced by known time, such as datasets. With `only` (column to
        value), just the rows of those values are replaced: datasets that share a table keep theirs.

        Raises:
            CheckFailed, Defect: as `stage`.
        """
        return self._stage(table, _days_span(table, days, only or {}), frame, run_id, tuple)

    def publish(self, staged: Staged) -> Published:
        """Make the staged rows those of `main`, for every reader at once. The caller holds the lease.

        Raises:
            Moved: main has moved since, and the rows do not fit on it; nothing was published.
        """
        table = staged.table
        iceberg = self.iceberg(table)
        try:
            move_main(iceberg, staged)
        except (Py4JJavaError, PySparkException) as error:
            if self.head(table) == staged.base:
                raise
            raise moved(table) from error
        head = head_of(iceberg)
        files, size_bytes = added_by(iceberg, head) if staged.is_changed and head is not None else (0, 0)
        return Published(
            head, staged.rows, staged.warnings, staged.is_changed, files=files, size_bytes=size_bytes
        )

    def _stage(
        self, table: Table, span: _Span, frame: DataFrame, run_id: str, alive: Callable[[], Collection[str]]
    ) -> Staged:
        rows = _placed(conform(frame, table), table, span)
        branch = branch_of(run_id)
        iceberg = self.iceberg(table)
        drop_branches(iceberg, alive)
        base = head_of(iceberg)
        held = self.read(table).where(span.holds)
        holds_rows = base is not None and self._may_hold(table, span) and not held.isEmpty()
        fork(iceberg, branch, base)
        swap = span.is_whole_partitions
        if swap:
            self._writer(rows, table, branch, run_id, span).overwritePartitions()
            written = self._written(table, branch, base)
            found = self._violations(table, span, branch, written) if written else None
            swap = found is not None and found.rows == written
            if not swap:  # a day that lost all its rows keeps its old ones: take the other way
                fork(self.iceberg(table), branch, base)
        if not swap:
            if holds_rows:
                self.spark.sql(f"DELETE FROM {self.identifier(table, branch)} WHERE {span.holds}")
            kept = self.head(table, branch)
            self._writer(rows, table, branch, run_id, span).append()
            written = self._written(table, branch, kept)
            found = self._violations(table, span, branch, written) if written else Found()
        assert found is not None
        if found.rows != written:
            raise Defect(
                f"{table.name}: {written} rows were written for {span.name} but {found.rows} lie inside it.",
                "The transform made rows outside its interval.",
            )
        warnings = _passed(table, span, found.broken, written, run_id)
        is_changed = bool(written)
        if holds_rows:
            staged = self.spark.table(self.identifier(table, branch)).where(span.holds)
            is_changed = frame_digest(staged) != frame_digest(held)
        return Staged(table, branch, base, swap, is_changed, written, warnings, found.by_tick)

    def head(self, table: Table, branch: str = "main") -> int | None:
        """Snapshot id of a branch, or None when it has none."""
        return head_of(self.iceberg(table), branch)

    def heads(self, tables: Iterable[Table]) -> dict[str, int | None]:
        """Snapshot ids by table name; None of a table that has none."""
        return {table.name: self.head(table) for table in tables}

    def digest(self, table: Table, interval: Interval | None = None) -> str:
        """`<rows>-<hash>` of the table's content, whatever the order of rows and files.

        The hash is the sum of two 60-bit parts of each row's SHA-256 over its JSON form with
        microseconds, so equal digests mean equal multisets of rows.
        """
        rows = self.read(table) if interval is None else self.read_known(table, interval)
        return frame_digest(rows.select(*sorted(table.column_names)))

    def count(self, table: Table) -> int:
        """Number of published rows, from metadata alone."""
        counted = self.spark.sql(f"SELECT sum(record_count) FROM {self.identifier(table)}.files").collect()
        return int(counted[0][0] or 0)

    def _writer(  # type: ignore[no-untyped-def]
        self, rows: DataFrame, table: Table, branch: str, run_id: str, span: _Span
    ):
        return (
            rows.writeTo(self.identifier(table, branch))
            .option(f"snapshot-property.{RUN_PROPERTY}", run_id)
            .option("snapshot-property.roadside.interval", span.name)
        )

    def iceberg(self, table: Table) -> Any:
        """The table's handle in Iceberg's own API, freshly loaded: branches cost no Spark job."""
        load = java_class(self.spark, "org.apache.iceberg.spark.Spark3Util").loadIcebergTable
        return load(self.spark._jsparkSession, self.identifier(table))

    def _written(self, table: Table, branch: str, before: int | None) -> int:
        """Rows the branch's last write added, as the writer itself counted them."""
        iceberg = self.iceberg(table)
        ref = iceberg.refs().get(branch)
        if ref is None or ref.snapshotId() == before:
            return 0
        return int(iceberg.snapshot(ref.snapshotId()).summary().get("added-records") or 0)

    def _may_hold(self, table: Table, span: _Span) -> bool:
        """Whether a file of main may have rows in the span, as metadata alone tells."""
        scan = self.iceberg(table).newScan().filter(self.expression(table, span.holds))
        return bool(scan.planFiles().iterator().hasNext())

    def expression(self, table: Table, where: str) -> Any:
        """A predicate in SQL as one of Iceberg's own API."""
        convert = java_class(
            self.spark, "org.apache.spark.sql.execution.datasources.SparkExpressionConverter"
        )
        resolved = convert.collectResolvedSparkExpression(
            self.spark._jsparkSession, self.identifier(table), where
        )
        return convert.convertToIcebergExpression(resolved)

    def _violations(self, table: Table, span: _Span, branch: str, written: int) -> Found:
        """The branch's rows in the span, and how many break each rule; in one pass unless a key repeats.

        Of a table that is watched they are told by tick, with the amounts that its contract names.
        """
        broken = {f"{name}_not_null": f"{name} IS NULL" for name in table.not_null}
        broken |= {check.name: f"NOT coalesce({check.holds}, false)" for check in table.checks}
        amounts = {name: name for share in table.shares for name in (share.part, share.whole)}
        tasks = "/*+ COALESCE(1) */" if written <= _ROWS_OF_A_TASK else ""
        tick = f"unix_seconds(min({table.clock}))" if is_watched(table) else "0L"

        def counted(key: str) -> list[Row]:
            summed = broken | amounts
            counts = [f"sum(CAST({each} AS BIGINT)) AS `{name}`" for name, each in summed.items()]
            totals = [f"coalesce(sum(`{name}`), 0) AS `{name}`" for name in ("rows", *summed)]
            return self.spark.sql(
                f"SELECT tick, {', '.join(totals)}, sum(CAST(rows > 1 AS BIGINT)) AS unique_key FROM ("
                f"SELECT {', '.join([f'{tick} AS tick', 'count(1) AS rows', *counts])} FROM ("
                f"SELECT {tasks} * FROM {self.identifier(table, branch)} WHERE {span.holds}) GROUP BY {key}) "
                "GROUP BY tick"
            ).collect()

        keys = ", ".join(table.key)
        found = counted(_hash_of(keys))
        if any(row["unique_key"] for row in found):  # or two keys of one hash: the keys themselves decide
            found = counted(keys)
        return _found(table, found, ("unique_key", *broken))


def _found(table: Table, rows: Sequence[Row], names: Sequence[str]) -> Found:
    """The counts by tick, and of all ticks together."""
    broken = {name: sum(int(row[name]) for row in rows) for name in names}
    by_tick: dict[datetime, Counts] = {}
    if is_watched(table):
        warned = [check.name for check in table.checks if check.severity is Severity.WARN]
        warned += [name for share in table.shares for name in (share.part, share.whole)]
        for row in rows:
            counts = Counter({ROWS: row["rows"], **{name: row[name] for name in warned}})
            by_tick[datetime.fromtimestamp(row["tick"], UTC)] = +counts
    return Found(sum(int(row["rows"]) for row in rows), broken, by_tick)


def _hash_of(keys: str) -> str:
    """Rows of one key have one hash; rows of one hash have nearly always one key."""
    return f"xxhash64({keys})"


def _passed(
    table: Table, span: _Span, broken: Mapping[str, int], written: int, run_id: str
) -> dict[str, int]:
    """The warnings, if no check that may fail the run is broken.

    Raises:
        CheckFailed: one is.
    """
    severity = {check.name: check.severity for check in table.checks}
    failed = {n: c for n, c in broken.items() if c and severity.get(n, Severity.FAIL) is Severity.FAIL}
    if failed:
        listed = "; ".join(f"{name}: {count} of {written} rows" for name, count in failed.items())
        raise CheckFailed(
            f"{table.name}: {listed}, interval {span.name}, run {run_id}.",
            f"Nothing was published. The rows are on branch run_{run_id}; the contract is "
            f"validation/contracts/{table.name.replace('.', '/')}.py.",
        )
    return {name: count for name, count in broken.items() if count}


def _placed(rows: DataFrame, table: Table, span: _Span) -> DataFrame:
    """The rows where they are written: days apart, sorted within."""
    apart = rows.repartition(table.partition) if span.days > 1 else rows
    return apart.sortWithinPartitions(table.partition, *table.order)


def create_statement(table: Table) -> str:
    """The table's Iceberg DDL, derived from its contract."""
    columns = ",\n  ".join(
        f"{column.name} {column.type} COMMENT '{_quoted(column.meaning)}'" for column in table.columns
    )
    properties = _PROPERTIES | {CONTRACT_PROPERTY: contract_digest(table)}
    properties |= {
        f"write.metadata.metrics.column.{column.name}": "none"
        for column in table.columns
        if column.type == "binary"
    }
    listed = ", ".join(f"'{name}' = '{value}'" for name, value in properties.items())
    return (
        f"CREATE TABLE IF NOT EXISTS {CATALOG}.{table.name} (\n  {columns}\n)\n"
        f"USING iceberg\nPARTITIONED BY ({table.partition})\n"
        f"COMMENT '{_quoted(table.grain)}'\nTBLPROPERTIES ({listed})"
    )


def contract_digest(table: Table) -> str:
    """Tells whether a stored table was made from this contract."""
    return hashlib.sha256(repr((table.columns, table.partition)).encode()).hexdigest()[:16]


def frame_digest(frame: DataFrame) -> str:
    """`<rows>-<hash>` of a frame, whatever the order of its rows."""
    as_text = F.to_json(
        F.struct(*frame.columns),
        {"timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX", "ignoreNullFields": "false"},
    )
    hashed = frame.select(F.sha2(as_text, 256).alias("row_hash"))
    parts = [
        F.sum(F.conv(F.substring("row_hash", start, 15), 16, 10).cast("decimal(38,0)")) for start in (1, 16)
    ]
    count, *sums = hashed.agg(F.count(F.lit(1)), *parts).collect()[0]
    folded = reduce(lambda text, part: text + f"{int(part or 0) % 2**64:016x}", sums, "")
    return f"{count}-{folded}"


def digests(lakehouse: Lakehouse, tables: Iterable[Table]) -> dict[str, str]:
    """Digest by table name, for the tables that exist."""
    return {table.name: lakehouse.digest(table) for table in tables if lakehouse.exists(table)}


def _inside_sql(table: Table, interval: Interval) -> str:
    """The interval as a predicate that prunes partitions and then rows."""
    if table.clock == table.partition:
        raise Defect(f"{table.name} is not replaced by known time.")
    first, last = interval.known_dates()[0], interval.known_dates()[-1]
    return (
        f"{table.partition} BETWEEN DATE '{first}' AND DATE '{last}' "
        f"AND {table.clock} > {_literal(interval.start)} AND {table.clock} <= {_literal(interval.end)}"
    )


def _days_span(table: Table, days: Sequence[date], only: Mapping[str, str]) -> _Span:
    """Whole partitions, or the rows in them that have the values of `only`."""
    listed = sorted(set(days))
    if not listed:
        raise Defect(f"{table.name}: no day was named to replace.")
    dates = ", ".join(f"DATE '{day}'" for day in listed)
    rules = [f"{table.partition} IN ({dates})"]
    rules += [f"{table.column(name).name} = '{_quoted(value)}'" for name, value in only.items()]
    name = str(listed[0]) if len(listed) == 1 else f"{listed[0]}..{listed[-1]}"
    return _Span(" AND ".join(rules), name, is_whole_partitions=not only, days=len(listed))


def _literal(moment: datetime) -> str:
    return f"TIMESTAMP '{moment:%Y-%m-%d %H:%M:%S}+00:00'"


def _quoted(text: str) -> str:
    return text.replace("'", "''")


__all__ = [
    "RUN_PROPERTY",
    "Heads",
    "Lakehouse",
    "Published",
    "create_statement",
    "digests",
    "frame_digest",
]
