"""Each record once: the first known copy wins; later copies are told apart and counted.

A row is a later copy if a copy of it (same key) that comes before it in the order (known_at,
source_object, source_line) became known at most a horizon earlier. That compares rows two by two, so
no chunking of known time changes the verdict on any row.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from transforms.known_time import known_within
from validation.clocks import TICK, Interval
from validation.source import Source

COPY_ORDER = ("known_at", "source_object", "source_line")
"""Which of two copies was first."""


@dataclass(frozen=True)
class Identity:
    """What makes two bronze rows copies of one record.

    Attributes:
        key: columns that copies have in common.
        horizon: a copy known longer than this before a row is not looked for.
    """

    key: tuple[str, ...]
    horizon: timedelta


def identity_of(source: Source, *key: str) -> Identity:
    """The identity of a source's records, with the shortest horizon that lets no late resend count.

    A copy that is not late happened at most `late` before its known_at, and its first copy was known at
    most `ahead` before it happened. So what lies beyond the horizon is late, and enters no feature.
    """
    return Identity(key, source.late + source.ahead + TICK)


def first_copies(bronze: DataFrame, interval: Interval, identity: Identity) -> DataFrame:
    """The interval's rows less the later copies. Needs bronze known in the horizon before the interval."""
    return (
        bronze_with_verdict(bronze, interval, identity).where(~F.col("is_later_copy")).select(*bronze.columns)
    )


def duplicate_counts(bronze: DataFrame, interval: Interval, identity: Identity) -> DataFrame:
    """One row: resend_count and conflict_count, the interval's later copies with equal and other content.

    A later copy is compared with the first copy known in its horizon, the one silver holds. Only keys,
    order and digests are read. Their sum is the interval's bronze rows less its silver rows, so there
    is nothing to count where those are equal.
    """
    columns = [*identity.key, *COPY_ORDER, "content_digest"]
    later = bronze_with_verdict(bronze.select(*columns), interval, identity).where(F.col("is_later_copy"))
    is_conflict = F.col("is_conflict")
    return later.agg(
        F.count_if(~is_conflict).alias("resend_count"), F.count_if(is_conflict).alias("conflict_count")
    )


def bronze_with_verdict(bronze: DataFrame, interval: Interval, identity: Identity) -> DataFrame:
    """The interval's rows with is_later_copy, and is_conflict: a later copy with other content.

    Of the rows before the interval only those travel whose key hash stands in the interval; the hash
    only selects, keys decide.
    """
    key_hash = F.xxhash64(*identity.key)
    before = Interval(interval.start - identity.horizon, interval.start)
    inside = bronze.where(known_within(interval)).select("*", key_hash.alias("key_hash"))
    earlier = (
        bronze.where(known_within(before))
        .select(*identity.key, *COPY_ORDER, "content_digest", key_hash.alias("key_hash"))
        .join(inside.select("key_hash"), "key_hash", "left_semi")
    )
    seconds = F.unix_seconds("known_at")
    copies = (
        Window.partitionBy("key_hash", *identity.key)
        .orderBy(seconds)
        .rangeBetween(-int(identity.horizon.total_seconds()), Window.currentRow)
    )
    first = F.min(F.struct(*COPY_ORDER, "content_digest")).over(copies)
    is_later = F.struct(*(F.col(f"first.{name}") for name in COPY_ORDER)) != F.struct(*COPY_ORDER)
    return (
        inside.withColumn("is_inside", F.lit(True))
        .unionByName(earlier.withColumn("is_inside", F.lit(False)), allowMissingColumns=True)
        .withColumn("first", first)
        .where(F.col("is_inside"))
        .select(
            *bronze.columns,
            is_later.alias("is_later_copy"),
            (is_later & (F.col("first.content_digest") != F.col("content_digest"))).alias("is_conflict"),
        )
    )
