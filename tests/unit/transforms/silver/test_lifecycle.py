"""The lifecycle pass: what is stamped ahead waits; appointments made long before; who accepted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pyspark.sql import SparkSession

from support.frames import T0, frame_of, in_chunks, ticks
from transforms.silver.assignments import assignments
from transforms.silver.histories import SECOND, Event, history_of, rows_of, states
from transforms.silver.jobs import jobs
from transforms.silver.lifecycle import FOLDS, lifecycle
from transforms.silver.offers import offers
from validation.contracts.silver.dispatch_events import DISPATCH_EVENTS
from validation.contracts.silver.jobs import JOBS

MINUTE = timedelta(minutes=1)


def event(minute: int, event_type: str, known_after: int, **stated: Any) -> dict[str, Any]:
    """An event of job J so many minutes after T0, known at a tick."""
    return {
        "job_id": "J",
        "event_id": f"e{minute}",
        "event_type": event_type,
        "event_timestamp": T0 + minute * MINUTE,
        "known_at": T0 + known_after * MINUTE,
    } | stated


EVENTS = [
    event(5, "requested", 15, program_id="G1"),
    event(8, "offered", 15, offer_id="o1", provider_id="P1"),
    event(20, "job_updated", 15, program_id="G2"),
    event(30, "accepted", 30, offer_id="o1"),
]


def test_what_is_stamped_ahead_is_known_at_the_first_tick_after_it(spark: SparkSession) -> None:
    events = frame_of(spark, DISPATCH_EVENTS, EVENTS)
    columns = ("known_at", "program_id", "stage", "assigned_provider_id")

    def known(interval):
        return rows_of(lifecycle(events, interval), JOBS).select(*columns)

    found = in_chunks(known, {"whole": ticks(T0, 4), "tick by tick": ticks(T0, 1, 1, 1, 1)})
    assert found["whole"] == found["tick by tick"]
    assert found["whole"] == [
        (T0 + 15 * MINUTE, "G1", "offered", None),
        (T0 + 30 * MINUTE, "G2", "offered", None),
        (T0 + 45 * MINUTE, "G2", "assigned", "P1"),
    ]


def test_appointment_made_longer_ago_than_histories_look_is_not_immediate() -> None:
    day = 24 * 60

    def made(minute: int, event_type: str, **stated: Any) -> Event:
        at = minute * 60 * SECOND
        return Event("J", f"e{minute}", event_type, at, at + 15 * 60 * SECOND, at, **stated)

    request = made(0, "requested", scheduled_for=11 * day * 60 * SECOND, service_type="tow")
    answers = [made(11 * day, "offered", offer_id="o1"), made(11 * day + 1, "accepted", offer_id="o1")]
    *_, last = states([request, *answers], 0, 12 * day * 60 * SECOND)
    for fold in (offers, assignments, jobs):
        (row,) = fold(last.now)
        assert (row["is_immediate"], row["service_type"]) == (False, None), fold.__name__
    (row,) = offers(history_of("J", [made(11 * day - 1, "requested"), *answers]))
    assert row["is_immediate"]


@pytest.mark.parametrize(
    ("answered_by", "outcomes"), [("P2", ["open", "open"]), (None, ["open", "accepted"])]
)
def test_an_offer_told_again_asks_nobody_anew(answered_by: str | None, outcomes: list[str]) -> None:
    """Its id came once more, with another provider: an answer without id is to the last offer made first."""

    def made(minute: int, event_type: str, **stated: Any) -> Event:
        at = minute * 60 * SECOND
        return Event("J", f"e{minute}", event_type, at, at, at, **stated)

    history = history_of(
        "J",
        [
            made(1, "offered", offer_id="A", provider_id="P1"),
            made(2, "offered", offer_id="B", provider_id="P3"),
            made(3, "offered", offer_id="A", provider_id="P2"),
            made(4, "accepted", provider_id=answered_by),
        ],
    )
    rows = [(row["offer_id"], row["provider_id"], row["offer_outcome"]) for row in offers(history)]
    assert rows == [("A", "P1", outcomes[0]), ("B", "P3", outcomes[1])]


@pytest.mark.timeout(20)
def test_an_id_that_thousands_of_events_share_is_folded_in_seconds() -> None:
    course = ("requested", "offered", "declined", "offered", "accepted", "on_scene", "completed")
    events = [
        Event(
            "UNKNOWN", f"e{n:06}", course[n % 7], n * SECOND, n * SECOND, n * SECOND, provider_id=f"P{n % 50}"
        )
        for n in range(20_000)
    ]
    history = history_of("UNKNOWN", events)
    made = {fold.__name__: len(list(fold(history))) for fold in FOLDS.values()}
    assert made["job_milestones"] == 20_000
    assert made["offers"] == 5714
