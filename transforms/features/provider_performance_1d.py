"""features.provider_performance_1d: how a provider has done over the last weeks."""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from transforms.features.expiring import (
    Fact,
    bucket_facts,
    bucket_measures,
    deltas,
    feature_rows,
    latest_versions,
    quantile,
    ratio,
    running,
    spans,
)
from transforms.features.grid import BUSINESS_DAYS
from transforms.features.provider_activity_15m import RESPONSE_SECONDS
from validation.clocks import TICK, Interval
from validation.contracts.features.provider_performance_1d import PROVIDER_PERFORMANCE_1D

LOOK_BACK = timedelta(days=30) + TICK
"""28 business days, the cut before, and the allowance for future clocks."""

CLAIM_LOOK_BACK = timedelta(days=92) + TICK
"""90 business days, the cut before, and the allowance for future clocks."""

JOB_AREA_HORIZON = timedelta(days=120)
"""A claim finds its job's area if the job was known at most this long before the claim (invoices
are due within 60 days, disputes 30 more; DOMAIN section 1)."""

ARRIVAL_MINUTES = (*range(5, 181, 5), 240, 300, 360, 720)
"""Upper edges; the last bucket is open and reported as 720."""

PROMISE_MINUTES = (-60, -45, -30, -20, -15, -10, -5, 0, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 360)
"""Upper edges; the last bucket is open and reported as 360."""

_COUNTS = ("offers_7d", "offers_28d", "accepted_28d", "arrivals_28d", "nps_90d", "billed_90d")
_OTHERS = (
    "cohort_accepted_7d",
    "cohort_accepted_28d",
    "cohort_withdrawn_7d",
    "cohort_withdrawn_28d",
    "reassigned_28d",
    "done_28d",
    "member_cancelled_28d",
    "promised_arrivals_28d",
    "on_time_28d",
    "goa_28d",
    "evidenced_28d",
    "nps_sum_90d",
    "billed_cents_90d",
)
_OFFER_COLUMNS = (
    "offer_id",
    "provider_id",
    "offered_at",
    "offer_outcome",
    "responded_at",
    "response_seconds",
    "accepted_at",
    "dispatch_channel",
)
_ASSIGNMENT_COLUMNS = (
    "assignment_id",
    "provider_id",
    "accepted_at",
    "arrived_at",
    "ended_at",
    "end_reason",
    "completed_at",
    "is_gone_on_arrival",
    "first_promised_arrival_at",
)


def provider_performance_1d(
    offers: DataFrame,
    assignments: DataFrame,
    arrival_evidence: DataFrame,
    service_outcomes: DataFrame,
    jobs: DataFrame,
    interval: Interval,
) -> DataFrame:
    """One row per provider and business-day cut while it is live, plus a closing row."""
    key = ["provider_id"]
    bounds = BUSINESS_DAYS.bounds(interval)
    asked = latest_versions(offers, "offer_id", _OFFER_COLUMNS)
    taken = latest_versions(assignments, "assignment_id", _ASSIGNMENT_COLUMNS)
    claims = current_claims(service_outcomes)
    held = [
        spans(asked.where(F.col("provider_id").isNotNull()), key, _offer_facts(), BUSINESS_DAYS),
        spans(taken.where(F.col("provider_id").isNotNull()), key, _assignment_facts(), BUSINESS_DAYS),
        spans(_borne_out(arrival_evidence, taken), key, _evidence_facts(), BUSINESS_DAYS),
        spans(claims.where(F.col("provider_id").isNotNull()), key, _claim_facts(), BUSINESS_DAYS),
    ]
    union = held[0]
    for frame in held[1:]:
        union = union.unionByName(frame)
    rows = running(deltas(union, key), key, _measures(), bounds, beat=1)
    values = rows.join(_area_bill(claims, jobs, bounds), [*key, "number"], "left").select(
        "*",
        *(F.col(name).alias(f"{name}_count") for name in _COUNTS),
        *(
            ratio(
                F.col(f"cohort_accepted_{window}"),
                F.col(f"offers_{window}") - F.col(f"cohort_withdrawn_{window}"),
            ).alias(f"offer_accept_ratio_{window}")
            for window in ("7d", "28d")
        ),
        quantile("response_28d", RESPONSE_SECONDS, 50).alias("response_seconds_p50_28d"),
        quantile("arrival_28d", ARRIVAL_MINUTES, 50).alias("arrival_minutes_p50_28d"),
        quantile("arrival_28d", ARRIVAL_MINUTES, 90).alias("arrival_minutes_p90_28d"),
        quantile("promise_28d", PROMISE_MINUTES, 50).alias("arrival_minus_promise_minutes_p50_28d"),
        quantile("promise_28d", PROMISE_MINUTES, 90).alias("arrival_minus_promise_minutes_p90_28d"),
        ratio(F.col("reassigned_28d"), F.col("accepted_28d")).alias("reassign_ratio_28d"),
        ratio(F.col("done_28d"), F.col("accepted_28d") - F.col("member_cancelled_28d")).alias(
            "completion_ratio_28d"
        ),
        ratio(F.col("on_time_28d"), F.col("promised_arrivals_28d")).alias("on_time_ratio_28d"),
        ratio(F.col("goa_28d"), F.col("arrivals_28d")).alias("goa_ratio_28d"),
        ratio(F.col("evidenced_28d"), F.col("arrivals_28d")).alias("gps_evidenced_arrival_ratio_28d"),
        ratio(F.col("nps_sum_90d"), F.col("nps_90d")).alias("nps_mean_90d"),
        ratio(F.col("billed_cents_90d"), F.col("billed_90d") * 100).alias("billed_usd_mean_90d"),
        ratio(F.col("billed_cents_90d") * 10_000, F.col("area_bill")).alias("billed_vs_area_ratio_90d"),
    )
    return feature_rows(values, PROVIDER_PERFORMANCE_1D, key, F.col("offers_28d") > 0, BUSINESS_DAYS)


