"""What has landed and is not in the ledger yet, registered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lakehouse.landing_ledger import LandingLedger, LedgerEntry
from lakehouse.object_store import LandedObject, Misnamed, list_objects
from lakehouse.ops import Ops
from lakehouse.settings import Settings
from validation.source import Source

STRAGGLER_HORIZON = timedelta(hours=48)
"""How long after its stamp an object may appear and still be found by an ordinary run."""

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Registered:
    """What one listing found.

    Attributes:
        entries: objects new to the ledger, in order of (known_at, key).
        misnamed: things among the landed objects that are never read, for the run to report.
    """

    entries: tuple[LedgerEntry, ...]
    misnamed: tuple[Misnamed, ...]


def register_landed(
    settings: Settings,
    source: Source,
    until: datetime,
    archive: bool = False,
    look_back: timedelta = STRAGGLER_HORIZON,
) -> Registered:
    """Register the source's landed objects stamped before `until` that the ledger has not seen.

    Lists the hours from the look-back before the last closed tick on, so the cost does not grow with
    history; all of them while no tick is closed, and for an archive. A straggler older than that is
    found by a call that looks back further, and is known at the tick that found it. Does not close
    the tick: the run does, once the objects are in bronze.

    Raises:
        InputMissing: the landing root is not there.
        Unreachable: the store or the ledger does not answer.
        UserError: until is off the 15-minute grid, or an archive meets ticks that hold objects.
    """
    ledger = LandingLedger(Ops(settings.ops_url))
    closed = None if archive else ledger.closed_through(source.name)
    first = _BEGINNING if closed is None else closed - look_back
    misnamed: list[Misnamed] = []
    found = list_objects(settings.landing_uri, source.name, first, until)
    entries = ledger.register(source.name, _named(found, misnamed), until, archive)
    return Registered(tuple(entries), tuple(misnamed))


def _named(found: Iterable[LandedObject | Misnamed], misnamed: list[Misnamed]) -> Iterable[LandedObject]:
    for each in found:
        if isinstance(each, Misnamed):
            misnamed.append(each)
        else:
            yield each
