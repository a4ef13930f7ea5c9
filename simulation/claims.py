"""Claims: what a provider bills and a member says, days to weeks later, in corrected versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulation.delivery import platform_lag
from simulation.geography import distance_km
from simulation.moments import DAY_SECONDS, moment
from simulation.providers import DIRECT
from simulation.rates import rate

if TYPE_CHECKING:
    from simulation.lifecycle import JobRun
    from simulation.trips import Assignment

OUTCOMES = {"completed": "completed", "gone_on_arrival": "goa", "unsuccessful": "unsuccessful"}
BASE_USD = {
    "tow": 75.0,
    "winch_out": 110.0,
    "jump_start": 45.0,
    "flat_tire": 50.0,
    "lockout": 48.0,
    "fuel_delivery": 42.0,
}
USD_PER_TOW_KM = 2.4
GONE_SHARE = 0.5
SUBMITTED_DAYS = (0.5, 45.0)
SUBMITTED_MEDIAN_DAYS = 6.0
CORRECTED_DAYS = (1.0, 10.0)


def send_claim(run: JobRun, assignment: Assignment, end: str) -> None:
    """Submit the claim of a job that ended now, and its corrections; each version lands on its own day."""
    draws = run.draws
    days = min(max(draws.lognormal(SUBMITTED_MEDIAN_DAYS, 0.7), SUBMITTED_DAYS[0]), SUBMITTED_DAYS[1])
    submitted_at = updated_at = run.now + int(days * DAY_SECONDS)
    claim = _claim(run, assignment, end, submitted_at)
    versions = 1
    if draws.chance(rate("claim_corrected")):
        versions = 3 if draws.chance(rate("claim_corrected_twice")) else 2
    for version in range(1, versions + 1):
        if version > 1:
            updated_at += int(draws.uniform(*CORRECTED_DAYS) * DAY_SECONDS)
            claim["billed_usd"] = round(claim["billed_usd"] * draws.uniform(0.7, 1.1), 2)
            claim["invoice_status"] = "corrected"
        _send(run, {**claim, "source_updated_at": moment(updated_at)}, version, updated_at)
    run.world.truth.add(
        "claims",
        claim_id=claim["claim_id"],
        job_id=run.job.job_id,
        provider_id=claim["provider_id"],
        outcome=claim["outcome"],
        submitted_at=submitted_at,
        version_count=versions,
        is_rated="rating" in claim,
        is_surveyed="nps" in claim,
        billed_usd=claim["billed_usd"],
    )


def _send(run: JobRun, record: dict[str, Any], version: int, updated_at: int) -> None:
    record_id = f"{record['claim_id']}/{version}"
    lag = platform_lag(DIRECT, run.draws)
    run.world.delivery.add("service_outcomes", record, record_id, updated_at, lag, DIRECT)


def _claim(run: JobRun, assignment: Assignment, end: str, submitted_at: int) -> dict[str, Any]:
    job, draws, provider = run.job, run.draws, assignment.answer.provider
    billed = BASE_USD[job.service_type] * provider.rate_index * draws.uniform(0.9, 1.15)
    claim: dict[str, Any] = {
        "claim_id": f"C{job.job_id[1:]}",
        "job_id": job.job_id,
        "provider_id": provider.provider_id,
        "outcome": OUTCOMES[end],
        "invoice_status": "submitted",
        "submitted_at": moment(submitted_at),
    }
    if end == "completed" and assignment.drop is not None:
        claim["tow_km"] = round(distance_km(job.place, assignment.drop) * 1.3, 1)
        billed += USD_PER_TOW_KM * claim["tow_km"]
    claim["billed_usd"] = round(billed if end == "completed" else billed * GONE_SHARE, 2)
    late_minutes = (assignment.arrive_at - assignment.first_promise_at) / 60
    mood = 8.5 - 0.06 * max(0.0, late_minutes) + draws.normal(0, 1.5)
    if draws.chance(rate("claim_rated")):
        claim["rating"] = int(min(5, max(1, round(mood / 2))))
    if draws.chance(rate("claim_surveyed")):
        claim["nps"] = int(min(10, max(0, round(mood))))
    return claim
