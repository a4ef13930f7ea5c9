"""What is promised at 06:00 ET, at Snowflake and in S3: whether it was published there, and when.

Promised at a target is what was ever published to it. Snowflake's audit keeps every publication; a bucket
keeps the newest state alone, so that of what was put there after the promise it may not be told whether an
earlier state had it in time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime

from lakehouse.releases import Release
from lakehouse.run_ledger import S3, SNOWFLAKE
from lakehouse.settings import Settings
from roadside.promise_check import VIEW, Kept, LastGood, PromiseKept, Reason, State, judged
from roadside.publication_sources import Source
from validation.contract import Table
from validation.contracts import FEATURES, TRAINING
from validation.errors import RoadsideError, SettingError
from warehouse.audit import Audit, Issued
from warehouse.batches import may_leave
from warehouse.bucket import Bucket
from warehouse.connection import NotThere, open_session
from warehouse.objects import MANIFEST
from warehouse.places import place_of


@dataclass(frozen=True)
class Shipped:
    """One state that a target has or had: the day or cut through which it reaches, and since when.

    Attributes:
        through: None where nobody can tell: no release names the state, a compaction's say.
        hides_earlier: what was there before it left no trace, and may have reached what is due.
    """

    through: datetime | date | None
    release: str
    published_at: datetime
    hides_earlier: bool = False


Shelf = Callable[[Kept, Table], Sequence[Shipped]]
"""What a target says of a promised thing, in order of publication; nothing of what never went there."""


def published_things(
    settings: Settings, found: PromiseKept, releases: Sequence[Release]
) -> tuple[tuple[Kept, ...], tuple[RoadsideError, ...]]:
    """Every promised thing at every target that it ever went to; and what kept some from being told."""
    things: list[Kept] = []
    problems: list[RoadsideError] = []
    targets = {
        S3: (settings.publish_uri, _in_bucket),
        SNOWFLAKE: (settings.snowflake_connection, _in_snowflake),
    }
    for target, (named, opened) in targets.items():
        if not named:
            continue
        try:
            with opened(settings, releases) as shelf:
                things += shipped_at(target, found, shelf)
        except RoadsideError as error:
            problems.append(error)
    return tuple(things), tuple(problems)


def shipped_at(target: str, found: PromiseKept, shelf: Shelf) -> Iterator[Kept]:
    """What became of each promised thing at the target."""
    tables = {table.short_name: table for table in (*FEATURES, *TRAINING)}
    for thing in found.things:
        table = tables[thing.name]
        states = shelf(thing, table) if may_leave(table) and not thing.is_out_of_reach else ()
        if states:
            yield _kept(target, thing, table, states, found.at)


def _kept(target: str, thing: Kept, table: Table, states: Sequence[Shipped], at: datetime) -> Kept:
    """By the first state that was there at the moment and reaches what is due."""
    out = [each for each in states if each.published_at <= at]
    first = next((each for each in out if _reaches(each.through, thing.due)), None)
    told = Kept(target, thing.name, thing.due, thing.promised_at, None, State.UNKNOWN)
    unknown = _why_unknown(thing, states, out, first)
    if unknown:
        return replace(told, because=Reason(unknown, ""))
    if first is not None:
        state, late_by = judged(first.published_at, thing.promised_at, at)
        return replace(
            told, published_at=first.published_at, state=state, late_by=late_by, release_id=first.release
        )
    last = max(out, key=lambda each: each.published_at, default=None)
    name = table.name if thing.kind == VIEW else thing.name
    why = "it is released, and not published" if thing.published_at else "it is not released yet"
    return replace(
        told,
        state=judged(None, thing.promised_at, at)[0],
        readers_have=None if last is None else LastGood(last.through, last.release, last.published_at),
        because=Reason(why, f"roadside publish {name} --to {target}"),
    )


def _why_unknown(
    thing: Kept, states: Sequence[Shipped], out: Sequence[Shipped], first: Shipped | None
) -> str:
    """Why nobody can tell whether it was there by the promise; nothing where it was, or where one can."""
    if first is not None and first.published_at <= thing.promised_at:
        return ""
    if any(each.hides_earlier and each.published_at > thing.promised_at for each in states):
        return "the target has the newest state alone, put there later"
    nameless = [each for each in out if each.through is None and _may_hold(each, thing.due)]
    if any(first is None or each.published_at <= thing.promised_at for each in nameless):
        return "no release names the state that was put there"
    return ""


def _may_hold(state: Shipped, due: datetime | date) -> bool:
    """What was put there before a cut holds none of it."""
    return not isinstance(due, datetime) or state.published_at >= due


def _reaches(through: datetime | date | None, due: datetime | date) -> bool:
    """Both a cut's moment, or both a day."""
    if through is None:
        return False
    if isinstance(through, datetime) and isinstance(due, datetime):
        return through >= due
    return not isinstance(through, datetime) and not isinstance(due, datetime) and through >= due


