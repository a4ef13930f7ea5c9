"""H3 cells in Spark: parents by bits, disks by h3."""

from __future__ import annotations

from collections.abc import Iterator

import h3
import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

ZONE_RESOLUTION = 7
AREA_RESOLUTION = 6


def area_of(zone: Column) -> Column:
    """The r6 parent of an r7 cell, both as H3's hexadecimal text.

    By H3's bit layout: resolution stands in bits 52-55, the digit of resolution r in three bits
    from 3 * (15 - r); a parent has its resolution there and all finer digits 7 (h3geo.org, "H3 index").
    """
    bits = F.conv(zone, 16, 10).cast("bigint")
    resolution = F.lit(15 << 52).cast("bigint")
    parent = bits.bitwiseAND(F.bitwise_not(resolution)).bitwiseOR(F.lit(AREA_RESOLUTION << 52).cast("bigint"))
    digit = F.lit(7 << (3 * (15 - ZONE_RESOLUTION))).cast("bigint")
    return F.lower(F.hex(parent.bitwiseOR(digit)))


def with_disk(zones: DataFrame, k: int) -> DataFrame:
    """One row per zone of the input (column zone_id) and cell at most k steps away (ring_zone_id, distance)."""

    def disks(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for batch in batches:
            rows = [
                (zone, cell, distance)
                for zone in batch["zone_id"]
                for distance in range(k + 1)
                for cell in h3.grid_ring(zone, distance)
            ]
            yield pd.DataFrame(rows, columns=["zone_id", "ring_zone_id", "distance"])

    return zones.select("zone_id").distinct().mapInPandas(
        disks, "zone_id string, ring_zone_id string, distance int"
    )
