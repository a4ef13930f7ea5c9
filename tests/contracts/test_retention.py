"""How long everything is kept, and that no run of a live platform reads what is gone."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from roadside.graph import STEPS
from validation.contracts import TABLES, table_named
from validation.retention import LANDING, LEDGERS, Retention


def test_every_layer_is_kept_as_long_as_the_design_says() -> None:
    kept = {(table.layer, str(table.retention)) for table in TABLES if table.layer != "training"}
    assert kept == {
        ("bronze", "24 months"),
        ("quarantine", "35 days"),
        ("silver", "13 months"),
        ("tiles", "13 months"),
        ("features", "12 months"),
    }
    assert (str(LANDING), str(LEDGERS)) == ("35 days", "24 months")


@pytest.mark.parametrize(
    ("retention", "day", "first_kept"),
    [
        (Retention(months=13), date(2026, 3, 31), date(2025, 2, 28)),
        (Retention(months=13), date(2025, 3, 31), date(2024, 2, 29)),
        (Retention(months=12), date(2028, 2, 29), date(2027, 2, 28)),
        (Retention(months=24), date(2026, 1, 1), date(2024, 1, 1)),
        (Retention(months=1), date(2026, 1, 15), date(2025, 12, 15)),
        (Retention(days=35), date(2026, 3, 10), date(2026, 2, 3)),
    ],
)
def test_months_are_those_of_the_calendar(retention: Retention, day: date, first_kept: date) -> None:
    assert retention.first_kept(day) == first_kept


def test_the_first_day_kept_never_goes_back() -> None:
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(800)]
    first = [Retention(months=13).first_kept(day) for day in days]
    assert first == sorted(first)


def test_a_live_tick_reads_nothing_that_is_past_its_retention() -> None:
    """With a month to spare: an outage is caught up, a day of the month may be one of 28."""
    for step in STEPS:
        for name, back in step.reads.items():
            kept = date(2026, 3, 1) - table_named(name).retention.first_kept(date(2026, 3, 1))
            assert back + timedelta(days=31) < kept, f"{step.name} reads {name}"
