"""Dispatch: whom a job asks, in which order, and what they answer.

A round asks up to four tracked providers digitally, one after the other, each with 90 seconds to
answer; then agents phone untracked providers and those that let a digital offer expire; who did
not pick up is called once more. After three rounds without a yes the agent gives up.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulation.geography import distance_km
from simulation.moments import moment
from simulation.providers import NEARBY_COUNT, Provider
from simulation.rates import rate
from simulation.shifts import Duty

if TYPE_CHECKING:
    from simulation.lifecycle import JobRun

ROUNDS = 3
DIGITAL_PER_ROUND, PHONE_PER_ROUND, EXPIRED_PHONED = 4, 3, 2
EXPIRY_SECONDS = {"digital": 90, "phone": 900}
POLICY_VERSION = "rank-2026-01"
DECLINE_REASONS = ("no_driver", "busy", "too_far", "eta_too_long")
BACKDATED_SECONDS = (16 * 60, 40 * 60)


@dataclass
class Candidate:
    """One provider that could be asked in a round, as the policy sees it."""

    provider: Provider
    score: float
    distance_km: float
    idle_count: int
    accept_probability: float
    rank: int = 0


@dataclass
class Answer:
    """One offer and what became of it."""

    offer_id: str
    provider: Provider
    channel: str
    round: int
    offered_at: int
    candidate: Candidate
    is_explored: bool
    is_first: bool
    candidate_count: int
    is_recontact: bool
    outcome: str = "open"
    is_backdated: bool = False

    def end(self, run: JobRun, outcome: str) -> None:
        """Note the answer, or what came in its place."""
        self.outcome = outcome
        run.asked = None
        run.world.truth.add(
            "offers",
            offer_id=self.offer_id,
            job_id=run.job.job_id,
            provider_id=self.provider.provider_id,
            round=self.round,
            rank=self.candidate.rank,
            dispatch_channel=self.channel,
            offered_at=self.offered_at,
            outcome=outcome,
            responded_at=run.now,
            is_explored=self.is_explored,
            is_first_of_round=self.is_first,
            candidate_count=self.candidate_count,
            is_recontact=self.is_recontact,
            is_backdated=self.is_backdated,
        )


def capable_duties(run: JobRun, provider: Provider) -> list[Duty]:
    """The provider's drivers on duty now whose truck can do the job."""
    needs_tow = run.job.service_type in ("tow", "winch_out")
    return [
        duty
        for duty in run.world.duties[provider.provider_id]
        if duty.is_on(run.now) and (duty.driver.can_tow or not needs_tow)
    ]


def find_provider(run: JobRun) -> Generator[int, None, Answer | None]:
    """Ask until somebody accepts; returns the accepted Answer, or None after the last round."""
    for number in range(ROUNDS):
        if number:
            yield run.now + run.draws.seconds(180, 420)
        run.round += 1
        accepted = yield from _round(run)
        if accepted is not None:
            return accepted
    return None


def _round(run: JobRun) -> Generator[int, None, Answer | None]:
    ranked = _ranked(run)
    digital = [c for c in ranked if c.provider.is_tracked][:DIGITAL_PER_ROUND]
    is_explored = len(digital) > 1 and run.draws.chance(rate("offer_explored"))
    if is_explored:
        other = 1 + run.draws.index(len(digital) - 1)
        digital[0], digital[other] = digital[other], digital[0]
    expired: list[Candidate] = []
    for position, candidate in enumerate(digital):
        answer = _offer(run, candidate, "digital", len(digital), position == 0, is_explored and position == 0)
        yield from _digital_answer(run, answer)
        if answer.outcome == "accepted":
            return answer
        if answer.outcome == "expired":
            expired.append(candidate)
        yield run.now + run.draws.seconds(3, 10)
    untracked = [c for c in ranked if not c.provider.is_tracked][:PHONE_PER_ROUND]
    to_call = [(c, False) for c in untracked + expired[:EXPIRED_PHONED]]
    while to_call:
        candidate, is_again = to_call.pop(0)
        yield run.now + run.draws.seconds(20, 90)
        answer = _offer(run, candidate, "phone", len(untracked), False, False)
        yield from _phone_answer(run, answer)
        if answer.outcome == "accepted":
            return answer
        if answer.outcome == "no_contact" and not is_again:
            to_call.append((candidate, True))
    return None


