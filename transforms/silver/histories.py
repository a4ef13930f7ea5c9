"""What was known of each job at each tick that taught us something about it.

The lifecycle tables are folds over these histories. One tick of one job depends on the job's
events known in (T - LOOK_BACK, T] and on nothing else, so any chunking gives the same rows.
"""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import Column, DataFrame, Window, WindowSpec
from pyspark.sql import functions as F

from validation.clocks import TICK, Interval
from validation.contract import Table
from validation.sources.dispatch_events import LIFECYCLE_ORDER

STATE_LOOK_BACK = timedelta(days=10)
"""A job's state at T folds its events known in (T - 10 days, T]: 8 days of lateness and a job of two."""

LOOK_BACK = 2 * STATE_LOOK_BACK + TICK
"""Reading this far back suffices: a row is compared with a state at most STATE_LOOK_BACK older."""

ANSWERS = ("no_contact", "declined", "offer_expired", "offer_withdrawn", "accepted")
RETRACTIONS = ("unassigned", "eta_rejected")
ARRIVALS = ("on_scene", "gone_on_arrival")
_ASSIGNMENT_EVENTS = (
    "driver_assigned",
    "en_route",
    "eta_updated",
    "on_scene",
    "towing",
    "gone_on_arrival",
    "unsuccessful",
    "unassigned",
    "completed",
    "cancelled",
    "eta_rejected",
)

HISTORY = ("job_id", "as_of")
"""The key of one history."""


def is_type(*event_types: str) -> Column:
    """Whether the event is of one of the types."""
    return F.col("event_type").isin(*event_types)


def so_far(*partition: str) -> WindowSpec:
    """The history's events up to and including this one, in the automaton's order."""
    return (
        Window.partitionBy(*HISTORY, *partition)
        .orderBy("position")
        .rowsBetween(Window.unboundedPreceding, Window.currentRow)
    )


def latest_so_far(value: Column, window: WindowSpec) -> Column:
    """The value of the last event of the window that has one."""
    return F.max(F.when(value.isNotNull(), F.struct("position", value.alias("value")))).over(window)["value"]


def first_of(value: Column, when: Column) -> Column:
    """Aggregate: the value of the first event (in order) that meets the condition."""
    return F.min(F.when(when, F.struct("position", value.alias("value"))))["value"]


def last_of(value: Column, when: Column) -> Column:
    """Aggregate: the value of the last event (in order) that meets the condition."""
    return F.max(F.when(when, F.struct("position", value.alias("value"))))["value"]


def job_histories(dispatch_events: DataFrame, interval: Interval) -> DataFrame:
    """One row per job, tick `as_of` at which an event of it became known, and event known by then.

    Beside the ticks of the interval each job has the last tick before it (`is_new` false), to
    compare with. `position` orders the events of a history: event time, lifecycle rank, event id.
    Late events are left out. `offer_key` and `assignment_key` say which offer and assignment an
    event belongs to; job facts carry the last value stated so far.
    """
    events = dispatch_events.where(~F.col("is_late"))
    ticks = events.select("job_id", F.col("known_at").alias("as_of")).distinct()
    inside = (F.col("as_of") > F.lit(interval.start)) & (F.col("as_of") <= F.lit(interval.end))
    touched = ticks.where(inside).select("job_id").distinct()
    by_job = Window.partitionBy("job_id").orderBy("as_of")
    as_of = (
        ticks.where(F.col("as_of") <= F.lit(interval.end))
        .join(touched, "job_id", "left_semi")
        .withColumn("is_new", inside)
        .withColumn("previous", F.lag("as_of").over(by_job))
        .withColumn("next_is_new", F.coalesce(F.lead("is_new").over(by_job), F.lit(False)))
        .where(F.col("is_new") | F.col("next_is_new"))
        .withColumn(
            "previous_as_of",
            F.when(F.col("previous") > F.col("as_of") - _days(STATE_LOOK_BACK), F.col("previous")),
        )
        .select("job_id", "as_of", "is_new", "previous_as_of")
    )
    histories = as_of.join(events.drop("known_date"), "job_id").where(
        (F.col("known_at") <= F.col("as_of")) & (F.col("known_at") > F.col("as_of") - _days(STATE_LOOK_BACK))
    )
    return histories.transform(_in_order).transform(_with_offer_key).transform(_with_assignment_key).transform(
        _with_job_facts
    )


