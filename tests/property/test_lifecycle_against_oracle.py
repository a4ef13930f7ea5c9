"""The lifecycle folds against the naive oracle, on jobs whose events come in any order and dirt."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from support.oracle_job_states import stage_of
from support.oracle_lifecycle import lifecycle
from support.oracle_memory import MEMORY, remembered
from support.oracle_records import Landed, counted
from support.oracle_states import zone_of
from transforms.silver.assignments import assignments
from transforms.silver.histories import Event, History, history_of, states
from transforms.silver.job_waits import job_waits
from transforms.silver.jobs import jobs
from transforms.silver.offers import offers
from validation.sources.dispatch_events import LIFECYCLE_ORDER

START = datetime(2026, 3, 10, 12, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PLACE = {"latitude": 43.6, "longitude": -116.2}


def micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


@st.composite
def job_records(draw: st.DrawFn) -> list[Landed]:
    """Up to 14 events of one job, on few instants so that ties are common, some without ids."""
    records = []
    for number in range(draw(st.integers(1, 14))):
        event_type = draw(st.sampled_from(LIFECYCLE_ORDER))
        minute = draw(st.integers(0, 90))
        provider = draw(st.sampled_from(["P1", "P2", None]))
        given_id = draw(st.sampled_from(["A", "B", None]))
        data: dict[str, Any] = {
            "event_id": f"e{number}",
            "job_id": "J",
            "event_type": event_type,
            "event_timestamp": (START + timedelta(minutes=minute)).isoformat(),
            "provider_id": provider,
            "actor": draw(st.sampled_from(["member", "provider", "agent", None])),
        }
        if event_type in ("requested", "job_updated"):
            data |= PLACE | {"service_type": draw(st.sampled_from(["tow", "lockout"]))}
            data["scheduled_for"] = draw(st.sampled_from([None, "2026-03-11T09:00:00+00:00"]))
        if event_type in ("offered", "accepted", "declined", "offer_expired", "eta_rejected"):
            data["offer_id"] = given_id
        if event_type in ("offered", "accepted", "declined"):  # of an answer it tells nothing of the offer
            data["dispatch_channel"] = draw(st.sampled_from(["digital", "phone", None]))
        if event_type in ("accepted", "eta_updated"):
            promise = draw(st.sampled_from([None, 30, 60, 120]))
            data["promised_arrival_at"] = promise and (START + timedelta(minutes=promise)).isoformat()
        elif draw(st.booleans()):
            data["assignment_id"] = given_id
        landed_at = START + timedelta(minutes=minute + draw(st.integers(-10, 60)))
        records.append(Landed("dispatch_events", data, landed_at, "object", number + 1))
    return records


def events_of(records: list[Landed]) -> list[Event]:
    """The same records as the folds take them: counted once, late ones left out."""
    made = []
    for record in counted(records, "dispatch_events"):
        data = record.data
        moments = {
            name: micros(datetime.fromisoformat(data[name])) if data.get(name) else None
            for name in ("promised_arrival_at", "scheduled_for")
        }
        plain = {
            name: data.get(name)
            for name in (
                "offer_id",
                "assignment_id",
                "provider_id",
                "actor",
                "service_type",
                "dispatch_channel",
            )
        }
        place = (data["latitude"], data["longitude"]) if "latitude" in data else None
        made.append(
            Event(
                job_id="J",
                event_id=data["event_id"],
                event_type=data["event_type"],
                event_timestamp=micros(record.event_timestamp),
                known_at=micros(record.known_at),
                landed_at=micros(record.landed_at),
                zone_id=zone_of(place),
                **plain,
                **moments,
            )
        )
    return made


def shown(moment: datetime | None) -> int | None:
    return None if moment is None else micros(moment)


@settings(max_examples=1000, deadline=None)
@given(job_records())
def test_offers_assignments_and_the_job_equal_the_oracle(records: list[Landed]) -> None:
    history = history_of("J", events_of(records))
    wanted = lifecycle(counted(records, "dispatch_events"))

    made = {row["offer_id"]: row for row in offers(history)}
    assert {
        key: (
            row["provider_id"],
            row["offered_at"],
            row["offer_outcome"],
            row["responded_at"],
            row["accepted_at"],
            row["dispatch_channel"],
            row["response_seconds"],
            row["is_immediate"],
        )
        for key, row in made.items()
    } == {
        key: (
            offer.provider_id,
            shown(offer.offered_at),
            offer.outcome,
            shown(offer.responded_at),
            shown(offer.accepted_at),
            offer.dispatch_channel,
            offer.response_seconds,
            offer.is_immediate_roadside,  # no job here is of another kind
        )
        for key, offer in wanted.offers.items()
    }

    taken = {row["assignment_id"]: row for row in assignments(history)}
    assert {
        key: tuple(
            row[name]
            for name in (
                "provider_id",
                "accepted_at",
                "first_promised_arrival_at",
                "promised_arrival_at",
                "promise_extension_count",
                "on_scene_at",
                "arrived_at",
                "completed_at",
                "end_reason",
                "ended_at",
                "is_backdated",
            )
        )
        for key, row in taken.items()
    } == {
        key: (
            each.provider_id,
            shown(each.accepted_at),
            shown(each.first_promised_arrival_at),
            shown(each.promised_arrival_at),
            each.promise_extension_count,
            shown(each.on_scene_at),
            shown(each.arrived_at),
            shown(each.completed_at),
            each.end_reason,
            shown(each.ended_at),
            each.is_backdated,
        )
        for key, each in wanted.assignments.items()
    }

    (job,), known = list(jobs(history)), wanted.jobs["J"]
    assert (job["requested_at"], job["zone_id"], job["cancelled_at"], job["cancel_actor"]) == (
        shown(known.requested_at),
        known.zone_id,
        shown(known.cancelled_at),
        known.cancel_actor,
    )
    assert job["requested_service_type"] == known.requested_service_type
    waits = list(job_waits(history))
    assert [(row["wait_started_at"], row["wait_ended_at"]) for row in waits] == [
        (shown(started_at), shown(ended_at)) for started_at, ended_at in known.waits
    ]
    assert job["first_accepted_at"] == shown(known.first_accepted_at)
    stage, since = stage_of(known, wanted)
    assert (job["stage"], job["stage_since_at"]) == (stage, shown(since))
    assert [row["wait_started_at"] for row in waits if row["wait_ended_at"] is None] == (
        [] if job["unassigned_from"] is None else [job["unassigned_from"]]
    )
    assert all(before["wait_ended_at"] <= after["wait_started_at"] for before, after in pairwise(waits)), (
        "waits follow one another"
    )


@settings(max_examples=150, deadline=None)
@given(job_records(), st.lists(st.integers(0, 12), max_size=4))
def test_the_changelog_is_the_same_in_any_chunks(records: list[Landed], cuts: list[int]) -> None:
    events = events_of(records)
    quarter = 900_000_000
    first = micros(START) - 4 * quarter
    bounds = sorted({0, 20, *cuts})
    edges = [first + bound * quarter for bound in bounds]

    def rows(start: int, end: int) -> list[tuple[int, dict[str, Any]]]:
        return [
            (state.tick, row)
            for state in states(events, start, end)
            for row in state.changed(offers, ("offer_id",))
        ]

    chunked = [row for start, end in pairwise(edges) for row in rows(start, end)]
    assert chunked == rows(edges[0], edges[-1])
    assert_last_rows_are_the_state(chunked, history_of("J", events))


def assert_last_rows_are_the_state(rows: list[tuple[int, dict[str, Any]]], history: History) -> None:
    latest = {row["offer_id"]: row for _, row in rows}
    standing = {key: row for key, row in latest.items() if not row.pop("is_retracted")}
    assert standing == {row["offer_id"]: row for row in offers(history)}


@settings(max_examples=150, deadline=None)
@given(job_records(), st.sampled_from([150, 300, 600]))
def test_of_a_job_of_weeks_the_oracle_knows_what_the_changelog_does(
    records: list[Landed], times_as_long: int
) -> None:
    """Ninety minutes stretched to nine, nineteen, or thirty-seven days; no offer's id is given twice."""
    asked = {record.data.get("offer_id"): record for record in reversed(records) if is_offer(record)}
    once = [record for record in records if not is_offer(record) or asked[record.data["offer_id"]] is record]
    stretched = [slower(record, times_as_long) for record in once]
    events = events_of(stretched)
    assume(events)
    known = remembered("J", counted(stretched, "dispatch_events"))
    ticks = {event.known_at for event in events}
    rows: dict[str, dict[str, dict[str, Any]]] = {"offer_id": {}, "assignment_id": {}, "job_id": {}}
    before, is_compared = min(ticks), True
    for state in states(events, min(ticks) - 1, max(ticks)):
        is_compared = is_compared and state.tick - before < micros(EPOCH + MEMORY)
        before = state.tick
        for name, fold in (("offer_id", offers), ("assignment_id", assignments), ("job_id", jobs)):
            rows[name] |= {row[name]: row for row in state.changed(fold, (name,))}
    standing = {
        name: {key: row for key, row in latest.items() if not row["is_retracted"]}
        for name, latest in rows.items()
    }
    assert {
        key: (row["offered_at"], row["offer_outcome"], row["accepted_at"], row["area_id"])
        for key, row in standing["offer_id"].items()
    } == {
        key: (shown(offer.offered_at), offer.outcome, shown(offer.accepted_at), offer.area_id)
        for key, offer in known.offers.items()
    }
    assert {
        key: (row["accepted_at"], row["end_reason"], row["arrived_at"], row["service_type"])
        for key, row in standing["assignment_id"].items()
    } == {
        key: (shown(each.accepted_at), each.end_reason, shown(each.arrived_at), each.service_type)
        for key, each in known.assignments.items()
    }
    if is_compared:
        (row,), job = standing["job_id"].values(), known.jobs["J"]
        assert (row["requested_at"], row["zone_id"]) == (shown(job.requested_at), job.zone_id)


def is_offer(record: Landed) -> bool:
    return record.data["event_type"] == "offered"


def slower(record: Landed, times: int) -> Landed:
    """The record of a job that takes so many times as long; it lands as soon after its own time."""
    happened = START + times * (record.event_timestamp - START)
    data = record.data | {"event_timestamp": happened.isoformat()}
    landed_at = happened + (record.landed_at - record.event_timestamp)
    return Landed(record.source, data, landed_at, record.source_object, record.source_line)
