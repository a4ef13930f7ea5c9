"""Which fields landed objects hold and in what form, counted: what drift is inferred from.

Objects are read as ingestion reads them (a truncated gzip gives the lines before the cut); nothing is
written and no vault is opened. Values stay in memory, thinned, and are never printed.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np

from ingestion.objects import ObjectReader
from ingestion.reasons import Problem
from ingestion.records import Contract, landed_type
from ingestion.rows import record_of
from lakehouse.object_store import RELEASED, LandedObject, list_objects
from validation.contract import Type
from validation.source import Field, Source, Treatment

MOST_VALUES = 4_000
"""Values of a path that are kept in memory, evenly over the lines, to be compared."""

MOST_WORDS = 200
"""Distinct words of a path that are counted; a path with more is no list of words."""

_MOST_PATHS = 500
_DEEPEST = 6
_BY = ("schema_version", "program_id", "feed")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,47}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_NUMERAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_SHORT_ID = re.compile(r"[A-Za-z0-9_.-]{1,32}")
OTHER_NAME = "(a name that is no identifier)"
OTHER_WORD = "other"
"""The group of a value that is no id: what a person wrote into the wrong field is not repeated."""


class Form(StrEnum):
    """What a value looks like, as a reader would say it."""

    NULL = "null"
    BOOLEAN = "true or false"
    WHOLE = "whole number"
    ROUND = "whole number with .0"
    NUMBER = "number"
    BEYOND = "number out of bounds"
    TEXT = "text"
    NUMERAL = "number as text"
    TIME = "time"
    LOCAL_TIME = "time without a zone"
    LIST = "list"
    OBJECT = "object"


NUMBERS = frozenset({Form.WHOLE, Form.ROUND, Form.NUMBER, Form.BEYOND})
TEXTS = frozenset({Form.TEXT, Form.NUMERAL, Form.TIME, Form.LOCAL_TIME})

Group = tuple[str, ...]
Shape = tuple[tuple[str, Form], ...]
Match = Callable[[dict[str, Form]], bool]


@dataclass
class Values:
    """Values of one path with the number of their object and their group, thinned evenly."""

    kept: list[tuple[int, Group, Any]] = field(default_factory=list)
    seen: int = 0
    stride: int = 1

    def add(self, number: int, group: Group, value: Any) -> None:
        if self.seen % self.stride == 0:
            self.kept.append((number, group, value))
            if len(self.kept) > 2 * MOST_VALUES:
                self.kept, self.stride = self.kept[::2], 2 * self.stride
        self.seen += 1


class Words:
    """Texts of one path that are a word, by word, object and group; empty once there are too many."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, int, Group]] = Counter()
        self.distinct: set[str] = set()
        self.others = 0

    def add(self, number: int, group: Group, text: str) -> None:
        if len(self.distinct) > MOST_WORDS or not _WORD.fullmatch(text):
            self.others += 1
            return
        self.distinct.add(text)
        if len(self.distinct) > MOST_WORDS:
            self.counts.clear()
        else:
            self.counts[text, number, group] += 1


