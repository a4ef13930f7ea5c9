import gzip
import io
import tracemalloc

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingestion.objects import MAX_LINE_BYTES, Line, Refusal, Row
from ingestion.reasons import Reason
from lakehouse.landing_ledger import ObjectStatus
from support.landed import Landing

HEADER = b"feed,segment_id,latitude,longitude,speed_kmh,measured_at\n"


def test_lines_keep_their_physical_numbers_and_blank_ones_do_not_count(landing: Landing) -> None:
    pieces, reader = landing.pieces("gps_pings", gzip.compress(b"one\n\n  \r\ntwo\r\nthree"))
    assert pieces == [Line(1, b"one"), Line(4, b"two\r"), Line(5, b"three")]
    assert (reader.lines, reader.status) == (3, ObjectStatus.OK)


def test_object_without_lines_is_a_heartbeat(landing: Landing) -> None:
    for payload, ext in (
        (gzip.compress(b""), "json.gz"),
        (gzip.compress(b"\n"), "json.gz"),
        (gzip.compress(HEADER), "csv.gz"),
        (gzip.compress(b""), "csv.gz"),
        (b"\xef\xbb\xbf\n", "jsonl"),
    ):
        pieces, reader = landing.pieces("traffic_speeds", payload, ext)
        assert (pieces, reader.lines, reader.status) == ([], 0, ObjectStatus.OK)


def test_zero_byte_object_is_refused(landing: Landing) -> None:
    for ext in ("json.gz", "json", "csv.gz", "parquet"):
        pieces, reader = landing.pieces("gps_pings", b"", ext)
        assert pieces == [Refusal(0, Reason.EMPTY_OBJECT, b"", 0)]
        assert (reader.lines, reader.status) == (1, ObjectStatus.EMPTY)


def test_multi_member_gzip_is_read_as_one_text(landing: Landing) -> None:
    members = gzip.compress(b"one\ntw") + gzip.compress(b"") + gzip.compress(b"o\nthree\n") + b"\0" * 700
    pieces, reader = landing.pieces("gps_pings", members)
    assert pieces == [Line(1, b"one"), Line(2, b"two"), Line(3, b"three")]
    assert (reader.status, reader.byte_count) == (ObjectStatus.OK, len(members))


def test_truncated_gzip_keeps_every_line_before_the_cut(landing: Landing) -> None:
    payload = gzip.compress(b"one\ntwo\nthr")[:-8]
    pieces, reader = landing.pieces("gps_pings", payload)
    assert pieces == [Line(1, b"one"), Line(2, b"two"), Refusal(3, Reason.TRUNCATED, b"thr", 3)]
    assert (reader.lines, reader.status) == (3, ObjectStatus.TRUNCATED)


def test_gzip_cut_between_two_lines_reports_the_object(landing: Landing) -> None:
    payload = gzip.compress(b"one\ntwo\n")[:-8]
    pieces, reader = landing.pieces("gps_pings", payload)
    assert pieces == [Line(1, b"one"), Line(2, b"two"), Refusal(0, Reason.TRUNCATED, b"", len(payload))]
    assert (reader.lines, reader.status) == (3, ObjectStatus.TRUNCATED)


@pytest.mark.parametrize("length", range(1, 18))
def test_gzip_cut_in_its_header_is_truncated(landing: Landing, length: int) -> None:
    pieces, reader = landing.pieces("gps_pings", gzip.compress(b"x" * 9000)[:length])
    assert [type(piece) for piece in pieces] == [Refusal]
    assert reader.status is ObjectStatus.TRUNCATED


def test_cut_after_whole_members_keeps_them(landing: Landing) -> None:
    payload = gzip.compress(b"one\n") + gzip.compress(b"two\nthr\n")[:5]
    pieces, _ = landing.pieces("gps_pings", payload)
    assert pieces == [Line(1, b"one"), Refusal(0, Reason.TRUNCATED, b"", len(payload))]


def test_bytes_after_the_last_member_are_reported_and_kept(landing: Landing) -> None:
    pieces, reader = landing.pieces("gps_pings", gzip.compress(b"one\n") + b"\0\0junk" * 3)
    assert pieces == [Line(1, b"one"), Refusal(0, Reason.TRAILING_BYTES, b"junk\0\0junk\0\0junk", 16)]
    assert reader.status is ObjectStatus.TRUNCATED


def test_no_line_of_a_member_whose_checksum_fails_is_believed(landing: Landing) -> None:
    damaged = bytearray(gzip.compress(b"two\n" * 50, 0))
    damaged[30] ^= 1  # a stored block: only the checksum can tell
    pieces, reader = landing.pieces("gps_pings", gzip.compress(b"one\npart of ") + bytes(damaged))
    assert pieces == [Line(1, b"one"), Refusal(2, Reason.DAMAGED, b"part of ", 8)]
    assert reader.status is ObjectStatus.TRUNCATED
    pieces, reader = landing.pieces("gps_pings", bytes(damaged))
    assert pieces == [Refusal(0, Reason.DAMAGED, bytes(damaged), len(damaged))]
    assert reader.status is ObjectStatus.UNREADABLE


