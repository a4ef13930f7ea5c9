"""Rows of a feature table that the road made, beside those that the oracle writes."""

from __future__ import annotations

from collections.abc import Sequence

from support.memory_road import MemoryRoad, in_utc
from support.oracle import Silver
from support.oracle_rows import rows_written
from support.oracle_views import View
from validation.clocks import Interval


def assert_rows_are_the_oracle_s(
    road: MemoryRoad, silver: Silver, view: View, intervals: Sequence[Interval]
) -> int:
    """Every row and value of the view over the intervals is the oracle's, and there is no other; how many.

    What the road held of the view's sources is held by the oracle.
    """
    held = {instant for source in view.sources for instant in road.held.get(source, ())}
    names = (*view.keys, "event_timestamp")
    made = {}
    for listed in road.rows[f"features.{view.name}"].to_pylist():
        row = {name: in_utc(value) for name, value in listed.items()}
        made[tuple(row[name] for name in names)] = row
    wanted = [row for each in intervals for row in rows_written(silver, view, each.start, each.end, held)]
    keys = [tuple(row[name] for name in names) for row in wanted]
    missing, extra = sorted(set(keys) - set(made)), sorted(set(made) - set(keys))
    assert not missing + extra, f"{view.name} lacks {missing[:3]}; the oracle writes no {extra[:3]}"
    for key, row in zip(keys, wanted, strict=True):
        told = {column: (made[key][column], value) for column, value in row.items()}
        differing = {column: pair for column, pair in told.items() if pair[0] != pair[1]}
        assert not differing, f"{view.name} {key}: the road's value and the oracle's: {differing}"
    return len(wanted)
