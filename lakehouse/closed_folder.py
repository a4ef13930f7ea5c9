"""Folders that nobody but their owner may enter."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def closed_folder(path: Path) -> Path:
    """The folder, made so that nobody else may enter it; one that others may enter is closed to them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)
    if path.stat().st_mode & 0o077:
        with suppress(PermissionError):  # it is another's
            path.chmod(0o700)
    return path
