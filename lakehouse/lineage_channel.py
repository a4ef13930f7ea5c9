"""How events of lineage reach their address: a line in a file at once, a server beside the run.

A run only hands its event over. A thread of the process sends to the server, one event after the other, so
that a START is there before its COMPLETE, and tries again what a passing trouble held up. The client's own
asynchronous transport makes a run wait while its queue is full, and keeps no order between runs.
"""

from __future__ import annotations

import atexit
import os
from collections import deque
from collections.abc import Callable
from functools import cache
from pathlib import Path
from threading import Condition, Lock, Thread
from time import monotonic
from typing import Any, Protocol

from lakehouse.log_folder import append_line
from lakehouse.settings import masked

SECONDS_TO_ANSWER = 5.0
SECONDS_AT_EXIT = 5.0
"""What an exit waits at most until the events that wait are sent."""
WAITING_EVENTS = 2_000
"""How many events may wait for a server; those that come then are lost. Some 10 kB each."""
FIRST_PAUSE, LONGEST_PAUSE, PAUSE_AT_EXIT = 0.2, 30.0, 0.1
TRIES = 5
"""How often an event is sent that the server answers with an error. One that is not answered waits."""
_TRY_AGAIN = (408, 425, 429)

Note = Callable[[str], None]


class Channel(Protocol):
    """Takes events to an address. No method fails for what the address does."""

    def emit(self, event: Any, /) -> None:
        """Take an event, after those of before, and without waiting for a server."""

    def lose(self, kind: str, /) -> None:
        """Count an event that cannot be told, with the class of the error."""

    def close(self) -> None:
        """Send what still waits, within a time, and say how much was lost. The process's end does so."""


def channel_to(address: str, note: Note) -> Channel:
    """The process's channel to a file, or to a server by its http(s) URL; a forked process gets its own."""
    return _channel(address, note, os.getpid())


@cache
def _channel(address: str, note: Note, _pid: int) -> Channel:
    losses = _Losses(address, note)
    is_server = address.startswith(("http://", "https://"))
    channel = _ServerChannel(address, losses) if is_server else _FileChannel(Path(address), losses)
    atexit.register(channel.close)
    return channel


class _Losses:
    """Counts what is lost, and says so once."""

    def __init__(self, address: str, note: Note) -> None:
        self._address, self._note = address, note
        self._lock = Lock()
        self._count, self._kind = 0, ""

    def add(self, kind: str, count: int = 1) -> None:
        with self._lock:
            self._count, self._kind = self._count + count, self._kind or kind

    def say(self) -> None:
        with self._lock:
            count, self._count = self._count, 0
        if count:
            told = "1 event" if count == 1 else f"{count:,} events"
            self._note(
                f"note: {told} of lineage did not reach {masked(self._address)} ({self._kind}); "
                "the runs went on, and are in the ledger."
            )


class _FileChannel:
    """A line an event, whole whoever else appends; the client's own file transport writes it in pieces."""

    def __init__(self, path: Path, losses: _Losses) -> None:
        self._path, self._losses, self._pid = path, losses, os.getpid()

    def emit(self, event: Any, /) -> None:
        from openlineage.client.serde import Serde

        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            append_line(self._path, Serde.to_json(event), 0o644)
        except OSError as error:
            self.lose(type(error).__name__)

    def lose(self, kind: str, /) -> None:
        self._losses.add(kind)

    def close(self) -> None:
        if self._pid == os.getpid():
            self._losses.say()


class _ServerChannel:
    """Sends to a server from a thread of its own, which begins with the first event."""

    def __init__(self, address: str, losses: _Losses) -> None:
        self._address, self._losses, self._pid = address, losses, os.getpid()
        self._waiting: deque[Any] = deque()
        self._changed = Condition()
        self._thread: Thread | None = None
        self._until: float | None = None
        self._trouble = ""

    def emit(self, event: Any, /) -> None:
        with self._changed:
            if len(self._waiting) >= WAITING_EVENTS or self._until is not None:
                self.lose(self._trouble or "TooSlow")
                return
            if self._thread is None:
                thread = Thread(target=self._send_all, name="lineage", daemon=True)
                thread.start()
                self._thread = thread
            self._waiting.append(event)
            self._changed.notify()

    def lose(self, kind: str, /) -> None:
        self._losses.add(kind)

    def close(self) -> None:
        if self._pid != os.getpid():  # a forked process has the parent's events, but not its thread
            return
        with self._changed:
            self._until = self._until or monotonic() + SECONDS_AT_EXIT
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(max(0.0, self._until - monotonic()))
        with self._changed:
            if self._waiting:
                self._losses.add(self._trouble or "TooSlow", len(self._waiting))
                self._waiting.clear()
        self._losses.say()

    def _send_all(self) -> None:
        transport, tries = None, 0
        while (event := self._next()) is not None:
            tries += 1
            try:
                transport = transport or _http_transport(self._address)
                transport.emit(event)
                self._trouble = ""
            except Exception as error:  # whatever the server does, the thread goes on
                self._trouble = type(error).__name__
                if _may_pass(error, tries):
                    self._pause(min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (tries - 1)))
                    continue
                self.lose(self._trouble)
            tries = 0
            with self._changed:
                if self._waiting:
                    self._waiting.popleft()

    def _next(self) -> Any | None:
        """The event whose turn it is, once there is one; None when it is time to end."""
        with self._changed:
            while not self._waiting and self._until is None:
                self._changed.wait()
            is_over = self._until is not None and monotonic() >= self._until
            return None if is_over or not self._waiting else self._waiting[0]

    def _pause(self, seconds: float) -> None:
        """Wait that long; when the process is about to end, a moment only."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._until is not None, seconds):
                return
            self._changed.wait(PAUSE_AT_EXIT)


def _may_pass(error: Exception, tries: int) -> bool:
    """Whether another try may do: the server is away or slow, or answered that it could not just now."""
    answer = getattr(error, "response", None)
    if answer is not None:
        return tries < TRIES and (answer.status_code >= 500 or answer.status_code in _TRY_AGAIN)
    return isinstance(error, OSError) and not isinstance(error, ValueError)  # a ValueError: a wrong URL


def _http_transport(address: str) -> Any:
    from openlineage.client.transport.http import HttpConfig, HttpTransport

    return HttpTransport(HttpConfig(url=address, timeout=SECONDS_TO_ANSWER, retry={"total": 0}))
