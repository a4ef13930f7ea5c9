"""The simulated city: same seed, same bytes, objects as producers write them."""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from simulation.city import SimulationConfig, simulate
from simulation.landing import SOURCES
from simulation.people import PLANTED_NAMES
from support.landed_city import DAYS, END, START, good_records
from validation.errors import UserError

OBJECT_NAME = re.compile(
    r"landing/(?P<source>[a-z_]+)/(\d{4})/(\d\d)/(\d\d)/(\d\d)/"
    r"(?P=source)-\2-\3-\4-\5-\d\d-\d\d-\d{4}\.(json|csv)\.gz"
)
FIELDS = {
    "dispatch_events": "schema_version event_id job_id event_type event_timestamp offer_id assignment_id "
    "dispatch_channel actor reason_code provider_id driver_id service_type latitude longitude destination "
    "promised_arrival_at offer_expires_at vehicle member program_id scheduled_for job_kind selection notes",
    "provider_status": "event_id provider_id driver_id truck_id status equipment active_job_count "
    "event_timestamp",
    "gps_pings": "event_id provider_id driver_id latitude longitude speed_kmh heading accuracy_m "
    "event_timestamp",
    "service_outcomes": "claim_id job_id provider_id outcome invoice_status billed_usd tow_km rating nps "
    "submitted_at source_updated_at",
}


def digests(root: Path, day: str = "") -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*.*")
        if path.is_file() and day in str(path)
    }


def test_the_same_seed_writes_the_same_bytes_and_another_seed_others(tmp_path):
    for name, seed in (("a", 1), ("again", 1), ("b", 2)):
        simulate(SimulationConfig(START, seed=seed, providers=6, jobs_per_day=40), tmp_path / name)
    assert digests(tmp_path / "a") == digests(tmp_path / "again")
    assert set(digests(tmp_path / "a").values()) != set(digests(tmp_path / "b").values())


def test_a_longer_run_lands_the_same_first_day(tmp_path):
    for days in (1, 2):
        simulate(SimulationConfig(START, days, providers=6, jobs_per_day=40), tmp_path / str(days))
    first_day = digests(tmp_path / "1", "landing/")
    assert first_day.items() <= digests(tmp_path / "2", "landing/").items()


def test_a_folder_holds_one_city_only(tmp_path):
    simulate(SimulationConfig(START, providers=3, jobs_per_day=0), tmp_path)
    with pytest.raises(UserError, match="seed"):
        simulate(SimulationConfig(START, seed=2, providers=3, jobs_per_day=0), tmp_path)


def test_all_that_is_wrong_with_a_configuration_is_said_at_once():
    with pytest.raises(UserError, match=r"(?s)days is 0.*scale is 0"):
        SimulationConfig(START, days=0, scale=0)


def test_progress_is_told_each_hour(tmp_path):
    told = []
    summary = simulate(
        SimulationConfig(START, providers=3, jobs_per_day=5), tmp_path, lambda *step: told.append(step)
    )
    assert [step[:2] for step in told] == [(START, hour) for hour in range(24)]
    assert told[-1][2:] == (summary.objects, sum(summary.records.values()))


def test_every_object_has_the_name_of_its_source_and_hour(city):
    assert all(OBJECT_NAME.fullmatch(key) for key in city.keys)
    assert set(city.keys) == set(city.truth("objects").object_key)


def test_every_source_has_an_object_each_five_minutes_unless_it_is_dead(city):
    objects = city.truth("objects")
    withheld = objects[objects.kind == "withheld"]
    for source in SOURCES:
        slots = set(objects[objects.source == source].landed_at.dt.floor("5min"))
        assert len(slots) == DAYS * 288 - (withheld.source == source).sum()
    assert (objects[objects.kind == "heartbeat"].line_count == 0).all()
    early = objects[(objects.source == "gps_pings") & (objects.landed_at < END - timedelta(days=1))]
    assert set(early.kind) == {"heartbeat"}


def test_a_dead_feed_lands_all_it_withheld_at_once_on_the_second_day(city):
    objects = city.truth("objects")
    withheld = objects[objects.kind == "withheld"]
    assert withheld.source.nunique() == 1
    assert withheld.landed_at.nunique() == 1
    assert sorted(withheld.landed_at - withheld.due_at) == [timedelta(minutes=m) for m in range(5, 41, 5)]
    assert withheld.due_at.dt.day.unique().tolist() == [START.day + 1]
    assert withheld.due_at.dt.hour.between(12, 21).all()
    assert withheld.line_count.sum() > 20


def test_a_dead_feed_needs_three_days():
    with pytest.raises(UserError, match="days is 2; a dead feed needs at least 3"):
        SimulationConfig(START, days=2, dead_feed=True)


