import gzip
import io
import logging
import zlib
from datetime import UTC, date, datetime
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion import rows as rows_module
from ingestion.objects import MAX_LINE_BYTES
from ingestion.rows import (
    bronze_table,
    line_context,
    payload_context,
    quarantine_table,
    read_object,
    wide_schema,
)
from lakehouse.landing_ledger import LedgerEntry
from support.landed import LANDED_AT, Landing, a_ping, a_request, json_lines
from validation.errors import Defect, InputMissing
from validation.sources import DISPATCH_EVENTS, GPS_PINGS, SOURCES

PLANTED = (
    "Ada Planted",
    "555-0100",
    "4S4BSANC5K3000001",
    "M-77",
    "call Ada",
    "D-PLANTED",
    "37.771234",
    "-122.421234",
)


OBJECT_REASONS = {
    "empty_object",
    "not_gzip",
    "bad_header",
    "truncated",
    "damaged",
    "trailing_bytes",
}


def planted_request(**changes: Any) -> dict[str, Any]:
    return a_request(driver_id="D-PLANTED", latitude=37.771234, longitude=-122.421234, **changes)


def payload(landing: Landing, row: dict[str, Any], source: str = "dispatch_events") -> Any:
    return orjson.loads(landing.vault.open(row["sealed_payload"], payload_context(source)))


# What comes of good records


def test_ping_becomes_a_bronze_row(landing: Landing) -> None:
    entry = landing.land_records("gps_pings", a_ping(heading=90))
    (row,) = landing.read(entry)["record"]
    assert {name: row[name] for name in bronze_table(GPS_PINGS).column_names} == {
        "source_object": entry.key,
        "source_line": 1,
        "landed_at": LANDED_AT,
        "known_at": datetime(2026, 3, 10, 17, 15, tzinfo=UTC),
        "known_date": date(2026, 3, 10),
        "contract_version": 1,
        "schema_version": 1,
        "content_digest": row["content_digest"],
        "has_unknown_value": False,
        "unknown_fields": [],
        "sealed_payload": None,
        "event_id": "e1",
        "event_timestamp": datetime(2026, 3, 10, 17, 1, tzinfo=UTC),
        "provider_id": "P1",
        "driver_id": landing.vault.token(landing.vault.subject("driver", "D1"), "driver_id", "D1"),
        "latitude": 37.77,
        "longitude": -122.42,
        "speed_kmh": 31.5,
        "heading": 90.0,
        "accuracy_m": None,
    }
    assert len(row["content_digest"]) == 16


def test_request_is_tokenised_and_sealed_under_its_member(landing: Landing) -> None:
    (row,) = landing.read(landing.land_records("dispatch_events", planted_request(extra={"tone": "kind"})))[
        "record"
    ]
    member = landing.vault.subject("member", "PR1", "M-77")
    assert row["member_token"] == landing.vault.token(member, "member_id", "M-77")
    assert row["vehicle_token"] == landing.vault.token(member, "vin", "4S4BSANC5K3000001")
    assert (row["vehicle_make"], row["vehicle_year"]) == ("Subaru", 2019)
    assert (row["zone_id"], row["destination_zone_id"]) == ("872830828ffffff", "872830810ffffff")
    assert row["unknown_fields"] == ["extra"]
    assert row["sealed_payload"][1:17] == member.subject_id
    assert payload(landing, row) == {  # the driver's own identifier is in nobody else's payload
        "destination": {"latitude": 37.80, "longitude": -122.27},
        "extra": {"tone": "kind"},
        "latitude": 37.771234,
        "longitude": -122.421234,
        "member": {"member_id": "M-77", "name": "Ada Planted", "phone": "+1-555-0100"},
        "notes": "call Ada at the gate",
        "vehicle": {"vin": "4S4BSANC5K3000001"},
    }


def test_event_without_a_member_is_its_jobs(landing: Landing) -> None:
    event = a_request(member=None, vehicle=None, notes="blue car")
    (row,) = landing.read(landing.land_records("dispatch_events", event))["record"]
    assert row["sealed_payload"][1:17] == landing.vault.subject("job", "J1").subject_id
    assert (row["member_token"], row["vehicle_token"]) == (None, None)
    nothing = dict.fromkeys(("member", "vehicle", "notes", "latitude", "longitude", "destination"))
    (bare,) = landing.read(landing.land_records("dispatch_events", a_request(**nothing)))["record"]
    assert (bare["sealed_payload"], bare["zone_id"]) == (None, None)


