"""Why a landed line, or a whole object, is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple


class Reason(Enum):
    """Each value says what is wrong and what to do next. Declared in order of precedence."""

    EMPTY_OBJECT = (
        "The object has no bytes at all; a heartbeat is a gzip member (or CSV header) without lines. "
        "Ask the producer to land it again."
    )
    UNKNOWN_FORMAT = (
        "The object's extension is none that is read (json, jsonl, csv, each plain or .gz, and parquet). "
        "Land it again under the right name."
    )
    NOT_GZIP = "The object is named .gz and is no gzip. Land it again compressed, or named for what it is."
    NOT_PARQUET = (
        "The object is named .parquet and cannot be read as Parquet. Ask the producer to land it again."
    )
    BAD_HEADER = (
        "The first line is no header of this source: no column that the contract has, or one twice. "
        "Land it again with a header, or add the columns to the source's contract."
    )
    TRUNCATED = (
        "The object is cut short; the lines before the cut were kept. "
        "Land it again whole: lines that came through are told apart as resends."
    )
    DAMAGED = (
        "The object's bytes fail their checksum from here on, so no line after this can be trusted. "
        "Land it again: lines that came through are told apart as resends."
    )
    TRAILING_BYTES = (
        "The object goes on after its last gzip member with bytes that are no gzip; its lines were kept. "
        "Ask the producer what the bytes are, and land what is missing."
    )
    TOO_LONG = (
        "The line is longer than 1 MiB. Its first MiB is kept here; "
        "ask the producer to send one record a line, and to send this one again."
    )
    WRONG_ENCODING = "The line is not UTF-8. Ask the producer to write UTF-8 and to send the line again."
    NOT_JSON = "The line is not JSON. Ask the producer to send it again, one whole record a line."
    NOT_AN_OBJECT = (
        "The line is JSON but no object (an array or a bare value). "
        "Ask the producer to send one object a line."
    )
    TOO_DEEP = "The record is nested more than 254 levels deep. Ask the producer to send it flat."
    NOT_CSV = (
        "The line is no CSV record on its own: a quote is not closed or stands inside a value. "
        "Ask the producer to quote values whole and to leave line breaks out of them."
    )
    WRONG_COLUMN_COUNT = (
        "The line has more or fewer values than the header has columns. Ask the producer to send it again."
    )
    MISSING_FIELD = (
        "A required field is absent, null or empty. Ask the producer to send it; "
        "if it may be absent from now on, relax it in the source's contract."
    )
    TWO_VALUES = (
        "The field stands there twice, under two names that the contract knows, with different values. "
        "Ask the producer which of them is meant, and to send that one only."
    )
    WRONG_TYPE = (
        "The value is of another type than the contract's. Ask the producer to send that type; "
        "if the type has changed for good, the contract needs a new version."
    )
    NOT_FINITE = "The number is infinite or not a number. Ask the producer to leave the field out instead."
    NOT_A_TIME = "The value is no ISO-8601 time. Ask the producer to write 2026-03-10T17:00:00Z."
    NO_TIME_ZONE = (
        "The time has no offset, so its instant is unknown. Ask the producer to write it in UTC with a Z."
    )
    OUT_OF_BOUNDS = (
        "The value is outside the contract's bounds (or those of its type). "
        "Look for a changed unit or swapped fields at the producer."
    )
    AHEAD = (
        "The event, or what the contract says is past, is later than its landing by more than it allows. "
        "Look at the producer's clock and at the time zone it writes."
    )

    TURNED_AWAY = (
        "A check stopped the run that read this object, and a person refused the object whole. "
        "Ask the producer to land it again and settle these lines; or release them as they are."
    )

    @property
    def code(self) -> str:
        """The reason as it stands in `quarantine.<source>.reason`, such as not_json."""
        return self.name.lower()


@dataclass(frozen=True)
class Fix:
    """What a person does about a reason, and what they type for it.

    Attributes:
        commands: `{source}` stands for the source's name; words in capitals are theirs to fill in.
    """

    what: str
    commands: tuple[str, ...]

    def commands_for(self, source: str) -> tuple[str, ...]:
        """The commands for lines of one source."""
        return tuple(command.replace("{source}", source) for command in self.commands)


def _landed_again(reason: Reason, what: str) -> Fix:
    """Of what only its producer can mend: see which objects, and settle them once they came again."""
    return Fix(
        what,
        (
            f"roadside quarantine show {{source}} --reason {reason.code}",
            "roadside quarantine settle {source} --object KEY --why 'landed again'",
        ),
    )


def _read_anew(reason: Reason, what: str) -> Fix:
    """Of what a contract decides: see what it should say, and judge the lines by it once it does."""
    return Fix(
        what,
        (
            "roadside contracts infer {source}",
            f"roadside quarantine replay {{source}} --reason {reason.code} --dry-run",
        ),
    )


FIXES: Mapping[Reason, Fix] = {
    Reason.EMPTY_OBJECT: _landed_again(
        Reason.EMPTY_OBJECT,
        "Ask the producer for the object again; a heartbeat has bytes, if no lines.",
    ),
    Reason.UNKNOWN_FORMAT: _landed_again(
        Reason.UNKNOWN_FORMAT, "Have it landed again under a name that ends in a format that is read."
    ),
    Reason.NOT_GZIP: _landed_again(
        Reason.NOT_GZIP, "Have it landed again, compressed or without .gz in its name."
    ),
    Reason.NOT_PARQUET: _landed_again(Reason.NOT_PARQUET, "Have the file written and landed again."),
    Reason.BAD_HEADER: _read_anew(
        Reason.BAD_HEADER, "Compare the header with the contract; add what was renamed as an alias."
    ),
    Reason.TRUNCATED: _landed_again(
        Reason.TRUNCATED, "Have the object landed again whole; look whether the producer's upload breaks off."
    ),
    Reason.DAMAGED: _landed_again(
        Reason.DAMAGED, "Have the object landed again; look at the disk or the network that it came over."
    ),
    Reason.TRAILING_BYTES: _landed_again(
        Reason.TRAILING_BYTES, "Ask the producer what the bytes after the end are, and for what is missing."
    ),
    Reason.TOO_LONG: _landed_again(
        Reason.TOO_LONG, "Ask for one record a line; a line over 1 MiB is mostly an array of records."
    ),
    Reason.WRONG_ENCODING: _landed_again(
        Reason.WRONG_ENCODING, "Ask the producer to write UTF-8, and to send the lines again."
    ),
    Reason.NOT_JSON: _landed_again(
        Reason.NOT_JSON, "Ask the producer to send the lines again, one whole record a line."
    ),
    Reason.NOT_AN_OBJECT: _landed_again(
        Reason.NOT_AN_OBJECT,
        "Ask the producer for one object a line; not for arrays or bare values.",
    ),
    Reason.TOO_DEEP: _landed_again(Reason.TOO_DEEP, "Ask the producer for flat records."),
    Reason.NOT_CSV: _landed_again(
        Reason.NOT_CSV, "Ask the producer to quote values whole, without line breaks in them."
    ),
    Reason.WRONG_COLUMN_COUNT: _landed_again(
        Reason.WRONG_COLUMN_COUNT, "Ask for the lines again with as many values as the header has columns."
    ),
    Reason.MISSING_FIELD: _read_anew(
        Reason.MISSING_FIELD,
        "See whether the field was renamed (an alias mends it) or stopped; relax it if it may be absent.",
    ),
    Reason.TWO_VALUES: _landed_again(
        Reason.TWO_VALUES, "Ask the producer which of the two names it means, and for the lines again."
    ),
    Reason.WRONG_TYPE: _read_anew(
        Reason.WRONG_TYPE, "If the type changed for good, give the contract a version; else ask for the old."
    ),
    Reason.NOT_FINITE: _landed_again(
        Reason.NOT_FINITE, "Ask the producer to leave the field out where it has no number."
    ),
    Reason.NOT_A_TIME: _read_anew(
        Reason.NOT_A_TIME, "Ask for ISO-8601 times, or let a version of the contract read the new form."
    ),
    Reason.NO_TIME_ZONE: _landed_again(
        Reason.NO_TIME_ZONE, "Ask the producer to write times in UTC with a Z; no offset is guessed here."
    ),
    Reason.OUT_OF_BOUNDS: _read_anew(
        Reason.OUT_OF_BOUNDS,
        "Look for a changed unit or swapped fields; else widen the bounds.",
    ),
    Reason.AHEAD: _landed_again(
        Reason.AHEAD, "Have the producer's clock and time zone set right, and the records sent again."
    ),
    Reason.TURNED_AWAY: Fix(
        "Have the objects landed again and settle these lines; or let them in as they are.",
        (
            "roadside quarantine settle {source} --object KEY --why 'landed again'",
            f"roadside quarantine replay {{source}} --reason {Reason.TURNED_AWAY.code} --dry-run",
        ),
    ),
}
"""What to do about each reason; a test holds that none lacks."""

RANKS = {reason: rank for rank, reason in enumerate(Reason)}


class Problem(NamedTuple):
    """One reason, and the path of the field at fault where one is."""

    reason: Reason
    field: str | None = None

    def __str__(self) -> str:
        return self.reason.value if self.field is None else f"{self.field}: {self.reason.value}"


def ordered(problems: Sequence[Problem]) -> list[Problem]:
    """The problems in order of precedence; those of one reason stay in the contract's order."""
    return sorted(problems, key=lambda problem: RANKS[problem.reason])
