"""Publishes datasets and features tables: each source to each target, one after the other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from lakehouse.leases import Leases
from lakehouse.ops import Ops
from lakehouse.run_ledger import S3, SNOWFLAKE, RunLedger
from lakehouse.sent_states import SentState, keep_sent
from lakehouse.settings import Settings
from roadside.handling import handled, known_time
from roadside.publication_sources import Source
from roadside.run_listeners import heard_of
from validation.errors import InputMissing, PermissionRefused, RoadsideError, SettingError, UnknownName
from warehouse.bucket import Bucket
from warehouse.connection import open_session
from warehouse.objects import MANIFEST, publish_objects
from warehouse.places import place_of
from warehouse.publication import CREATED, REPLACED, UNCHANGED, Publisher

TARGETS = (S3, SNOWFLAKE)
FAILED, KEPT_BACK, NOT_MADE = "failed", "kept back", "not made"
_WOULD = {CREATED: "would be created", REPLACED: "would be replaced", UNCHANGED: UNCHANGED}
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Published:
    """What became of one dataset or table at one target.

    Attributes:
        status: created, replaced, unchanged or failed; of a dry run, what it would be; kept back or
            not made, of what is not published.
        release: the state that the target holds, or would hold.
        rows: of that state; None where they were not counted.
        files: that were sent, or would be; None where that is not known before the rows are read.
        error: what kept it from being published.
    """

    name: str
    to: str
    status: str
    where: str = ""
    release: str = ""
    rows: int | None = None
    files: int | None = None
    bytes: int | None = None
    error: RoadsideError | None = None


def targets(settings: Settings, asked: Iterable[str]) -> list[str]:
    """Where to: what was asked for, or all that the settings name.

    Raises:
        UnknownName: there is no such target.
        SettingError: nothing was asked for, and the settings name nothing.
    """
    chosen = list(dict.fromkeys(asked))
    for each in chosen:
        if each not in TARGETS:
            raise UnknownName("target", each, TARGETS)
    named = {S3: settings.publish_uri, SNOWFLAKE: settings.snowflake_connection}
    chosen = chosen or [target for target in TARGETS if named[target]]
    if not chosen:
        raise SettingError(
            "The settings name nowhere to publish to.",
            "Set ROADSIDE_PUBLISH_URI for S3; ROADSIDE_SNOWFLAKE_CONNECTION and ROADSIDE_SNOWFLAKE_DATABASE "
            "for Snowflake.",
        )
    return chosen


def left_out(source: Source) -> Published | None:
    """Why the source is not published, if it is not: it never leaves, or nothing of it was made."""
    try:
        source.outgoing  # noqa: B018, asked for its errors
    except PermissionRefused as error:
        return Published(source.name, "", KEPT_BACK, error=error)
    except InputMissing as error:
        return Published(source.name, "", NOT_MADE, error=error)
    except RoadsideError:  # told where it is published
        return None
    return None


def publish(
    settings: Settings, source: Source, target: str, *, dry_run: bool, progress: Progress
) -> Published:
    """The source at the target; what kept it from there is in the result, and raised by nobody.

    Kept in the ledger as a run of `<target>.<table>`, but for a dry run, for what never leaves or is not made
    yet, and for what another publishes. Its known time is what the ledger has of the table as it is sent, its
    rows are those that the target then holds; files and bytes are what was sent, 0 where all was there. The
    state that is sent is kept with it: a table's snapshot, a dataset's release and manifest.
    """
    to = _to_s3 if target == S3 else _to_snowflake
    if why := left_out(source):  # what there is nothing of needs no other told
        return replace(why, to=target, status=FAILED)
    try:
        if dry_run:
            return to(settings, source, dry_run, progress)
        return _kept(settings, source, target, lambda: to(settings, source, dry_run, progress))
    except RoadsideError as error:
        return Published(source.name, target, FAILED, error=error)


def _kept(settings: Settings, source: Source, target: str, send: Callable[[], Published]) -> Published:
    """What is sent while no other publishes the table here, kept as a run.

    Raises:
        Busy: another publishes it.
    """
    ops, name = Ops(settings.ops_url), source.table.name
    runs = RunLedger(ops, _wall_clock, heard_of(settings))
    with (
        Leases(ops, _wall_clock).publishing(f"publication of {name}"),
        handled(runs, f"{target}.{name}", known_time(ops, name, _wall_clock())) as work,
    ):
        outgoing = source.outgoing
        if outgoing.snapshot_id is not None:
            work.read({name: outgoing.snapshot_id})
        if work.run is not None and outgoing.digest is not None:
            keep_sent(ops, work.run.run_id, SentState(outgoing.release, outgoing.digest))
        sent = send()
        work.leaves(snapshot_id=outgoing.snapshot_id, rows=sent.rows, files=sent.files, size_bytes=sent.bytes)
    return sent


def _to_s3(settings: Settings, source: Source, dry_run: bool, progress: Progress) -> Published:
    bucket = Bucket(settings)
    where = f"{bucket.uri}/{source.folder}/"
    if source.spec is None and (known := _standing_table(bucket, source, dry_run, progress)):
        return known
    shipment = source.shipment(progress)
    sent = publish_objects(bucket, shipment, dry_run=dry_run, progress=progress)
    rows = source.outgoing.rows if source.spec else source.batch(progress).rows
    status = _WOULD[sent.status] if dry_run else sent.status
    return Published(source.name, S3, status, where, source.outgoing.release, rows, sent.files, sent.bytes)


def _standing_table(bucket: Bucket, source: Source, dry_run: bool, progress: Progress) -> Published | None:
    """The table in the bucket if it has these rows, by its state or by their digest; None if they are to go.

    Of a dry run always an answer: nothing is known of a table's files before its rows are read.
    """
    where, outgoing = f"{bucket.uri}/{source.folder}/", source.outgoing
    standing = bucket.read(f"{source.folder}/{MANIFEST}")
    held = json.loads(standing.content) if standing else None
    if held and set(held["files"]) <= bucket.listing(source.folder).keys():
        is_same = held["snapshot_id"] == outgoing.snapshot_id
        if is_same or (not dry_run and held["digest"] == source.batch(progress).digest):
            return Published(source.name, S3, UNCHANGED, where, held["release"], held["rows"], 0, 0)
    if dry_run:
        return Published(source.name, S3, _WOULD[REPLACED if held else CREATED], where, outgoing.release)
    return None


def _to_snowflake(settings: Settings, source: Source, dry_run: bool, progress: Progress) -> Published:
    outgoing = source.outgoing
    if settings.snowflake_database is None:
        raise SettingError(
            "ROADSIDE_SNOWFLAKE_DATABASE is not set; publishing to Snowflake needs it.",
            "Name the database that has the schemas ML and features.",
        )
    place = place_of(source.table, settings.snowflake_database)
    where = str(place)
    with open_session(settings) as session:
        publisher = Publisher(session, settings.snowflake_database, settings.principal)
        standing = publisher.standing(place)
        if standing.published and standing.holds(outgoing):
            held = standing.published
            return Published(source.name, SNOWFLAKE, UNCHANGED, where, held.release, held.rows, 0, 0)
        if dry_run:
            status = _WOULD[REPLACED if standing.columns else CREATED]
            return Published(source.name, SNOWFLAKE, status, where, outgoing.release, outgoing.rows)
        batch = source.batch(progress)
        done = publisher.publish(place, batch, standing, progress)
    files = () if done.status == UNCHANGED else batch.parts
    size = sum(path.stat().st_size for path in files)
    return Published(source.name, SNOWFLAKE, done.status, where, done.release, done.rows, len(files), size)


def _wall_clock() -> datetime:
    return datetime.now(UTC)