def current_claims(service_outcomes: DataFrame) -> DataFrame:
    """Claim versions with `known_until`: when a greater version of the claim was known.

    A version that became known after a greater one was never current.
    """
    newer = (
        Window.partitionBy("claim_id")
        .orderBy(F.col("source_updated_at").desc())
        .rowsBetween(Window.unboundedPreceding, -1)
    )
    return (
        service_outcomes.where(~F.col("is_late"))
        .withColumn("known_until", F.min("known_at").over(newer))
        .where(F.col("known_until").isNull() | (F.col("known_at") < F.col("known_until")))
    )


def _measures() -> list[str]:
    return [
        *_COUNTS,
        *_OTHERS,
        *bucket_measures("response_28d", RESPONSE_SECONDS),
        *bucket_measures("arrival_28d", ARRIVAL_MINUTES),
        *bucket_measures("promise_28d", PROMISE_MINUTES),
    ]


def _offer_facts() -> list[Fact]:
    offered, responded, accepted = F.col("offered_at"), F.col("responded_at"), F.col("accepted_at")
    said_yes = accepted.isNotNull()
    withdrawn = F.col("offer_outcome") == "withdrawn"
    digital = (F.col("dispatch_channel") == "digital") & F.col("response_seconds").isNotNull()
    windows = {"7d": 7, "28d": 28}
    return [
        *(Fact(f"offers_{w}", (offered,), n, offered.isNotNull()) for w, n in windows.items()),
        *(Fact(f"cohort_accepted_{w}", (offered, accepted), n, said_yes) for w, n in windows.items()),
        *(Fact(f"cohort_withdrawn_{w}", (offered, responded), n, withdrawn) for w, n in windows.items()),
        Fact("accepted_28d", (accepted,), 28, said_yes),
        *bucket_facts(
            "response_28d", RESPONSE_SECONDS, F.col("response_seconds"), Fact("", (responded,), 28, digital)
        ),
    ]


