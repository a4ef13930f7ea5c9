"""An on-demand view run as Feast runs it: from the source text that the registry keeps."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import pandas as pd
from feast import OnDemandFeatureView

from validation.on_demand import ON_DEMAND


@cache
def stored_view(name: str) -> OnDemandFeatureView:
    """The view as it comes back from a registry: nothing of its module is around it any more."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The spark data source API", category=RuntimeWarning)
        view = getattr(importlib.import_module(f"feature_repo.on_demand.{name}"), name)
        return OnDemandFeatureView.from_proto(view.to_proto())


def answers(name: str, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What the view makes of each row, null as None; an input that no row states is null throughout.

    Inputs of stored views are named `view__feature`, those of the request job_*.
    """
    (view,) = [each for each in ON_DEMAND if each.name == name]
    columns = [each.replace(".", "__") for each in view.inputs]
    inputs = pd.DataFrame({column: [row.get(column) for row in rows] for column in columns})
    made = stored_view(name).feature_transformation.transform(inputs)
    return [
        {key: None if pd.isna(value) else value for key, value in row.items()}
        for row in made.to_dict("records")
    ]
