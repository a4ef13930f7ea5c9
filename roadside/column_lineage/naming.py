"""Short ways to say what a column is made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from validation.column_lineage import ColumnRef, How, MadeOf

Made = tuple[MadeOf, ...]


@dataclass(frozen=True)
class Of:
    """The columns of one input table."""

    table: str

    def how(self, how: How, *columns: str, note: str = "", part: str = "") -> Made:
        """The columns, all used alike; `part` is that of the input."""
        return tuple(MadeOf(ColumnRef(self.table, column, part), how, note) for column in columns)

    def refs(self, *columns: str) -> tuple[ColumnRef, ...]:
        """The columns by name."""
        return tuple(ColumnRef(self.table, column) for column in columns)

    def same(self, *columns: str, note: str = "") -> Made:
        """The value itself; of several, the first that has one."""
        return self.how(How.IDENTITY, *columns, note=note)

    def made(self, *columns: str, note: str = "") -> Made:
        """A function of the columns of a row."""
        return self.how(How.TRANSFORMATION, *columns, note=note)

    def added(self, *columns: str, note: str = "", part: str = "") -> Made:
        """A function of the columns of many rows."""
        return self.how(How.AGGREGATION, *columns, note=note, part=part)

    def if_(self, *columns: str, note: str = "") -> Made:
        """What decides which value it is."""
        return self.how(How.CONDITIONAL, *columns, note=note)


def in_part(part: str, made: Iterable[MadeOf]) -> Made:
    """The same inputs, of one part of the column."""
    return tuple(replace(each, part=part) for each in made)


def each_once(made: Iterable[MadeOf]) -> Made:
    """The inputs, repetitions left out, in their order."""
    return tuple(dict.fromkeys(made))


def as_changes(columns: Iterable[Made]) -> Made:
    """What decides the rows of a changelog: a row stands where one of the inputs changed a value."""
    inputs = dict.fromkeys(each.of for made in columns for each in made)
    return tuple(MadeOf(of, How.FILTER, "a row where it changed a value") for of in inputs)
