"""tiles.dispatch_1d: offers, assignments, requests and claims by business day, provider, area, service."""

from __future__ import annotations

from datetime import timedelta

import pyarrow.compute as pc
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from transforms.grid import BUSINESS_DAYS
from transforms.known_time import AHEAD, known_within, once_happened, span
from transforms.silver.histories import STATE_LOOK_BACK
from transforms.tiles.measures import (
    ACCEPTED,
    ARRIVAL_FACTS,
    ARRIVAL_MINUTES,
    ARRIVED,
    IS_DEMAND,
    OFFER_FACTS,
    OFFERED,
    ON_SCENE_MINUTES,
    REQUESTS,
    has,
)
from transforms.tiles.partials import At, Bucket, Earliest, Fact, partials, tile_rows, versions
from validation.clocks import TICK, Interval
from validation.contracts.tiles.dispatch_1d import DISPATCH_1D

DAY_OF_TICKS = timedelta(hours=25) + TICK
"""A cut makes the partials of the whole business day before it, whatever interval it lies in."""

HORIZON = STATE_LOOK_BACK
LOOK_BACK = HORIZON + DAY_OF_TICKS

CLAIM_HORIZON = timedelta(days=92)
"""A claim's version is compared with one known at most so long before: what lies further back was
submitted before the longest window, 90 business days."""
CLAIM_LOOK_BACK = CLAIM_HORIZON + DAY_OF_TICKS + AHEAD + TICK
"""What is stamped ahead landed at most AHEAD and a tick before it is known."""

JOB_AREA_HORIZON = timedelta(days=120)
"""A claim finds its job's area if the job was known at most this long before the claim (invoices
are due within 60 days, disputes 30 more; DOMAIN section 1), or at most CLAIM_HORIZON after it."""
JOB_LOOK_BACK = CLAIM_LOOK_BACK + JOB_AREA_HORIZON


ENDED, COMPLETED, REQUESTED = At("ended_at"), At("completed_at"), At("requested_at")
SUBMITTED = At("submitted_at")
OFFERS = (
    *OFFER_FACTS,
    Fact("demand_offers", (OFFERED,), IS_DEMAND),
    Fact("digital_offers", (OFFERED,), has("dispatch_channel", "digital")),
)
ASSIGNMENTS = (
    *ARRIVAL_FACTS,
    Fact("accepted", (ACCEPTED,)),
    Fact(
        "reassigned",
        (ACCEPTED, ENDED),
        has("end_reason", "provider_gave_back") | has("end_reason", "agent_reassigned"),
    ),
    Fact("done", (ACCEPTED, Earliest((COMPLETED, At("gone_on_arrival_at"))))),
    Fact("member_cancelled", (ACCEPTED, ENDED), has("end_reason", "member_cancelled")),
    Fact(
        "on_scene_minutes",
        (COMPLETED, ARRIVED),
        ~pc.field("is_gone_on_arrival"),
        bucket=Bucket(ON_SCENE_MINUTES, ("arrived_at", "completed_at")),
    ),
)
EVIDENCE = (Fact("evidenced", (ARRIVED,)),)
JOBS = (
    REQUESTS,
    Fact("requests_cancelled", (REQUESTED, At("cancelled_at")), IS_DEMAND & has("cancel_actor", "member")),
    Fact(
        "request_to_accept_minutes",
        (At("first_accepted_at"), REQUESTED),
        IS_DEMAND,
        bucket=Bucket(ARRIVAL_MINUTES, ("requested_at", "first_accepted_at")),
    ),
)
HAS_NPS, HAS_BILL = pc.field("nps").is_valid(), pc.field("billed_cents").is_valid()
_CLAIMED: tuple[tuple[str, pc.Expression, str | None], ...] = (
    ("nps", HAS_NPS, None),
    ("nps_points", HAS_NPS, "nps"),
    ("billed", HAS_BILL, None),
    ("billed_cents", HAS_BILL, "billed_cents"),
)
CLAIMS_BEFORE_REQUEST = tuple(
    Fact(measure, (SUBMITTED,), when, ended=REQUESTED, amount=amount) for measure, when, amount in _CLAIMED
)
"""Of no area: as long as no request of the job is known, or none had been made."""
CLAIMS = tuple(
    Fact(measure, (SUBMITTED, REQUESTED), when, amount=amount) for measure, when, amount in _CLAIMED
)


BY_SERVICE: dict[str, str | None] = {
    "provider_id": "provider_id",
    "area_id": "area_id",
    "service_type": "service_type",
}
BY_REQUESTED_SERVICE = BY_SERVICE | {"provider_id": None, "service_type": "requested_service_type"}
BY_AREA = BY_SERVICE | {"service_type": None}
BY_COMPANY = BY_AREA | {"area_id": None}


