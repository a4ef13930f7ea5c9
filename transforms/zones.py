"""H3 cells: areas of zones, and the zones around a zone."""

from __future__ import annotations

from collections.abc import Iterable

import h3
import pandas as pd
import pyarrow as pa
import tzfpy
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.functions import arrow_udf
from pyspark.sql.types import ArrayType, DoubleType, StringType

AREA_RESOLUTION, MARKET_RESOLUTION = 6, 4


def area_of(zone_id: str | None) -> str | None:
    """The r6 parent of an r7 cell, both as H3's hexadecimal text.

    >>> area_of("87288439cffffff")
    '86288439fffffff'
    """
    return _parent(zone_id, AREA_RESOLUTION)


def market_of(zone_id: str | None) -> str | None:
    """The r4 parent of an r7 cell: the market, where no reference names it (some 40 km across).

    >>> market_of("87288439cffffff")
    '8428843ffffffff'
    """
    return _parent(zone_id, MARKET_RESOLUTION)


def with_area(frame: DataFrame) -> DataFrame:
    """The frame with the r6 parent of its zone_id as area_id; null or empty where that is."""
    return frame.withColumn("area_id", _areas(F.col("zone_id")))


def with_market(frame: DataFrame) -> DataFrame:
    """The frame with the market of its zone_id as market_id; null or empty where that is."""
    return frame.withColumn("market_id", _markets(F.col("zone_id")))


def centre_of(zone_id: Column) -> Column:
    """The centre of a cell as [latitude, longitude] in degrees."""
    centre: Column = _centres(zone_id)
    return centre


def timezone_of(zone_id: Column) -> Column:
    """IANA name of the time zone at a cell's centre; null where that is."""
    name: Column = _timezones(zone_id)
    return name


def _parent(zone_id: str | None, resolution: int) -> str | None:
    return str(h3.cell_to_parent(zone_id, resolution)) if zone_id else zone_id


def _parents(zones: pa.Array, resolution: int) -> pa.Array:
    coded = zones.dictionary_encode()
    parents = [_parent(zone, resolution) for zone in coded.dictionary.to_pylist()]
    return pa.array(parents, pa.string()).take(coded.indices)


def _areas_of(zones: pa.Array) -> pa.Array:
    return _parents(zones, AREA_RESOLUTION)


def _markets_of(zones: pa.Array) -> pa.Array:
    return _parents(zones, MARKET_RESOLUTION)


def _centres_of(zones: pa.Array) -> pa.Array:
    coded = zones.dictionary_encode()
    centres = [list(h3.cell_to_latlng(zone)) for zone in coded.dictionary.to_pylist()]
    return pa.array(centres, pa.list_(pa.float64())).take(coded.indices)


def _timezones_of(zones: pa.Array) -> pa.Array:
    coded = zones.dictionary_encode()
    centres = [h3.cell_to_latlng(zone) for zone in coded.dictionary.to_pylist()]
    names = [tzfpy.get_tz(longitude, latitude) or None for latitude, longitude in centres]
    return pa.array(names, pa.string()).take(coded.indices)


_areas = arrow_udf(_areas_of, StringType())  # type: ignore[call-overload]
_markets = arrow_udf(_markets_of, StringType())  # type: ignore[call-overload]
_timezones = arrow_udf(_timezones_of, StringType())  # type: ignore[call-overload]
_centres = arrow_udf(_centres_of, ArrayType(DoubleType()))  # type: ignore[call-overload]


def with_disk(zones: DataFrame, k: int) -> DataFrame:
    """One row per zone of the input and cell at most k steps away (ring_zone_id, distance)."""

    def disks(batches: Iterable[pd.DataFrame]) -> Iterable[pd.DataFrame]:
        for batch in batches:
            rows = [
                (zone, cell, distance)
                for zone in batch["zone_id"]
                for distance in range(k + 1)
                for cell in h3.grid_ring(zone, distance)
            ]
            yield pd.DataFrame(rows, columns=["zone_id", "ring_zone_id", "distance"])

    return (
        zones.select("zone_id")
        .distinct()
        .mapInPandas(disks, "zone_id string, ring_zone_id string, distance int")
    )
