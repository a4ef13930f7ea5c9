"""Feast over the settings, its definitions registered on first use."""

from __future__ import annotations

import warnings
from typing import Any

from lakehouse import feast_edge
from lakehouse.settings import Settings
from roadside.rendering import notice


def open_store(settings: Settings) -> Any:
    """Feast's store; where the registry is empty, `feast apply` has run.

    Raises:
        Unreachable: the registry's database cannot be opened.
    """
    store = feast_edge.feature_store(settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        is_registered = bool(store.list_feature_services())
    if not is_registered:
        notice("registering the definitions of feature_repo/ (feast apply)", "dim")
        feast_edge.apply(settings)
        store = feast_edge.feature_store(settings)
    # Said at every look at a view; after Feast's imports, which put filters of their own in front.
    warnings.filterwarnings("ignore", category=RuntimeWarning, message="The spark .* is an experimental")
    return store
