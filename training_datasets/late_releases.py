"""Decisions that fell where a release was late: training sees a value that no reader had yet. Pure, but
for the ledger that is asked for what came out when.

A features table promises its newest tick 5 minutes after it, or at 06:00 ET of its cut. As served, the
default, a dataset reads it from then on. Where the first release that held the tick came out later, the
row reads what could not be read: `roadside skew` calls that read a late release.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from lakehouse.ops import Ops
from lakehouse.pinning import Publications
from lakehouse.releases import Releases
from validation.clocks import (
    TICK,
    TICK_DELAY,
    business_date_et,
    business_day_start,
    daily_available_at,
)
from validation.errors import NotReady

CameOut = Mapping[str, Sequence[tuple[datetime, datetime]]]
"""By features table: tick, and when a release of it came out."""


def publications(ops: Ops, tables: Sequence[str]) -> CameOut:
    """What the ledger says of the tables.

    Raises:
        NotReady: a table was never released, so that nobody can say what was late.
    """
    by_table = Releases(ops, _no_clock).by_table() if ops.is_there() else {}
    missing = [name for name in tables if name not in by_table]
    if missing:
        raise NotReady(
            f"No release of {', '.join(missing)} is in the ledger: which were late cannot be told.",
            "The ledger (ROADSIDE_OPS_URL) must be that of the platform that built the dataset; or load "
            "without drop_late_releases.",
        )
    return {name: by_table[name] for name in tables}


def late_rows(decided_at: pd.Series, came_out: CameOut) -> np.ndarray:
    """Whether a release of some table was late at the decision, row by row."""
    late = np.zeros(len(decided_at), dtype=bool)
    for of_table in late_by_table(decided_at, came_out).values():
        late |= of_table
    return late


def counts_of_late(decided_at: pd.Series, ops: Ops, tables: Sequence[str]) -> dict[str, Any]:
    """How many rows were decided where a release was late, and how many by table; for a manifest's evidence.

    Tables that were never released are named: of those nobody can tell.
    """
    late = late_by_known_releases(decided_at, ops, tables)
    rows = np.logical_or.reduce(list(late.values())) if late else np.zeros(0, dtype=bool)
    return {
        "rows": int(rows.sum()),
        "by_table": {name: int(each.sum()) for name, each in late.items() if each.any()},
        "never_released": [name for name in sorted(tables) if name not in late],
    }


def late_by_known_releases(decided_at: pd.Series, ops: Ops, tables: Sequence[str]) -> dict[str, np.ndarray]:
    """As `late_by_table`, of those of the tables that the ledger knows a release of."""
    released = Releases(ops, _no_clock).by_table() if ops.is_there() else {}
    return late_by_table(decided_at, {name: released[name] for name in tables if name in released})


def late_by_table(decided_at: pd.Series, came_out: CameOut) -> dict[str, np.ndarray]:
    """Whether of the table the newest tick promised by the decision came out after it, row by row.

    A release holds the ticks up to its own. A tick that was held counts as late until the next
    release: nobody was misled there, and the ledger alone does not tell it from one that was delayed.
    """
    decided = _micros(decided_at)
    late = {}
    for table, releases in sorted(came_out.items()):
        promised = _newest_cut(decided) if table.endswith("_1d") else _newest_tick(decided)
        # revision 0, whose rows came out with the first release of their tick or a later one
        out = Publications(tuple(releases)).first_read(promised, promised, np.zeros_like(promised))
        late[table] = out > decided
    return late


def _newest_tick(decided: np.ndarray) -> np.ndarray:
    tick, delay = _span(TICK), _span(TICK_DELAY)
    found: np.ndarray = (decided - delay) // tick * tick
    return found


def _newest_cut(decided: np.ndarray) -> np.ndarray:
    """The newest 03:00 ET whose 06:00 ET has come, of each decision."""
    if not len(decided):
        return decided
    first = business_date_et(_moment(decided.min())) - timedelta(days=1)
    last = business_date_et(_moment(decided.max()))
    cuts = [business_day_start(first + timedelta(days=n)) for n in range((last - first).days + 1)]
    usable = np.array([_micro(daily_available_at(cut)) for cut in cuts], dtype=np.int64)
    starts = np.array([_micro(cut) for cut in cuts], dtype=np.int64)
    found: np.ndarray = starts[np.searchsorted(usable, decided, side="right") - 1]
    return found


def _micros(moments: pd.Series) -> np.ndarray:
    return np.asarray(pd.DatetimeIndex(moments).tz_convert("UTC").as_unit("us").asi8)


def _micro(moment: datetime) -> int:
    return _span(moment - datetime(1970, 1, 1, tzinfo=UTC))


def _span(span: timedelta) -> int:
    return span // timedelta(microseconds=1)


def _moment(micros: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(micros))


def _no_clock() -> datetime:
    raise AssertionError("Reading the ledger asks for no time.")
