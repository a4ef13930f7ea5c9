"""What can be found of a feed that drifted, and the edits by which its contract can take it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from ingestion.inference.new_fields import NewField


class Drift(Enum):
    """What changed; the value is what becomes of such records."""

    RENAMED = "renamed"
    MOVED = "moved to another object"
    MISSING_REQUIRED = "missing, required"
    TYPE = "type changed"
    TIME = "time written otherwise"
    NESTED = "nested otherwise"
    BOUNDS = "out of bounds"
    UNIT = "unit changed"
    WORD = "unknown word"
    NEW = "new field"
    MISSING_OPTIONAL = "missing, optional"
    FORM = "text written otherwise"
    WIDENED = "widened"

    @property
    def is_accepted(self) -> bool:
        """Whether the contract takes it as it is, and nothing is asked of anybody."""
        return self is Drift.WIDENED


@dataclass(frozen=True)
class Alias:
    """The edit that lets a field arrive under another path too."""

    path: str
    alias: str


@dataclass(frozen=True)
class NewWord:
    """The edit that adds a word to a field's vocabulary."""

    path: str
    word: str


Edit = Alias | NewWord | NewField


@dataclass(frozen=True)
class Finding:
    """One change of a feed.

    Attributes:
        path: the contract's field; of a new one its path in the record.
        hits, rows: how many records have it, of how many in the same span and group.
        since: stamp of the first object read that has it; the change is no later. Of a unit it is about then:
            which values moved is told from many, not from each.
        is_maybe_older: too little landed in the range before it to say that it is not older.
        until: stamp of the last such object, if it is over: too much followed without it.
        where: the program, feed, schema version or event type it is confined to.
        proposal: what to do, as a sentence.
        edit: the contract's edit, where there is one.
    """

    drift: Drift
    path: str
    what: str
    hits: int
    rows: int
    since: datetime
    is_maybe_older: bool
    until: datetime | None
    where: str
    proposal: str
    edit: Edit | None = None

    @property
    def share(self) -> float:
        """Hits over rows."""
        return self.hits / self.rows


__all__ = ["Alias", "Drift", "Edit", "Finding", "NewField", "NewWord"]
