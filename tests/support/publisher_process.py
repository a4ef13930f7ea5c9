"""Publishers in processes of their own, each ready at once: forked from one that has imported everything."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event

PROGRAM = """
import os, sys
from lakehouse.settings import load_settings
from roadside.publication import publish
from roadside.publication_sources import sources_named

print("ready", flush=True)
for line in sys.stdin:
    pid = os.fork()
    if not pid:
        name, target = line.split()
        settings = load_settings()
        (source,) = sources_named(settings, [name])
        done = publish(settings, source, target, dry_run=False, progress=lambda _: None)
        os._exit(done.error.exit_code if done.error else 0)
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


@dataclass
class Publishers:
    """Begins publishers one after the other; `kill` ends the one that runs, as a machine that loses power."""

    process: subprocess.Popen[str]
    _pid: int = 0
    _runs: Event = field(default_factory=Event)

    def publish(self, name: str, target: str) -> int:
        """The exit code of a publisher, when it has ended; negative is the signal that killed it."""
        assert self.process.stdin
        self._runs.clear()
        self.process.stdin.write(f"{name} {target}\n")
        self.process.stdin.flush()
        self._pid = int(self._line())
        self._runs.set()
        return int(self._line())

    def kill(self) -> None:
        """End the publisher that runs, at once."""
        assert self._runs.wait(30)  # it may send before its number was read here
        os.kill(self._pid, signal.SIGKILL)

    def _line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()


@contextmanager
def publishers(environment: Mapping[str, str]) -> Iterator[Publishers]:
    """Publishers with these settings added to this process's environment."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    with process:
        yield Publishers(process)
        assert process.stdin
        process.stdin.close()
