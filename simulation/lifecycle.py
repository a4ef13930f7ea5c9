"""A job's life: offers until somebody comes, the coming, and the end; told event by event."""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from simulation.claims import send_claim
from simulation.delivery import platform_lag
from simulation.dispatch import Answer, find_provider
from simulation.geography import coordinates
from simulation.jobs import Job
from simulation.moments import moment
from simulation.providers import RELAY
from simulation.trips import Assignment, serve

if TYPE_CHECKING:
    from simulation.world import World

AGENT_KEYS_SECONDS = (10, 120)
# What the relay platform does not send.
_RELAY_LACKS = ("offer_id", "assignment_id", "dispatch_channel", "offer_expires_at", "selection")


class MemberLeft(Exception):
    """The member gave up waiting: it ends a wait, and is no error."""


class JobRun:
    """A job under way: what it has asked, whom it waits for, and how it says so."""

    def __init__(self, world: World, job: Job) -> None:
        self.world, self.job, self.draws = world, job, job.draws
        self.would_cancel_at: int | None = None
        if job.patience_minutes is not None:
            self.would_cancel_at = job.requested_at + 1 + int(job.patience_minutes * 60)
        self.patience_at = self.would_cancel_at
        self.answers: list[Answer] = []
        self.assignment: Assignment | None = None
        self.asked: Answer | None = None
        self.lost_providers: set[str] = set()
        self.round = 0
        self._serial = 0

    @property
    def now(self) -> int:
        """The second it is."""
        return self.world.now

    def life(self) -> Generator[int, None, None]:
        """The job from request to end, as a process."""
        try:
            yield from self._events()
        except MemberLeft:
            self._member_cancels()

    def _events(self) -> Generator[int, None, None]:
        self._request()
        yield self.now + self.draws.seconds(20, 90)
        while True:
            offer = yield from find_provider(self)
            if offer is None:
                self.patience_at = None
                self.emit("cancelled", "agent", reason_code="no_provider")
                self._note_end("no_provider", self.now)
                return
            end = yield from serve(self, offer)
            if end not in ("provider_gave_back", "agent_reassigned", "eta_rejected"):
                return
            self.lost_providers.add(offer.provider.provider_id)
            yield self.now + self.draws.seconds(10, 60)

    def _request(self) -> None:
        person, truth = self.job.person, self.world.truth
        planted = [("name", person.name, "member"), ("phone", person.phone, "member")]
        planted += [
            ("member_id", person.member_id, "member"),
            ("vin", person.vehicle["vin"], "vehicle"),
        ]
        for kind, value, _ in tuple(planted):
            if self.job.note and value in self.job.note:
                planted.append((kind, value, "notes"))
        for kind, value, place in planted:
            truth.add("planted_identifiers", kind=kind, value=value, job_id=self.job.job_id, field=place)
        self.emit("requested", "member", **self.job.request())

    def _member_cancels(self) -> None:
        self.patience_at = None
        waited = (self.now - self.job.requested_at) / 60
        reason = "wait_too_long" if waited > 15 else "not_needed"
        if self.assignment is not None:
            self.assignment.end(self, "member_cancelled")
        if self.asked is not None:
            self.asked.end(self, "member_cancelled")
        self.emit("cancelled", "member", reason_code=reason)
        self._note_end("member_cancelled", self.now)

    def finish(self, end: str, waited_until: int) -> None:
        """The job ended after somebody came: note it, and let the provider claim."""
        self._note_end(end, waited_until)
        if self.assignment is not None:
            send_claim(self, self.assignment, end)

    def _note_end(self, end: str, waited_until: int) -> None:
        job = self.job
        latitude, longitude = coordinates(job.place)
        self.world.truth.add(
            "jobs",
            job_id=job.job_id,
            requested_at=job.requested_at,
            service_type=job.service_type,
            job_kind=job.job_kind,
            program_id=job.program_id,
            platform=job.platform,
            scheduled_for=job.scheduled_for,
            latitude=latitude,
            longitude=longitude,
            would_cancel_at=self.would_cancel_at,
            end=end,
            ended_at=self.now,
            waited_minutes=(waited_until - job.requested_at) / 60,
            round_count=self.round,
            offer_count=len(self.answers),
        )

    def new_id(self, kind: str) -> str:
        """An id that nobody can guess or sort by time, the same for a seed."""
        self._serial += 1
        text = f"{self.world.seed}/{self.job.job_id}/{kind}/{self._serial}"
        return kind + hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    def emit(
        self,
        event_type: str,
        actor: str,
        *,
        keyed: tuple[int, int] | None = None,
        lag: tuple[int, str] | None = None,
        **facts: Any,
    ) -> None:
        """Send a lifecycle event that happens now; keyed: seconds an agent takes to type it in."""
        event_id = self.new_id("e")
        record = {
            "schema_version": 1,
            "event_id": event_id,
            "job_id": self.job.job_id,
            "event_type": event_type,
            "event_timestamp": moment(self.now),
            "actor": actor,
            **{name: value for name, value in facts.items() if value is not None},
        }
        platform = self.job.platform
        if platform == RELAY:
            record = {name: value for name, value in record.items() if name not in _RELAY_LACKS}
        if lag is None:
            lag = platform_lag(platform, self.draws)
            if keyed is not None:
                lag = lag[0] + self.draws.seconds(*keyed), "keyed"
        self.world.delivery.add("dispatch_events", record, event_id, self.now, lag, platform)
