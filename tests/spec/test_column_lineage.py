"""What columns are said to be made of is what they are made of: an input is changed, and what else changes
is held to what is declared, both ways. Without Spark: histories of jobs, and the facts of tiles.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pyarrow as pa
import pytest

from roadside.column_lineage import lineage_named
from transforms.grid import BUSINESS_DAYS, TICKS, Grid
from transforms.silver.histories import SECOND, Event, history_of
from transforms.silver.lifecycle import FOLDS
from transforms.tiles import dispatch_1d, dispatch_15m, traffic_15m
from transforms.tiles.partials import Fact, partials
from validation.arrow_schema import arrow_schema
from validation.clocks import TICK, Interval
from validation.column_lineage import How
from validation.contract import Table
from validation.contracts import table_named

EVENTS = "silver.dispatch_events"
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE


def job(job_id: str, *told: tuple[str, int, dict[str, Any]]) -> list[Event]:
    """Events of (type, minute, what else it says), each naming the first offer, assignment and driver."""
    return [
        Event(
            job_id=job_id,
            event_id=f"{job_id}-{number}",
            event_type=event_type,
            event_timestamp=minute * MINUTE,
            known_at=minute * MINUTE + HOUR,
            landed_at=minute * MINUTE + 30 * SECOND,
            **({"offer_id": f"{job_id}-O1", "assignment_id": f"{job_id}-A1", "provider_id": "P1"} | more),
        )
        for number, (event_type, minute, more) in enumerate(told)
    ]


STATED = {
    "service_type": "tow",
    "zone_id": "87288439cffffff",
    "destination_zone_id": "872884388ffffff",
    "vehicle_year": 2019,
    "vehicle_make": "Make",
    "vehicle_model": "Model",
    "vehicle_token": "V",
    "member_token": "M",
    "program_id": "G",
    "job_kind": "roadside",
}
OFFERED = {
    "offer_expires_at": 9 * MINUTE,
    "dispatch_channel": "digital",
    "selection_policy_version": "v1",
    "selection_rank": 1,
    "selection_score": 0.5,
    "selection_propensity": 0.25,
}
JOBS = (
    job(
        "J1",
        ("requested", 0, STATED),
        ("offered", 1, OFFERED),
        ("declined", 2, {"reason_code": "busy"}),
        ("offered", 3, OFFERED | {"offer_id": "J1-O2", "provider_id": "P2"}),
        ("accepted", 4, {"offer_id": "J1-O2", "provider_id": "P2", "promised_arrival_at": 30 * MINUTE}),
        ("driver_assigned", 5, {"driver_id": "D1"}),
        ("eta_updated", 6, {"promised_arrival_at": 40 * MINUTE}),
        ("en_route", 7, {}),
        ("on_scene", 35, {}),
        ("completed", 60, {}),
    ),
    job(
        "J2",
        ("requested", 0, STATED | {"scheduled_for": 300 * MINUTE}),
        ("offered", 1, {}),
        ("accepted", 2, {"reason_code": "free"}),
        ("unassigned", 3, {"actor": "provider"}),
        ("cancelled", 4, {"actor": "member"}),
    ),
)
OF_ROWS = {made.of.column for made in lineage_named("silver.offers").rows if made.how is not How.FILTER}
CHANGED = sorted({each.name for each in fields(Event)[:-2]} - OF_ROWS - {"known_at"})


def other(value: Any) -> Any:
    """Another value of its kind."""
    match value:
        case None:
            return None
        case str() if value.startswith("87"):
            return "872830828ffffff"
        case str():
            return f"another {value}"
        case float():
            return value + 1
        case _:
            return value + HOUR


def stated(_value: Any) -> Any:
    return None


def values(fold: Callable[..., Any], events: list[list[Event]]) -> dict[str, list[Any]]:
    """The fold's columns over all jobs."""
    found: dict[str, list[Any]] = {}
    for of_job in events:
        for row in fold(history_of(of_job[0].job_id, [replace(each) for each in of_job])):
            for name, value in row.items():
                found.setdefault(name, []).append(value)
    return found


