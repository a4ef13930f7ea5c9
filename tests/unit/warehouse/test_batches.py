"""Rows as files: equal rows have one digest however they are parted, and what names persons stays."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from validation.arrow_schema import arrow_schema
from validation.columns import pick
from validation.contract import Table
from validation.contracts import FEATURES, TRAINING
from validation.contracts.features.driver_state_15m import DRIVER_STATE_15M
from validation.contracts.training.row_index import ROW_INDEX
from validation.errors import CheckFailed, PermissionRefused
from warehouse.batches import Batch, Outgoing, batch_of, require_may_leave

SMALL = Table(
    name="features.small",
    grain="One row per row.",
    key=("provider_id",),
    columns=pick("provider_id", "known_date", "event_timestamp", "offers_4h_count", "offer_accept_ratio_4h"),
    clock="event_timestamp",
)
ROWS = [
    {"provider_id": "a", "offers_4h_count": 1, "offer_accept_ratio_4h": 0.1 + 0.2},
    {"provider_id": "b", "offers_4h_count": 2, "offer_accept_ratio_4h": None},
    {"provider_id": "c", "offers_4h_count": 3, "offer_accept_ratio_4h": 0.3},
    {"provider_id": "c", "offers_4h_count": 3, "offer_accept_ratio_4h": 0.3},
]


def table_of(rows: list[dict[str, object]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=arrow_schema(SMALL))


def batch(folder: Path, *given: list[dict[str, object]], rows_a_part: int = 100) -> Batch:
    tables = [table_of(rows) for rows in given]
    return batch_of(Outgoing(SMALL, "a release", lambda: tables), folder, rows_a_part)


def test_equal_rows_have_one_digest_however_they_come_and_are_parted(tmp_path: Path) -> None:
    whole = batch(tmp_path / "whole", ROWS)
    parted = batch(tmp_path / "parted", ROWS[2:], [], ROWS[:2], rows_a_part=3)
    assert [pq.read_metadata(path).num_rows for path in parted.parts] == [3, 1]
    assert (whole.digest, whole.rows, len(whole.parts)) == (parted.digest, parted.rows, 1)
    assert whole.digest.startswith("4-")


@pytest.mark.parametrize(
    "rows",
    [
        ROWS[:3],
        [*ROWS, ROWS[3]],
        [{**ROWS[0], "offer_accept_ratio_4h": 0.3}, *ROWS[1:]],
        [{**ROWS[0], "offers_4h_count": None}, *ROWS[1:]],
        [{**ROWS[0], "offers_4h_count": 2}, {**ROWS[1], "offers_4h_count": 1}, *ROWS[2:]],
    ],
    ids=["one less", "one more", "the last bit", "null", "values that change places"],
)
def test_a_digest_tells_the_least_change(tmp_path: Path, rows: list[dict[str, object]]) -> None:
    assert batch(tmp_path / "a", rows).digest != batch(tmp_path / "b", ROWS).digest


def test_files_have_the_contract_s_columns_types_and_order_alone(tmp_path: Path) -> None:
    given = table_of(ROWS).select(SMALL.column_names[::-1])
    given = given.append_column("other", pa.array([1] * 4))
    given = given.set_column(
        given.schema.get_field_index("provider_id"),
        "provider_id",
        given["provider_id"].cast(pa.large_string()),
    )
    (part,) = batch_of(Outgoing(SMALL, "a release", lambda: [given]), tmp_path / "waiting").parts
    assert pq.read_schema(part).equals(arrow_schema(SMALL))


def test_no_rows_are_no_files_and_a_digest(tmp_path: Path) -> None:
    empty = batch(tmp_path / "waiting")
    assert (empty.rows, empty.parts, empty.digest) == (0, (), "0-" + "0" * 32)


def test_what_waited_before_is_gone(tmp_path: Path) -> None:
    batch(tmp_path / "waiting", ROWS, rows_a_part=1)
    assert len(batch(tmp_path / "waiting", ROWS).parts) == 1
    assert len(list((tmp_path / "waiting").iterdir())) == 1


def test_rows_that_are_not_all_there_are_refused(tmp_path: Path) -> None:
    outgoing = Outgoing(SMALL, "a release", lambda: [table_of(ROWS)], digest="known", rows=5)
    with pytest.raises(CheckFailed, match="4 rows were read where 5 are said to be"):
        batch_of(outgoing, tmp_path / "waiting")


def test_restricted_tables_never_leave(tmp_path: Path) -> None:
    with pytest.raises(PermissionRefused, match="it has driver_id, last_fix_latitude, last_fix_longitude"):
        batch_of(Outgoing(DRIVER_STATE_15M, "a release", list), tmp_path / "waiting")
    with pytest.raises(PermissionRefused, match="its rows lead to persons"):
        require_may_leave(ROW_INDEX)
    for table in (*FEATURES, *TRAINING):
        if not table.is_restricted:
            require_may_leave(table)


def test_a_column_that_places_a_person_keeps_its_table_back() -> None:
    columns = pick("provider_id", "known_date", "event_timestamp", "last_fix_latitude")
    with pytest.raises(PermissionRefused, match="it has last_fix_latitude"):
        require_may_leave(
            Table("features.open", "One row.", ("provider_id",), columns, clock="event_timestamp")
        )
