"""features.provider_activity_15m: what a provider was asked and answered lately."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from pyspark.sql import DataFrame

from transforms.features.spec import ViewSpec
from transforms.features.sums import Count, Latest, Quantile, Ratio, Sum
from transforms.features.windows import view_rows
from transforms.grid import TICKS
from transforms.tiles.measures import RESPONSE_SECONDS
from transforms.timeline import Timeline
from validation.clocks import Interval
from validation.contracts.features.provider_activity_15m import PROVIDER_ACTIVITY_15M

HOUR, FOUR_HOURS, DAY, MONTH = 4, 16, 96, 28 * 96
_COUNTS = (
    Sum("offers_60m", "offers", HOUR),
    Sum("offers_4h", "offers", FOUR_HOURS),
    Sum("offers_24h", "offers", DAY),
    Sum("accepts_60m", "accepts", HOUR),
    Sum("accepts_4h", "accepts", FOUR_HOURS),
    Sum("declines_60m", "declines", HOUR),
    Sum("declines_4h", "declines", FOUR_HOURS),
    Sum("expired_4h", "expired", FOUR_HOURS),
    Sum("no_contact_4h", "no_contact", FOUR_HOURS),
    Sum("gave_back_24h", "gave_back", DAY),
    Sum("open_assignment", "open", DAY),
    Sum("open_tow", "open_tow", DAY),
    Sum("overdue_assignment", "overdue", DAY),
)
SPEC = ViewSpec(
    table=PROVIDER_ACTIVITY_15M,
    keys=("provider_id",),
    grid=TICKS,
    sums=(
        *_COUNTS,
        Sum("accepted_4h", "offers_accepted", FOUR_HOURS),
        Sum("accepted_24h", "offers_accepted", DAY),
        Sum("withdrawn_4h", "offers_withdrawn", FOUR_HOURS),
        Sum("withdrawn_24h", "offers_withdrawn", DAY),
        Sum("response_24h", "response_seconds", DAY, RESPONSE_SECONDS),
        Sum("offered_28d", "last_offered", MONTH),
        Sum("accepted_28d", "last_accepted", MONTH),
        Sum("declined_28d", "last_declined", MONTH),
    ),
    features=(
        *(Count(f"{each.name}_count", each.name) for each in _COUNTS),
        Ratio("offer_accept_ratio_4h", "accepted_4h", "offers_4h", "withdrawn_4h"),
        Ratio("offer_accept_ratio_24h", "accepted_24h", "offers_24h", "withdrawn_24h"),
        Quantile("response_seconds_p50_24h", "response_24h", 50),
        Latest("last_offered_at", "offered_28d"),
        Latest("last_accepted_at", "accepted_28d"),
        Latest("last_declined_at", "declined_28d"),
    ),
    live="offered_28d",
)


def provider_activity_15m(
    dispatch_15m: DataFrame,
    interval: Interval,
    held: Collection[datetime] = (),
    timeline: Timeline = Timeline.AS_SERVED,
) -> DataFrame:
    """One row per provider and tick at which a value changed, plus one a day and a closing row."""
    return view_rows(dispatch_15m, SPEC, interval, held, timeline)
