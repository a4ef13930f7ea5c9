from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from support.frames import T0, frame_of, in_chunks, known_in, ticks
from transforms.silver.arrival_evidence import LOOK_BACKS, arrival_evidence
from validation.clocks import TICK, Interval
from validation.contracts.silver.assignments import ASSIGNMENTS
from validation.contracts.silver.dispatch_events import DISPATCH_EVENTS_PRECISE
from validation.contracts.silver.gps_pings import GPS_PINGS

ARRIVED = T0 + timedelta(minutes=5)
SHOWN = ("assignment_id", "arrived_at", "known_at", "provider_id", "evidence_ping_at", "elsewhere_ping_at")
METRE = 1 / 111_195.1
"""Degrees of latitude."""

Rows = list[dict[str, Any]]


def location_of(payload: Column) -> Column:
    """Stands for the vault: the payload is readable."""
    return F.from_json(payload.cast("string"), "latitude double, longitude double")


def minutes(count: float) -> datetime:
    return T0 + timedelta(minutes=count)


def state(assignment: str, tick: int, arrived_at: datetime | None = ARRIVED, **more: Any) -> dict[str, Any]:
    """A row of the changelog; the job has the assignment's name."""
    return {
        "assignment_id": assignment,
        "job_id": assignment,
        "known_at": T0 + tick * TICK,
        "arrived_at": arrived_at,
        "provider_id": "P1",
    } | more


def place(job: str, tick: int, at: datetime, metres: float | None = 0, **more: Any) -> dict[str, Any]:
    """A statement of where the job is, so far north of the origin; None states no place."""
    told = {} if metres is None else {"latitude": metres * METRE, "longitude": 0.0}
    return {
        "event_id": f"{job} {tick} {metres}",
        "event_type": "requested",
        "job_id": job,
        "event_timestamp": at,
        "known_at": T0 + tick * TICK,
        "sealed_payload": json.dumps(told).encode(),
    } | more


def ping(tick: int, at: datetime, metres: float = 0, **more: Any) -> dict[str, Any]:
    return {
        "event_id": f"{tick} {at} {metres}",
        "event_timestamp": at,
        "known_at": T0 + tick * TICK,
        "provider_id": "P1",
        "driver_id": "D1",
        "latitude": metres * METRE,
        "longitude": 0.0,
        "is_inaccurate": False,
        "is_implausible_jump": False,
    } | more


class City:
    """The three inputs, and the evidence that a run is given just its look-backs of."""

    def __init__(self, spark: SparkSession, states: Rows, places: Rows, pings: Rows) -> None:
        self.assignments = frame_of(spark, ASSIGNMENTS, states)
        self.precise = frame_of(spark, DISPATCH_EVENTS_PRECISE, places)
        self.pings = frame_of(spark, GPS_PINGS, pings)

    def evidence(self, interval: Interval) -> DataFrame:
        return arrival_evidence(
            known_in(self.assignments, interval, LOOK_BACKS["assignments"]),
            known_in(self.precise, interval, LOOK_BACKS["dispatch_events_precise"]),
            known_in(self.pings, interval, LOOK_BACKS["gps_pings"]),
            interval,
            location_of,
        ).select(*SHOWN)


