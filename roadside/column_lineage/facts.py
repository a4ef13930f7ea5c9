"""What the measures of a tile family are made of, by its facts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain

import pyarrow as pa
import pyarrow.compute as pc

from roadside.column_lineage.naming import Made, Of, each_once
from transforms.tiles.partials import At, Bucket, Fact, Moment
from validation.arrow_schema import arrow_schema
from validation.column_lineage import ColumnRef, How, MadeOf, TableLineage
from validation.contract import Table
from validation.contracts import table_named
from validation.contracts.tiles.tile_table import TILE_COLUMNS


@dataclass(frozen=True)
class Facts:
    """Facts of the versions of a table, and by which columns they are added up.

    Attributes:
        of: the table.
        key: what its versions have in common.
        facts: the measures it adds to.
        dimensions: dimension of the tile -> column; None if these facts have none.
        elsewhere: columns that are not the table's own, and what they are.
        chosen_by: what else decides which versions count.
    """

    of: Of
    key: tuple[str, ...]
    facts: tuple[Fact, ...]
    dimensions: Mapping[str, str | None]
    elsewhere: Mapping[str, tuple[ColumnRef, ...]] = field(default_factory=dict)
    chosen_by: Made = ()

    def refs(self, *names: str) -> tuple[ColumnRef, ...]:
        """The columns that a fact calls so."""
        return tuple(
            ref for name in names for ref in self.elsewhere.get(name, (ColumnRef(self.of.table, name),))
        )

    def conditions(self, fact: Fact) -> tuple[ColumnRef, ...]:
        """The columns of the fact's condition."""
        if fact.when is None:
            return ()
        schema = arrow_schema(table_named(self.of.table))
        return self.refs(*columns_of(fact.when, schema))


def tile_lineage(table: Table, groups: Iterable[Facts], more: TableLineage | None = None) -> TableLineage:
    """A tile table whose measures are these facts', and what else stands in it."""
    columns: dict[str, Made] = {}
    rows: Made = ()
    for group in groups:
        for fact in group.facts:
            made = _of_fact(group, fact)
            for name, inputs in made.items():
                columns[name] = columns.get(name, ()) + inputs
            rows += _rows(group, fact, made)
    if more is not None:
        rows += more.rows
        columns = {name: columns.get(name, ()) + more.columns.get(name, ()) for name in table.column_names}
    return TableLineage(
        {name: each_once(columns[name]) for name in table.column_names if columns.get(name)},
        each_once(rows),
        {name: why for name, why in _SAYS.items() if not columns.get(name)},
    )


_SAYS = {"measure": "the name of what is added up", "bucket": "0: no measure has buckets"}


def columns_of(condition: pc.Expression, schema: pa.Schema) -> tuple[str, ...]:
    """The columns that the condition asks for: those without which it cannot be asked.

    >>> columns_of(pc.field("a") == pc.field("b"), pa.schema([(name, pa.int64()) for name in "abc"]))
    ('a', 'b')
    """
    rows = schema.empty_table()
    return tuple(
        name
        for name in schema.names
        if name in str(condition) and not _can_be_asked(condition, rows.drop_columns([name]))
    )


def _can_be_asked(condition: pc.Expression, rows: pa.Table) -> bool:
    try:
        rows.filter(condition)
    except pa.ArrowInvalid:
        return False
    return True


def _of_fact(group: Facts, fact: Fact) -> dict[str, Made]:
    """What the rows of the fact's measure are made of, by column."""

    def made(how: How, names: Iterable[str], note: str = "") -> Made:
        return _made(group.refs(*names), how, fact.measure, note)

    happened = [name for moment in fact.happened for name in _columns(moment)]
    ended = [] if fact.ended is None else list(_columns(fact.ended))
    first = _columns(fact.happened[0])
    amount = made(How.AGGREGATION, happened, "counted once it has happened")
    if fact.amount is not None:
        amount = made(How.AGGREGATION, [fact.amount], "added up")
    columns = {
        name: made(How.TRANSFORMATION, [column], "empty where it has none")
        for name, column in group.dimensions.items()
        if column is not None
    }
    return columns | {
        "bucket": made(How.TRANSFORMATION, _bucketed(fact), "number of the bucket that holds it"),
        "tile_at": made(How.TRANSFORMATION, first, "end of its tile"),
        "counts_at": made(How.TRANSFORMATION, [*happened, *ended], "from when it counts, or no more"),
        "moment_at": made(How.IDENTITY if fact.has_moment else How.TRANSFORMATION, first),
        "known_at": made(How.TRANSFORMATION, ["known_at"], "tick that learned or unlearned it"),
        "known_date": made(How.TRANSFORMATION, ["known_at"]),
        "amount": amount
        + made(How.CONDITIONAL, ended, "taken back then")
        + _made(group.conditions(fact), How.CONDITIONAL, fact.measure, "whether it counts"),
    }


def _rows(group: Facts, fact: Fact, made: Mapping[str, Made]) -> Made:
    """What decides which rows the measure has."""
    table = table_named(group.of.table)
    versions = [*group.key, "known_at"]
    keys = (each.of for name, inputs in made.items() if name != "amount" for each in inputs)
    retracted = [name for name in ("is_retracted",) if name in table.column_names]
    happened = [name for moment in fact.happened for name in _columns(moment)]
    ended = [] if fact.ended is None else _columns(fact.ended)
    return each_once(
        (
            *_made(chain(group.conditions(fact), group.refs(*happened)), How.FILTER, fact.measure),
            *_made(group.refs(*ended), How.FILTER, fact.measure, "a row takes it back then"),
            *_made(group.refs(*retracted), How.FILTER, fact.measure, "versions that stand"),
            *_made(group.refs(*versions), How.WINDOW, fact.measure, "versions that the interval learned"),
            *_made(keys, How.GROUP_BY, fact.measure, "amounts are added up by it"),
            *(MadeOf(each.of, each.how, each.note, part=fact.measure) for each in group.chosen_by),
        )
    )


def _made(refs: Iterable[ColumnRef], how: How, measure: str, note: str = "") -> Made:
    return each_once(MadeOf(ref, how, note, part=measure) for ref in refs)


def _columns(moment: Moment) -> tuple[str, ...]:
    if isinstance(moment, At):
        return (moment.column,)
    return tuple(each.column for each in moment.moments)


def _bucketed(fact: Fact) -> tuple[str, ...]:
    """The columns that choose the bucket; a wait's moments say how old it is."""
    if isinstance(fact.bucket, Bucket):
        return (fact.bucket.of,) if isinstance(fact.bucket.of, str) else fact.bucket.of
    return tuple(name for moment in fact.happened for name in _columns(moment)) if fact.bucket else ()


MEASURED = tuple(name for name in TILE_COLUMNS if name != "measure")
"""The columns of a tile that are made of something."""