@contextmanager
def _in_snowflake(settings: Settings, releases: Sequence[Release]) -> Iterator[Shelf]:
    database = settings.snowflake_database
    if database is None:
        raise SettingError(
            "ROADSIDE_SNOWFLAKE_DATABASE is not set; what was published to Snowflake cannot be told.",
            "Name the database that has the schemas ML and features, or ask with --no-publication.",
        )
    with open_session(settings) as session:
        audit = Audit(session, database)

        def shelf(thing: Kept, table: Table) -> Sequence[Shipped]:
            try:
                issued = audit.issued(place_of(table, database))
            except NotThere:  # nothing was ever published to this database
                return ()
            return list(from_audit(thing, table, issued, releases))

        yield shelf


def from_audit(
    thing: Kept, table: Table, issued: Iterable[Issued], releases: Sequence[Release]
) -> Iterator[Shipped]:
    """The publications of a table, in their order."""
    for each in issued:
        through = reached(thing, table, each.release, each.snapshot_id, releases)
        yield Shipped(through, each.release, each.published_at)


def reached(
    thing: Kept, table: Table, release: str, snapshot_id: int | None, releases: Sequence[Release]
) -> datetime | date | None:
    """The day or cut through which what is called so reaches; None if nobody can tell.

    A dataset's is `2026-03-01..2026-03-10`, a table's the id of a release; else its state tells. A state
    holds all that came out by its release: after a replay, a newer cut than that release's own.
    """
    if thing.kind != VIEW:
        try:
            return date.fromisoformat(release.partition(",")[0].rpartition("..")[2])
        except ValueError:
            return None
    mine = [each for each in releases if table.name in each.tables]
    named = [
        each.published_at
        for each in mine
        if each.release_id == release or (snapshot_id is not None and each.tables[table.name] == snapshot_id)
    ]
    return max((each.tick for each in mine if named and each.published_at <= max(named)), default=None)


@contextmanager
def _in_bucket(settings: Settings, releases: Sequence[Release]) -> Iterator[Shelf]:
    bucket = Bucket(settings)

    def shelf(thing: Kept, table: Table) -> Sequence[Shipped]:
        folder = Source(settings, table).folder
        standing = bucket.read(f"{folder}/{MANIFEST}")
        if standing is None:
            return ()
        put_at = {name: each.put_at for name, each in bucket.listing(folder).items()}
        return from_manifest(thing, table, json.loads(standing.content), put_at, releases)

    yield shelf


def from_manifest(
    thing: Kept,
    table: Table,
    manifest: dict[str, object],
    put_at: Mapping[str, datetime],
    releases: Sequence[Release],
) -> list[Shipped]:
    """The one state that a bucket has, by its manifest: put there last, and anew with every change."""
    since = put_at[MANIFEST]
    if thing.kind == VIEW:
        snapshot = manifest["snapshot_id"]
        release = str(manifest["release"])
        through = reached(thing, table, release, snapshot if isinstance(snapshot, int) else None, releases)
    else:
        days = manifest["days"]
        assert isinstance(days, dict)
        through = max((date.fromisoformat(day) for day in days), default=None)
        release = str(through)
    is_first = through == thing.due and _came_after_the_promise(thing, manifest, put_at)
    hides_earlier = not is_first and (through is None or _reaches(through, thing.due))
    return [Shipped(through, release, since, hides_earlier)]


def _came_after_the_promise(thing: Kept, manifest: dict[str, object], put_at: Mapping[str, datetime]) -> bool:
    """Whether no earlier state can have held by the promise what is due.

    It came out later itself; or the file of the day's first release was put there later.
    """
    if thing.published_at is not None and thing.published_at > thing.promised_at:
        return True
    days = manifest.get("days")
    day = days.get(str(thing.due), {}) if isinstance(days, dict) else {}
    file_put_at = put_at.get(day.get("object", ""))
    return day.get("release_number") == 1 and file_put_at is not None and file_put_at > thing.promised_at
