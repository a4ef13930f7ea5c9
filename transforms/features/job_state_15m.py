"""features.job_state_15m: where a job stands, as known."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from transforms.features.spec import ViewSpec
from transforms.features.sums import Carried, Sum
from transforms.features.windows import content_of, feature_rows
from transforms.grid import HELD_MEMORY, TICKS, Instants, counts_in
from validation.clocks import TICK, Interval
from validation.contracts.features.job_state_15m import JOB_STATE_15M

HOUR = 4
HORIZON = 96
"""A job lives at most so many ticks from its request."""
LOOK_BACK = timedelta(hours=25) + TICK + HELD_MEMORY
"""A live job was requested at most 24 hours ago, and nothing of it known before its request by more
than the allowance for future clocks."""

JOB = (
    "stage",
    "stage_since_at",
    "requested_at",
    "area_id",
    "zone_id",
    "service_type",
    "program_id",
    "offers_count",
    "declines_count",
    "assigned_provider_id",
)
ASSIGNMENT = (
    "assigned_driver_id",
    "first_promised_arrival_at",
    "promised_arrival_at",
    "promise_extension_count",
)
SPEC = ViewSpec(
    table=JOB_STATE_15M,
    keys=("job_id",),
    grid=TICKS,
    sums=(Sum("live", "live", 0), Sum("job", "job", 0), Sum("assignment", "assignment", 0)),
    features=(Carried("job", "job"), Carried("assignment", "assignment")),
    live="live",
    carried={"job": JOB, "assignment": ASSIGNMENT},
)


def job_state_15m(
    jobs: DataFrame, assignments: DataFrame, interval: Interval, held: Collection[datetime] = ()
) -> DataFrame:
    """One row per job and tick at which a value changed, plus one a day and a closing row."""
    instants = TICKS.instants(interval, held)
    number = SPEC.measures.number
    known = _held_until_next(jobs, "job_id", instants)
    is_closed = F.col("stage") == "closed"
    closing = F.when(is_closed, TICKS.after(F.col("stage_since_at")) + 1).otherwise(F.lit(instants.last + 1))
    lives = (
        known.where(F.col("requested_at").isNotNull())
        .withColumn("enter", F.greatest("enter", TICKS.after(F.col("requested_at"))))
        .withColumn("leave", F.least("leave", closing, TICKS.after(F.col("requested_at")) + HORIZON))
        .where(counts_in(instants))
        .withColumns({"offers_count": F.col("offer_count"), "declines_count": F.col("decline_count")})
    )
    spans = [_spans(lives, number("live"), None), _spans(lives, number("job"), JOB)]
    active = _active(assignments, instants)
    spans.append(_spans(active, number("assignment"), ASSIGNMENT))
    return feature_rows(spans[0].unionByName(spans[1]).unionByName(spans[2]), SPEC, instants)


def _held_until_next(changelog: DataFrame, key: str, instants: Instants) -> DataFrame:
    """Versions with enter and leave: known from a tick until the next version's."""
    enter = TICKS.known(F.col("known_at"))
    following = F.lead("known_at").over(Window.partitionBy(key).orderBy("known_at"))
    until = F.coalesce(TICKS.known(following), F.lit(instants.last + 1))
    return changelog.withColumn("enter", enter).withColumn("leave", until)


def _active(assignments: DataFrame, instants: Instants) -> DataFrame:
    """Spans of each job's active assignment: of those open or arrived, the one accepted last."""
    versions = _held_until_next(assignments, "assignment_id", instants).where(
        ~F.col("is_retracted") & F.col("end_reason").isin("open", "arrived")
    )
    stands = F.least(F.col("leave"), F.col("enter") + HORIZON + 2 * HOUR)  # its job lives no longer
    ticks = F.sequence(F.col("enter"), F.least(F.col("leave") - 1, F.lit(instants.last)))
    latest = F.max(F.struct("accepted_at", "assignment_id", *_ASSIGNED))
    return (
        versions.withColumn("leave", stands)
        .where(counts_in(instants))
        .withColumn("enter", F.greatest("enter", F.lit(instants.first)))
        .withColumn("tick", F.explode(ticks))
        .groupBy("job_id", "tick")
        .agg(latest.alias("assignment"))
        .select("job_id", F.col("tick").alias("enter"), (F.col("tick") + 1).alias("leave"), "assignment.*")
        .withColumn("assigned_driver_id", F.col("driver_id"))
    )


_ASSIGNED = ("driver_id", "first_promised_arrival_at", "promised_arrival_at", "promise_extension_count")


def _spans(versions: DataFrame, number: int, names: tuple[str, ...] | None) -> DataFrame:
    content = F.lit(None).cast("string") if names is None else content_of({n: F.col(n) for n in names})
    return versions.select(
        "job_id",
        F.lit(number).alias("measure"),
        F.lit(1).cast("bigint").alias("amount"),
        F.lit(0).cast("bigint").alias("moment"),
        "enter",
        "leave",
        content.alias("content"),
    )
