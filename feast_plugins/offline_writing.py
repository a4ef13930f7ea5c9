"""Rows that Feast itself writes to a view's source: appended once, however often they are written."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from feast_plugins.duckdb_engine import DuckDBEngine
from feast_plugins.moments import in_utc
from feast_plugins.point_in_time import Rows
from validation.errors import InputMissing, UserError

_PLACE = "roadside_place"


def append_rows(engine: DuckDBEngine, rows: Rows, keys: Sequence[str], table: pa.Table) -> None:
    """Append the rows whose key and clocks the source's folder does not hold yet.

    Raises:
        UserError: the source is no folder of Parquet files, or the rows lack one of its columns or have
            one of a type that does not go into the source's without loss.
    """
    folder = Path(str(rows.source.path or "").removeprefix("file://"))
    if not rows.source.path or folder.is_file() or "://" in str(rows.source.path)[7:]:
        raise UserError(
            f"Feast writes no rows to {rows.told()}: it is no folder of Parquet files.",
            "The platform's own tables are written by `roadside run`, behind its checks.",
        )
    identity = list(dict.fromkeys((*keys, *rows.clocks)))
    try:
        (known,) = engine.column_types(rows)
    except InputMissing:
        known = {}
    lacking = [name for name in (*known, *identity) if name not in table.column_names]
    if lacking:
        raise UserError(f"The rows lack {', '.join(dict.fromkeys(lacking))}, which {rows.told()} has.")
    table = _first_of_each(_without_nanoseconds(table), identity)
    new = engine.absent(table, rows, identity) if known else table
    if not new.num_rows:
        return
    folder.mkdir(parents=True, exist_ok=True)
    new = _typed(new.sort_by([(name, "ascending") for name in identity]), folder)
    part = folder / f".part-{digest_of(new)}"
    pq.write_table(new, part, coerce_timestamps="us", allow_truncated_timestamps=True)
    part.replace(folder / f"{part.name.lstrip('.')}.parquet")


def _first_of_each(table: pa.Table, identity: Sequence[str]) -> pa.Table:
    """The first row of each identity, as if the rows had come one after the other."""
    placed = table.select(identity).append_column(_PLACE, pa.array(range(table.num_rows), pa.int64()))
    places = placed.group_by(list(identity)).aggregate([(_PLACE, "min")])[f"{_PLACE}_min"]
    return table if len(places) == table.num_rows else table.take(places.sort())


def _without_nanoseconds(table: pa.Table) -> pa.Table:
    """The table as its folder keeps it: by finer clocks a row would be new whenever it is written."""
    for place, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type) and field.type.unit == "ns":
            column = in_utc(table[place]).cast(pa.timestamp("us", field.type.tz))
            table = table.set_column(place, field.with_type(column.type), column)
    return table


def _typed(table: pa.Table, folder: Path) -> pa.Table:
    """The table, each column with the type that the folder's files give it: Spark reads a folder by one.

    Raises:
        UserError: a column does not go into its type without loss.
    """
    untold = set(table.column_names)
    for file in sorted(folder.glob("*.parquet")):
        if not untold:
            break
        held = pq.read_schema(file)
        for name in sorted(untold & set(held.names)):
            kind = held.field(name).type
            if kind == pa.null():
                continue  # its file knows no value of it
            untold.discard(name)
            try:
                column = table[name].cast(kind)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as reason:
                raise UserError(f"{name} is {kind} in {folder}: {reason}.") from None
            table = table.set_column(table.column_names.index(name), pa.field(name, kind), column)
    return table


def digest_of(table: pa.Table) -> str:
    """A name for the rows in their order."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table.combine_chunks())
    return hashlib.sha256(sink.getvalue()).hexdigest()[:32]