def changed_rows(states: DataFrame, table: Table) -> DataFrame:
    """The states of the interval that differ from what was known at the job's tick before.

    `states` has one row per key and `as_of`, with is_new and previous_as_of.
    """
    key = [name for name in table.key if name != "known_at"]
    values = [name for name in table.column_names if name not in {*key, "known_at", "known_date"}]
    state = F.struct(*values)
    by_key = Window.partitionBy("job_id", *key).orderBy("as_of")
    return (
        states.withColumn("state_before", F.lag(state).over(by_key))
        .withColumn("as_of_before", F.lag("as_of").over(by_key))
        .where(
            F.col("is_new")
            & ~(F.col("as_of_before").eqNullSafe(F.col("previous_as_of")) & state.eqNullSafe(F.col("state_before")))
        )
        .withColumn("known_at", F.col("as_of"))
        .withColumn("known_date", F.to_date(F.col("as_of") - F.expr("INTERVAL 15 MINUTES")))
        .select(*table.column_names)
    )


def _in_order(histories: DataFrame) -> DataFrame:
    rank = F.coalesce(
        *(F.when(F.col("event_type") == name, F.lit(n)) for n, name in enumerate(LIFECYCLE_ORDER)),
        F.lit(len(LIFECYCLE_ORDER)),
    )
    order = Window.partitionBy(*HISTORY).orderBy("event_timestamp", rank, "event_id")
    return histories.withColumn("position", F.row_number().over(order))


def _with_offer_key(histories: DataFrame) -> DataFrame:
    """offer_key: given, else derived from the offered event; answers find the last offer so far
    (of their provider, if they name one), a rejected ETA the offer that was accepted."""
    offered = F.when(is_type("offered"), F.coalesce("offer_id", F.concat_ws(":", "job_id", "event_id")))
    return (
        histories.withColumn("offer_key", F.when(is_type("offered"), offered))
        .withColumn("offer_key", F.when(is_type(*ANSWERS), _given_or_last("offer_id", "offer_key")).otherwise(F.col("offer_key")))
        .withColumn("accepted_offer", F.when(is_type("accepted"), F.col("offer_key")))
        .withColumn(
            "offer_key",
            F.when(
                is_type("eta_rejected"),
                F.when(
                    F.col("offer_id").isNull() & F.col("assignment_id").isNotNull(),
                    latest_so_far(F.col("accepted_offer"), so_far("assignment_id")),
                ).otherwise(_given_or_last("offer_id", "accepted_offer")),
            ).otherwise(F.col("offer_key")),
        )
        .drop("accepted_offer")
    )


def _with_assignment_key(histories: DataFrame) -> DataFrame:
    """assignment_key: given, else the offer's on acceptance; later events find the last acceptance
    so far (of their provider, if they name one). An acceptance of nothing known is no assignment."""
    accepted = F.when(is_type("accepted"), F.coalesce("assignment_id", "offer_key"))
    keyed = histories.withColumn("accepted_key", accepted)
    of_offer = latest_so_far(F.col("accepted_key"), so_far("offer_key"))
    return keyed.withColumn("last_assignment", latest_so_far(F.col("accepted_key"), so_far())).withColumn(
        "assignment_key",
        F.when(is_type("accepted"), F.col("accepted_key"))
        .when(is_type("eta_rejected") & F.col("offer_key").isNotNull(), F.coalesce("assignment_id", of_offer))
        .when(is_type(*_ASSIGNMENT_EVENTS), _given_or_last("assignment_id", "accepted_key")),
    )


def _given_or_last(given: str, key: str) -> Column:
    """The given id, else the last key so far, among the event's provider's if it names one."""
    of_job = latest_so_far(F.col(key), so_far())
    of_provider = latest_so_far(F.col(key), so_far("provider_id"))
    return F.coalesce(given, F.when(F.col("provider_id").isNull(), of_job).otherwise(of_provider))


def _with_job_facts(histories: DataFrame) -> DataFrame:
    """Job facts as last stated at or before each event."""
    facts = ("service_type", "zone_id", "program_id", "job_kind", "scheduled_for")
    return histories.select(
        "*",
        *(latest_so_far(F.col(name), so_far()).alias(f"job_{name}") for name in facts),
        F.min(F.when(is_type("requested"), F.col("event_timestamp"))).over(Window.partitionBy(*HISTORY)).alias(
            "requested_at"
        ),
    )


def _days(span: timedelta) -> Column:
    return F.expr(f"INTERVAL {span.days} DAYS")
