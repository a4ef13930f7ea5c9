"""Running sums over spans, vectorised: from spans of facts to the feature values that changed.

Pure integer arithmetic in numpy; a ratio is divided out last. Independent of the order of the spans.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from transforms.entities import Entities, by_entity
from transforms.features.emission import (
    beat_places,
    differs_from_row_before,
    due_rows,
    first_places,
)
from transforms.grid import Instants
from validation.errors import Defect

Values = tuple[np.ndarray, np.ndarray]
"""A feature's values and which of them are null."""


@dataclass(frozen=True)
class Sum:
    """A running sum: what a measure of the tiles adds up to over a window.

    Attributes:
        name: how features ask for it.
        measure: the measure.
        window: how many instants an amount counts from its tile's end.
        edges: upper edges of the buckets, if it is a histogram.
    """

    name: str
    measure: str
    window: int
    edges: Sequence[int] = ()


@dataclass(frozen=True)
class Measures:
    """The running sums of a view, numbered; a histogram takes one number a bucket."""

    sums: tuple[Sum, ...]

    @cached_property
    def numbers(self) -> dict[str, int]:
        """First number of each sum."""
        numbers, following = {}, 0
        for each in self.sums:
            numbers[each.name] = following
            following += len(each.edges) or 1
        return numbers

    @cached_property
    def edges(self) -> dict[str, Sequence[int]]:
        """Upper edges by histogram."""
        return {each.name: each.edges for each in self.sums if each.edges}

    @property
    def count(self) -> int:
        """How many numbers there are."""
        return sum(len(each.edges) or 1 for each in self.sums)

    def window(self, name: str) -> int:
        """How many instants an amount of the sum counts."""
        (found,) = {each.window for each in self.sums if each.name == name}
        return found

    def number(self, name: str) -> int:
        """The sum's (first) number.

        Raises:
            Defect: the view has no such sum.
        """
        if name not in self.numbers:
            raise Defect(f"There is no running sum {name}; known: {', '.join(self.numbers)}.")
        return self.numbers[name]


@dataclass(frozen=True)
class Count:
    """The running sum itself."""

    name: str
    measure: str

    def values(self, sums: Sums) -> Values:
        """One value per row; never null."""
        counted = sums.of(self.measure)
        return counted, np.zeros(len(counted), bool)


@dataclass(frozen=True)
class Ratio:
    """part * times / (whole - less) / divisor; null where that is zero."""

    name: str
    part: str
    whole: str
    less: str = ""
    divisor: int = 1
    times: str = ""

    def values(self, sums: Sums) -> Values:
        """One double per row."""
        whole = sums.of(self.whole) - (sums.of(self.less) if self.less else 0)
        unsupported = whole <= 0
        part = sums.of(self.part) * (sums.of(self.times) if self.times else 1)
        divided = part.astype(np.float64) / np.where(unsupported, 1, whole * self.divisor)
        return np.where(unsupported, 0.0, divided), unsupported


@dataclass(frozen=True)
class Quantile:
    """Upper edge of the bucket that holds rank ceil(percent / 100 * n); null without support."""

    name: str
    histogram: str
    percent: int

    def values(self, sums: Sums) -> Values:
        """One edge per row."""
        edges = np.asarray(sums.measures.edges[self.histogram], np.int64)
        first = sums.measures.number(self.histogram)
        reached = np.cumsum(sums.matrix[:, first : first + len(edges)], axis=1)
        support = reached[:, -1]
        rank = (support * self.percent + 99) // 100
        bucket = np.argmax(reached >= rank[:, None], axis=1)
        return edges[bucket], support == 0


@dataclass(frozen=True)
class Latest:
    """The latest moment, in microseconds, among the facts that hold; null without one."""

    name: str
    measure: str

    def values(self, sums: Sums) -> Values:
        """One moment per row."""
        found = sums.greatest(self.measure, sums.spans["moment"])
        return found, found == _NEVER


