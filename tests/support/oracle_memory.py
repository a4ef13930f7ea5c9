"""Naive oracle, part 21: a job that goes on for more than ten days, of which the last ten are known.

The platform folds of a job what became known in the ten days up to the tick that last taught something
of it: lateness is cut off after eight days, and a job takes two. So what is said later still finds the
job without its request, its place and its service, and is all that is known of the job then. Offers and
assignments that it does not speak of stand as they were last known.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from support.oracle_lifecycle import job_lifecycle
from support.oracle_records import Landed, tick_end
from support.oracle_states import Lifecycle

MEMORY = timedelta(days=10)


def remembered(job_id: str, events: Sequence[Landed]) -> Lifecycle:
    """The job's offers, its assignments and itself, by events that are all known and past."""
    ticks = sorted({known_from(event) for event in events})
    if ticks[-1] - ticks[0] < MEMORY:
        return job_lifecycle(job_id, events)
    state = earlier = Lifecycle({}, {}, {})
    before = ticks[0]
    for tick in ticks:
        made = job_lifecycle(job_id, known_in(events, tick - MEMORY, tick))
        if tick - before < MEMORY:
            whole = job_lifecycle(job_id, known_in(events, before - MEMORY, tick))
            state = without_taken_back(state, earlier, whole)
            state.add(made)
        else:  # nothing is compared over so long a time: the job stands
            state.add(Lifecycle(made.offers, made.assignments, {}))
        earlier, before = made, tick
    return state


def known_from(event: Landed) -> datetime:
    """The first tick at which the event was known and past."""
    return max(event.known_at, tick_end(event.event_timestamp))


def known_in(events: Sequence[Landed], since: datetime, until: datetime) -> list[Landed]:
    """The events that became known in (since, until]."""
    return [event for event in events if since < known_from(event) <= until]


def without_taken_back(state: Lifecycle, earlier: Lifecycle, whole: Lifecycle) -> Lifecycle:
    """The state but for what was made earlier, and is not although nothing is forgotten."""
    offers = earlier.offers.keys() - whole.offers.keys()
    assignments = earlier.assignments.keys() - whole.assignments.keys()
    return Lifecycle(
        {key: offer for key, offer in state.offers.items() if key not in offers},
        {key: each for key, each in state.assignments.items() if key not in assignments},
        dict(state.jobs),
    )
