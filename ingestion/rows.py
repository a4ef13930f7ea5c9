"""The rows of one landed object: records for bronze, refused lines for quarantine, one summary.

All three kinds share one wide schema, so that one pass over an object feeds both tables and the
ledger. Direct identifiers become tokens here and go into ciphertext under their subject's own key;
after this point nothing personal stands in the clear.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import compress
from traceback import extract_tb
from typing import Any

import orjson
import pyarrow as pa

from ingestion.measuring import counted
from ingestion.objects import BOM, MAX_LINE_BYTES, Line, ObjectReader, Piece, Refusal, Row
from ingestion.reasons import Problem, Reason, ordered
from ingestion.records import Contract, Judgement, Placed, Record, canonical_json, nested, zone
from lakehouse.landing_ledger import LedgerEntry, ObjectStatus
from lakehouse.vault import Subject, Vault, content_digest
from validation.clocks import known_date
from validation.contract import Table, Type
from validation.contracts import table_named
from validation.errors import Defect, RoadsideError
from validation.feed_checks import DAMAGED, OBJECTS, REFUSED
from validation.source import Field, Source, Treatment

RECORD, QUARANTINED, OBJECT = "record", "quarantined", "object"
"""Values of `kind`: a row of bronze, a row of quarantine, the summary of an object."""

CHUNK_LINES = 10_000
CHUNK_BYTES = 8 << 20

_CACHED_TOKENS = 100_000

_ARROW_TYPES = {
    Type.STRING: pa.string(),
    Type.LONG: pa.int64(),
    Type.INT: pa.int32(),
    Type.DOUBLE: pa.float64(),
    Type.BOOLEAN: pa.bool_(),
    Type.TIMESTAMP: pa.timestamp("us", tz="UTC"),
    Type.DATE: pa.date32(),
    Type.BINARY: pa.binary(),
    Type.STRINGS: pa.list_(pa.string()),
}


def bronze_table(source: Source) -> Table:
    """The contract of the source's bronze table."""
    return table_named(f"bronze.{source.name}")


def quarantine_table(source: Source) -> Table:
    """The contract of the source's quarantine table."""
    return table_named(f"quarantine.{source.name}")


def payload_context(source_name: str) -> bytes:
    """What a sealed payload is bound to; silver carries the payload on, so no layer is named."""
    return f"{source_name}.sealed_payload".encode()


def line_context(source_name: str) -> bytes:
    """What a quarantined line is bound to."""
    return f"{source_name}.sealed_line".encode()


def wide_columns(source: Source) -> dict[str, Type]:
    """Columns of bronze, then of quarantine, then of the summary, after `kind`, by name."""
    columns = {"kind": Type.STRING}
    for table in (bronze_table(source), quarantine_table(source)):
        columns |= {column.name: column.type for column in table.columns}
    return columns | {
        "line_count": Type.LONG,
        "object_bytes": Type.LONG,
        "object_status": Type.STRING,
        "object_counts": Type.STRING,
    }


@lru_cache(maxsize=16)
def wide_schema(source: Source) -> pa.Schema:
    """`wide_columns` as an Arrow schema."""
    return pa.schema([(name, _ARROW_TYPES[of_type]) for name, of_type in wide_columns(source).items()])


def read_object(source: Source, entry: LedgerEntry, root_uri: str, vault: Vault) -> Iterator[pa.RecordBatch]:
    """Batches of `wide_schema`: every line of the object as one row, then one summary row.

    Records and refused lines keep the order of the object, each in batches of their own. At most
    10,000 lines or 8 MiB (and the one line that passes it) are held at a time. The summary counts
    lines as the reader saw them, apart from what became of them.

    Raises:
        InputMissing, Unreachable, Busy, SettingError: the object or the vault cannot be read.
        Defect: anything else went wrong; told without the message, which may quote a value.
    """
    contract = contract_of(source)
    rows = _ObjectRows(contract, entry, vault)
    reader = ObjectReader(root_uri, entry.key, contract.field_names)
    try:
        for chunk in _chunked(reader.pieces()):
            yield from rows.batches(chunk, reader.header)
        yield rows.summary(reader)
    except RoadsideError:
        raise
    except Exception as error:
        where = " < ".join(
            f"{frame.name}:{frame.lineno}" for frame in reversed(extract_tb(error.__traceback__))
        )
        raise Defect(
            f"{entry.key}: reading stopped after line {reader.lines} with {type(error).__name__} in {where}.",
            "Report it with the object's name; the other sources and objects are not affected.",
        ) from None


