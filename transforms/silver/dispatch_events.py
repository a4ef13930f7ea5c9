"""silver.dispatch_events and silver.dispatch_events_precise: lifecycle events, once each."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from transforms.known_time import is_late
from transforms.silver.deduplication import first_copies, identity_of
from validation.clocks import Interval
from validation.contracts.silver.dispatch_events import DISPATCH_EVENTS, DISPATCH_EVENTS_PRECISE
from validation.sources.dispatch_events import DISPATCH_EVENTS as SOURCE

IDENTITY = identity_of(SOURCE, "event_id", "event_timestamp")
LOOK_BACK = IDENTITY.horizon


def dispatch_events(bronze_dispatch_events: DataFrame, interval: Interval) -> DataFrame:
    """One row per event first known in the interval."""
    return (
        first_copies(bronze_dispatch_events, interval, IDENTITY)
        .withColumn("is_late", is_late(SOURCE))
        .select(*DISPATCH_EVENTS.column_names)
    )


def dispatch_events_precise(bronze_dispatch_events: DataFrame, interval: Interval) -> DataFrame:
    """One row per event first known in the interval that carries identifiers or a location, sealed."""
    columns = {*DISPATCH_EVENTS_PRECISE.column_names, "source_object", "source_line", "content_digest"}
    return (
        first_copies(bronze_dispatch_events.select(*sorted(columns)), interval, IDENTITY)
        .where(F.col("sealed_payload").isNotNull())
        .select(*DISPATCH_EVENTS_PRECISE.column_names)
    )
