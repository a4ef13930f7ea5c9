"""The types of what is worked out on executors: those the views declare."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pytest
from feast import Field, RequestSource
from feast.on_demand_feature_view import OnDemandFeatureView, on_demand_feature_view
from feast.types import Array, Float64, Int64, String, UnixTimestamp

from feast_plugins.retrieval import with_declared
from support.offline_store import MOMENT

pytestmark = pytest.mark.filterwarnings("ignore")  # Feast's own
DECLARED = {
    "word": (String, pa.string()),
    "times": (Int64, pa.int64()),
    "ratio": (Float64, pa.float64()),
    "due_at": (UnixTimestamp, MOMENT),
    "cells": (Array(Int64), pa.list_(pa.int64())),
}


def made() -> OnDemandFeatureView:
    @on_demand_feature_view(  # type: ignore[misc]
        sources=[RequestSource(name="request", schema=[Field(name="job_factor", dtype=Int64)])],
        schema=[Field(name=name, dtype=kind) for name, (kind, _) in DECLARED.items()],
        mode="pandas",
    )
    def worked_out(inputs: pd.DataFrame) -> pd.DataFrame:
        return inputs

    view: OnDemandFeatureView = worked_out
    return view


@pytest.mark.parametrize("full_names", [False, True])
def test_features_have_the_types_their_view_declares_whatever_a_batch_holds(full_names: bool) -> None:
    given = pa.schema([("provider_id", pa.string())])
    prefix = "worked_out__" if full_names else ""
    expected = [*given, *(pa.field(f"{prefix}{name}", kind) for name, (_, kind) in DECLARED.items())]
    assert list(with_declared(given, [made()], full_names)) == expected