@dataclass(frozen=True)
class Since:
    """How many instants ago the oldest tile among the facts that hold ended; null without one.

    It grows by itself, so its view has a row at every instant: beat 1.
    """

    name: str
    measure: str

    def values(self, sums: Sums) -> Values:
        """One number of instants per row."""
        found = sums.greatest(self.measure, -sums.spans["leave"])
        unsupported = found == _NEVER
        ended = -np.where(unsupported, 0, found) - sums.measures.window(self.measure)
        return np.where(unsupported, 0, sums.numbers - ended), unsupported


@dataclass(frozen=True)
class Scaled:
    """The running sum over a divisor."""

    name: str
    measure: str
    divisor: int

    def values(self, sums: Sums) -> Values:
        """One double per row; never null."""
        counted = sums.of(self.measure)
        return counted.astype(np.float64) / self.divisor, np.zeros(len(counted), bool)


@dataclass(frozen=True)
class Has:
    """Whether the running sum is positive; false for a dead entity."""

    name: str
    measure: str

    def values(self, sums: Sums) -> Values:
        """One boolean per row; never null."""
        counted = sums.of(self.measure) > 0
        return counted, np.zeros(len(counted), bool)


@dataclass(frozen=True)
class Carried:
    """The content of the span that holds, of spans that do not overlap; null without one."""

    name: str
    measure: str

    def values(self, sums: Sums) -> Values:
        """One number of a content per row; see `Sums.contents`."""
        found = np.full(len(sums.matrix), _NEVER, np.int64)
        mine = np.flatnonzero(sums.spans["measure"] == sums.measures.number(self.measure))
        lengths = sums.ends[mine] - sums.starts[mine]
        count = lengths.sum(dtype=np.int64)
        rows = np.repeat(sums.starts[mine] - np.cumsum(lengths) + lengths, lengths) + np.arange(count)
        found[rows] = np.repeat(sums.spans["content"][mine], lengths)
        return found, found == _NEVER


Feature = Count | Ratio | Quantile | Latest | Since | Scaled | Has | Carried
_NEVER = np.iinfo(np.int64).min


@dataclass(frozen=True)
class Sums:
    """Running sums of some keys: one row per key and instant at which a sum may change.

    Rows are sorted by key and instant, whose number `numbers` holds. `matrix` has a column a measure.
    A span's content is a number in `contents`.
    """

    measures: Measures
    numbers: np.ndarray
    matrix: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    spans: Mapping[str, np.ndarray]
    contents: pa.Array

    def of(self, measure: str) -> np.ndarray:
        """One running sum."""
        return self.matrix[:, self.measures.number(measure)]

    def greatest(self, measure: str, of_spans: np.ndarray) -> np.ndarray:
        """Per row, the greatest value `of_spans` has among the sum's spans that hold there; or _NEVER.

        Spans are laid on the rows from the greatest value down, each over the rows still free.
        """
        found = np.full(len(self.matrix), _NEVER, np.int64)
        mine = np.flatnonzero(self.spans["measure"] == self.measures.number(measure))
        values, starts, ends = _standing(
            *(part[mine] for part in (of_spans, self.starts, self.ends, self.spans["amount"]))
        )
        following = np.arange(len(found) + 1)
        for at in np.argsort(-values, kind="stable"):
            row, end, path = starts[at], ends[at], []
            while row < end:
                if following[row] == row:
                    found[row] = values[at]
                    following[row] = row + 1
                path.append(row)
                row = following[row]
            following[path] = row
        return found


