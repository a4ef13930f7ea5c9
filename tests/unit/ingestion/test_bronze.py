import gzip

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from ingestion import bronze as bronze_module
from ingestion.bronze import bronze_rows, ingest_frame, object_outcomes, quarantine_rows
from lakehouse.landing_ledger import LedgerEntry, ObjectOutcome, ObjectStatus
from support.landed import Landing, a_ping, a_request, json_lines
from validation.contracts import table_named
from validation.sources import DISPATCH_EVENTS, GPS_PINGS
from validation.spark_schema import struct_of

# PySpark leaves the socket of a collect to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


def test_objects_become_bronze_rows_quarantine_rows_and_outcomes(
    spark: SparkSession, landing: Landing
) -> None:
    entries = [
        landing.land_records("gps_pings", a_ping(), a_ping(event_id="e2"), a_ping(latitude=100)),
        landing.land_records("gps_pings"),
        landing.land("gps_pings", b""),
        landing.land("gps_pings", gzip.compress(json_lines(a_ping(event_id="e3")))[:-4]),
    ]
    frame = ingest_frame(spark, GPS_PINGS, entries, landing.root_uri, landing.handle).persist()
    bronze, quarantine = bronze_rows(frame, GPS_PINGS), quarantine_rows(frame, GPS_PINGS)
    assert bronze.schema == struct_of(table_named("bronze.gps_pings"))
    assert quarantine.schema == struct_of(table_named("quarantine.gps_pings"))
    assert sorted(row.event_id for row in bronze.collect()) == ["e1", "e2", "e3"]
    assert object_outcomes(frame) == [
        outcome(entries[0], ObjectStatus.OK, 3, 2, {"out_of_bounds": 1}),
        outcome(entries[1], ObjectStatus.OK, 0, 0, {}),
        outcome(entries[2], ObjectStatus.EMPTY, 1, 0, {"empty_object": 1}),
        outcome(entries[3], ObjectStatus.TRUNCATED, 2, 1, {"truncated": 1}),
    ]
    frame.unpersist()


def test_no_entries_give_an_empty_frame(spark: SparkSession, landing: Landing) -> None:
    frame = ingest_frame(spark, GPS_PINGS, [], landing.root_uri, landing.handle)
    assert bronze_rows(frame, GPS_PINGS).count() == 0
    assert object_outcomes(frame) == []


def test_plan_names_no_person_and_no_vault(spark: SparkSession, landing: Landing) -> None:
    entry = landing.land_records("dispatch_events", a_request())
    frame = bronze_rows(
        ingest_frame(spark, DISPATCH_EVENTS, [entry], landing.root_uri, landing.handle), DISPATCH_EVENTS
    )
    plan = frame._jdf.queryExecution().toString()
    assert "MapInArrow" in plan
    for secret in ("Ada", "M-77", "4S4BSANC5K3000001", "vault", "platform.key"):
        assert secret not in plan


def outcome(
    entry: LedgerEntry, status: ObjectStatus, lines: int, rows: int, reasons: dict[str, int]
) -> ObjectOutcome:
    return ObjectOutcome(entry.key, status, lines, rows, sum(reasons.values()), reasons, entry.size, 1)


def numbered(*numbers: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"number": pa.array(numbers, pa.int64())})


def test_small_batches_are_joined_in_order_until_they_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bronze_module, "BATCH_ROWS", 4)
    landed = [numbered(*each) for each in ((1,), (2, 3), (), (4, 5), (6, 7, 8, 9, 10), (11,))]
    joined = [each.column("number").to_pylist() for each in bronze_module._joined(landed)]
    assert joined == [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10], [11]]
    monkeypatch.setattr(bronze_module, "BATCH_BYTES", 24)
    assert [each.num_rows for each in bronze_module._joined(landed)] == [3, 7, 1]
