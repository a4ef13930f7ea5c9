"""Naive oracle, part 27: the rounds in which a job is offered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from support.oracle_acceptance import YES
from support.oracle_records import business_date
from support.oracle_silver import grouped
from support.oracle_states import Lifecycle, Offer


@dataclass(frozen=True)
class Round:
    """The offers of a job from its first one, or the first after a yes, to the next yes; numbered from 1."""

    job_id: str
    number: int
    offers: Sequence[Offer]

    @property
    def decision_at(self) -> datetime:
        """When the first of them was made."""
        return self.offers[0].offered_at

    @property
    def providers(self) -> list[str]:
        """Who was asked, each once, in order of the first time."""
        return list(dict.fromkeys(each.provider_id for each in self.offers if each.provider_id))

    def offers_to(self, provider_id: str) -> list[Offer]:
        """What the provider was asked, in order."""
        return [each for each in self.offers if each.provider_id == provider_id]

    def rank_of(self, provider_id: str) -> int | None:
        """Place of the first offer to the provider among those of the round, from 1; null without one."""
        places = [place for place, each in enumerate(self.offers, start=1) if each.provider_id == provider_id]
        return places[0] if places else None


def rounds_decided_on(state: Lifecycle, day: date) -> list[Round]:
    """The rounds of every job whose first offer was made on the business day, in order of decision."""
    of_job = grouped(state.offers.values(), lambda offer: offer.job_id)
    rounds = [each for job_id, offers in of_job.items() for each in rounds_of(job_id, offers)]
    decided = [each for each in rounds if business_date(each.decision_at) == day]
    return sorted(decided, key=lambda each: (each.decision_at, each.job_id, each.number))


def rounds_of(job_id: str, offers: Iterable[Offer]) -> list[Round]:
    """The job's offers, parted where a round starts."""
    in_order = sorted(offers, key=lambda each: (each.offered_at, each.seq))
    starts = round_starts(in_order)
    ends = [*starts[1:], len(in_order)]
    return [
        Round(job_id, number, in_order[start:end])
        for number, (start, end) in enumerate(zip(starts, ends, strict=True), start=1)
    ]


def round_starts(in_order: Sequence[Offer]) -> list[int]:
    """Places of the first offer, and of the first one made after each yes was said."""
    starts = {0}
    for place, offer in enumerate(in_order):
        if offer.outcome in YES and offer.responded_at is not None:
            later = range(place + 1, len(in_order))
            after = [each for each in later if in_order[each].offered_at >= offer.responded_at]
            starts |= set(after[:1])
    return sorted(starts)
