from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from subprocess import Popen

import pytest
from sqlalchemy import update

from lakehouse.code_version import code_revision
from lakehouse.ops import Ops, runs
from lakehouse.run_ledger import BLOCKED, Run, RunLedger, RunStatus
from support.failed_runs import failed_run
from validation.clocks import Interval
from validation.errors import Defect

TABLE = "silver.offers"
DAY = Interval(datetime(2026, 3, 10, tzinfo=UTC), datetime(2026, 3, 11, tzinfo=UTC))
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
TICK = Interval(NOON, NOON + timedelta(minutes=15))
NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def ledger(ops: Ops) -> RunLedger:
    passed = iter(range(1_000))
    return RunLedger(ops, lambda: NOW + timedelta(seconds=next(passed)))


def publish(ledger: RunLedger, interval: Interval, code: str = "c1", table: str = TABLE) -> Run:
    return ledger.finish(ledger.begin(table, interval, code).run_id, snapshot_id=7, rows=3)


def test_a_run_that_ended_well_is_published_with_its_snapshot_and_counts(ledger: RunLedger) -> None:
    run = ledger.begin(TABLE, TICK, "c1")
    assert run.status is RunStatus.RUNNING
    done = ledger.finish(run.run_id, snapshot_id=7, rows=3, counts={"late": 1})
    assert (done.status, done.snapshot_id, done.rows, done.counts) == (RunStatus.PUBLISHED, 7, 3, {"late": 1})
    assert (done.started_at, done.finished_at) == (NOW, NOW + timedelta(seconds=1))
    assert ledger.published(TABLE, TICK, "c1") == done == ledger.last_run(TABLE)


def test_what_a_run_read_and_wrote_is_kept_with_it(ledger: RunLedger) -> None:
    first, second = ledger.begin_all([TABLE, "silver.jobs"], TICK, "c1")
    assert (first.inputs, first.table, second.table) == (None, TABLE, "silver.jobs")
    ledger.read([first.run_id, second.run_id], {"silver.dispatch_events": 2**62, "silver.offers": None})
    done = ledger.finish(first.run_id, snapshot_id=7, rows=3, files=2, size_bytes=5_000_000_000)
    assert done.inputs == {"silver.dispatch_events": 2**62, "silver.offers": None}
    assert (done.files, done.size_bytes, done.revision) == (2, 5_000_000_000, code_revision())
    assert ledger.fail(second.run_id, "Busy").inputs == done.inputs
    begun = ledger.begin("online.x", TICK, "c1", inputs={TABLE: 7})
    assert ledger.last_run("online.x") == begun
    assert begun.inputs == {TABLE: 7}


def test_what_came_since_a_run_began_was_published_or_died_as_it_published(ledger: RunLedger) -> None:
    publish(ledger, TICK)
    run = ledger.begin(TABLE, TICK, "c1")
    assert not ledger.published_since(run)
    other = ledger.begin(TABLE, DAY, "c1")
    publish(ledger, TICK, table="silver.jobs")
    assert not ledger.published_since(run)
    ledger.publishing(other.run_id)
    ledger.fail(other.run_id, "ProcessDied")
    assert ledger.published_since(run)
    again = ledger.begin(TABLE, TICK, "c1")
    assert not ledger.published_since(again)
    publish(ledger, DAY)
    assert ledger.published_since(again)


def test_what_a_run_is_about_to_replace_stands_no_more(ledger: RunLedger) -> None:
    """Whether it then ends or dies; what is beside its interval stands."""
    publish(ledger, TICK, "old")
    before = publish(ledger, Interval(TICK.start - timedelta(minutes=15), TICK.start), "old")
    run = ledger.begin(TABLE, TICK, "new")
    assert ledger.published(TABLE, TICK, "old") is not None
    ledger.publishing(run.run_id)
    assert ledger.published(TABLE, TICK, "old") is None
    assert ledger.published(TABLE, before.interval, "old") == before
    ledger.fail(run.run_id, "ProcessDied")
    assert ledger.published(TABLE, TICK, "old") is None
    assert ledger.never_made(TABLE, TICK) == [], "it was made once"


