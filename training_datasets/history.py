"""The built days before a day, as frames to compare it with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from training_datasets.files import arrow_table, day_file
from training_datasets.gates import TRAILING_DAYS
from training_datasets.parts import frame_of_rows
from validation.arrow_schema import arrow_schema
from validation.contract import Table


def before_day(folder: Path, table: Table, day: date, in_hand: Mapping[date, pd.DataFrame]) -> pd.DataFrame:
    """The rows of the built days among the 28 before it, in the contract's columns; maybe none.

    Days in hand are computed and not published yet: they stand before what a file may say of them.
    """
    found = []
    for each in (day - timedelta(days=n) for n in range(TRAILING_DAYS, 0, -1)):
        path = day_file(folder, table, each)
        if each in in_hand:
            found.append(arrow_table(in_hand[each][list(table.column_names)], table))
        elif path.is_file():
            rows = pq.ParquetFile(path).read()
            partition = pa.array([each] * rows.num_rows, pa.date32())
            rows = rows.append_column(pa.field(table.partition, pa.date32()), partition)
            if set(table.column_names) <= set(rows.column_names):
                found.append(rows.select(table.column_names).cast(arrow_schema(table)))
    return frame_of_rows(pa.concat_tables(found or [arrow_schema(table).empty_table()]))
