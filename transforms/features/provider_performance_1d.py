"""features.provider_performance_1d: how a provider has done over the last weeks."""

from __future__ import annotations

from datetime import timedelta
from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from transforms.features.expiring import Fact, bucket_of, feature_values, latest_versions, spans, with_clocks
from transforms.features.grid import BUSINESS_DAYS
from transforms.features.provider_activity_15m import RESPONSE_SECONDS
from transforms.features.sums import Count, Measures, Quantile, Ratio, Summing
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
MEASURES = Measures(
    (*_COUNTS, *_OTHERS),
    {"response_28d": RESPONSE_SECONDS, "arrival_28d": ARRIVAL_MINUTES, "promise_28d": PROMISE_MINUTES},
)
SUMMING = Summing(
    MEASURES,
    (
        *(Count(f"{name}_count", name) for name in _COUNTS),
        *(
            Ratio(f"offer_accept_ratio_{w}", f"cohort_accepted_{w}", f"offers_{w}", f"cohort_withdrawn_{w}")
            for w in ("7d", "28d")
        ),
        Quantile("response_seconds_p50_28d", "response_28d", 50),
        Quantile("arrival_minutes_p50_28d", "arrival_28d", 50),
        Quantile("arrival_minutes_p90_28d", "arrival_28d", 90),
        Quantile("arrival_minus_promise_minutes_p50_28d", "promise_28d", 50),
        Quantile("arrival_minus_promise_minutes_p90_28d", "promise_28d", 90),
        Ratio("reassign_ratio_28d", "reassigned_28d", "accepted_28d"),
        Ratio("completion_ratio_28d", "done_28d", "accepted_28d", "member_cancelled_28d"),
        Ratio("on_time_ratio_28d", "on_time_28d", "promised_arrivals_28d"),
        Ratio("goa_ratio_28d", "goa_28d", "arrivals_28d"),
        Ratio("gps_evidenced_arrival_ratio_28d", "evidenced_28d", "arrivals_28d"),
        Ratio("nps_mean_90d", "nps_sum_90d", "nps_90d"),
        Ratio("billed_usd_mean_90d", "billed_cents_90d", "billed_90d", divisor=100),
    ),
    live="offers_28d",
    beat=1,
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
    parts = (
        (asked, _offer_facts()),
        (taken, _assignment_facts()),
        (_borne_out(arrival_evidence, taken), _evidence_facts()),
        (claims, _claim_facts()),
    )
    held = [
        spans(part.where(F.col("provider_id").isNotNull()), key, facts, MEASURES, BUSINESS_DAYS, bounds)
        for part, facts in parts
    ]
    values = feature_values(
        reduce(DataFrame.unionByName, held), PROVIDER_PERFORMANCE_1D, "provider_id", SUMMING, bounds
    )
    is_live = F.col("offers_28d_count").isNotNull()
    billed = values.join(billed_vs_area(claims, jobs, bounds), ["provider_id", "number"], "left").withColumn(
        "billed_vs_area_ratio_90d", F.when(is_live, F.col("billed_vs_area_ratio_90d"))
    )
    return with_clocks(billed, PROVIDER_PERFORMANCE_1D, BUSINESS_DAYS, is_live)


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
        Fact(
            "response_28d",
            (responded,),
            28,
            digital,
            bucket=bucket_of(F.col("response_seconds"), RESPONSE_SECONDS),
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
    travel = _minutes_between(accepted, arrived)
    past_promise = _minutes_between(promised, arrived)
    return [
        Fact("reassigned_28d", (accepted, ended), 28, taken_away),
        Fact("done_28d", (accepted, done_at), 28, done),
        Fact("member_cancelled_28d", (accepted, ended), 28, F.col("end_reason") == "member_cancelled"),
        Fact("arrivals_28d", (arrived,), 28, has_arrived),
        Fact("promised_arrivals_28d", (arrived,), 28, has_promise),
        Fact("on_time_28d", (arrived,), 28, has_promise & (arrived <= promised)),
        Fact("goa_28d", (arrived,), 28, has_arrived & F.col("is_gone_on_arrival")),
        Fact("arrival_28d", (arrived,), 28, has_arrived, bucket=bucket_of(travel, ARRIVAL_MINUTES)),
        Fact("promise_28d", (arrived,), 28, has_promise, bucket=bucket_of(past_promise, PROMISE_MINUTES)),
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


def billed_vs_area(claims: DataFrame, jobs: DataFrame, bounds: tuple[int, int]) -> DataFrame:
    """Per provider and cut: billed, over what the claims would cost at their areas' mean.

    The area is the job's as known when the claim version was; claims without one are left out of
    both sides. The area's mean is floored to 1/10000 cent, so that the sums stay integers.
    """
    billed = claims.where(F.col("billed_cents").isNotNull())
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
    first, last = bounds
    bill = Fact("bill", (F.col("submitted_at"),), 90, F.lit(True), amount=F.col("billed_cents"))
    held = spans(
        billed.join(areas, ["claim_id", "source_updated_at"]),
        ["provider_id", "area_id"],
        [bill],
        Measures(("bill",), {}),
        BUSINESS_DAYS,
        bounds,
    )
    cuts = F.sequence(F.greatest("enter", F.lit(first + 1)), F.least(F.col("leave") - 1, F.lit(last)))
    daily = (
        held.where((F.col("leave") > first + 1) & (F.lit(last) > first))
        .select("provider_id", "area_id", "amount", F.explode(cuts).alias("number"))
        .groupBy("provider_id", "area_id", "number")
        .agg(F.sum("amount").alias("cents"), F.count("amount").alias("bills"))
    )
    by_area = daily.groupBy("area_id", "number").agg(
        F.sum("cents").alias("area_cents"), F.sum("bills").alias("area_bills")
    )
    expected = F.sum(F.expr("bills * (area_cents * 10000 div area_bills)"))
    return (
        daily.join(by_area, ["area_id", "number"])
        .where(F.col("provider_id").isNotNull())
        .groupBy("provider_id", "number")
        .agg(F.sum("cents").alias("cents"), expected.alias("expected"))
        .select(
            "provider_id",
            "number",
            F.when(
                F.col("expected") > 0,
                (F.col("cents") * 10_000).cast("double") / F.col("expected").cast("double"),
            ).alias("billed_vs_area_ratio_90d"),
        )
    )


def _minutes_between(start: Column, end: Column) -> Column:
    return (F.unix_micros(end) - F.unix_micros(start)) / 60_000_000
