"""Feast's own command line over `feature_repo/`: the command, its environment, and the program itself.

Nothing here imports Feast before the program runs.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from lakehouse.settings import Settings

PROJECT_ROOT = Path(__file__).resolve().parents[1]
FEATURE_REPO = PROJECT_ROOT / "feature_repo"


def feast_command() -> list[str]:
    """`feast -c feature_repo`, by this environment's Python."""
    return [sys.executable, "-m", "lakehouse.feast_cli", "-c", str(FEATURE_REPO)]


def feast_environment(settings: Settings) -> dict[str, str]:
    """The environment in which Feast's own commands find everything the settings say."""
    path = os.pathsep.join(filter(None, (str(PROJECT_ROOT), os.environ.get("PYTHONPATH"))))
    python = {"PYTHONPATH": path, "PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable}
    return os.environ | settings.environment() | python | {"TZ": "UTC"}


def main() -> None:
    """Feast's command line, as `feast` itself has it."""
    from lakehouse import feast_import  # noqa: F401 - before any other module of Feast

    from feast.cli.cli import cli  # isort: skip

    cli(prog_name="feast")


if __name__ == "__main__":
    main()
