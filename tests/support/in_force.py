"""What readers of a view's rows see at an instant, beside what the oracle says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from support.memory_road import in_utc
from support.oracle import Silver
from support.oracle_records import Landed
from support.oracle_silver import grouped
from support.oracle_views import Key, View
from validation.contracts import table_named
from validation.contracts.features.feature_table import feature_columns

Row = Mapping[str, Any]
TICK_COLUMN = "tick_at"
AHEAD = timedelta(hours=1)
"""A record may land so long before its own time."""


@dataclass(frozen=True)
class Touched:
    """Oracles over the records that can matter at some instants, of very many.

    A job enters a feature by moments in the feature's window [T - w, T), and each of them is the time of
    one of the job's records, which was known at most an hour before it. So whatever an oracle over all
    records says at T, one says that has, whole, the jobs with a record known in (T - w - 1 h, T].

    Attributes:
        records: the dispatch events that count: the first copies, none of them late.
    """

    records: list[Landed]

    @cached_property
    def of_job(self) -> dict[str, list[Landed]]:
        """The records by job."""
        return grouped(self.records, lambda each: each.data["job_id"])

    def silver(self, first: datetime, last: datetime, window: timedelta) -> Silver:
        """An oracle for the instants from first to last, of features that look back so far."""
        since = first - window - AHEAD
        touched = {each.data["job_id"] for each in self.records if since < each.known_at <= last}
        return Silver(record for job_id in touched for record in self.of_job[job_id])


def rows_in_force(rows: pa.Table, view: View, instant: datetime) -> dict[Key, Row]:
    """Of each entity the newest row that a reader has when the instant's rows are available.

    No row that became available longer ago than the view's TTL; closing rows are rows.
    """
    decision_at = view.available_at(instant)
    at = pc.field("available_at")
    readable = rows.filter((at >= decision_at - view.ttl) & (at <= decision_at)).sort_by("available_at")
    keys = zip(*(readable[name].to_pylist() for name in view.keys), strict=True)
    newest = {key: place for place, key in enumerate(keys)}
    found = [
        {name: in_utc(value) for name, value in row.items()}
        for row in readable.take(list(newest.values())).to_pylist()
    ]
    return {key[0] if len(key) == 1 else key: row for key, row in zip(newest, found, strict=True)}


def difference(view: View, row: Row | None, told: Row | None) -> dict[str, tuple[Any, Any]]:
    """By feature what the row in force says and what the oracle does, where they are not equal.

    Without a row, or while the entity is dead, all is null, but what the view says of the dead.
    """
    features = [each.name for each in feature_columns(table_named(f"features.{view.name}"))]
    nothing = {**dict.fromkeys(features), **view.dead}
    found, wanted = row or nothing, told or nothing
    return {
        name: (found[name], wanted[name])
        for name in features
        if name != TICK_COLUMN and found[name] != wanted[name]
    }


def is_alive(view: View, row: Row) -> bool:
    """Whether the row says anything: a closing row says what holds of the dead."""
    return bool(difference(view, row, None)) or row.get(TICK_COLUMN) is not None


def differences(
    seen: Mapping[Key, Row], silver: Silver, view: View, instant: datetime, entities: Iterable[Key]
) -> tuple[int, list[str]]:
    """How many of the entities live at the instant, and where readers do not see what the oracle says."""
    lived, found = 0, []
    for entity in sorted(entities, key=repr):
        row, told = seen.get(entity), view.values(silver, entity, instant)
        lived += told is not None
        if told is not None and (row is None or not is_alive(view, row)):
            found.append(f"{view.name} {entity} at {instant}: missing")
        elif told is None and row is not None and is_alive(view, row):
            found.append(f"{view.name} {entity} at {instant}: not closed")
        elif differing := difference(view, row, told):
            found.append(f"{view.name} {entity} at {instant}: the row's and the oracle's: {differing}")
    return lived, found
