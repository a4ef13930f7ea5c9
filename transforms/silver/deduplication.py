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

from transforms.known_time import known_within, span
from validation.clocks import TICK, Interval
from validation.source import Source

COPY_ORDER = ("known_at", "source_object", "source_line")
"""Which of two copies was first."""
KEY_HASH = "key_hash"
SENT_TO_EVERY_TASK = 3 * TICK
"""The longest interval whose hashes are: a tick of pings and what jumps need before it, at most 6 M."""


@dataclass(frozen=True)
class Identity:
    """What makes two bronze rows copies of one record.

    Attributes:
        key: columns that copies have in common, event_timestamp among them.
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
    in_order = Window.partitionBy(KEY_HASH, *identity.key).orderBy(*COPY_ORDER)
    is_later = F.col("copy_known_at") >= F.col("known_at") - span(identity.horizon)
    return (
        _with_earlier_copies(bronze, interval, identity, "known_at")
        .withColumn("copy_known_at", F.lag("known_at").over(in_order))
        .where(F.col("is_inside") & ~F.coalesce(is_later, F.lit(False)))
        .select(*bronze.columns)
    )


def duplicate_counts(bronze: DataFrame, interval: Interval, identity: Identity) -> DataFrame:
    """One row: resend_count and conflict_count, the interval's later copies with equal and other content.

    A later copy is compared with the first copy known in its horizon. Only keys, order and digests are
    read. The two add up to the interval's bronze rows less its silver rows, so where those are equal
    there is nothing to count.
    """
    content = (*COPY_ORDER, "content_digest")
    in_horizon = (
        Window.partitionBy(KEY_HASH, *identity.key)
        .orderBy(F.unix_seconds("known_at"))
        .rangeBetween(-int(identity.horizon.total_seconds()), Window.currentRow)
    )
    first, own = F.col("first_copy"), F.struct(*COPY_ORDER)
    is_later = F.struct(*(first[name] for name in COPY_ORDER)) != own
    is_conflict = first["content_digest"] != F.col("content_digest")
    return (
        _with_earlier_copies(bronze.select(*identity.key, *content), interval, identity, *content)
        .withColumn("first_copy", F.min(F.struct(*content)).over(in_horizon))
        .where(F.col("is_inside") & is_later)
        .agg(F.count_if(~is_conflict).alias("resend_count"), F.count_if(is_conflict).alias("conflict_count"))
    )


def _with_earlier_copies(
    bronze: DataFrame, interval: Interval, identity: Identity, *columns: str
) -> DataFrame:
    """The interval's rows (is_inside), and key and columns of the rows in the horizon before, if copies.

    A row before the interval has a copy in it only if its event second stands in the interval, and a
    hash of its key does: the seconds are few and spare most of a long look-back the search among the
    hashes, which go to every task where the interval is short. Both only select: keys decide.
    """
    key_hash = F.xxhash64(*identity.key).alias(KEY_HASH)
    second = F.unix_seconds("event_timestamp").alias("event_second")
    before = Interval(interval.start - identity.horizon, interval.start)
    inside = bronze.where(known_within(interval))
    hashes = inside.select(key_hash)
    if interval.end - interval.start <= SENT_TO_EVERY_TASK:
        hashes = F.broadcast(hashes)
    earlier = (
        bronze.where(known_within(before))
        .select(*identity.key, *columns, key_hash, second)
        .join(F.broadcast(inside.select(second).distinct()), "event_second", "left_semi")
        .join(hashes, KEY_HASH, "left_semi")
        .select(*identity.key, *columns, KEY_HASH, F.lit(False).alias("is_inside"))
    )
    inside = inside.select("*", key_hash, F.lit(True).alias("is_inside"))
    return inside.unionByName(earlier, allowMissingColumns=True)
