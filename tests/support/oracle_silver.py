"""Naive oracle, part 7: the records that count, found by whom and where they are about."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar

from support.oracle_fixes import Fix, plausible_fixes
from support.oracle_lifecycle import job_lifecycle
from support.oracle_memory import remembered
from support.oracle_records import Landed, counted
from support.oracle_states import Lifecycle, market_of

Made = TypeVar("Made")


def itself(driver_id: str) -> str:
    """A driver's id as its own token."""
    return driver_id


class Silver:
    """The records that count, and the states they add up to at a tick.

    corrected=True asks for the other timeline: by event time alone, whenever it landed, and what
    describes a job or a claim as it was stated in the end. token_of
    gives the name under which the platform knows a driver; drivers are keys, and break ties, by it.
    """

    def __init__(self, records: Iterable[Landed], token_of: Callable[[str], str] = itself) -> None:
        self.landed = list(records)
        self.token_of = token_of
        self.dispatch_events = counted(self.landed, "dispatch_events")
        self.service_outcomes = counted(self.landed, "service_outcomes")
        self.provider_status = counted(self.landed, "provider_status")
        self._made: dict[Hashable, Any] = {}

    @cached_property
    def statuses_of_driver(self) -> dict[str, list[Landed]]:
        """By token, in the total order of records."""
        return grouped(
            sorted(self.provider_status, key=lambda each: each.order),
            lambda each: self.token_of(each.data["driver_id"]),
        )

    @cached_property
    def fixes(self) -> list[Fix]:
        """The plausible fixes, in the total order of records."""
        return plausible_fixes(self.landed)

    @cached_property
    def fixes_of_driver(self) -> dict[str, list[Fix]]:
        """By token, in the total order of records."""
        return grouped(self.fixes, lambda each: self.token_of(each.driver_id))

    @cached_property
    def fixes_of_provider(self) -> dict[str, list[Fix]]:
        """By the provider the ping itself names, in the total order of records."""
        return grouped(self.fixes, lambda each: each.provider_id)

    @cached_property
    def fixes_of_zone(self) -> dict[str, list[Fix]]:
        """In the total order of records."""
        return grouped(self.fixes, lambda each: each.zone_id)

    @cached_property
    def fixes_of_area(self) -> dict[str, list[Fix]]:
        """In the total order of records."""
        return grouped(self.fixes, lambda each: each.area_id)

    @cached_property
    def fixes_of_market(self) -> dict[str, list[Fix]]:
        """In the total order of records."""
        return grouped(self.fixes, lambda each: market_of(each.area_id))

    @cached_property
    def events_of_job(self) -> dict[str, list[Landed]]:
        """Dispatch events that count, by job."""
        return grouped(self.dispatch_events, lambda each: each.data["job_id"])

    def at(self, tick: datetime) -> Lifecycle:
        """Offers, assignments and jobs by all that was known at the tick: what is stamped ahead is not."""
        return self.before(tick)

    def before(self, tick: datetime, corrected: bool = False) -> Lifecycle:
        """Offers, assignments and jobs by what had happened before the tick and was known at it."""

        def counts(event: Landed) -> bool:
            return event.event_timestamp < tick and (corrected or event.known_at <= tick)

        def folded() -> Lifecycle:
            if corrected:
                return self._described_in_the_end(self._folded(counts, job_lifecycle))
            return self._folded(counts, remembered)

        return self.once(("happened", tick, corrected), folded)

    def once(self, name: Hashable, make: Callable[[], Made]) -> Made:
        """What make gives, made the first time it is asked for."""
        if name not in self._made:
            self._made[name] = make()
        return self._made[name]

    def _described_in_the_end(self, found: Lifecycle) -> Lifecycle:
        """The states, their jobs described by all that was ever stated of them."""
        everything = self.once("everything", lambda: self._folded(lambda _: True, job_lifecycle))
        jobs = {
            job_id: replace(job, events=everything.jobs[job_id].events) for job_id, job in found.jobs.items()
        }
        return Lifecycle(found.offers, found.assignments, jobs)

    def _folded(
        self, counts: Callable[[Landed], bool], fold: Callable[[str, list[Landed]], Lifecycle]
    ) -> Lifecycle:
        """The fold of the events that count, job by job; a job is folded once for the same events."""
        lifecycle = Lifecycle({}, {}, {})
        for job_id, events in self.events_of_job.items():
            chosen = [number for number, event in enumerate(events) if counts(event)]
            if chosen:
                lifecycle.add(
                    self.once(
                        (fold, job_id, *chosen),
                        lambda job_id=job_id, events=events, chosen=chosen: fold(
                            job_id, [events[number] for number in chosen]
                        ),
                    )
                )
        return lifecycle


def grouped(records: Iterable[Any], key: Callable[[Any], Any]) -> dict[Any, list[Any]]:
    """The records by key, each group in their order."""
    groups: dict[Any, list[Any]] = {}
    for record in records:
        groups.setdefault(key(record), []).append(record)
    return groups
