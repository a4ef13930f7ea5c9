"""Landing objects: names, bytes, heartbeats."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta, timezone

import pytest

from simulation.landing import LandingWriter, object_key
from validation.errors import UnknownName, UserError

NOON = datetime(2026, 3, 10, 12, 0, 1, tzinfo=UTC)


def test_a_key_carries_source_stamp_in_utc_and_id():
    eastern = NOON.astimezone(timezone(timedelta(hours=-4)))
    assert (
        object_key("provider_status", eastern, "0001")
        == "landing/provider_status/2026/03/10/12/provider_status-2026-03-10-12-00-01-0001.json.gz"
    )


def test_records_are_gzip_json_lines_with_times_in_utc(tmp_path):
    key = LandingWriter(tmp_path).write("gps_pings", NOON, "a", [{"x": 1, "t": NOON}, {"x": None}])
    assert gzip.decompress((tmp_path / key).read_bytes()) == (
        b'{"x":1,"t":"2026-03-10T12:00:01Z"}\n{"x":null}\n'
    )


def test_traffic_is_csv_with_its_header(tmp_path):
    key = LandingWriter(tmp_path).write(
        "traffic_speeds",
        NOON,
        "a",
        [{"feed": "f", "segment_id": "s", "speed_kmh": None, "measured_at": NOON}],
    )
    header, row = gzip.decompress((tmp_path / key).read_bytes()).decode().splitlines()
    assert key.endswith(".csv.gz")
    assert header.startswith("feed,segment_id,latitude")
    assert row == "f,s,,,,,,,2026-03-10T12:00:01Z"


@pytest.mark.parametrize(("source", "lines"), [("gps_pings", 0), ("traffic_speeds", 1)])
def test_an_object_without_records_is_a_valid_heartbeat(tmp_path, source, lines):
    key = LandingWriter(tmp_path).write(source, NOON, "a", [])
    assert len(gzip.decompress((tmp_path / key).read_bytes()).splitlines()) == lines


def test_the_same_call_writes_the_same_bytes(tmp_path):
    records = [{"n": n} for n in range(100_000)]
    keys = [LandingWriter(tmp_path / side).write("gps_pings", NOON, "a", iter(records)) for side in "ab"]
    assert (tmp_path / "a" / keys[0]).read_bytes() == (tmp_path / "b" / keys[1]).read_bytes()


def test_a_broken_payload_is_written_untouched_and_nothing_else_is_left(tmp_path):
    key = LandingWriter(tmp_path).write_bytes("gps_pings", NOON, "a", b"\x1f\x8b", "json.gz")
    assert (tmp_path / key).read_bytes() == b"\x1f\x8b"
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [key.rsplit("/", 1)[1]]


def test_unknown_sources_columns_ids_and_naive_stamps_are_refused(tmp_path):
    with pytest.raises(UnknownName):
        object_key("gps_ping", NOON, "a")
    with pytest.raises(UserError):
        object_key("gps_pings", NOON, "a/b")
    with pytest.raises(UserError):
        object_key("gps_pings", NOON.replace(tzinfo=None), "a")
    with pytest.raises(UserError, match="colour"):
        LandingWriter(tmp_path).write("traffic_speeds", NOON, "a", [{"colour": 1}])
