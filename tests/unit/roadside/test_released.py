"""The released declarations, from a file and from a scratch repository."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from roadside.released import released
from validation.errors import InputMissing, UnknownName, UserError

PLACE = Path("docs") / "declared.json"


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    done = subprocess.run(
        ["git", "-C", str(folder), *who, *words], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def commit(folder: Path, mark: str) -> str:
    path = folder / PLACE
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"format": 1, "mark": mark}))
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", mark)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """main has two commits; nothing of this machine's git is asked."""
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    commit(tmp_path, "first")
    commit(tmp_path, "second")
    return tmp_path


def mark(folder: Path, against: str | None = None) -> str:
    return str(released(against, PLACE, folder, 1).told["mark"])


def test_on_main_it_is_what_was_committed_whatever_the_file_says_now(checkout: Path) -> None:
    (checkout / PLACE).write_text("{}")
    assert mark(checkout) == "second"


def test_on_a_branch_it_is_main_as_the_branch_left_it(checkout: Path) -> None:
    """What main gained since is no change of this branch, and would look as if it were taken away."""
    git(checkout, "checkout", "--quiet", "-b", "more")
    commit(checkout, "mine")
    git(checkout, "checkout", "--quiet", "main")
    commit(checkout, "theirs")
    git(checkout, "checkout", "--quiet", "more")
    found = released(None, PLACE, checkout, 1)
    assert found.told["mark"] == "second"
    assert found.where.startswith("main as this branch left it (")
    assert mark(checkout, "main") == "theirs"


def test_without_a_main_it_is_what_was_committed(checkout: Path) -> None:
    git(checkout, "branch", "--move", "main", "trunk")
    assert mark(checkout) == "second"


def test_a_revision_is_asked_by_any_of_its_names(checkout: Path) -> None:
    git(checkout, "tag", "v1", "HEAD~1")
    assert [mark(checkout, each) for each in ("HEAD", "HEAD~1", "v1", "main")] == [
        "second",
        "first",
        "first",
        "second",
    ]


def test_a_project_in_a_folder_of_the_repository_finds_its_own_file(checkout: Path) -> None:
    inner = checkout / "inner"
    inner.mkdir()
    commit(inner, "inner")
    assert mark(inner) == "inner"


def test_a_file_needs_no_git(tmp_path: Path) -> None:
    path = tmp_path / "older.json"
    path.write_text(json.dumps({"format": 1, "mark": "kept"}))
    assert mark(tmp_path, str(path)) == "kept"


def test_an_unknown_revision_is_said_with_the_near_ones(checkout: Path) -> None:
    with pytest.raises(UnknownName, match=r"file or revision named 'mian'\.\nDid you mean main"):
        mark(checkout, "mian")


def test_a_revision_before_the_file_is_said(checkout: Path) -> None:
    git(checkout, "rm", "--quiet", str(PLACE))
    git(checkout, "commit", "--quiet", "--message", "none")
    with pytest.raises(InputMissing, match=r"There is no docs/declared.json yet in HEAD\.\n.*--against FILE"):
        mark(checkout, "HEAD")


def test_no_checkout_and_no_git_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(InputMissing, match=r"is no git checkout.*\n.*--against FILE"):
        mark(tmp_path)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputMissing, match="There is no git"):
        mark(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "is no JSON"), ("[]", "format None"), ('{"format": 2}', "in format 2, this code in format 1")],
)
def test_a_file_that_is_no_description_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "older.json"
    path.write_text(text)
    with pytest.raises(UserError, match=said):
        mark(tmp_path, str(path))
