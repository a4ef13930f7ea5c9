"""Moments of a run as its commands want them; the same for every try of the run.

A run that a person triggers may have no data interval: it then counts from when it was to run.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

EASTERN = ZoneInfo("America/New_York")
TICK = timedelta(minutes=15)
CUT_HOUR = 3
_MINUTE = "%Y-%m-%dT%H:%MZ"


def tick_end(dag_run: Any) -> str:
    """The end of the last tick that has ended: 2026-03-10T18:00Z."""
    moment = _moment(dag_run)
    return f"{moment - (moment - datetime.min.replace(tzinfo=UTC)) % TICK:{_MINUTE}}"


def business_date(dag_run: Any) -> date:
    """The Eastern day whose 03:00 was the last."""
    local = _moment(dag_run).astimezone(EASTERN)
    return local.date() if local.hour >= CUT_HOUR else local.date() - timedelta(days=1)


def cut(dag_run: Any) -> str:
    """The last 03:00 Eastern, in UTC: the hour that daylight saving takes or gives lies before it."""
    day = business_date(dag_run)
    return f"{datetime(day.year, day.month, day.day, CUT_HOUR, tzinfo=EASTERN).astimezone(UTC):{_MINUTE}}"


def dataset_days(dag_run: Any, closes_after_days: int, days: int) -> list[str]:
    """--start and --end of a dataset's newest days whose labels are closed, as lines."""
    last = business_date(dag_run) - timedelta(days=closes_after_days)
    return ["--start", str(last - timedelta(days=int(days) - 1)), "--end", str(last + timedelta(days=1))]


def as_if_due(dag_run: Any) -> str:
    """--as-if-due of a run that began by its time; nothing of one that events began, while work goes on."""
    return "--as-if-due" if dag_run.run_type == "scheduled" else ""


def replayed(dag_run: Any, params: Mapping[str, Any]) -> list[str]:
    """--from and --to of a replay: the parameters, else the whole UTC days of the run's data interval."""
    week_ago = _moment(dag_run) - timedelta(days=7)
    start = params.get("from") or _midnight(dag_run.data_interval_start or week_ago)
    end = params.get("to") or _midnight(_moment(dag_run))
    return ["--from", start, "--to", end]


def lines(words: list[str]) -> str:
    """Words as lines, one word each once they are filled in."""
    return "\n".join(words)


MACROS = {
    "tick_end": tick_end,
    "business_date": business_date,
    "cut": cut,
    "as_if_due": as_if_due,
    "dataset_days": lambda *given: lines(dataset_days(*given)),
    "replayed": lambda *given: lines(replayed(*given)),
    "repeated": lambda option, values: lines([word for each in values or () for word in (option, str(each))]),
}
"""What templates may call."""


def _moment(dag_run: Any) -> datetime:
    moment: datetime = dag_run.data_interval_end or dag_run.run_after
    return moment.astimezone(UTC)


def _midnight(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d}"
