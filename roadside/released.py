"""The released declarations: `docs/declared.json` of an older revision, or a file."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from validation.errors import InputMissing, UnknownName, UserError

MAIN = "main"
"""The branch that is released from."""


@dataclass(frozen=True)
class Released:
    """Declarations and where they are from, as a person is told."""

    told: dict[str, Any]
    where: str


def released(against: str | None, place: Path, project: Path, wanted: int) -> Released:
    """The declarations of a file or a revision; without one, of where this branch left main.

    On main, and where there is no main, that is what was committed last.

    Raises:
        InputMissing: there is no git, no checkout, or no such file in the revision.
        UnknownName: there is no such file and no such revision.
        UserError: the file is no description of declarations, or one of another format than `wanted`.
    """
    if against and Path(against).is_file():
        return Released(_read(Path(against).read_text(encoding="utf-8"), against, wanted), against)
    git = _Git(project)
    revision, where = (against, against) if against else git.left_main()
    return Released(_read(git.text(revision, place, where), where, wanted), where)


@dataclass(frozen=True)
class _Git:
    """The checkout that a folder is in."""

    folder: Path

    def left_main(self) -> tuple[str, str]:
        """The commit from which a branch left main, else the last one; and what to call it."""
        self._require()
        branch = self._said("symbolic-ref", "--quiet", "--short", "HEAD")
        left = "" if branch == MAIN else self._said("merge-base", MAIN, "HEAD")
        return (
            (left, f"{MAIN} as this branch left it ({left[:9]})") if left else ("HEAD", "what was committed")
        )

    def text(self, revision: str, place: Path, where: str) -> str:
        """The file as it was in the revision, which an error calls `where`."""
        self._require()
        if not self._said("rev-parse", "--quiet", "--verify", f"{revision}^{{commit}}"):
            names = self._said("for-each-ref", "--format=%(refname:short)").split()
            raise UnknownName("file or revision", revision, [*names, "HEAD"])
        held = self._run("show", f"{revision}:./{place}")
        if held.returncode:
            raise InputMissing(
                f"There is no {place} yet in {where}.",
                "Compare with a later revision, or with a file: --against FILE.",
            )
        return held.stdout

    def _require(self) -> None:
        if shutil.which("git") is None:
            raise InputMissing(
                "There is no git to ask for an older revision.", "Name a file instead: --against FILE."
            )
        if self._run("rev-parse", "--is-inside-work-tree").returncode:
            raise InputMissing(
                f"{self.folder} is no git checkout, so there is no older revision.",
                "Name a file instead: --against FILE.",
            )

    def _said(self, *words: str) -> str:
        """What git answers; empty where it refuses."""
        answer = self._run(*words)
        return "" if answer.returncode else answer.stdout.strip()

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["git", "-C", str(self.folder), *words], capture_output=True, text=True, check=False
        )


def _read(text: str, where: str, wanted: int) -> dict[str, Any]:
    try:
        told = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(
            f"{where} is no JSON (line {error.lineno}).", "Write it with `roadside docs`."
        ) from None
    found = told.get("format") if isinstance(told, dict) else None
    if found != wanted:
        raise UserError(
            f"{where} describes declarations in format {found}, this code in format {wanted}: "
            "they are not compared.",
            "Compare with a revision since the format changed.",
        )
    return told
