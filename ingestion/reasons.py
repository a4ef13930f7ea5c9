"""Why a landed line, or a whole object, is refused."""

from __future__ import annotations

from collections.abc import Sequence
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
