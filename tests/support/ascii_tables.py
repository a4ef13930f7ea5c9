"""ASCII tables in tests: typed cells, and columns the test does not care about filled in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from simulation.ascii_tables import read_table

Cell = Callable[[str], Any]


def table(
    text: str, types: Mapping[str, Cell] | None = None, fill: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """The rows of a table. A column without a type is text; a blank cell is None.

    fill gives the columns that the table leaves out the same value in every row.

    >>> table('''
    ... | offer_id | offered_at | offers_60m_count |
    ... | o1       | 17:03      | 2                |
    ... | o2       |            |                  |
    ... ''', {"offered_at": clock(date(2026, 3, 10)), "offers_60m_count": int}, fill={"revision": 0})[1]
    {'revision': 0, 'offer_id': 'o2', 'offered_at': None, 'offers_60m_count': None}
    """
    cell_types = dict(types or {})
    return [
        {**(fill or {}), **{name: _typed(value, cell_types.get(name, str)) for name, value in row.items()}}
        for row in read_table(text)
    ]


def table_file(
    path: Path, types: Mapping[str, Cell] | None = None, fill: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """The rows of a table in a file."""
    return table(path.read_text(), types, fill)


def clock(day: date) -> Cell:
    """Cells like 17:03 or 17:03:40 are moments of that day, UTC."""
    return lambda text: datetime.combine(day, time.fromisoformat(text), UTC)


def moment(text: str) -> datetime:
    """Cells like 2026-03-10T17:03:00Z."""
    return datetime.fromisoformat(text)


def yes_no(text: str) -> bool:
    """Cells yes and no."""
    return {"yes": True, "no": False}[text]


def words(text: str) -> tuple[str, ...]:
    """Cells like "J1 8" are tuples of words."""
    return tuple(text.split())


def _typed(value: str, cell_type: Cell) -> Any:
    return None if value == "" else cell_type(value)
