"""The Canberra feed: states become events, true arrival times stay."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simulation.recorded.canberra import (
    CHANGES_FILE,
    COLUMNS,
    POLLS_FILE,
    replay_canberra,
    transitions_from_raw,
)
from validation.errors import InputMissing

PENDING, ON_ROUTE, ON_SCENE = "Resource Allocation Pending", "Units On Route", "On Scene"
FIRST_POLL = datetime(2024, 3, 1, 1, 0, tzinfo=UTC)  # 12:00 in Canberra


def poll(number):
    return FIRST_POLL + timedelta(minutes=20 * number)


@pytest.fixture
def feed(tmp_path):
    """feed((poll, change, status, updated), ...): a data folder with one incident's changes."""

    def written(*changes, polls=8, **columns):
        rows = {
            "observed_at": [poll(change[0]) for change in changes],
            "change": [change[1] for change in changes],
            "status": [change[2] for change in changes],
            "updated": pa.array([change[3] for change in changes], pa.string()),
            "id": ["7-01032024"] * len(changes),
            "agency": ["Ambulance"] * len(changes),
            "type": ["AMBULANCE RESPONSE"] * len(changes),
            "time_of_call": ["01 Mar 2024 11:55:00"] * len(changes),
            "latitude": ["-35.27"] * len(changes),
            "longitude": ["149.12"] * len(changes),
        } | columns
        data = tmp_path / "data"
        (data / CHANGES_FILE).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({name: rows[name] for name in COLUMNS}), data / CHANGES_FILE)
        pq.write_table(pa.table({"observed_at": [poll(n) for n in range(polls)]}), data / POLLS_FILE)
        return data

    return written


def types_by_poll(objects):
    return [[record["event_type"] for record in records] for records in objects.values()]


def test_states_become_the_lifecycle_and_a_silent_poll_a_heartbeat(feed, tmp_path, landed):
    data = feed(
        (0, "new", PENDING, "01 Mar 2024 11:56:00"),
        (1, "update", ON_ROUTE, "01 Mar 2024 12:01:18.707"),
        (2, "update", ON_SCENE, "01 Mar 2024 12:30:00"),
        (3, "update", ON_SCENE, "01 Mar 2024 12:45:00"),
        (4, "update", "Finished", "01 Mar 2024 13:15:00"),
        (6, "gone", "Finished", "01 Mar 2024 13:15:00"),
    )
    summary = replay_canberra(data, tmp_path)
    objects = landed(tmp_path, "dispatch_events")
    assert list(objects)[:2] == ["2024-03-01-01-00-00", "2024-03-01-01-20-00"]
    assert types_by_poll(objects) == [
        ["requested"],
        ["offered", "accepted", "en_route"],
        ["on_scene"],
        [],
        ["completed"],
        [],
        [],
        [],
    ]
    requested, en_route = (objects[stamp][-1] for stamp in list(objects)[:2])
    assert requested["event_timestamp"] == "2024-03-01T00:55:00Z"
    assert en_route["event_timestamp"] == "2024-03-01T01:01:18.707000Z"
    assert en_route["assignment_id"] == "esa-7-01032024-1"
    assert summary.rows_without_record == {"no change of state, type or place": 2}
    assert summary.sources["dispatch_events"].heartbeats == 4


def test_a_return_to_pending_unassigns_and_the_next_units_are_a_new_round(feed, tmp_path, landed):
    data = feed(
        (0, "new", ON_ROUTE, "01 Mar 2024 11:56:00"),
        (1, "update", PENDING, "01 Mar 2024 12:10:00"),
        (2, "update", ON_ROUTE, "01 Mar 2024 12:30:00"),
        (3, "gone", ON_ROUTE, "01 Mar 2024 12:30:00"),
    )
    replay_canberra(data, tmp_path)
    records = [record for part in landed(tmp_path, "dispatch_events").values() for record in part]
    followed = [(r["event_type"], r["assignment_id"][-1]) for r in records if "assignment_id" in r]
    assert followed == [
        ("accepted", "1"),
        ("en_route", "1"),
        ("unassigned", "1"),
        ("accepted", "2"),
        ("en_route", "2"),
        ("completed", "2"),
    ]
    assert records[-1]["event_timestamp"] == "2024-03-01T02:00:00Z"
    assert records[-1]["reason_code"] == "gone"


