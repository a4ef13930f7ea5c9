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
POSITION = ("source_object", "source_line")
"""Where a row was landed: no two rows of bronze have one position."""
KEY_HASH, SECOND = "key_hash", "event_second"
SENT_TO_EVERY_TASK = 3 * TICK
"""The longest interval whose hashes are: a tick of pings and what jumps need before it, at most 6 M."""


@dataclass(frozen=True)
class Identity:
    """What makes two bronze rows copies of one record.

    Attributes:
        key: columns that copies have in common, event_timestamp among them; never null.
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
    """The interval's rows less the later copies. Needs bronze known in the horizon before the interval.

    Rows are looked at in full once; the search for copies reads keys and order only.
    """
    later = _hint(_later_copies(bronze, interval, identity), interval)
    return bronze.where(known_within(interval)).join(later, [*POSITION], "left_anti")


def _later_copies(bronze: DataFrame, interval: Interval, identity: Identity) -> DataFrame:
    """Positions of the interval's rows that have an earlier copy within the horizon.

    The nearest of the earlier copies lies in the interval, or all of them lie before it. `copies` and
    `copy_known_at` are asked for where they say nothing new, so that Spark does their work once.
    """
    key = [KEY_HASH, *identity.key]
    inside, hashes = _inside(bronze, interval, identity)
    before = _earlier(bronze, interval, identity, hashes).groupBy(*key)
    last = before.agg(F.max("known_at").alias("copy_known_at")).where(F.col("copy_known_at").isNotNull())
    repeated = hashes.where(F.col("copies") > 1).select(KEY_HASH).unionByName(last.select(KEY_HASH))
    nearest = F.lag("known_at").over(Window.partitionBy(*key).orderBy(*COPY_ORDER))
    is_later = F.col("nearest") >= F.col("known_at") - span(identity.horizon)
    return (
        inside.join(_hint(repeated, interval), KEY_HASH, "left_semi")
        .join(_hint(last, interval), key, "left")
        .withColumn("nearest", F.coalesce(nearest, F.col("copy_known_at")))
        .where(is_later)
        .select(*POSITION)
    )


def duplicate_counts(bronze: DataFrame, interval: Interval, identity: Identity) -> DataFrame:
    """One row per tick of the interval with later copies: resend_count and conflict_count, those of equal
    and of other content.

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
    columns = [KEY_HASH, *identity.key, *content]
    inside, hashes = _inside(bronze, interval, identity)
    earlier = _earlier(bronze, interval, identity, hashes)
    return (
        inside.select(*columns, F.lit(True).alias("is_inside"))
        .unionByName(earlier.select(*columns, F.lit(False).alias("is_inside")))
        .withColumn("first_copy", F.min(F.struct(*content)).over(in_horizon))
        .where(F.col("is_inside") & is_later)
        .groupBy("known_at")
        .agg(F.count_if(~is_conflict).alias("resend_count"), F.count_if(is_conflict).alias("conflict_count"))
    )


def _inside(bronze: DataFrame, interval: Interval, identity: Identity) -> tuple[DataFrame, DataFrame]:
    """The interval's rows with a hash of their key; by hash and event second, how many rows there are."""
    hashed = {KEY_HASH: F.xxhash64(*identity.key), SECOND: F.unix_seconds("event_timestamp")}
    inside = bronze.where(known_within(interval)).withColumns(hashed)
    return inside, inside.groupBy(*hashed).agg(F.count(F.lit(1)).alias("copies"))


def _earlier(bronze: DataFrame, interval: Interval, identity: Identity, hashes: DataFrame) -> DataFrame:
    """Rows known in the horizon before the interval that may have a copy in it.

    Such a row's event second stands in the interval, and its hash is among `hashes`. The seconds are few
    and spare most of a long look-back the search among the hashes. Both only select: keys decide.
    """
    before = Interval(interval.start - identity.horizon, interval.start)
    found = hashes.where(F.col("copies") > 0)
    return (
        bronze.where(known_within(before))
        .withColumn(SECOND, F.unix_seconds("event_timestamp"))
        .join(F.broadcast(found.select(SECOND).distinct()), SECOND, "left_semi")
        .withColumn(KEY_HASH, F.xxhash64(*identity.key))
        .join(_hint(found.select(KEY_HASH), interval), KEY_HASH, "left_semi")
    )


def _hint(frame: DataFrame, interval: Interval) -> DataFrame:
    """The frame, sent to every task if the interval is short."""
    return F.broadcast(frame) if interval.end - interval.start <= SENT_TO_EVERY_TASK else frame
