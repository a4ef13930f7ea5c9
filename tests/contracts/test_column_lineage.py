"""Every column says what it is made of, of columns that there are, in tables that its step reads."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from roadside.column_lineage import columns_made_of, lineage_named, lineages
from roadside.column_lineage.landed import landing_of, paths_of
from roadside.graph import STEPS, step_named
from validation.column_lineage import ColumnRef, How, TableLineage
from validation.contract import Column, Sensitivity
from validation.contracts import BRONZE, TABLES, table_named
from validation.errors import UnknownName
from validation.sources import SOURCES

COLUMNS = {table.name: set(table.column_names) for table in TABLES} | {
    landing_of(source): set(paths_of(source)) for source in SOURCES
}
WRITTEN = [name for step in STEPS for name in step.writes]


def read_by(name: str) -> set[str]:
    step = step_named(name)
    return set(step.reads) or {f"landing/{step.name.partition('.')[2]}"}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_column_has_inputs_or_says_where_it_comes_from(table) -> None:
    lineage = lineage_named(table.name)
    assert not set(lineage.columns) & set(lineage.otherwise)
    assert {*lineage.columns, *lineage.otherwise} == set(table.column_names)
    assert all(lineage.columns.values())
    assert all(lineage.otherwise.values())


@pytest.mark.parametrize("name", list(lineages()))
def test_every_input_is_a_column_that_there_is(name: str) -> None:
    for made in lineage_named(name).inputs():
        assert made.of.column in COLUMNS[made.of.table], f"{name}: {made.of}"
        if made.of.part:
            parts = {each.part for each in lineage_named(made.of.table).made_of(made.of.column)}
            assert made.of.part in parts, f"{name}: {made.of}"


@pytest.mark.parametrize("name", WRITTEN)
def test_a_table_is_made_of_the_tables_that_its_step_reads_and_of_each(name: str) -> None:
    assert {made.of.table for made in lineage_named(name).inputs()} == read_by(name)


@pytest.mark.parametrize("table", BRONZE, ids=lambda table: table.name)
def test_what_bronze_holds_as_a_token_or_sealed_is_told_as_masked(table) -> None:
    secret = (Sensitivity.TOKEN, Sensitivity.SEALED)
    for column in table.columns:
        direct = [made for made in columns_made_of(table.name).get(column.name, ()) if made.how.is_direct]
        if column.sensitivity in secret or column.name == "content_digest":
            assert all(made.is_masked for made in direct), column.name
        else:
            assert not any(made.is_masked for made in direct), column.name


def copies() -> Iterator[tuple[str, Column, Column]]:
    """Each column of a table that another is a copy of: the copy's name, the copy, what it copies."""
    for name in lineages():
        for column, made in columns_made_of(name).items() if name in COLUMNS else ():
            for each in made:
                if each.how is How.IDENTITY and not each.of.table.startswith("landing/"):
                    of = table_named(each.of.table).column(each.of.column)
                    yield f"{name}.{column}: {each.of}", table_named(name).column(column), of


def test_a_copy_is_of_the_type_that_it_copies() -> None:
    found = list(copies())
    assert len(found) > 100
    assert [told for told, copy, of in found if copy.type != of.type] == []


def test_no_copy_is_less_sensitive_than_what_it_copies() -> None:
    order = list(Sensitivity)
    lowered = [t for t, copy, of in copies() if order.index(copy.sensitivity) < order.index(of.sensitivity)]
    assert lowered == []


def test_a_part_is_made_of_what_is_said_of_it_and_of_the_whole() -> None:
    lineage: TableLineage = lineage_named("tiles.dispatch_15m")
    whole = {made.of for made in lineage.made_of("amount")}
    offers = {made.of for made in lineage.made_of("amount", "offers")}
    assert offers == {ColumnRef("silver.offers", "offered_at")}
    assert offers < whole


def test_a_table_that_is_none_is_refused_by_name() -> None:
    with pytest.raises(UnknownName, match=r"Did you mean silver\.offers"):
        lineage_named("silver.offer")
