"""Branches of an Iceberg table: where a run stages rows, and how `main` comes to hold them.

In Iceberg's own API, through the JVM: no Spark job is started.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from py4j.protocol import Py4JJavaError

from validation.contract import Table
from validation.errors import Busy
from validation.feed_checks import Counts

_BRANCHES = "run_"
COMMIT_ATTEMPTS = 20
"""How often a change of branches is tried while others commit to the table."""


@dataclass(frozen=True)
class Staged:
    """An interval's rows on a branch of their own, checked; `main` is as it was.

    Attributes:
        base: the snapshot of main that the branch began from.
        is_swap: whole partitions were replaced, which may be published although main has moved.
        is_changed: the interval's rows on main are others, or none.
        counted: of silver, by tick: the rows, and how many break each rule that only warns.
    """

    table: Table
    branch: str
    base: int | None
    is_swap: bool
    is_changed: bool
    rows: int
    warnings: dict[str, int]
    counted: Mapping[datetime, Counts] = field(default_factory=dict)


class Moved(Busy):
    """Another process published meanwhile what a staged interval does not fit on: stage it again."""


class Overtaken(Moved):
    """What staged rows were made of is no more: they are to be made again, not only staged."""


def head_of(iceberg: Any, branch: str = "main") -> int | None:
    """Snapshot id of a branch, or None when it has none."""
    ref = iceberg.refs().get(branch)
    return int(ref.snapshotId()) if ref is not None else None


def added_by(iceberg: Any, snapshot_id: int) -> tuple[int, int]:
    """Files that the snapshot added, and their bytes."""
    summary = iceberg.snapshot(snapshot_id).summary()
    return int(summary.get("added-data-files") or 0), int(summary.get("added-files-size") or 0)


def drop_branches(iceberg: Any, alive: Callable[[], Collection[str]]) -> None:
    """Those that runs left behind, save those of the runs that are alive.

    Who is alive is asked when the branches are seen, each time: a run is in the ledger before its branch is.
    """

    def drop() -> None:
        names = iceberg.refs().keySet().toArray()
        kept = {branch_of(run_id) for run_id in alive()}
        left = [name for name in names if name.startswith(_BRANCHES) and name not in kept]
        manage = iceberg.manageSnapshots()
        for name in left:
            manage.removeBranch(name)
        if left:
            manage.commit()

    _committed(iceberg, drop)


def fork(iceberg: Any, branch: str, base: int | None) -> None:
    """A branch at the base, in place of one of its name."""

    def begin() -> None:
        if head_of(iceberg, branch) is not None:
            iceberg.manageSnapshots().removeBranch(branch).commit()
        manage = iceberg.manageSnapshots()
        (manage.createBranch(branch) if base is None else manage.createBranch(branch, base)).commit()

    _committed(iceberg, begin)


def move_main(iceberg: Any, staged: Staged) -> None:
    """Main to the staged rows, and the branch gone: one commit.

    Raises:
        Moved: main is no longer what the branch began from, and the rows do not fit on it; or they
            were the same as main's, which may be others by now.
    """

    def move() -> None:
        head, main = head_of(iceberg, staged.branch), head_of(iceberg)
        manage = iceberg.manageSnapshots()
        if not staged.is_changed:
            if main != staged.base:
                raise moved(staged.table)
        elif head is None:  # a run that took this one for dead dropped its branch
            raise moved(staged.table)
        elif main is None:
            manage.createBranch("main", head)
        elif main == staged.base:
            manage.fastForwardBranch("main", staged.branch)
        elif staged.is_swap and staged.base is not None:
            manage.cherrypick(head)
        else:
            raise moved(staged.table)
        if head is not None:
            manage.removeBranch(staged.branch)
            manage.commit()

    _committed(iceberg, move)


def _committed(iceberg: Any, change: Callable[[], None]) -> None:
    """The change of branches, begun anew as often as another commit to the table comes between.

    Iceberg retries commits of rows by itself, but not those of branches.
    """
    for attempt in range(COMMIT_ATTEMPTS):
        try:
            change()
            return
        except Py4JJavaError as error:
            came_between = str(error.java_exception.getClass().getName()).endswith(".CommitFailedException")
            if not came_between or attempt == COMMIT_ATTEMPTS - 1:
                raise
            iceberg.refresh()


def moved(table: Table) -> Moved:
    """The error, for a table."""
    return Moved(f"{table.name} was published by another process meanwhile.", "Run the interval again.")


def overtaken(table: Table) -> Overtaken:
    """The error, for a table."""
    return Overtaken(
        f"What {table.name} is made of was published by another process meanwhile.", "Run the interval again."
    )


def branch_of(run_id: str) -> str:
    """The branch of a run."""
    return f"{_BRANCHES}{run_id}"
