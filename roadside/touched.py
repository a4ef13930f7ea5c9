"""What changes of declarations touch: tables, features, services, datasets, and who is served of them. Pure.

Everything is looked up in both declarations, so that what is made of a table that went is named too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from roadside.changes import Change
from roadside.compatibility import Reach

Plain = Mapping[str, Any]
Features = dict[str, set[str]]
"""Features by view, stored or on demand."""


@dataclass(frozen=True)
class Consumer:
    """Where what is touched is read outside the lake.

    Attributes:
        where: Redis, Snowflake or S3.
        what: what of it changes.
    """

    where: str
    name: str
    what: str


@dataclass(frozen=True)
class Touched:
    """What changes touch, in the order of names.

    Attributes:
        tables: whose rows change, if only by a column more.
        moved: those of them in which what is read today changes.
        features: by stored view, those whose values change, and those that come or go.
        on_demand: on-demand views made of such.
    """

    tables: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    features: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    on_demand: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    consumers: tuple[Consumer, ...] = ()

    @property
    def has_readers(self) -> bool:
        """Whether a service or a dataset, and so a model, is touched."""
        return bool(self.services or self.datasets)


def touched(changes: Sequence[Change], before: Plain, after: Plain) -> Touched:
    """What the changes touch together, following the road downstream."""
    both = (before, after)
    felt = [each for each in changes if each.reach is not Reach.NOWHERE]
    far = [each for each in felt if each.reach is Reach.DOWNSTREAM]
    roots = {table for each in far for told in both for table in _road_tables(each, told)}
    moved = {table for root in roots for told in both for table in _made_of(root, told)}
    tables = moved | {table for each in felt for told in both for table in _own_tables(each, told)}
    stored = _stored_features(felt, far, moved, both)
    on_demand = _on_demand(felt, stored, both)
    services = {each.owner for each in felt if each.kind == "service"}
    services |= {name for told in both for name in _services_using({**stored, **on_demand}, told)}
    datasets = {each.owner for each in felt if each.kind == "dataset"}
    datasets |= {name for told in both for name in _datasets_of(services, moved, told)}
    return Touched(
        tuple(sorted(tables)),
        tuple(sorted(moved)),
        {view: tuple(sorted(stored[view])) for view in sorted(stored)},
        tuple(sorted(on_demand)),
        tuple(sorted(services)),
        tuple(sorted(datasets)),
        tuple(_consumers(felt, tables, datasets, after)),
    )


def sources_read(step: str, told: Plain) -> set[str]:
    """Landing sources that a step's values come from, through all it reads."""
    own = told["steps"][step]
    if own["sources"]:
        return set(own["sources"])
    if not own["reads"]:
        return {step.partition(".")[2]}
    return {source for table in own["reads"] for source in _sources_of(table, told)}


def _sources_of(table: str, told: Plain) -> set[str]:
    return {
        source
        for step, each in told["steps"].items()
        if table in each["writes"]
        for source in sources_read(step, told)
    }


def _road_tables(change: Change, told: Plain) -> list[str]:
    """Tables that others are made of, where what changed stands."""
    match change.section:
        case "sources":
            return [f"bronze.{change.owner}"]
        case "tables":
            return [change.owner]
        case "steps":
            return list(told["steps"].get(change.owner, {"writes": ()})["writes"])
    return []


def _own_tables(change: Change, told: Plain) -> list[str]:
    if change.section == "views":
        return [f"features.{change.owner}"]
    return _road_tables(change, told)


def _made_of(root: str, told: Plain) -> set[str]:
    """The table and all that is made of it; a step that takes none of its sources' rows is passed by."""
    found, origin = {root}, _sources_of(root, told)
    while True:
        more = {
            table
            for each in told["steps"].values()
            if found & set(each["reads"]) and (not each["sources"] or origin & set(each["sources"]))
            for table in each["writes"]
        }
        if more <= found:
            return found
        found |= more


def _stored_features(
    felt: Sequence[Change], far: Sequence[Change], moved: set[str], both: tuple[Plain, Plain]
) -> Features:
    """Of views whose table moves every feature; of others those that changed by themselves."""
    whole = {each.owner for each in far if each.kind == "view"}
    whole |= {table.removeprefix("features.") for table in moved if table.startswith("features.")}
    found: Features = {}
    for told in both:
        for view in whole & set(told["views"]):
            found.setdefault(view, set()).update(told["views"][view]["features"])
    for each in felt:
        if each.section == "views" and each.kind == "feature":
            found.setdefault(each.owner, set()).add(each.part)
    return found


def _on_demand(felt: Sequence[Change], stored: Features, both: tuple[Plain, Plain]) -> Features:
    """On-demand views that changed, and those made of a feature or a request field that did."""
    found: Features = {}
    fields = {each.owner for each in felt if each.kind == "request field"}
    inputs = fields | {f"{view}.{feature}" for view, names in stored.items() for feature in names}
    for told in both:
        for name, view in told["on_demand"].items():
            if inputs & set(view["inputs"]):
                found.setdefault(name, set()).update(view["features"])
    for each in felt:
        if each.section == "on_demand":
            views = [told["on_demand"][each.owner] for told in both if each.owner in told["on_demand"]]
            every = {name for view in views for name in view["features"]}
            found.setdefault(each.owner, set()).update({each.part} if each.part else every)
    return found


def _services_using(features: Features, told: Plain) -> Iterator[str]:
    """Services that show one of the features."""
    for name, service in told["services"].items():
        views = {role: view for role, view, _keys in service["reads"]}
        shown = (column.partition(" ")[0].rpartition("__") for column in service["columns"])
        if any(feature in features.get(views.get(role, role), ()) for role, _, feature in shown):
            yield name


def _datasets_of(services: set[str], moved: set[str], told: Plain) -> Iterator[str]:
    """Datasets whose features a service gives, or whose rows and labels are made of the tables."""
    for name, dataset in told["datasets"].items():
        if dataset["service"] in services or moved & set(dataset["sources"]):
            yield name


def _consumers(
    felt: Sequence[Change], tables: Iterable[str], datasets: Iterable[str], after: Plain
) -> Iterator[Consumer]:
    for table in sorted(tables):
        view = table.removeprefix("features.")
        if not table.startswith("features.") or view not in after["views"]:
            continue
        own = [each for each in felt if each.section == "views" and each.owner == view]
        is_more = own and all(each.part and each.how == "added" for each in own)
        gained = ", ".join(each.part for each in own)
        if after["views"][view]["is_in_redis_after_every_tick"]:
            yield Consumer("Redis", view, f"holds {gained} too" if is_more else "other values")
        if name := after["tables"][table]["published_as"]:
            what = f"gains {gained} as its last" if is_more else "other rows or values"
            yield Consumer("Snowflake", name, what)
            yield Consumer("S3", f"features/{view}/", what)
    for dataset in sorted(datasets):
        if name := after["datasets"].get(dataset, {"published_as": None})["published_as"]:
            yield Consumer("Snowflake", name, "days that are built from then on")
            yield Consumer("S3", f"training/{dataset}/", "days that are built from then on")
