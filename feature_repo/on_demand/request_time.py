"""request_time: the decision's local time."""

import pandas as pd
from feast import Field
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import Bool, Int64

from feature_repo.request import request


@on_demand_feature_view(
    sources=[request],
    schema=[
        Field(name="local_hour_of_day", dtype=Int64),
        Field(name="local_day_of_week", dtype=Int64),
        Field(name="is_weekend", dtype=Bool),
        Field(name="is_night", dtype=Bool),
        Field(name="is_holiday", dtype=Bool),
    ],
    mode="pandas",
    description="The decision's local time.",
    tags={"cadence": "on demand"},
)
def request_time(inputs: pd.DataFrame) -> pd.DataFrame:
    """One row per request: the local hour and weekday (0 is Monday), weekend, night (22 to 5), holiday.

    A holiday is one of 5 U.S.C. 6103, on its own day or on the weekday it is observed on when it
    falls on a weekend; by today's rules in every year. Null without a moment or a known time zone.
    """
    from datetime import date, timedelta
    from functools import cache
    from zoneinfo import ZoneInfo

    @cache
    def zone(name: str) -> ZoneInfo | None:
        try:
            return ZoneInfo(name)
        except (KeyError, ValueError, OSError):  # no such zone; ZoneInfo says so in three ways
            return None

    def nth(year: int, month: int, weekday: int, n: int) -> date:
        first = date(year, month, 1)
        return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (n - 1))

    def observed(day: date) -> date:
        return day + timedelta(days={5: -1, 6: 1}.get(day.weekday(), 0))

    @cache
    def holidays(year: int) -> frozenset[date]:
        fixed = [date(year, *day) for day in ((1, 1), (6, 19), (7, 4), (11, 11), (12, 25))]
        moving = [
            nth(year, 1, 0, 3),  # Birthday of Martin Luther King, Jr.
            nth(year, 2, 0, 3),  # Washington's Birthday
            nth(year, 6, 0, 1) - timedelta(days=7),  # Memorial Day: the last Monday of May
            nth(year, 9, 0, 1),  # Labor Day
            nth(year, 10, 0, 2),  # Columbus Day
            nth(year, 11, 3, 4),  # Thanksgiving Day
        ]
        next_new_year = date(year + 1, 1, 1)  # on a Saturday it is observed on 31 December
        return frozenset([*fixed, *moving, *(observed(day) for day in [*fixed, next_new_year])])

    local = []
    moments = pd.to_datetime(inputs["job_decision_at"], utc=True)
    for moment, name in zip(moments, inputs["job_timezone"], strict=True):
        known = zone(name) if isinstance(name, str) and not pd.isna(moment) else None
        local.append(None if known is None else moment.tz_convert(known))
    return pd.DataFrame(
        {
            "local_hour_of_day": pd.Series([at and at.hour for at in local], dtype="Int64"),
            "local_day_of_week": pd.Series([at and at.weekday() for at in local], dtype="Int64"),
            "is_weekend": pd.Series([at and at.weekday() >= 5 for at in local], dtype="boolean"),
            "is_night": pd.Series([at and (at.hour >= 22 or at.hour < 6) for at in local], dtype="boolean"),
            "is_holiday": pd.Series([at and at.date() in holidays(at.year) for at in local], dtype="boolean"),
        }
    )
