"""The archive is made in a home of its own, whatever platform the settings around name."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from pyspark import SparkContext

from scripts import class_archive


class Gateway:
    """A JVM that writes its archive as it ends."""

    def __init__(self, written: Path) -> None:
        self.proc = SimpleNamespace(stdin=SimpleNamespace(close=written.touch), wait=lambda _seconds: None)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the script sets is taken back after the test."""
    for name in [name for name in os.environ if name.startswith("ROADSIDE_")]:
        monkeypatch.delenv(name)
    for name in ("ROADSIDE_HOME", "ROADSIDE_LOG", "JDK_JAVA_OPTIONS"):
        monkeypatch.setenv(name, "set by the test")


def test_no_setting_of_the_caller_reaches_the_city(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in {"PROFILE": "aws", "OPS_URL": "postgresql://ops", "JARS_DIR": "jars"}.items():
        monkeypatch.setenv(f"ROADSIDE_{name}", value)
    seen: list[dict[str, str]] = []

    def run(_words: list[str]) -> int:
        seen.append({name: value for name, value in os.environ.items() if name.startswith("ROADSIDE_")})
        return 0

    monkeypatch.setitem(sys.modules, "roadside.cli", SimpleNamespace(main=run))
    monkeypatch.setattr(SparkContext, "_gateway", Gateway(tmp_path / "classes.part"))
    assert class_archive.main(tmp_path / "classes.jsa") == 0
    assert (tmp_path / "classes.jsa").exists()
    for each in seen:
        assert each.keys() == {"ROADSIDE_HOME", "ROADSIDE_JARS_DIR", "ROADSIDE_LOG"}
        assert not Path(each["ROADSIDE_HOME"]).exists(), "it was a temporary one"
    assert len(seen) == 2


def test_a_city_that_fails_leaves_no_archive(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "roadside.cli", SimpleNamespace(main=lambda _words: 1))
    (tmp_path / "classes.jsa").touch()
    assert class_archive.main(tmp_path / "classes.jsa") == 1
    assert list(tmp_path.iterdir()) == []