def test_resend_has_the_same_digest_and_a_changed_record_another(landing: Landing) -> None:
    ping = a_ping()
    resent = dict(reversed(ping.items()))
    other_driver = a_ping(driver_id="D2")
    found = landing.read(
        landing.land_records("gps_pings", ping, resent, a_ping(speed_kmh=31.6), other_driver)
    )
    digests = [row["content_digest"] for row in found["record"]]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


def test_same_object_twice_gives_the_same_rows(landing: Landing) -> None:
    lines = (planted_request(), b"no json", [1], a_request(event_id=None))
    entry = landing.land_records("dispatch_events", *lines)
    again = landing.land_records("dispatch_events", *lines)
    assert landing.batches(entry) == landing.batches(entry)
    renamed = [{**row, "source_object": entry.key} for rows in landing.read(again).values() for row in rows]
    assert renamed == [row for rows in landing.read(entry).values() for row in rows]


def test_traffic_lands_as_csv_or_as_parquet_alike(landing: Landing) -> None:
    header = b"feed,segment_id,latitude,longitude,speed_kmh,sample_count,status,measured_at\n"
    line = b'"F, west",s1,37.77,-122.42,-1,0,-101,2026-03-10T17:00:00Z\n'
    sink = io.BytesIO()
    table = pa.table(
        {
            "feed": ["F, west"],
            "segment_id": ["s1"],
            "latitude": [37.77],
            "longitude": pa.array([-122.42], pa.float64()),
            "speed_kmh": pa.array([-1.0], pa.float32()),
            "sample_count": [0],
            "status": ["-101"],
            "measured_at": pa.array([datetime(2026, 3, 10, 17, tzinfo=UTC)], pa.timestamp("ns", "UTC")),
        }
    )
    pq.write_table(table, sink)
    (csv_row,) = landing.read(landing.land("traffic_speeds", gzip.compress(header + line), "csv.gz"))[
        "record"
    ]
    (parquet_row,) = landing.read(landing.land("traffic_speeds", sink.getvalue(), "parquet"))["record"]
    own = {"source_object": "", "source_line": 0, "content_digest": ""}
    assert csv_row | own == parquet_row | own
    assert (csv_row["zone_id"], csv_row["reading_status"], csv_row["speed_kmh"]) == (
        "872830828ffffff",
        "-101",
        -1.0,
    )


# Bad input, case by case


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"event_id": "e1"', "not_json"),
        (b"null", "not_an_object"),
        (b'"text"', "not_an_object"),
        (b"[]", "not_an_object"),
        (b'{"event_id": NaN}', "not_json"),
        (b'{"event_id": "caf\xe9"}', "wrong_encoding"),
        ("{}".encode("utf-16-le"), "wrong_encoding"),
        (b"\xff\xfe" + "{}".encode("utf-16-le"), "wrong_encoding"),
        (b'{"a":' * 2000 + b"1" + b"}" * 2000, "not_json"),
    ],
)
def test_line_that_is_no_record_is_quarantined_with_its_reason(
    landing: Landing, line: bytes, reason: str
) -> None:
    text = json_lines(a_ping(), line, a_ping(event_id="e2"))
    entry = landing.land("gps_pings", gzip.compress(text))
    found = landing.read(entry)
    assert [row["event_id"] for row in found["record"]] == ["e1", "e2"]
    (refused,) = found["quarantined"]
    assert (refused["source_line"], refused["reason"], refused["byte_count"]) == (2, reason, len(line))
    assert landing.vault.open(refused["sealed_line"], line_context("gps_pings")) == line
    assert found["object"][0]["line_count"] == 3


def test_array_where_a_line_was_due_is_refused_alone(landing: Landing) -> None:
    assert landing.refusals("gps_pings", gzip.compress(json_lines([a_ping(), a_ping()], a_ping()))) == [
        (1, "not_an_object", None)
    ]


