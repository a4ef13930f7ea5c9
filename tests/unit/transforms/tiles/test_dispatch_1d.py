"""tiles.dispatch_1d: a claim in its job's area, from when claim and request are both known."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from support.frames import frame_of, in_chunks, known_in
from transforms.tiles.dispatch_1d import CLAIM_LOOK_BACK, JOB_LOOK_BACK, claimed
from transforms.tiles.partials import tile_rows
from validation.clocks import Interval, business_day_start
from validation.contracts.silver.jobs import JOBS
from validation.contracts.silver.service_outcomes import SERVICE_OUTCOMES
from validation.contracts.tiles.dispatch_1d import DISPATCH_1D

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CUT = business_day_start(date(2026, 3, 10))
"""The cut that day 0 begins at; day n ends at cut n + 1."""


def at(day: float) -> datetime:
    return CUT + day * DAY


def claim(claim_id: str, job_id: str, known: float, **more: Any) -> dict[str, Any]:
    """A version known and submitted on a day, billed a dollar."""
    return {
        "claim_id": claim_id,
        "job_id": job_id,
        "provider_id": "P1",
        "known_at": at(known),
        "source_updated_at": at(known) - HOUR,
        "submitted_at": at(known) - HOUR,
        "billed_cents": 100,
        "nps": None,
        "is_late": False,
    } | more


def job(job_id: str, known: float, requested: float | None, area_id: str | None) -> dict[str, Any]:
    requested_at = None if requested is None else at(requested)
    return {"job_id": job_id, "known_at": at(known), "requested_at": requested_at, "area_id": area_id}


CLAIMS = [
    claim("after", "asked before", 1.5),
    claim("before", "asked late", 0.5),
    claim("moved", "asked twice", 0.5),
    claim("corrected", "asked before", 0.5),
    claim("corrected", "asked before", 2.5, submitted_at=at(0.5) - HOUR, billed_cents=70),
    claim("ahead", "asked before", 1, source_updated_at=at(1) + HOUR / 2, submitted_at=at(1) - 2 * HOUR),
    claim("too early", "asked later", 0.5),
]
REQUESTS = [
    job("asked before", 0.25, 0.1, "A"),
    job("asked before", 2.75, None, None),  # its request is no longer looked at
    job("asked late", 2.5, 0.1, "B"),
    job("asked twice", 0.25, 0.1, "A"),
    job("asked twice", 1.5, 0.05, None),  # an earlier request, of no place
    job("asked later", 1.25, 1.2, "C"),
]
WANTED = [
    # area, cut it was known at, cut it counts at, cents
    ("", 1, 1, 200),  # before, too early
    ("A", 1, 1, 200),  # moved, corrected
    ("A", 2, 1, 0),  # ahead comes, moved goes
    ("A", 2, 2, 100),  # after
    ("", 2, 1, 100),  # moved
    ("", 2, 2, -100),  # too early, from its request on
    ("C", 2, 2, 100),
    ("A", 3, 1, -30),  # corrected
    ("", 3, 1, -100),  # before
    ("B", 3, 1, 100),
]


def test_a_claim_is_of_its_job_s_area_once_both_are_known_whichever_came_first(spark: SparkSession) -> None:
    claims = frame_of(spark, SERVICE_OUTCOMES, CLAIMS)
    jobs = frame_of(spark, JOBS, REQUESTS)

    def billed(days: Interval):
        given = known_in(claims, days, CLAIM_LOOK_BACK), known_in(jobs, days, JOB_LOOK_BACK)
        return (
            tile_rows([claimed(*given, days)], DISPATCH_1D)
            .where(F.col("measure") == "billed_cents")
            .select("area_id", "known_at", "counts_at", "amount")
        )

    found = in_chunks(
        billed,
        {
            "whole": [Interval(at(0), at(3))],
            "day by day": [Interval(at(day), at(day + 1)) for day in range(3)],
        },
    )
    assert found["whole"] == found["day by day"]
    wanted = [(area, at(known), at(counts), cents) for area, known, counts, cents in WANTED if cents]
    assert found["whole"] == sorted(wanted, key=repr)
