from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from training_datasets.files import arrow_table, column_digests, day_file, write_parquet
from validation.columns import pick
from validation.contract import Table

DAY = date(2026, 3, 10)
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
TABLE = Table(
    name="training.small",
    grain="One row per row.",
    key=("meta_row_id",),
    columns=pick(
        "meta_row_id", "meta_decision_at", "meta_decision_date_et", "label_arrival_minutes", "label_is_goa"
    ),
    order=("meta_decision_at", "meta_row_id"),
    partition="meta_decision_date_et",
    clock="meta_decision_at",
)


def rows_of(*rows: tuple[str, int, float | None, bool | None]) -> pa.Table:
    frame = pd.DataFrame(
        [(key, NOON + timedelta(microseconds=late), DAY, took, is_goa) for key, late, took, is_goa in rows],
        columns=list(TABLE.column_names),
    ).astype({"label_is_goa": "boolean", "label_arrival_minutes": "float64"})
    return arrow_table(frame, TABLE)


ROWS: list[tuple[Any, ...]] = [
    ("b", 1, 54.0, False),
    ("a", 1, None, None),
    ("c", 0, 23.333333333333332, True),
]


def test_rows_stand_in_order_of_decision_then_id_and_nan_is_null() -> None:
    rows = rows_of(*ROWS)
    assert rows["meta_row_id"].to_pylist() == ["c", "a", "b"]
    assert rows["label_arrival_minutes"].to_pylist() == [23.333333333333332, None, 54.0]
    assert rows.schema.metadata is None


def test_the_same_rows_in_any_order_give_the_same_bytes(tmp_path: Path) -> None:
    for name, rows in (("one", ROWS), ("other", ROWS[::-1])):
        write_parquet(day_file(tmp_path / name, TABLE, DAY), rows_of(*rows))
    one, other = (day_file(tmp_path / name, TABLE, DAY).read_bytes() for name in ("one", "other"))
    assert one == other


@pytest.mark.parametrize(
    ("changed", "columns"),
    [
        (("b", 1, 54.00000000000001, False), ["label_arrival_minutes"]),
        (("b", 2, 54.0, False), ["meta_decision_at"]),
        (("b", 1, None, None), ["label_arrival_minutes", "label_is_goa"]),
        (("bb", 1, 54.0, False), ["meta_row_id"]),
    ],
)
def test_a_digest_tells_the_least_change_and_its_column(changed: tuple[Any, ...], columns: list[str]) -> None:
    before = column_digests(rows_of(*ROWS), "meta_row_id")
    after = column_digests(rows_of(changed, *ROWS[1:]), "meta_row_id")
    assert [name for name in before if before[name] != after[name]] == columns
    assert column_digests(rows_of(*ROWS[::-1]), "meta_row_id") == before


def test_values_that_change_places_between_rows_change_the_digest() -> None:
    before = column_digests(rows_of(("a", 1, 5.0, None), ("b", 1, 6.0, None)), "meta_row_id")
    after = column_digests(rows_of(("a", 1, 6.0, None), ("b", 1, 5.0, None)), "meta_row_id")
    assert before["label_arrival_minutes"] != after["label_arrival_minutes"]


def test_a_folder_of_days_reads_as_one_frame(tmp_path: Path) -> None:
    for day in (DAY, DAY + timedelta(days=1)):
        path = day_file(tmp_path, TABLE, day)
        write_parquet(path, rows_of(*ROWS).drop_columns([TABLE.partition]))
    (tmp_path / "_manifest.json").write_text("{}")
    found = pd.read_parquet(tmp_path)
    assert len(found) == 6
    assert sorted(found["meta_decision_date_et"].astype(str).unique()) == ["2026-03-10", "2026-03-11"]