def test_an_arrival_is_borne_out_by_a_good_ping_of_its_provider_near_in_time_and_place(
    spark: SparkSession,
) -> None:
    """Each assignment has a provider of its own, with the one ping that its name describes."""
    day = timedelta(days=1)
    cases: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
        # assignment: (state, place, ping) where they differ from the plain case
        "plain": ({}, {}, {}),
        "299 m away": ({}, {}, {"latitude": 299 * METRE}),
        "301 m away": ({}, {}, {"latitude": 301 * METRE}),
        "ten minutes after": ({}, {}, {"event_timestamp": ARRIVED + timedelta(minutes=10)}),
        "ten minutes before": ({}, {}, {"event_timestamp": ARRIVED - timedelta(minutes=10)}),
        "later than that": ({}, {}, {"event_timestamp": ARRIVED + timedelta(minutes=10, microseconds=1)}),
        "its driver": ({"driver_id": "D1"}, {}, {}),
        "another driver": ({"driver_id": "D2"}, {}, {}),
        "another provider": ({}, {}, {"provider_id": "nobody"}),
        "inaccurate": ({}, {}, {"is_inaccurate": True}),
        "late": ({}, {}, {"is_late": True}),
        "implausible": ({}, {}, {"is_implausible_jump": True}),
        "stale": ({}, {}, {"is_stale": True}),
        "not arrived": ({"arrived_at": None}, {}, {}),
        "no place": ({}, {"sealed_payload": b"{}"}, {}),
        "place stated after": ({}, {"event_timestamp": ARRIVED + timedelta(seconds=1)}, {}),
        "place stated late": ({}, {"event_timestamp": T0 + TICK - 8 * day - timedelta(seconds=1)}, {}),
        "place on the horizon": ({}, {"event_timestamp": T0 + TICK - 8 * day}, {}),
        "place of another event": ({}, {"event_type": "accepted"}, {}),
    }
    states, places, pings = [], [], []
    for name, (of_state, of_place, of_ping) in cases.items():
        states.append(state(name, 1, provider_id=name) | of_state)
        places.append(place(name, 1, minutes(-30)) | of_place)
        pings.append(ping(1, ARRIVED, provider_id=name) | of_ping)
    found = City(spark, states, places, pings).evidence(Interval(T0, T0 + TICK)).collect()
    assert {row["assignment_id"] for row in found} == {
        "plain",
        "299 m away",
        "ten minutes after",
        "ten minutes before",
        "its driver",
        "stale",
        "place on the horizon",
    }


def test_evidence_is_known_when_its_last_part_is_and_only_once(spark: SparkSession) -> None:
    moved = minutes(2)
    states = [
        state("ping last", 1, provider_id="A"),
        state("state last", 3, provider_id="B"),
        state("place last", 1, provider_id="C"),
        state("place corrected", 1, provider_id="D"),
        state("driver corrected", 1, provider_id="E", driver_id="D9"),
        state("driver corrected", 3, provider_id="E", driver_id="D1"),
        state("closed later", 1, provider_id="F"),
        state("closed later", 3, provider_id="F", completed_at=minutes(30)),
        state("arrival corrected", 1, provider_id="G"),
        state("arrival corrected", 3, minutes(9), provider_id="G"),
        state("days late", 760, provider_id="H"),
        state("too late", 770, provider_id="I"),
    ]
    places = [
        *(place(row["job_id"], 1, minutes(-30)) for row in states[:1] + states[1:2] + states[4:]),
        place("place last", 3, minutes(-30)),
        place("place corrected", 1, minutes(-30), 5000),
        place("place corrected", 2, moved, event_type="job_updated"),
    ]
    pings = [
        ping(2, ARRIVED, provider_id="A"),
        ping(2, minutes(6), provider_id="A"),
        ping(3, minutes(4), provider_id="A"),
        *(ping(1, ARRIVED, provider_id=provider) for provider in "BCDEFGHI"),
    ]
    city = City(spark, states, places, pings)
    found = in_chunks(city.evidence, {"whole": ticks(T0, 772), "chunks": ticks(T0, 1, 1, 2, 755, 13)})
    expected = {
        ("ping last", ARRIVED, T0 + 2 * TICK, "A", ARRIVED, None),
        ("state last", ARRIVED, T0 + 3 * TICK, "B", ARRIVED, None),
        ("place last", ARRIVED, T0 + 3 * TICK, "C", ARRIVED, None),
        ("place corrected", ARRIVED, T0 + 2 * TICK, "D", ARRIVED, None),
        ("driver corrected", ARRIVED, T0 + 3 * TICK, "E", ARRIVED, None),
        ("closed later", ARRIVED, T0 + TICK, "F", ARRIVED, None),
        ("arrival corrected", ARRIVED, T0 + TICK, "G", ARRIVED, None),
        ("arrival corrected", minutes(9), T0 + 3 * TICK, "G", ARRIVED, None),
        ("days late", ARRIVED, T0 + 760 * TICK, "H", ARRIVED, None),
    }
    assert {name: set(rows) for name, rows in found.items()} == {"whole": expected, "chunks": expected}
    assert [len(rows) for rows in found.values()] == [9, 9]


def place_order(row: dict[str, Any]) -> tuple[datetime, bool, str]:
    return row["event_timestamp"], row["event_type"] != "requested", row["event_id"]


