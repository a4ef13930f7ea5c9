"""Local clock times without an offset, as agencies publish them, turned into UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from validation.errors import UserError


def utc_from_local(local: pd.Series, zone: str) -> pd.Series:
    """UTC times of naive local ones; missing stays missing.

    Of an hour that the autumn repeats the first reading is taken. A time the spring skips is read
    an hour later, as a clock that nobody had put forward shows it.

    >>> utc_from_local(pd.Series(pd.to_datetime(["2018-03-11 01:59", "2018-03-11 03:00"])),
    ...                "America/Los_Angeles").dt.strftime("%H:%MZ").tolist()
    ['09:59Z', '10:00Z']
    """
    is_first = np.ones(len(local), dtype=bool)
    aware = local.dt.tz_localize(zone, ambiguous=is_first, nonexistent=timedelta(hours=1))
    return aware.dt.tz_convert("UTC")


def parse_local(text: pd.Series, clock_format: str, zone: str) -> pd.Series:
    """UTC times of published local texts; empty is missing.

    Raises:
        UserError: a text that is not empty is not in the format.
    """
    present = text.where(text.str.strip() != "")
    parsed = pd.to_datetime(present, format=clock_format, errors="coerce")
    if unreadable := int((parsed.isna() & present.notna()).sum()):
        raise UserError(
            f"{text.name}: {unreadable} of {len(text)} times are not in the published format {clock_format}.",
            "Use the file as published; a spreadsheet may have rewritten it.",
        )
    return utc_from_local(parsed, zone)


def epoch_seconds(moments: pd.Series) -> np.ndarray:
    """Whole epoch seconds of UTC times; -1 where missing.

    >>> epoch_seconds(pd.Series(pd.to_datetime(["1970-01-01T00:01Z", None])))
    array([60, -1])
    """
    seconds = moments.dt.tz_convert(None).to_numpy().astype("datetime64[s]").astype(np.int64)
    return np.where(moments.isna(), -1, seconds)


def latest_reading(local: datetime, zone: ZoneInfo, seen_at: datetime) -> datetime:
    """The UTC time of a local one, known to lie before it was seen.

    Of an hour that the autumn repeats the second reading is taken, unless it lies after `seen_at`.
    """
    second, first = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (1, 0))
    is_repeated = second > first
    return second if is_repeated and second <= seen_at else first
