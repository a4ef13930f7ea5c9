"""Who is told of a run that begins or ends: the run log always, lineage where it is set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from lakehouse.run_ledger import Heard, Run, unheard
from lakehouse.run_log import RunLog, to_file, to_stderr
from lakehouse.settings import Settings
from roadside.lineage import lineage_of
from roadside.rendering import notice


def heard_of(settings: Settings, more: Mapping[str, Sequence[str]] | None = None) -> Heard:
    """What the ledger of runs calls when one begins or ends.

    `more` names what tables read that the graph does not know: those of datasets.
    """
    logged, told = _logged(settings.home, settings.log), lineage_of(settings, more)

    def heard(run: Run) -> None:
        logged(run)
        told(run)

    return heard


@cache
def _logged(home: Path, where: str) -> Heard:
    """One log a process, so that what it cannot write is said once."""
    if where == "off":
        return unheard
    write = to_stderr if where == "stderr" else to_file(home)
    return RunLog(write, lambda: datetime.now(UTC), notice).heard