def dispatch_1d(
    offers: DataFrame,
    assignments: DataFrame,
    jobs: DataFrame,
    arrival_evidence: DataFrame,
    service_outcomes: DataFrame,
    interval: Interval,
) -> DataFrame:
    """One row per provider, area, service, measure and day, and cut of the interval that changed its sum.

    `known_at` is the cut. The interval must hold one.
    """
    first, last = BUSINESS_DAYS.bounds(interval)
    days = Interval(BUSINESS_DAYS.moment(first), BUSINESS_DAYS.moment(last))
    known = {
        "offers": versions(offers, ["offer_id"], days, HORIZON),
        "jobs": versions(jobs, ["job_id"], days, HORIZON),
        "assignments": versions(
            assignments,
            ["assignment_id"],
            days,
            HORIZON,
            touched=arrival_evidence.where(known_within(days)),
        ),
    }
    parts = (
        (known["offers"], OFFERS, BY_SERVICE),
        (known["assignments"], ASSIGNMENTS, BY_SERVICE),
        (borne_out(arrival_evidence, known["assignments"]), EVIDENCE, BY_SERVICE),
        (known["jobs"], JOBS, BY_REQUESTED_SERVICE),
    )
    made = [partials(learned, facts, by, BUSINESS_DAYS, days) for learned, facts, by in parts]
    return tile_rows([*made, claimed(service_outcomes, jobs, days)], DISPATCH_1D)


def claimed(service_outcomes: DataFrame, jobs: DataFrame, days: Interval) -> DataFrame:
    """What the days learned and unlearned of claims, by provider and area; partials, not added up."""
    claims = with_request(current_claims(service_outcomes, jobs, days), jobs)
    before = partials(claims, CLAIMS_BEFORE_REQUEST, BY_COMPANY, BUSINESS_DAYS, days)
    return before.unionByName(partials(claims, CLAIMS, BY_AREA, BUSINESS_DAYS, days))


def current_claims(service_outcomes: DataFrame, jobs: DataFrame, days: Interval) -> DataFrame:
    """Claim versions that the days learned or replaced, or whose job they learned something of.

    With `known_until`: when a greater version was known; one that became known after a greater one was
    never current. What is stamped ahead is known once it has happened. Versions known more than
    CLAIM_HORIZON apart are not compared.
    """
    outcomes = service_outcomes.where(~F.col("is_late")).withColumn(
        "known_at", once_happened("source_updated_at")
    )
    of_jobs = jobs.where(known_within(days)).select("job_id").distinct()
    known_lately = outcomes.where(known_within(days.widened(CLAIM_HORIZON)))
    touched = (
        known_lately.where(known_within(days))
        .select("claim_id")
        .unionByName(known_lately.join(of_jobs, "job_id", "left_semi").select("claim_id"))
    )
    known = known_lately.join(touched.distinct(), "claim_id", "left_semi")
    version = ["claim_id", "source_updated_at"]
    other = known.select(
        "claim_id",
        F.col("source_updated_at").alias("other_version"),
        F.col("known_at").alias("other_known_at"),
    )
    apart = F.abs(F.unix_micros("other_known_at") - F.unix_micros("known_at"))
    replaced = (
        known.select(*version, "known_at")
        .join(other, "claim_id")
        .where(
            (F.col("other_version") > F.col("source_updated_at"))
            & (apart <= CLAIM_HORIZON // timedelta(microseconds=1))
        )
        .groupBy(*version)
        .agg(F.min("other_known_at").alias("known_until"))
    )
    return known.join(replaced, version, "left")


def with_request(claims: DataFrame, jobs: DataFrame) -> DataFrame:
    """The claims' versions with their jobs' request and area: one row for each while it was the one known.

    A row is known from when claim and request both were, and until either is replaced; before that the
    claim has neither. A request that is no longer looked at stands.
    """
    version = ["claim_id", "source_updated_at"]
    since, until = F.col("known_at") - span(JOB_AREA_HORIZON), F.col("known_at") + span(CLAIM_HORIZON)
    of_versions = claims.select(*version, "job_id", "known_at")
    stated = jobs.where(F.col("requested_at").isNotNull()).select(
        "job_id", F.col("known_at").alias("job_known_at"), "requested_at", "area_id"
    )
    none_yet = of_versions.withColumn("job_known_at", since)
    requests = (
        of_versions.join(stated, "job_id")
        .where((F.col("job_known_at") > since) & (F.col("job_known_at") <= until))
        .unionByName(none_yet, allowMissingColumns=True)
    )
    following = F.lead("job_known_at").over(Window.partitionBy(*version).orderBy("job_known_at"))
    return (
        claims.join(requests.withColumn("job_known_until", following).drop("job_id", "known_at"), version)
        .withColumn("known_at", F.greatest("known_at", "job_known_at"))
        .withColumn("known_until", F.least("known_until", "job_known_until"))
    )


def borne_out(arrival_evidence: DataFrame, known: DataFrame) -> DataFrame:
    """Assignment versions whose arrival is borne out, from when both were known."""
    evidence = arrival_evidence.select(
        "assignment_id", "arrived_at", F.col("known_at").alias("evidence_known_at")
    )
    return known.join(evidence, ["assignment_id", "arrived_at"]).withColumn(
        "known_at", F.greatest("known_at", "evidence_known_at")
    )
