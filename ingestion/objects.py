"""One landed object as physical lines with their numbers, in bounded memory.

Compressed objects are read twice: once to learn how far their checksums hold, then up to there.
So no line of a gzip member that fails its checksum is ever taken for true, and a member that is
only cut short keeps every line before the cut.

Lines end at a newline byte. Blank ones count neither as lines nor as records, but they keep their
place in the numbering: `zcat object | sed -n 17p` shows line 17. CSV records may hold no line
breaks for the same reason; one that does is refused as two lines that are not CSV.
"""

from __future__ import annotations

import csv
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, BinaryIO, NamedTuple, cast

import pyarrow as pa
import pyarrow.parquet as pq

from ingestion.reasons import Reason
from lakehouse.landing_ledger import ObjectStatus
from lakehouse.object_store import open_bytes

MAX_LINE_BYTES = 1 << 20
"""Longest line read as a record; of a longer one this much is kept."""

BOM = b"\xef\xbb\xbf"

_BLOCK_BYTES = 1 << 18
_SPOOL_BYTES = 1 << 26
_PARQUET_ROWS = 10_000
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_MEMBER = 31  # zlib's window bits for one member with header and checksum
_FORMATS = ("json", "jsonl", "csv", "parquet")


class Line(NamedTuple):
    """A whole line without its newline."""

    number: int
    data: bytes


class Row(NamedTuple):
    """A row of a Parquet object."""

    number: int
    values: dict[str, Any]


class Refusal(NamedTuple):
    """A line that is no record, or the object itself (line 0). Counts as one line."""

    number: int
    reason: Reason
    head: bytes  # at most MAX_LINE_BYTES of what was refused
    byte_count: int


Piece = Line | Row | Refusal