@pytest.mark.parametrize("table", FOLDS, ids=lambda table: table.short_name)
def test_a_column_of_a_history_follows_the_fields_of_events_that_it_is_made_of_and_no_other(
    table: Table,
) -> None:
    declared = lineage_named(table.name)
    fold = FOLDS[table]
    before = values(fold, list(JOBS))
    for name in CHANGED:
        moved = set()
        for change in (other, stated):
            events = [
                [replace(event, **{name: change(getattr(event, name))}) for event in of_job]
                for of_job in JOBS
                if change is other or name != "landed_at"
            ]
            if events:
                after = values(fold, events)
                moved |= {column for column, told in before.items() if after[column] != told}
        made_of_it = {
            column
            for column, made in declared.columns.items()
            if any(each.of.column == name for each in made)
        }
        assert moved == made_of_it, f"{table.name}: {name}"


def test_the_fields_that_are_changed_are_most_of_an_event() -> None:
    assert len(CHANGED) > 15
    assert {"promised_arrival_at", "driver_id", "actor", "selection_rank"} <= set(CHANGED)


# The facts of tiles, on rows that hold every word that a fact asks for.

START = datetime(2026, 3, 10, 7, tzinfo=UTC)
DAYS = Interval(START - timedelta(days=1), START)
WORDS = {
    "dispatch_channel": ("digital", "phone"),
    "offer_outcome": ("accepted", "declined", "expired", "no_contact", "withdrawn"),
    "end_reason": ("arrived", "provider_gave_back", "agent_reassigned", "member_cancelled"),
    "service_type": ("tow", "lockout"),
    "requested_service_type": ("tow", "lockout"),
    "cancel_actor": ("member", "agent"),
    "job_kind": ("roadside", "accident", None),
}
MAY_BE_NULL = ("response_seconds", "rated_speed_metres_per_hour_sum")
"""Numbers whose facts ask whether there is one."""
DECIDED_BEFORE = ("is_retracted", "is_late", "is_implausible_jump", "speed_kmh")
"""What chooses the versions that facts are asked of."""
FAMILIES: tuple[tuple[str, str, tuple[Fact, ...], dict[str, str | None], Grid], ...] = (
    ("tiles.dispatch_15m", "silver.offers", dispatch_15m.OFFERS, dispatch_15m.BY_PROVIDER, TICKS),
    ("tiles.dispatch_15m", "silver.assignments", dispatch_15m.ASSIGNMENTS, dispatch_15m.BY_PROVIDER, TICKS),
    ("tiles.dispatch_15m", "silver.jobs", dispatch_15m.JOBS, dispatch_15m.BY_PLACE, TICKS),
    ("tiles.dispatch_15m", "silver.job_waits", dispatch_15m.WAITS, dispatch_15m.BY_PLACE, TICKS),
    ("tiles.dispatch_1d", "silver.offers", dispatch_1d.OFFERS, dispatch_1d.BY_SERVICE, BUSINESS_DAYS),
    (
        "tiles.dispatch_1d",
        "silver.assignments",
        dispatch_1d.ASSIGNMENTS,
        dispatch_1d.BY_SERVICE,
        BUSINESS_DAYS,
    ),
    ("tiles.dispatch_1d", "silver.jobs", dispatch_1d.JOBS, dispatch_1d.BY_REQUESTED_SERVICE, BUSINESS_DAYS),
    ("tiles.traffic_15m", "silver.traffic_speeds", traffic_15m.READINGS, traffic_15m.BY_ZONE, TICKS),
    ("tiles.traffic_15m", "silver.gps_pings", traffic_15m.PINGS, traffic_15m.BY_ZONE, TICKS),
)


class InProcess:
    """As much of a frame as `partials` asks for."""

    def __init__(self, rows: pa.Table) -> None:
        self.rows = rows

    def mapInArrow(self, function: Callable[..., Iterator[pa.RecordBatch]], _schema: str) -> pa.Table:
        return pa.Table.from_batches(list(function(self.rows.to_batches())))


def rows_of(table: Table, chance: Random, count: int = 120) -> pa.Table:
    """Rows of the table, each value drawn; some moments and numbers are null."""

    def drawn(name: str, of_type: pa.DataType) -> Any:
        if name == "known_at":
            return DAYS.start + (1 + chance.randrange(90)) * TICK
        if name in WORDS:
            return chance.choice(WORDS[name])
        if pa.types.is_timestamp(of_type):
            return DAYS.start + timedelta(minutes=chance.randrange(1400)) if chance.random() < 0.8 else None
        if pa.types.is_boolean(of_type):
            return chance.random() < 0.7
        if pa.types.is_integer(of_type):
            if name == "offer_seq":
                return chance.randrange(1, 3)
            return None if name in MAY_BE_NULL and chance.random() < 0.2 else chance.randrange(12)
        if pa.types.is_floating(of_type):
            return chance.random() * 90
        return f"{name}-{chance.randrange(9)}" if pa.types.is_string(of_type) else None

    columns = {
        field.name: pa.array([drawn(field.name, field.type) for _ in range(count)], field.type)
        for field in arrow_schema(table)
    }
    until = pa.nulls(count, pa.timestamp("us", "UTC"))
    return pa.table(columns | {"known_until": until})


