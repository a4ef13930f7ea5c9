"""How a command that fails tells it: what, what next, an exit code by kind; never a row's values."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from lakehouse.log_folder import write_log
from roadside.rendering import notice
from validation.errors import Defect, RoadsideError

INTERRUPTED = 130


def tell(error: RoadsideError) -> int:
    """Print what happened and what to do next on stderr; the exit code of its kind."""
    notice(f"error: {error.what}", "bold red")
    if error.next_step:
        notice(error.next_step)
    return error.exit_code


def tell_interrupted() -> int:
    """Print that an interrupt ended the command and how to go on; its exit code."""
    notice("Interrupted. What was published stays; the same command goes on from there.")
    return INTERRUPTED


def tell_unexpected(error: Exception, home: Path) -> int:
    """Print the class of an error nobody foresaw and where its traceback was kept; exit code 70.

    Neither the terminal nor the log gets its message: Spark's and Arrow's quote the values they
    choke on. The log has the places in the code, and the names that Spark gives its errors.
    """
    notice(f"error: {type(error).__name__}: this was not foreseen, and is ours to fix.", "bold red")
    try:
        notice(f"Where it happened was written to {_logged(error, home)}.")
    except OSError as unwritten:
        notice(f"Where it happened could not be written under {home} ({type(unwritten).__name__}).")
    notice("`roadside --debug ...` prints it whole, the values it quotes included.")
    return Defect.exit_code


def _logged(error: Exception, home: Path) -> Path:
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}-{type(error).__name__}.log"
    commands = " ".join(word for word in sys.argv[1:3] if not word.startswith("-"))
    return write_log(home, name, "\n".join([f"roadside {commands}", *_places(error)]) + "\n")


def _places(error: BaseException) -> Iterator[str]:
    """The chain of errors, innermost last: class, Spark's name for it, and the places in the code."""
    named = getattr(error, "getCondition", getattr(error, "getErrorClass", lambda: None))
    yield f"{type(error).__module__}.{type(error).__qualname__} {_safely(named) or ''}".rstrip()
    for frame in traceback.extract_tb(error.__traceback__):
        yield f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}'
        if frame.line:
            yield f"    {frame.line}"
    cause = error.__cause__ or error.__context__
    if cause is not None:
        yield "because of"
        yield from _places(cause)


def _safely(named: Callable[[], str | None]) -> str | None:
    try:
        return named()
    except Exception:  # a foreign object asked for its name while something else is already wrong
        return None
