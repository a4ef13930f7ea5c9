"""Which state of a dataset a publication sent. A table's is its snapshot, among the run's inputs."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import select, update

from lakehouse.ops import Ops, runs


@dataclass(frozen=True)
class SentState:
    """One state of a dataset.

    Attributes:
        release: what a person calls it: its days, and its newest release where that is not the first.
        digest: that its manifest states, which names each day's; another state has another.
    """

    release: str
    digest: str


def keep_sent(ops: Ops, run_id: str, state: SentState) -> None:
    """The run sends this state, or sent it."""
    with ops.write() as connection:
        connection.execute(update(runs).where(runs.c.run_id == run_id).values(sent=asdict(state)))


def sent_by(ops: Ops, run_id: str) -> SentState | None:
    """What the run sent of a dataset; None of any other run, and of one that older code made."""
    with ops.read() as connection:
        kept = connection.execute(select(runs.c.sent).where(runs.c.run_id == run_id)).scalar_one_or_none()
    return None if kept is None else SentState(**kept)
