"""Measures that several families add up, and the edges of their histograms.

A histogram's bucket is (lower, upper]; its last is open and reported as its edge. Edges are part of
the stored tiles: changing one is a new measure.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from transforms.tiles.partials import At, Bucket, Fact

RESPONSE_SECONDS = (5, 10, 15, 20, 30, 45, 60, 75, 90, 120, 180, 300, 600, 900, 1800, 3600, 7200)
ARRIVAL_MINUTES = (*range(5, 181, 5), 240, 300, 360, 720)
PROMISE_MINUTES = (-60, -45, -30, -20, -15, -10, -5, 0, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 360)
ON_SCENE_MINUTES = (*range(5, 61, 5), 75, 90, 120, 180, 240, 480)
WAIT_MINUTES = (5, 10, 15, 20, 25, 30, 40, 50, 60, 90, 120, 180, 240, 360, 720, 1440)
SPEED_KMH = (*range(5, 61, 5), *range(70, 131, 10), 200)

IS_DEMAND = pc.field("is_immediate") & (
    pc.field("job_kind").is_null() | (pc.field("job_kind") == pa.scalar("roadside"))
)
"""Demand now: no appointment, and roadside (or nothing said)."""


def has(column: str, value: str) -> pc.Expression:
    """Whether the column holds the value."""
    return pc.field(column) == pa.scalar(value)


OFFERED, RESPONDED, ACCEPTED = At("offered_at"), At("responded_at"), At("accepted_at")
ARRIVED, PROMISED = At("arrived_at"), At("first_promised_arrival_at")
_HAS_PROMISE = pc.field("first_promised_arrival_at").is_valid()

REQUESTS = Fact("requests", (At("requested_at"),), IS_DEMAND)
"""Of silver.jobs."""

OFFER_COHORT = (
    Fact("offers", (OFFERED,)),
    Fact("offers_accepted", (OFFERED, ACCEPTED)),
    Fact("offers_withdrawn", (OFFERED, RESPONDED), has("offer_outcome", "withdrawn")),
)
"""Of silver.offers: the asked by their outcome."""

OFFER_FACTS = (
    *OFFER_COHORT,
    Fact("accepts", (ACCEPTED,)),
    Fact(
        "response_seconds",
        (RESPONDED,),
        has("dispatch_channel", "digital") & pc.field("response_seconds").is_valid(),
        bucket=Bucket(RESPONSE_SECONDS, "response_seconds"),
    ),
    Fact("last_offered", (OFFERED,), has_moment=True),
)
"""Of silver.offers: the cohort, and what was answered when."""

TIME_TO_ARRIVAL = Fact(
    "arrival_minutes", (ARRIVED,), bucket=Bucket(ARRIVAL_MINUTES, ("accepted_at", "arrived_at"))
)

ARRIVAL_FACTS = (
    Fact("arrivals", (ARRIVED,)),
    Fact("promised_arrivals", (ARRIVED,), _HAS_PROMISE),
    Fact("on_time", (ARRIVED,), pc.field("arrived_at") <= pc.field("first_promised_arrival_at")),
    Fact("goa", (ARRIVED, At("gone_on_arrival_at"))),
    TIME_TO_ARRIVAL,
    Fact(
        "promise_minutes",
        (ARRIVED,),
        _HAS_PROMISE,
        bucket=Bucket(PROMISE_MINUTES, ("first_promised_arrival_at", "arrived_at")),
    ),
)
"""Of silver.assignments: arrivals, against their promise and by how long they took."""