class ObjectReader:
    """The lines of one landed object, and once they were all read, its account.

    Attributes:
        header: the columns of a CSV object, set before its first line.
        lines: pieces yielded: lines that are not blank, plus one where the object is refused or
            damaged between two lines. Counted here, apart from what becomes of them.
        byte_count: bytes of the object as it landed.
        status: how the reading ended.
    """

    def __init__(self, root_uri: str, key: str, columns: frozenset[str]) -> None:
        """`columns` are the contract's; a CSV header must have one of them."""
        self.header: tuple[str, ...] | None = None
        self.lines = 0
        self.byte_count = 0
        self.status = ObjectStatus.OK
        self._root_uri = root_uri
        self._key = key
        self._columns = columns

    def pieces(self) -> Iterator[Piece]:
        """Every line, row and refusal, in order of number; a refusal of the object may come last.

        Raises:
            InputMissing: the object is gone.
            Unreachable: the store does not answer.
        """
        for piece in self._pieces():
            self.lines += 1
            yield piece

    def _pieces(self) -> Iterator[Piece]:
        form, head = self._form(), self._head()
        if not head:
            yield self._refused(Reason.EMPTY_OBJECT, ObjectStatus.EMPTY, head)
        elif form is None:
            yield self._refused(Reason.UNKNOWN_FORMAT, ObjectStatus.UNREADABLE, head)
        elif form == "parquet":
            yield from self._parquet_pieces(head)
        elif head.startswith(_GZIP_MAGIC) or (self._key.endswith(".gz") and head == _GZIP_MAGIC[:1]):
            yield from self._gzip_pieces(form, head)
        elif self._key.endswith(".gz"):
            yield self._refused(Reason.NOT_GZIP, ObjectStatus.UNREADABLE, head)
        else:
            with self._open() as stream:
                yield from self._text_pieces(form, head, self._counted(stream))

    def _form(self) -> str | None:
        """json, jsonl, csv or parquet by the key's extension; None when it is none of them."""
        extension = self._key.rpartition("/")[2].removesuffix(".gz").rpartition(".")[2]
        return extension if extension in _FORMATS else None

    def _head(self) -> bytes:
        """The object's first MiB."""
        head = bytearray()
        with self._open() as stream:
            while chunk := stream.read(MAX_LINE_BYTES - len(head)):
                head += chunk
        return bytes(head)

    def _counted(self, stream: BinaryIO) -> Iterator[bytes]:
        self.byte_count = 0
        for chunk in _chunks(stream):
            self.byte_count += len(chunk)
            yield chunk

    def _measure(self) -> None:
        """Count the bytes of an object that was not read to its end."""
        with self._open() as stream:
            for _ in self._counted(stream):
                pass

    def _open(self) -> BinaryIO:
        return cast(BinaryIO, open_bytes(self._root_uri, self._key))

    def _refused(self, reason: Reason, status: ObjectStatus, head: bytes) -> Refusal:
        self.status = status
        self._measure()
        return Refusal(0, reason, head, self.byte_count)

    def _gzip_pieces(self, form: str, head: bytes) -> Iterator[Piece]:
        with self._open() as stream:
            soundness = survey(self._counted(stream))
        if soundness.damage is Reason.DAMAGED:
            if soundness.sound_bytes == 0:
                yield self._refused(Reason.DAMAGED, ObjectStatus.UNREADABLE, head)
                return
            self._measure()
        with self._open() as stream:
            blocks = _first_bytes(_Inflation(_chunks(stream)).blocks(), soundness.sound_bytes)
            yield from self._text_pieces(form, head, blocks, soundness)

    def _text_pieces(
        self, form: str, head: bytes, blocks: Iterable[bytes], soundness: Soundness | None = None
    ) -> Iterator[Piece]:
        damage = None if soundness is None else soundness.damage
        is_header_due = form == "csv"
        header_line = b""
        for number, data, byte_count, is_ended in _split(blocks):
            text = data.removeprefix(BOM) if number == 1 else data
            if not is_ended and damage in (Reason.TRUNCATED, Reason.DAMAGED):
                self.status = ObjectStatus.TRUNCATED
                yield Refusal(number, damage, data, byte_count)
                return
            if not text or text.isspace():
                continue
            if is_header_due:
                self.header, is_header_due = self._header_of(text, byte_count), False
                if self.header is None:
                    yield self._refused(Reason.BAD_HEADER, ObjectStatus.UNREADABLE, head)
                    return
                header_line = text.rstrip()
            elif byte_count > MAX_LINE_BYTES:
                yield Refusal(number, Reason.TOO_LONG, data, byte_count)
            elif header_line and text.rstrip().removeprefix(BOM) == header_line:
                continue  # the header of the next member: objects are concatenated on the way
            else:
                yield Line(number, text)
        if soundness is not None and damage is not None:
            self.status = ObjectStatus.TRUNCATED
            yield Refusal(0, damage, soundness.rest, soundness.rest_bytes or self.byte_count)

    def _header_of(self, text: bytes, byte_count: int) -> tuple[str, ...] | None:
        if byte_count > MAX_LINE_BYTES:
            return None
        try:
            (names,) = csv.reader([text.decode().rstrip()], strict=True)
        except (ValueError, csv.Error):
            return None
        names = [name.strip() for name in names]
        is_ours = len(set(names)) == len(names) and not self._columns.isdisjoint(names)
        return tuple(names) if is_ours else None

    def _parquet_pieces(self, head: bytes) -> Iterator[Piece]:
        with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as spool:
            with self._open() as stream:
                spool.writelines(self._counted(stream))
            spool.seek(0)
            number = 0
            try:
                file = pq.ParquetFile(spool, page_checksum_verification=True)
                names = file.schema_arrow.names
                if len(set(names)) < len(names) or self._columns.isdisjoint(names):
                    yield self._refused(Reason.BAD_HEADER, ObjectStatus.UNREADABLE, head)
                    return
                for batch in file.iter_batches(_PARQUET_ROWS):
                    for values in _in_microseconds(batch).to_pylist():
                        number += 1
                        yield Row(number, values)
            except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError):
                if number:
                    self.status = ObjectStatus.TRUNCATED
                    yield Refusal(number + 1, Reason.DAMAGED, b"", self.byte_count)
                else:
                    yield self._refused(Reason.NOT_PARQUET, ObjectStatus.UNREADABLE, head)