@lru_cache(maxsize=16)
def contract_of(source: Source) -> Contract:
    """The source's contract, compiled."""
    return Contract(source)


def _chunked(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    chunk: list[Piece] = []
    room = CHUNK_BYTES
    for piece in pieces:
        chunk.append(piece)
        if isinstance(piece, Line):
            room -= len(piece.data)
        elif isinstance(piece, Refusal):
            room -= len(piece.head)
        if room <= 0 or len(chunk) == CHUNK_LINES:
            yield chunk
            chunk, room = [], CHUNK_BYTES
    if chunk:
        yield chunk


class _ObjectRows:
    """Turns the lines of one object into batches."""

    def __init__(self, contract: Contract, entry: LedgerEntry, vault: Vault) -> None:
        self.contract = contract
        self.source = contract.source
        self.entry = entry
        self.vault = vault
        self.schema = wide_schema(contract.source)
        self._made: dict[tuple[Subject, str, str], str] = {}
        self._counts: Counter[str] = Counter()
        self._seen: set[str] = set()

    def batches(self, pieces: Sequence[Piece], header: tuple[str, ...] | None) -> Iterator[pa.RecordBatch]:
        """The records of a chunk, then what was refused of it; neither when there is none."""
        records: list[Record] = []
        sources: list[Piece] = []
        refused: list[tuple[Piece, Sequence[Problem]]] = []
        for piece in pieces:
            record = record_of(self.contract, piece, header)
            if isinstance(record, Problem):
                refused.append((piece, [record]))
            else:
                records.append(record)
                sources.append(piece)
        judgement = self.contract.judge(records, self.entry.landed_at)
        refused += [(sources[position], problems) for position, problems in judgement.problems.items()]
        if self.entry.is_refused:
            turned_away = [Problem(Reason.TURNED_AWAY)]
            refused += [(sources[position], turned_away) for position in judgement.accepted]
        elif judgement.accepted:
            accepted = self._records(judgement, [sources[position].number for position in judgement.accepted])
            self._counts += counted(self.source, accepted, self.entry.landed_at, self._seen)
            yield accepted
        if refused:
            self._counts[REFUSED] += len(refused)
            yield self._quarantined(sorted(refused, key=lambda each: each[0].number))

    def summary(self, reader: ObjectReader) -> pa.RecordBatch:
        """One row: lines, bytes, status and counts of the object, once all of it was read."""
        self._counts += Counter({OBJECTS: 1, DAMAGED: int(reader.status is not ObjectStatus.OK)})
        return self._batch(
            OBJECT,
            1,
            {
                "source_line": [0],
                "line_count": [reader.lines],
                "object_bytes": [reader.byte_count],
                "object_status": [reader.status.value],
                "object_counts": [orjson.dumps(self._counts, option=orjson.OPT_SORT_KEYS).decode()],
            },
        )

    def _records(self, judged: Judgement, numbers: list[int]) -> pa.RecordBatch:
        count = len(numbers)
        subjects = _ChunkSubjects(self.vault, judged)
        owners = self._owners(judged, subjects)
        columns: dict[str, Any] = {
            each.column: judged.columns[each.path]
            for each in self.source.fields
            if each.column is not None and each.treatment is Treatment.PLAIN
        }
        columns |= self._tokens(judged, subjects)
        for place in self.source.places:
            pairs = zip(judged.values[place.latitude], judged.values[place.longitude], strict=True)
            columns[place.column] = [zone(latitude, longitude) for latitude, longitude in pairs]
        columns |= {
            "source_line": numbers,
            "content_digest": [
                content_digest(owner.salt, text) for owner, text in zip(owners, judged.canonical, strict=True)
            ],
            "has_unknown_value": judged.has_unknown_value,
            "unknown_fields": judged.unknown_fields,
            "sealed_payload": self._sealed_payloads(judged, owners),
        }
        versions = columns["schema_version"]
        if versions.null_count:
            columns["schema_version"] = versions.fill_null(1)
        return self._batch(RECORD, count, columns)

    def _owners(self, judged: Judgement, subjects: _ChunkSubjects) -> list[Subject]:
        """By record, the first of the source's subjects whose key is whole."""
        owners: list[Subject | None] = [None] * len(judged.accepted)
        for kind, paths in self.source.subjects:
            if None in owners:
                found = subjects.of(kind, paths, [owner is None for owner in owners])
                owners = [owner or subject for owner, subject in zip(owners, found, strict=True)]
        return [owner for owner in owners if owner is not None]

    def _tokens(self, judged: Judgement, subjects: _ChunkSubjects) -> dict[str, list[str | None]]:
        columns: dict[str, list[str | None]] = {}
        for each in self.source.fields:
            if each.column is not None and each.treatment is Treatment.TOKEN:
                name = each.path.rpartition(".")[2]
                found = subjects.of(each.subject, key_paths(self.source, each))
                columns[each.column] = [
                    None if subject is None or value is None else self._token(subject, name, value)
                    for subject, value in zip(found, judged.values[each.path], strict=True)
                ]
        return columns

    def _token(self, subject: Subject, name: str, value: str) -> str:
        made = self._made.get((subject, name, value))
        if made is None:
            if len(self._made) == _CACHED_TOKENS:
                self._made.clear()
            made = self._made[subject, name, value] = self.vault.token(subject, name, value)
        return made

    def _sealed_payloads(self, judged: Judgement, owners: list[Subject]) -> list[bytes | None]:
        placed: list[list[Placed]] = [list(each) for each in judged.unknown_values]
        for each in sealed_fields(self.source):
            path = tuple(each.path.split("."))
            for position, value in enumerate(judged.values[each.path]):
                if value is not None:
                    placed[position].append((path, value))
        context = payload_context(self.source.name)
        return [
            self.vault.seal(owner, canonical_json(nested(values)), context) if values else None
            for owner, values in zip(owners, placed, strict=True)
        ]

    def _quarantined(self, refused: Sequence[tuple[Piece, Sequence[Problem]]]) -> pa.RecordBatch:
        subject = self.vault.subject("table", f"quarantine.{self.source.name}")
        context = line_context(self.source.name)
        problems = [ordered(each) for _, each in refused]
        lines = [_raw(piece) for piece, _ in refused]
        return self._batch(
            QUARANTINED,
            len(refused),
            {
                "source_line": [piece.number for piece, _ in refused],
                "reason": [each[0].reason.code for each in problems],
                "reason_text": [" ".join(map(str, each)) for each in problems],
                "field_name": [each[0].field for each in problems],
                "byte_count": [byte_count for _, byte_count in lines],
                "sealed_line": [
                    self.vault.seal(subject, line, context) if line else None for line, _ in lines
                ],
            },
        )

    def _batch(self, kind: str, count: int, columns: dict[str, Any]) -> pa.RecordBatch:
        """Columns in the order of the schema; the object's own are filled in, others are null."""
        constants = {
            "kind": kind,
            "source_object": self.entry.key,
            "landed_at": self.entry.landed_at,
            "known_at": self.entry.known_at,
            "known_date": known_date(self.entry.known_at),
            "contract_version": self.source.version,
        }
        arrays = []
        for column in self.schema:
            if column.name in constants:
                arrays.append(pa.repeat(pa.scalar(constants[column.name], column.type), count))
            elif column.name in columns:
                given = columns[column.name]
                arrays.append(given if isinstance(given, pa.Array) else pa.array(given, column.type))
            else:
                arrays.append(pa.nulls(count, column.type))
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)


