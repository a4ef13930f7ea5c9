"""What is made of an interval while its rows are replaced, by a run that dies; no row is read or written."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from py4j.protocol import Py4JError
from sqlalchemy import select, update

from lakehouse.branches import Staged, moved
from lakehouse.expiries import expire_known_time
from lakehouse.ops import leases, runs
from lakehouse.run_ledger import RunStatus
from lakehouse.settings import Settings
from lakehouse.tables import Published
from roadside.graph import Step, step_named
from roadside.runner import Runner
from roadside.table_publisher import TablePublisher
from validation.clocks import Interval
from validation.contract import Table
from validation.errors import Busy, CheckFailed, Defect, UserError

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
TICK = Interval(NOON - timedelta(minutes=15), NOON)
TILES, READER = "tiles.dispatch_15m", "features.zone_demand_15m"
STEP = Step(TILES, (TILES,), {}, lambda _inputs, _interval, _edge: {TILES: "rows"}, rests=False)  # type: ignore[dict-item, return-value]


class Killed(BaseException):
    """The process is no more."""


class Tables:
    """Staged rows are others than the published ones unless it says so; a test may do something between."""

    def __init__(self) -> None:
        self.is_changed = True
        self.before: Callable[[], None] = _nothing
        self.behind: Callable[[], None] = _nothing
        self.at_first: Callable[[], None] = _nothing

    def heads(self, _tables: Any) -> dict[str, int | None]:
        self.at_first()
        return {"silver.offers": 5}

    def stage(self, table: Table, *_args: Any) -> Staged:
        return Staged(table, "branch", None, False, self.is_changed, 1, {})

    def publish(self, staged: Staged) -> Published:
        self.before()
        self.behind()
        return Published(7, 1, is_changed=staged.is_changed)


def _nothing() -> None:
    return None


class Road(Runner):
    """Without Spark."""

    def __init__(self, settings: Settings) -> None:
        passed = iter(range(1_000))
        super().__init__(settings, None, now=lambda: NOON + timedelta(seconds=next(passed)))  # type: ignore[arg-type]
        self.died = {"process_started": "an earlier boot"}
        self.tables = Tables()
        self.lakehouse = self.tables  # type: ignore[assignment]
        self._publisher = TablePublisher(self.ops, self.lakehouse, self.runs, self._leases)

    def prepare(self) -> None: ...

    def made_again(self) -> None:
        """The tile is published over the tick."""
        (result,) = self.run(TICK, [STEP], force=True)
        assert result.status == "published", result.error

    def killed(self) -> None:
        """So is it, and the process dies: no run is marked as failed."""
        fail_open = self.runs.fail_open
        self.runs.fail_open = lambda _kinds: None  # type: ignore[method-assign]
        with pytest.raises(Killed):
            self.run(TICK, [STEP], force=True)
        self.runs.fail_open = fail_open  # type: ignore[method-assign]
        assert self.runs.running(TILES), "it did not end"
        with self.ops.write() as connection:
            connection.execute(update(runs).values(self.died))
        self.tables.before = self.tables.behind = _nothing

    def reader_is_made(self) -> None:
        """By a live tick."""
        self.runs.finish(self.runs.begin(READER, TICK, "code").run_id, snapshot_id=None, rows=0)

    @property
    def reader_stands(self) -> bool:
        return self.runs.published(READER, TICK, "code") is not None


def die(*_args: Any, **_more: Any) -> None:
    raise Killed


@pytest.fixture
def road(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Road:
    """The tile is made, and so is what reads it."""
    settings.home.mkdir(parents=True)
    monkeypatch.setattr("roadside.runner.location_opener", lambda _handle: None)
    made = Road(settings)
    made.made_again()
    made.reader_is_made()
    return made


def test_a_run_whose_inputs_are_replaced_before_it_writes_does_not_stand(road: Road) -> None:
    road.tables.at_first = lambda: road.runs.supersede({TILES: TICK}) and None
    road.made_again()
    last = road.runs.last_run(TILES)
    assert last is not None
    assert (last.status, last.inputs) == (RunStatus.SUPERSEDED, {"silver.offers": 5})


def test_a_step_that_fails_leaves_no_run_of_it_open(road: Road) -> None:
    both = Step("s", (TILES, READER), {}, lambda *_: {TILES: "rows", READER: "rows"}, rests=False)  # type: ignore[dict-item, return-value]
    road.tables.stage = die  # type: ignore[assignment, method-assign]
    with pytest.raises(Killed):
        road.run(TICK, [both], force=True)
    last = [road.runs.last_run(name) for name in both.writes]
    assert [(each.status, each.error_kind) for each in last if each] == [
        (RunStatus.FAILED, "Killed"),
        (RunStatus.FAILED, "Blocked"),
    ]
    assert [each.table for each in road.runs.failures(NOON)] == [TILES], "what blocked the other is told"


def test_what_a_check_stops_of_inputs_that_were_replaced_is_made_again(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = iter([True, False])

    def judged(*_args: Any) -> dict[str, int]:
        if next(asked):
            road.runs.supersede({TILES: TICK})
            raise CheckFailed("Held to counts of other inputs.")
        return {"late": 1}

    monkeypatch.setattr("roadside.table_publisher.table_gated", judged)
    (result,) = road.run(TICK, [STEP], force=True)
    assert (result.status, result.error) == ("published", None)
    monkeypatch.setattr("roadside.table_publisher.table_gated", raised)
    (result,) = road.run(TICK, [STEP], force=True)
    assert (result.status, str(result.error)) == ("failed", "These are bad.")


def raised(*_args: Any) -> dict[str, int]:
    raise CheckFailed("These are bad.")


def test_rows_that_another_came_before_are_staged_again_under_the_lease(road: Road) -> None:
    came, alone = iter([True, True, False]), []

    def publish(staged: Staged) -> Published:
        with road.ops.read() as connection:
            alone.append(connection.execute(select(leases)).first() is not None)
        if next(came):
            raise moved(staged.table)
        return Published(7, 1, is_changed=True)

    road.tables.publish = publish  # type: ignore[method-assign]
    begun = len(road.runs.failures(NOON))
    assert [each.status for each in road.run(TICK, [STEP], force=True)] == ["published"]
    assert (alone, len(road.runs.failures(NOON)) - begun) == ([True] * 3, 0), "one run, staged three times"


def test_a_later_table_s_run_is_at_work_once_those_before_are_published(road: Road) -> None:
    other = "silver.job_waits"
    both = Step("s", (TILES, other), {}, lambda *_: {TILES: "rows", other: "rows"}, rests=False)  # type: ignore[dict-item, return-value]
    assert [each.status for each in road.run(TICK, [both], force=True)] == ["published"]
    first, second = (road.runs.last_run(name) for name in both.writes)
    assert second.started_at > first.finished_at  # type: ignore[operator, union-attr]


def test_what_was_made_of_the_old_rows_meanwhile_does_not_stand(road: Road) -> None:
    road.tables.before = road.reader_is_made
    road.made_again()
    assert not road.reader_stands


def test_what_was_made_of_the_old_rows_does_not_stand_though_the_run_dies_behind_them(road: Road) -> None:
    road.tables.before, finish = road.reader_is_made, road.runs.finish

    def only_the_reader(run_id: str, **told: Any) -> Any:
        if road.runs.last_run(TILES).run_id == run_id:  # type: ignore[union-attr]
            raise Killed
        return finish(run_id, **told)

    road.runs.finish = only_the_reader  # type: ignore[assignment, method-assign]
    road.killed()
    assert not road.reader_stands


@pytest.mark.parametrize("died", [{"process_started": "an earlier boot"}, {"host": "elsewhere"}])
def test_a_run_that_died_as_it_published_is_told_of_when_its_rows_are_found_there(
    road: Road, died: dict[str, str]
) -> None:
    """Though nobody here sees it die: its table's lease is free."""
    road.died = died
    road.tables.before, road.tables.behind = road.reader_is_made, die
    road.killed()
    assert road.reader_stands, "nobody can tell"
    road.tables.is_changed = False
    road.made_again()
    assert not road.reader_stands
    road.reader_is_made()
    road.made_again()
    assert road.reader_stands, "told of once"


