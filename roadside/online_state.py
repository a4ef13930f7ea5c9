"""What Redis knows of the views besides values: markers, live entities, and the reads it holds."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from feast_plugins.online import RoadsideOnlineStore
from feast_plugins.read_log import drain
from feast_plugins.view_state import ViewState
from lakehouse.access_log import AccessLog
from lakehouse.ops import Ops
from lakehouse.settings import Settings
from validation.errors import UserError


def complete(store: Any, view: str, through: datetime) -> bool:
    """Whether the view's marker moved on: every row usable until `through` is written.

    Raises:
        Unreachable: Redis does not answer.
    """
    online = _online(store)
    return online is not None and online.complete(store.config, store.get_feature_view(view), through)


def markers(store: Any) -> dict[str, datetime] | None:
    """By view, through when Redis itself says that it is complete; None of the stock store.

    Raises:
        Unreachable: Redis does not answer.
    """
    online = _online(store)
    return None if online is None else online.state(store.config).complete_through()


def view_state(store: Any) -> ViewState:
    """The views' markers and live entities.

    Raises:
        UserError: the online store is the stock one, which keeps none.
        Unreachable: Redis does not answer.
    """
    online = _online(store)
    if online is None:
        raise UserError(
            f"The online store {store.config.online_store.type} does not know how fresh its views are.",
            "Set online_store.type to feast_plugins.online.RoadsideOnlineStore in feature_store.yaml.",
        )
    return online.state(store.config)


def keep_reads(settings: Settings, store: Any) -> int:
    """Move the reads that Redis holds into the access log; how many.

    Raises:
        Unreachable: Redis or the ops database does not answer.
    """
    online = _online(store)
    if online is None:
        return 0
    return drain(online.link(store.config), store.project, AccessLog(Ops(settings.ops_url)))


def _online(store: Any) -> RoadsideOnlineStore | None:
    online = store._get_provider().online_store
    return online if isinstance(online, RoadsideOnlineStore) else None