class _ChunkSubjects:
    """The subjects of one chunk's records, each kind fetched from the vault in one batch."""

    def __init__(self, vault: Vault, judged: Judgement) -> None:
        self._vault = vault
        self._judged = judged
        self._found: dict[tuple[str, tuple[str, ...]], list[Subject | None]] = {}

    def of(self, kind: str, paths: tuple[str, ...], wanted: Sequence[bool] = ()) -> list[Subject | None]:
        """By record, the subject with the key at those paths; None where it is not whole or wanted."""
        if (kind, paths) not in self._found:
            keys = list(zip(*(self._judged.values[path] for path in paths), strict=True))
            whole = [None not in key for key in keys]
            if False in wanted:
                whole = [is_wanted and is_whole for is_wanted, is_whole in zip(wanted, whole, strict=True)]
            subjects = self._vault.subjects(kind, set(compress(keys, whole)))
            found = [subjects[key] if is_whole else None for key, is_whole in zip(keys, whole, strict=True)]
            if False in wanted:
                return found
            self._found[kind, paths] = found
        return self._found[kind, paths]


def record_of(contract: Contract, piece: Piece, header: tuple[str, ...] | None) -> Record | Problem:
    """What the piece says as a record; `header` is a CSV object's. Whether it may enter is judged later."""
    if isinstance(piece, Line):
        return _json_record(piece.data) if header is None else _csv_record(contract, piece.data, header)
    if isinstance(piece, Row):
        return piece.values
    return Problem(piece.reason)


