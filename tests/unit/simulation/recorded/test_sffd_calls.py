"""Fire calls as roadside jobs, on rows written in the published formats."""

from __future__ import annotations

import gzip

import pytest

from simulation.landing import LandingWriter
from simulation.recorded import sffd_labels
from simulation.recorded.replay_summary import ReplayCounts
from simulation.recorded.sffd_calls import (
    CLOCKS,
    COLUMNS,
    MINUTES_FILE,
    SECONDS_FILE,
    dispatch_records,
    replay_calls,
    status_records,
    unit_responses,
)
from validation.errors import UserError

EVERYTHING = (-(2**62), 2**62)
HEADER = ",".join(
    f'"{name}"' if " " in name else name for name in (*COLUMNS, "Neighborhood  District", "RowID")
)
MINUTES = [
    # received, dispatched, responded, on scene, transport, available
    ("1", "E28", "Code 2 Transport", ["23:50", "23:54", "23:56", "23:57", "", "1/2/18 0:08"]),
    ("2", "79", "Code 2 Transport", ["23:50", "23:54", "23:54", "", "", "23:58"]),
    ("3", "B01", "Cancelled", ["23:50", "23:54", "", "", "", "23:55"]),
    ("4", "AM130", "Gone on Arrival", ["23:50", "23:54", "23:55", "23:58", "", "23:59"]),
    ("5", "T03", "Fire", ["23:50", "23:54", "23:56", "23:55", "", "23:59"]),
    ("6", "E03", "Fire", ["23:30", "23:31", "23:33", "23:50", "", "23:35"]),
    ("7", "64", "Code 3 Transport", ["23:30", "23:31", "23:33", "", "23:50", "23:55"]),
    ("8", "E41", "Other", ["23:30", "23:31", "23:31", "", "", ""]),
    ("9", "RS1", "No Merit", ["23:30", "23:31", "23:31", "23:31", "", "23:40"]),
]


def write_calls(path, rows, day="1/1/18 "):
    lines = [HEADER]
    for sequence, unit, disposition, clocks in rows:
        dated = [clock if not clock or "/" in clock else day + clock for clock in clocks]
        place = '"(37.80091620181012, -122.4092110490048)"'
        cells = ["180014214", sequence, unit, "Medical Incident", disposition, place, *dated, "Mission", unit]
        lines.append(",".join(cells))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    return path


@pytest.fixture
def responses(tmp_path):
    path = write_calls(tmp_path / "calls.csv.gz", MINUTES)
    entries = unit_responses(path, MINUTES_FILE.clock_format, *EVERYTHING)
    return {entry.job_id: entry for entry in entries}


def lifecycle(response):
    return [record["event_type"] for record in dispatch_records(response)]


@pytest.mark.parametrize(
    ("sequence", "ending"),
    [
        ("1", ["accepted", "en_route", "on_scene", "completed"]),
        ("2", ["accepted", "en_route", "cancelled"]),
        ("3", ["cancelled"]),
        ("4", ["accepted", "en_route", "on_scene", "gone_on_arrival"]),
        ("7", ["accepted", "en_route", "towing", "completed"]),
        ("8", ["accepted", "en_route"]),
        ("9", ["accepted", "en_route", "on_scene", "unsuccessful"]),
    ],
)
def test_a_units_response_becomes_one_job_with_one_offer(responses, sequence, ending):
    assert lifecycle(responses[f"180014214-{sequence}"]) == ["requested", "offered", *ending]


def test_who_cancelled_is_read_from_the_calls_disposition(responses):
    recalled, never_left = (list(dispatch_records(responses[f"180014214-{n}"]))[-1] for n in "23")
    assert (recalled["actor"], recalled["assignment_id"]) == ("agent", "180014214-2-1")
    assert never_left["actor"] == "member"
    assert "assignment_id" not in never_left


def test_an_interval_that_runs_backwards_stays_as_recorded(responses):
    at = {r["event_type"]: r["event_timestamp"] for r in dispatch_records(responses["180014214-5"])}
    assert at["on_scene"] - at["accepted"] == -60


def test_the_crews_status_follows_the_same_clock(responses):
    records = list(status_records(responses["180014214-2"]))
    assert [(r["status"], r["provider_id"], r["driver_id"]) for r in records] == [
        ("en_route", "sffd-ambulance", "sffd-79"),
        ("available", "sffd-ambulance", "sffd-79"),
    ]


def test_records_land_after_they_happened_in_utc_and_twice_the_same(tmp_path, landed):
    path = write_calls(tmp_path / "calls.csv.gz", MINUTES)
    runs = []
    for side in ("a", "b"):
        counts = ReplayCounts()
        replay_calls(MINUTES_FILE, path, LandingWriter(tmp_path / side), counts, *EVERYTHING)
        runs.append(landed(tmp_path / side, "dispatch_events"))
    assert runs[0] == runs[1]
    events = {r["event_id"]: (stamp, r) for stamp, records in runs[0].items() for r in records}
    stamp, arrived = events["180014214-1-on_scene"]
    assert arrived["event_timestamp"] == "2018-01-02T07:57:00Z"
    assert stamp >= "2018-01-02-07-57"
    requested = events["180014214-1-requested"][1]
    assert (requested["service_type"], requested["longitude"]) == ("medical_incident", -122.4092110490048)
    assert counts.records["dispatch_events"] == len(events) == 48


def test_days_outside_the_bounds_and_foreign_files_are_not_taken(tmp_path):
    path = write_calls(tmp_path / "calls.csv.gz", MINUTES)
    assert unit_responses(path, MINUTES_FILE.clock_format, 0, 1_514_764_800) == []
    with pytest.raises(UserError, match="published format"):
        unit_responses(path, SECONDS_FILE.clock_format, *EVERYTHING)
    path.write_bytes(gzip.compress(b"Call Number\n1\n"))
    with pytest.raises(UserError, match="no column Unit sequence"):
        unit_responses(path, MINUTES_FILE.clock_format, *EVERYTHING)


def test_labels_are_computed_from_the_rows_alone(tmp_path):
    seconds = [("1", "E39", "Fire", ["11:00:00 PM", "11:00:10 PM", "11:01:00 PM", "11:04:30 PM", "", ""])]
    write_calls(tmp_path / SECONDS_FILE.name, seconds, day="12/31/2016 ")
    write_calls(tmp_path / MINUTES_FILE.name, MINUTES[1:])
    labels = sffd_labels.labels_from_raw(tmp_path).set_index("assignment_id")
    assert labels["end_reason"].to_dict() == {
        "180014214-1-1": "arrived",
        "180014214-2-1": "member_cancelled",
        "180014214-4-1": "arrived",
        "180014214-5-1": "arrived",
        "180014214-6-1": "missing_milestone",
        "180014214-7-1": "missing_milestone",
        "180014214-8-1": "open",
        "180014214-9-1": "arrived",
    }
    assert labels["arrival_minutes"].dropna().to_dict() == {"180014214-1-1": 3.5, "180014214-4-1": 3.0}
    assert labels.loc[["180014214-5-1", "180014214-9-1"], "status"].tolist() == ["invalid_arrival"] * 2


def test_every_clock_of_the_lifecycle_is_read():
    assert set(CLOCKS) <= set(COLUMNS)
