"""What columns are made of: values that name an input column and what is done with it.

The words are OpenLineage's: https://openlineage.io/docs/spec/facets/dataset-facets/column_lineage_facet
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum


class How(Enum):
    """What is done with an input column: OpenLineage's type and subtype of a transformation.

    A direct input gives the value, or part of it; an indirect one only decides which value, or which rows.
    """

    IDENTITY = "DIRECT", "IDENTITY"
    TRANSFORMATION = "DIRECT", "TRANSFORMATION"
    AGGREGATION = "DIRECT", "AGGREGATION"
    JOIN = "INDIRECT", "JOIN"
    GROUP_BY = "INDIRECT", "GROUP_BY"
    FILTER = "INDIRECT", "FILTER"
    SORT = "INDIRECT", "SORT"
    WINDOW = "INDIRECT", "WINDOW"
    CONDITIONAL = "INDIRECT", "CONDITIONAL"

    @property
    def type(self) -> str:
        """DIRECT or INDIRECT."""
        return self.value[0]

    @property
    def subtype(self) -> str:
        """IDENTITY, AGGREGATION, FILTER..."""
        return self.value[1]

    @property
    def is_direct(self) -> bool:
        """Whether the input gives the value."""
        return self.type == "DIRECT"


@dataclass(frozen=True, order=True)
class ColumnRef:
    """A column of a table, or a part of one.

    Attributes:
        table: `<layer>.<table>`, or `landing/<source>`, whose columns are paths in the record.
        part: of a long table the measure whose rows are meant; of a sealed column the field inside.
    """

    table: str
    column: str
    part: str = ""

    def __str__(self) -> str:
        return f"{self.table}.{self.column}{f'[{self.part}]' if self.part else ''}"


@dataclass(frozen=True)
class MadeOf:
    """One input of a column.

    Attributes:
        of: the input.
        how: what is done with it.
        note: what that is, in a few words.
        is_masked: the input cannot be read from the value without a key: a token, a digest, a ciphertext.
        part: the part of the column that is made of it; all of it if empty.
    """

    of: ColumnRef
    how: How
    note: str = ""
    is_masked: bool = False
    part: str = ""


@dataclass(frozen=True)
class TableLineage:
    """What a table is made of.

    Attributes:
        columns: inputs by column.
        rows: inputs that decide which rows there are, and so touch every column.
        otherwise: columns of which no input column is told, and where they come from.
    """

    columns: Mapping[str, tuple[MadeOf, ...]]
    rows: tuple[MadeOf, ...] = ()
    otherwise: Mapping[str, str] = field(default_factory=dict)

    def made_of(self, column: str, part: str = "") -> tuple[MadeOf, ...]:
        """The inputs of a column, or of a part of it."""
        found = self.columns.get(column, ())
        return tuple(each for each in found if not part or each.part in ("", part))

    def inputs(self) -> Iterator[MadeOf]:
        """Every input, of columns and of rows."""
        for made in self.columns.values():
            yield from made
        yield from self.rows
