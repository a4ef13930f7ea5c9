"""Which code made a table."""

from __future__ import annotations

import hashlib
import subprocess
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from lakehouse.settings import PROJECT
from validation.errors import Defect

REVISION = PROJECT / "REVISION"
"""Names the commit where there is no checkout to ask: an image is built with it."""


@cache
def code_version(*names: str) -> str:
    """Digest of the source files of the packages (whole) and modules named.

    Raises:
        Defect: a name is no package or module with source files.
    """
    digest = hashlib.sha256()
    for name in names:
        spec = find_spec(name)
        if spec is None or spec.origin is None:
            raise Defect(f"There is no code named {name}.")
        origin = Path(spec.origin)
        files = sorted(origin.parent.rglob("*.py")) if origin.name == "__init__.py" else [origin]
        for file in files:
            place = f"{name}/{file.relative_to(origin.parent).as_posix()}\0"
            digest.update(place.encode() + file.read_bytes())
    return digest.hexdigest()[:12]


@cache
def code_revision() -> str | None:
    """The commit that this process runs, with `-dirty` where files differ from it; None where nobody knows.

    To look up what ran. What decides whether a run stands is `code_version`.
    """
    if REVISION.is_file():
        return REVISION.read_text().strip()[:64] or None
    asked = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        told = subprocess.run(asked, cwd=PROJECT, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return told.stdout.strip()[:64] or None
