"""The San Francisco replay: cabs and speeds by hand, then days of the recording itself."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simulation.landing import LandingWriter
from simulation.recorded import cab_pings, probe_speeds
from simulation.recorded.replay_summary import ReplayCounts
from simulation.recorded.san_francisco import CONSTRUCTED, SOURCES, labels_from_raw, replay_san_francisco
from validation.errors import InputMissing, UserError

EVERYTHING = (-(2**62), 2**62)
SATURDAY_3AM = 1_211_018_400  # 2008-05-17T10:00:00Z
DAY = 86_400


def records_of(objects):
    return [record for records in objects.values() for record in records]


def cabs_written(tmp_path, rows):
    path = tmp_path / "pings.parquet"
    names = ["cab_id", "latitude", "longitude", "occupied", "epoch_s"]
    table = pa.table({name: [row[n] for row in rows] for n, name in enumerate(names)})
    pq.write_table(table, path, row_group_size=3)
    counts = ReplayCounts()
    cab_pings.replay_cab_pings(path, LandingWriter(tmp_path), counts, *EVERYTHING, lambda *_: None)
    return counts


def test_pings_move_by_whole_weeks_and_a_flag_that_turns_is_a_status(tmp_path, landed):
    rows = [
        ("abboip", 37.75153, -122.39447, 0, SATURDAY_3AM),
        ("abboip", 37.75149, -122.39, 0, SATURDAY_3AM + 60),
        ("abboip", 50.30546, -122.4, 1, SATURDAY_3AM + 120),
        ("abboip", 37.75149, -122.4, 1, SATURDAY_3AM + DAY),
        ("abdrem", 37.0, -122.4, 1, SATURDAY_3AM + 30),
        ("abdrem", 37.1, -122.4, 0, SATURDAY_3AM + 3 * DAY),
    ]
    counts = cabs_written(tmp_path, rows)
    pings = {ping["event_id"]: ping for ping in records_of(landed(tmp_path, "gps_pings"))}
    assert len(pings) == counts.records["gps_pings"] == counts.rows_read[cab_pings.FILE] == 6
    assert pings["cabspotting-0"] == {
        "event_id": "cabspotting-0",
        "provider_id": cab_pings.company_of("abboip"),
        "driver_id": "cab-abboip",
        "latitude": 37.75153,
        "longitude": -122.39447,
        "event_timestamp": "2018-05-19T10:00:00Z",
    }
    assert datetime(2018, 5, 19, tzinfo=UTC).weekday() == datetime(2008, 5, 17, tzinfo=UTC).weekday()
    statuses = records_of(landed(tmp_path, "provider_status"))
    assert {(status["event_id"], status["status"]) for status in statuses} == {
        ("cabspotting-0", "available"),
        ("cabspotting-2", "on_job"),
        ("cabspotting-4", "on_job"),
        ("cabspotting-5", "available"),
    }


def test_a_ping_never_lands_before_it_happened(tmp_path, landed):
    cabs_written(tmp_path, [("abboip", 37.7, -122.4, 0, SATURDAY_3AM + 300 * n - 1) for n in range(600)])
    for stamp, pings in landed(tmp_path, "gps_pings").items():
        landed_at = datetime.strptime(stamp, "%Y-%m-%d-%H-%M-%S").replace(tzinfo=UTC)
        assert all(datetime.fromisoformat(ping["event_timestamp"]) < landed_at for ping in pings)


def test_a_reading_is_placed_in_its_cell_and_lands_after_its_quarter_of_an_hour(tmp_path, landed):
    path = tmp_path / "speeds.parquet"
    columns = {
        "window_start_epoch_s": [SATURDAY_3AM],
        "cell_lat_e2": [3755],
        "cell_lon_e2": [-12230],
        "n_samples": [3],
        "mean_kmh": pa.array([80.54], pa.float32()),
        "median_kmh": pa.array([80.0], pa.float32()),
    }
    pq.write_table(pa.table(columns), path)
    probe_speeds.replay_probe_speeds(path, LandingWriter(tmp_path), ReplayCounts(), *EVERYTHING)
    ((stamp, (reading,)),) = landed(tmp_path, "traffic_speeds").items()
    assert stamp >= "2018-05-19-10-15"
    assert reading == {
        "feed": "sf-probe-speeds",
        "segment_id": "3755_-12230",
        "latitude": "37.555",
        "longitude": "-122.295",
        "speed_kmh": "80.54",
        "free_flow_kmh": "",
        "sample_count": "3",
        "status": "",
        "measured_at": "2018-05-19T10:00:00Z",
    }


def test_a_missing_folder_and_missing_files_are_all_named(tmp_path):
    with pytest.raises(InputMissing, match="does not exist"):
        replay_san_francisco(tmp_path / "nowhere", tmp_path)
    with pytest.raises(InputMissing, match="lacks 4 of 4 files") as caught:
        replay_san_francisco(tmp_path, tmp_path)
    assert "sf-probe-speeds/" in str(caught.value)
    assert "--data DIR" in caught.value.next_step


def test_days_without_a_recording_are_refused_by_name(recorded_data, tmp_path):
    with pytest.raises(UserError, match="nothing was recorded"):
        replay_san_francisco(recorded_data, tmp_path, date(2017, 6, 1), date(2017, 7, 1))
    with pytest.raises(UserError, match="empty"):
        replay_san_francisco(recorded_data, tmp_path, date(2018, 6, 1), date(2018, 6, 1))


@pytest.mark.slow(minutes=0.3)
def test_two_days_of_the_recording_land_whole(recorded_data, tmp_path, landed):
    start = date(2018, 5, 26)
    summary = replay_san_francisco(recorded_data, tmp_path, start, start + timedelta(days=2))
    assert summary.constructed == CONSTRUCTED
    assert set(summary.sources) == set(SOURCES)
    for source, count in summary.sources.items():
        objects = landed(tmp_path, source)
        assert sum(len(records) for records in objects.values()) == count.records
        slots = (summary.last_landed_at - summary.first_landed_at) // timedelta(minutes=5) + 1
        assert len(objects) == slots  # until the last arrival of any recording
    assert summary.sources["gps_pings"].records == summary.rows_read[cab_pings.FILE]
    assert summary.sources["traffic_speeds"].records == summary.rows_read[probe_speeds.FILE]


@pytest.mark.slow(minutes=0.3)
def test_labels_of_the_raw_file_are_those_of_the_landed_events(recorded_data, tmp_path, landed):
    replay_san_francisco(recorded_data, tmp_path, date(2016, 12, 31), date(2017, 1, 6))
    events = pd.DataFrame(records_of(landed(tmp_path, "dispatch_events")))
    events["at"] = pd.to_datetime(events["event_timestamp"])
    at = events.dropna(subset=["assignment_id"]).pivot_table("at", "assignment_id", "event_type", "first")
    minutes = (at["on_scene"] - at["accepted"]).dt.total_seconds() / 60
    labels = labels_from_raw(recorded_data).set_index("assignment_id").loc[at.index]
    observed = labels[labels["status"] == "observed"]
    assert len(observed) > 3_500
    assert (observed["arrival_minutes"] == minutes[observed.index]).all()
