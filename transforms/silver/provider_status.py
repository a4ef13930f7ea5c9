"""silver.provider_status: duty status of drivers, once each."""

from __future__ import annotations

from pyspark.sql import DataFrame

from transforms.known_time import is_late
from transforms.silver.deduplication import first_copies, identity_of
from validation.clocks import Interval
from validation.contracts.silver.provider_status import PROVIDER_STATUS
from validation.sources.provider_status import PROVIDER_STATUS as SOURCE

IDENTITY = identity_of(SOURCE, "event_id", "event_timestamp")
LOOK_BACK = IDENTITY.horizon


def provider_status(bronze_provider_status: DataFrame, interval: Interval) -> DataFrame:
    """One row per status update first known in the interval."""
    return (
        first_copies(bronze_provider_status, interval, IDENTITY)
        .withColumn("is_late", is_late(SOURCE))
        .select(*PROVIDER_STATUS.column_names)
    )
