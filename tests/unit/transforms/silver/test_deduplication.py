from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession

from support.frames import T0, frame_of, in_chunks, known_in, ticks
from transforms.silver.deduplication import Identity, bronze_with_verdict, duplicate_counts, identity_of
from validation.clocks import TICK, Interval
from validation.contracts.bronze.provider_status import PROVIDER_STATUS
from validation.sources.gps_pings import GPS_PINGS

IDENTITY = Identity(("event_id", "event_timestamp"), 3 * TICK)
SPAN = 7
VERDICT = ("source_object", "source_line", "is_later_copy", "is_conflict")


def record(
    event_id: str, tick: int, name: str = "a", line: int = 1, digest: str = "x", at: int = 0
) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "event_timestamp": T0 + timedelta(seconds=at),
        "known_at": T0 + tick * TICK,
        "source_object": name,
        "source_line": line,
        "content_digest": digest,
    }


def verdicts(bronze: DataFrame, interval: Interval) -> DataFrame:
    return bronze_with_verdict(known_in(bronze, interval, IDENTITY.horizon), interval, IDENTITY).select(
        *VERDICT
    )


def naive_verdicts(records: list[dict[str, Any]], interval: Interval) -> list[tuple[Any, ...]]:
    """Every pair looked at."""

    def order(each: dict[str, Any]) -> tuple[datetime, str, int]:
        return each["known_at"], each["source_object"], each["source_line"]

    found = []
    for row in records:
        if not interval.holds(row["known_at"]):
            continue
        copies = [
            each
            for each in records
            if all(each[name] == row[name] for name in IDENTITY.key)
            and order(each) < order(row)
            and row["known_at"] - each["known_at"] <= IDENTITY.horizon
        ]
        conflicts = bool(copies) and min(copies, key=order)["content_digest"] != row["content_digest"]
        found.append((row["source_object"], row["source_line"], bool(copies), conflicts))
    return sorted(found, key=repr)


copies = st.tuples(
    st.sampled_from("abcdefgh"),
    st.integers(1, SPAN),
    st.sampled_from("rst"),
    st.sampled_from("xxy"),
    st.integers(0, 1),
)
chunk_sizes = st.permutations([1, 1, 2, 3])


@settings(max_examples=3, deadline=None, derandomize=True, phases=[Phase.generate])
@given(drawn=st.lists(copies, min_size=30, max_size=80), sizes=chunk_sizes, data=st.data())
def test_every_chunking_gives_the_verdicts_of_a_look_at_every_pair(
    spark: SparkSession, drawn: list[tuple[Any, ...]], sizes: list[int], data: st.DataObject
) -> None:
    lines = data.draw(st.permutations(range(len(drawn))))
    records = [
        record(event_id, tick, name, line, digest, at)
        for (event_id, tick, name, digest, at), line in zip(drawn, lines, strict=True)
    ]
    bronze = frame_of(spark, PROVIDER_STATUS, records)
    whole = Interval(T0, T0 + SPAN * TICK)
    found = in_chunks(
        lambda interval: verdicts(bronze, interval),
        {"whole": [whole], "chunks": ticks(T0, *sizes)},
    )
    expected = naive_verdicts(records, whole)
    assert found == {"whole": expected, "chunks": expected}


@pytest.fixture(scope="module")
def at_the_horizon(spark: SparkSession) -> DataFrame:
    records = [
        record("on the horizon", 1, "first"),
        record("on the horizon", 4, "again"),
        record("past the horizon", 1, "gone", line=2),
        record("past the horizon", 5, "anew", line=2),
        record("chain", 1, "first", line=3),
        record("chain", 3, "second", line=3),
        record("chain", 6, "third", line=3),
        record("other time", 1, "one", line=4),
        record("other time", 2, "two", line=4, at=1),
    ]
    return frame_of(spark, PROVIDER_STATUS, records)


def test_a_copy_a_horizon_later_is_one_and_a_tick_more_is_not(at_the_horizon: DataFrame) -> None:
    found = in_chunks(lambda each: verdicts(at_the_horizon, each), {"all": ticks(T0, 6)})["all"]
    assert {(name, line): later for name, line, later, _ in found} == {
        ("first", 1): False,
        ("again", 1): True,
        ("gone", 2): False,
        ("anew", 2): False,
        ("first", 3): False,
        ("second", 3): True,
        ("third", 3): True,
        ("one", 4): False,
        ("two", 4): False,
    }


def test_a_tick_less_of_look_back_misses_a_copy(at_the_horizon: DataFrame) -> None:
    interval = Interval(T0 + 3 * TICK, T0 + 4 * TICK)

    def given_back_to(look_back: timedelta) -> int:
        given = known_in(at_the_horizon, interval, look_back)
        return bronze_with_verdict(given, interval, IDENTITY).where("is_later_copy").count()

    assert [given_back_to(IDENTITY.horizon), given_back_to(IDENTITY.horizon - TICK)] == [1, 0]


def test_resends_and_conflicts_count_in_the_interval_of_the_later_copy(spark: SparkSession) -> None:
    records = [
        record("a", 1, "first"),
        record("a", 2, "again"),
        record("a", 2, "other", digest="y"),
        record("a", 2, "other", line=2, digest="y"),
    ]
    bronze = frame_of(spark, PROVIDER_STATUS, records)
    found = in_chunks(
        lambda interval: duplicate_counts(bronze, interval, IDENTITY),
        {"first": ticks(T0, 1), "second": ticks(T0 + TICK, 1), "none": ticks(T0 + 2 * TICK, 1)},
    )
    assert found == {"first": [(0, 0)], "second": [(1, 2)], "none": [(0, 0)]}


def test_the_horizon_of_a_source_holds_every_copy_that_is_not_late() -> None:
    assert identity_of(GPS_PINGS, "event_id").horizon == timedelta(days=2, hours=1, minutes=15)
