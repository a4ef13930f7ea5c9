"""The folder of logs, `<home>/logs`: for its owner alone, because Spark's own words may quote a row."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile

from lakehouse.closed_folder import closed_folder

_LOGS = ("*.log", "runs-*.jsonl")


def log_folder(home: Path) -> Path:
    """The folder, closed to others; should it be another's, the files in it are closed all the same."""
    return closed_folder(home / "logs")


def write_log(home: Path, name: str, text: str) -> Path:
    """A log of that name in place of an earlier one; nobody but the owner can read it at any moment."""
    folder = log_folder(home)
    with NamedTemporaryFile("w", encoding="utf-8", dir=folder, suffix=".log", delete=False) as file:
        file.write(text)  # such a file is made with mode 0600
    return Path(file.name).replace(folder / name)


def append_line(path: Path, line: str, mode: int) -> None:
    """The line at the end of the file, which is made with that mode; processes do not mix their lines.

    Raises:
        OSError: it cannot be written, or not to its end.
    """
    rest = f"{line}\n".encode()
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, mode)
    try:
        while rest:  # one write as a rule: only a full disk or a signal cuts it short
            rest = rest[os.write(file, rest) :]
    finally:
        os.close(file)


def logs_before(home: Path, before: datetime) -> dict[Path, int]:
    """The logs last written before that moment, with their bytes; whatever else lies there is not ours."""
    found = {}
    for path in sorted(each for pattern in _LOGS for each in (home / "logs").glob(pattern)):
        with suppress(FileNotFoundError):  # another deleted it meanwhile
            told = path.lstat()
            if datetime.fromtimestamp(told.st_mtime, UTC) < before:
                found[path] = told.st_size
    return found
