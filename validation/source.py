"""What a landing source promises: fields, types, vocabularies, horizons, and whose data it is.

The contract decides validity once, at ingestion (`ingestion.records`), under its version.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

from validation.columns import COLUMNS
from validation.contract import Type
from validation.errors import Defect
from validation.feed_checks import FeedCheck

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
FARTHEST = timedelta(days=5 * 366)
"""No record's moment lies before the one, or further than the other past its landing: what does is a
sentinel (9999-12-31, 0001-01-01) or a slip of the pen, and is quarantined."""


class Treatment(Enum):
    """What becomes of a field's value on its way into bronze."""

    PLAIN = "stands in its column"
    TOKEN = "its column holds a token salted per subject; the value is sealed"
    SEALED = "only in the sealed payload"


@dataclass(frozen=True)
class Field:
    """One field of a landed record.

    Attributes:
        path: dotted path in the record.
        column: bronze column, or None when the value is only sealed.
        subject: kind of subject whose salt makes the token (`member`, `driver`).
        vocabulary: values the contract lists; others are kept, flagged and counted.
        low, high: closed bounds; outside, the record is quarantined.
        is_past: a moment that has come when the record lands; if it is later than the source's `ahead`
            past the landing, the record is quarantined. The source's timestamp always is.
        aliases: other paths under which the same value, in the same unit, may arrive: a producer renamed
            the field, or moved it into another object. The first of path and aliases that is neither absent
            nor null nor empty is the value; where two differ, the record is quarantined.
    """

    path: str
    column: str | None
    required: bool = False
    treatment: Treatment = Treatment.PLAIN
    subject: str = ""
    vocabulary: frozenset[str] = frozenset()
    low: float | None = None
    high: float | None = None
    is_past: bool = False
    aliases: tuple[str, ...] = ()

    @property
    def type(self) -> Type:
        """Type of the landed value (tokens are made from strings)."""
        if self.column is None or self.treatment is Treatment.TOKEN:
            return Type.STRING
        return COLUMNS[self.column].type


@dataclass(frozen=True)
class Place:
    """A coordinate pair that becomes an H3 r7 zone."""

    latitude: str
    longitude: str
    column: str


@dataclass(frozen=True)
class Source:
    """A landing source's contract.

    Attributes:
        name: folder under `landing/` and name of its bronze and quarantine tables.
        version: contract version recorded with every row.
        timestamp: path of the field that is the record's `event_timestamp`.
        subjects: (kind, key paths), the first whose paths are all present owns the sealed payload.
        late: events older than this when known enter no state and no feature.
        ahead: events (and other moments that are past) later than this past their landing are quarantined.
        heartbeat: the producer sends an object, be it empty, in each such slot of a tick; a tick that
            lacks one is held (`lakehouse.completeness`). It divides 15 minutes, or is longer.
        checks: what the feed is held to by its own past (`validation.feed_checks`).
        checked_over: the span before each tick that they look at: long enough to hold some rows.
    """

    name: str
    version: int
    timestamp: str
    fields: tuple[Field, ...]
    subjects: tuple[tuple[str, tuple[str, ...]], ...]
    late: timedelta
    places: tuple[Place, ...] = ()
    ahead: timedelta = timedelta(hours=1)
    heartbeat: timedelta = timedelta(minutes=5)
    checks: tuple[FeedCheck, ...] = ()
    checked_over: timedelta = timedelta(hours=1)

    def __post_init__(self) -> None:
        names = [check.name for check in self.checks]
        if len(set(names)) < len(names):
            raise Defect(f"{self.name}: two checks have one name, of {', '.join(sorted(names))}.")
        paths = [path for each in self.fields for path in (each.path, *each.aliases)]
        for alias in (alias for each in self.fields for alias in each.aliases):
            others = [path for path in paths if _is_within(alias, path) or _is_within(path, alias)]
            if len(others) > 1:
                raise Defect(
                    f"{self.name}: the alias {alias} stands for two values: it is, holds or lies in "
                    f"{', '.join(sorted(path for path in others if path != alias)) or 'itself'}.",
                    f"A path names one field in validation/sources/{self.name}.py.",
                )


def _is_within(path: str, container: str) -> bool:
    return path == container or path.startswith(f"{container}.")


def plain(*names: str) -> tuple[Field, ...]:
    """Optional fields that stand in the column of the same name."""
    return tuple(Field(name, name) for name in names)


def required(*names: str) -> tuple[Field, ...]:
    """Required fields that stand in the column of the same name."""
    return tuple(Field(name, name, required=True) for name in names)


def sealed(*paths: str) -> tuple[Field, ...]:
    """Fields that stand in the sealed payload only."""
    return tuple(Field(path, None, treatment=Treatment.SEALED) for path in paths)
