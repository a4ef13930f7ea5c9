"""What commands print: results on stdout, progress and problems on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, is_dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

WIDTH_WITHOUT_TERMINAL = 130


def results() -> Console:
    """Where results go: stdout."""
    width = None if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL
    return Console(highlight=False, width=width)


def notices() -> Console:
    """Where progress and problems go: stderr."""
    width = None if sys.stderr.isatty() else WIDTH_WITHOUT_TERMINAL
    return Console(stderr=True, highlight=False, width=width)


def notice(text: str, style: str = "") -> None:
    """One plain line on stderr, never folded."""
    notices().print(escape(text), style=style or None, soft_wrap=True)


def say(text: str = "", style: str = "") -> None:
    """One plain line on stdout, never folded."""
    results().print(escape(text), style=style or None, soft_wrap=True)


def print_json(content: Any) -> None:
    """One JSON document on stdout; moments in UTC with Z."""
    results().out(json.dumps(content, indent=2, default=_plain, ensure_ascii=False))


def print_table(
    header: Sequence[str], rows: Iterable[Sequence[Any]], title: str = "", numbers: Iterable[str] = ()
) -> None:
    """A table on stdout; columns named in `numbers` stand to the right, and only the last one folds."""
    right = set(numbers)
    table = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False)
    for name in header:
        folds = name == header[-1] and name not in right
        table.add_column(
            name, justify="right" if name in right else "left", overflow="fold", no_wrap=not folds
        )
    for row in rows:
        table.add_row(*(escape(told(cell)) for cell in row))
    results().print(table)


def told(value: Any) -> str:
    """A value as a person reads it; nothing is a dash.

    >>> told(1234567), told(None), told(0.25), told(True)
    ('1,234,567', '-', '0.25', 'yes')
    """
    match value:
        case None | "":
            return "-"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.3f}".rstrip("0").rstrip(".")
        case datetime():
            return moment(value)
        case _:
            return str(value)


def moment(value: datetime) -> str:
    """UTC to the minute, or to the second where there are any.

    >>> from datetime import UTC
    >>> moment(datetime(2026, 3, 10, 17, 0, tzinfo=UTC)), moment(datetime(2026, 3, 10, 17, 0, 5, 9, UTC))
    ('2026-03-10T17:00Z', '2026-03-10T17:00:05Z')
    """
    return f"{value:%Y-%m-%dT%H:%M:%SZ}" if value.second else f"{value:%Y-%m-%dT%H:%MZ}"


def duration(seconds: float) -> str:
    """Seconds as a person reads them.

    >>> duration(4.2), duration(865), duration(5 * 3600)
    ('4 s', '14 min', '5.0 h')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def sized(count: float) -> str:
    """Bytes as a person reads them.

    >>> sized(512), sized(25_828_491), sized(4.2e12)
    ('512 B', '26 MB', '4.2 TB')
    """
    units = ["B", "kB", "MB", "GB", "TB", "PB"]
    while count >= 999.5 and len(units) > 1:
        count /= 1000
        units.pop(0)
    return f"{count:.1f} {units[0]}" if count < 9.95 and units[0] != "B" else f"{count:.0f} {units[0]}"


def counted(count: int, noun: str) -> str:
    """A count with its noun.

    >>> counted(1, "row"), counted(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return f"{value:%Y-%m-%dT%H:%M:%S.%f}".rstrip("0").rstrip(".") + "Z"
        case date() | Path():
            return str(value)
        case timedelta():
            return value.total_seconds()
        case Enum():
            return value.value
        case set() | frozenset():
            return sorted(value)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
