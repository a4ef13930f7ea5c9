"""The point-in-time join, naively: for each row of the spine, look at every row of every view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True)
class View:
    """Rows of a view with columns of keys, `at`, `created` and features.

    Attributes:
        features: of the columns those asked for, by the answer's name.
        columns: every column of the view's features, in the order of its schema.
    """

    rows: Sequence[Row]
    keys: Mapping[str, str]
    features: Mapping[str, str]
    columns: Sequence[str]
    ttl: timedelta | None
    has_created: bool


def joined(
    spine: Sequence[Row], time: str, views: Sequence[View], *, only_created: bool
) -> list[dict[str, Any]]:
    """The features of each row of the spine, in order."""
    return [
        {name: value for view in views for name, value in found(row, time, view, only_created).items()}
        for row in spine
    ]


def found(asked: Row, time: str, view: View, only_created: bool) -> dict[str, Any]:
    """What the view gives for one row of the spine."""
    now: datetime = asked[time]
    seen = []
    for row in view.rows:
        if any(asked[mine] is None or row[theirs] != asked[mine] for mine, theirs in view.keys.items()):
            continue
        if row["at"] > now:
            continue
        created = row["created"] if view.has_created else None
        if only_created and view.has_created and (created is None or created > now):
            continue
        seen.append(row)
    best = max(seen, key=lambda row: _greatness(row, view), default=None)
    if best is None or (view.ttl is not None and best["at"] < now - view.ttl):
        return dict.fromkeys(view.features)
    return {name: _unsigned(best[column]) for name, column in view.features.items()}


def _greatness(row: Row, view: View) -> tuple[Any, ...]:
    created = row["created"] if view.has_created else None
    values = [row[column] for column in view.columns]
    return (row["at"], *map(_nulls_least, [created, *values]))


def _nulls_least(value: Any) -> tuple[Any, ...]:
    return (0,) if value is None else (1, value)


def _unsigned(value: Any) -> Any:
    """The value; a zero without its sign."""
    if isinstance(value, list):
        return [_unsigned(each) for each in value]
    return value + 0.0 if isinstance(value, float) else value