def test_a_missed_state_and_a_missing_time_say_so(feed, tmp_path, landed):
    replay_canberra(feed((0, "new", ON_SCENE, None)), tmp_path)
    requested, offered, accepted, on_scene = landed(tmp_path, "dispatch_events")["2024-03-01-01-00-00"]
    assert "reason_code" not in requested
    assert offered["reason_code"] == on_scene["reason_code"] == "event_time_not_recorded"
    assert accepted["reason_code"] == "not_observed"
    assert on_scene["event_timestamp"] == "2024-03-01T01:00:00Z"


def test_an_incident_that_vanishes_and_comes_back_is_one_job(feed, tmp_path, landed):
    data = feed(
        (0, "new", PENDING, "01 Mar 2024 11:56:00"),
        (1, "gone", PENDING, "01 Mar 2024 11:56:00"),
        (2, "new", PENDING, "01 Mar 2024 11:56:00"),
        (3, "update", ON_SCENE, "01 Mar 2024 12:55:00"),
        (4, "gone", ON_SCENE, "01 Mar 2024 12:55:00"),
        (5, "new", "Finished", "01 Mar 2024 13:10:00"),
    )
    replay_canberra(data, tmp_path)
    assert types_by_poll(landed(tmp_path, "dispatch_events"))[:6] == [
        ["requested"],
        ["completed"],
        ["job_updated"],
        ["offered", "accepted", "on_scene"],
        ["completed"],
        ["completed"],
    ]
    (row,) = transitions_from_raw(data).to_dict("records")
    assert row == {
        "job_id": "esa-7-01032024",
        "requested": 1,
        "accepted": 1,
        "en_route": 0,
        "on_scene": 1,
        "unassigned": 0,
        "completed": 3,
    }


def test_a_new_place_or_type_is_told_and_days_before_start_are_only_remembered(feed, tmp_path, landed):
    data = feed(
        (0, "new", ON_ROUTE, "01 Mar 2024 11:56:00"),
        (75, "update", ON_SCENE, "02 Mar 2024 12:30:00"),
        polls=76,
        latitude=["-35.27", "-35.3"],
    )
    summary = replay_canberra(data, tmp_path, start=date(2024, 3, 2))
    objects = landed(tmp_path, "dispatch_events")
    (events,) = [records for records in objects.values() if records]
    assert [(e["event_type"], e.get("assignment_id")) for e in events] == [
        ("job_updated", None),
        ("on_scene", "esa-7-01032024-1"),
    ]
    assert events[0]["latitude"] == -35.3
    assert summary.sources["dispatch_events"].objects == len(objects) == 7


def test_a_missing_feed_is_said(tmp_path):
    with pytest.raises(InputMissing, match="lacks 2 of 2"):
        replay_canberra(tmp_path, tmp_path)


@pytest.mark.slow(minutes=0.3)
def test_a_year_of_the_feed_makes_the_transitions_that_pandas_counts(recorded_data, tmp_path, landed):
    summary = replay_canberra(recorded_data, tmp_path)
    objects = landed(tmp_path, "dispatch_events")
    events = pd.DataFrame(record for records in objects.values() for record in records)
    assert len(events) == summary.sources["dispatch_events"].records == 269_215
    assert len(objects) == 23_046
    assert events["event_id"].is_unique
    counted = events.groupby(["job_id", "event_type"]).size().unstack(fill_value=0)
    expected = transitions_from_raw(recorded_data).set_index("job_id")
    assert len(expected) == 56_464
    pd.testing.assert_frame_equal(
        counted[expected.columns], expected, check_dtype=False, check_names=False, check_like=True
    )
