"""features.provider_activity_15m: what a provider was asked and answered lately."""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from transforms.features.expiring import Fact, bucket_of, feature_values, latest_versions, spans, with_clocks
from transforms.features.grid import TICKS
from transforms.features.sums import Count, Latest, Measures, Quantile, Ratio, Summing
from validation.clocks import TICK, Interval
from validation.contracts.features.provider_activity_15m import PROVIDER_ACTIVITY_15M

LIVE_TICKS = 28 * 96
LOOK_BACK = timedelta(days=28, hours=1) + TICK
"""The longest window, the allowance for future clocks, and the tick before."""

RESPONSE_SECONDS = (5, 10, 15, 20, 30, 45, 60, 75, 90, 120, 180, 300, 600, 900, 1800, 3600, 7200)
"""Upper edges; the last bucket is open and reported as 7200."""

_WINDOWS = {"60m": 4, "4h": 16, "24h": 96}
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
_COHORTS = ("cohort_accepted_4h", "cohort_accepted_24h", "cohort_withdrawn_4h", "cohort_withdrawn_24h")
MEASURES = Measures(
    (*_COUNTS, *_COHORTS, "offers_28d", "accepts_28d", "declines_28d"), {"response_24h": RESPONSE_SECONDS}
)
SUMMING = Summing(
    MEASURES,
    (
        *(Count(f"{name}_count", name) for name in _COUNTS),
        *(
            Ratio(f"offer_accept_ratio_{w}", f"cohort_accepted_{w}", f"offers_{w}", f"cohort_withdrawn_{w}")
            for w in ("4h", "24h")
        ),
        Quantile("response_seconds_p50_24h", "response_24h", 50),
        Latest("last_offered_at", "offers_28d"),
        Latest("last_accepted_at", "accepts_28d"),
        Latest("last_declined_at", "declines_28d"),
    ),
    live="offers_28d",
    beat=96,
)
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
    bounds = TICKS.bounds(interval)
    key = ["provider_id"]
    asked = latest_versions(offers, "offer_id", _OFFER_COLUMNS).where(F.col("provider_id").isNotNull())
    taken = latest_versions(assignments, "assignment_id", _ASSIGNMENT_COLUMNS).where(
        F.col("provider_id").isNotNull()
    )
    held = spans(asked, key, _offer_facts(), MEASURES, TICKS, bounds).unionByName(
        spans(taken, key, _assignment_facts(), MEASURES, TICKS, bounds)
    )
    values = feature_values(held, PROVIDER_ACTIVITY_15M, "provider_id", SUMMING, bounds)
    return with_clocks(values, PROVIDER_ACTIVITY_15M, TICKS, F.col("offers_60m_count").isNotNull())


def _offer_facts() -> list[Fact]:
    offered, responded, accepted = F.col("offered_at"), F.col("responded_at"), F.col("accepted_at")
    said_yes = accepted.isNotNull()
    withdrawn = _outcome("withdrawn")
    return [
        *(Fact(f"offers_{w}", (offered,), n, offered.isNotNull()) for w, n in _WINDOWS.items()),
        Fact("offers_28d", (offered,), LIVE_TICKS, offered.isNotNull()),
        *(Fact(f"accepts_{w}", (accepted,), _WINDOWS[w], said_yes) for w in ("60m", "4h")),
        Fact("accepts_28d", (accepted,), LIVE_TICKS, said_yes),
        *(Fact(f"declines_{w}", (responded,), _WINDOWS[w], _outcome("declined")) for w in ("60m", "4h")),
        Fact("declines_28d", (responded,), LIVE_TICKS, _outcome("declined")),
        Fact("expired_4h", (responded,), 16, _outcome("expired")),
        Fact("no_contact_4h", (responded,), 16, _outcome("no_contact")),
        *(Fact(f"cohort_accepted_{w}", (offered, accepted), _WINDOWS[w], said_yes) for w in ("4h", "24h")),
        *(Fact(f"cohort_withdrawn_{w}", (offered, responded), _WINDOWS[w], withdrawn) for w in ("4h", "24h")),
        Fact(
            "response_24h",
            (responded,),
            96,
            (F.col("dispatch_channel") == "digital") & F.col("response_seconds").isNotNull(),
            bucket=bucket_of(F.col("response_seconds"), RESPONSE_SECONDS),
        ),
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