def test_every_reason_of_a_record_is_in_its_text(landing: Landing) -> None:
    entry = landing.land_records("gps_pings", a_ping(provider_id=None, latitude=123))
    (row,) = landing.read(entry)["quarantined"]
    assert (row["reason"], row["field_name"]) == ("missing_field", "provider_id")
    assert row["reason_text"].startswith("provider_id: A required field is absent")
    assert "latitude: The value is outside the contract's bounds" in row["reason_text"]


def test_byte_order_mark_harms_no_line(landing: Landing) -> None:
    joined = b"\xef\xbb\xbf" + json_lines(a_ping()) + b"\xef\xbb\xbf" + json_lines(a_ping(event_id="e2"))
    assert [row["event_id"] for row in landing.read(landing.land("gps_pings", joined, "json"))["record"]] == [
        "e1",
        "e2",
    ]


def test_line_too_long_is_kept_to_its_first_mebibyte(landing: Landing) -> None:
    line = orjson.dumps(a_ping(note="x" * 2 * MAX_LINE_BYTES))
    entry = landing.land("gps_pings", gzip.compress(line + b"\n" + json_lines(a_ping())))
    found = landing.read(entry)
    (row,) = found["quarantined"]
    assert (row["reason"], row["byte_count"], len(found["record"])) == ("too_long", len(line), 1)
    assert landing.vault.open(row["sealed_line"], line_context("gps_pings")) == line[:MAX_LINE_BYTES]


def test_refused_objects_leave_one_row_at_line_0(landing: Landing) -> None:
    assert landing.refusals("gps_pings", b"") == [(0, "empty_object", None)]
    assert landing.refusals("gps_pings", b"plain") == [(0, "not_gzip", None)]
    assert landing.refusals("gps_pings", b"plain", "txt") == [(0, "unknown_format", None)]
    assert landing.refusals("traffic_speeds", b"1,2,3\n", "csv") == [(0, "bad_header", None)]


