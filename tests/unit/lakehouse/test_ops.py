import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from subprocess import Popen

import pytest
from sqlalchemy import func, inspect, select, text
from sqlalchemy.exc import IntegrityError

from lakehouse import database
from lakehouse.database import Database
from lakehouse.ops import SCHEMA_VERSION, Ops, closed_ticks, metadata
from validation.errors import Busy, SettingError, Unreachable


def test_the_database_is_made_on_first_use_with_its_folder(tmp_path: Path) -> None:
    ops = Ops(f"sqlite:///{tmp_path}/deep/ops.db")
    assert not (tmp_path / "deep").exists()
    with ops.read() as connection:
        assert connection.execute(select(closed_ticks)).all() == []
        assert connection.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"


def test_a_transaction_that_fails_leaves_nothing(ops: Ops) -> None:
    with pytest.raises(IntegrityError), ops.write() as connection:
        connection.execute(closed_ticks.insert(), [{"source": "x"}, {"source": "x"}])
    with ops.read() as connection:
        assert connection.execute(select(closed_ticks)).all() == []


def test_times_come_back_in_utc_and_sort_as_text(ops: Ops) -> None:
    eastern = datetime.fromisoformat("2026-03-10T13:00:00.5-04:00")
    with ops.write() as connection:
        connection.execute(closed_ticks.insert().values(source="x", closed_through=eastern))
        stored = connection.execute(text("SELECT closed_through FROM closed_ticks")).scalar_one()
        found = connection.execute(select(closed_ticks.c.closed_through)).scalar_one()
    assert stored == "2026-03-10T17:00:00.500000Z"
    assert found == eastern
    assert found.tzinfo is UTC


def test_a_database_of_another_version_is_refused(database_url: str) -> None:
    with Ops(database_url).read():
        pass
    with (
        pytest.raises(SettingError, match=f"version {SCHEMA_VERSION}; this code reads version 99"),
        Database(database_url, metadata, 99).read(),
    ):
        pass


def test_an_index_that_a_table_gained_since_is_made_on_opening(database_url: str) -> None:
    with Ops(database_url).write() as connection:
        connection.execute(text("DROP INDEX runs_by_beginning"))
    with Ops(database_url).read() as connection:
        assert "runs_by_beginning" in {each["name"] for each in inspect(connection).get_indexes("runs")}


def test_processes_that_open_a_new_database_at_once_make_it_once(
    database_url: str, start_python: Callable[..., "Popen[str]"]
) -> None:
    racers = [start_python(OPENS, database_url) for _ in range(4)]
    assert [racer.communicate(timeout=60) for racer in racers] == [("0\n", "")] * 4


def test_what_is_read_in_a_transaction_is_one_state_and_holds_nobody_up(ops: Ops) -> None:
    with ops.write() as connection:
        connection.execute(closed_ticks.insert().values(source="x"))
    with ops.read() as connection:
        before = connection.execute(select(closed_ticks.c.source)).scalars().all()
        with ops.write() as other:
            other.execute(closed_ticks.insert().values(source="y"))
        assert connection.execute(select(closed_ticks.c.source)).scalars().all() == before == ["x"]
    with ops.read() as connection:
        assert set(connection.execute(select(closed_ticks.c.source)).scalars()) == {"x", "y"}


def test_opening_a_database_that_is_whole_waits_for_no_writer(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.3)
    with Ops(database_url).read():
        pass
    with Ops(database_url).write(), Ops(database_url).read() as connection:
        assert connection.execute(select(closed_ticks)).all() == []


def test_what_a_write_has_read_stays_true_until_it_commits(ops: Ops) -> None:
    """Each adds the number after the greatest: with a row seen by two there would be fewer in the end."""

    def add(_number: int) -> None:
        with ops.write() as connection:
            greatest = connection.execute(select(func.max(closed_ticks.c.source))).scalar_one()
            row = {"source": f"{int(greatest or 0) + 1:04d}"}
            connection.execute(closed_ticks.insert().values(row))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(add, range(80)))
    with ops.read() as connection:
        assert connection.execute(select(func.max(closed_ticks.c.source))).scalar_one() == "0080"


def test_a_write_that_waits_too_long_for_another_is_busy(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.3)
    first, second = Ops(database_url), Ops(database_url)
    with second.read():
        pass
    with (
        first.write(),
        pytest.raises(Busy, match="held the write lock"),
        second.write(),
    ):
        pass
    with second.write():
        pass


OPENS = """
import sys
from sqlalchemy import func, select
from lakehouse.ops import Ops, closed_ticks
with Ops(sys.argv[1]).read() as connection:
    print(connection.execute(select(func.count()).select_from(closed_ticks)).scalar_one())
"""
FORK = """
import os, sys
from lakehouse.ops import Ops, closed_ticks
ops = Ops(sys.argv[1])
def add(source):
    with ops.write() as connection:
        connection.execute(closed_ticks.insert().values(source=source))
add("before")
child = os.fork()
add("parent" if child else "child")
if child:
    print(os.waitpid(child, 0)[1])
"""


def test_an_address_can_be_pickled_and_used_after_a_fork(
    ops: Ops, start_python: Callable[..., "Popen[str]"]
) -> None:
    parent = start_python(FORK, ops.url)
    assert parent.communicate(timeout=60) == ("0\n", "")
    with pickle.loads(pickle.dumps(ops)).read() as connection:
        sources = set(connection.execute(select(closed_ticks.c.source)).scalars())
    assert sources == {"before", "parent", "child"}


def test_a_database_that_cannot_be_opened_says_so_without_its_password(tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(Unreachable, match="does not answer"), Ops(f"sqlite:///{tmp_path}/folder.db").read():
        pass
    ops = Ops("postgresql+asyncpg://ops:hunter2@127.0.0.1:9/ops")
    with pytest.raises(SettingError, match="needs the Python package") as refused, ops.read():
        pass
    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in repr(ops)
