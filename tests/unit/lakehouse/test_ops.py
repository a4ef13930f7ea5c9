import pickle
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from subprocess import Popen

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from lakehouse.database import Database
from lakehouse.ops import SCHEMA_VERSION, Ops, closed_ticks, metadata
from validation.errors import SettingError, Unreachable


def test_the_database_is_made_on_first_use_with_its_folder(tmp_path: Path) -> None:
    ops = Ops(f"sqlite:///{tmp_path}/deep/ops.db")
    assert not (tmp_path / "deep").exists()
    with ops.read() as connection:
        assert connection.execute(select(closed_ticks)).all() == []
        assert connection.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    ops = Ops(f"sqlite:///{tmp_path}/ops.db")
    with pytest.raises(IntegrityError), ops.write() as connection:
        connection.execute(closed_ticks.insert(), [{"source": "x"}, {"source": "x"}])
    with ops.read() as connection:
        assert connection.execute(select(closed_ticks)).all() == []


def test_times_come_back_in_utc_and_sort_as_text(tmp_path: Path) -> None:
    ops = Ops(f"sqlite:///{tmp_path}/ops.db")
    eastern = datetime.fromisoformat("2026-03-10T13:00:00.5-04:00")
    with ops.write() as connection:
        connection.execute(closed_ticks.insert().values(source="x", closed_through=eastern))
        stored = connection.execute(text("SELECT closed_through FROM closed_ticks")).scalar_one()
        found = connection.execute(select(closed_ticks.c.closed_through)).scalar_one()
    assert stored == "2026-03-10T17:00:00.500000Z"
    assert found == eastern
    assert found.tzinfo is UTC


def test_a_database_of_another_version_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ops.db"
    with Ops(url).read():
        pass
    with (
        pytest.raises(SettingError, match=f"version {SCHEMA_VERSION}; this code reads version 99"),
        Database(url, metadata, 99).read(),
    ):
        pass


def test_an_index_that_a_table_gained_since_is_made_on_opening(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ops.db"
    with Ops(url).write() as connection:
        connection.execute(text("DROP INDEX runs_by_beginning"))
    with Ops(url).read() as connection:
        found = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'index'")).scalars()
        assert "runs_by_beginning" in set(found)


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
    tmp_path: Path, start_python: Callable[..., "Popen[str]"]
) -> None:
    ops = Ops(f"sqlite:///{tmp_path}/ops.db")
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
