"""features: what each is made of, by the running sums that its view's spec names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import ModuleType

from roadside.column_lineage.drivers_and_jobs import DECLARED, FIX, STATE, Declared
from roadside.column_lineage.naming import Made, Of, as_changes, each_once
from roadside.graph import step_named
from transforms.features import (
    area_dispatch_15m,
    area_hour_1d,
    area_service_1d,
    driver_state_15m,
    job_state_15m,
    market_dispatch_15m,
    program_dispatch_15m,
    provider_activity_15m,
    provider_area_1d,
    provider_fleet_15m,
    provider_performance_1d,
    provider_profile_1d,
    provider_service_1d,
    zone_demand_15m,
    zone_supply_15m,
    zone_traffic_15m,
)
from transforms.features.spec import ViewSpec
from transforms.features.sums import Carried, Feature, Latest, Quantile, Ratio, Since, Sum
from transforms.grid import TICKS
from validation.clocks import TICK
from validation.column_lineage import How, MadeOf, TableLineage
from validation.contracts.features.feature_table import FEATURE_CLOCKS
from validation.errors import Defect

_VIEWS: tuple[ModuleType, ...] = (
    area_dispatch_15m,
    area_hour_1d,
    area_service_1d,
    driver_state_15m,
    job_state_15m,
    market_dispatch_15m,
    program_dispatch_15m,
    provider_activity_15m,
    provider_area_1d,
    provider_fleet_15m,
    provider_performance_1d,
    provider_profile_1d,
    provider_service_1d,
    zone_demand_15m,
    zone_supply_15m,
    zone_traffic_15m,
)
_HOUR = 60
_TICK_MINUTES = TICK.seconds // 60


def features(tiles: Mapping[str, TableLineage]) -> dict[str, TableLineage]:
    """Every view, over what the tiles are made of."""
    return {module.SPEC.table.name: _View(module.SPEC, tiles).lineage() for module in _VIEWS}


def over(window: int, spec: ViewSpec) -> str:
    """A window as a person says it.

    >>> over(4, zone_demand_15m.SPEC), over(96, zone_demand_15m.SPEC), over(28, area_service_1d.SPEC)
    ('60 minutes', '24 hours', '28 business days')
    """
    if spec.grid is not TICKS:
        return f"{window} business days"
    minutes = window * _TICK_MINUTES
    if minutes <= _HOUR:
        return f"{minutes} minutes"
    return f"{minutes // _HOUR} hours" if minutes <= 24 * _HOUR else f"{minutes // (24 * _HOUR)} days"


class _View:
    """A view's spec, with the tiles that its step reads."""

    def __init__(self, spec: ViewSpec, tiles: Mapping[str, TableLineage]) -> None:
        self.spec = spec
        self.name = spec.table.name
        self.reads = tuple(step_named(self.name).reads)
        self.declared = DECLARED.get(self.name, Declared())
        self.measures = {
            table: {made.part for made in tiles[table].made_of("amount")}
            for table in self.reads
            if table in tiles and "amount" in tiles[table].columns
        }

    def lineage(self) -> TableLineage:
        """The view's columns and rows."""
        given = dict(self.declared.columns)
        for feature in self.spec.features:
            if not isinstance(feature, Carried):
                given[feature.name] = self._feature(feature)
        given |= {key: self._key(key) for key in self.spec.keys if key not in given}
        names = self.spec.table.column_names
        clocks = {*(column.name for column in FEATURE_CLOCKS), "tick_at"}
        columns = {name: each_once(given[name]) for name in names if name in given}
        return TableLineage(
            columns,
            each_once((*self._rows(), *as_changes(columns.values()))),
            {name: "the tick" for name in names if name in clocks},
        )

    def _feature(self, feature: Feature) -> Made:
        match feature:
            case Ratio():
                sums = (feature.part, feature.whole, feature.less, feature.times)
                return tuple(of for name in sums if name for of in self._sum(name, "amount"))
            case Quantile():
                return self._sum(feature.histogram, "amount", "bucket")
            case Latest():
                return self._sum(feature.measure, "moment_at") + self._stands(feature.measure)
            case Since():
                return self._sum(feature.measure, "tile_at") + self._stands(feature.measure)
            case Carried():
                raise Defect(f"{self.name}: what is carried is declared column by column.")
            case _:
                return self._sum(feature.measure, "amount")

    def _stands(self, name: str) -> Made:
        """Of a moment: whether the amounts beside it add up to something."""
        found = self._tile_of(self._named(name))
        if found is None:
            return ()
        return Of(found[0]).how(How.CONDITIONAL, "amount", note="that stands", part=found[1])

    def _sum(self, name: str, *columns: str) -> Made:
        """What a running sum is made of: columns of its measure's tiles, and what is declared of it."""
        each = self._named(name)
        made = self.declared.sums.get(each.name, ())
        found = self._tile_of(each)
        if found is not None:
            table, measure = found
            note = f"measure {measure} over {over(each.window, self.spec)}"
            if name in self.spec.rings:
                note += f", of the zones within {self.spec.rings[name][1]} steps"
            made = Of(table).added(*columns, note=note, part=measure) + made
        if not made:
            raise Defect(f"{self.name}: nobody says what the running sum {name} is made of.")
        return made

    def _named(self, name: str) -> Sum:
        own = self.spec.rings[name][0] if name in self.spec.rings else name
        (found,) = (each for each in self.spec.sums if each.name == own)
        return found

    def _tile_of(self, each: Sum) -> tuple[str, str] | None:
        """The first table read that has the measure."""
        having = (table for table, measures in self.measures.items() if each.measure in measures)
        return next(((table, each.measure) for table in having), None)

    def _key(self, key: str) -> Made:
        table = next(iter(self.measures))
        around = Of(table).made(key, note="and the cells around it") if self.spec.rings else ()
        return Of(table).same(key) + around

    def _rows(self) -> Iterator[MadeOf]:
        for each in self._sum(self.spec.live, "amount"):
            yield from Of(each.of.table).how(
                How.CONDITIONAL, each.of.column, note="whether the entity lives", part=each.of.part
            )
        for table in self.reads:
            of = Of(table)
            if table in self.measures:
                yield from of.how(How.FILTER, "measure")
                yield from of.how(How.WINDOW, "tile_at", "counts_at", "known_at", note="when amounts count")
        if STATE.table in self.reads:
            yield from STATE.how(How.FILTER, "is_live")
            yield from STATE.how(How.WINDOW, "driver_id", "known_at", note="a state holds until the next")
        if FIX.table in self.reads:
            yield from FIX.how(How.WINDOW, "tile_at", "known_at", note="when fixes count")
        yield from self.declared.rows
