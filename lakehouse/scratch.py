"""Spark's scratch, `<home>/scratch`: rows in the clear, closed to others, and gone with whoever wrote them.

Every shuffle, what does not fit into memory and whatever the JVM writes beside lies there in plain files that
others may read, so the folder around them is closed. A killed JVM leaves them: each process has a folder
named after itself, and the next session that begins in the home removes those of the dead. Compaction and
retention begin one.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lakehouse.closed_folder import closed_folder
from lakehouse.processes import lives, this_process
from validation.errors import SettingError

LOCAL_DIR, JAVA_OPTIONS = "spark.local.dir", "spark.driver.extraJavaOptions"
SCRATCH = "scratch"
"""Its folder in the home."""

LEFT_AFTER = timedelta(days=1)
"""How long what nobody here sees die wrote nothing: another host's process, Feast's own Spark store."""


def scratch_folder(home: Path) -> Path:
    """The folder of all scratch, closed to others."""
    return closed_folder(home / SCRATCH)


def in_own_scratch(options: Mapping[str, str]) -> dict[str, str]:
    """Spark's options with scratch in a folder of this process, made now in the one that they name.

    The JVM's own temporary files too: Iceberg gathers there what it writes to S3. Scratch of the dead goes.

    Raises:
        SettingError: Spark cannot have scratch there.
    """
    root = Path(options[LOCAL_DIR])
    if "," in str(root):
        raise SettingError(
            f"ROADSIDE_HOME: Spark takes {root} for several folders.", "Name one without a comma."
        )
    os.environ.pop("SPARK_LOCAL_DIRS", None)  # Spark would have its scratch there
    try:
        own = closed_folder(closed_folder(root) / this_process().folder_name)
        clear_scratch(root, datetime.now(UTC))
    except OSError as error:
        raise SettingError(
            f"ROADSIDE_HOME: Spark cannot have its scratch in {root} ({type(error).__name__}).",
            "Only its owner may enter it. Another user needs another home.",
        ) from error
    java = f'{options.get(JAVA_OPTIONS, "")} "-Djava.io.tmpdir={own}"'.strip()
    return {**options, LOCAL_DIR: str(own), JAVA_OPTIONS: java}


def clear_scratch(root: Path, now: datetime) -> None:
    """Remove what dead processes left, and what is no process's of this host and a day old."""
    for path in root.iterdir():
        is_alive = lives(path.name)
        if is_alive is None:
            is_alive = _was_written_since(path, (now - LEFT_AFTER).timestamp())
        if not is_alive:
            shutil.rmtree(path, ignore_errors=True)  # another session may remove it as well


def _was_written_since(path: Path, since: float) -> bool:
    """Whether anything in the folder was; a replay's has a hundred thousand files, and one is enough."""
    for folder, _, names in os.walk(path):
        for each in (folder, *(os.path.join(folder, name) for name in names)):
            with suppress(FileNotFoundError):  # it goes just now
                if os.lstat(each).st_mtime > since:
                    return True
    return False