def test_line_counts_of_the_truth_are_those_of_the_objects(city):
    objects = city.truth("objects")
    for key, source, lines in objects[objects.kind != "truncated"][
        ["object_key", "source", "line_count"]
    ].itertuples(index=False):
        header = 1 if source == "traffic_speeds" else 0
        assert gzip.decompress((city.root / key).read_bytes()).count(b"\n") == lines + header


def test_truncated_objects_cannot_be_read_to_the_end_and_come_again(city):
    objects = city.truth("objects")
    assert len(city.truncated) > 0
    for key in city.truncated:
        reader = zlib.decompressobj(31)
        reader.decompress((city.root / key).read_bytes())
        assert not reader.eof
    again = objects[objects.kind == "redelivered"].merge(
        objects[objects.kind == "truncated"], left_on=["source", "due_at"], right_on=["source", "landed_at"]
    )
    assert (again.line_count_x == again.line_count_y).all()


def test_dirt_stands_where_the_truth_says(city):
    dirt = city.truth("dirt")
    for key, line, kind, record_id in dirt[["object_key", "line", "kind", "record_id"]].itertuples(
        index=False
    ):
        text = gzip.decompress((city.root / key).read_bytes()).split(b"\n")[line - 1]
        if kind == "malformed_text":
            assert not text.startswith(b"{")
        elif kind == "unknown_field":
            assert b"app_build" in text
        elif kind not in ("malformed_cut",) and "/" not in record_id:
            assert record_id.encode() in text.replace(b"\xff\xfe", b"")


def test_no_record_carries_anything_of_the_truth(city):
    for source, fields in FIELDS.items():
        seen = {name for record in good_records(city.lines(source)) for name in record}
        assert seen <= {*fields.split(), "app_build"}


def test_no_event_lands_before_it_happened(city):
    for key in city.keys:
        if "provider_status" in key and key not in city.truncated:
            stamp = key.rsplit("/", 1)[1].split("-", 1)[1][:19]
            lines = gzip.decompress((city.root / key).read_bytes()).split(b"\n")
            for record in good_records([line for line in lines if line]):
                assert record["event_timestamp"][:19].replace(":", "-").replace("T", "-") <= stamp


def test_planted_identifiers_are_in_landing_and_listed(city):
    planted = city.truth("planted_identifiers")
    landed = b"\n".join(city.lines("dispatch_events"))
    jobs = set(city.requests().job_id)
    for kind, value, job_id in planted[["kind", "value", "job_id"]].head(2000).itertuples(index=False):
        assert value.encode() in landed or job_id not in jobs, kind
    assert set(planted[planted.kind == "name"].value) <= set(PLANTED_NAMES)
    assert set(planted.kind) == {"name", "phone", "vin", "member_id"}


def test_a_truck_does_one_job_after_the_other(city):
    assignments = city.truth("assignments")
    done = assignments[assignments.driver_id.notna() & assignments.completed_at.notna()]
    for _, trips in done.sort_values("arrived_at").groupby("driver_id"):
        assert (
            trips.planned_departure_at.iloc[1:].to_numpy() >= trips.completed_at.iloc[:-1].to_numpy()
        ).all()


def test_promises_are_on_five_minutes_and_optimistic(city):
    assignments = city.truth("assignments")
    immediate = assignments[assignments.is_immediate]
    assert (immediate.first_promised_arrival_at.dt.floor("5min") == immediate.first_promised_arrival_at).all()
    assert (immediate.planned_arrival_at > immediate.first_promised_arrival_at).mean() > 0.15


def test_pings_come_from_tracked_providers_where_the_truck_is(city):
    tracked = city.truth("providers").set_index("provider_id").is_tracked
    pings = city.pings
    assert tracked[pings.provider_id.unique()].all()
    jobs = city.truth("jobs").set_index("job_id")
    arrivals = city.arrivals()
    arrivals = arrivals[(arrivals.arrived_at > END - timedelta(hours=20)) & arrivals.has_driver].head(60)
    by_driver = dict(iter(pings[pings.accuracy_m < 50].groupby("driver_id")))
    evidenced = 0
    for driver, job_id, arrived_at in arrivals[["driver_id", "job_id", "arrived_at"]].itertuples(index=False):
        near = by_driver[driver]
        near = near[(near["at"] - arrived_at).abs() < timedelta(minutes=10)]
        north = (near.latitude - jobs.latitude[job_id]) * 111.2
        east = (near.longitude - jobs.longitude[job_id]) * 85.5
        evidenced += bool(((north**2 + east**2) ** 0.5 < 0.3).any())
    assert evidenced / len(arrivals) > 0.95


def test_the_largest_object_is_split(tmp_path):
    simulate(SimulationConfig(START, providers=20, jobs_per_day=60, largest_object=100), tmp_path)
    objects = pd.read_parquet(tmp_path / "truth" / "objects.parquet")
    assert objects.line_count.max() <= 100
    assert objects.object_key.str.contains("-0002.").any()
