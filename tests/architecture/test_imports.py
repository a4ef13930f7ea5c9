"""Imports point one way, and the rules that say so can fail."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = (ROOT / "pyproject.toml", *sorted(path.parent for path in ROOT.glob("*/__init__.py")))

# One forbidden import for each contract of pyproject.toml, by the contract's name.
PLANTED = {
    "Imports point one way": ("validation", "import lakehouse"),
    "Nobody imports feature_repo": ("training_datasets", "import feature_repo"),
    "feast_plugins see": ("feast_plugins", "import transforms"),
    "feature_repo is light": ("feature_repo", "from validation import spark_schema"),
    "In validation only": ("validation", "import pyspark"),
    "transforms reach nothing outside": ("transforms", "import sqlalchemy"),
    "ingestion ends at bronze": ("ingestion", "import transforms"),
    "simulation lands objects": ("simulation", "from lakehouse import settings"),
    "Only warehouse.connection talks": ("roadside", "import snowflake.connector"),
}


def lint_imports(folder: Path) -> str:
    """What lint-imports prints of the packages in a folder."""
    program = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    environment = {**os.environ, "PYTHONPATH": str(folder), "NO_COLOR": "1", "COLUMNS": "200"}
    answer = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.stdout + answer.stderr


def verdicts(output: str) -> dict[str, str]:
    """KEPT or BROKEN for each contract, by the part of its name that PLANTED uses."""
    found = {}
    for part in PLANTED:
        match = re.search(rf"^{re.escape(part)}.*\b(KEPT|BROKEN)", output, re.MULTILINE)
        found[part] = match.group(1) if match else output
    return found


def test_every_import_points_down() -> None:
    assert verdicts(lint_imports(ROOT)) == dict.fromkeys(PLANTED, "KEPT")


def test_each_rule_breaks_when_an_import_is_planted_against_it(tmp_path: Path) -> None:
    for path in PACKAGES:
        if path.is_file():
            (tmp_path / path.name).write_text(path.read_text())
            continue
        for source in path.rglob("*.py"):
            copy = tmp_path / source.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(source.read_text())
    for number, (package, line) in enumerate(PLANTED.values()):
        (tmp_path / package / f"planted_{number}.py").write_text(line + "\n")
    assert verdicts(lint_imports(tmp_path)) == dict.fromkeys(PLANTED, "BROKEN")


@pytest.mark.parametrize(
    "module", ["feature_repo", "validation.contracts", "validation.sources", "validation.errors"]
)
def test_a_light_module_starts_neither_spark_nor_pandera(module: str) -> None:
    program = f"import sys, {module}; print(sorted({{'pyspark', 'pandera', 'pandas'}} & set(sys.modules)))"
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
