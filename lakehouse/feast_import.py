"""Feast, imported without the run-time type checks of its definition classes.

Feast decorates these with typeguard's `typechecked`, which reads, rewrites and compiles their modules
at every import, in every command that uses it. typeguard leaves it out under `python -O`, as its
documentation advises for production; this does the same for Feast alone. The types of the definitions
are mypy's to check.
"""

from __future__ import annotations

from typing import Any

import typeguard

_checked = typeguard.typechecked


def _unchecked(target: Any = None, **_: Any) -> Any:
    return _unchecked if target is None else target


typeguard.typechecked = _unchecked
try:
    from feast import FeatureService, FeatureStore, OnDemandFeatureView, RepoConfig
    from feast.feature_view import FeatureViewState
    from feast.protos.feast.serving.ServingService_pb2 import FieldStatus
    from feast.types import Bool, Float64, Int32, Int64, String, UnixTimestamp
finally:
    typeguard.typechecked = _checked

__all__ = [
    "Bool",
    "FeatureService",
    "FeatureStore",
    "FeatureViewState",
    "FieldStatus",
    "Float64",
    "Int32",
    "Int64",
    "OnDemandFeatureView",
    "RepoConfig",
    "String",
    "UnixTimestamp",
]