def test_what_is_not_what_its_name_says_is_refused_whole(landing: Landing) -> None:
    for payload, ext, reason in (
        (b'{"event_id": "e1"}\n', "json.gz", Reason.NOT_GZIP),
        (b"\x1f", "json", None),
        (b"PAR1 and no more", "parquet", Reason.NOT_PARQUET),
        (b"<xml/>", "xml", Reason.UNKNOWN_FORMAT),
        (b"a,b\n1,2\n", "csv", Reason.BAD_HEADER),
        (b"feed,feed,segment_id\n1,2,3\n", "csv", Reason.BAD_HEADER),
        (b"feed;segment_id\nA;1\n", "csv", Reason.BAD_HEADER),
        (b"feed,\xff\n", "csv", Reason.BAD_HEADER),
    ):
        pieces, reader = landing.pieces("traffic_speeds", payload, ext)
        if reason is None:
            assert pieces == [Line(1, payload)]
        else:
            assert pieces == [Refusal(0, reason, payload, len(payload))]
            assert (reader.lines, reader.status) == (1, ObjectStatus.UNREADABLE)


def test_compression_is_seen_by_content_where_the_name_says_none(landing: Landing) -> None:
    assert landing.pieces("gps_pings", gzip.compress(b"one\n"), "json")[0] == [Line(1, b"one")]


def test_byte_order_mark_is_no_part_of_the_first_line(landing: Landing) -> None:
    assert landing.pieces("gps_pings", gzip.compress(b"\xef\xbb\xbf{}\n"))[0] == [Line(1, b"{}")]
    pieces, reader = landing.pieces("traffic_speeds", b"\xef\xbb\xbf" + HEADER, "csv")
    assert (pieces, reader.header and reader.header[0]) == ([], "feed")


def test_50_megabyte_line_is_never_held_whole(landing: Landing) -> None:
    text = b'{"a": "' + b"x" * 50_000_000 + b'"}'
    payload = gzip.compress(b"{}\n" + text + b"\n{}\n")
    landing.pieces("gps_pings", gzip.compress(b"{}"))  # what is imported on first use is not ours
    tracemalloc.start()
    try:
        pieces, reader = landing.pieces("gps_pings", payload)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert pieces == [
        Line(1, b"{}"),
        Refusal(2, Reason.TOO_LONG, text[:MAX_LINE_BYTES], len(text)),
        Line(3, b"{}"),
    ]
    assert reader.lines == 3
    assert peak < 8 * MAX_LINE_BYTES


def test_line_of_exactly_one_mebibyte_is_a_line(landing: Landing) -> None:
    fits, too_long = b"x" * MAX_LINE_BYTES, b"y" * (MAX_LINE_BYTES + 1)
    for payload, ext in (
        (gzip.compress(fits + b"\n" + too_long), "json.gz"),
        (fits + b"\n" + too_long, "json"),
    ):
        pieces, _ = landing.pieces("gps_pings", payload, ext)
        refusal = Refusal(2, Reason.TOO_LONG, too_long[:MAX_LINE_BYTES], MAX_LINE_BYTES + 1)
        assert pieces == [Line(1, fits), refusal]


def test_header_of_each_joined_csv_is_no_record(landing: Landing) -> None:
    one = gzip.compress(b"\xef\xbb\xbf" + HEADER + b"A,1,,,,\n")
    pieces, reader = landing.pieces("traffic_speeds", one + one, "csv.gz")
    assert pieces == [Line(2, b"A,1,,,,"), Line(4, b"A,1,,,,")]
    assert reader.header == tuple(HEADER.decode().strip().split(","))


def test_parquet_rows_are_numbered_from_one(landing: Landing) -> None:
    pieces, reader = landing.pieces(
        "traffic_speeds", parquet(feed=["A", None], segment_id=["1", "2"]), "parquet"
    )
    assert pieces == [Row(1, {"feed": "A", "segment_id": "1"}), Row(2, {"feed": None, "segment_id": "2"})]
    assert (reader.lines, reader.status) == (2, ObjectStatus.OK)
    pieces, reader = landing.pieces("traffic_speeds", parquet(feed=pa.array([], pa.string())), "parquet")
    assert (pieces, reader.status) == ([], ObjectStatus.OK)


def test_damaged_parquet_keeps_the_rows_before_the_damage(landing: Landing) -> None:
    payload = bytearray(parquet(feed=[f"feed {n}" for n in range(30_000)]))
    middle = len(payload) * 2 // 3
    payload[middle : middle + 2000] = b"\xff" * 2000
    pieces, reader = landing.pieces("traffic_speeds", bytes(payload), "parquet")
    assert pieces[:-1] == [Row(n + 1, {"feed": f"feed {n}"}) for n in range(len(pieces) - 1)]
    assert pieces[-1] == Refusal(len(pieces), Reason.DAMAGED, b"", len(payload))
    assert (reader.lines, reader.status) == (len(pieces), ObjectStatus.TRUNCATED)


def parquet(**columns: object) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, row_group_size=10_000, use_dictionary=False, compression="zstd")
    return sink.getvalue()
