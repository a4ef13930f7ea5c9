"""The table graph: what each step reads, how far back, and what it writes.

A tuple lists the steps in the order of the road; nothing is found by scanning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from pyspark.sql import Column, DataFrame

from transforms.features import provider_activity_15m, provider_performance_1d, zone_demand_15m
from transforms.silver import (
    arrival_evidence,
    dispatch_events,
    gps_pings,
    lifecycle,
    provider_status,
    service_outcomes,
    traffic_speeds,
)
from transforms.silver.histories import rows_of
from validation.clocks import Interval
from validation.contract import Table
from validation.contracts import table_named
from validation.errors import UnknownName
from validation.sources import SOURCES

Frames = Mapping[str, DataFrame]


@dataclass(frozen=True)
class Edge:
    """What the edge lends to a pure transform: functions that need a key or a network."""

    location_of: Callable[[Column], Column]


@dataclass(frozen=True)
class Step:
    """One step of the road: an interval of its inputs in, the same interval of its tables out.

    Attributes:
        name: what the user calls it; the name of its table, or of the family it writes.
        writes: tables it replaces.
        reads: input tables and how far back of the interval each is read.
        build: the transform; None for a source, which is read from landing.
        is_daily: runs only for intervals that hold a business-day cut.
        rests: without a row of its inputs in the interval it makes none (features do: windows expire).
        share: builds a frame that several of its tables derive from; kept in memory meanwhile.
    """

    name: str
    writes: tuple[str, ...]
    reads: Mapping[str, timedelta]
    build: Callable[[Frames, Interval, Edge], Frames] | None = None
    is_daily: bool = False
    rests: bool = True
    share: Callable[[Frames, Interval], DataFrame] | None = field(default=None)

    @property
    def tables(self) -> tuple[Table, ...]:
        """Contracts of the tables it writes."""
        return tuple(table_named(name) for name in self.writes)

    def due(self, interval: Interval) -> bool:
        """Whether the interval gives it anything to do."""
        return not self.is_daily or bool(interval.cuts())


def _one(name: str, transform: Callable[..., DataFrame]) -> Callable[[Frames, Interval, Edge], Frames]:
    """A build that passes every input, in the order of `reads`, then the interval."""

    def build(inputs: Frames, interval: Interval, _edge: Edge) -> Frames:
        return {name: transform(*inputs.values(), interval)}

    return build


def _dispatch_events(inputs: Frames, interval: Interval, _edge: Edge) -> Frames:
    bronze = inputs["bronze.dispatch_events"]
    return {
        "silver.dispatch_events": dispatch_events.dispatch_events(bronze, interval),
        "silver.dispatch_events_precise": dispatch_events.dispatch_events_precise(bronze, interval),
    }


def _lifecycle_changes(inputs: Frames, interval: Interval) -> DataFrame:
    return lifecycle.lifecycle(inputs["silver.dispatch_events"], interval)


def _lifecycle(inputs: Frames, _interval: Interval, _edge: Edge) -> Frames:
    return {table.name: rows_of(inputs["shared"], table) for table in lifecycle.FOLDS}


def _arrival_evidence(inputs: Frames, interval: Interval, edge: Edge) -> Frames:
    evidence = arrival_evidence.arrival_evidence(
        inputs["silver.assignments"],
        inputs["silver.dispatch_events_precise"],
        inputs["silver.gps_pings"],
        interval,
        edge.location_of,
    )
    return {"silver.arrival_evidence": evidence}


def _source_steps() -> tuple[Step, ...]:
    return tuple(
        Step(
            name=f"bronze.{source.name}",
            writes=(f"bronze.{source.name}", f"quarantine.{source.name}"),
            reads={},
        )
        for source in SOURCES
    )


STEPS: tuple[Step, ...] = (
    *_source_steps(),
    Step(
        "silver.dispatch_events",
        ("silver.dispatch_events", "silver.dispatch_events_precise"),
        {"bronze.dispatch_events": dispatch_events.LOOK_BACK},
        _dispatch_events,
    ),
    Step(
        "silver.lifecycle",
        ("silver.offers", "silver.assignments", "silver.job_milestones", "silver.jobs"),
        {"silver.dispatch_events": lifecycle.LOOK_BACK},
        _lifecycle,
        share=_lifecycle_changes,
    ),
    *(
        Step(
            f"silver.{name}",
            (f"silver.{name}",),
            {f"bronze.{name}": module.LOOK_BACK},
            _one(f"silver.{name}", getattr(module, name)),
        )
        for name, module in (
            ("provider_status", provider_status),
            ("gps_pings", gps_pings),
            ("service_outcomes", service_outcomes),
            ("traffic_speeds", traffic_speeds),
        )
    ),
    Step(
        "silver.arrival_evidence",
        ("silver.arrival_evidence",),
        {
            "silver.assignments": arrival_evidence.LOOK_BACK,
            "silver.dispatch_events_precise": arrival_evidence.LOOK_BACK,
            "silver.gps_pings": arrival_evidence.LOOK_BACK,
        },
        _arrival_evidence,
    ),
    Step(
        "features.provider_activity_15m",
        ("features.provider_activity_15m",),
        {
            "silver.offers": provider_activity_15m.LOOK_BACK,
            "silver.assignments": provider_activity_15m.LOOK_BACK,
        },
        _one("features.provider_activity_15m", provider_activity_15m.provider_activity_15m),
        rests=False,
    ),
    Step(
        "features.zone_demand_15m",
        ("features.zone_demand_15m",),
        {"silver.jobs": zone_demand_15m.LOOK_BACK},
        _one("features.zone_demand_15m", zone_demand_15m.zone_demand_15m),
        rests=False,
    ),
    Step(
        "features.provider_performance_1d",
        ("features.provider_performance_1d",),
        {
            "silver.offers": provider_performance_1d.LOOK_BACK,
            "silver.assignments": provider_performance_1d.LOOK_BACK,
            "silver.arrival_evidence": provider_performance_1d.LOOK_BACK,
            "silver.service_outcomes": provider_performance_1d.CLAIM_LOOK_BACK,
            "silver.jobs": provider_performance_1d.CLAIM_LOOK_BACK + provider_performance_1d.JOB_AREA_HORIZON,
        },
        _one("features.provider_performance_1d", provider_performance_1d.provider_performance_1d),
        is_daily=True,
        rests=False,
    ),
)


def step_named(name: str) -> Step:
    """The step of that name, or the one that writes the table of that name.

    Raises:
        UnknownName: neither exists.
    """
    for step in STEPS:
        if name == step.name or name in step.writes:
            return step
    known = {step.name for step in STEPS} | {table for step in STEPS for table in step.writes}
    raise UnknownName("step or table", name, known)


def downstream(step: Step) -> tuple[tuple[Step, timedelta], ...]:
    """The steps that read what the step writes, directly or through others, with their total reach."""
    reach: dict[str, timedelta] = {name: timedelta(0) for name in step.writes}
    found = []
    for later in STEPS:
        reached = [reach[name] + back for name, back in later.reads.items() if name in reach]
        if reached:
            found.append((later, max(reached)))
            reach.update({name: max(reached) for name in later.writes})
    return tuple(found)
