"""The New York feed: sentinels pass, silence stays silence."""

from __future__ import annotations

from datetime import date, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simulation.recorded.new_york import LINKS_FILE, SPEEDS_FILE, replay_new_york
from validation.errors import UserError


@pytest.fixture
def feed(tmp_path):
    """feed((local time, speed, status, link), ...): a data folder with these readings."""

    def written(*readings):
        data = tmp_path / "data"
        (data / SPEEDS_FILE).parent.mkdir(parents=True, exist_ok=True)
        speeds = {
            "sensor_id": [1] * len(readings),
            "speed_mph": [reading[1] for reading in readings],
            "travel_time_s": [0] * len(readings),
            "status": [reading[2] for reading in readings],
            "data_as_of_local": pa.array(
                [datetime.fromisoformat(reading[0]) for reading in readings], pa.timestamp("ms")
            ),
            "link_id": [reading[3] for reading in readings],
        }
        links = {"LinkId": [4329472, 4362247], "LinkPoints": ["40.75,-73.99 40.7605,-74", "40.7,-73.7 40.7"]}
        pq.write_table(pa.table(speeds), data / SPEEDS_FILE)
        pq.write_table(pa.table(links), data / LINKS_FILE)
        return data

    return written


def test_a_sentinel_is_landed_as_published_and_a_gap_has_no_objects(feed, tmp_path, landed):
    data = feed(
        ("2018-05-01T00:03:03", 57.16, 0, 4329472),
        ("2018-05-01T00:03:03", 0.0, -101, 4362247),
        ("2018-05-03T00:03:03", 24.85, -101, 4362247),
    )
    summary = replay_new_york(data, tmp_path)
    objects = landed(tmp_path, "traffic_speeds")
    assert len(objects) == summary.sources["traffic_speeds"].objects == 2
    reading, sentinel = next(iter(objects.values()))
    assert reading == {
        "feed": "nyc-dot",
        "segment_id": "4329472",
        "latitude": "40.75",
        "longitude": "-73.99",
        "speed_kmh": "91.99",
        "free_flow_kmh": "",
        "sample_count": "",
        "status": "0",
        "measured_at": "2018-05-01T04:03:03Z",
    }
    assert (sentinel["status"], sentinel["speed_kmh"]) == ("-101", "0")
    frozen = objects[max(objects)][0]
    assert (frozen["status"], frozen["speed_kmh"]) == ("-101", "39.99")


def test_days_are_half_open_in_utc(feed, tmp_path):
    data = feed(
        ("2018-05-01T19:59:59", 50.0, 0, 4329472),
        ("2018-05-01T20:00:00", 50.0, 0, 4329472),
    )
    summary = replay_new_york(data, tmp_path, start=date(2018, 5, 2))
    assert summary.sources["traffic_speeds"].records == 1


def test_a_link_without_a_place_is_refused(feed, tmp_path):
    with pytest.raises(UserError, match="1 links"):
        replay_new_york(feed(("2018-05-01T00:03:03", 50.0, 0, 5)), tmp_path)


@pytest.mark.slow(minutes=0.3)
def test_every_reading_of_the_recording_lands_once(recorded_data, tmp_path, landed):
    summary = replay_new_york(recorded_data, tmp_path)
    count = summary.sources["traffic_speeds"]
    assert (count.records, count.heartbeats) == (1_120_489, 0)
    sample = [row for records in list(landed(tmp_path, "traffic_speeds").values())[:500] for row in records]
    assert {row["status"] for row in sample} == {"0", "-101"}
