from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

import h3
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession

from support.frames import T0, frame_of, in_chunks, known_in, ticks
from transforms.silver.gps_pings import LOOK_BACK, gps_pings
from validation.clocks import TICK, Interval
from validation.contracts.bronze.gps_pings import GPS_PINGS as BRONZE

SPAN = 6
HORIZON = timedelta(days=2, hours=1, minutes=15)


def fix(event_id: str, tick: int, second: float, **more: Any) -> dict[str, Any]:
    """A fix so many seconds after T0."""
    return {
        "event_id": event_id,
        "event_timestamp": T0 + timedelta(seconds=second),
        "known_at": T0 + tick * TICK,
        "driver_id": "D1",
        "latitude": 37.0,
        "longitude": -122.0,
        "accuracy_m": 10.0,
    } | more


def flagged(frame: DataFrame, interval: Interval, flag: str) -> set[str]:
    rows = gps_pings(frame, interval).where(flag).select("event_id").collect()
    return {row["event_id"] for row in rows}


def test_fixes_are_flagged_past_their_limits_and_placed(spark: SparkSession) -> None:
    known_at = T0 + TICK
    stale = timedelta(minutes=15, microseconds=1)
    late = timedelta(days=2, microseconds=1)
    rows = [
        fix("good", 1, 0, landed_at=T0 + TICK, accuracy_m=200.0),
        fix("unsure", 1, 1, accuracy_m=None),
        fix("stale", 1, 2, event_timestamp=known_at - stale, landed_at=known_at, driver_id="D2"),
        fix("inaccurate", 1, 3, accuracy_m=200.5),
        fix("late", 1, 4, event_timestamp=known_at - late, driver_id="D3"),
        fix("on the late edge", 1, 5, event_timestamp=known_at - timedelta(days=2), driver_id="D4"),
    ]
    found = gps_pings(frame_of(spark, BRONZE, rows), Interval(T0, T0 + TICK)).collect()
    flags = ("is_stale", "is_inaccurate", "is_late")
    assert {row["event_id"]: {name for name in flags if row[name]} for row in found} == {
        "good": set(),
        "unsure": set(),
        "stale": {"is_stale"},
        "inaccurate": {"is_inaccurate"},
        "late": {"is_late", "is_stale"},
        "on the late edge": {"is_stale"},
    }
    assert {row["zone_id"] for row in found} == {h3.latlng_to_cell(37.0, -122.0, 7)}


def test_a_jump_is_faster_than_200_kmh_from_the_fix_known_before(spark: SparkSession) -> None:
    rows = [
        fix("a0", 1, 0, driver_id="fast"),
        fix("a1 3.34 km in a minute", 1, 60, driver_id="fast", latitude=37.03),
        fix("b0", 1, 0, driver_id="brisk"),
        fix("b1 3.32 km in a minute", 1, 60, driver_id="brisk", latitude=37.0298),
        fix("c0", 1, 0, driver_id="twins"),
        fix("c1 60 m in no time", 1, 0, driver_id="twins", latitude=37.00054),
        fix("c2 50 m more in no time", 1, 0, driver_id="twins", latitude=37.00099),
        fix("d0", 1, 60, driver_id="in reverse"),
        fix("d1 happened before it", 2, 0, driver_id="in reverse", latitude=38.0),
        fix("e0", 1, 0, driver_id="remembered"),
        fix("e1 two ticks later", 3, 1800, driver_id="remembered", latitude=39.0),
        fix("f0", 1, 0, driver_id="forgotten"),
        fix("f1 three ticks later", 4, 2700, driver_id="forgotten", latitude=41.0),
        fix("g0", 1, 0, driver_id="resent"),
        fix("g1 far away", 1, 30, driver_id="resent", latitude=37.5),
        fix("g0", 2, 0, driver_id="resent"),
        fix("g2 near the last", 2, 60, driver_id="resent", latitude=37.5),
    ]
    bronze = frame_of(spark, BRONZE, rows)
    assert [flagged(bronze, tick, "is_implausible_jump") for tick in ticks(T0, 1, 1, 1, 1)] == [
        {"a1 3.34 km in a minute", "c1 60 m in no time", "g1 far away"},
        {"d1 happened before it"},
        {"e1 two ticks later"},
        set(),
    ]


def naive_pings(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """First copies by a look at every pair, then driver by driver."""

    def order(row: dict[str, Any]) -> tuple[datetime, str, int]:
        return row["known_at"], row["source_object"], row["source_line"]

    def is_first(row: dict[str, Any]) -> bool:
        return not any(
            (each["event_id"], each["event_timestamp"]) == (row["event_id"], row["event_timestamp"])
            and order(each) < order(row)
            and row["known_at"] - each["known_at"] <= HORIZON
            for each in rows
        )

    before: dict[str, dict[str, Any]] = {}
    found = []
    kept = [row for row in rows if is_first(row)]
    for row in sorted(kept, key=lambda each: (each["known_at"], each["event_timestamp"], each["event_id"])):
        previous = before.get(row["driver_id"])
        before[row["driver_id"]] = row
        jump = previous is not None and row["known_at"] - previous["known_at"] <= 2 * TICK
        if jump and previous is not None:
            seconds = abs((row["event_timestamp"] - previous["event_timestamp"]).total_seconds())
            jump = metres(previous, row) * 3.6 > 200 * max(seconds, 1)
        found.append((row["event_id"], row["source_line"], jump))
    return sorted(found, key=repr)


def metres(one: dict[str, Any], other: dict[str, Any]) -> float:
    """By the spherical law of cosines: not the formula of the platform."""
    south, north = math.radians(one["latitude"]), math.radians(other["latitude"])
    across = math.radians(other["longitude"] - one["longitude"])
    cosine = math.sin(south) * math.sin(north) + math.cos(south) * math.cos(north) * math.cos(across)
    return 6_371_008.8 * math.acos(min(1.0, cosine))


drawn_fixes = st.tuples(
    st.sampled_from("abcdefghijkl"),
    st.integers(0, 1),
    st.one_of(st.integers(1, SPAN), st.sampled_from([-192, -191, -190])),
    st.sampled_from(["D1", "D2"]),
    st.sampled_from([37.0, 37.01, 37.5]),
    st.sampled_from("rst"),
)


@settings(max_examples=2, deadline=None, derandomize=True, phases=[Phase.generate])
@given(drawn=st.lists(drawn_fixes, min_size=40, max_size=70), sizes=st.permutations([1, 2, 3]))
def test_every_chunking_gives_the_fixes_and_jumps_of_a_naive_loop(
    spark: SparkSession, drawn: list[tuple[Any, ...]], sizes: list[int]
) -> None:
    rows = [
        fix(
            name,
            tick,
            60 * ord(name) + 30 * half,
            driver_id=driver,
            latitude=latitude,
            source_object=part,
            source_line=line,
        )
        for line, (name, half, tick, driver, latitude, part) in enumerate(drawn)
    ]
    bronze = frame_of(spark, BRONZE, rows)
    whole = Interval(T0, T0 + SPAN * TICK)
    found = in_chunks(
        lambda interval: gps_pings(known_in(bronze, interval, LOOK_BACK), interval).select(
            "event_id", "source_line", "is_implausible_jump"
        ),
        {"whole": [whole], "chunks": ticks(T0, *sizes)},
    )
    inside = {row["source_line"] for row in rows if whole.holds(row["known_at"])}
    expected = [row for row in naive_pings(rows) if row[1] in inside]
    assert found == {"whole": expected, "chunks": expected}
