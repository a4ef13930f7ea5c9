"""How fresh what Redis serves is: by data, per view, and of how many of the entities that live."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from feast_plugins.view_state import ViewState
from roadside.standing import is_daily
from validation.clocks import TICK
from validation.contracts import table_named
from validation.contracts.features.feature_table import time_to_live

LONGEST_DAY = timedelta(hours=25)  # a business day on which clocks go back
GRACE = TICK
"""What a run may take: a view is stale once a value is due and has not come for so long."""


@dataclass(frozen=True)
class ViewFreshness:
    """One view as it is served.

    Attributes:
        complete_through: every row usable until then is in Redis; None of a view never written.
        age: how long that is ago.
        promised: the longest time from one value to the next.
        live: entities that have a value and no closing row since; fresh: those within the time to live.
        coverage: the fresh share of the live ones; None without any.
    """

    view: str
    complete_through: datetime | None
    age: timedelta | None
    promised: timedelta
    is_stale: bool
    live: int
    fresh: int
    coverage: float | None


def freshness(
    state: ViewState, views: Sequence[str], now: datetime | None = None
) -> tuple[ViewFreshness, ...]:
    """The views as they are served, in order.

    Args:
        now: against what age is measured; None for the newest moment through which a view is complete.

    Raises:
        Unreachable: Redis does not answer.
    """
    markers = state.complete_through()
    now = now or max(markers.values(), default=None)
    return tuple(_of_view(state, view, markers.get(view), now) for view in views)


def _of_view(state: ViewState, view: str, through: datetime | None, now: datetime | None) -> ViewFreshness:
    table = table_named(f"features.{view}")
    promised = LONGEST_DAY if is_daily(table) else TICK
    age = None if through is None or now is None else now - through
    live, fresh = (0, 0) if now is None else state.live_counts(view, now - time_to_live(table))
    return ViewFreshness(
        view=view,
        complete_through=through,
        age=age,
        promised=promised,
        is_stale=age is None or age > promised + GRACE,
        live=live,
        fresh=fresh,
        coverage=round(fresh / live, 4) if live else None,
    )
