"""A publisher is killed, or its connection breaks, at any statement: the next run puts it right."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from lakehouse.ops import Ops
from lakehouse.processes import is_dead
from lakehouse.run_ledger import Run, RunLedger, RunStatus
from support.publications import Loading, as_tuples, loading
from support.publisher_process import Publishers, publishers
from support.small_publications import DAY, build_eta_v1, eta_v1_rows
from support.snowflake_server import Fate, SnowflakeServer, snowflake_server
from validation.errors import Unreachable

pytestmark = [
    pytest.mark.slow(minutes=1),
    pytest.mark.filterwarnings("ignore:Arrow output on a DB-API result"),  # fakesnow's
]

WALL = datetime(2026, 11, 1, tzinfo=UTC)
SHOWN = ("SELECT", "USE")
"""Statements that change nothing: to die after one is to die before it."""


@pytest.fixture(scope="module")
def server() -> Iterator[SnowflakeServer]:
    with snowflake_server() as running:
        yield running


@pytest.fixture(scope="module")
def there(server: SnowflakeServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loading]:
    with pytest.MonkeyPatch.context() as patch:
        yield loading(server, tmp_path_factory.mktemp("dies"), patch)


@pytest.fixture(scope="module")
def processes(there: Loading) -> Iterator[Publishers]:
    named = {name: value for name, value in there.settings.environment().items() if value}
    with publishers(named) as started:
        yield started


@pytest.fixture(autouse=True)
def nothing_is_published(there: Loading) -> None:
    drop(there)


def rows_of(seed: int) -> list[tuple[Any, ...]]:
    return as_tuples(eta_v1_rows(DAY, 5, seed))


def points_of(there: Loading) -> list[int]:
    """The statements of a publication, by number, that find something changed by the one before."""
    with there.server.watched_by(lambda *_: Fate.GOES_ON):
        there.done()
    verbs = ["", *(statement.split()[0] for statement in there.server.statements)]
    return [number for number in range(1, len(verbs)) if verbs[number - 1] not in SHOWN]


def last_run(there: Loading) -> Run:
    found = RunLedger(Ops(there.settings.ops_url), lambda: WALL).last_run("snowflake.training.eta_v1")
    assert found is not None
    return found


def kill_before(there: Loading, processes: Publishers, last: int) -> None:
    """A publisher is killed as its statement of that number arrives, which is not run."""

    def watch(number: int, _statement: str, _was_run: bool) -> Fate:
        if number < last:
            return Fate.GOES_ON
        processes.kill()
        return Fate.BREAKS

    with there.server.watched_by(watch):
        assert processes.publish("eta_v1", "snowflake") == -signal.SIGKILL
    killed = last_run(there)
    assert killed.is_running
    assert is_dead(killed.process)


def replace_and_kill(there: Loading, processes: Publishers, points: Iterable[int]) -> None:
    """Of each publication that is killed the old rows stay; the next run puts the new ones in place."""
    old = there.rows()
    audit = len(there.audit())
    for seed, last in enumerate(points, 10):
        build_eta_v1(there.settings, seed=seed)
        kill_before(there, processes, last)
        assert (there.rows(), len(there.audit())) == (old, audit)
        there.done()
        old, audit = there.rows(), audit + 1
        assert old == rows_of(seed)
        assert [row[1] for row in there.audit()] == list(range(1, audit + 1))


def test_a_replacement_killed_at_each_point_leaves_the_old_rows(
    there: Loading, processes: Publishers
) -> None:
    build_eta_v1(there.settings, seed=1)
    there.done()
    build_eta_v1(there.settings, seed=2)
    points = points_of(there)
    assert len(points) == 12
    replace_and_kill(there, processes, points)


@pytest.mark.long
def test_a_replacement_killed_before_every_statement(there: Loading, processes: Publishers) -> None:
    build_eta_v1(there.settings, seed=1)
    there.done()
    build_eta_v1(there.settings, seed=2)
    replace_and_kill(there, processes, range(1, max(points_of(there)) + 1))


@pytest.mark.long
def test_a_first_publication_killed_before_every_statement(there: Loading, processes: Publishers) -> None:
    build_eta_v1(there.settings, seed=1)
    for last in range(1, max(points_of(there)) + 1):
        drop(there)
        kill_before(there, processes, last)
        assert is_empty(there)
        there.done()
        assert there.rows() == rows_of(1)
        assert [row[1] for row in there.audit()] == [1]


def test_a_connection_that_breaks_leaves_the_old_rows(there: Loading) -> None:
    build_eta_v1(there.settings, seed=1)
    there.done()
    build_eta_v1(there.settings, seed=2)
    for verb in ("PUT", "COPY", "BEGIN", "UPDATE", "DELETE", "INSERT", "COMMIT"):

        def watch(_number: int, statement: str, was_run: bool, verb: str = verb) -> Fate:
            return Fate.BREAKS if statement.startswith(verb) and not was_run else Fate.GOES_ON

        with there.server.watched_by(watch), pytest.raises(Unreachable, match=f"was lost at {verb}"):
            there.done()
        assert (last_run(there).status, last_run(there).error_kind) == (RunStatus.FAILED, "Unreachable")
        assert there.rows() == rows_of(1)
        assert len(there.audit()) == 1
    sent = there.done()
    assert sent.status == "replaced"
    assert there.rows() == rows_of(2)
    assert (last_run(there).rows, last_run(there).files, last_run(there).size_bytes) == (5, 1, sent.bytes)


def test_a_commit_whose_answer_is_lost_is_found_by_the_next_run(there: Loading) -> None:
    build_eta_v1(there.settings, seed=1)

    def watch(_number: int, statement: str, was_run: bool) -> Fate:
        return Fate.BREAKS if statement.startswith("COMMIT") and was_run else Fate.GOES_ON

    with there.server.watched_by(watch), pytest.raises(Unreachable, match="was lost at COMMIT") as lost:
        there.done()
    assert "Whether it took effect is not known" in lost.value.next_step
    assert there.done().status == "unchanged"
    assert there.rows() == rows_of(1)
    assert len(there.audit()) == 1


def test_an_interrupt_rolls_back_and_lets_the_next_begin_at_once(there: Loading) -> None:
    """The exception of Ctrl-C, raised by the server's own hand in the publisher's progress."""
    build_eta_v1(there.settings, seed=1)
    there.done()
    build_eta_v1(there.settings, seed=2)
    there.server.lock_seconds = 0.1

    class Impatient(list):  # type: ignore[type-arg]
        def append(self, told: str) -> None:
            if "in place" in told:
                raise KeyboardInterrupt

    there.told = Impatient()
    with pytest.raises(KeyboardInterrupt):
        there.publish()
    there.told = []
    assert there.rows() == rows_of(1)
    assert there.done().status == "replaced"
    there.server.lock_seconds = 5.0


def drop(there: Loading) -> None:
    for table in ("ETA_V1", "_PUBLICATIONS", "_PUBLICATION_LOCKS"):
        there.server.sql(f"DROP TABLE IF EXISTS LAKE.ML.{table}")


def is_empty(there: Loading) -> bool:
    """No row of the dataset and none of the audit, whether or not their tables are there."""
    names = "SELECT TABLE_NAME FROM LAKE.INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = 'ML'"
    there_are = {name for (name,) in there.server.sql(names)} & {"ETA_V1", "_PUBLICATIONS"}
    return not any(there.server.sql(f"SELECT 1 FROM LAKE.ML.{table}") for table in there_are)