def _ranked(run: JobRun) -> list[Candidate]:
    found = []
    for provider in run.world.neighbourhood.near(run.job.place):
        if run.job.service_type not in provider.services or provider.provider_id in run.lost_providers:
            continue
        duties = capable_duties(run, provider)
        if duties:
            found.append(_candidate(run, provider, duties))
    found.sort(key=lambda candidate: (-candidate.score, candidate.provider.number))
    for rank, candidate in enumerate(found[:NEARBY_COUNT], start=1):
        candidate.rank = rank
        run.world.truth.add(
            "candidates",
            job_id=run.job.job_id,
            round=run.round,
            provider_id=candidate.provider.provider_id,
            rank=rank,
            score=candidate.score,
            distance_km=candidate.distance_km,
            idle_driver_count=candidate.idle_count,
            accept_probability=candidate.accept_probability,
        )
    return found[:NEARBY_COUNT]


def _candidate(run: JobRun, provider: Provider, duties: list[Duty]) -> Candidate:
    km = distance_km(provider.site, run.job.place)
    idle = sum(duty.is_idle(run.now) for duty in duties)
    score = round(math.exp(-km / 12) + 0.5 * provider.quality - 0.3 * (provider.rate_index - 1), 6)
    willing = provider.willingness * math.exp(-km / 80) * (1.0 if idle else 0.6)
    return Candidate(provider, score, round(km, 3), idle, round(willing, 6))


def _offer(
    run: JobRun, candidate: Candidate, channel: str, count: int, is_first: bool, is_explored: bool
) -> Answer:
    provider = candidate.provider
    is_recontact = any(answer.provider is provider for answer in run.answers)
    answer = Answer(
        run.new_id("o"),
        provider,
        channel,
        run.round,
        run.now,
        candidate,
        is_explored,
        is_first,
        count,
        is_recontact,
    )
    run.answers.append(answer)
    run.asked = answer
    run.emit(
        "offered",
        "system" if channel == "digital" else "agent",
        offer_id=answer.offer_id,
        provider_id=provider.provider_id,
        dispatch_channel=channel,
        offer_expires_at=moment(run.now + EXPIRY_SECONDS[channel]),
        selection=_selection(answer),
    )
    return answer


def _selection(answer: Answer) -> dict[str, Any]:
    """The policy's log: the propensity of this provider at this place in the round."""
    explored, others = rate("offer_explored"), answer.candidate_count - 1
    propensity = 1.0
    if answer.is_first and others:
        propensity = explored / others if answer.is_explored else 1 - explored
    return {
        "policy_version": POLICY_VERSION,
        "rank": answer.candidate.rank,
        "score": answer.candidate.score,
        "propensity": round(propensity, 6),
    }


def _digital_answer(run: JobRun, answer: Answer) -> Iterator[int]:
    draws, share = run.draws, run.draws.uniform()
    response = min(88, max(3, round(draws.lognormal(answer.provider.response_median_seconds, 0.6))))
    withdrawn, expired = rate("offer_withdrawn"), rate("offer_expired")
    if share < withdrawn:
        yield run.now + draws.seconds(10, 80)
        _answered(run, answer, "withdrawn", "offer_withdrawn", "agent", "agent_withdrew")
    elif share < withdrawn + expired:
        yield run.now + EXPIRY_SECONDS["digital"]
        _answered(run, answer, "expired", "offer_expired", "system", None)
    elif draws.chance(answer.candidate.accept_probability):
        yield run.now + response
        answer.end(run, "accepted")
    else:
        yield run.now + response
        _answered(run, answer, "declined", "declined", "provider", draws.pick(DECLINE_REASONS))


def _phone_answer(run: JobRun, answer: Answer) -> Iterator[int]:
    draws = run.draws
    if draws.chance(rate("no_contact")):
        yield run.now + draws.seconds(30, 75)
        _answered(run, answer, "no_contact", "no_contact", "agent", "no_answer")
    elif draws.chance(answer.candidate.accept_probability):
        yield run.now + draws.seconds(60, 400)
        answer.is_backdated = draws.chance(rate("acceptance_backdated"))
        answer.end(run, "accepted")
    else:
        yield run.now + draws.seconds(60, 300)
        _answered(run, answer, "declined", "declined", "provider", draws.pick(DECLINE_REASONS))


def _answered(run: JobRun, answer: Answer, outcome: str, event: str, actor: str, reason: str | None) -> None:
    answer.end(run, outcome)
    run.emit(
        event,
        actor,
        keyed=(10, 120) if answer.channel == "phone" else None,
        offer_id=answer.offer_id,
        provider_id=answer.provider.provider_id,
        reason_code=reason,
    )
