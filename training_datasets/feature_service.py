"""What a Feast feature service says, without the times at which it was registered."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from validation.contract import Table
from validation.contracts import table_named
from validation.errors import InputMissing, UnknownName


@dataclass(frozen=True)
class ViewUsed:
    """A feature view as a service uses it: how far back it is read, by which keys, the columns it gives.

    What on-demand views are made of is used as well, and gives no column. `keys` are columns of the
    spine, `table_keys` the columns of the table that they are compared with.
    """

    role: str
    view: str
    ttl: timedelta
    columns: tuple[str, ...]
    keys: tuple[str, ...] = ()
    table_keys: tuple[str, ...] = ()

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
    """A feature service: its views and a digest of all that decides its values.

    Attributes:
        columns: `view__feature` in the service's order.
        request: fields that a spine states for the on-demand views, in order; none without such a view.
    """

    name: str
    views: tuple[ViewUsed, ...]
    columns: tuple[str, ...]
    request: tuple[str, ...]
    digest: str

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
        on_demand = {view.name: view for view in store.list_on_demand_feature_views()}
        used, columns, told = [], [], []
        request: dict[str, None] = {}
        for projection in projections:
            shown = _shown(projection)
            columns += shown
            if projection.name not in on_demand:
                used.append(_used(store, projection, shown))
                told.append(_stored_told(store, projection))
                continue
            view = on_demand[projection.name]
            inputs = sorted(view.source_feature_view_projections.values(), key=lambda each: str(each.name))
            used += [_used(store, each, ()) for each in inputs]
            fields = [field for source in view.source_request_sources.values() for field in source.schema]
            request |= dict.fromkeys(field.name for field in fields)
            told.append(
                {
                    "on_demand": view.name,
                    "inputs": [_stored_told(store, each) for each in inputs],
                    "request": [[field.name, str(field.dtype)] for field in fields],
                    "features": [[each.name, str(each.dtype)] for each in projection.features],
                    "body": view.feature_transformation.udf_string,
                }
            )
    text = json.dumps({"service": name, "views": told}, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return ServiceDefinition(name, tuple(used), tuple(columns), tuple(request), digest)


def _shown(projection: Any) -> list[str]:
    role = projection.name_alias or projection.name
    return [f"{role}__{each.name}" for each in projection.features]


def _keys(projection: Any, view: Any) -> dict[str, str]:
    """Key of the view -> column of the spine."""
    return {key: projection.join_key_map.get(key, key) for key in view.join_keys}


def _used(store: Any, projection: Any, columns: Sequence[str]) -> ViewUsed:
    view = store.get_feature_view(projection.name)
    role = projection.name_alias or projection.name
    keys = _keys(projection, view)
    return ViewUsed(role, view.name, view.ttl, tuple(columns), tuple(keys.values()), tuple(keys))


def _stored_told(store: Any, projection: Any) -> dict[str, Any]:
    """What decides a stored view's values, as JSON."""
    view = store.get_feature_view(projection.name)
    return {
        "role": projection.name_alias or projection.name,
        "view": view.name,
        "ttl_seconds": view.ttl.total_seconds(),
        "join_keys": _keys(projection, view),
        "features": [[each.name, str(each.dtype)] for each in projection.features],
        "table": view.batch_source.table,
        "timestamp_field": view.batch_source.timestamp_field,
        "created_timestamp_column": view.batch_source.created_timestamp_column,
    }