def naive_evidence(states: Rows, places: Rows, pings: Rows, span: int) -> list[tuple[Any, ...]]:
    """Tick by tick: what is borne out by all that is known, and was not before."""
    found: dict[tuple[str, datetime], tuple[Any, ...]] = {}
    for tick in range(1, span + 1):
        now = T0 + tick * TICK
        current = {
            row["assignment_id"]: row
            for row in sorted(states, key=lambda each: each["known_at"])
            if row["known_at"] <= now
        }
        for row in current.values():
            arrived = row["arrived_at"]
            stated = [
                each
                for each in places
                if each["job_id"] == row["job_id"]
                and each["known_at"] <= now
                and b"latitude" in each["sealed_payload"]
                and arrived is not None
                and each["event_timestamp"] <= arrived
            ]
            if arrived is None or not stated:
                continue
            last = max(
                stated,
                key=lambda each: (
                    each["event_timestamp"],
                    each["event_type"] != "requested",
                    each["event_id"],
                ),
            )
            latitude = json.loads(last["sealed_payload"])["latitude"]
            around = [
                (each["event_timestamp"], each["driver_id"], abs(each["latitude"] - latitude) / METRE <= 300)
                for each in pings
                if each["known_at"] <= now
                and each["provider_id"] == row["provider_id"]
                and row.get("driver_id") in (None, each["driver_id"])
                and abs(each["event_timestamp"] - arrived) <= timedelta(minutes=10)
            ]
            near = [(at, by) for at, by, is_there in around if is_there]
            key = (row["assignment_id"], arrived)
            if near and key not in found:
                first, by_whom = min(near)
                elsewhere = [
                    at
                    for at, by, is_there in around
                    if not is_there and by == by_whom and arrived <= at < first
                ]
                found[key] = (*key, now, row["provider_id"], first, max(elsewhere, default=None))
    return sorted(found.values(), key=repr)


SPAN = 5
tick = st.integers(1, SPAN)
minute = st.integers(-12, 12)
provider = st.sampled_from(["P1", "P2"])
driver = st.sampled_from(["D1", "D2"])
assignment = st.sampled_from("abcdefgh")
moves = st.sampled_from([0.0, 200.0, 400.0])
drawn_states = st.builds(
    lambda name, at, arrived, of, by: state(
        name, at, None if arrived is None else minutes(arrived), provider_id=of, driver_id=by
    ),
    assignment,
    tick,
    st.sampled_from([None, 0, 5]),
    provider,
    st.one_of(st.none(), driver),
)
drawn_places = st.builds(
    lambda name, at, when, metres, kind: place(name, at, minutes(when), metres, event_type=kind),
    assignment,
    tick,
    st.sampled_from([-5, 0, 3]),
    st.one_of(moves, st.none()),
    st.sampled_from(["requested", "job_updated"]),
)
drawn_pings = st.builds(
    lambda at, when, metres, of, by: ping(at, minutes(when), metres, provider_id=of, driver_id=by),
    tick,
    minute,
    st.sampled_from([0.0, 450.0, 700.0]),
    provider,
    driver,
)


@settings(max_examples=2, deadline=None, derandomize=True, phases=[Phase.generate])
@given(
    states=st.lists(
        drawn_states, min_size=20, max_size=30, unique_by=lambda row: (row["assignment_id"], row["known_at"])
    ),
    places=st.lists(
        drawn_places,
        min_size=15,
        max_size=30,
        unique_by=lambda row: (row["event_id"], row["event_timestamp"], row["event_type"]),
    ),
    pings=st.lists(drawn_pings, min_size=8, max_size=16),
    sizes=st.permutations([1, 2, 2]),
)
def test_every_chunking_gives_the_evidence_of_a_naive_loop_over_ticks(
    spark: SparkSession, states: Rows, places: Rows, pings: Rows, sizes: list[int]
) -> None:
    found = in_chunks(
        City(spark, states, places, pings).evidence, {"whole": ticks(T0, SPAN), "chunks": ticks(T0, *sizes)}
    )
    expected = naive_evidence(states, places, pings, SPAN)
    assert expected
    assert found == {"whole": expected, "chunks": expected}
