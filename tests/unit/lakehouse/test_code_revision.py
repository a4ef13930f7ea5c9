"""The commit that runs, as a run is kept with it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lakehouse import code_version
from lakehouse.code_version import code_revision


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    code_revision.cache_clear()
    yield
    code_revision.cache_clear()


def test_a_checkout_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(code_version, "REVISION", tmp_path / "REVISION")
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?", code_revision() or "")


def test_an_image_says_it_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(code_version, "REVISION", tmp_path / "REVISION")
    (tmp_path / "REVISION").write_text("0123abcd\n")
    assert code_revision() == "0123abcd"


def test_where_nobody_knows_there_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(code_version, "REVISION", tmp_path / "REVISION")
    monkeypatch.setattr(code_version, "PROJECT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert code_revision() is None
