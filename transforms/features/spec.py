"""A feature view as a value: of what, over which windows, made into which features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from transforms.features.sums import Feature, Measures, Sum, Summing
from transforms.grid import Grid, Instants
from transforms.known_time import AHEAD
from validation.clocks import TICK
from validation.contract import Table
from validation.errors import Defect


@dataclass(frozen=True)
class ViewSpec:
    """A view whose features are running sums.

    Attributes:
        table: the contract it fills.
        keys: entity keys, as columns of the tiles.
        grid: its instants, and when a value is usable.
        sums: running sums of tile measures.
        features: what is made of them.
        live: the sum that is positive while the entity lives.
        beat: period, in instants, of the row a live entity has even if nothing changed.
        carried: the columns that the content of a `Carried` feature opens into.
        rings: sums over the cells around a zone: own sum and steps, by name of the ring's sum.
    """

    table: Table
    keys: tuple[str, ...]
    grid: Grid
    sums: tuple[Sum, ...]
    features: tuple[Feature, ...]
    live: str
    beat: int = 96
    rings: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    carried: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @cached_property
    def measures(self) -> Measures:
        """The sums and the rings' sums, numbered."""
        own = {each.name: each for each in self.sums}
        unknown = sorted({name for name, _ in self.rings.values()} - set(own))
        if unknown:
            raise Defect(f"{self.table.name}: rings of unknown sums {', '.join(unknown)}.")
        around = (Sum(name, "", own[of].window, own[of].edges) for name, (of, _) in self.rings.items())
        return Measures((*self.sums, *around))

    @cached_property
    def summing(self) -> Summing:
        """How spans become features."""
        return Summing(self.measures, self.features, self.live, self.beat)

    @property
    def look_back(self) -> timedelta:
        """How far back of an interval its tiles are read: the longest window, the allowance for future
        clocks, the tick before, and as long as the instant before may have been held."""
        longest = max(each.window for each in self.sums) + self.grid.memory
        first = self.grid.number(_SOME_DAY)
        return _SOME_DAY - self.grid.moment(first - longest) + AHEAD + TICK + _DST

    def oldest_known(self, instants: Instants) -> datetime:
        """Tiles known before it are in no window of these instants."""
        longest = max(each.window for each in self.sums)
        return self.grid.moment(instants.first - longest) - AHEAD - TICK


_SOME_DAY = datetime.fromisoformat("2026-01-15T08:00:00+00:00")
"""A cut, and a tick: windows of either grid end on it."""
_DST = timedelta(hours=1)
"""A window of business days may hold a day of 25 hours."""
