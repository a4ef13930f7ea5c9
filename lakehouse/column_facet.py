"""OpenLineage's columnLineage facet: what each column of a dataset is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from validation.column_lineage import MadeOf, TableLineage

if TYPE_CHECKING:
    from openlineage.client.generated.column_lineage_dataset import (
        ColumnLineageDatasetFacet,
        InputField,
        Transformation,
    )

Places = Mapping[str, tuple[str, str]]
"""Table -> namespace and name of the dataset, as the event's inputs have them."""


def column_lineage_facet(lineage: TableLineage, inputs: Places, producer: str) -> ColumnLineageDatasetFacet:
    """The facet; a column of a table that is none of the event's inputs is left out.

    What decides the rows stands under `dataset`, for it touches every column.
    """
    from openlineage.client.facet_v2 import column_lineage_dataset

    fields = {
        column: column_lineage_dataset.Fields(found)
        for column, made in lineage.columns.items()
        if (found := _input_fields(made, inputs))
    }
    rows = _input_fields(lineage.rows, inputs)
    return column_lineage_dataset.ColumnLineageDatasetFacet(fields, rows, producer=producer)


def _input_fields(made: Iterable[MadeOf], inputs: Places) -> list[InputField]:
    from openlineage.client.facet_v2 import column_lineage_dataset

    by_column: dict[tuple[str, str], list[MadeOf]] = {}
    for each in made:
        if each.of.table in inputs:
            by_column.setdefault((each.of.table, each.of.column), []).append(each)
    return [
        column_lineage_dataset.InputField(*inputs[table], column, _transformations(uses))
        for (table, column), uses in by_column.items()
    ]


def _transformations(uses: Iterable[MadeOf]) -> list[Transformation]:
    """One a kind of use, whichever parts of the column are made so."""
    from openlineage.client.facet_v2 import column_lineage_dataset

    kinds: dict[tuple[str, str, bool], list[MadeOf]] = {}
    for each in uses:
        kinds.setdefault((each.how.type, each.how.subtype, each.is_masked), []).append(each)
    return [
        column_lineage_dataset.Transformation(kind, subtype, _described(alike), masking)
        for (kind, subtype, masking), alike in kinds.items()
    ]


def _described(uses: Iterable[MadeOf]) -> str:
    """What is done, in words, and of which parts of the column where not of all of it."""
    parts: dict[str, list[str]] = {}
    for each in uses:
        named = parts.setdefault(each.note, [])
        if each.part and each.part not in named:
            named.append(each.part)
    told = (": ".join(filter(None, (note, ", ".join(named)))) for note, named in parts.items())
    return "; ".join(filter(None, told))
