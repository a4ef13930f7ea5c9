from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from lakehouse.expiries import expire_known_time
from lakehouse.landing_ledger import LandingLedger
from lakehouse.ops import Ops
from lakehouse.run_ledger import RunLedger
from training_datasets.feature_service import ServiceDefinition, ViewUsed
from training_datasets.maturity import SOURCES, coverage, mature_days, require_mature, why_not_mature
from training_datasets.specs.eta_v1 import ETA_V1
from training_datasets.specs.eta_v2 import ETA_V2
from validation.clocks import Interval
from validation.errors import NotReady, UserError

DAY = date(2026, 3, 10)
START = datetime(2026, 3, 8, tzinfo=UTC)
SERVICE = ServiceDefinition(
    "eta_v1",
    (
        ViewUsed("provider_activity_15m", "provider_activity_15m", timedelta(days=2), ()),
        ViewUsed("provider_performance_1d", "provider_performance_1d", timedelta(days=8), ()),
    ),
    (),
    (),
    "digest",
)
LABELS = ("silver.assignments", "silver.arrival_evidence")
TICKS, DAILY = "features.provider_activity_15m", "features.provider_performance_1d"


@pytest.fixture
def ops(tmp_path: Path) -> Ops:
    return Ops(f"sqlite:///{tmp_path}/ops.db")


def made(ops: Ops, *tables: str, start: datetime = START, end: datetime) -> None:
    """Runs of one UTC day each."""
    runs = RunLedger(ops, lambda: END)
    for table in tables:
        day = start
        while day < end:
            run = runs.begin(table, Interval(day, min(day + timedelta(days=1), end)), "code")
            runs.finish(run.run_id, snapshot_id=1, rows=0)
            day += timedelta(days=1)


def closed(ops: Ops, through: datetime, sources: Iterable[str] = SOURCES) -> None:
    for source in sources:
        LandingLedger(ops).close(source, through)


END = datetime(2026, 3, 12, 7, tzinfo=UTC)


def why_not(ops: Ops) -> str | None:
    return why_not_mature(ops, ETA_V1, SERVICE, DAY)


def test_a_day_is_mature_when_everything_is_known_through_its_close(ops: Ops) -> None:
    made(ops, *LABELS, TICKS, DAILY, end=END)
    closed(ops, END)
    assert why_not(ops) is None
    found = mature_days(ops, ETA_V1, SERVICE, date(2026, 3, 7), date(2026, 3, 13))
    assert found == [date(2026, 3, 8), date(2026, 3, 9), DAY]
    require_mature(ops, ETA_V1, SERVICE, [DAY])


def test_an_immature_day_is_refused_with_its_close_and_what_is_known(ops: Ops) -> None:
    made(ops, *LABELS, TICKS, DAILY, end=END)
    closed(ops, END - timedelta(minutes=15))
    with pytest.raises(NotReady) as refused:
        require_mature(ops, ETA_V1, SERVICE, [DAY, DAY + timedelta(days=1)])
    assert str(refused.value) == (
        "eta_v1: 2026-03-10 is not mature: it closes at 2026-03-12T07:00Z (03:00 ET, 2 days later) and "
        "dispatch_events is closed through 2026-03-12T06:45Z. 2 of 2 days are not mature.\n"
        "Run the road through 2026-03-13T07:00Z, then build again; or leave out the days that are not mature."
    )
    assert refused.value.exit_code == 1


def test_labels_need_silver_made_through_the_close(ops: Ops) -> None:
    closed(ops, END)
    assert "silver.assignments was not made for [2026-03-10T07:00Z, 2026-03-12T07:00Z)" in str(why_not(ops))
    made(ops, "silver.assignments", end=END)
    made(ops, "silver.arrival_evidence", end=datetime(2026, 3, 12, tzinfo=UTC))
    assert "silver.arrival_evidence was not made for [2026-03-12T00:00Z, 2026-03-12T07:00Z)" in str(
        why_not(ops)
    )


