"""From a column back to the landed fields it is made of, and on to whatever is made of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from roadside.column_lineage import lineage_named, lineages
from validation.column_lineage import ColumnRef, MadeOf, TableLineage
from validation.errors import UnknownName, UserError

_MANY = 12


@dataclass(frozen=True)
class Hop:
    """One step of a trace.

    Attributes:
        depth: how many steps from the column that was asked for.
        column: the column (or part) that the step arrives at.
        made: what is done between the two.
        is_told: whether the step goes on above: it was arrived at before.
    """

    depth: int
    column: ColumnRef
    made: MadeOf
    is_told: bool = False


Steps = Callable[[ColumnRef], tuple[tuple[ColumnRef, MadeOf], ...]]


def made_of(column: ColumnRef, *, indirect: bool = False) -> Iterator[Hop]:
    """What the column is made of, back to the landed fields, depth first.

    With `indirect` also what only decides which value it is; that is not followed.
    """
    return _trace(column, _inputs, indirect, 1, set())


def goes_into(column: ColumnRef, *, indirect: bool = False) -> Iterator[Hop]:
    """What is made of the column, on to datasets and views online, depth first."""
    return _trace(column, _readers, indirect, 1, set())


def column_named(name: str) -> ColumnRef:
    """The column of that name: table.column, view.feature, either with [part], or one that one table has.

    Raises:
        UnknownName: there is none.
        UserError: several tables have a column of that name.
    """
    bare, _, part = name.removesuffix("]").partition("[")
    columns = _columns()
    whole = [each for each in columns if str(each) in (bare, f"features.{bare}")]
    found = whole or [each for each in columns if each.column == bare]
    if not found:
        raise UnknownName("table or column", name, _names())
    if len(found) > 1:
        listed = ", ".join(str(each) for each in found[:_MANY])
        more = f" and {len(found) - _MANY} more" if len(found) > _MANY else ""
        raise UserError(f"{len(found)} tables have a column {bare}.", f"Name one: {listed}{more}.")
    (column,) = found
    if part:
        parts = {each.part for each in _lineage(column.table).made_of(column.column)} - {""}
        if part not in parts:
            raise UnknownName(f"part of {column}", part, parts)
    return ColumnRef(column.table, column.column, part)


def table_of_name(name: str) -> TableLineage | None:
    """The lineage of the table, if it is one's name."""
    return lineages().get(name)


def otherwise_of(column: ColumnRef) -> str | None:
    """Where a column comes from of which no input is told; None of one that has inputs, or is landed."""
    return _lineage(column.table).otherwise.get(column.column)


def rows_decided(column: ColumnRef, hops: Iterable[Hop]) -> tuple[str, ...]:
    """The tables of which the column, or one that the hops arrive at, decides which rows there are."""
    reached = {column, *(hop.column for hop in hops if hop.made.how.is_direct)}
    return tuple(
        table
        for table, lineage in lineages().items()
        if any(_is_of(each, made.of) for made in lineage.rows for each in reached)
    )


def _is_of(column: ColumnRef, of: ColumnRef) -> bool:
    """Whether what is read is the column, or shares a part with it."""
    is_same = (column.table, column.column) == (of.table, of.column)
    return is_same and (column.part == of.part or not (column.part and of.part))


def _trace(
    column: ColumnRef, steps: Steps, indirect: bool, depth: int, seen: set[ColumnRef]
) -> Iterator[Hop]:
    for reached, made in steps(column):
        if not made.how.is_direct:
            if indirect:
                yield Hop(depth, reached, made)
            continue
        is_told = reached in seen
        seen.add(reached)
        yield Hop(depth, reached, made, is_told and bool(steps(reached)))
        if not is_told:
            yield from _trace(reached, steps, indirect, depth + 1, seen)


def _inputs(column: ColumnRef) -> tuple[tuple[ColumnRef, MadeOf], ...]:
    """What the column is made of, each input once a way; of a part what is said of it."""
    inputs = _lineage(column.table).made_of(column.column, column.part)
    return tuple({(made.of, made.how, made.note): (made.of, made) for made in inputs}.values())


def _readers(column: ColumnRef) -> tuple[tuple[ColumnRef, MadeOf], ...]:
    """What is made of the column; of a part what is made of it or of the whole.

    A reader stands for its parts together, unless somebody reads them apart.
    """
    found: dict[object, tuple[ColumnRef, MadeOf]] = {}
    for reader, made in _readers_by_column().get((column.table, column.column), ()):
        if not column.part or made.of.part in ("", column.part):
            whole = reader if _is_read_apart(reader) else ColumnRef(reader.table, reader.column)
            found.setdefault((whole, made.how, made.note), (whole, made))
    return tuple(found.values())


def _is_read_apart(column: ColumnRef) -> bool:
    return any(made.of.part for _, made in _readers_by_column().get((column.table, column.column), ()))


@cache
def _readers_by_column() -> Mapping[tuple[str, str], tuple[tuple[ColumnRef, MadeOf], ...]]:
    found: dict[tuple[str, str], dict[tuple[ColumnRef, MadeOf], None]] = {}
    for table, lineage in lineages().items():
        for column, inputs in lineage.columns.items():
            for made in inputs:
                reader = ColumnRef(table, column, made.part)
                found.setdefault((made.of.table, made.of.column), {})[reader, made] = None
    return {column: tuple(readers) for column, readers in found.items()}


def _lineage(table: str) -> TableLineage:
    """A landed record is made of nothing that is told."""
    return TableLineage({}) if table.startswith("landing/") else lineage_named(table)


@cache
def _columns() -> tuple[ColumnRef, ...]:
    """Every column that there is, landed ones first."""
    named = (
        ColumnRef(table, column)
        for table, lineage in lineages().items()
        for column in (*lineage.columns, *lineage.otherwise)
    )
    landed = (
        ColumnRef(made.of.table, made.of.column)
        for lineage in lineages().values()
        for made in lineage.inputs()
        if made.of.table.startswith("landing/")
    )
    return tuple(dict.fromkeys((*landed, *named)))


def _names() -> set[str]:
    return {str(each) for each in _columns()} | {each.column for each in _columns()} | set(lineages())
