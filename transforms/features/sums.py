"""Running sums over spans, vectorised: from spans of facts to the feature values that changed.

Pure integer arithmetic in numpy; a ratio is divided out last. Independent of the order of the spans.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from validation.errors import Defect

Values = tuple[np.ndarray, np.ndarray]
"""A feature's values and which of them are null."""

CHUNK_SPANS = 2_000_000
"""Keys are summed in groups of about so many spans, to bound memory."""


@dataclass(frozen=True)
class Measures:
    """The running sums of a view, numbered; a histogram takes one number a bucket."""

    names: tuple[str, ...]
    histograms: Mapping[str, Sequence[int]]

    @cached_property
    def numbers(self) -> dict[str, int]:
        """First number of each measure."""
        numbers = {name: number for number, name in enumerate(self.names)}
        following = len(self.names)
        for name, edges in self.histograms.items():
            numbers[name] = following
            following += len(edges)
        return numbers

    @property
    def count(self) -> int:
        """How many numbers there are."""
        return len(self.names) + sum(len(edges) for edges in self.histograms.values())

    def number(self, name: str) -> int:
        """The measure's (first) number.

        Raises:
            Defect: the view has no such measure.
        """
        if name not in self.numbers:
            raise Defect(f"There is no measure {name}; known: {', '.join(self.numbers)}.")
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
    """part / (whole - less) / divisor; null where that is zero."""

    name: str
    part: str
    whole: str
    less: str = ""
    divisor: int = 1

    def values(self, sums: Sums) -> Values:
        """One double per row."""
        whole = sums.of(self.whole) - (sums.of(self.less) if self.less else 0)
        unsupported = whole <= 0
        divided = sums.of(self.part).astype(np.float64) / np.where(unsupported, 1, whole * self.divisor)
        return np.where(unsupported, 0.0, divided), unsupported


@dataclass(frozen=True)
class Quantile:
    """Upper edge of the bucket that holds rank ceil(percent / 100 * n); null without support."""

    name: str
    histogram: str
    percent: int

    def values(self, sums: Sums) -> Values:
        """One edge per row."""
        edges = np.asarray(sums.measures.histograms[self.histogram], np.int64)
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
        found = sums.latest(self.measure)
        return found, found == _NEVER


Feature = Count | Ratio | Quantile | Latest
_NEVER = np.iinfo(np.int64).min


