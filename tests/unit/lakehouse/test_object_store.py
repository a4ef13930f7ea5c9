import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lakehouse.object_store import (
    LandedObject,
    Misnamed,
    delete_object,
    list_objects,
    open_bytes,
    put_object,
)
from support.object_server import BUCKET, CREDENTIALS, object_server
from validation.errors import InputMissing, SettingError, Unreachable, UserError

SOURCE = "gps_pings"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def land(root: Path, stamp: str, ident: str = "a", payload: bytes = b"x") -> str:
    moment = at(stamp)
    key = f"landing/{SOURCE}/{moment:%Y/%m/%d/%H}/{SOURCE}-{moment:%Y-%m-%d-%H-%M-%S}-{ident}.json.gz"
    put(root, key, payload)
    return key


def put(root: Path, key: str, payload: bytes = b"x") -> None:
    (root / key).parent.mkdir(parents=True, exist_ok=True)
    (root / key).write_bytes(payload)


def keys(root: Path, start: str, end: str, **options: timedelta) -> list[str]:
    return [found.key for found in list_objects(root.as_uri(), SOURCE, at(start), at(end), **options)]


def test_objects_are_listed_by_their_stamp_from_start_up_to_but_not_including_end(tmp_path: Path) -> None:
    land(tmp_path, "2026-03-10T16:59:59")
    first = land(tmp_path, "2026-03-10T17:00:00")
    last = land(tmp_path, "2026-03-10T18:14:59")
    land(tmp_path, "2026-03-10T18:15:00")
    assert keys(tmp_path, "2026-03-10T17:00", "2026-03-10T18:15") == [first, last]


def test_whole_days_and_their_edges_are_listed_once_in_order_of_key(tmp_path: Path) -> None:
    stamps = (
        "2025-12-31T23:30",
        "2026-01-01T00:00",
        "2026-01-31T12:00",
        "2026-02-28T23:59",
        "2026-03-01T00:10",
    )
    expected = [land(tmp_path, stamp) for stamp in stamps]
    land(tmp_path, "2026-03-01T00:20")
    assert keys(tmp_path, "2025-12-31T23:15", "2026-03-01T00:15") == expected


def test_an_entry_has_the_stamp_and_the_size(tmp_path: Path) -> None:
    key = land(tmp_path, "2026-03-10T17:02:05", payload=b"12345")
    found = list(list_objects(tmp_path.as_uri(), SOURCE, at("2026-03-10T17:00"), at("2026-03-10T18:00")))
    assert found == [LandedObject(key, at("2026-03-10T17:02:05"), 5)]


def test_a_straggler_is_found_by_looking_back(tmp_path: Path) -> None:
    straggler = land(tmp_path, "2026-03-10T14:00")
    assert keys(tmp_path, "2026-03-10T17:00", "2026-03-10T17:15") == []
    assert keys(tmp_path, "2026-03-10T17:00", "2026-03-10T17:15", look_back=timedelta(hours=4)) == [straggler]


def test_only_the_folders_of_the_hours_asked_for_are_read(tmp_path: Path) -> None:
    wanted = land(tmp_path, "2026-03-10T17:30")
    closed = tmp_path / f"landing/{SOURCE}/2026/03/10/16"
    put(tmp_path, f"landing/{SOURCE}/2026/03/10/16/nonsense")
    assert keys(tmp_path, "2026-03-10T17:00", "2026-03-10T18:00") == [wanted]
    assert (closed / "nonsense").exists()


def test_bad_names_are_reported_and_stop_nothing(tmp_path: Path) -> None:
    good = land(tmp_path, "2026-03-10T17:30")
    hour = f"landing/{SOURCE}/2026/03/10/17"
    bad = {
        f"{hour}/notes.txt",
        f"{hour}/{SOURCE}-2026-03-10-17-61-00-a.json.gz",
        f"{hour}/{SOURCE}-2026-03-10-19-00-00-a.json.gz",
        f"{hour}/traffic_speeds-2026-03-10-17-00-00-a.csv.gz",
        f"{hour}/deeper/{SOURCE}-2026-03-10-17-00-00-a.json.gz",
        f"landing/{SOURCE}/2026/stray.json.gz",
    }
    for key in bad:
        put(tmp_path, key)
    put(tmp_path, f"landing/{SOURCE}/2026/3/x")
    put(tmp_path, f"landing/{SOURCE}/tmp/x")
    put(tmp_path, f"{hour}/.{SOURCE}-2026-03-10-17-00-00-a.json.gz.part")
    found = list(list_objects(tmp_path.as_uri(), SOURCE, at("2026-03-10T17:00"), at("2026-03-10T18:00")))
    misnamed = {entry.key for entry in found if isinstance(entry, Misnamed)}
    assert misnamed == bad | {f"landing/{SOURCE}/2026/3/", f"landing/{SOURCE}/tmp/"}
    assert [entry.key for entry in found if isinstance(entry, LandedObject)] == [good]


