"""The order of rows that are of one key and moment: by created time and values, nulls least."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import numpy as np
import pyarrow as pa

from feast_plugins.search import CREATED_AT, TRUE_AT

_PLACE = "roadside_place"


def ranked(connection: duckdb.DuckDBPyConnection, rows: pa.Table, values: Sequence[str]) -> np.ndarray:
    """The place of each row, from 0 on, in order of timestamp, created and values.

    Both engines ask DuckDB, so that what ties is decided alike.
    """
    order = ", ".join(f"{name} NULLS FIRST" for name in (TRUE_AT, CREATED_AT, *map(quoted, values)))
    connection.register("ranking", rows.append_column(_PLACE, pa.array(range(rows.num_rows))))
    found = connection.sql(f"SELECT {_PLACE} FROM ranking ORDER BY {order}").to_arrow_table()
    connection.unregister("ranking")
    ranks = np.empty(rows.num_rows, dtype=np.int64)
    ranks[found[_PLACE].to_numpy()] = np.arange(rows.num_rows)
    return ranks


def quoted(name: str) -> str:
    """The name as SQL takes any name: in double quotes, those in it doubled.

    >>> quoted("a b")
    '"a b"'
    """
    return '"' + name.replace('"', '""') + '"'
