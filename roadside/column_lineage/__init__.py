"""Which column of which table is made of which: told by contracts, facts and specs; the rest declared here.

`landed` tells of bronze and quarantine by the sources' contracts, `facts` of tiles by their facts, `features`
by the views' specs. What code does without saying so is declared, as data: `silver`, `tiles` and
`drivers_and_jobs`. Spark's own plans and changed inputs are held against all of it in
`tests/spec/test_column_lineage.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from roadside.column_lineage.features import features
from roadside.column_lineage.landed import bronze, quarantine
from roadside.column_lineage.silver import silver
from roadside.column_lineage.tiles import tiles
from roadside.column_lineage.training import training
from roadside.run_names import ONLINE
from validation.column_lineage import ColumnRef, How, MadeOf, TableLineage
from validation.contracts import FEATURES
from validation.contracts.features.feature_table import entity_keys, feature_columns
from validation.errors import UnknownName
from validation.sources import SOURCES


@cache
def lineages() -> Mapping[str, TableLineage]:
    """Every table of the road, every dataset and every view online, in the order of the road."""
    of_tiles = tiles()
    return {
        **{f"bronze.{source.name}": bronze(source) for source in SOURCES},
        **{f"quarantine.{source.name}": quarantine(source) for source in SOURCES},
        **silver(),
        **of_tiles,
        **features(of_tiles),
        **_online(),
        **training(),
    }


def lineage_named(table: str) -> TableLineage:
    """What a table is made of.

    Raises:
        UnknownName: there is no such table.
    """
    if table not in lineages():
        raise UnknownName("table", table, lineages())
    return lineages()[table]


def columns_made_of(table: str) -> Mapping[str, tuple[MadeOf, ...]]:
    """The inputs of each column of a table.

    Raises:
        UnknownName: there is no such table.
    """
    return lineage_named(table).columns


def _online() -> dict[str, TableLineage]:
    """A view online holds the values in force of its features table."""
    return {
        f"{ONLINE}.{table.short_name}": TableLineage(
            {
                name: (MadeOf(ColumnRef(table.name, name), How.IDENTITY),)
                for name in (*entity_keys(table), *(column.name for column in feature_columns(table)))
            },
            tuple(
                MadeOf(ColumnRef(table.name, name), How.FILTER, "the row in force")
                for name in ("event_timestamp", "available_at", "revision")
            ),
        )
        for table in FEATURES
    }
