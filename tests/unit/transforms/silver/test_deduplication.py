from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession

from support.frames import T0, frame_of, in_chunks, known_in, ticks
from transforms.silver.deduplication import Identity, duplicate_counts, first_copies, identity_of
from validation.clocks import TICK, Interval
from validation.contracts.bronze.provider_status import PROVIDER_STATUS
from validation.sources.gps_pings import GPS_PINGS

IDENTITY = Identity(("event_id", "event_timestamp"), 3 * TICK)
SPAN = 7


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


def kept(bronze: DataFrame, interval: Interval) -> DataFrame:
    given = known_in(bronze, interval, IDENTITY.horizon)
    return first_copies(given, interval, IDENTITY).select("source_object", "source_line")


def counted(bronze: DataFrame, interval: Interval) -> DataFrame:
    given = known_in(bronze, interval, IDENTITY.horizon)
    return duplicate_counts(given, interval, IDENTITY)


def naive_verdicts(records: list[dict[str, Any]], interval: Interval) -> list[tuple[str, int, str]]:
    """Every pair looked at: first, resend or conflict."""

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
        verdict = "first"
        if copies:
            is_resend = min(copies, key=order)["content_digest"] == row["content_digest"]
            verdict = "resend" if is_resend else "conflict"
        found.append((row["source_object"], row["source_line"], verdict))
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
def test_every_chunking_keeps_and_counts_as_a_look_at_every_pair_does(
    spark: SparkSession, drawn: list[tuple[Any, ...]], sizes: list[int], data: st.DataObject
) -> None:
    lines = data.draw(st.permutations(range(len(drawn))))
    records = [
        record(event_id, tick, name, line, digest, at)
        for (event_id, tick, name, digest, at), line in zip(drawn, lines, strict=True)
    ]
    bronze = frame_of(spark, PROVIDER_STATUS, records)
    whole, chunks = ticks(T0, SPAN), ticks(T0, *sizes)
    found = in_chunks(lambda interval: kept(bronze, interval), {"whole": whole, "chunks": chunks})
    expected = [
        (name, line) for name, line, verdict in naive_verdicts(records, whole[0]) if verdict == "first"
    ]
    assert found == {"whole": expected, "chunks": expected}

    counts = in_chunks(lambda interval: counted(bronze, interval), {"chunks": chunks})["chunks"]
    verdicts = {
        tick.end: [row[2] for row in naive_verdicts(records, tick)] for tick in ticks(T0, *[1] * SPAN)
    }
    by_tick = {end: (each.count("resend"), each.count("conflict")) for end, each in verdicts.items()}
    assert sorted(counts) == sorted((end, *each) for end, each in by_tick.items() if each != (0, 0))


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
    found = in_chunks(lambda each: kept(at_the_horizon, each), {"all": ticks(T0, 6)})["all"]
    assert set(found) == {("first", 1), ("gone", 2), ("anew", 2), ("first", 3), ("one", 4), ("two", 4)}


def test_a_tick_less_of_look_back_misses_a_copy(at_the_horizon: DataFrame) -> None:
    interval = Interval(T0 + 3 * TICK, T0 + 4 * TICK)

    def given_back_to(look_back: timedelta) -> int:
        given = known_in(at_the_horizon, interval, look_back)
        return first_copies(given, interval, IDENTITY).count()

    assert [given_back_to(IDENTITY.horizon), given_back_to(IDENTITY.horizon - TICK)] == [0, 1]


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
    assert found == {"first": [], "second": [(T0 + 2 * TICK, 1, 2)], "none": []}


def test_the_horizon_of_a_source_holds_every_copy_that_is_not_late() -> None:
    assert identity_of(GPS_PINGS, "event_id").horizon == timedelta(days=2, hours=1, minutes=15)
