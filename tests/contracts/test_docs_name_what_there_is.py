"""What README and docs/ tell to type is there: commands with their options, and the files they point to."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from roadside.cli import app

PROJECT = Path(__file__).resolve().parents[2]
PAGES = [
    PROJECT / "README.md",
    *sorted((PROJECT / "docs").glob("*.md")),
    *(PROJECT / "docs/decisions").glob("*.md"),
]
WRITTEN = re.compile(r"`((?:python scripts/\S+ )?roadside [^`]+)`|^(roadside .+)$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def commands(page: Path) -> Iterator[str]:
    """Every command of ours on the page, without what leads to it."""
    for found in WRITTEN.finditer(page.read_text()):
        yield (found[1] or found[2]).partition("roadside ")[2].partition("#")[0]


def trouble_with(line: str) -> str | None:
    """What of the command line is not there; None if all is."""
    command: Any = typer.main.get_command(app)
    words = shlex.split(line)
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    if hasattr(command, "commands") and words and not words[0].startswith("-"):
        return words[0]
    known = {name for each in command.params for name in (*each.opts, *each.secondary_opts)} | {"--help"}
    return next(
        (word for word in words if word.startswith("--") and word.partition("=")[0] not in known), None
    )


def test_what_is_not_there_is_seen() -> None:
    assert trouble_with("runs show RUN") is None
    assert trouble_with("runs shows RUN") is not None
    assert trouble_with("backfill --from DAY --too DAY") == "--too"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_a_page_tells_to_type_is_there(page: Path) -> None:
    assert [(line, trouble) for line in commands(page) if (trouble := trouble_with(line))] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_points_to_is_there(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text()) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_pages_tell_of_commands() -> None:
    assert sum(1 for page in PAGES for _ in commands(page)) > 40
