"""Which code made a dataset."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_CODE = ("validation", "ingestion", "transforms", "training_datasets")


@cache
def code_version() -> str:
    """Digest of the source files that decide what a dataset holds."""
    digest = hashlib.sha256()
    for package in _CODE:
        spec = find_spec(package)
        root = Path(str(spec and spec.origin)).parent
        for file in sorted(root.rglob("*.py")):
            digest.update(f"{package}/{file.relative_to(root).as_posix()}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:12]
