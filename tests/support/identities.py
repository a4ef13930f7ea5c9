"""A byte search for what may stand nowhere past bronze: planted names, phones, VINs, members, places."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import redis

from simulation.afternoon import planted_identifiers

LONG = 8
"""Bytes that do not occur by chance; what is shorter is looked for as a whole value."""


@dataclass(frozen=True)
class Planted:
    """The identities of a simulated city and of the afternoon, as they were landed.

    Attributes:
        long: found wherever their bytes stand; a coordinate as text and as a double.
        short: found where a whole value is equal.
    """

    long: frozenset[bytes]
    short: frozenset[str]


def planted_in(root: Path) -> Planted:
    """What the city under the root planted, and the afternoon."""
    truth = pq.read_table(root / "truth" / "planted_identifiers.parquet")
    return _planted(
        {value for values in planted_identifiers().values() for value in values}
        | set(truth["value"].to_pylist())
    )


def planted_in_the_afternoon() -> Planted:
    """What the afternoon planted."""
    return _planted({value for values in planted_identifiers().values() for value in values})


def _planted(texts: set[str]) -> Planted:
    doubles = {struct.pack("<d", float(degrees)) for degrees in planted_identifiers()["coordinate"]}
    return Planted(
        frozenset(text.encode() for text in texts if len(text) >= LONG) | doubles,
        frozenset(text for text in texts if len(text) < LONG),
    )


def found_in(planted: Planted, paths: Iterable[Path]) -> set[str]:
    """The planted values that stand in the files, compressed or not."""
    found: set[str] = set()
    for path in paths:
        content = b"\n".join(readable(path))
        found |= {repr(value) for value in planted.long if value in content}
        if planted.short and is_parquet(path):
            found |= planted.short & whole_values(path)
    return found


def found_in_bytes(planted: Planted, content: bytes) -> set[str]:
    """The planted values that stand in the bytes; short ones between quotes."""
    quoted = {value for value in planted.short if f'"{value}"'.encode() in content}
    return {repr(value) for value in planted.long if value in content} | quoted


def readable(path: Path) -> Iterator[bytes]:
    """The file's bytes as they are, and those its compression hides: of Parquet, Avro and gzip."""
    raw = path.read_bytes()
    yield raw
    if raw.startswith(b"PAR1"):
        for column in pq.read_table(pa.BufferReader(raw)).columns:
            for chunk in column.chunks:
                yield from (buffer.to_pybytes() for buffer in chunk.buffers() if buffer is not None)
    elif raw.startswith(b"Obj\x01"):
        yield from avro_blocks(raw)
    elif raw.startswith(b"\x1f\x8b"):
        yield inflated(raw)


def inflated(raw: bytes) -> bytes:
    """What the members of a gzip object hold, as far as it goes: objects may be cut off."""
    content = b""
    while raw.startswith(b"\x1f\x8b"):
        member = zlib.decompressobj(wbits=31)
        content += member.decompress(raw)
        raw = member.unused_data
    return content


def is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def whole_values(path: Path) -> set[str]:
    """The distinct texts of a Parquet file."""
    table = pq.read_table(path)
    texts = [column for column in table.columns if pa.types.is_string(column.type)]
    return {value for column in texts for value in column.unique().to_pylist() if value is not None}


def avro_blocks(raw: bytes) -> Iterator[bytes]:
    """The blocks of an Avro container (count, size, content, then the file's last 16 bytes), inflated."""
    head, *blocks = raw.split(raw[-16:])
    assert b"deflate" in head, "no other codec is read here"
    for block in filter(None, blocks):
        yield zlib.decompress(block[_after_numbers(block, 2) :], wbits=-15)


def redis_bytes(client: redis.Redis) -> bytes:
    """Every key of the database, and all that stands under it: hashes, sorted sets, streams."""
    parts: list[bytes] = []
    for key in client.scan_iter(count=1000):
        parts.append(key)
        match client.type(key):
            case b"hash":
                pairs = client.hgetall(key).items()
            case b"zset":
                pairs = [(member, b"") for member in client.zrange(key, 0, -1)]
            case b"stream":
                pairs = [pair for _, fields in client.xrange(key) for pair in fields.items()]
            case other:
                raise AssertionError(f"{key!r} is a {other!r}: say how it is read")
        parts += [part for pair in pairs for part in pair]
    return b"\n".join(parts)


def _after_numbers(block: bytes, count: int) -> int:
    """Where the bytes after so many variable-length numbers begin: each ends at a byte below 128."""
    ends = [at for at, byte in enumerate(block[:20]) if byte < 128]
    return ends[count - 1] + 1
