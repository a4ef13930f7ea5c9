"""Everything declared, as plain JSON: what an older revision is compared with (`docs/declared.json`).

Sources, tables, feature views, on-demand views, request fields, services, datasets, and the steps that
lead from one table to the next. What a transform does inside is code and not declared: of it only the
names stand here, and for on-demand views the digest of the body.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import timedelta
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import Any
from zlib import crc32

from lakehouse.feast_definitions import FeastDefinitions, feast_definitions
from roadside.feature_catalogue import cadence_of
from roadside.graph import STEPS, Step
from roadside.installation import PROJECT
from training_datasets.feature_service import ServiceDefinition, service_definition
from training_datasets.spec import DatasetSpec
from training_datasets.specs import SPECS
from transforms.features.spec import ViewSpec
from transforms.features.sums import Carried, Sum
from validation.contract import AmountShare, Column, OneOf, Reference, Rule, Severity, Table
from validation.contracts import FEATURES, SERVED, TABLES
from validation.contracts.features.feature_table import entity_keys, feature_columns, time_to_live
from validation.errors import Defect, PermissionRefused
from validation.feature_kinds import kind_of, window_text
from validation.feed_checks import FeedCheck
from validation.on_demand import ON_DEMAND, REQUEST, OnDemandView
from validation.source import Field, Source
from validation.sources import SOURCES
from warehouse.batches import require_may_leave
from warehouse.places import place_of

Plain = dict[str, Any]
FORMAT = 1
"""Raised when the same declarations are told otherwise; two formats are not compared."""
PLACE = Path("docs") / "declared.json"
DECLARED = PROJECT / PLACE
_FEW = 6
"""A list as long as this stands in one line of the file."""


def declared() -> Plain:
    """What the code that runs declares, in the order of names."""
    return described(SOURCES, TABLES, FEATURES, ON_DEMAND, REQUEST, SPECS, STEPS, feast_definitions())


def described(
    sources: Iterable[Source],
    tables: Iterable[Table],
    features: Iterable[Table],
    on_demand: Iterable[OnDemandView],
    request: Iterable[Column],
    specs: Iterable[DatasetSpec],
    steps: Iterable[Step],
    feast: FeastDefinitions,
) -> Plain:
    """These declarations as plain JSON.

    Raises:
        Defect: two things of one kind have one name.
    """
    bodies = {view.name: view.feature_transformation for view in feast.list_on_demand_feature_views()}
    names = sorted(str(service.name) for service in feast.list_feature_services())
    datasets = list(specs)
    of_datasets = {spec.table.name for spec in datasets}
    told = {
        "format": FORMAT,
        "sources": _by_name(sources, _source),
        "tables": _by_name((each for each in tables if each.name not in of_datasets), _table),
        "views": _by_name(features, _view, lambda table: table.short_name),
        "on_demand": _by_name(on_demand, lambda view: _on_demand(view, bodies[view.name].udf_string)),
        "request": _by_name(request, _column),
        "services": _by_name((service_definition(feast, name) for name in names), _service),
        "datasets": _by_name(datasets, _dataset),
        "steps": _by_name(steps, _step),
    }
    plain: Plain = json.loads(json.dumps(told, sort_keys=True))
    return plain


def text_of(told: Plain) -> str:
    """The file: sorted, one thing a line, the same bytes for the same declarations."""
    return _rendered(told, "") + "\n"


def digest(told: Any) -> str:
    """Twelve letters for a description."""
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]


def is_stale(path: Path = DECLARED) -> bool:
    """Whether the file says something else than the code, or is not there."""
    return not path.exists() or path.read_text(encoding="utf-8") != text_of(declared())


def write(path: Path = DECLARED) -> bool:
    """Write the file if it is stale; whether it was."""
    text = text_of(declared())
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    path.write_text(text, encoding="utf-8")
    return True


def _source(source: Source) -> Plain:
    return {
        "version": source.version,
        "timestamp": source.timestamp,
        "late_minutes": _minutes(source.late),
        "ahead_minutes": _minutes(source.ahead),
        "heartbeat_minutes": _minutes(source.heartbeat),
        "checked_over_minutes": _minutes(source.checked_over),
        "subjects": [f"{kind} by {', '.join(paths)}" for kind, paths in source.subjects],
        "places": [f"{each.latitude}, {each.longitude} -> {each.column}" for each in source.places],
        "fields": _by_name(source.fields, _field, lambda field: field.path),
        "checks": _by_name(source.checks, _feed_check),
    }


def _field(field: Field) -> Plain:
    return {
        "column": field.column,
        "type": field.type.value,
        "is_required": field.required,
        "treatment": field.treatment.name.lower(),
        "subject": field.subject,
        "vocabulary": sorted(field.vocabulary),
        "low": field.low,
        "high": field.high,
        "is_past": field.is_past,
        "aliases": list(field.aliases),
    }


def _feed_check(check: FeedCheck) -> Plain:
    return _values(check)


def _table(table: Table) -> Plain:
    own = {column.name for column in feature_columns(table)} if table.layer == "features" else set()
    return {
        "grain": table.grain,
        "key": table.key,
        "partition": table.partition,
        "clock": table.clock,
        "order": table.order,
        "is_restricted": table.is_restricted,
        "retention_months": table.retention_months,
        **({"retention_days": table.retention_days} if table.retention_days else {}),
        "false_when_dead": table.false_when_dead,
        "notes": table.notes,
        "published_as": published_as(table),
        "columns": {
            column.name: _table_column(table, column) for column in table.columns if column.name not in own
        },
        "checks": _by_name((*table.checks, *table.shares, *table.references), _check),
    }


def published_as(table: Table) -> str | None:
    """Its name in Snowflake, without the database; None of what never leaves the lake."""
    if table.layer not in ("features", "training"):
        return None
    try:
        require_may_leave(table)
    except PermissionRefused:
        return None
    return str(place_of(table, "")).removeprefix(".")


def _column(column: Column) -> Plain:
    return {
        "type": column.type.value,
        "sensitivity": column.sensitivity.value,
        "meaning": column.meaning,
        "unit": column.unit,
    }


def _table_column(table: Table, column: Column) -> Plain:
    return _column(column) | {"is_required": column.name in table.not_null}


def _check(rule: Rule | AmountShare | Reference) -> Plain:
    if isinstance(rule, Reference):
        holds = f"{rule.column} in {rule.table} of {rule.days} days, as usual"
        return {"holds": holds, "severity": Severity.WARN.value}
    if isinstance(rule, AmountShare):
        return {"holds": f"sum({rule.part}) of sum({rule.whole}), as usual", "severity": Severity.WARN.value}
    told: Plain = {"holds": rule.holds, "severity": rule.severity.value}
    return told | ({"values": rule.values} if isinstance(rule, OneOf) else {})


def _view(table: Table) -> Plain:
    spec: ViewSpec = import_module(f"transforms.features.{table.short_name}").SPEC
    made = _made_by_feature(spec)
    return {
        "entities": entity_keys(table),
        "cadence": cadence_of(table),
        "time_to_live_days": time_to_live(table).days,
        "lives_by": _operand(spec, spec.live),
        "beat": spec.beat,
        "is_in_redis_after_every_tick": table.name in {each.name for each in SERVED},
        "features": {
            column.name: _table_column(table, column)
            | {
                "kind": kind_of(column).name.lower(),
                "window": window_text(column),
                "made": made.get(column.name),
            }
            for column in feature_columns(table)
        },
    }


def _made_by_feature(spec: ViewSpec) -> dict[str, str]:
    """How each feature comes of running sums, these spelled out; a carried content opens into several."""
    made = {}
    for each in spec.features:
        parts = [
            f"{field.name} {_operand(spec, getattr(each, field.name))}"
            for field in fields(each)
            if field.name != "name" and getattr(each, field.name) != field.default
        ]
        opened = spec.carried[each.name] if isinstance(each, Carried) else (each.name,)
        made.update(dict.fromkeys(opened, f"{type(each).__name__.lower()} of {', '.join(parts)}"))
    return made


def _operand(spec: ViewSpec, value: str | int) -> str:
    """A running sum spelled out, its window in instants of the view; anything else as it is."""
    if value in spec.rings:
        of, steps = spec.rings[str(value)]
        return f"{_operand(spec, of)} within {steps} cells"
    return next((_sum(each) for each in spec.sums if each.name == value), str(value))


def _sum(each: Sum) -> str:
    window = f" over {each.window} instants" if each.window else ""
    buckets = f" in {len(each.edges)} buckets to {each.edges[-1]} ({_mark(each.edges)})" if each.edges else ""
    return f"{each.measure or each.name}{window}{buckets}"


def _mark(edges: Iterable[int]) -> str:
    return f"{crc32(','.join(map(str, edges)).encode()):08x}"


def _on_demand(view: OnDemandView, body: str) -> Plain:
    return {
        "meaning": view.meaning,
        "inputs": view.inputs,
        "null": view.null,
        "body": hashlib.sha256(body.encode()).hexdigest()[:12],
        "features": _by_name(view.outputs, _column),
    }


def _service(service: ServiceDefinition) -> Plain:
    """The columns that a reader gets, their types, and the keys and request fields it states."""
    return {
        "columns": [f"{name} {_type_in(service, name)}" for name in service.columns],
        "reads": [
            (used.role, used.view, dict(zip(used.table_keys, used.keys, strict=True)))
            for used in service.views
        ],
        "request": service.request,
    }


def _type_in(service: ServiceDefinition, name: str) -> str:
    role, _, feature = name.rpartition("__")
    stored = {used.role: used.table.columns for used in service.views}
    worked_out = {view.name: view.outputs for view in ON_DEMAND}
    columns = worked_out[role] if role in worked_out else stored[role]
    return next(column.type.value for column in columns if column.name == feature)


def _dataset(spec: DatasetSpec) -> Plain:
    table = spec.table
    return {
        "question": spec.question,
        "service": spec.service,
        "sources": [each.name for each in spec.sources],
        "decided": _named(spec.decided),
        "labels": _named(spec.labels),
        "choices": _named(spec.choices),
        "counts": spec.counts,
        "row_key": spec.row_key,
        "group_key": spec.group_key,
        "allowed_inputs": spec.allowed_inputs,
        "later_inputs": spec.later_inputs,
        "hidden_keys": spec.hidden_keys,
        "spine": dict(spec.spine),
        "filters": [f"{each.name}: {each.keeps}" for each in spec.filters],
        "censoring": spec.censoring,
        "closes_after_days": spec.closes_after_days,
        "decides_for_minutes": _minutes(spec.decides_for),
        "is_weighted_by": spec.is_weighted_by,
        "key": table.key,
        "partition": table.partition,
        "clock": table.clock,
        "is_restricted": table.is_restricted,
        "retention_months": table.retention_months,
        "published_as": published_as(table),
        "columns": [
            " ".join((each.name, each.type, each.sensitivity) + ("required",) * (each.name in table.not_null))
            for each in table.columns
        ],
        "checks": _by_name(table.checks, _check),
        "gates": {gate.name: {"severity": gate.consequence.name.lower()} for gate in spec.gates},
    }


def _step(step: Step) -> Plain:
    return {
        "writes": step.writes,
        "reads": {name: _minutes(back) for name, back in step.reads.items()},
        "sources": step.sources,
        "is_daily": step.is_daily,
        "rests": step.rests,
    }


def _named(function: Callable[..., Any] | None) -> str | None:
    return None if function is None else f"{function.__module__}.{function.__qualname__}"


def _minutes(span: timedelta) -> float | int:
    minutes = span / timedelta(minutes=1)
    return int(minutes) if minutes.is_integer() else minutes


def _values(value: Any) -> Plain:
    """A declared value's fields, with the name of its class."""
    told: Plain = {"what": type(value).__name__}
    for field in fields(value):
        held = getattr(value, field.name)
        match held:
            case timedelta():
                told[f"{field.name}_minutes"] = _minutes(held)
            case Enum():
                told[field.name] = held.value
            case _ if is_dataclass(held):
                told[field.name] = _values(held)
            case _:
                told[field.name] = held
    return told


def _by_name(
    things: Iterable[Any],
    told: Callable[[Any], Plain],
    name_of: Callable[[Any], str] = lambda each: each.name,
) -> Plain:
    found: Plain = {}
    for each in things:
        name = name_of(each)
        if name in found:
            raise Defect(f"Two {type(each).__name__} are called {name}.")
        found[name] = told(each)
    return found


def _rendered(value: Any, indent: str) -> str:
    """Objects of plain values and short lists in a line each; what holds more, opened."""
    deeper = indent + "  "
    if isinstance(value, Mapping) and any(
        isinstance(each, Mapping) or (isinstance(each, list) and len(each) > _FEW) for each in value.values()
    ):
        lines = [f"{deeper}{json.dumps(key)}: {_rendered(value[key], deeper)}" for key in sorted(value)]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    if isinstance(value, list) and len(value) > _FEW:
        lines = [deeper + json.dumps(each, ensure_ascii=False) for each in value]
        return "[\n" + ",\n".join(lines) + f"\n{indent}]"
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
