"""Landed objects that the ledger has not seen: what the next run will register."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from lakehouse.landing_ledger import LandingLedger
from lakehouse.object_store import RELEASED, LandedObject, Misnamed, list_objects
from lakehouse.settings import Settings
from validation.clocks import TICK, Interval, tick_start
from validation.source import Source

STRAGGLER_HORIZON = timedelta(hours=48)  # as ingestion.register, whose package would bring Spark along
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def has_landing(settings: Settings) -> bool:
    """Whether the landing root is there; of a bucket that is taken for granted."""
    parts = urlsplit(settings.landing_uri)
    return parts.scheme != "file" or Path(parts.path).is_dir()


@dataclass(frozen=True)
class Backlog:
    """Landed objects the ledger lacks, and things among them that no run ever reads; in order of key."""

    waiting: tuple[LandedObject, ...] = ()
    misnamed: tuple[Misnamed, ...] = ()


def backlog(
    settings: Settings,
    ledger: LandingLedger | None,
    source: Source,
    until: datetime = _LAST,
    look_back: timedelta = STRAGGLER_HORIZON,
) -> Backlog:
    """What of the source landed with a stamp before `until` and is in no ledger.

    Looked for from the look-back before the last closed tick on, as a run would. Without a ledger, all.

    Raises:
        Unreachable: the landed objects cannot be listed.
    """
    if not has_landing(settings):
        return Backlog()
    closed = ledger.closed_through(source.name) if ledger else None
    since = _FIRST if closed is None else tick_start(closed - look_back)
    listed = list(list_objects(settings.landing_uri, source.name, since, until))
    found = [each for each in listed if isinstance(each, LandedObject)]
    known: set[str] = set()
    if ledger is not None and found:
        known = {entry.key for entry in ledger.objects(source.name, Interval(since, _LAST + TICK))}
    return Backlog(
        tuple(each for each in found if each.key not in known),
        tuple(each for each in listed if isinstance(each, Misnamed)),
    )


def newest_stamp(settings: Settings, source: str, since: datetime, until: datetime) -> datetime | None:
    """The newest stamp in [since, until] of an object that the source's producer landed; None without one.

    Asked of the landed objects, not of the ledger, which learns of them when a run reads them.

    Raises:
        Unreachable: the landed objects cannot be listed.
    """
    if not has_landing(settings):
        return None
    listed = list_objects(settings.landing_uri, source, since, until + timedelta(seconds=1))
    return max(
        (
            each.landed_at
            for each in listed
            if isinstance(each, LandedObject) and f"-{RELEASED}" not in each.key
        ),
        default=None,
    )
