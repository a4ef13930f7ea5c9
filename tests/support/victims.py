"""A command of `roadside` that is killed while it does this or that, by what the ledgers say it does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import select

from lakehouse.ops import Ops, leases, runs
from lakehouse.run_ledger import IS_RUNNING
from lakehouse.settings import load_settings
from support.command_line import PROGRAM, Answer

_EVER = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Deed:
    """A run is open, or a lease is held, of a name that begins so; the run over a time from `since` on.

    With `publishes`, a run that is about to put its rows in place of others, or has and was not kept yet.
    """

    begins: str
    since: datetime = _EVER
    publishes: bool = False

    def is_done_by(self, pid: int, ops: Ops) -> bool:
        running = select(runs.c.table_name, runs.c.interval_start).where(
            runs.c.pid == pid,
            runs.c.status.in_(IS_RUNNING),
            *([runs.c.publishing_at.is_not(None)] if self.publishes else []),
        )
        held = select(leases.c.table_name).where(leases.c.pid == pid)
        with ops.read() as connection:
            open_runs = [name for name, start in connection.execute(running) if start >= self.since]
            is_run = self.publishes or self.since != _EVER
            names = open_runs if is_run else [*open_runs, *connection.scalars(held)]
        return any(name.startswith(self.begins) for name in names)


@dataclass
class Victim:
    """A command that is killed at its first deed, given again, killed at its second, and so on."""

    line: str
    environment: Mapping[str, str]
    deeds: list[Deed]
    died_at: list[Deed] = field(default_factory=list)

    def act(self) -> Answer:
        """Given again until it ends by itself."""
        while True:
            answer = self.lives_on()
            if answer is not None:
                return answer

    def lives_on(self) -> Answer | None:
        """How it ended by itself; None if it was killed."""
        ops = Ops(load_settings({**os.environ, **self.environment}).ops_url)
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, json.dumps([self.line])],
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,  # Spark goes with it, as with a machine
        )
        while self.deeds and process.poll() is None:
            if self.deeds[0].is_done_by(process.pid, ops):
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
                self.died_at.append(self.deeds.pop(0))
                return None
            time.sleep(0.02)
        told, _ = process.communicate()
        return Answer(*json.loads(told.splitlines()[-1]))
