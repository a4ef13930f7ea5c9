import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

import lakehouse
from lakehouse import database
from lakehouse.ops import Ops
from support.postgres_server import PostgresServer, postgres_server

ROOT = Path(lakehouse.__file__).parents[1]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A Postgres of the run."""
    with postgres_server() as server:
        yield server


@pytest.fixture(params=["SQLite", "Postgres"])
def database_url(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The URL of an empty database, of each kind: the same holds on both."""
    if request.param == "SQLite":
        yield f"sqlite:///{tmp_path}/ops.db"
        return
    made: list[Engine] = []

    def engine(url: str) -> Engine:
        made.append(make(url))
        return made[-1]

    make = database._engine
    monkeypatch.setattr(database, "_engine", engine)
    server: PostgresServer = request.getfixturevalue("postgres")
    yield server.new_database()
    for each in made:  # a database's connections live as long as its process
        each.dispose()


@pytest.fixture
def ops(database_url: str) -> Ops:
    """The ops tables, empty, in each kind of database."""
    return Ops(database_url)


@pytest.fixture
def start_python() -> Iterator[Start]:
    """Start another Python process on a script; whatever still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(script: str, *arguments: object) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", script, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
