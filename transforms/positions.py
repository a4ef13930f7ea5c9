"""Positions on the globe as Spark columns: distance, and the H3 cell around them."""

from __future__ import annotations

import h3.api.basic_int as h3
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.functions import arrow_udf
from pyspark.sql.types import ArrayType, DoubleType, LongType

ZONE_RESOLUTION = 7
FIX_RESOLUTION = 9
"""A driver's position is served no finer than this (about 0.1 km2)."""
EARTH_RADIUS_M = 6_371_008.8
"""Mean radius R1 of GRS 80 (Moritz, Geodetic Reference System 1980)."""


def zone_of(latitude: Column, longitude: Column) -> Column:
    """The H3 r7 cell of a position in degrees, as H3's hexadecimal text."""
    return F.lower(F.hex(_cells(latitude, longitude)))


def with_cell_centre(frame: DataFrame, latitude_name: str, longitude_name: str) -> DataFrame:
    """The frame with the centre of the H3 r9 cell of its latitude and longitude, in degrees."""
    return (
        frame.withColumn("cell_centre", _centres(F.col("latitude"), F.col("longitude")))
        .withColumn(latitude_name, F.element_at("cell_centre", 1))
        .withColumn(longitude_name, F.element_at("cell_centre", 2))
        .drop("cell_centre")
    )


def distance_metres(
    latitude: Column, longitude: Column, other_latitude: Column, other_longitude: Column
) -> Column:
    """Great-circle distance of two positions in degrees, by the haversine formula; null if one is unknown."""
    south, north = F.radians(latitude), F.radians(other_latitude)
    half_chord: Column = F.pow(F.sin((north - south) / 2), F.lit(2.0)) + F.cos(south) * F.cos(north) * F.pow(
        F.sin(F.radians(other_longitude - longitude) / 2), F.lit(2.0)
    )
    rounded = F.when(half_chord > 1, 1.0).otherwise(half_chord)
    return 2 * EARTH_RADIUS_M * F.asin(F.sqrt(rounded))


def _cells_of(latitudes: pa.Array, longitudes: pa.Array) -> pa.Array:
    cell = h3.latlng_to_cell
    places = zip(latitudes.to_numpy().tolist(), longitudes.to_numpy().tolist(), strict=True)
    return pa.array(
        [cell(latitude, longitude, ZONE_RESOLUTION) for latitude, longitude in places], pa.int64()
    )


def _centres_of(latitudes: pa.Array, longitudes: pa.Array) -> pa.Array:
    places = zip(latitudes.to_numpy().tolist(), longitudes.to_numpy().tolist(), strict=True)
    return pa.array(
        [list(h3.cell_to_latlng(h3.latlng_to_cell(*place, FIX_RESOLUTION))) for place in places],
        pa.list_(pa.float64()),
    )


_centres = arrow_udf(_centres_of, ArrayType(DoubleType()))  # type: ignore[call-overload]
_cells = arrow_udf(_cells_of, LongType())  # type: ignore[call-overload]
