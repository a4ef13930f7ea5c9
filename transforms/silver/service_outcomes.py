"""silver.service_outcomes: every version of every claim."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from transforms.known_time import is_late
from transforms.silver.deduplication import first_copies, identity_of
from validation.clocks import Interval
from validation.contracts.silver.service_outcomes import SERVICE_OUTCOMES
from validation.sources.service_outcomes import SERVICE_OUTCOMES as SOURCE

IDENTITY = identity_of(SOURCE, "claim_id", "event_timestamp")
LOOK_BACK = IDENTITY.horizon


def service_outcomes(bronze_service_outcomes: DataFrame, interval: Interval) -> DataFrame:
    """One row per claim version first known in the interval.

    The same claim and version stamp again is a resend or a conflict, never a version. Amounts become
    integers here, once: cents and metres, half up.
    """
    return (
        first_copies(bronze_service_outcomes, interval, IDENTITY)
        .withColumns(
            {
                "source_updated_at": F.col("event_timestamp"),
                "billed_cents": _half_up(F.col("billed_usd"), 2),
                "tow_metres": _half_up(F.col("tow_km"), 3),
                "is_late": is_late(SOURCE),
            }
        )
        .select(*SERVICE_OUTCOMES.column_names)
    )


def _half_up(value: Column, digits: int) -> Column:
    """The value times ten to the digits, rounded half up as its shortest decimal form reads.

    1.005 USD is 101 cents, though the double is a little less. Nine decimals are looked at.
    """
    scaled: Column = F.round(value.cast("decimal(18,9)"), digits) * 10**digits
    return scaled.cast("bigint")
