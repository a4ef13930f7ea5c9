"""What is published together: all rows of one contract, as Parquet files that hold its columns."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from validation.arrow_schema import arrow_schema
from validation.contract import Sensitivity, Table
from validation.errors import CheckFailed, PermissionRefused

ROWS_A_PART = 250_000
_MAY_LEAVE = (Sensitivity.OPEN, Sensitivity.BUSINESS)


@dataclass(frozen=True)
class Outgoing:
    """Rows as they stand, before any of them is read.

    Attributes:
        table: their contract.
        release: what a person calls this state of them.
        digest: of their values, where it is known beforehand; equal digests mean equal rows.
        snapshot_id: the state of the lake's table that they are; None of a dataset.
        rows: how many there must be, where it is known beforehand.
        read: gives them in order, with the contract's columns among theirs.
    """

    table: Table
    release: str
    read: Callable[[], Iterable[pa.Table]]
    digest: str | None = None
    snapshot_id: int | None = None
    rows: int | None = None


@dataclass(frozen=True)
class Batch:
    """Rows that are published together or not at all.

    Attributes:
        parts: Parquet files with the contract's columns, in its order and types.
    """

    table: Table
    release: str
    digest: str
    rows: int
    parts: tuple[Path, ...]
    snapshot_id: int | None = None


def may_leave(table: Table) -> bool:
    """Whether the table names and places no person, and may be published."""
    return not table.is_restricted and not _kept_back(table)


def require_may_leave(table: Table) -> None:
    """Refuse a table that names or places persons.

    Raises:
        PermissionRefused: it is restricted, or has columns that are never published.
    """
    kept = _kept_back(table)
    if not may_leave(table):
        why = f"it has {', '.join(kept)}" if kept else "its rows lead to persons"
        raise PermissionRefused(
            f"{table.name} is restricted and never leaves the platform: {why}.",
            "Publish what is made of it; the datasets hold its open features.",
        )


def _kept_back(table: Table) -> list[str]:
    return [column.name for column in table.columns if column.sensitivity not in _MAY_LEAVE]


def batch_of(
    outgoing: Outgoing,
    folder: Path,
    rows_a_part: int = ROWS_A_PART,
    tell: Callable[[int], None] | None = None,
) -> Batch:
    """The rows written to a folder of their own, which is emptied first; the same bytes for the same rows.

    `tell` hears the rows written so far, after each part.

    Raises:
        CheckFailed: there are not as many rows as there must be.
        PermissionRefused: the table never leaves.
    """
    require_may_leave(outgoing.table)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    parts: list[Path] = []
    rows = 0
    for chunk in _chunks(outgoing, rows_a_part):
        path = folder / f"part-{len(parts):05d}.parquet"
        pq.write_table(chunk, path, compression="zstd", version="2.6", store_schema=False)
        parts.append(path)
        rows += chunk.num_rows
        if tell is not None:
            tell(rows)
    if outgoing.rows is not None and rows != outgoing.rows:
        raise CheckFailed(
            f"{outgoing.table.name}: {rows:,} rows were read where {outgoing.rows:,} are said to be.",
            "Nothing was published; build it again.",
        )
    digest = outgoing.digest or rows_digest(outgoing.table, parts)
    return Batch(outgoing.table, outgoing.release, digest, rows, tuple(parts), outgoing.snapshot_id)


def rows_digest(table: Table, parts: Iterable[Path]) -> str:
    """`<rows>-<hash>` of the values, whatever the order of rows and however they are parted.

    The hash is the sum, modulo 2**64, of each half of the rows' MD5 over their JSON form with
    microseconds: equal digests mean equal multisets of rows, but for chance.
    """
    files = [str(path) for path in parts]
    if not files:
        return f"0-{0:032x}"
    values = ", ".join(f'"{name}"' for name in sorted(table.column_names))
    query = f"""
        SELECT count(*), sum(md5_number_lower(row_text)::HUGEINT), sum(md5_number_upper(row_text)::HUGEINT)
        FROM (SELECT to_json([{_as_texts(table)}])::VARCHAR AS row_text FROM (
            SELECT {values} FROM read_parquet(?, hive_partitioning = false)
        ))
    """
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        count, *halves = connection.execute(query, [files]).fetchall()[0]
    return f"{count}-" + "".join(f"{int(half) % 2**64:016x}" for half in halves)


def _as_texts(table: Table) -> str:
    return ", ".join(f'to_json("{name}")::VARCHAR' for name in sorted(table.column_names))


def _chunks(outgoing: Outgoing, rows_a_part: int) -> Iterator[pa.Table]:
    """The rows in tables of so many each, the last one smaller; none where there are no rows."""
    schema = arrow_schema(outgoing.table)
    held: list[pa.Table] = []
    for given in outgoing.read():
        rest = given.select(schema.names).replace_schema_metadata(None).cast(schema)
        while sum(each.num_rows for each in held) + rest.num_rows >= rows_a_part:
            taken = rows_a_part - sum(each.num_rows for each in held)
            yield pa.concat_tables([*held, rest.slice(0, taken)])
            held, rest = [], rest.slice(taken)
        if rest.num_rows:
            held.append(rest)
    if held:
        yield pa.concat_tables(held)
