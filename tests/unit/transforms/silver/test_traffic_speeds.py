from __future__ import annotations

from datetime import timedelta
from typing import Any

from pyspark.sql import SparkSession

from support.frames import T0, frame_of, in_chunks, ticks
from transforms.silver.traffic_speeds import SOURCE, traffic_speeds
from validation.clocks import TICK
from validation.contracts.bronze.traffic_speeds import TRAFFIC_SPEEDS as BRONZE

MEASURES = (
    "zone_id",
    "tile_start_at",
    "known_at",
    "reading_count",
    "sentinel_count",
    "sample_count_sum",
    "speed_metres_per_hour_sum",
    "free_flow_metres_per_hour_sum",
    "is_late",
)


def reading(segment: str, minute: float, tick: int, speed: float | None, **more: Any) -> dict[str, Any]:
    return {
        "feed": "F",
        "segment_id": segment,
        "zone_id": "Z",
        "event_timestamp": T0 + timedelta(minutes=minute),
        "known_at": T0 + tick * TICK,
        "speed_kmh": speed,
    } | more


def test_readings_sum_to_tiles_and_sentinels_are_only_counted(spark: SparkSession) -> None:
    day = 24 * 60
    rows = [
        reading("s1", 0, 1, 40.0005, free_flow_kmh=60.0, sample_count=3),
        reading("s1", 0, 2, 40.0005, free_flow_kmh=60.0, sample_count=3),  # resent
        reading("s2", 14.99, 1, 10.0, free_flow_kmh=None),
        reading("s3", 1, 1, 55.0, free_flow_kmh=60.0, reading_status="-101"),
        reading("s4", 1, 1, -1.0, free_flow_kmh=60.0),
        reading("s5", 1, 1, None, free_flow_kmh=60.0, sample_count=7),
        reading("s6", 1, 1, float("nan")),
        reading("s7", 15, 2, None),
        reading("s8", 15 - day, 1, 20.0),  # on the late edge
        reading("s9", 14 - day, 1, 20.0),  # late
        reading("s1", 5, 2, 30.0, sample_count=2),
    ]
    bronze = frame_of(spark, BRONZE, rows)

    def tiles(interval: Any) -> Any:
        return traffic_speeds(bronze, interval).select(*MEASURES)

    found = in_chunks(tiles, {"whole": ticks(T0, 2), "ticks": ticks(T0, 1, 1)})
    first, second, yesterday = T0 + TICK, T0 + 2 * TICK, T0 - timedelta(days=1)
    expected = [
        ("Z", T0, first, 2, 4, 4, 3 * 40_001 + 10_000, 180_000, False),
        ("Z", T0, second, 1, 0, 2, 60_000, None, False),
        ("Z", T0 + TICK, second, 0, 1, 0, None, None, False),
        ("Z", yesterday + TICK, first, 1, 0, 1, 20_000, None, False),
        ("Z", yesterday, first, 1, 0, 1, 20_000, None, True),
    ]
    assert found == {"whole": sorted(expected, key=repr), "ticks": sorted(expected, key=repr)}


def test_the_late_horizon_lies_on_the_grid_so_a_tile_is_late_as_a_whole() -> None:
    assert SOURCE.late % TICK == timedelta(0)
