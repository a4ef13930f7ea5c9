"""Rows of the ledgers go with the known time that they tell of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from lakehouse.expiries import Expiries
from lakehouse.landing_ledger import LandingLedger, ObjectOutcome, ObjectStatus, Refusal
from lakehouse.ledger_upkeep import drop_ledger_rows, old_ledger_rows
from lakehouse.object_store import LandedObject
from lakehouse.ops import Ops, metadata
from lakehouse.quality_ledger import KeptFinding, QualityLedger
from lakehouse.quarantine_ledger import Answer, QuarantineLedger
from lakehouse.releases import ReleaseKind, Releases
from lakehouse.run_ledger import RunLedger
from lakehouse.step_timings import StepTiming, StepTimings
from validation.clocks import TICK, Interval, tick_end
from validation.sources import source_named

SOURCE = "gps_pings"
OLD = datetime(2024, 1, 20, 12, tzinfo=UTC)
NEW = datetime(2026, 3, 10, 12, tzinfo=UTC)
BEFORE = datetime(2024, 3, 10, tzinfo=UTC)
BRONZE = Expiries({f"bronze.{SOURCE}": BEFORE})


def write(ops: Ops, at: datetime) -> None:
    """A row of each ledger about the tick after that moment."""
    tick = Interval(at, at + TICK)
    key = f"landing/{SOURCE}/{at:%Y/%m/%d/%H}/{SOURCE}-{at:%Y-%m-%d-%H-%M-%S}-a.json.gz"
    ledger, quality = LandingLedger(ops), QualityLedger(ops)
    ledger.register(SOURCE, [LandedObject(key, at, 5)], tick.end)
    ledger.record_outcome(ObjectOutcome(key, ObjectStatus.OK, 1, 0, 1, {}, 5, 1))
    ledger.refuse([Refusal(key, SOURCE, "run", "ada", "wrong", at)])
    answer = Answer(f"{at:%Y}", SOURCE, None, "ada", "landed again", at, is_done=True)
    QuarantineLedger(ops).begin(answer, [(key, 1)])
    quality.record_counts(source_named(SOURCE), {tick.end: {"rows": 1}})
    finding = KeptFinding(SOURCE, tick.end, "volume", "", "fail", 9, 0.9, 0.1, "few", "run1")
    quality.record_findings(SOURCE, tick, [finding])
    quality.accept([finding], "ada", "a holiday", at, timedelta(0))
    runs = RunLedger(ops, lambda: at)
    runs.finish(runs.begin(f"bronze.{SOURCE}", tick, "code").run_id, snapshot_id=1, rows=1)
    StepTimings(ops).record(StepTiming(f"bronze.{SOURCE}", tick, 1.0, 2, at))
    Releases(ops, lambda: at).publish(ReleaseKind.TICK, tick.end, tick.end, {"features.zone_demand_15m": 1})


def counts(ops: Ops) -> dict[str, int]:
    with ops.read() as connection:
        return {
            name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in metadata.tables.items()
        }


@pytest.fixture
def ops(ops: Ops) -> Ops:
    write(ops, OLD)
    write(ops, NEW)
    return ops


def test_old_rows_go_and_new_ones_stay(ops: Ops) -> None:
    before = counts(ops)
    due = old_ledger_rows(ops, BEFORE, BRONZE, ())
    assert counts(ops) == before
    gone = drop_ledger_rows(ops, BEFORE, BRONZE, ())
    assert set(gone.values()) == {1}
    assert due == gone
    assert counts(ops) == before | {name: before[name] - 1 for name in gone}
    assert {name: counts(ops)[name] for name in gone} == dict.fromkeys(gone, 1)
    assert set(drop_ledger_rows(ops, BEFORE, BRONZE, ()).values()) == {0}


def test_an_answer_stays_with_the_last_object_that_it_answers(ops: Ops) -> None:
    other = f"landing/{SOURCE}/2026/03/10/12/{SOURCE}-2026-03-10-12-00-00-a.json.gz"
    old = f"landing/{SOURCE}/2024/01/20/12/{SOURCE}-2024-01-20-12-00-00-a.json.gz"
    answer = Answer("both", SOURCE, None, "ada", "landed again", OLD, is_done=True)
    QuarantineLedger(ops).begin(answer, [(old, 2), (other, 2)])
    assert old_ledger_rows(ops, BEFORE, BRONZE, ())["quarantine_answers"] == 1
    assert drop_ledger_rows(ops, BEFORE, BRONZE, ())["quarantine_answers"] == 1
    assert counts(ops)["quarantine_answers"] == 2


def test_an_object_that_lies_there_keeps_its_rows(ops: Ops) -> None:
    key = f"landing/{SOURCE}/{OLD:%Y/%m/%d/%H}/{SOURCE}-{OLD:%Y-%m-%d-%H-%M-%S}-a.json.gz"
    gone = drop_ledger_rows(ops, BEFORE, BRONZE, [key])
    assert [gone[name] for name in ("landing_objects", "landing_outcomes", "refused_objects")] == [0, 0, 0]
    assert LandingLedger(ops).register(SOURCE, [LandedObject(key, OLD, 5)], tick_end(NEW)) == []


def test_so_many_objects_may_lie_there_as_no_statement_takes(ops: Ops) -> None:
    lying = [f"landing/{SOURCE}/{number}" for number in range(300_000)]
    due = old_ledger_rows(ops, BEFORE, BRONZE, lying)
    assert (due["landing_objects"], drop_ledger_rows(ops, BEFORE, BRONZE, lying)["landing_objects"]) == (1, 1)


def test_objects_and_runs_of_a_table_that_keeps_its_days_stay(ops: Ops) -> None:
    gone = drop_ledger_rows(ops, BEFORE, Expiries({f"bronze.{SOURCE}": OLD}), ())
    assert [gone[name] for name in ("landing_objects", "landing_outcomes", "runs")] == [0, 0, 0]


def test_what_goes_on_or_waits_for_somebody_stays(ops: Ops) -> None:
    tick = Interval(OLD + TICK, OLD + 2 * TICK)
    RunLedger(ops, lambda: OLD).begin(f"bronze.{SOURCE}", tick, "code")
    finding = KeptFinding(SOURCE, tick.end, "volume", "", "fail", 9, 0.9, 0.1, "few", "run2")
    QualityLedger(ops).record_findings(SOURCE, tick, [finding])
    Releases(ops, lambda: OLD).publish(ReleaseKind.DATASET, OLD, OLD, {"training.eta_v1": 1})
    gone = drop_ledger_rows(ops, BEFORE, BRONZE, ())
    assert (gone["runs"], gone["quality_findings"], gone["releases"]) == (1, 1, 1)
    assert RunLedger(ops, lambda: OLD).running(f"bronze.{SOURCE}") != set()
    assert [each.run_id for each in QualityLedger(ops).stopping(NEW)] == ["run2"]
    assert Releases(ops, lambda: NEW).latest(ReleaseKind.DATASET) is not None


def test_a_run_that_makes_no_rows_goes_by_when_it_ended(ops: Ops) -> None:
    """What a retention dropped was old when it was dropped."""
    old = Interval(OLD, OLD + TICK)
    for at in (OLD, NEW):
        runs = RunLedger(ops, lambda at=at: at)
        for name in ("retention.silver.jobs", "s3.training.eta_v1"):
            runs.finish(runs.begin(name, old, "code").run_id, snapshot_id=None, rows=None)
    RunLedger(ops, lambda: OLD).begin("compaction.silver.jobs", old, "code")
    gone = drop_ledger_rows(ops, BEFORE, BRONZE, ())
    assert gone["runs"] == 1 + 2, "bronze's, and those that ended then"
    left = RunLedger(ops, lambda: NEW).last_run("retention.silver.jobs")
    assert left is not None
    assert left.started_at == NEW
    assert RunLedger(ops, lambda: NEW).running("compaction.silver.jobs") != set()