def _standing(
    values: np.ndarray, starts: np.ndarray, ends: np.ndarray, amounts: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(value, start, end) of the stretches of rows where a value's amounts add up to something.

    Rows of two keys lie apart, so a stretch never leaves its key.
    """
    at = np.concatenate([starts, ends])
    of = np.concatenate([values, values])
    change = np.concatenate([amounts, -amounts])
    order = np.lexsort((at, of))
    at, of, standing = at[order], of[order], np.cumsum(change[order])
    is_stretch = (standing[:-1] > 0) & (at[:-1] < at[1:]) if len(at) else np.zeros(0, bool)
    here = np.flatnonzero(is_stretch)
    return of[here], at[here], at[here + 1]


@dataclass(frozen=True)
class Summing:
    """How a view's spans become its features.

    Attributes:
        measures: the running sums.
        features: what is made of them, in any order.
        live: the measure that is positive while the key lives.
        beat: period, in instants, of the row a live key has even if nothing changed.
    """

    measures: Measures
    features: tuple[Feature, ...]
    live: str
    beat: int

    def rows(
        self, keys: Sequence[str], instants: Instants
    ) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
        """A function from all spans of some keys to their feature rows, for `mapInArrow`."""

        def summed(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            listed = list(batches)
            if not listed:
                return
            table = pa.Table.from_batches(listed)
            for chunk, entities in by_entity(table, keys):
                yield from self._chunk_rows(chunk, entities, instants)

        return summed

    def _chunk_rows(
        self, table: pa.Table, entities: Entities, instants: Instants
    ) -> Iterator[pa.RecordBatch]:
        numbers = np.asarray(instants.numbers, np.int64)
        width = len(numbers) + 1  # the instants, and one after
        spans = {name: table.column(name).to_numpy() for name in ("measure", "amount", "moment", "leave")}
        contents = table.column("content").combine_chunks().dictionary_encode()
        spans["content"] = contents.indices.fill_null(0).to_numpy().astype(np.int64)
        starts, ends = (
            entities.codes * width + np.searchsorted(numbers, table.column(edge).to_numpy())
            for edge in ("enter", "leave")
        )
        beats = beat_places(entities.names, numbers, self.beat)
        firsts = first_places(len(entities.keys), width, instants)
        places = np.unique(np.concatenate([starts, ends, beats, firsts]))
        rows_start, rows_end = np.searchsorted(places, starts), np.searchsorted(places, ends)
        matrix = np.zeros((len(places), self.measures.count), np.int64)
        np.add.at(matrix, (rows_start, spans["measure"]), spans["amount"])
        np.add.at(matrix, (rows_end, spans["measure"]), -spans["amount"])
        np.cumsum(matrix, axis=0, out=matrix)  # a key's spans end by one after b, so sums start at 0 anew
        offset = places % width
        at = np.append(numbers, numbers[-1] + 1)[offset]
        sums = Sums(self.measures, at, matrix, rows_start, rows_end, spans, contents.dictionary)
        is_live = sums.of(self.live) > 0
        computed = {feature.name: feature.values(sums) for feature in self.features}
        changed = differs_from_row_before(is_live)
        for values, nulls in computed.values():
            null = nulls | ~is_live
            changed |= differs_from_row_before(np.where(null, 0, values)) | differs_from_row_before(null)
        due = due_rows(
            offset, len(numbers), is_live, changed, np.isin(places, beats, assume_unique=True), instants
        )
        if not due.any():
            return
        dead = ~is_live[due]
        columns = entities.columns(places[due] // width)
        columns |= {"number": pa.array(numbers[offset[due]]), "is_dead": pa.array(dead)}
        for feature in self.features:
            values, nulls = (each[due] for each in computed[feature.name])
            columns[feature.name] = _column(feature, values, nulls, dead, sums.contents)
        yield pa.RecordBatch.from_pydict(columns)


def _column(
    feature: Feature, values: np.ndarray, nulls: np.ndarray, dead: np.ndarray, contents: pa.Array
) -> pa.Array:
    if isinstance(feature, Has):
        return pa.array(values & ~dead)
    array = pa.array(values, mask=nulls | dead)
    if isinstance(feature, Latest):
        return array.cast(pa.timestamp("us", "UTC"))
    return contents.take(array) if isinstance(feature, Carried) else array
