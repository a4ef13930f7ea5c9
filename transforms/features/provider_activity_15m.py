"""features.provider_activity_15m: what a provider was asked and answered lately."""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from transforms.features.expiring import (
    Fact,
    bucket_facts,
    bucket_measures,
    deltas,
    feature_rows,
    latest_moments,
    latest_versions,
    quantile,
    ratio,
    running,
    spans,
)
from transforms.features.grid import TICKS
from validation.clocks import TICK, Interval
from validation.contracts.features.provider_activity_15m import PROVIDER_ACTIVITY_15M

LIVE_TICKS = 28 * 96
LOOK_BACK = timedelta(days=28, hours=1) + TICK
"""The longest window, the allowance for future clocks, and the tick before."""

RESPONSE_SECONDS = (5, 10, 15, 20, 30, 45, 60, 75, 90, 120, 180, 300, 600, 900, 1800, 3600, 7200)
"""Upper edges; the last bucket is open and reported as 7200."""

_WINDOWS = {"60m": 4, "4h": 16, "24h": 96}
_LAST = {"live": "last_offered_at", "accepts_28d": "last_accepted_at", "declines_28d": "last_declined_at"}
_OFFER_COLUMNS = (
    "offer_id",
    "provider_id",
    "offered_at",
    "offer_outcome",
    "responded_at",
    "response_seconds",
    "accepted_at",
    "dispatch_channel",
)
_ASSIGNMENT_COLUMNS = (
    "assignment_id",
    "provider_id",
    "accepted_at",
    "ended_at",
    "end_reason",
    "first_promised_arrival_at",
    "service_type",
)


def provider_activity_15m(offers: DataFrame, assignments: DataFrame, interval: Interval) -> DataFrame:
    """One row per provider and tick at which a value changed, plus one a day and a closing row."""
    asked = latest_versions(offers, "offer_id", _OFFER_COLUMNS).where(F.col("provider_id").isNotNull())
    held_jobs = latest_versions(assignments, "assignment_id", _ASSIGNMENT_COLUMNS).where(
        F.col("provider_id").isNotNull()
    )
    held = spans(asked, ["provider_id"], _offer_facts(), TICKS).unionByName(
        spans(held_jobs, ["provider_id"], _assignment_facts(), TICKS)
    )
    rows = running(
        deltas(held, ["provider_id"]), ["provider_id"], _measures(), TICKS.bounds(interval), beat=96
    )
    values = latest_moments(rows, held, ["provider_id"], _LAST).select(
        "*",
        *(F.col(name).alias(f"{name}_count") for name in _COUNTS),
        *(
            ratio(
                F.col(f"cohort_accepted_{window}"),
                F.col(f"offers_{window}") - F.col(f"cohort_withdrawn_{window}"),
            ).alias(f"offer_accept_ratio_{window}")
            for window in ("4h", "24h")
        ),
        quantile("response_24h", RESPONSE_SECONDS, 50).alias("response_seconds_p50_24h"),
    )
    return feature_rows(values, PROVIDER_ACTIVITY_15M, ["provider_id"], F.col("live") > 0, TICKS)


_COUNTS = (
    "offers_60m",
    "offers_4h",
    "offers_24h",
    "accepts_60m",
    "accepts_4h",
    "declines_60m",
    "declines_4h",
    "expired_4h",
    "no_contact_4h",
    "gave_back_24h",
    "open_assignment",
    "open_tow",
    "overdue_assignment",
)


def _measures() -> list[str]:
    cohorts = [f"cohort_{what}_{window}" for what in ("accepted", "withdrawn") for window in ("4h", "24h")]
    return [*_COUNTS, *_LAST, *cohorts, *bucket_measures("response_24h", RESPONSE_SECONDS)]


def _offer_facts() -> list[Fact]:
    offered, responded, accepted = F.col("offered_at"), F.col("responded_at"), F.col("accepted_at")
    said_yes = accepted.isNotNull()
    withdrawn = _outcome("withdrawn")
    answer = Fact(
        "",
        (responded,),
        96,
        (F.col("dispatch_channel") == "digital") & F.col("response_seconds").isNotNull(),
    )
    return [
        *(Fact(f"offers_{w}", (offered,), n, offered.isNotNull()) for w, n in _WINDOWS.items()),
        Fact("live", (offered,), LIVE_TICKS, offered.isNotNull()),
        *(Fact(f"accepts_{w}", (accepted,), _WINDOWS[w], said_yes) for w in ("60m", "4h")),
        Fact("accepts_28d", (accepted,), LIVE_TICKS, said_yes),
        *(Fact(f"declines_{w}", (responded,), _WINDOWS[w], _outcome("declined")) for w in ("60m", "4h")),
        Fact("declines_28d", (responded,), LIVE_TICKS, _outcome("declined")),
        Fact("expired_4h", (responded,), 16, _outcome("expired")),
        Fact("no_contact_4h", (responded,), 16, _outcome("no_contact")),
        *(Fact(f"cohort_accepted_{w}", (offered, accepted), _WINDOWS[w], said_yes) for w in ("4h", "24h")),
        *(Fact(f"cohort_withdrawn_{w}", (offered, responded), _WINDOWS[w], withdrawn) for w in ("4h", "24h")),
        *bucket_facts("response_24h", RESPONSE_SECONDS, F.col("response_seconds"), answer),
    ]


def _assignment_facts() -> list[Fact]:
    accepted, ended = F.col("accepted_at"), F.col("ended_at")
    always = F.lit(True)
    promised = F.col("first_promised_arrival_at")
    return [
        Fact("open_assignment", (accepted,), 96, always, ended),
        Fact("open_tow", (accepted,), 96, F.col("service_type") == "tow", ended),
        Fact("overdue_assignment", (accepted, promised), 96, promised.isNotNull(), ended),
        Fact("gave_back_24h", (ended,), 96, F.col("end_reason") == "provider_gave_back"),
    ]


def _outcome(name: str) -> Column:
    return F.col("offer_outcome") == name
