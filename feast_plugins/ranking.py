"""The order of rows that are of one key and moment: by created time and values, nulls least, NaN greatest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from feast_plugins.search import CREATED_AT, KEY, TRUE_AT

_PLACE = "roadside_place"


def ranked(rows: pa.Table, values: Sequence[str]) -> np.ndarray:
    """The place of each row, from 0 on, in order of timestamp, created and values.

    Both engines ask this, so that what ties is decided alike; they read no zero with a sign. Arrow orders
    everything but lists, maps and structs; those are DuckDB's to order.
    """
    names = (TRUE_AT, CREATED_AT, *values)
    is_nested = any(pa.types.is_nested(rows.schema.field(name).type) for name in names)
    order = _by_duckdb(rows, names) if is_nested else _by_arrow(rows, names)
    ranks = np.empty(rows.num_rows, dtype=np.int64)
    ranks[order] = np.arange(rows.num_rows)
    return ranks


def has_ties(rows: pa.Table) -> bool:
    """Whether rows are equal in key, timestamp and created."""
    clocks = rows.select([KEY, TRUE_AT, CREATED_AT])
    return bool(clocks.group_by(clocks.column_names).aggregate([]).num_rows < rows.num_rows)


def _by_arrow(rows: pa.Table, names: Sequence[str]) -> np.ndarray:
    keys: dict[str, pa.ChunkedArray] = {}
    for number, name in enumerate(names):
        column = rows[name]
        if pa.types.is_floating(column.type):  # Arrow places NaN where it places nulls
            is_nan = pc.fill_null(pc.is_nan(column), False)
            keys[f"nan_{number}"] = is_nan
            column = pc.if_else(is_nan, pa.scalar(0, column.type), column)
        keys[f"key_{number}"] = column
    order = pc.sort_indices(pa.table(keys), sort_keys=[(name, "ascending", "at_start") for name in keys])
    found: np.ndarray = order.to_numpy()
    return found


def _by_duckdb(rows: pa.Table, names: Sequence[str]) -> np.ndarray:
    import duckdb  # a worker of Spark seldom needs it

    order = ", ".join(f"{quoted(name)} NULLS FIRST" for name in names)
    with duckdb.connect(config={"threads": "1"}) as connection:
        connection.execute("SET TimeZone = 'UTC'").fetchall()
        connection.register("ranking", rows.append_column(_PLACE, pa.array(range(rows.num_rows))))
        found = connection.sql(f"SELECT {_PLACE} FROM ranking ORDER BY {order}").to_arrow_table()
    places: np.ndarray = found[_PLACE].to_numpy()
    return places


def quoted(name: str) -> str:
    """The name as SQL takes any name: in double quotes, those in it doubled.

    >>> quoted("a b")
    '"a b"'
    """
    return '"' + name.replace('"', '""') + '"'
