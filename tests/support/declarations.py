"""Declarations as plain JSON: those of the code, some of them replaced, and a small road of a test's own."""

from __future__ import annotations

import json
from collections.abc import Iterable
from copy import deepcopy
from functools import cache
from typing import Any

from lakehouse.feast_definitions import FeastDefinitions, feast_definitions
from roadside.declared import described
from roadside.graph import STEPS, Step
from training_datasets.spec import DatasetSpec
from training_datasets.specs import SPECS
from validation.contract import Column, Table
from validation.contracts import FEATURES, TABLES
from validation.on_demand import ON_DEMAND, REQUEST, OnDemandView
from validation.source import Source
from validation.sources import SOURCES

Plain = dict[str, Any]


@cache
def definitions() -> FeastDefinitions:
    """feature_repo/, read once."""
    return feast_definitions()


def real(
    *,
    source: Source | None = None,
    table: Table | None = None,
    on_demand: OnDemandView | None = None,
    request: Iterable[Column] = REQUEST,
    dataset: DatasetSpec | None = None,
    step: Step | None = None,
) -> Plain:
    """What the code declares, with these in the place of those of their names."""
    return described(
        _with(SOURCES, source),
        _with(TABLES, table),
        _with(FEATURES, table),
        _with(ON_DEMAND, on_demand),
        request,
        _with(SPECS, dataset),
        _with(STEPS, step),
        definitions(),
    )


def _with(things: Iterable[Any], other: Any) -> list[Any]:
    return [other if other is not None and other.name == each.name else each for each in things]


def small() -> Plain:
    """One source, a table or two of each layer, views, an on-demand view, a service and a dataset."""
    return deepcopy(_SMALL)


def put(told: Plain, path: str, value: Any) -> Plain:
    """The same, with the value at the path (`tables/silver.offers/key`); None takes it away."""
    changed: Plain = json.loads(json.dumps(told))
    *way, last = path.split("/")
    place = changed
    for name in way:
        place = place[name]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return changed


def worked_out(**more: Any) -> Plain:
    """A request field, or a feature of an on-demand view, as it is described."""
    return {"type": "bigint", "sensitivity": "open", "meaning": "How many.", "unit": ""} | more


def column(**more: Any) -> Plain:
    """A column as it is described."""
    return worked_out(is_required=False) | more


def feature(**more: Any) -> Plain:
    """A feature as it is described."""
    return column(kind="window", window="60m", made="count of measure offers over 4 instants") | more


def field(**more: Any) -> Plain:
    """A source's field as it is described."""
    return {
        "column": "offer_id",
        "type": "string",
        "is_required": False,
        "treatment": "plain",
        "subject": "",
        "vocabulary": [],
        "low": None,
        "high": None,
        "is_past": False,
        "aliases": ["known"],
    } | more


def table(**more: Any) -> Plain:
    """A table as it is described."""
    return {
        "grain": "One row per offer.",
        "key": ["offer_id"],
        "partition": "known_date",
        "clock": "known_at",
        "order": [],
        "is_restricted": False,
        "retention_months": 13,
        "false_when_dead": [],
        "notes": "",
        "published_as": None,
        "columns": {"offer_id": column(type="string", is_required=True), "offer_seq": column(type="int")},
        "checks": {},
    } | more


def step(writes: str, *reads: str, **more: Any) -> Plain:
    """A step as it is described; it reads an hour back."""
    told = {"writes": [writes], "reads": dict.fromkeys(reads, 60), "sources": [], "is_daily": False}
    return told | {"rests": True} | more


_SMALL: Plain = {
    "format": 1,
    "sources": {
        "calls": {
            "version": 1,
            "timestamp": "event_timestamp",
            "late_minutes": 60,
            "ahead_minutes": 60,
            "heartbeat_minutes": 5,
            "checked_over_minutes": 60,
            "subjects": [],
            "places": [],
            "fields": {
                "offer_id": field(is_required=True),
                "actor": field(column="actor", vocabulary=["agent", "member"]),
                "note": field(column=None, treatment="sealed"),
            },
            "checks": {"volume": {"what": "Volume", "factor": 2.5, "severity": "warn"}},
        }
    },
    "tables": {
        "bronze.calls": table(),
        "silver.offers": table(
            checks={
                "seq": {"holds": "offer_seq > 0", "severity": "fail"},
                "few": {"holds": "offer_seq < 99", "severity": "warn"},
            }
        ),
        "silver.answers": table(),
        "features.offers_15m": table(published_as="features.offers_15m"),
        "features.apart_15m": table(),
    },
    "views": {
        name: {
            "entities": ["provider_id" if name == "offers_15m" else "driver_id"],
            "cadence": "every 15 minutes",
            "time_to_live_days": 2,
            "lives_by": "offers",
            "beat": 96,
            "is_in_redis_after_every_tick": name == "offers_15m",
            "features": {"offers_60m_count": feature(), "offers_4h_count": feature(window="4h")},
        }
        for name in ("offers_15m", "apart_15m")
    },
    "on_demand": {
        "pressure": {
            "meaning": "How busy.",
            "inputs": ["offers_15m.offers_4h_count", "job_decision_at"],
            "null": "no offer",
            "body": "0a",
            "features": {"pressure_ratio": worked_out(type="double")},
        }
    },
    "request": {"job_decision_at": worked_out(type="timestamp")},
    "services": {
        "calm_v1": {
            "columns": ["offers_15m__offers_60m_count bigint"],
            "reads": [["offers_15m", "offers_15m", {"provider_id": "asked_id"}]],
            "request": [],
        },
        "busy_v1": {
            "columns": ["pressure__pressure_ratio double"],
            "reads": [["offers_15m", "offers_15m", {"provider_id": "provider_id"}]],
            "request": ["job_decision_at"],
        },
    },
    "datasets": {
        "calm_v1": {
            "question": "Will it be calm?",
            "service": "calm_v1",
            "sources": ["silver.offers", "silver.answers"],
            "filters": ["scheduled: is_immediate"],
            "is_restricted": False,
            "retention_months": 24,
            "published_as": "ML.CALM_V1",
            "columns": ["provider_id string open required"],
            "checks": {"range": {"holds": "y > 0", "severity": "fail"}},
            "gates": {"as_before": {"severity": "warn"}},
        }
    },
    "steps": {
        "bronze.calls": step("bronze.calls"),
        "silver.offers": step("silver.offers", "bronze.calls"),
        "features.offers_15m": step("features.offers_15m", "silver.offers"),
        "bronze.pings": step("bronze.pings"),
        "features.apart_15m": step("features.apart_15m", "silver.offers", "bronze.pings", sources=["pings"]),
    },
}
