"""A home of its own for each test, and the command line run in this process."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from lakehouse.settings import Settings, load_settings
from roadside.cli import main


@dataclass(frozen=True)
class Answer:
    """How a command line ended and what it printed."""

    code: int
    out: str
    err: str


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """ROADSIDE_HOME, not there yet; no other ROADSIDE_ variable is set."""
    for name in [name for name in os.environ if name.startswith("ROADSIDE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ROADSIDE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def settings(home: Path) -> Settings:
    return load_settings({"ROADSIDE_HOME": str(home)})


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """`roadside` with these words."""

    def answer(*words: str) -> Answer:
        capsys.readouterr()
        code = main(words)
        printed = capsys.readouterr()
        return Answer(code, printed.out, printed.err)

    return answer