@dataclass
class Profile:
    """What a range of landed objects holds.

    Attributes:
        source: under whose contract it was read.
        objects: those read, by stamp; `landed` is how many there were.
        by: names of the fields that group records (an event type, a schema version, a program, a feed).
        is_by_kind: the first of them is a vocabulary that every record has: the kind of record.
        refused: lines that are no record at all.
        rows: records by number of object, group and shape.
        values, words: by path; words of a contract's vocabulary are left out.
    """

    source: Source
    objects: Sequence[LandedObject]
    landed: int
    by: tuple[str, ...]
    is_by_kind: bool
    lines: int = 0
    refused: int = 0
    rows: Counter[tuple[int, Group, Shape]] = field(default_factory=Counter)
    values: dict[str, Values] = field(default_factory=dict)
    words: dict[str, Words] = field(default_factory=dict)

    @property
    def records(self) -> int:
        """Records looked at."""
        return sum(self.rows.values())

    @cached_property
    def paths(self) -> list[str]:
        """Every path that holds something in some record, sorted."""
        return sorted({path for _, _, shape in self.rows for path, form in shape if form is not Form.NULL})

    @cached_property
    def _columns(self) -> tuple[np.ndarray, list[Group], np.ndarray, list[dict[str, Form]], np.ndarray]:
        groups = {group: n for n, group in enumerate(dict.fromkeys(key[1] for key in self.rows))}
        shapes = {shape: n for n, shape in enumerate(dict.fromkeys(key[2] for key in self.rows))}
        keys = np.array(
            [(number, groups[group], shapes[shape]) for number, group, shape in self.rows], dtype=np.int64
        ).reshape(-1, 3)
        counts = np.array(list(self.rows.values()), dtype=np.int64)
        return keys, list(groups), counts, [dict(shape) for shape in shapes], keys[:, 0]

    def per_object(self, matches: Match, among: Callable[[Group], bool] | None = None) -> np.ndarray:
        """By object, how many records have such a shape, and such a group if that is asked."""
        keys, groups, counts, shapes, objects = self._columns
        wanted = np.array([matches(shape) for shape in shapes], dtype=bool)[keys[:, 2]]
        if among is not None:
            wanted &= np.array([among(group) for group in groups], dtype=bool)[keys[:, 1]]
        return np.bincount(objects[wanted], counts[wanted], len(self.objects)).astype(np.int64)

    def per_group(self, matches: Match, first: int = 0, last: int | None = None) -> Counter[Group]:
        """By group, how many records of the objects [first, last] have such a shape."""
        keys, groups, counts, shapes, objects = self._columns
        wanted = np.array([matches(shape) for shape in shapes], dtype=bool)[keys[:, 2]]
        wanted &= (objects >= first) & (objects <= (len(self.objects) if last is None else last))
        totals = np.bincount(keys[wanted, 1], counts[wanted], len(groups))
        return Counter({group: int(total) for group, total in zip(groups, totals, strict=True) if total})


def landed_objects(root_uri: str, source: Source, start: datetime, end: datetime) -> list[LandedObject]:
    """The source's objects stamped in [start, end) that a producer sent, in order of stamp and key.

    Raises:
        InputMissing, Unreachable: the root is not there, or does not answer.
    """
    found = [
        each
        for each in list_objects(root_uri, source.name, start, end)
        if isinstance(each, LandedObject) and f"-{RELEASED}" not in each.key
    ]
    return sorted(found, key=lambda each: (each.landed_at, each.key))