def test_runs_that_have_not_ended_fail_together(ledger: RunLedger) -> None:
    names = (TABLE, "silver.jobs", "silver.job_waits")
    done, first, second = ledger.begin_all(names, TICK, "c1")
    done = ledger.finish(done.run_id, snapshot_id=7, rows=3)
    ledger.supersede({"silver.jobs": TICK})
    assert [ledger.is_outdated(each.run_id) for each in (done, first, second)] == [False, True, False]
    ledger.fail_open({done.run_id: "Defect", first.run_id: "CheckFailed", second.run_id: BLOCKED})
    last = [ledger.last_run(name) for name in names]
    assert [each.error_kind for each in last if each] == [None, "CheckFailed", "Blocked"]
    assert [each.run_id for each in ledger.failures(DAY.end)] == [first.run_id], "what blocked is told"


def test_the_last_run_over_an_interval_is_of_those_that_reach_into_it(ledger: RunLedger) -> None:
    whole = ledger.begin(TABLE, DAY, "c1")
    before, _other = ledger.begin(TABLE, TICK, "c1"), ledger.begin("silver.jobs", TICK, "c1")
    later = Interval(TICK.end, TICK.end + timedelta(minutes=15))
    assert (ledger.last_run(TABLE), ledger.last_run(TABLE, over=TICK)) == (before, before)
    assert ledger.last_run(TABLE, over=later) == whole
    assert ledger.last_run(TABLE, over=Interval(DAY.end, DAY.end + timedelta(days=1))) is None


def test_finishing_twice_is_finishing_once(ledger: RunLedger) -> None:
    done = publish(ledger, TICK)
    assert ledger.finish(done.run_id, snapshot_id=8, rows=9) == done


def test_a_run_whose_input_was_replaced_meanwhile_does_not_stand(ledger: RunLedger) -> None:
    publish(ledger, TICK, "c0")
    run = ledger.begin(TABLE, TICK, "c1")
    assert ledger.supersede({TABLE: DAY}) == 1, "those that were published are counted"
    assert ledger.last_run(TABLE).status is RunStatus.OUTDATED  # type: ignore[union-attr]
    assert ledger.running(TABLE) == {run.run_id}, "its branch is still its own"
    done = ledger.finish(run.run_id, snapshot_id=8, rows=4)
    assert (done.status, done.snapshot_id) == (RunStatus.SUPERSEDED, 8)
    assert ledger.published(TABLE, TICK, "c1") is None
    assert ledger.never_made(TABLE, DAY) == [Interval(DAY.start, TICK.start), Interval(TICK.end, DAY.end)]
    late = ledger.begin(TABLE, TICK, "c1")
    ledger.supersede({TABLE: DAY})
    assert ledger.fail(late.run_id, "CheckFailed").status is RunStatus.FAILED


def test_a_running_or_failed_run_is_not_done(ledger: RunLedger) -> None:
    run = ledger.begin(TABLE, TICK, "c1")
    assert ledger.published(TABLE, TICK, "c1") is None
    assert ledger.fail(run.run_id, "CheckFailed").error_kind == "CheckFailed"
    assert ledger.published(TABLE, TICK, "c1") is None
    with pytest.raises(Defect, match="cannot end again"):
        ledger.finish(run.run_id, snapshot_id=1, rows=1)


def test_other_code_or_another_table_is_not_done(ledger: RunLedger) -> None:
    publish(ledger, TICK)
    assert ledger.published(TABLE, TICK, "c2") is None
    assert ledger.published("silver.jobs", TICK, "c1") is None
    assert ledger.last_run("silver.jobs") is None


def test_a_tick_inside_a_published_day_is_done(ledger: RunLedger) -> None:
    day = publish(ledger, DAY)
    assert ledger.published(TABLE, TICK, "c1") == day


