"""tiles.dispatch_15m: offers, assignments, requests and waits by 15 minutes, provider and zone."""

from __future__ import annotations

from itertools import pairwise

import pyarrow.compute as pc
from pyspark.sql import DataFrame

from transforms.grid import TICKS
from transforms.silver.histories import STATE_LOOK_BACK
from transforms.tiles.measures import (
    ACCEPTED,
    ARRIVAL_FACTS,
    IS_DEMAND,
    OFFER_FACTS,
    OFFERED,
    PROMISED,
    REQUESTS,
    RESPONDED,
    WAIT_MINUTES,
    has,
)
from transforms.tiles.partials import At, Earliest, Fact, partials, tile_rows, versions
from validation.clocks import TICK, Interval
from validation.contracts.tiles.dispatch_15m import DISPATCH_15M

HORIZON = STATE_LOOK_BACK
"""A version is compared with the one before it if that is known within it: as far as histories look."""
LOOK_BACK = HORIZON + TICK


ENDED, STARTED, WAIT_ENDED = At("ended_at"), "wait_started_at", At("wait_ended_at")
IS_FIRST = pc.field("offer_seq") == 1
OFFERS = (
    *OFFER_FACTS,
    Fact("declines", (RESPONDED,), has("offer_outcome", "declined")),
    Fact("expired", (RESPONDED,), has("offer_outcome", "expired")),
    Fact("no_contact", (RESPONDED,), has("offer_outcome", "no_contact")),
    Fact("first_offers", (OFFERED,), IS_FIRST),
    Fact("first_offers_accepted", (OFFERED, ACCEPTED), IS_FIRST),
    Fact("first_offers_withdrawn", (OFFERED, RESPONDED), IS_FIRST & has("offer_outcome", "withdrawn")),
    Fact("last_accepted", (ACCEPTED,), has_moment=True),
    Fact("last_declined", (RESPONDED,), has("offer_outcome", "declined"), has_moment=True),
)
ASSIGNMENTS = (
    *ARRIVAL_FACTS,
    Fact("open", (ACCEPTED,), ended=ENDED),
    Fact("open_tow", (ACCEPTED,), has("service_type", "tow"), ended=ENDED),
    Fact("overdue", (ACCEPTED, PROMISED), ended=ENDED),
    Fact("gave_back", (ENDED,), has("end_reason", "provider_gave_back")),
)
JOBS = (
    Fact("any_requests", (At("requested_at"),)),
    REQUESTS,
    Fact("tow_requests", (At("requested_at"),), IS_DEMAND & has("requested_service_type", "tow")),
    Fact("member_cancels", (At("cancelled_at"),), IS_DEMAND & has("cancel_actor", "member")),
)
WAITS = (
    Fact("waiting", (At(STARTED),), IS_DEMAND, ended=WAIT_ENDED),
    *(
        Fact(f"waiting_over_{n}m", (At(STARTED), At(STARTED, n)), IS_DEMAND, ended=WAIT_ENDED)
        for n in (10, 20, 30)
    ),
    *(  # a wait moves from bucket to bucket as it grows
        Fact(
            "wait_minutes",
            (At(STARTED), At(STARTED, lower)),
            IS_DEMAND,
            ended=WAIT_ENDED if upper == WAIT_MINUTES[-1] else Earliest((At(STARTED, upper), WAIT_ENDED)),
            bucket=number,
        )
        for number, (lower, upper) in enumerate(pairwise((0, *WAIT_MINUTES)))
    ),
)
BY_PROVIDER: dict[str, str | None] = {
    "provider_id": "provider_id",
    "zone_id": "zone_id",
    "area_id": "area_id",
    "program_id": "program_id",
}
BY_PLACE = BY_PROVIDER | {"provider_id": None}


def dispatch_15m(
    offers: DataFrame, assignments: DataFrame, jobs: DataFrame, job_waits: DataFrame, interval: Interval
) -> DataFrame:
    """One row per provider, zone, program, measure, tile, and tick of the interval that changed its sum."""
    sources = (
        (offers, ["offer_id"], OFFERS, BY_PROVIDER),
        (assignments, ["assignment_id"], ASSIGNMENTS, BY_PROVIDER),
        (jobs, ["job_id"], JOBS, BY_PLACE),
        (job_waits, ["job_id", "wait_seq"], WAITS, BY_PLACE),
    )
    parts = [
        partials(versions(changelog, key, interval, HORIZON), facts, dimensions, TICKS, interval)
        for changelog, key, facts, dimensions in sources
    ]
    return tile_rows(parts, DISPATCH_15M)