def _assignment_facts() -> list[Fact]:
    accepted, arrived, ended = F.col("accepted_at"), F.col("arrived_at"), F.col("ended_at")
    promised = F.col("first_promised_arrival_at")
    has_arrived = arrived.isNotNull()
    has_promise = has_arrived & promised.isNotNull()
    taken_away = F.col("end_reason").isin("provider_gave_back", "agent_reassigned")
    done = F.col("completed_at").isNotNull() | F.col("is_gone_on_arrival")
    done_at = F.coalesce("completed_at", "arrived_at")
    travel = (F.unix_micros(arrived) - F.unix_micros(accepted)) / 60_000_000
    past_promise = (F.unix_micros(arrived) - F.unix_micros(promised)) / 60_000_000
    return [
        Fact("reassigned_28d", (accepted, ended), 28, taken_away),
        Fact("done_28d", (accepted, done_at), 28, done),
        Fact("member_cancelled_28d", (accepted, ended), 28, F.col("end_reason") == "member_cancelled"),
        Fact("arrivals_28d", (arrived,), 28, has_arrived),
        Fact("promised_arrivals_28d", (arrived,), 28, has_promise),
        Fact("on_time_28d", (arrived,), 28, has_promise & (arrived <= promised)),
        Fact("goa_28d", (arrived,), 28, has_arrived & F.col("is_gone_on_arrival")),
        *bucket_facts("arrival_28d", ARRIVAL_MINUTES, travel, Fact("", (arrived,), 28, has_arrived)),
        *bucket_facts("promise_28d", PROMISE_MINUTES, past_promise, Fact("", (arrived,), 28, has_promise)),
    ]


def _borne_out(arrival_evidence: DataFrame, taken: DataFrame) -> DataFrame:
    """Assignment versions whose arrival is borne out, from when both were known."""
    evidence = arrival_evidence.select(
        "assignment_id", "arrived_at", F.col("known_at").alias("evidence_known_at")
    )
    return taken.join(evidence, ["assignment_id", "arrived_at"]).withColumn(
        "known_at", F.greatest("known_at", "evidence_known_at")
    )


def _evidence_facts() -> list[Fact]:
    return [Fact("evidenced_28d", (F.col("arrived_at"),), 28, F.lit(True))]


def _claim_facts() -> list[Fact]:
    submitted = F.col("submitted_at")
    has_nps, has_bill = F.col("nps").isNotNull(), F.col("billed_cents").isNotNull()
    return [
        Fact("nps_90d", (submitted,), 90, has_nps),
        Fact("nps_sum_90d", (submitted,), 90, has_nps, amount=F.col("nps")),
        Fact("billed_90d", (submitted,), 90, has_bill),
        Fact("billed_cents_90d", (submitted,), 90, has_bill, amount=F.col("billed_cents")),
    ]


def _area_bill(claims: DataFrame, jobs: DataFrame, bounds: tuple[int, int]) -> DataFrame:
    """Per provider and cut: what its billed claims would have cost at their areas' mean, in 1/10000 cent.

    The area is the job's as known when the claim version was. The mean is floored to 1/10000 cent,
    so that the sum stays an integer.
    """
    billed = claims.where(F.col("billed_cents").isNotNull() & F.col("provider_id").isNotNull())
    areas = (
        billed.select("claim_id", "source_updated_at", "job_id", F.col("known_at").alias("claim_known_at"))
        .join(jobs.where(F.col("area_id").isNotNull()).select("job_id", "known_at", "area_id"), "job_id")
        .where(
            (F.col("known_at") <= F.col("claim_known_at"))
            & (F.col("known_at") > F.col("claim_known_at") - F.expr(f"INTERVAL {JOB_AREA_HORIZON.days} DAYS"))
        )
        .groupBy("claim_id", "source_updated_at")
        .agg(F.max(F.struct("known_at", "area_id"))["area_id"].alias("area_id"))
    )
    placed = billed.join(areas, ["claim_id", "source_updated_at"])
    facts = [
        Fact("bills", (F.col("submitted_at"),), 90, F.lit(True)),
        Fact("cents", (F.col("submitted_at"),), 90, F.lit(True), amount=F.col("billed_cents")),
    ]
    by_area = _daily(placed, ["area_id"], facts, bounds)
    by_provider = _daily(placed, ["provider_id", "area_id"], facts[:1], bounds)
    mean = F.expr("area_cents * 10000 div area_bills")
    return (
        by_provider.where(F.col("bills") > 0)
        .join(
            by_area.select(
                "area_id", "number", F.col("bills").alias("area_bills"), F.col("cents").alias("area_cents")
            ),
            ["area_id", "number"],
        )
        .groupBy("provider_id", "number")
        .agg(F.sum(F.col("bills") * mean).alias("area_bill"))
    )


def _daily(claims: DataFrame, key: list[str], facts: list[Fact], bounds: tuple[int, int]) -> DataFrame:
    """Running sums at every cut of the interval, and the cut before."""
    moves = deltas(spans(claims, key, facts, BUSINESS_DAYS), key)
    return running(moves, key, [fact.measure for fact in facts], (bounds[0] - 1, bounds[1]), beat=1)