def test_nobody_can_tell_whose_rows_are_there_behind_a_run_that_died_as_it_published(road: Road) -> None:
    """An older code's run that stood would be believed for ever."""
    (step,) = road.run(TICK, [STEP])
    assert step.status == "skipped", "it stands"
    road.tables.behind = die
    road.killed()
    (step,) = road.run(TICK, [STEP])
    assert step.status == "published"


def test_rows_of_replaced_inputs_do_not_take_the_place_of_newer_ones(road: Road) -> None:
    """Another run replaces what these rows are made of, and publishes the table of it."""
    others, stage, staged = iter([True]), road.tables.stage, []

    def overtaken(table: Table, interval: Interval, frame: Any, run_id: str, *more: Any) -> Staged:
        staged.append(run_id)
        if next(others, False):
            road.runs.supersede({TILES: TICK})
            road.runs.finish(road.runs.begin(TILES, TICK, "code").run_id, snapshot_id=3, rows=1)
        return stage(table, interval, frame, run_id, *more)

    road.tables.stage = overtaken  # type: ignore[method-assign]
    road.made_again()
    last = road.runs.last_run(TILES)
    assert last is not None
    assert (len(staged), last.run_id, last.status) == (2, staged[1], RunStatus.PUBLISHED)
    assert [each.error_kind for each in road.runs.failures(NOON)] == ["Overtaken"]