def by_measure(rows: pa.Table) -> dict[str, dict[str, Counter[Any]]]:
    """Values of each column, by measure."""
    found: dict[str, dict[str, Counter[Any]]] = {}
    names = [name for name in rows.column_names if name != "measure"]
    for row in rows.to_pylist():
        columns = found.setdefault(row["measure"], {name: Counter() for name in names})
        for name in names:
            columns[name][row[name]] += 1
    return found


@pytest.mark.parametrize(
    ("family", "silver", "facts", "dimensions", "grid"),
    FAMILIES,
    ids=[f"{family} of {silver}" for family, silver, *_ in FAMILIES],
)
def test_a_measure_follows_the_columns_that_it_is_made_of_and_no_other(
    family: str, silver: str, facts: tuple[Fact, ...], dimensions: dict[str, str | None], grid: Grid
) -> None:
    declared, table = lineage_named(family), table_named(silver)
    chance = Random(7)
    rows = rows_of(table, chance)

    def made(given: pa.Table) -> dict[str, dict[str, Counter[Any]]]:
        return by_measure(partials(InProcess(given), facts, dimensions, grid, DAYS))

    before = made(rows)
    assert set(before) == {fact.measure for fact in facts}, "every fact holds of some row"
    for name in table.column_names:
        if name == "known_at":
            continue
        place = rows.column_names.index(name)
        given = rows.column(name).to_pylist()
        shuffled = [given[0], *chance.sample(given[1:], len(given) - 1)]
        if table.column(name).type == "string":
            shuffled = [value and f"other {value}" for value in shuffled]
        after = made(rows.set_column(place, name, pa.array(shuffled, rows.column(name).type)))
        for measure, columns in before.items():
            moved = {column for column, told in columns.items() if after.get(measure, {}).get(column) != told}
            chooses = {
                each.of.column
                for each in declared.rows
                if each.part == measure and each.how is How.FILTER and each.of.table == silver
            }
            direct = {
                column
                for column, of in declared.columns.items()
                if any(
                    each.part == measure and each.of.table == silver and each.of.column == name for each in of
                )
            }
            if name in chooses:
                assert moved or name in DECIDED_BEFORE, f"{family}[{measure}]: {name}"
                continue
            assert moved == direct - {"known_date"}, f"{family}[{measure}]: {name}"


@pytest.mark.parametrize(
    ("family", "silver", "facts", "dimensions", "grid"),
    FAMILIES,
    ids=[f"{family} of {silver}" for family, silver, *_ in FAMILIES],
)
def test_a_moment_that_is_moved_moves_the_clocks_and_buckets_that_are_made_of_it_and_no_other(
    family: str, silver: str, facts: tuple[Fact, ...], dimensions: dict[str, str | None], grid: Grid
) -> None:
    """By two days: what happened, happened still, so as many amounts are counted."""
    declared, table = lineage_named(family), table_named(silver)
    rows = rows_of(table, Random(11))

    def made(given: pa.Table) -> dict[str, dict[str, Counter[Any]]]:
        return by_measure(partials(InProcess(given), facts, dimensions, grid, DAYS))

    before = made(rows)
    for name in (each.name for each in table.columns if each.type == "timestamp" and each.name != "known_at"):
        moved = pa.array([at and at + timedelta(days=2) for at in rows.column(name).to_pylist()])
        place = rows.column_names.index(name)
        after = made(rows.set_column(place, name, moved.cast(rows.column(name).type)))
        for measure, columns in before.items():
            of = {
                column: {each.how for each in inputs if each.part == measure and each.of.column == name}
                for column, inputs in declared.columns.items()
            }
            if measure == "on_time":
                continue  # its condition compares two moments: other rows count
            still = {"amount", "known_date"} | ({"bucket"} if measure == "wait_minutes" else set())
            found = {column for column, told in columns.items() if after[measure][column] != told}
            assert found == {column for column, how in of.items() if how} - still, (
                f"{family}[{measure}]: {name}"
            )
