"""All that a quality report tells, gathered from the ledgers and Iceberg, without HTML and without Spark."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from lakehouse.catalog_reader import CatalogReader
from lakehouse.landing_ledger import LandingLedger
from lakehouse.ops import Ops
from lakehouse.settings import Settings
from roadside.quality_report.duplicates import Duplicates, duplicates
from roadside.quality_report.gates import Gates, gates
from roadside.quality_report.landed import Landed, landed
from roadside.quality_report.lateness import Lateness, lateness
from roadside.quality_report.null_bands import NullSeries, null_series
from roadside.quality_report.publication_strip import Strip, strips
from roadside.quality_report.refusals import Refusals, refusals
from roadside.quality_report.scope import Scope
from roadside.rendering import counted
from validation.errors import InputMissing
from validation.sources import SOURCES

LATE = ("late", "later", "latest")


@dataclass(frozen=True)
class Facts:
    """A report before it is drawn.

    Attributes:
        home: the folder of the platform.
        closed_through: by source, the last tick that gains no object any more.
    """

    home: str
    scope: Scope
    closed_through: dict[str, datetime | None]
    landed: tuple[Landed, ...]
    gates: Gates
    nulls: tuple[NullSeries, ...]
    lateness: tuple[Lateness, ...]
    duplicates: tuple[Duplicates, ...]
    strips: tuple[Strip, ...]
    refusals: tuple[Refusals, ...]

    @property
    def is_stopped(self) -> bool:
        """Whether a check stops a run now."""
        return bool(self.gates.of_state("stops"))

    @property
    def troubles(self) -> tuple[str, ...]:
        """What keeps something from its readers or is not accounted for, as parts of a sentence."""
        stopped, failed = len(self.gates.stopped_runs), len(self.gates.open_failures)
        held, unread = len(self.gates.held_views), sum(each.unread for each in self.landed)
        unbalanced = [each.source for each in self.landed if not each.is_balanced]
        told = [
            (stopped, f"{counted(stopped, 'run')} {_are(stopped)} stopped"),
            (failed, f"{counted(failed, 'other interval')} failed and {_are(failed)} not made since"),
            (held, f"{counted(held, 'view')} {_are(held)} held"),
            (unread, f"{counted(unread, 'object')} {'waits' if unread == 1 else 'wait'} to be read"),
            (len(unbalanced), f"{counted(len(unbalanced), 'source')} with lines not accounted for"),
        ]
        return tuple(text for is_so, text in told if is_so)

    @property
    def verdict(self) -> str:
        """One sentence for the person on call."""
        if self.troubles:
            return f"{'; '.join(self.troubles)}; nothing else."
        return "Nothing is stopped, failed or held; every line that landed is accounted for."

    @property
    def remarks(self) -> tuple[str, ...]:
        """What asks for a look, and stops nothing."""
        warned = len({(each.source, each.check_name) for each in self.gates.of_state("warns")})
        waiting = sum(each.waiting for each in self.refusals)
        late = sum(each.count(*LATE) for each in self.strips)
        cells = late + sum(each.count("in_time") for each in self.strips)
        drifted = len(self.gates.drift)
        told = [
            (warned, f"{counted(warned, 'check')} warned"),
            (
                waiting,
                f"{counted(waiting, 'refused line')} {'waits' if waiting == 1 else 'wait'} for an answer",
            ),
            (late, f"{late:,} of {counted(cells, 'instant')} came out late"),
            (drifted, f"{counted(drifted, 'feature')} drifted"),
        ]
        return tuple(text for is_so, text in told if is_so)


def newest_closed(ops: Ops) -> datetime:
    """The last tick that is closed for some source.

    Raises:
        InputMissing: none is.
    """
    ledger = LandingLedger(ops)
    closed = [each for source in SOURCES if (each := ledger.closed_through(source.name)) is not None]
    if not closed:
        raise InputMissing("No tick is closed yet: nothing was ingested.", "Run `roadside run` first.")
    return max(closed)


def gathered(settings: Settings, scope: Scope) -> Facts:
    """The facts of the scope.

    Raises:
        Unreachable: the ledgers cannot be read.
    """
    ops = Ops(settings.ops_url)
    ledger, reader = LandingLedger(ops), CatalogReader(settings)
    found = landed(ops, scope.sources, scope.interval)
    return Facts(
        home=str(settings.home),
        scope=scope,
        closed_through={name: ledger.closed_through(name) for name in scope.sources},
        landed=found,
        gates=gates(settings, ops, scope),
        nulls=null_series(ops, scope),
        lateness=lateness(reader, ops, scope),
        duplicates=duplicates(reader, ops, scope),
        strips=strips(settings, ops, scope),
        refusals=refusals(reader, ops, scope, {each.source: each.lines for each in found}),
    )


def day_before(end: datetime) -> datetime:
    """The start of a report that names none."""
    return end - timedelta(days=1)


def _are(number: int) -> str:
    return "is" if number == 1 else "are"