def test_a_hole_among_the_ticks_a_decision_reads_is_found(ops: Ops) -> None:
    closed(ops, END)
    made(ops, *LABELS, DAILY, end=END)
    made(ops, TICKS, end=datetime(2026, 3, 9, tzinfo=UTC))
    made(ops, TICKS, start=datetime(2026, 3, 9, 0, 15, tzinfo=UTC), end=END)
    assert why_not(ops) == f"{TICKS} was not made for [2026-03-09T00:00Z, 2026-03-09T00:15Z)."
    made(ops, TICKS, start=datetime(2026, 3, 9, tzinfo=UTC), end=datetime(2026, 3, 9, 0, 15, tzinfo=UTC))
    assert why_not(ops) is None


def test_of_a_daily_view_the_cuts_alone_are_asked_for(ops: Ops) -> None:
    closed(ops, END)
    made(ops, *LABELS, TICKS, end=END)
    cuts = [datetime(2026, 3, day, 7, tzinfo=UTC) for day in (9, 10)]
    made(ops, DAILY, start=cuts[0] - timedelta(minutes=15), end=cuts[0])
    assert why_not(ops) == f"{DAILY} was not made for [2026-03-10T06:45Z, 2026-03-10T07:00Z)."
    made(ops, DAILY, start=cuts[1] - timedelta(minutes=15), end=cuts[1])
    assert why_not(ops) is None


def test_coverage_joins_neighbours_and_forgets_what_was_superseded(ops: Ops) -> None:
    made(ops, TICKS, end=START + timedelta(days=3))
    assert coverage(ops, TICKS) == [Interval(START, START + timedelta(days=3))]
    hole = Interval(START + timedelta(days=1), START + timedelta(days=1, minutes=15))
    RunLedger(ops, lambda: END).supersede({TICKS: hole})
    assert coverage(ops, TICKS) == [
        Interval(START, START + timedelta(days=1)),
        Interval(START + timedelta(days=2), START + timedelta(days=3)),
    ]


def test_decisions_of_the_morning_after_wait_for_its_cut(ops: Ops) -> None:
    """eta_v2 decides until 09:00 ET of the next day, and reads that day's cut from 06:00 ET."""
    closed(ops, END)
    sources = [table.name for table in ETA_V2.sources]
    made(ops, *sources, TICKS, end=END)
    for day in (9, 10):
        cut = datetime(2026, 3, day, 7, tzinfo=UTC)
        made(ops, DAILY, start=cut - timedelta(minutes=15), end=cut)
    told = f"{DAILY} was not made for [2026-03-11T06:45Z, 2026-03-11T07:00Z)."
    assert why_not_mature(ops, ETA_V2, SERVICE, DAY) == told
    morning = datetime(2026, 3, 11, 7, tzinfo=UTC)
    made(ops, DAILY, start=morning - timedelta(minutes=15), end=morning)
    assert why_not_mature(ops, ETA_V2, SERVICE, DAY) is None


def test_a_day_whose_inputs_are_past_their_retention_is_not_computed(ops: Ops) -> None:
    """The views are read from a time to live before the day on, silver from just before it."""
    made(ops, *LABELS, TICKS, DAILY, end=END)
    closed(ops, END)
    midnight = datetime(2026, 3, 8, tzinfo=UTC)
    expire_known_time(ops, {TICKS: midnight, LABELS[0]: midnight}, END)
    assert why_not(ops) is None
    expire_known_time(ops, {TICKS: midnight + timedelta(days=1)}, END)
    assert why_not(ops) == f"{TICKS} before 2026-03-09 is past its retention of 12 months."
    with pytest.raises(UserError, match="2026-03-10 can no longer be computed") as told:
        require_mature(ops, ETA_V1, SERVICE, [DAY])
    assert "Days that were built stay" in told.value.next_step
