"""What a person decided of refused lines: they landed again as an object, or need not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from lakehouse.database import chunks
from lakehouse.ops import Ops, answered_lines, quarantine_answers
from validation.errors import Busy

Place = tuple[str, int]
"""A refused line: the object it stood in, and its number there (0: the object itself)."""


@dataclass(frozen=True)
class Answer:
    """One decision about refused lines of a source.

    Attributes:
        object_key: the landing object they are written into; None where they need not enter.
        is_done: whether that object is there; what was begun and not done is done by the next call.
    """

    answer_id: str
    source: str
    object_key: str | None
    principal: str
    why: str
    answered_at: datetime
    is_done: bool


class QuarantineLedger:
    """The answers, and which lines they are about; a line has one answer for good."""

    def __init__(self, ops: Ops) -> None:
        self._ops = ops

    def begin(self, answer: Answer, places: Sequence[Place]) -> None:
        """Keep the answer and its lines, all or none.

        Raises:
            Busy: a line has an answer already.
        """
        with self._ops.write() as connection:
            taken = {place for some in chunks(places) for place in _answered(connection, some)}
            if taken:
                raise Busy(
                    f"{len(taken)} of {len(places)} lines of {answer.source} were answered meanwhile.",
                    "Look again: roadside quarantine list.",
                )
            connection.execute(insert(quarantine_answers).values(**vars(answer)))
            rows = [
                {"source_object": key, "source_line": line, "answer_id": answer.answer_id}
                for key, line in places
            ]
            for some in chunks(rows):
                connection.execute(insert(answered_lines), some)

    def finish(self, answer_id: str) -> None:
        """The answer's object is there."""
        here = quarantine_answers.c.answer_id == answer_id
        with self._ops.write() as connection:
            connection.execute(update(quarantine_answers).where(here).values(is_done=True))

    def answers(self, source: str) -> list[Answer]:
        """The answers about lines of the source, oldest first."""
        query = (
            select(quarantine_answers)
            .where(quarantine_answers.c.source == source)
            .order_by(quarantine_answers.c.answered_at, quarantine_answers.c.answer_id)
        )
        with self._ops.read() as connection:
            return [Answer(**row) for row in connection.execute(query).mappings()]

    def places(self, source: str) -> dict[Place, str]:
        """By line that has an answer the answer's id."""
        query = select(answered_lines).join_from(
            answered_lines,
            quarantine_answers,
            answered_lines.c.answer_id == quarantine_answers.c.answer_id,
        )
        with self._ops.read() as connection:
            found = connection.execute(query.where(quarantine_answers.c.source == source))
            return {(row.source_object, row.source_line): row.answer_id for row in found}


def _answered(connection: Connection, places: Sequence[Place]) -> set[Place]:
    objects = {key for key, _ in places}
    query = select(answered_lines.c.source_object, answered_lines.c.source_line)
    found = connection.execute(query.where(answered_lines.c.source_object.in_(objects)))
    return {(row.source_object, row.source_line) for row in found} & set(places)
