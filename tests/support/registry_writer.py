"""One of several processes that write the same Feast registries at the same moments."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Barrier
from typing import Any

from feast import Entity, FeatureStore, RepoConfig

Registries = Mapping[str, Mapping[str, Any]]
"""`registry` of feature_store.yaml, by name."""


def write(number: int, updates: int, folder: str, registries: Registries, together: Barrier) -> None:
    """Register so many entities in each registry, one whenever every process is about to.

    An update of a registry file is lost, too, where another process has just emptied the file.
    """
    for registry in registries.values():
        store = store_of(folder, registry)
        for update in range(updates):
            together.wait(60)
            try:
                store.registry.apply_entity(Entity(name=f"of_{number}_{update}"), store.project)
            except Exception:
                if registry["registry_type"] != "file":
                    raise


def store_of(folder: str, registry: Mapping[str, Any]) -> FeatureStore:
    """A repository with that registry."""
    config = RepoConfig(
        project="probe",
        provider="local",
        registry=dict(registry),
        offline_store="dask",
        online_store={"type": "sqlite", "path": f"{folder}/online.db"},
        entity_key_serialization_version=3,
    )
    return FeatureStore(config=config)
