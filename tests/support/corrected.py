"""Rows of a view as corrected, beside what the oracle says was true at the instant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pyspark.sql import DataFrame

from roadside.corrected import as_corrected
from support.in_force import difference
from support.memory_road import MemoryRoad, in_utc
from support.oracle import Silver
from support.oracle_views import Key, View
from validation.clocks import Interval
from validation.contract import Table


@dataclass(frozen=True)
class MadeTables:
    """The tables of a road, read as those of the lake are."""

    road: MemoryRoad

    def read(self, table: Table) -> DataFrame:
        """Every row."""
        return self.road.frame(table.name)


def assert_corrected_is_the_oracle_s(
    road: MemoryRoad, silver: Silver, view: View, instants: Sequence[datetime]
) -> int:
    """At each of the instants every entity reads, as corrected, what the oracle says; how many lived."""
    back = timedelta(days=3)
    interval = Interval(instants[0] - back, instants[-1])
    histories: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for listed in as_corrected(MadeTables(road), view.name, interval).toArrow().to_pylist():
        row = {name: in_utc(value) for name, value in listed.items()}
        histories.setdefault(tuple(row[name] for name in view.keys), []).append(row)
    lived = 0
    for instant in instants:
        entities: list[Key] = sorted(view.entities(silver, instant), key=repr)
        for entity in entities:
            told = view.values(silver, entity, instant, corrected=True)
            rows = histories.get(tuple(view.key_columns(entity).values()), [])
            in_force = max(
                (row for row in rows if row["event_timestamp"] <= instant),
                key=lambda row: row["event_timestamp"],
                default=None,
            )
            differing = difference(view, in_force, told)
            assert not differing, f"{view.name} {entity} at {instant}: found and oracle's {differing}"
            lived += told is not None
    return lived
