"""The command that says what a column is made of, and what is made of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roadside.rendering import counted, print_json, print_table, say

if TYPE_CHECKING:
    from roadside.column_lineage.tracing import Hop
    from validation.column_lineage import MadeOf, TableLineage

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_PARTS = 4


def lineage(
    name: Annotated[
        str,
        typer.Argument(
            metavar="COLUMN|TABLE",
            help="table.column, table.column[measure], landing/source.field, a column that one table has, "
            "or a table.",
        ),
    ],
    indirect: Annotated[
        bool,
        typer.Option("--indirect", help="Also what gives no value, but decides which one it is."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """What a column is made of, back to the landed field, and what is made of it; of a table each column.

    Read from the code's contracts, facts and specs: no data, no ledger, no Spark.
    """
    from roadside.column_lineage.tracing import (
        column_named,
        goes_into,
        made_of,
        otherwise_of,
        rows_decided,
        table_of_name,
    )

    table = table_of_name(name)
    if table is not None:
        _tell_table(name, table, indirect=indirect, as_json=as_json)
        return
    column = column_named(name)
    back, on = list(made_of(column, indirect=indirect)), list(goes_into(column, indirect=indirect))
    decided = rows_decided(column, on)
    if as_json:
        hops = {"made_of": [_hop(each) for each in back], "goes_into": [_hop(each) for each in on]}
        of = {"column": str(column), "otherwise": otherwise_of(column)}
        print_json(of | hops | {"decides_rows_of": decided})
        return
    say(str(column), "bold")
    why = otherwise_of(column) or "a landed field" if not back else None
    _print_hops("is made of", back, f"Made of no column: {why}." if why else "")
    _print_hops("goes into", on, "Nothing is made of it.")
    if decided:
        say("It, or what is made of it, decides which rows there are in:", "bold")
        say(f"  {', '.join(decided)}")


def _tell_table(name: str, table: TableLineage, *, indirect: bool, as_json: bool) -> None:
    columns = {
        column: [each for each in made if indirect or each.how.is_direct]
        for column, made in table.columns.items()
    }
    if as_json:
        print_json(
            {
                "table": name,
                "columns": {column: [_input(each) for each in made] for column, made in columns.items()},
                "otherwise": table.otherwise,
                "rows": [_input(each) for each in table.rows],
            }
        )
        return
    say(name, "bold")
    told = [row for column, made in columns.items() for row in _rows(column, made)]
    print_table(("column", "is made of", "how", "what"), told)
    if table.otherwise:
        print_table(("column", "of no column that is told"), list(table.otherwise.items()))
    deciding = dict.fromkeys(f"{each.of.table}.{each.of.column}" for each in table.rows)
    if deciding:
        say(f"Which rows there are: decided by {counted(len(deciding), 'column')}.", "bold")
        say("  " + ", ".join(deciding))


def _rows(column: str, made: Sequence[MadeOf]) -> Iterable[tuple[str, str, str, str]]:
    """One row an input column and use; the parts that it is so of, a few of them, at its end."""
    uses: dict[tuple[str, str, str], list[str]] = {}
    for each in made:
        uses.setdefault((f"{each.of.table}.{each.of.column}", _how(each), each.note), []).append(each.part)
    for (of, how, note), parts in uses.items():
        named = list(dict.fromkeys(filter(None, parts)))
        some = ", ".join(named[:_PARTS])
        more = f" and {len(named) - _PARTS} more" if len(named) > _PARTS else ""
        yield column, of, how, ": ".join(filter(None, (note, some + more)))


def _print_hops(title: str, hops: Sequence[Hop], otherwise: str) -> None:
    if not hops:
        if otherwise:
            say(otherwise)
        return
    print_table(
        (title, "how", "what"),
        [
            (
                f"{'  ' * (each.depth - 1)}{each.column}",
                _how(each.made),
                "; ".join(filter(None, (each.made.note, "goes on as above" if each.is_told else ""))),
            )
            for each in hops
        ],
    )


def _how(made: MadeOf) -> str:
    masked = ", masked" if made.is_masked else ""
    return f"{made.how.subtype.lower().replace('_', ' ')}{masked}"


def _hop(hop: Hop) -> dict[str, Any]:
    return {
        "depth": hop.depth,
        "column": str(hop.column),
        "type": hop.made.how.type,
        "subtype": hop.made.how.subtype,
        "masking": hop.made.is_masked,
        "description": hop.made.note,
        "told_above": hop.is_told,
    }


def _input(made: MadeOf) -> dict[str, Any]:
    return {
        "of": str(made.of),
        "part": made.part or None,
        "type": made.how.type,
        "subtype": made.how.subtype,
        "masking": made.is_masked,
        "description": made.note,
    }