@dataclass(frozen=True)
class Sums:
    """Running sums of some keys: one row per key and instant at which a sum may change.

    Rows are sorted by key and instant. `matrix` has a column a measure.
    """

    measures: Measures
    matrix: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    spans: Mapping[str, np.ndarray]

    def of(self, measure: str) -> np.ndarray:
        """One running sum."""
        return self.matrix[:, self.measures.number(measure)]

    def latest(self, measure: str) -> np.ndarray:
        """Per row, the greatest moment among the measure's spans that hold there; _NEVER without one.

        Spans are laid on the rows from the latest moment down, each over the rows still free.
        """
        found = np.full(len(self.matrix), _NEVER, np.int64)
        mine = np.flatnonzero(self.spans["measure"] == self.measures.number(measure))
        mine = mine[np.argsort(-self.spans["moment"][mine], kind="stable")]
        following = np.arange(len(found) + 1)
        moments = self.spans["moment"][mine]
        for moment, row, end in zip(moments, self.starts[mine], self.ends[mine], strict=True):
            path = []
            while row < end:
                if following[row] == row:
                    found[row] = moment
                    following[row] = row + 1
                path.append(row)
                row = following[row]
            following[path] = row
        return found


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
        self, key: str, bounds: tuple[int, int]
    ) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
        """A function from all spans of some keys to their feature rows in (a, b], for `mapInArrow`."""

        def summed(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            listed = list(batches)
            if not listed:
                return
            table = pa.Table.from_batches(listed).sort_by(key)
            for chunk in _by_whole_keys(table, key):
                yield from self._chunk_rows(chunk, key, bounds)

        return summed

    def _chunk_rows(self, table: pa.Table, key: str, bounds: tuple[int, int]) -> Iterator[pa.RecordBatch]:
        first, last = bounds
        encoded = table.column(key).combine_chunks().dictionary_encode()
        keys, codes = encoded.dictionary, encoded.indices.to_numpy().astype(np.int64)
        spans = {name: table.column(name).to_numpy() for name in ("measure", "amount", "moment")}
        enter = np.clip(table.column("enter").to_numpy(), first, last + 1)
        leave = np.clip(table.column("leave").to_numpy(), first, last + 1)
        width = last + 2 - first  # instants a..b, and one after
        beats = _beats(keys, first, last, self.beat)
        starts, ends = codes * width + (enter - first), codes * width + (leave - first)
        every_key = np.arange(len(keys), dtype=np.int64) * width
        places = np.unique(np.concatenate([starts, ends, beats, every_key]))
        rows_start, rows_end = np.searchsorted(places, starts), np.searchsorted(places, ends)
        matrix = np.zeros((len(places), self.measures.count), np.int64)
        np.add.at(matrix, (rows_start, spans["measure"]), spans["amount"])
        np.add.at(matrix, (rows_end, spans["measure"]), -spans["amount"])
        np.cumsum(matrix, axis=0, out=matrix)  # each key's spans end by b + 1, so sums start at 0 anew
        sums = Sums(self.measures, matrix, rows_start, rows_end, spans)
        is_live = sums.of(self.live) > 0
        numbers = first + places % width
        is_first = places % width == 0
        computed = {feature.name: feature.values(sums) for feature in self.features}
        changed = is_first | _differs_from_row_before(is_live)
        for values, nulls in computed.values():
            null = nulls | ~is_live
            changed |= _differs_from_row_before(np.where(null, 0, values)) | _differs_from_row_before(null)
        was_live = np.concatenate([[False], is_live[:-1]])
        is_beat = np.isin(places, beats, assume_unique=True)
        due = (numbers > first) & (numbers <= last)
        due &= (changed & (is_live | was_live)) | (is_beat & is_live)
        if not due.any():
            return
        dead = ~is_live[due]
        columns = {key: keys.take(pa.array((places // width)[due])), "number": pa.array(numbers[due])}
        for feature in self.features:
            values, nulls = computed[feature.name]
            array = pa.array(values[due], mask=nulls[due] | dead)
            is_moment = isinstance(feature, Latest)
            columns[feature.name] = array.cast(pa.timestamp("us", "UTC")) if is_moment else array
        yield pa.RecordBatch.from_pydict(columns)


def _by_whole_keys(table: pa.Table, key: str) -> Iterator[pa.Table]:
    """The table, sorted by key, in pieces of about CHUNK_SPANS rows that part no key."""
    counts = pc.run_end_encode(table.column(key).combine_chunks()).run_ends.to_numpy()
    start = 0
    while start < len(table):
        within = counts[(counts > start) & (counts <= start + CHUNK_SPANS)]
        end = int(within[-1] if len(within) else counts[np.searchsorted(counts, start, side="right")])
        yield table.slice(start, end - start)
        start = end


def _beats(keys: pa.Array, first: int, last: int, beat: int) -> np.ndarray:
    """Places of the keys' beats in (a, b]: instants whose number equals the key's hash, modulo beat."""
    width = last + 2 - first
    phases = np.array([crc32(name.encode()) % beat for name in keys.to_pylist()], np.int64)
    instants = np.arange(first + 1, last + 1, dtype=np.int64)
    code, offset = np.nonzero(instants[None, :] % beat == phases[:, None])
    return code * width + 1 + offset


def _differs_from_row_before(values: np.ndarray) -> np.ndarray:
    return np.concatenate([[True], values[1:] != values[:-1]])
