"""Remarks about a table that are worth saying once, such as a field nobody declared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from lakehouse.database import insert_new
from lakehouse.ops import Ops, table_notes


@dataclass(frozen=True)
class TableNote:
    """One remark about one subject of a table, and when it was first made."""

    table: str
    subject: str
    text: str
    noted_at: datetime


class TableNotes:
    """Remarks by table and subject; the first remark about a subject stays."""

    def __init__(self, ops: Ops, now: Callable[[], datetime]) -> None:
        self._ops = ops
        self._now = now

    def note(self, table: str, subject: str, text: str) -> bool:
        """Whether the subject is new, and so worth reporting; the text holds no row's values."""
        row = {"table_name": table, "subject": subject, "text": text, "noted_at": self._now()}
        here = (table_notes.c.table_name == table) & (table_notes.c.subject == subject)
        with self._ops.write() as connection:
            if connection.execute(select(table_notes.c.subject).where(here)).first() is not None:
                return False
            insert_new(connection, table_notes, [row])
        return True

    def notes(self, table: str) -> list[TableNote]:
        """The table's remarks, oldest first."""
        query = (
            select(table_notes)
            .where(table_notes.c.table_name == table)
            .order_by(table_notes.c.noted_at, table_notes.c.subject)
        )
        with self._ops.read() as connection:
            rows = connection.execute(query).all()
        return [TableNote(row.table_name, row.subject, row.text, row.noted_at) for row in rows]