def test_truncated_object_keeps_its_lines_and_reports_the_cut(landing: Landing) -> None:
    whole = gzip.compress(json_lines(*(a_ping(event_id=f"e{n}") for n in range(200))), 1)
    found = landing.read(landing.land("gps_pings", whole[: len(whole) // 2]))
    kept = [row["event_id"] for row in found["record"]]
    assert kept == [f"e{n}" for n in range(len(kept))]
    assert 0 < len(kept) < 200
    assert [row["reason"] for row in found["quarantined"]] == ["truncated"]
    assert found["object"][0]["object_status"] == "truncated"
    assert found["object"][0]["line_count"] == len(kept) + 1


def test_csv_lines_that_are_no_records(landing: Landing) -> None:
    lines = [
        b"feed,segment_id,latitude,longitude,measured_at",
        b"F,s1,37.77,-122.42",
        b'F,"s1,37.77,-122.42,2026-03-10T17:00:00Z',
        b"F,s\xff,37.77,-122.42,2026-03-10T17:00:00Z",
        b"F,,north,-122.42,2026-03-10T17:00:00Z",
        b"F,s1,37.77,-122.42,2026-03-10T17:00:00Z",
    ]
    assert landing.refusals("traffic_speeds", b"\r\n".join(lines), "csv") == [
        (2, "wrong_column_count", None),
        (3, "not_csv", None),
        (4, "wrong_encoding", None),
        (5, "missing_field", "segment_id"),
    ]


def test_object_that_is_gone_is_an_error_not_a_quarantine_row(landing: Landing) -> None:
    key = "landing/gps_pings/2026/03/10/17/gps_pings-2026-03-10-17-02-00-gone.json.gz"
    with pytest.raises(InputMissing):
        landing.batches(LedgerEntry("gps_pings", key, LANDED_AT, LANDED_AT, 0, False))


# What holds for all input


@st.composite
def mutated_objects(draw: st.DrawFn) -> tuple[str, bytes]:
    source = draw(st.sampled_from(["gps_pings", "dispatch_events"]))
    good = a_ping if source == "gps_pings" else a_request
    line = st.sampled_from(
        [
            orjson.dumps(good()),
            orjson.dumps(good(event_id=None)),
            b"",
            b"[]",
            b"{",
            b"\xff",
            b"\xef\xbb\xbf{}",
        ]
    )
    members = [
        zlib.compress(draw(st.lists(line, max_size=8).map(b"\n".join)), draw(st.integers(0, 9)), wbits=31)
        for _ in range(draw(st.integers(1, 3)))
    ]
    payload = bytearray(b"".join(members))
    for _ in range(draw(st.integers(0, 2))):
        match draw(st.sampled_from(["flip", "cut", "insert", "append"])):
            case "flip" if payload:
                payload[draw(st.integers(0, len(payload) - 1))] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del payload[draw(st.integers(0, len(payload))) :]
            case "insert":
                at = draw(st.integers(0, len(payload)))
                payload[at:at] = draw(st.binary(max_size=5))
            case _:
                payload += draw(st.binary(max_size=5))
    return source, bytes(payload)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(mutated_objects(), st.sampled_from(["json.gz", "json", "csv.gz", "csv"]))
def test_landed_is_bronze_plus_quarantined_whatever_the_bytes(
    landing: Landing, mutated: tuple[str, bytes], ext: str
) -> None:
    source, payload = mutated
    found = landing.read(landing.land(source, payload, ext))
    (summary,) = found["object"]
    assert summary["line_count"] == len(found["record"]) + len(found["quarantined"])
    assert summary["object_bytes"] == len(payload)
    numbers = [row["source_line"] for row in found["record"] + found["quarantined"]]
    assert len(set(numbers)) == len(numbers)
    is_reported = {row["reason"] for row in found["quarantined"]} & OBJECT_REASONS
    assert (summary["object_status"] != "ok") == bool(is_reported)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from([a_ping(), a_ping(driver_id="D2"), [], a_ping(latitude="x")]), max_size=12))
def test_rows_do_not_depend_on_the_size_of_chunks(landing: Landing, lines: list[Any]) -> None:
    entry = landing.land_records("gps_pings", *lines)
    whole = landing.read(entry)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows_module, "CHUNK_LINES", 2)
        assert landing.read(entry) == whole


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_wide_schema_holds_every_column_of_both_tables(source: Any) -> None:
    names = wide_schema(source).names
    assert {*bronze_table(source).column_names, *quarantine_table(source).column_names} <= {*names}
    assert len(set(names)) == len(names)


def test_no_planted_identifier_is_in_any_byte_of_any_row(
    landing: Landing, caplog: pytest.LogCaptureFixture
) -> None:
    lines: list[Any] = [
        planted_request(),
        planted_request(surprise="Ada Planted"),
        planted_request(member={"member_id": "M-77", "name": "Ada Planted", "aka": "Ada Planted"}),
        planted_request() | {"Ada Planted": 1},
        planted_request(event_timestamp="Ada Planted"),
        planted_request(vehicle="4S4BSANC5K3000001"),
        planted_request(program_id=None),
        [planted_request()],
        orjson.dumps(planted_request())[:-1],
        orjson.dumps(planted_request()) + b"\xff",
    ]
    with caplog.at_level(logging.DEBUG):
        entry = landing.land("dispatch_events", gzip.compress(json_lines(*lines)) + b"Ada Planted")
        batches = landing.batches(entry)
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, wide_schema(DISPATCH_EVENTS)) as stream:
        for batch in batches:
            stream.write_batch(batch)
    text = sink.getvalue() + repr([batch.to_pylist() for batch in batches]).encode() + caplog.text.encode()
    assert sum(batch.num_rows for batch in batches) == len(lines) + 2
    for planted in PLANTED:
        assert planted.encode() not in text
        assert planted.encode("utf-16-le") not in text


def test_unforeseen_failure_is_told_without_a_value(
    landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("cannot convert 'Ada Planted'")

    entry = landing.land_records("dispatch_events", planted_request())
    monkeypatch.setattr(rows_module, "content_digest", fail)
    with pytest.raises(Defect) as raised:
        list(read_object(DISPATCH_EVENTS, entry, landing.root_uri, landing.vault))
    assert "ValueError" in str(raised.value)
    assert "Ada" not in str(raised.value)
    assert raised.value.__suppress_context__
