"""What a Feast feature service says, without the times at which it was registered."""

from __future__ import annotations

import hashlib
import json
import warnings
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from validation.contract import Table
from validation.contracts import table_named
from validation.errors import InputMissing, UnknownName


@dataclass(frozen=True)
class ViewUsed:
    """A feature view as a service uses it: how far back it is read, by which keys, the columns it gives."""

    role: str
    view: str
    ttl: timedelta
    columns: tuple[str, ...]
    keys: tuple[str, ...] = ()

    @property
    def table(self) -> Table:
        """Contract of the table the view reads."""
        return table_named(f"features.{self.view}")

    @property
    def is_daily(self) -> bool:
        """Whether it has a row a business day, not a tick."""
        return self.view.endswith("_1d")


@dataclass(frozen=True)
class ServiceDefinition:
    """A feature service: its views and a digest of all that decides its values."""

    name: str
    views: tuple[ViewUsed, ...]
    digest: str

    @property
    def columns(self) -> tuple[str, ...]:
        """`view__feature` in the service's order."""
        return tuple(column for view in self.views for column in view.columns)

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns a spine needs, in order of first use."""
        return tuple(dict.fromkeys(key for view in self.views for key in view.keys))


def service_definition(store: Any, name: str) -> ServiceDefinition:
    """The service as the Feast registry has it.

    Raises:
        UnknownName: the registry has no such service.
        InputMissing: it has none at all.
    """
    with warnings.catch_warnings():  # Feast calls its Spark source experimental each time it is read
        warnings.simplefilter("ignore", RuntimeWarning)
        services = {each.name: each for each in store.list_feature_services()}
        if not services:
            raise InputMissing(
                "Feast's registry holds no feature service yet.", "Run `feast -c feature_repo apply`."
            )
        if name not in services:
            raise UnknownName("feature service", name, services)
        projections = services[name].feature_view_projections
        views = [store.get_feature_view(each.name) for each in projections]
    used, told = [], []
    for projection, view in zip(projections, views, strict=True):
        role = projection.name_alias or projection.name
        columns = tuple(f"{role}__{each.name}" for each in projection.features)
        keys = {key: projection.join_key_map.get(key, key) for key in view.join_keys}
        used.append(ViewUsed(role, view.name, view.ttl, columns, tuple(keys.values())))
        told.append(
            {
                "role": role,
                "view": view.name,
                "ttl_seconds": view.ttl.total_seconds(),
                "join_keys": keys,
                "features": [[each.name, str(each.dtype)] for each in projection.features],
                "table": view.batch_source.table,
                "timestamp_field": view.batch_source.timestamp_field,
                "created_timestamp_column": view.batch_source.created_timestamp_column,
            }
        )
    text = json.dumps({"service": name, "views": told}, sort_keys=True)
    return ServiceDefinition(name, tuple(used), hashlib.sha256(text.encode()).hexdigest())
