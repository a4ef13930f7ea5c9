"""What a Feast feature service says, without the times at which it was registered."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from validation.contract import Table
from validation.contracts import table_named


@dataclass(frozen=True)
class ViewUsed:
    """A feature view as a service uses it: its table, how far back it is read, the columns it gives."""

    role: str
    view: str
    ttl: timedelta
    columns: tuple[str, ...]

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


def service_definition(store: Any, name: str) -> ServiceDefinition:
    """The service as the Feast registry has it (`lakehouse.feast_edge` refuses an unknown name)."""
    service = store.get_feature_service(name)
    views, told = [], []
    for projection in service.feature_view_projections:
        view = store.get_feature_view(projection.name)
        role = projection.name_alias or projection.name
        views.append(
            ViewUsed(role, view.name, view.ttl, tuple(f"{role}__{each.name}" for each in projection.features))
        )
        told.append(
            {
                "role": role,
                "view": view.name,
                "ttl_seconds": view.ttl.total_seconds(),
                "join_keys": {key: projection.join_key_map.get(key, key) for key in view.join_keys},
                "features": [[each.name, str(each.dtype)] for each in projection.features],
                "table": view.batch_source.table,
                "timestamp_field": view.batch_source.timestamp_field,
                "created_timestamp_column": view.batch_source.created_timestamp_column,
            }
        )
    text = json.dumps({"service": name, "views": told}, sort_keys=True)
    return ServiceDefinition(name, tuple(views), hashlib.sha256(text.encode()).hexdigest())
