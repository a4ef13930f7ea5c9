"""A recording's folder: its files are there, and the days asked for are days it holds."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from pathlib import Path

import numpy as np

from validation.errors import InputMissing, UserError


def recorded_files(data: Path, names: Iterable[str]) -> dict[str, Path]:
    """The path of each file of a recording.

    Raises:
        InputMissing: the folder or some of its files are not there; all of them are named.
    """
    if not data.is_dir():
        raise InputMissing(
            f"The folder of recorded data {data} does not exist.",
            "Name the folder that holds sffd-calls, cabspotting, esa-act-feed, ... with --data DIR.",
        )
    paths = {name: data / name for name in names}
    if missing := [name for name, path in paths.items() if not path.is_file()]:
        raise InputMissing(
            f"{data} lacks {len(missing)} of {len(paths)} files of this replay: {', '.join(missing)}.",
            "Put them there as published, or name another folder with --data DIR.",
        )
    return paths


def day_bounds(start: date | None, end: date | None) -> tuple[int, int]:
    """Epoch seconds of the half-open range of UTC days [start, end); no bound is no limit.

    Raises:
        UserError: the range is empty.
    """
    if start and end and end <= start:
        raise UserError(f"The days [{start}, {end}) are empty.", "end must be after start.")
    lowest, highest = np.iinfo(np.int64).min, np.iinfo(np.int64).max
    return (
        _midnight(start) if start else int(lowest),
        _midnight(end) if end else int(highest),
    )


def require_some(is_empty: bool, replay: str, start: date | None, end: date | None, held: str) -> None:
    """Refuse a range of days in which nothing was recorded.

    Raises:
        UserError: nothing was written.
    """
    if is_empty:
        raise UserError(
            f"replay {replay}: nothing was recorded in [{start or 'the beginning'}, {end or 'the end'}).",
            f"It holds {held}.",
        )


def _midnight(day: date) -> int:
    return int(datetime.combine(day, time(0), UTC).timestamp())
