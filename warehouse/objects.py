"""Publishes files to S3 so that who starts at the manifest finds all of one state, at any moment.

A data file's name holds the digest of what is in it, so a file is never changed, only added; then
come the manifests of the days, named likewise, and last `_manifest.json`, which names them all. A
publication that dies leaves files that no manifest names, and the next one sends what is missing.
What the manifest no longer names is removed after it stands: who read the older one and asks for
such a file is told that it is gone, and never gets another state's rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from validation.errors import Busy
from warehouse.bucket import Bucket, Listed
from warehouse.publication import CREATED, REPLACED, UNCHANGED

MANIFEST = "_manifest.json"
Progress = Callable[[str], None]


def _silent(_what: str) -> None:
    return None


def _nothing() -> None:
    return None


@dataclass(frozen=True)
class DataFile:
    """A file under a name that no other content has; `check` raises if it is not what it should be."""

    name: str
    path: Path
    check: Callable[[], object] = _nothing

    @property
    def size(self) -> int:
        """Bytes."""
        return self.path.stat().st_size


@dataclass(frozen=True)
class Shipment:
    """All objects of one state of a dataset or table.

    Attributes:
        folder: where they lie under ROADSIDE_PUBLISH_URI; the names of the others are relative to it.
        data: the rows.
        notes: what is read beside them, such as manifests of days; under names as lasting as the files'.
        manifest: names all of them.
    """

    folder: str
    data: tuple[DataFile, ...]
    notes: tuple[tuple[str, bytes], ...]
    manifest: bytes

    @property
    def names(self) -> set[str]:
        """Every name of this state."""
        return {MANIFEST, *(each.name for each in self.data), *(name for name, _ in self.notes)}


@dataclass(frozen=True)
class Sent:
    """What became of a shipment: created, replaced or unchanged; what was sent, or would be."""

    status: str
    files: int
    bytes: int
    removed: int


def publish_objects(
    bucket: Bucket, shipment: Shipment, *, dry_run: bool = False, progress: Progress = _silent
) -> Sent:
    """The shipment under its folder; nothing is sent that is there. With `dry_run` nothing is changed.

    Raises:
        CheckFailed: a file is not what it should be; no manifest was changed.
        Busy: another publication wrote the manifest meanwhile.
    """
    folder = shipment.folder
    standing = bucket.read(f"{folder}/{MANIFEST}")
    there = bucket.listing(folder)
    data = [each for each in shipment.data if _size(there, each.name) != each.size]
    notes = [(name, content) for name, content in shipment.notes if _size(there, name) != len(content)]
    is_named = standing is not None and standing.content == shipment.manifest
    superseded = _superseded(there, shipment, is_named)
    sent = Sent(
        UNCHANGED if is_named and not data and not notes else REPLACED if standing else CREATED,
        len(data),
        sum(each.size for each in data),
        len(superseded),
    )
    if dry_run:
        return sent
    for number, each in enumerate(data, 1):
        progress(f"{folder}: file {number} of {len(data)}, {each.size / 2**20:,.1f} MiB")
        each.check()
        bucket.send(each.path, f"{folder}/{each.name}")
    for name, content in notes:
        bucket.write(f"{folder}/{name}", content)
    if not is_named:
        bucket.replace(f"{folder}/{MANIFEST}", shipment.manifest, standing)
    bucket.remove([f"{folder}/{name}" for name in superseded])
    if sent.status != UNCHANGED:
        _require_all(bucket, shipment)
    return sent


def _superseded(there: Mapping[str, Listed], shipment: Shipment, is_named: bool) -> list[str]:
    """What no manifest names once this one stands.

    Where it stands already, only what is older than it: what is newer may be another publication's,
    whose manifest is still to come.
    """
    others = sorted(there.keys() - shipment.names)
    if not is_named:
        return others
    return [name for name in others if there[name].put_at <= there[MANIFEST].put_at]


def _require_all(bucket: Bucket, shipment: Shipment) -> None:
    """Another publication, of another installation, can have removed what was there at the start."""
    if not shipment.names <= bucket.listing(shipment.folder).keys():
        raise Busy(
            f"{shipment.folder} under {bucket.uri}: another publication removed files meanwhile.",
            "Run the same command again: it sends what is missing.",
        )


def _size(there: Mapping[str, Listed], name: str) -> int | None:
    return there[name].size if name in there else None