def test_a_source_that_landed_nothing_yields_nothing(tmp_path: Path) -> None:
    assert keys(tmp_path, "2026-03-10T17:00", "2026-03-10T18:00") == []


def test_a_missing_root_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputMissing, match="ROADSIDE_LANDING_URI"):
        keys(tmp_path / "nowhere", "2026-03-10T17:00", "2026-03-10T18:00")


def test_bytes_come_as_they_landed(tmp_path: Path) -> None:
    payload = gzip.compress(b'{"event_id": "e1"}\n')
    key = land(tmp_path, "2026-03-10T17:30", payload=payload)
    with open_bytes(tmp_path.as_uri(), key) as stream:
        assert stream.read(10) + stream.read() == payload


def test_a_missing_object_and_a_key_that_leaves_the_root_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputMissing, match="landing/gps_pings/x"):
        open_bytes(tmp_path.as_uri(), "landing/gps_pings/x")
    with pytest.raises(UserError, match="out of the root"):
        open_bytes(tmp_path.as_uri(), "landing/../../secret")


def test_a_root_that_is_no_place_is_a_setting_to_mend() -> None:
    with pytest.raises(SettingError, match="ROADSIDE_LANDING_URI"):
        open_bytes("s3://bucket?colour=red", "landing/gps_pings/x")


def test_a_store_that_does_not_answer_is_unreachable() -> None:
    root = "s3://key:hush@bucket?region=us-east-1&endpoint_override=127.0.0.1:9&scheme=http"
    with pytest.raises(Unreachable) as refused:
        list(list_objects(root, SOURCE, at("2026-03-10T17:00"), at("2026-03-10T18:00")))
    assert "hush" not in str(refused.value)


def test_an_object_is_deleted_with_the_folders_that_are_empty_then(tmp_path: Path) -> None:
    gone, beside = land(tmp_path, "2026-03-10T17:02:00"), land(tmp_path, "2026-03-09T11:00:00")
    delete_object(tmp_path.as_uri(), gone)
    delete_object(tmp_path.as_uri(), gone)
    assert keys(tmp_path, "2026-03-01", "2026-04-01") == [beside]
    assert not (tmp_path / f"landing/{SOURCE}/2026/03/10").exists()
    delete_object(tmp_path.as_uri(), beside)
    assert [path.name for path in (tmp_path / "landing").iterdir()] == [SOURCE]


def test_only_landed_objects_are_deleted(tmp_path: Path) -> None:
    put(tmp_path, "vault.db")
    for key in ("vault.db", f"landing/{SOURCE}/../../vault.db"):
        with pytest.raises(UserError, match="names no landed object"):
            delete_object(tmp_path.as_uri(), key)
    assert (tmp_path / "vault.db").exists()


def test_an_object_in_a_bucket_is_deleted_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with object_server() as server:
        stamped = [f"landing/{SOURCE}/2026/03/10/17/{SOURCE}-2026-03-10-17-{n:02}-00-a.gz" for n in range(2)]
        address = server.endpoint.partition("//")[2]
        root = f"s3://{BUCKET}/road?endpoint_override={address}&scheme=http&region=us-east-1"
        for key in stamped:
            put_object(root, key, b"x")
        delete_object(root, stamped[0])
        delete_object(root, stamped[0])
        found = list_objects(root, SOURCE, at("2026-03-10T00:00"), at("2026-03-11T00:00"))
        assert [each.key for each in found] == stamped[1:]
        delete_object(root, stamped[1])
        assert list(list_objects(root, SOURCE, at("2026-03-10T00:00"), at("2026-03-11T00:00"))) == []
