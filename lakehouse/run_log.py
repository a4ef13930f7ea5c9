"""What runs do, for whoever collects logs: a JSON document a line for each run that begins or ends.

The fields are those of the run ledger (docs/run-log.md). No line holds a row's value, an error's message or
a secret.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any

from lakehouse.log_folder import append_line, log_folder
from lakehouse.run_ledger import Run

Write = Callable[[str, datetime], None]
"""Writes a line at a moment of the wall clock."""


class RunLog:
    """Logs runs as they begin and end. Never fails a run: what cannot be written is lost, said once.

    Args:
        write: of a line, `to_file` or `to_stderr`.
        now: the wall clock.
        note: says a sentence to whoever watches.
    """

    def __init__(self, write: Write, now: Callable[[], datetime], note: Callable[[str], None]) -> None:
        self._write, self._now, self._note = write, now, note
        self._lock = Lock()
        self._was_noted = False

    def heard(self, run: Run) -> None:
        """Log a run that began or ended just now; never raises."""
        try:
            at = self._now()
            self._write(json.dumps(line_of(run, at)), at)
        except Exception as error:  # whatever the log meets, the run goes on
            with self._lock:
                is_first, self._was_noted = not self._was_noted, True
            if is_first:
                self._note(
                    f"note: runs cannot be logged ({type(error).__name__}); they go on and are in the ledger."
                )


def to_file(home: Path) -> Write:
    """Into a file a day of UTC, `<home>/logs/runs-<day>.jsonl`, for its owner alone."""

    def write(line: str, at: datetime) -> None:
        append_line(log_folder(home) / f"runs-{at:%Y-%m-%d}.jsonl", line, 0o600)

    return write


def to_stderr(line: str, _at: datetime) -> None:
    """To stderr, for what collects the output of a process."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def line_of(run: Run, at: datetime) -> dict[str, Any]:
    """The document of a run that began or ended, logged at that moment."""
    ended = run.finished_at
    return {
        "event": "began" if run.is_running else run.status.value,
        "at": _word(at),
        "run_id": run.run_id,
        "table": run.table,
        "interval_start": _word(run.interval.start),
        "interval_end": _word(run.interval.end),
        "code_version": run.code_version,
        "revision": run.revision,
        "status": run.status.value,
        "started_at": _word(run.started_at),
        "seconds": None if ended is None else (ended - run.started_at).total_seconds(),
        "inputs": None if run.inputs is None else dict(run.inputs),
        "snapshot_id": run.snapshot_id,
        "rows": run.rows,
        "files": run.files,
        "size_bytes": run.size_bytes,
        "counts": dict(run.counts),
        "error_kind": run.error_kind,
        "host": run.process.host,
        "pid": run.process.pid,
    }


def _word(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
