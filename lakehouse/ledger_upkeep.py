"""Rows of the operational ledgers past their retention.

What tells of known time that nobody keeps any more goes with it. Never a row that somebody still waits for:
of a landed object that lies there, of a run that goes on, of what a check stopped. Kept for good: the closed
ticks, the expiries themselves, the releases of datasets, and the access log, whose end is not ours to set.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, false, func, not_, or_, select

from lakehouse.database import changed_rows, chunks
from lakehouse.expiries import Expiries
from lakehouse.ops import (
    Ops,
    answered_lines,
    feed_counts,
    landing_objects,
    landing_outcomes,
    quality_acceptances,
    quality_findings,
    quarantine_answers,
    refused_objects,
    release_tables,
    releases,
    runs,
    step_timings,
)
from lakehouse.releases import ReleaseKind
from lakehouse.run_ledger import HANDLING, IS_RUNNING

_BRONZE = "bronze."


def old_ledger_rows(ops: Ops, before: datetime, gone: Expiries, lying: Collection[str]) -> dict[str, int]:
    """How many rows of each ledger would go; with the arguments of `drop_ledger_rows`."""
    found: Counter[str] = Counter()
    with ops.read() as connection:
        for table, where in _due(connection, before, gone, lying):
            query = select(func.count()).select_from(table).where(where)
            found[table.name] += int(connection.execute(query).scalar_one())
    return dict(found)


def drop_ledger_rows(ops: Ops, before: datetime, gone: Expiries, lying: Collection[str]) -> dict[str, int]:
    """Drop the rows of known time before that moment, all or none; how many of each ledger.

    Args:
        gone: runs go with the known time of their table: whether it is missing is no longer asked. Those
            that make no rows go by when they ended: what a retention dropped is old from the first.
        lying: keys of landed objects that still lie there; without its row one would become known again.
    """
    found: Counter[str] = Counter()
    with ops.write() as connection:
        for table, where in _due(connection, before, gone, lying):
            found[table.name] += changed_rows(connection.execute(delete(table).where(where)))
    return dict(found)


def _due(
    connection: Connection, before: datetime, gone: Expiries, lying: Collection[str]
) -> Iterator[tuple[Table, ColumnElement[bool]]]:
    """Each ledger with conditions of its old rows, no row under two; what tells of others goes first."""
    dropped = select(landing_objects.c.object_key).where(_of_dropped_bronze(before, gone))
    old_keys = sorted(set(connection.execute(dropped).scalars()).difference(lying))
    answers = _answers_to_none_else(connection, before, set(old_keys))
    for some in list(chunks(old_keys)) or [[]]:  # lists: a statement takes so many values
        yield landing_outcomes, landing_outcomes.c.object_key.in_(some)
        yield refused_objects, refused_objects.c.object_key.in_(some)
        yield answered_lines, answered_lines.c.source_object.in_(some)
        yield landing_objects, landing_objects.c.object_key.in_(some)
    for some in chunks(answers):
        yield quarantine_answers, quarantine_answers.c.answer_id.in_(some)
    yield feed_counts, feed_counts.c.known_at <= before
    stopping = and_(quality_findings.c.severity == "fail", quality_findings.c.acceptance_id.is_(None))
    yield quality_findings, and_(quality_findings.c.known_at <= before, not_(stopping))
    yield (
        quality_acceptances,
        and_(quality_acceptances.c.accepted_at <= before, quality_acceptances.c.end <= before),
    )
    expired_tables = [name for name, until in gone.before.items() if until >= before]
    is_gone = or_(runs.c.table_name.in_(expired_tables), runs.c.table_name.startswith("online."))
    makes_no_rows = or_(*(runs.c.table_name.startswith(f"{layer}.") for layer in HANDLING))
    is_old = or_(
        and_(is_gone, runs.c.interval_end <= before), and_(makes_no_rows, runs.c.finished_at <= before)
    )
    yield runs, and_(is_old, runs.c.status.not_in(IS_RUNNING))
    yield step_timings, step_timings.c.finished_at <= before
    old_releases = and_(releases.c.tick <= before, releases.c.kind != ReleaseKind.DATASET.value)
    yield release_tables, release_tables.c.release_id.in_(select(releases.c.release_id).where(old_releases))
    yield releases, old_releases


def _answers_to_none_else(connection: Connection, before: datetime, keys: Collection[str]) -> list[str]:
    """The answers given by that moment to lines of these objects only, or of none that is known."""
    is_old = and_(quarantine_answers.c.answered_at <= before, quarantine_answers.c.is_done)
    query = (
        select(quarantine_answers.c.answer_id, answered_lines.c.source_object)
        .join(answered_lines, answered_lines.c.answer_id == quarantine_answers.c.answer_id, isouter=True)
        .where(is_old)
    )
    found = connection.execute(query).all()
    waiting = {row.answer_id for row in found if row.source_object and row.source_object not in keys}
    return sorted({row.answer_id for row in found} - waiting)


def _of_dropped_bronze(before: datetime, gone: Expiries) -> ColumnElement[bool]:
    """Objects of known time that their bronze table dropped: a run that found none would empty the table."""
    dropped = [
        and_(
            landing_objects.c.source == name.removeprefix(_BRONZE),
            landing_objects.c.known_at <= min(before, until),
        )
        for name, until in gone.before.items()
        if name.startswith(_BRONZE)
    ]
    return or_(false(), *dropped)
