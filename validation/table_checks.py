"""What a table is held to by its own past: of silver, how much breaks a rule that only warns and how many of
the rows landed are copies; of any, the amounts its contract names. Derived from the contract; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from validation.contract import Severity, Table
from validation.feed_checks import CopyShare, FeedCheck, RuleShare, SumShare

RESENT, CONFLICTING = "resent", "conflicting"
"""Later copies of a record: with the same content, and with another under the same key."""


@dataclass(frozen=True)
class TableWatch:
    """A table as `validation.feed_checks.Watched`."""

    name: str
    checks: tuple[FeedCheck, ...]
    checked_over: timedelta = timedelta(hours=1)


def is_watched(table: Table) -> bool:
    """Whether the rows of the table are counted by tick."""
    return table.layer == "silver" or bool(table.shares)


def watch_of(table: Table, *, has_copies: bool) -> TableWatch | None:
    """The checks that follow from the contract; `has_copies`: its rows are bronze rows, each once.

    None if nothing does.
    """
    rules = [RuleShare(check.name) for check in table.checks if check.severity is Severity.WARN]
    copies = [CopyShare(RESENT), CopyShare(CONFLICTING, least=0.01, together=1)] if has_copies else []
    amounts = [SumShare(each.part, each.whole) for each in table.shares]
    checks: tuple[FeedCheck, ...] = (*rules, *copies, *amounts)
    return TableWatch(table.name, checks) if is_watched(table) and checks else None


def lost(landed: int, kept: int, copies: Sequence[int]) -> int:
    """Bronze rows that are neither in silver nor a copy of one that is: none, or the run is wrong.

    >>> lost(10, 7, (2, 1))
    0
    """
    return landed - kept - sum(copies)
