"""What stands in an interval of features that was made before: published rows, and revisions beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from pyspark.sql import DataFrame

from lakehouse.tables import frame_digest
from transforms.features.revisions import content, known_in, newest_revisions, revised_rows
from transforms.grid import HELD_MEMORY, HELD_MEMORY_DAILY
from validation.clocks import Interval
from validation.contract import Table
from validation.spark_schema import conform

LOOK_BACK = timedelta(days=1) + HELD_MEMORY
"""A live entity has a row within a day before the last tick that was not held."""
DAILY_LOOK_BACK = timedelta(days=1) + HELD_MEMORY_DAILY
"""The same of a view of business days."""


def revised(
    table: Table,
    interval: Interval,
    new: Sequence[Interval],
    published: DataFrame,
    computed: DataFrame,
    made_over: Callable[[Interval], DataFrame],
    look_back: timedelta,
    now: Callable[[], datetime],
) -> DataFrame | None:
    """Published rows stay; where the values in force differ, rows of the next revision are added.

    In the `new` parts, never published, the computed rows stand as first made. None if nothing differs.

    Args:
        published: what stands in the interval.
        computed: its rows as they are made now.
        made_over: the rows of a longer interval, by which values are in force at its beginning.
    """
    is_new = known_in(table, new)
    computed, published = conform(computed, table), published.where(~is_new)
    newest = content(newest_revisions(published, table), table)
    rows = published.unionByName(computed.where(is_new))
    if frame_digest(newest) == frame_digest(content(computed.where(~is_new), table)):
        return rows if new else None
    in_force = conform(made_over(interval.widened(look_back)), table)
    added = revised_rows(published, in_force, table, interval.start, now()).where(~is_new)
    return None if added.isEmpty() and not new else rows.unionByName(added)