def spread(objects: Sequence[LandedObject], at_most: int) -> list[LandedObject]:
    """At most so many of them, evenly spread, the first and the last among them.

    >>> spread([1, 2, 3, 4, 5, 6, 7], 3), spread([1, 2], 3), spread([1, 2], 1)
    ([1, 4, 7], [1, 2], [2])
    """
    if len(objects) <= at_most:
        return list(objects)
    last = len(objects) - 1
    if at_most == 1:
        return [objects[last]]
    return [objects[n * last // (at_most - 1)] for n in range(at_most)]


def profiled(
    root_uri: str, source: Source, objects: Sequence[LandedObject], at_most: int, lines: int
) -> Profile:
    """The profile of at most so many objects and lines, evenly spread over those given.

    Raises:
        InputMissing, Unreachable: an object is gone, or the store does not answer.
    """
    contract = Contract(source)
    read = spread(objects, at_most)
    kinds = tuple(each.path for each in source.fields if each.required and each.vocabulary)[:1]
    known = {each.path for each in source.fields if each.treatment is Treatment.PLAIN}
    by = (*kinds, *(name for name in _BY if name in known))
    profile = Profile(source, read, len(objects), by, bool(kinds))
    of_object = max(20, lines // max(1, len(read)))
    for number, each in enumerate(read):
        _add_object(profile, contract, root_uri, number, each.key, of_object)
    return profile


def _add_object(
    profile: Profile, contract: Contract, root_uri: str, number: int, key: str, most: int
) -> None:
    reader = ObjectReader(root_uri, key, contract.field_names)
    kept: list[dict[str, Any]] = []
    seen, stride = 0, 1
    for piece in reader.pieces():
        record = record_of(contract, piece, reader.header)
        if isinstance(record, Problem):
            profile.refused += 1
            continue
        if seen % stride == 0:
            kept.append(record)
            if len(kept) > 2 * most:
                kept, stride = kept[::2], 2 * stride
        seen += 1
    profile.lines += reader.lines
    looks = _Looks(contract, is_text=reader.header is not None)
    for record in kept:
        _add_record(profile, looks, number, record)


def _add_record(profile: Profile, looks: _Looks, number: int, record: dict[str, Any]) -> None:
    group = tuple(_group_word(record.get(name)) for name in profile.by)
    shape: dict[str, Form] = {}
    for path, form, value in looks.of(record, "", 0):
        if path in shape and shape[path] is not Form.NULL:
            continue  # another name that is no identifier
        if path not in profile.values and len(profile.values) >= _MOST_PATHS:
            path = OTHER_NAME
        shape[path] = form
        if form is Form.NULL:
            continue
        profile.values.setdefault(path, Values()).add(number, group, value)
        if form is Form.TEXT and value not in looks.vocabulary(path):
            profile.words.setdefault(path, Words()).add(number, group, value)
    profile.rows[number, group, tuple(sorted(shape.items()))] += 1


def _group_word(value: Any) -> str:
    if value is None or value == "":
        return ""
    text = str(value) if isinstance(value, str | int) else OTHER_WORD
    return text if _SHORT_ID.fullmatch(text) else OTHER_WORD


class _Looks:
    """Says of each value what form it has, in the eyes of the contract."""

    def __init__(self, contract: Contract, *, is_text: bool) -> None:
        self._fields: dict[str, Field] = {
            name: each for each in contract.source.fields for name in (each.path, *each.aliases)
        }
        self._is_text = is_text

    def vocabulary(self, path: str) -> frozenset[str]:
        known = self._fields.get(path)
        return known.vocabulary if known else frozenset()

    def of(self, record: dict[str, Any], above: str, depth: int) -> Iterator[tuple[str, Form, Any]]:
        """(path, form, value) of everything inside; an object by itself and by what it holds."""
        for name, value in record.items():
            path = f"{above}{name}" if _NAME.fullmatch(name) else f"{above}{OTHER_NAME}"
            known = self._fields.get(path)
            if type(value) is dict:
                yield path, Form.OBJECT if value else Form.NULL, None
                if depth < _DEEPEST:
                    yield from self.of(value, f"{path}.", depth + 1)
                continue
            if self._is_text and known is None and type(value) is str and _NUMERAL.fullmatch(value):
                value = float(value) if not value.lstrip("+-").isdigit() else int(value)
            yield path, form_of(value, known), value


def form_of(value: Any, known: Field | None = None) -> Form:
    """The form of a value; a number is out of bounds only if the contract's field has some.

    >>> [form_of(each).name for each in (1, 1.0, 1.5, "1", "2026-03-10T17:00Z", "2026-03-10 17:00", "x", "")]
    ['WHOLE', 'ROUND', 'NUMBER', 'NUMERAL', 'TIME', 'LOCAL_TIME', 'TEXT', 'NULL']
    """
    match value:
        case None | "":
            return Form.NULL
        case bool():
            return Form.BOOLEAN
        case int() | float():
            return _number_form(value, known)
        case str():
            return _text_form(value)
        case datetime():
            return Form.LOCAL_TIME if value.tzinfo is None else Form.TIME
        case list() | tuple():
            return Form.LIST
    return Form.TEXT


def _number_form(value: float, known: Field | None) -> Form:
    if not math.isfinite(value):
        return Form.BEYOND
    if known is not None:
        low, high = known.low, known.high
        if landed_type(known) is Type.INT:
            low, high = (-(2**31) if low is None else low), (2**31 - 1 if high is None else high)
        if (low is not None and value < low) or (high is not None and value > high):
            return Form.BEYOND
    if isinstance(value, int):
        return Form.WHOLE
    return Form.ROUND if value.is_integer() else Form.NUMBER


def _text_form(text: str) -> Form:
    if not (text[0].isdigit() or text[0] in "+-."):
        return Form.TEXT
    if _NUMERAL.fullmatch(text):
        return Form.NUMERAL
    if len(text) >= 10:
        try:
            return Form.LOCAL_TIME if datetime.fromisoformat(text).tzinfo is None else Form.TIME
        except ValueError:
            pass
    return Form.TEXT


ACCEPTED = {
    Type.STRING: TEXTS,
    Type.BOOLEAN: frozenset({Form.BOOLEAN}),
    Type.DOUBLE: frozenset({Form.WHOLE, Form.ROUND, Form.NUMBER}),
    Type.INT: frozenset({Form.WHOLE, Form.ROUND}),
    Type.LONG: frozenset({Form.WHOLE, Form.ROUND}),
    Type.TIMESTAMP: frozenset({Form.TIME}),
    Type.STRINGS: frozenset({Form.LIST}),
}
"""Forms that a field of the type takes."""
