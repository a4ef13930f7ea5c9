"""Commands of the feature catalogue: what there is, what it means, what it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roadside.installation import settings_here
from roadside.rendering import counted, moment, print_json, print_table, say, told
from roadside.time_ranges import tick_of
from validation.contract import Column, Table
from validation.contracts.features.feature_table import entity_keys, feature_columns, time_to_live
from validation.errors import InputMissing, UserError
from validation.on_demand import OnDemandView

if TYPE_CHECKING:
    from lakehouse.catalog_reader import CatalogReader
    from roadside.feature_catalogue import Distribution, Uses, ViewEntry

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_SAMPLE = 4


def list_features(
    matrix: Annotated[
        bool, typer.Option("--matrix", help="Views by services: how many of its features each uses.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Every feature view: its keys, how often it is new, how long it is served, who uses it."""
    from roadside.feature_catalogue import entries

    uses = _uses()
    listed = entries(uses)
    if as_json:
        print_json(_matrix(listed, uses) if matrix else listed)
        return
    if matrix:
        print_table(
            ("view", *uses),
            [(row["view"], *(_share(row[name]) for name in uses)) for row in _matrix(listed, uses)],
            numbers=uses,
        )
        say("used of how many, inputs of on-demand views too; zones and areas are read as incident_<view>.")
        return
    print_table(
        ("view", "keys", "new", "features", "served for", "used by"),
        [
            (
                each.view,
                " ".join(each.keys),
                each.cadence.removeprefix("every "),
                len(each.features),
                each.time_to_live_days and f"{each.time_to_live_days} days",
                "all" if len(each.used_by) == len(uses) else " ".join(each.used_by),
            )
            for each in listed
        ],
        numbers=["features"],
    )
    say(f"{counted(len(listed), 'view')}, {counted(sum(len(each.features) for each in listed), 'feature')}.")
    say(f"Services: {', '.join(uses)}.")


def show(
    name: Annotated[str, typer.Argument(metavar="VIEW[.FEATURE]", help="A view, or a feature of it.")],
    as_json: AsJson = False,
) -> None:
    """What a view or a feature means and is made of, who uses it, and what its last day holds."""
    from roadside.feature_catalogue import facts_of, features_of, named

    view, feature = named(name)
    columns = features_of(view) if feature is None else (feature,)
    uses = _uses()
    facts = _facts(view, feature, uses)
    features = [facts_of(view, column) for column in columns]
    newest, rows, held = _held(view, columns)
    if as_json:
        days = {name: {"last_day": _numbers(each)} for name, each in held.items()}
        with_days = [each | days.get(each["feature"], {}) for each in features]
        print_json(facts | {"newest_tick": newest, "rows": rows, "features": with_days})
        return
    say(name, "bold")
    lines = [(key.replace("_", " "), _joined(value)) for key, value in facts.items()]
    if feature is not None:
        (each,) = features
        lines += [
            ("kind", f"{each['kind']}  {each['kind_meaning']}".strip()),
            ("window", each["window"]),
            ("unit", each["unit"]),
            ("type", each["type"]),
            ("sensitivity", each["sensitivity"]),
        ]
    if isinstance(view, Table):
        lines += [("newest tick", newest and moment(newest)), ("rows", rows if newest else "not made yet")]
    print_table(("", ""), lines)
    if feature is None:
        print_table(
            ("feature", "kind", "window", "unit", "sensitivity", "meaning"),
            [
                tuple(each[key] for key in ("feature", "kind", "window", "unit", "sensitivity", "meaning"))
                for each in features
            ],
        )
    if held and newest:
        print_distributions(held, newest)


