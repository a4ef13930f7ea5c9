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


def feature_store_file(settings: Settings) -> Path:
    """What describes Feast's stores where the settings point: one file an environment."""
    if settings.feast_stores != "lake":
        return FEATURE_REPO / f"feature_store.{settings.feast_stores}.yaml"
    return FEATURE_REPO / f"feature_store{'.aws' if settings.catalog == 'glue' else ''}.yaml"


def feast_command(settings: Settings) -> list[str]:
    """`feast` over feature_repo/ and the environment's own file, by this environment's Python."""
    described = str(feature_store_file(settings))
    return [sys.executable, "-m", "lakehouse.feast_cli", "-c", str(FEATURE_REPO), "-f", described]


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