def test_what_came_to_be_past_its_retention_while_it_was_made_is_not_put_back(road: Road) -> None:
    stage = road.tables.stage

    def late(*args: Any) -> Staged:
        expire_known_time(road.ops, {TILES: NOON}, NOON)
        return stage(*args)

    road.tables.stage = late  # type: ignore[method-assign]
    road.tables.before = die
    (result,) = road.run(TICK, [STEP], force=True)
    assert (result.status, type(result.error)) == ("failed", UserError)
    assert "is past its retention" in str(result.error)


def test_what_breaks_behind_the_last_table_is_one_step_s_failure(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All is out by then; the frames that its tables share are let go."""
    orders = road._orders_of

    def breaks(*args: Any) -> Any:
        yield from orders(*args)
        raise Py4JError("unpersist")

    road._orders_of = breaks  # type: ignore[method-assign]
    (result,) = road.run(TICK, [STEP], force=True)
    assert (result.status, type(result.error)) == ("failed", Defect)
    assert not road.runs.running(TILES)


def test_a_run_that_died_before_it_published_leaves_what_was_made_of_the_rows(road: Road) -> None:
    stage = road.tables.stage
    road.tables.stage = die  # type: ignore[assignment, method-assign]
    road.killed()
    road.tables.stage, road.tables.is_changed = stage, False  # type: ignore[method-assign]
    road.made_again()
    assert road.reader_stands


def test_features_that_another_published_meanwhile_are_made_again(road: Road) -> None:
    """What is out stays out: made when nothing was, they would take its place."""
    step = Step(READER, (READER,), {}, lambda *_: {READER: "rows"}, rests=False)  # type: ignore[dict-item, return-value]
    tick = Interval(NOON, NOON + timedelta(minutes=15))
    others, stage = iter([True]), road.tables.stage

    def overtaken(table: Table, *more: Any) -> Staged:
        if next(others, False):
            road.runs.finish(road.runs.begin(READER, tick, "code").run_id, snapshot_id=3, rows=1)
        return stage(table, *more)

    road.tables.stage = overtaken  # type: ignore[method-assign]
    road._revised = lambda *_: None  # type: ignore[method-assign]
    road.tables.read_known = lambda *_: Kept()  # type: ignore[attr-defined]
    road.tables.head = lambda _table: 3  # type: ignore[attr-defined]
    (result,) = road.run(tick, [step], force=True)
    assert (result.status, result.error) == ("published", None)
    assert [each.error_kind for each in road.runs.failures(NOON + timedelta(days=1))] == ["Overtaken"]
    last = road.runs.last_run(READER)
    assert last is not None
    assert last.snapshot_id == 3, "the second time what the other published stands"


class Kept:
    """Rows that stand."""

    def count(self) -> int:
        return 1


def test_landed_objects_that_are_being_deleted_are_not_read(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Marked since the step was looked at; the marks come before retention asks who reads."""
    monkeypatch.setattr("roadside.runner.register_landed", lambda *_, **__: Found())
    monkeypatch.setattr("roadside.runner.deleted_within", lambda *_: (2, NOON))
    (result,) = road.run(TICK, [step_named("bronze.gps_pings")], force=True)
    assert (result.status, type(result.error)) == ("failed", Busy)
    assert "are being deleted" in str(result.error)


class Found:
    """What was registered, all of it well named."""

    misnamed: tuple[()] = ()