def test_a_day_supersedes_its_ticks(ledger: RunLedger) -> None:
    publish(ledger, TICK)
    day = publish(ledger, DAY)
    assert ledger.published(TABLE, TICK, "c1") == day


def test_a_tick_replayed_with_other_code_ends_the_standing_of_its_day(ledger: RunLedger) -> None:
    publish(ledger, DAY, "c1")
    publish(ledger, TICK, "c1")
    assert ledger.published(TABLE, DAY, "c1") is not None
    publish(ledger, TICK, "c2")
    assert ledger.published(TABLE, DAY, "c1") is None
    assert ledger.published(TABLE, TICK, "c2") is not None


def test_runs_whose_inputs_were_replaced_no_longer_stand(ledger: RunLedger) -> None:
    publish(ledger, DAY)
    before = Interval(DAY.start - timedelta(days=1), DAY.start)
    publish(ledger, before)
    assert ledger.supersede({TABLE: TICK, "silver.jobs": DAY}) == 1
    assert ledger.published(TABLE, DAY, "c1") is None
    assert ledger.published(TABLE, before, "c1") is not None


def test_each_table_is_replaced_over_an_interval_of_its_own(ledger: RunLedger) -> None:
    later = Interval(TICK.end, TICK.end + timedelta(minutes=15))
    kept = [publish(ledger, TICK), publish(ledger, later, table="silver.jobs")]
    publish(ledger, later)
    publish(ledger, TICK, table="silver.jobs")
    assert ledger.supersede({TABLE: later, "silver.jobs": TICK}) == 2
    assert ledger.published(TABLE, TICK, "c1") == kept[0]
    assert ledger.published("silver.jobs", later, "c1") == kept[1]
    assert ledger.published(TABLE, later, "c1") is None
    assert ledger.published("silver.jobs", TICK, "c1") is None


def test_what_was_made_stays_made_even_if_what_it_read_was_replaced_since(ledger: RunLedger) -> None:
    ledger.fail(ledger.begin(TABLE, DAY, "c1").run_id, "Moved")
    assert ledger.never_made(TABLE, TICK) == [TICK]
    publish(ledger, DAY)
    ledger.supersede({TABLE: DAY})
    assert ledger.never_made(TABLE, TICK) == []
    assert ledger.never_made("silver.jobs", TICK) == [TICK]


def test_holes_lie_behind_the_first_run_that_was_published(ledger: RunLedger) -> None:
    assert ledger.holes(TABLE, DAY) == []
    publish(ledger, TICK)
    publish(ledger, Interval(NOON + timedelta(hours=1), NOON + timedelta(hours=2)))
    holes = [
        Interval(TICK.end, NOON + timedelta(hours=1)),
        Interval(NOON + timedelta(hours=2), DAY.end),
    ]
    assert ledger.holes(TABLE, DAY) == holes
    assert ledger.holes(TABLE, Interval(DAY.start, NOON)) == []
    ledger.supersede({TABLE: DAY})
    assert ledger.holes(TABLE, DAY) == holes, "rows that are to be made again are there meanwhile"


def test_the_parts_never_made_are_what_the_published_runs_leave(ledger: RunLedger) -> None:
    hour = timedelta(hours=1)
    for start, hours, code in ((2, 3, "c1"), (4, 2, "c2"), (5, 1, "c1"), (10, 1, "c1"), (23, 2, "c1")):
        publish(ledger, Interval(DAY.start + start * hour, DAY.start + (start + hours) * hour), code)
    assert [
        ((part.start - DAY.start) / hour, (part.end - DAY.start) / hour)
        for part in ledger.never_made(TABLE, DAY)
    ] == [(0, 2), (6, 10), (11, 23)]