@dataclass(frozen=True)
class Soundness:
    """How much of a gzip stream can be trusted.

    Attributes:
        sound_bytes: decompressed bytes up to the cut, or up to the end of the last member whose
            checksum held.
        damage: TRUNCATED, DAMAGED or TRAILING_BYTES; None for a whole stream.
        rest: at most the first MiB of trailing bytes.
        rest_bytes: how many trailing bytes there are.
    """

    sound_bytes: int
    damage: Reason | None = None
    rest: bytes = b""
    rest_bytes: int = 0


def survey(chunks: Iterator[bytes]) -> Soundness:
    """How much of a gzip stream, given in chunks, can be trusted; reads up to what is wrong."""
    inflation = _Inflation(chunks)
    for _ in inflation.blocks():
        pass
    sound_bytes = inflation.verified_bytes if inflation.damage is Reason.DAMAGED else inflation.byte_count
    return Soundness(sound_bytes, inflation.damage, bytes(inflation.rest), inflation.rest_bytes)


class _Inflation:
    """Decompresses the members of a gzip stream, and notes how it went."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self.byte_count = 0
        self.verified_bytes = 0
        self.damage: Reason | None = None
        self.rest = bytearray()
        self.rest_bytes = 0
        self._chunks = chunks

    def blocks(self) -> Iterator[bytes]:
        """Decompressed blocks of at most 256 KiB, up to the end or to what is wrong."""
        data, member, is_first = b"", None, True
        for chunk in self._chunks:
            data += chunk
            while data:
                if member is None:
                    data = data if is_first else data.lstrip(b"\0")  # gzip(1) allows zeros as padding
                    if len(data) < len(_GZIP_MAGIC) and _GZIP_MAGIC.startswith(data):
                        break
                    if not data.startswith(_GZIP_MAGIC):
                        self._measure_rest(data)
                        return
                    member, is_first = zlib.decompressobj(_GZIP_MEMBER), False
                try:
                    for block in _drained(member, data):
                        self.byte_count += len(block)
                        yield block
                except zlib.error:
                    self.damage = Reason.DAMAGED
                    return
                data = member.unused_data
                if member.eof:
                    self.verified_bytes = self.byte_count
                    member = None
        if member is not None or data:
            self.damage = Reason.TRUNCATED

    def _measure_rest(self, data: bytes) -> None:
        self.damage = Reason.TRAILING_BYTES
        for chunk in chain([data], self._chunks):
            self.rest_bytes += len(chunk)
            self.rest += chunk[: MAX_LINE_BYTES - len(self.rest)]


def _drained(member: Any, data: bytes) -> Iterator[bytes]:
    """All that the member gives for the data, in blocks: a bomb is never held whole."""
    is_more = True
    while is_more:
        block = member.decompress(data, _BLOCK_BYTES)
        if block:
            yield block
        data = member.unconsumed_tail
        is_more = not member.eof and (bool(data) or len(block) == _BLOCK_BYTES)


def _split(blocks: Iterable[bytes]) -> Iterator[tuple[int, bytes, int, bool]]:
    """Lines as (number, at most its first MiB, its bytes, whether a newline ends it)."""
    number, start, start_bytes = 1, bytearray(), 0
    for block in blocks:
        first, *others = block.split(b"\n")
        if others:
            start += first[: MAX_LINE_BYTES - len(start)]
            yield number, bytes(start), start_bytes + len(first), True
            *whole, first = others
            for data in whole:
                number += 1
                yield number, data, len(data), True
            number += 1
            start, start_bytes = bytearray(), 0
        start += first[: MAX_LINE_BYTES - len(start)]
        start_bytes += len(first)
    if start_bytes:
        yield number, bytes(start), start_bytes, False


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    return iter(partial(stream.read, _BLOCK_BYTES), b"")


def _first_bytes(blocks: Iterable[bytes], count: int) -> Iterator[bytes]:
    for block in blocks:
        if count <= 0:
            return
        yield block[:count]
        count -= len(block)


def _in_microseconds(batch: pa.RecordBatch) -> pa.Table:
    """Times finer than a microsecond rounded down, as everywhere else on the road."""
    table = pa.Table.from_batches([batch])
    fields = [
        field.with_type(pa.timestamp("us", field.type.tz)) if pa.types.is_timestamp(field.type) else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields), safe=False)