def _csv_record(contract: Contract, data: bytes, header: tuple[str, ...]) -> Record | Problem:
    try:
        text = data.removeprefix(BOM).decode().rstrip("\r")
        if "\0" in text:
            return Problem(Reason.WRONG_ENCODING)
        (texts,) = csv.reader([text], strict=True)
    except UnicodeDecodeError:
        return Problem(Reason.WRONG_ENCODING)
    except (csv.Error, ValueError):
        return Problem(Reason.NOT_CSV)
    if len(texts) != len(header):
        return Problem(Reason.WRONG_COLUMN_COUNT)
    return contract.from_texts(header, texts)


def _json_record(data: bytes) -> Record | Problem:
    try:
        record = orjson.loads(data.removeprefix(BOM))  # one stands before each joined member
    except orjson.JSONDecodeError:
        return Problem(Reason.NOT_JSON if _is_text(data) else Reason.WRONG_ENCODING)
    return record if type(record) is dict else Problem(Reason.NOT_AN_OBJECT)


def _is_text(data: bytes) -> bool:
    """Whether the bytes are UTF-8 without NUL, which every other Unicode encoding is full of."""
    try:
        return "\0" not in data.decode()
    except UnicodeDecodeError:
        return False


def _raw(piece: Piece) -> tuple[bytes, int]:
    """What was refused (at most its first MiB), and its length."""
    if isinstance(piece, Line):
        return piece.data, len(piece.data)
    if isinstance(piece, Row):
        try:
            text = canonical_json(piece.values)
        except TypeError:
            text = repr(piece.values).encode()
        return text[:MAX_LINE_BYTES], len(text)
    return piece.head, piece.byte_count


def key_paths(source: Source, each: Field) -> tuple[str, ...]:
    """Paths of the natural key of the token's subject: as the source says, else the field itself."""
    return dict(source.subjects).get(each.subject, (each.path,))


def sealed_fields(source: Source) -> list[Field]:
    """Fields whose value goes into the sealed payload.

    A token whose value is its subject's whole natural key (a driver) is not: the payload may be
    another person's, and must not outlive the driver's own key there.
    """
    return [
        each
        for each in source.fields
        if each.treatment is Treatment.SEALED
        or (each.treatment is Treatment.TOKEN and key_paths(source, each) != (each.path,))
    ]