def test_the_run_that_asks_whether_rows_may_be_there_does_not_count(ledger: RunLedger) -> None:
    run = ledger.begin(TABLE, TICK, "c1")
    assert not ledger.may_hold_rows(TABLE, TICK, before=run.run_id)
    other = ledger.begin(TABLE, TICK, "c1")
    assert ledger.running(TABLE) == {run.run_id, other.run_id}
    assert ledger.may_hold_rows(TABLE, TICK, before=run.run_id)
    ledger.finish(other.run_id, snapshot_id=None, rows=0)
    assert not ledger.may_hold_rows(TABLE, TICK, before=run.run_id)
    assert ledger.running(TABLE) == {run.run_id}


def test_rows_that_nobody_counted_may_be_there(ledger: RunLedger) -> None:
    ledger.finish(ledger.begin(TABLE, TICK, "c1").run_id, snapshot_id=7, rows=None)
    assert ledger.may_hold_rows(TABLE, TICK)


def test_a_run_that_was_cut_off_may_have_left_rows_but_published_none(ledger: RunLedger) -> None:
    """So that features made after a kill are a first publication, not a revision."""
    ledger.fail(ledger.begin(TABLE, DAY, "c1").run_id, "ProcessDied")
    assert ledger.may_hold_rows(TABLE, TICK)
    assert ledger.never_made(TABLE, DAY) == [DAY]


BEGIN = """
import sys, time
from datetime import UTC, datetime, timedelta
from lakehouse.ops import Ops
from lakehouse.run_ledger import RunLedger
from validation.clocks import Interval
noon = datetime(2026, 3, 10, 12, tzinfo=UTC)
ledger = RunLedger(Ops(sys.argv[1]), lambda: datetime(2026, 11, 1, tzinfo=UTC))
print(ledger.begin("silver.offers", Interval(noon, noon + timedelta(minutes=15)), "c1").run_id, flush=True)
time.sleep(60)
"""


def test_a_run_whose_process_was_killed_is_failed_when_the_next_begins(
    ops: Ops, ledger: RunLedger, start_python: Callable[..., "Popen[str]"]
) -> None:
    other = start_python(BEGIN, ops.url)
    assert other.stdout is not None
    run_id = other.stdout.readline().strip()
    mine = ledger.begin(TABLE, TICK, "c1")
    with pytest.raises(Defect, match="no run"):
        ledger.fail("unknown", "X")
    other.kill()
    other.wait()
    assert ledger.running(TABLE) == {run_id, mine.run_id}
    ledger.begin("silver.jobs", TICK, "c1")
    assert ledger.running(TABLE) == {mine.run_id}
    with pytest.raises(Defect, match="failed"):
        ledger.finish(run_id, snapshot_id=1, rows=1)
    assert ledger.finish(mine.run_id, snapshot_id=1, rows=1).status is RunStatus.PUBLISHED


def test_a_run_of_another_host_is_abandoned_after_a_day(ops: Ops, ledger: RunLedger) -> None:
    run = ledger.begin(TABLE, TICK, "c1")
    with ops.write() as connection:
        connection.execute(update(runs).values(host="elsewhere"))
    ledger.begin("silver.jobs", TICK, "c1")
    assert ledger.last_run(TABLE) is not None
    assert ledger.last_run(TABLE).status is RunStatus.RUNNING  # type: ignore[union-attr]
    RunLedger(ops, lambda: NOW + timedelta(hours=25)).begin("silver.jobs", TICK, "c1")
    assert ledger.fail(run.run_id, "X").error_kind == "Abandoned"


def test_failures_are_told_of_the_known_time_before_a_moment(ledger: RunLedger) -> None:
    publish(ledger, TICK)
    later = failed_run(ledger, TABLE, Interval(TICK.end, DAY.end), "Defect", "c1")
    first = failed_run(ledger, TABLE, TICK, "CheckFailed", "c1")
    assert [(each.run_id, each.error_kind) for each in ledger.failures(DAY.end)] == [
        (first, "CheckFailed"),
        (later, "Defect"),
    ]
    assert [each.run_id for each in ledger.failures(TICK.end)] == [first]
