"""Every error the platform raises on purpose.

RoadsideError
├── UserError          exit 2   the caller can mend it: a wrong name, date, option or file
│   ├── UnknownName             a table, view, service, dataset or command that does not exist
│   ├── InputMissing            a folder, file or table that should be there is not
│   └── SettingError            a setting is absent, malformed or contradicts another
├── NotReady           exit 1   nothing is broken; something due is not there yet
├── CheckFailed        exit 3   data broke its contract; the last good version stays published
├── Busy               exit 4   another process is publishing the same table
├── PermissionRefused  exit 5   a restricted look without a purpose
├── Unreachable        exit 6   an outside service (Redis, S3, Snowflake, SQL) does not answer
└── Defect             exit 70  ours to fix: an invariant of the platform does not hold

Messages say what happened, where, and what to do next. They never hold a row's values.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class RoadsideError(Exception):
    """An error with what happened, what to do next, and the exit code of its kind."""

    exit_code = 70

    def __init__(self, what: str, next_step: str = "") -> None:
        super().__init__(what if not next_step else f"{what}\n{next_step}")
        self.what = what
        self.next_step = next_step


class UserError(RoadsideError):
    """The caller can mend it."""

    exit_code = 2


class UnknownName(UserError):
    """A name that does not exist, with the nearest ones that do."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        alternatives = sorted(known)
        near = get_close_matches(name, alternatives, n=3, cutoff=0.5)
        hint = f"Did you mean {' or '.join(near)}?" if near else f"Known: {', '.join(alternatives)}."
        super().__init__(f"There is no {kind} named '{name}'.", hint)


class InputMissing(UserError):
    """A folder, file or table that should be there is not."""


class SettingError(UserError):
    """A setting is absent, malformed or contradicts another."""


class NotReady(RoadsideError):
    """Something due is not there yet."""

    exit_code = 1


class CheckFailed(RoadsideError):
    """Data broke its contract; nothing was published."""

    exit_code = 3


class Busy(RoadsideError):
    """Another process publishes the same table."""

    exit_code = 4


class PermissionRefused(RoadsideError):
    """A restricted look without the purpose or role it needs."""

    exit_code = 5


class Unreachable(RoadsideError):
    """An outside service does not answer."""

    exit_code = 6


class Defect(RoadsideError):
    """An invariant of the platform does not hold."""

    exit_code = 70
