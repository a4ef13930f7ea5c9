"""How a feature is measured, told from its name and type: one place, used by every catalogue.

The naming rules of the house carry the kind (`<measure>_<aggregation>_<window>`), so it is derived.
"""

from __future__ import annotations

import re
from datetime import timedelta
from enum import Enum

from validation.contract import Column, Type
from validation.errors import Defect


class Kind(Enum):
    """A measure kind, and what it says in a catalogue."""

    WINDOW = ("W", "count of a window")
    RATIO = ("R", "ratio of two window sums")
    QUANTILE = ("Q", "quantile: upper edge of the bucket that holds it")
    LAST = ("L", "last value as known")
    STOCK = ("S", "stock: how many stand at the tick")
    AGE = ("A", "worked out of the open set at the tick")
    USE = ("U", "time in a state inside the window")
    DISTINCT = ("D", "distinct")
    MODE = ("M", "most frequent value of a window")
    TICK = ("T", "the tick itself")

    @property
    def letter(self) -> str:
        """One letter, as the domain text has it."""
        return self.value[0]

    @property
    def meaning(self) -> str:
        """A phrase."""
        return self.value[1]


_WINDOW = re.compile(r"_(\d+)(m|h|d|w)(?:_|$)")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_STOCKS = ("open_", "ring4_open_", "drivers_", "tow_drivers_")
LISTS = (Type.STRINGS, Type.DOUBLES, Type.BOOLEANS, Type.TIMESTAMPS)
_STATES = (Type.STRING, Type.BOOLEAN, Type.TIMESTAMP, *LISTS)


def kind_of(column: Column) -> Kind:
    """The kind of a feature.

    Raises:
        Defect: name and type tell none.

    >>> from validation.columns import pick
    >>> names = ("offers_60m_count", "offer_accept_ratio_4h", "arrival_minutes_p90_4h", "last_fix_at")
    >>> "".join(kind_of(column).letter for column in pick(*names))
    'WRQL'
    >>> names = ("open_tow_count", "unassigned_age_minutes_p90", "busy_ratio_60m", "available_is_tow")
    >>> "".join(kind_of(column).letter for column in pick(*names))
    'SAUL'
    """
    name = column.name
    if name == "tick_at":
        return Kind.TICK
    if name.startswith(("overdue_", "unassigned_", "tenure_")):
        return Kind.AGE
    if name.startswith("site_"):
        return Kind.MODE
    if name.startswith(("on_duty_minutes_", "busy_ratio_")):
        return Kind.USE
    if name.endswith(("_providers_count", "_areas_count")) or name == "service_types":
        return Kind.DISTINCT
    if re.search(r"_p\d+(_|$)", name):
        return Kind.QUANTILE
    if column.type is Type.DOUBLE and re.search(r"_(ratio|per|mean)(_|$)", name):
        return Kind.RATIO
    if name.endswith("_count") and window_of(column) is not None:
        return Kind.WINDOW
    if name.endswith("_drivers_count") or name.startswith(_STOCKS):
        return Kind.STOCK
    if column.type in _STATES or name.startswith("last_") or name.endswith("_count"):
        return Kind.LAST
    raise Defect(f"{name}: its name and type tell no kind of measure; see validation.feature_kinds.")


def window_of(column: Column) -> timedelta | None:
    """The window that a name states; None for a value of the moment.

    >>> from validation.columns import pick
    >>> [str(window_of(column)) for column in pick("offers_90d_count", "unassigned_over_10m_count", "stage")]
    ['90 days, 0:00:00', 'None', 'None']
    """
    found = _WINDOW.search(column.name)
    if found is None or "_over_" in column.name:
        return None
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def window_text(column: Column) -> str:
    """The window as the name spells it, `60m`; blank without one."""
    found = _WINDOW.search(column.name)
    return "" if found is None or window_of(column) is None else f"{found[1]}{found[2]}"
