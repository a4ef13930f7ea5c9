"""Which code made a table."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from validation.errors import Defect


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
