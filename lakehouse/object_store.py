"""Landed objects on a disk or in S3: listed by the hours asked for, opened as streams.

An object's key is `landing/<source>/YYYY/MM/DD/HH/<source>-YYYY-MM-DD-HH-MM-SS-<id>.<ext>`; the
stamp in its name is `landed_at` (the convention of Amazon Data Firehose).
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from pyarrow import fs
from pyarrow.lib import ArrowInvalid, NativeFile

from lakehouse.settings import masked
from validation.clocks import require_utc
from validation.errors import InputMissing, SettingError, Unreachable, UserError

RELEASED = "released_"
"""Begins the id of an object of released lines: no producer sent it, so it is no heartbeat."""

_FOLDERS = ("year", "month", "day", "hour")
_NAME = re.compile(r"(?P<source>.+)-(?P<stamp>\d{4}(?:-\d\d){5})-(?P<id>[^/.]+)\.(?P<ext>[A-Za-z0-9.]+)")


@dataclass(frozen=True, order=True)
class LandedObject:
    """One object as it landed: its key under the root, the stamp of its name, its bytes."""

    key: str
    landed_at: datetime
    size: int


@dataclass(frozen=True, order=True)
class Misnamed:
    """Something among the landed objects whose name gives no stamp; never read."""

    key: str
    reason: str


def list_objects(
    root_uri: str,
    source: str,
    landed_from: datetime,
    landed_until: datetime,
    look_back: timedelta = timedelta(0),
) -> Iterator[LandedObject | Misnamed]:
    """The source's objects stamped in [landed_from - look_back, landed_until), in order of key.

    Only the folders of those hours are listed (whole days at once). An object that appears after
    its hour was read is found by a look_back that reaches its stamp. Misnamed things in the folders
    listed are yielded, not raised; names that start with a dot are uploads under way and left out.
    A source that has landed nothing yields nothing.

    Raises:
        InputMissing: the root is not there.
        Unreachable: the store does not answer.
    """
    first = require_utc(landed_from, "landed_from") - look_back
    last = require_utc(landed_until, "landed_until")
    store = _Store(root_uri)
    store.require_root()
    yield from _walk(store, f"landing/{source}", (), first, last)


def never_read(root_uri: str, sources: Collection[str], before: datetime) -> list[str]:
    """What no listing of a source ever yields, by key: folders of no source, and on a disk names that start
    with a dot and were written before that moment, such as uploads that died.

    Raises:
        Unreachable: the store does not answer.
    """
    store = _Store(root_uri)
    found = [
        f"{store.key(each)}{'/' if each.type == fs.FileType.Directory else ''}"
        for each in store.children("landing", is_deep=False)
        if each.base_name not in sources and not each.base_name.startswith(".")
    ]
    if isinstance(store.files, fs.LocalFileSystem):  # elsewhere an object is there whole or not at all
        found += [
            store.key(each)
            for each in store.children("landing", is_deep=True)
            if each.base_name.startswith(".") and each.mtime is not None and each.mtime < before
        ]
    return sorted(found)


def open_bytes(root_uri: str, key: str) -> NativeFile:
    """A stream of the object's bytes as they landed: compressed objects stay compressed.

    Raises:
        InputMissing: there is no such object.
        Unreachable: the store does not answer.
        UserError: the key leads out of the root.
    """
    if ".." in key.split("/"):
        raise UserError("An object's key may not lead out of the root.", "Name it as landing/<source>/...")
    store = _Store(root_uri)
    with store.answering(key):
        return store.files.open_input_stream(store.path(key), compression=None)


def put_object(root_uri: str, key: str, content: bytes) -> None:
    """Write the object, whole or not at all; one of that key is replaced.

    Raises:
        Unreachable: the store does not answer.
    """
    store = _Store(root_uri)
    path = store.path(key)
    folder, _, name = path.rpartition("/")
    with store.answering(key, "written"):
        if not isinstance(store.files, fs.LocalFileSystem):
            with store.files.open_output_stream(path, compression=None) as stream:
                stream.write(content)
            return
        store.files.create_dir(folder, recursive=True)
        part = f"{folder}/.{name}.{os.getpid()}.part"
        with store.files.open_output_stream(part, compression=None) as stream:
            stream.write(content)
        store.files.move(part, path)


def delete_object(root_uri: str, key: str) -> None:
    """Remove the object; nothing if it is gone already. On a disk, its folder too once that is empty.

    Raises:
        Unreachable: the store does not answer.
        UserError: the key is none of a landed object.
    """
    if not isinstance(parse_key(key), LandedObject):
        raise UserError(f"'{key}' names no landed object.", "Only landed objects are deleted here.")
    store = _Store(root_uri)
    path = store.path(key)
    with store.answering(key, "deleted"):
        if store.files.get_file_info(path).type != fs.FileType.File:
            return
        store.files.delete_file(path)
    if isinstance(store.files, fs.LocalFileSystem):
        _remove_empty_folders(Path(path).parent)


def _remove_empty_folders(folder: Path) -> None:
    """The hour's, the day's, the month's and the year's, as far as nothing lies in them."""
    for each in (folder, *folder.parents)[: len(_FOLDERS)]:
        try:
            each.rmdir()
        except OSError:  # something lies there, or another process was first
            return


def released_key(source: str, landed_at: datetime, answer_id: str, ext: str) -> str:
    """The key of an object of lines that a person released from quarantine.

    >>> released_key("gps_pings", datetime(2026, 3, 10, 17, 2, tzinfo=UTC), "a1", "json.gz")
    'landing/gps_pings/2026/03/10/17/gps_pings-2026-03-10-17-02-00-released_a1.json.gz'
    """
    return (
        f"landing/{source}/{landed_at:%Y/%m/%d/%H}/"
        f"{source}-{landed_at:%Y-%m-%d-%H-%M-%S}-{RELEASED}{answer_id}.{ext}"
    )


def parse_key(key: str) -> LandedObject | Misnamed:
    """The object a key names (size 0: a name does not say), or why it names none.

    >>> parse_key("landing/gps_pings/2026/03/10/17/gps_pings-2026-03-10-17-02-00-a1.json.gz").landed_at
    datetime.datetime(2026, 3, 10, 17, 2, tzinfo=datetime.timezone.utc)
    >>> parse_key("landing/gps_pings/2026/03/10/17/notes.txt").reason
    'the name is not <source>-YYYY-MM-DD-HH-MM-SS-<id>.<ext>'
    """
    top, _, rest = key.partition("/")
    source, _, path = rest.partition("/")
    folder, _, name = path.rpartition("/")
    match = _NAME.fullmatch(name)
    if match is None:
        return Misnamed(key, "the name is not <source>-YYYY-MM-DD-HH-MM-SS-<id>.<ext>")
    if top != "landing" or match["source"] != source:
        return Misnamed(key, "the name is of another source than the folder")
    try:
        landed_at = datetime.strptime(match["stamp"], "%Y-%m-%d-%H-%M-%S").replace(tzinfo=UTC)
    except ValueError:
        return Misnamed(key, "the stamp is no date and time")
    if folder != f"{landed_at:%Y/%m/%d/%H}":
        return Misnamed(key, "the stamp is of another hour than the folder")
    return LandedObject(key, landed_at, 0)


class _Store:
    """A root: the file system behind its URI, and the paths of keys in it."""

    def __init__(self, root_uri: str) -> None:
        self.root_uri = root_uri
        with self.answering():
            self.files, self.root = _file_system(root_uri, os.getpid())

    def path(self, key: str) -> str:
        return f"{self.root}/{key}"

    def key(self, found: fs.FileInfo) -> str:
        return str(found.path).removeprefix(f"{self.root}/")

    def require_root(self) -> None:
        with self.answering():
            root = self.files.get_file_info(self.root)
        if root.type != fs.FileType.Directory:
            raise InputMissing(
                f"There is no folder of landed objects at {masked(self.root_uri)}.",
                "Check ROADSIDE_LANDING_URI, or make a city to try it on: roadside simulate.",
            )

    def children(self, folder: str, is_deep: bool) -> list[fs.FileInfo]:
        """What lies in the folder, by name; nothing when there is no such folder."""
        selector = fs.FileSelector(self.path(folder), recursive=is_deep, allow_not_found=True)
        with self.answering():
            found = self.files.get_file_info(selector)
        return sorted(found, key=lambda info: str(info.path))

    @contextmanager
    def answering(self, key: str = "", done: str = "read") -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise InputMissing(
                f"The landed object '{key}' is not under {masked(self.root_uri)}.",
                "Landing objects expire after 35 days; bronze keeps what they held.",
            ) from error
        except OSError as error:
            raise Unreachable(
                f"The landed objects at {masked(self.root_uri)} cannot be {done} ({type(error).__name__}).",
                "Check the address, the network and the credentials, then run again.",
            ) from error


@lru_cache(maxsize=8)
def _file_system(root_uri: str, _pid: int) -> tuple[fs.FileSystem, str]:
    try:
        files, root = fs.FileSystem.from_uri(root_uri)
    except ArrowInvalid as error:
        raise SettingError(
            f"ROADSIDE_LANDING_URI is '{masked(root_uri)}', which names no place for objects.",
            "Write file:///absolute/folder or s3://bucket/prefix.",
        ) from error
    return files, root.rstrip("/")


def _walk(
    store: _Store, folder: str, dated: tuple[str, ...], first: datetime, last: datetime
) -> Iterator[LandedObject | Misnamed]:
    """Objects below a folder such as landing/<source>/2026/03, where dated is ("2026", "03")."""
    is_leaf = len(dated) == len(_FOLDERS) or (len(dated) == 3 and _lies_within(dated, first, last))
    for found in store.children(folder, is_deep=is_leaf):
        key = store.key(found)
        name = key.rpartition("/")[2]
        is_folder = found.type == fs.FileType.Directory
        if name.startswith(".") or (is_leaf and is_folder):
            continue
        if not is_folder:
            yield from _stamped(key, found.size or 0, first, last)
        elif (span := _span((*dated, name))) is None:
            yield Misnamed(f"{key}/", f"the folder is no {_FOLDERS[len(dated)]}")
        elif span[0] < last and span[1] > first:
            yield from _walk(store, key, (*dated, name), first, last)


def _stamped(key: str, size: int, first: datetime, last: datetime) -> Iterator[LandedObject | Misnamed]:
    landed = parse_key(key)
    if isinstance(landed, Misnamed):
        yield landed
    elif first <= landed.landed_at < last:
        yield LandedObject(key, landed.landed_at, size)


def _lies_within(dated: tuple[str, ...], first: datetime, last: datetime) -> bool:
    span = _span(dated)
    return span is not None and first <= span[0] and span[1] <= last


def _span(dated: tuple[str, ...]) -> tuple[datetime, datetime] | None:
    """The year, month, day or hour that a folder holds, as [start, end); None if it is none."""
    form = "%Y/%m/%d/%H"[: 3 * len(dated) - 1]
    text = "/".join(dated)
    try:
        start = datetime.strptime(text, form).replace(tzinfo=UTC)
    except ValueError:
        return None
    if text != f"{start:{form}}":
        return None
    match len(dated):
        case 1:
            return start, start.replace(year=start.year + 1)
        case 2:
            return start, (start + timedelta(days=31)).replace(day=1)
        case 3:
            return start, start + timedelta(days=1)
    return start, start + timedelta(hours=1)
