"""Where files may stand and what they may be called."""

import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = [
    "benchmarks",
    "feast_plugins",
    "feature_repo",
    "ingestion",
    "lakehouse",
    "roadside",
    "simulation",
    "training_datasets",
    "transforms",
    "validation",
    "warehouse",
]
LINES = 500


def sources(*folders: str, suffixes: tuple[str, ...] = (".py",)) -> list[Path]:
    """The source files of some folders of the project."""
    return sorted(
        path
        for folder in folders
        for path in (ROOT / folder).rglob("*")
        if path.suffix in suffixes and "__pycache__" not in path.parts
    )


def test_there_are_sources_to_check() -> None:
    assert len(sources(*PACKAGES)) > 50


@pytest.mark.parametrize("folder", ["airflow", "tests"])
def test_airflow_and_tests_never_become_packages_that_shadow_apache_airflow(folder: str) -> None:
    assert not list((ROOT / folder).rglob("__init__.py"))


def test_the_wheel_lists_its_packages_and_leaves_airflow_and_tests_out() -> None:
    assert PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == PACKAGES


def test_the_layers_cover_every_package() -> None:
    assert PROJECT["tool"]["importlinter"]["root_packages"] == PACKAGES


def test_every_package_folder_of_the_project_is_listed() -> None:
    assert sorted(path.parent.name for path in ROOT.glob("*/__init__.py")) == PACKAGES


def test_no_module_is_named_like_the_standard_library() -> None:
    named = {
        path.relative_to(ROOT)
        for path in sources(*PACKAGES, "airflow")
        if path.stem in sys.stdlib_module_names
    }
    folders = {
        path.relative_to(ROOT) for path in sources(*PACKAGES) if path.parent.name in sys.stdlib_module_names
    }
    assert named | folders == set()


def test_no_module_is_a_drawer() -> None:
    drawers = {"base", "common", "helpers", "manager", "misc", "util", "utils"}
    assert [str(path) for path in sources(*PACKAGES, "tests") if path.stem in drawers] == []


def test_no_file_has_grown_to_500_lines() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in sources(*PACKAGES, "airflow", "scripts", "tests", suffixes=(".py", ".sql"))
    }
    assert {name: length for name, length in lengths.items() if length >= LINES} == {}


def test_no_test_is_skipped_but_those_of_recordings_that_are_not_ours_to_ship() -> None:
    """A test that cannot run where `make test` runs must fail, not vanish."""
    skips = ("pytest.mark." + "skip", "pytest." + "skip(", "pytest." + "importorskip")
    skipping = {
        str(path.relative_to(ROOT))
        for path in sources("tests")
        if any(skip in path.read_text() for skip in skips)
    }
    assert skipping <= {"tests/conftest.py"}
