"""Which sources, tables and known time a quality report is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from roadside.graph import STEPS, sources_read
from validation.clocks import Interval
from validation.contracts import TABLES, table_named
from validation.sources import SOURCES, source_named

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Scope:
    """What a report is about.

    Attributes:
        interval: the known time that is told of.
        at: what stands open is told as of this tick.
        sources: in the order they are declared.
        tables: in the order of the road.
    """

    interval: Interval
    at: datetime
    sources: tuple[str, ...]
    tables: tuple[str, ...]

    @property
    def views(self) -> tuple[str, ...]:
        """The feature views among the tables, without their layer."""
        return tuple(name.partition(".")[2] for name in self.tables if name.startswith("features."))

    def has_table(self, name: str) -> bool:
        """Whether a run of that table is told of; `online.<view>` goes with its view."""
        layer, _, short = name.partition(".")
        return name in self.tables or (layer == "online" and f"features.{short}" in self.tables)


def scope_of(
    interval: Interval, at: datetime, sources: Sequence[str] = (), tables: Sequence[str] = ()
) -> Scope:
    """The sources named with all that is made of them, and the tables named with all they are made of;
    everything if none is named.

    Raises:
        UnknownName: there is no such source or table.
    """
    named = {source_named(name).name for name in sources}
    wanted = {table_named(name).name for name in tables}
    made_of = {source for step in STEPS if wanted & set(step.writes) for source in sources_read(step)}
    is_all = not named and not wanted
    made = {name for step in STEPS if named & set(sources_read(step)) for name in step.writes}
    told = [each.name for each in SOURCES if is_all or each.name in named | made_of]
    return Scope(
        interval,
        at,
        tuple(told),
        tuple(each.name for each in TABLES if is_all or each.name in wanted | made),
    )