def preview(
    view: Annotated[str, typer.Argument(help="A stored feature view.")],
    key: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="An entity's key; repeatable.")
    ] = None,
    at: Annotated[
        str | None, typer.Option(help="The tick, or `now`. Default: the newest one made.", metavar="TICK")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """The rows in force at a tick: an entity's, or a few of those that live. Read without Spark."""
    keys = _pairs(key or [])
    tick = tick_of(at, "--at") if at else None
    from roadside.feature_catalogue import named, newest_tick, require_stored, rows_in_force

    found, feature = named(view)
    if feature is not None:
        raise UserError(f"{view} is a feature; a preview is of a view.", f"Ask for {view.partition('.')[0]}.")
    table = require_stored(found)
    reader = _reader()
    in_force = tick or newest_tick(reader, table)[0]
    if in_force is None:
        raise InputMissing(f"{table.name} was never made.", "Run `roadside run --start DAY --end DAY` first.")
    rows = rows_in_force(reader, table, in_force, keys, _SAMPLE)
    if as_json:
        print_json({"view": table.short_name, "at": in_force, "rows": rows})
        return
    print_rows(table, in_force, rows)


def print_rows(table: Table, at: datetime, rows: list[dict[str, Any]]) -> None:
    """Rows side by side: a line per feature, a column per entity."""
    entities = [", ".join(str(row[name]) for name in entity_keys(table)) for row in rows]
    clocks = [("event_timestamp", ""), ("available_at", ""), ("revision", "")]
    named = [*clocks, *((column.name, column.unit) for column in feature_columns(table))]
    print_table(
        ("feature", "unit", *entities),
        [(name, unit, *(_cell(row[name]) for row in rows)) for name, unit in named],
        f"{table.short_name} in force at {moment(at)}",
        numbers=entities,
    )


def print_distributions(held: Mapping[str, Distribution], newest: datetime) -> None:
    """The features over the rows of the last day."""
    print_table(
        ("feature", "rows", "null", "min", "p50", "p90", "max", "values"),
        [
            (
                name,
                each.rows,
                None if each.null_share is None else f"{each.null_share:.1%}",
                *(_cell(value) for value in (each.lowest, each.median, each.p90, each.highest)),
                each.values,
            )
            for name, each in held.items()
        ],
        f"rows written in the day to {moment(newest)} (a row is a change); of a list its length",
        numbers=["rows", "null", "min", "p50", "p90", "max"],
    )


def _facts(view: Table | OnDemandView, feature: Column | None, uses: Uses) -> dict[str, Any]:
    """What is said of the view, or of one feature, before any value."""
    from roadside.feature_catalogue import cadence_of, users_of

    name = view.short_name if isinstance(view, Table) else view.name
    used_by = users_of(uses, name, feature.name if feature else "")
    if isinstance(view, OnDemandView):
        return {
            "view": name,
            "meaning": feature.meaning if feature else view.meaning,
            "new": "on demand",
            "null_means": view.null,
            "made_from": list(view.inputs),
            "used_by": list(used_by),
        }
    tables, sources = _made_from(view)
    return {
        "view": name,
        "meaning": feature.meaning if feature else view.grain,
        "entity": list(entity_keys(view)),
        "new": cadence_of(view),
        "served_for": f"{time_to_live(view).days} days",
        "null_means": view.notes,
        "made_from": tables,
        "landing_sources": sources,
        "used_by": list(used_by),
        "access": "restricted: readers need a purpose" if view.is_restricted else "open within the platform",
    }


def _made_from(view: Table) -> tuple[list[str], list[str]]:
    """The tables of the lake that a view's values come from, and the landing sources behind them."""
    from roadside.graph import sources_read, step_named

    step = step_named(view.name)
    sources = set(sources_read(step))
    found: dict[str, None] = {}
    waiting = list(step.reads)
    while waiting:
        name = waiting.pop(0)
        is_tiles = name.startswith("tiles.")
        if is_tiles or (name.startswith("silver.") and set(sources_read(step_named(name))) <= sources):
            found[name] = None
        if is_tiles:
            waiting += [each for each in step_named(name).reads if each not in found]
    return list(found), sorted(sources)


def _held(
    view: Table | OnDemandView, columns: tuple[Column, ...]
) -> tuple[datetime | None, int, dict[str, Distribution]]:
    """Newest tick, rows, and each feature's last day; nothing where nothing is stored."""
    if isinstance(view, OnDemandView):
        return None, 0, {}
    from roadside.feature_catalogue import distribution_of, last_day, newest_tick

    reader = _reader()
    newest, rows = newest_tick(reader, view)
    if newest is None:
        return None, rows, {}
    day = last_day(reader, view, newest)
    return newest, rows, {each.name: distribution_of(each, day[each.name]) for each in columns}


def _uses() -> Uses:
    from roadside.feast_registry import open_store
    from roadside.feature_catalogue import uses_of

    return uses_of(open_store(settings_here()))


def _reader() -> CatalogReader:
    from lakehouse.catalog_reader import CatalogReader

    return CatalogReader(settings_here())


def _matrix(listed: list[ViewEntry], uses: Uses) -> list[dict[str, Any]]:
    return [
        {"view": each.view}
        | {
            service: [len(views.get(each.view, ())), len(each.features)] if each.view in views else None
            for service, views in uses.items()
        }
        for each in listed
    ]


def _share(cell: list[int] | None) -> str:
    return "" if cell is None else f"{cell[0]} of {cell[1]}"


def _numbers(distribution: Distribution) -> dict[str, Any]:
    return asdict(distribution) | {"null_share": distribution.null_share}


def _joined(value: Any) -> Any:
    return ", ".join(value) if isinstance(value, list) else value


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return (
            f"{len(value)}: {', '.join(told(each) for each in value[:3])}{' ...' if len(value) > 3 else ''}"
        )
    return told(value)


def _pairs(texts: list[str]) -> dict[str, str]:
    wrong = [text for text in texts if not text.partition("=")[0] or not text.partition("=")[2]]
    if wrong:
        raise UserError(f"--key {wrong[0]} is not KEY=VALUE.", "Write --key provider_id=P1.")
    return {text.partition("=")[0]: text.partition("=")[2] for text in texts}
