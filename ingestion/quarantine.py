"""Refused lines that wait: what today's contract says of them, and their way back as a landed object.

A line is judged once, when it lands, and what was published without it stays. Released, it lands again in
an object of its own, stamped with the release: it is known from that tick on, like any line that came late.
What cannot be read as a line (an empty object, a cut one) comes back only from its producer.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from ingestion.objects import Line, ObjectReader
from ingestion.reasons import Problem, Reason, ordered
from ingestion.records import Contract, Record
from ingestion.rows import contract_of, line_context, quarantine_table, record_of
from lakehouse.catalog_reader import CatalogReader
from lakehouse.object_store import put_object, released_key
from lakehouse.ops import Ops
from lakehouse.quarantine_ledger import Answer, Place, QuarantineLedger
from lakehouse.settings import Settings
from lakehouse.vault import Vault, handle_of, vault_of
from validation.errors import CheckFailed, InputMissing, UnknownName
from validation.source import Source

_SHOWN = (
    "source_object",
    "source_line",
    "landed_at",
    "known_at",
    "contract_version",
    "reason",
    "reason_text",
    "field_name",
    "byte_count",
)
WHOLE_OBJECT = frozenset(
    {
        Reason.EMPTY_OBJECT,
        Reason.UNKNOWN_FORMAT,
        Reason.NOT_GZIP,
        Reason.NOT_PARQUET,
        Reason.BAD_HEADER,
        Reason.TRUNCATED,
        Reason.DAMAGED,
        Reason.TRAILING_BYTES,
        Reason.TOO_LONG,
    }
)
"""What was refused is no whole line: its producer lands it again, or a person settles it."""


@dataclass(frozen=True)
class Refused:
    """One refused line (or object, line 0) that has no answer yet."""

    source: str
    key: str
    line: int
    landed_at: datetime
    known_at: datetime
    contract_version: int
    reason: Reason
    text: str
    field_name: str | None
    byte_count: int
    sealed: bytes | None = field(default=None, repr=False)

    @property
    def place(self) -> Place:
        """The line, as the ledger names it."""
        return self.key, self.line


@dataclass(frozen=True)
class Reviewed:
    """What today's contract says of refused lines.

    Attributes:
        passing: lines that may enter now, by the header they are read under (None: not CSV), with the
            moments of their events.
        staying: those that may not, with the first reason of each.
    """

    passing: Mapping[tuple[str, ...] | None, list[tuple[Refused, bytes, datetime]]]
    staying: Sequence[tuple[Refused, Reason]]

    @property
    def passing_lines(self) -> list[Refused]:
        """Those that may enter, in order of object and line."""
        found = [line for lines in self.passing.values() for line, _, _ in lines]
        return sorted(found, key=lambda line: line.place)

    @property
    def moments(self) -> list[datetime]:
        """When what they tell of happened, in order."""
        return sorted(at for lines in self.passing.values() for _, _, at in lines)

    def late(self, source: Source, known_at: datetime) -> int:
        """How many of them are too old, known then, to enter a state or a feature."""
        return sum(at < known_at - source.late for at in self.moments)


@dataclass(frozen=True)
class Released:
    """One object of released lines, as it was written."""

    answer: Answer
    lines: int


def waiting(
    settings: Settings,
    source: Source,
    *,
    reason: str | None = None,
    key: str | None = None,
    line: int | None = None,
    is_sealed_wanted: bool = False,
) -> list[Refused]:
    """The source's refused lines without an answer, in order of object and line.

    Raises:
        UnknownName: there is no such reason.
        InputMissing: nothing was ingested yet.
    """
    keys = {}
    if reason is not None:
        known = {each.code for each in Reason}
        if reason not in known:
            raise UnknownName("reason", reason, known)
        keys["reason"] = reason
    if key is not None:
        keys["source_object"] = key
    columns = [*_SHOWN, *(["sealed_line"] if is_sealed_wanted else [])]
    rows = CatalogReader(settings).rows(quarantine_table(source), columns, keys=keys).to_pylist()
    answered = QuarantineLedger(Ops(settings.ops_url)).places(source.name)
    found = [
        Refused(
            source.name,
            row["source_object"],
            row["source_line"],
            row["landed_at"],
            row["known_at"],
            row["contract_version"],
            Reason[row["reason"].upper()],
            row["reason_text"],
            row["field_name"],
            row["byte_count"],
            row.get("sealed_line"),
        )
        for row in rows
    ]
    return sorted(
        (each for each in found if each.place not in answered and line in (None, each.line)),
        key=lambda each: each.place,
    )


def opened(settings: Settings, line: Refused) -> bytes:
    """The line as it landed, at most its first MiB.

    Raises:
        InputMissing: its key was destroyed.
    """
    return _opened(vault_of(handle_of(settings)), line)


def reviewed(settings: Settings, source: Source, lines: Sequence[Refused], landed_at: datetime) -> Reviewed:
    """The lines judged by today's contract, as if they landed then; they need their sealed bytes.

    What a person turned away stays, unless the lines are all of that kind: it is asked for by its reason.
    """
    is_asked_for = all(line.reason is Reason.TURNED_AWAY for line in lines)
    contract, vault = contract_of(source), vault_of(handle_of(settings))
    headers = _Headers(settings, contract)
    passing: dict[tuple[str, ...] | None, list[tuple[Refused, bytes, datetime]]] = {}
    staying: list[tuple[Refused, Reason]] = []
    for line in lines:
        is_refused = line.reason is Reason.TURNED_AWAY and not is_asked_for
        if line.line == 0 or line.reason in WHOLE_OBJECT or is_refused:
            staying.append((line, line.reason))
            continue
        header = headers.of(line.key)
        if header is _GONE:
            staying.append((line, line.reason))
            continue
        raw = _opened(vault, line)
        verdict = _judged(contract, Line(line.line, raw), header, landed_at)
        if isinstance(verdict, Problem):
            staying.append((line, verdict.reason))
        else:
            passing.setdefault(header, []).append((line, raw, verdict))
    return Reviewed(passing, staying)


def release(
    settings: Settings, source: Source, review: Reviewed, landed_at: datetime, why: str
) -> list[Released]:
    """The passing lines written as landing objects, one per header, each answered for good.

    Killed between the two, the next call of `finish_begun` writes what is missing.

    Raises:
        Busy: another person answered one of the lines meanwhile.
    """
    ledger = QuarantineLedger(Ops(settings.ops_url))
    found = []
    for header, lines in review.passing.items():
        places = [line.place for line, _, _ in lines]
        answer_id = _answer_id(places)
        form = "json.gz" if header is None else "csv.gz"
        key = released_key(source.name, landed_at, answer_id, form)
        answer = Answer(answer_id, source.name, key, settings.principal, why, landed_at, is_done=False)
        ledger.begin(answer, places)
        _write(settings, key, header, [raw for _, raw, _ in lines])
        ledger.finish(answer_id)
        found.append(Released(replace(answer, is_done=True), len(lines)))
    return found


def settle(settings: Settings, source: Source, lines: Sequence[Refused], now: datetime, why: str) -> Answer:
    """Keep that these lines need not enter: their producer landed them again, say."""
    places = [line.place for line in lines]
    answer = Answer(_answer_id(places), source.name, None, settings.principal, why, now, is_done=True)
    QuarantineLedger(Ops(settings.ops_url)).begin(answer, places)
    return answer


def finish_begun(settings: Settings, source: Source) -> list[Answer]:
    """Write the objects of releases that were begun and not ended; the answers that are done by it.

    Raises:
        CheckFailed: lines of one are no longer in quarantine, or the object that their header stood in is
            gone.
    """
    ledger = QuarantineLedger(Ops(settings.ops_url))
    begun = [each for each in ledger.answers(source.name) if not each.is_done and each.object_key]
    if not begun:
        return []
    answered = ledger.places(source.name)
    rows = CatalogReader(settings).rows(
        quarantine_table(source), ("source_object", "source_line", "sealed_line")
    )
    vault, headers = vault_of(handle_of(settings)), _Headers(settings, contract_of(source))
    for answer in begun:
        lines = sorted(
            (row["source_object"], row["source_line"], row["sealed_line"])
            for row in rows.to_pylist()
            if answered.get((row["source_object"], row["source_line"])) == answer.answer_id
        )
        begun_with = sum(each == answer.answer_id for each in answered.values())
        if len(lines) < begun_with:
            raise CheckFailed(
                f"Of {begun_with} lines released into {answer.object_key} {len(lines)} are still there.",
                "It was begun and not written; ask their producer to land the lines again.",
            )
        header = headers.of(lines[0][0])
        if header is _GONE:
            raise CheckFailed(
                f"The header of {begun_with} lines released into {answer.object_key} is gone with the object "
                "that it stood in.",
                "It was begun and not written; ask their producer to land the lines again.",
            )
        raw = [vault.open(sealed, line_context(source.name)) for _, _, sealed in lines]
        assert answer.object_key is not None
        _write(settings, answer.object_key, header, raw)
        ledger.finish(answer.answer_id)
    return [replace(each, is_done=True) for each in begun]


def counted(lines: Iterable[Refused]) -> list[tuple[str, Reason, str | None, int, int, datetime, datetime]]:
    """(source, reason, field, lines, objects, first and last landing), the most lines first."""
    lines = list(lines)
    counts = Counter((line.source, line.reason, line.field_name) for line in lines)
    found = []
    for (source, reason, of_field), count in counts.items():
        kind = (source, reason, of_field)
        of_kind = [line for line in lines if (line.source, line.reason, line.field_name) == kind]
        landed = [line.landed_at for line in of_kind]
        objects = len({line.key for line in of_kind})
        found.append((source, reason, of_field, count, objects, min(landed), max(landed)))
    return sorted(found, key=lambda each: (-each[3], each[0], each[1].code, each[2] or ""))


_GONE = ("",)


class _Headers:
    """The header of each CSV object, read from the object once; None of other objects."""

    def __init__(self, settings: Settings, contract: Contract) -> None:
        self._settings = settings
        self._columns = contract.field_names
        self._known: dict[str, tuple[str, ...] | None] = {}

    def of(self, key: str) -> tuple[str, ...] | None:
        """The header, _GONE of a CSV object that is no longer there."""
        if key.removesuffix(".gz").rpartition(".")[2] != "csv":
            return None
        if key not in self._known:
            reader = ObjectReader(self._settings.landing_uri, key, self._columns)
            try:
                next(iter(reader.pieces()), None)
            except InputMissing:
                self._known[key] = _GONE
            else:
                self._known[key] = reader.header or _GONE
        return self._known[key]


def _judged(
    contract: Contract, line: Line, header: tuple[str, ...] | None, landed_at: datetime
) -> datetime | Problem:
    """The moment of the line's event if it may enter; else its first problem."""
    record: Record | Problem = record_of(contract, line, header)
    if isinstance(record, Problem):
        return record
    judgement = contract.judge([record], landed_at)
    if judgement.problems:
        return ordered(judgement.problems[0])[0]
    moment: datetime = judgement.columns[contract.source.timestamp][0].as_py()
    return moment


def _opened(vault: Vault, line: Refused) -> bytes:
    return vault.open(line.sealed, line_context(line.source)) if line.sealed else b""


def _write(settings: Settings, key: str, header: tuple[str, ...] | None, lines: Sequence[bytes]) -> None:
    whole = [line.rstrip(b"\r\n") for line in lines]
    if header is not None:
        text = io.StringIO()
        csv.writer(text, lineterminator="").writerow(header)
        whole.insert(0, text.getvalue().encode())
    put_object(settings.landing_uri, key, gzip.compress(b"".join(line + b"\n" for line in whole), mtime=0))


def _answer_id(places: Sequence[Place]) -> str:
    """Names the lines: of the same lines the same, so that two releases of them meet in one row."""
    told = "\n".join(f"{key} {line}" for key, line in sorted(places))
    return hashlib.sha256(told.encode()).hexdigest()[:24]
