"""The rows that a retrieval is asked for: checked, and reduced to keys and moment for the engines."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pandas.api.types import is_datetime64_any_dtype

from feast_plugins.moments import in_utc
from feast_plugins.point_in_time import ROW, ViewRead
from validation.errors import UserError

TIME = "event_timestamp"
_AHEAD = timedelta(minutes=5)
"""How far a spine's clock may run ahead of ours."""
_warned: set[str] = set()
KeyTypes = Mapping[str, tuple[str, str]]
"""By column that the spine needs: its type in the source, as the engine names it, and a view that asks."""


@dataclass(frozen=True)
class Spine:
    """A spine in memory: the rows as they were given, and what the engines need of them.

    Attributes:
        given: pandas or Arrow, untouched.
        asked: ROW, the key columns, and the time as moments in UTC, in the given order.
        time: the column of the time.
        start, end: the earliest and the latest of the times.
    """

    given: pd.DataFrame | pa.Table
    asked: pa.Table
    time: str
    start: datetime
    end: datetime

    @property
    def columns(self) -> list[str]:
        """The given columns, in order."""
        return list(map(str, self.given.columns)) if self.is_pandas else list(self.given.column_names)

    @property
    def is_pandas(self) -> bool:
        """Whether it was given as pandas."""
        return isinstance(self.given, pd.DataFrame)

    @cached_property
    def table(self) -> pa.Table:
        """The given rows as Arrow, without the columns that Arrow has no type for."""
        if not self.is_pandas:
            return self.given
        columns = {}
        for name in self.given.columns:
            with suppress(pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
                columns[str(name)] = pa.Array.from_pandas(self.given[name])
        return pa.table(columns)

    @property
    def whole(self) -> pa.Table:
        """`asked`, and behind it the given columns that it lacks."""
        whole = self.asked
        for name in self.table.column_names:
            if name not in whole.column_names:
                whole = whole.append_column(self.table.schema.field(name), self.table[name])
        return whole


def spine_of(
    given: pd.DataFrame | pa.Table,
    keys: KeyTypes,
    answers: Sequence[str],
    *times: str,
    allow_future: bool = False,
) -> Spine:
    """The spine, if views of these keys can be asked for it; `answers` are the columns they will add.

    Raises:
        UserError: it is empty, lacks a key or a time, or has columns that the answer adds (said at
            once); or it has keys of another type, times in the future or none.
    """
    columns = [
        str(name) for name in (given.columns if isinstance(given, pd.DataFrame) else given.column_names)
    ]
    time = time_column(given, *times)
    problems = [f"it has no column {key}" for key in keys if key not in columns]
    problems += [
        f"its column {name} would be added by the answer" for name in columns if name in {ROW, *answers}
    ]
    if not len(given):
        problems.append("it has no rows")
    if problems:
        raise UserError(
            f"The spine cannot be asked: {'; '.join(problems)}.",
            f"It needs {', '.join([*keys, time])}, one row per question.",
        )
    moments = _moments(given[time], time)
    asked = {ROW: pa.array(range(len(given)), pa.int64()), time: moments}
    for key, (kind, view) in keys.items():
        if key != time:
            asked[key] = _typed(_arrow(given[key]), key, kind, view)
    first, last = (_moment(each) for each in pc.min_max(moments).values())
    if not allow_future:
        refuse_future(time, last)
    return Spine(given, pa.table(asked), time, first, last)


def time_column(given: pd.DataFrame | pa.Table, *others: str) -> str:
    """event_timestamp, one of the others, or the only column of moments.

    Raises:
        UserError: there is none, or several.
    """
    if isinstance(given, pd.DataFrame):
        names = [str(name) for name in given.columns]
        moments = [str(name) for name in given.columns if is_datetime64_any_dtype(given[name])]
    else:
        names = given.column_names
        moments = [each.name for each in given.schema if pa.types.is_timestamp(each.type)]
    return named_time(names, moments, *others)


def named_time(names: Sequence[str], moments: Sequence[str], *others: str) -> str:
    """Of a spine's columns the one of its time: event_timestamp, one of the others, or the only moment.

    Raises:
        UserError: there is none, or several.
    """
    for name in (TIME, *others):
        if name in names:
            return name
    if len(moments) != 1:
        raise UserError(
            f"The spine has no {TIME}, and {len(moments)} columns of moments.",
            f"Name the instant of each question {TIME}.",
        )
    return moments[0]


def refuse_future(time: str, last: datetime) -> None:
    """Nothing, if the last moment has come.

    Raises:
        UserError: it has not.
    """
    if last > datetime.now(UTC) + _AHEAD:
        raise UserError(
            f"{time} reaches {last:%Y-%m-%dT%H:%MZ}, which is in the future.",
            "Nothing is known then yet; ask for instants that have passed.",
        )


def key_types(reads: Sequence[ViewRead], types: Sequence[Mapping[str, str]]) -> KeyTypes:
    """What the views are keyed by, `types` the types by column of their sources.

    Raises:
        UserError: views that one column asks are keyed by types that no value is both of.
    """
    found: dict[str, tuple[str, str]] = {}
    for read, of_source in zip(reads, types, strict=True):
        for column, source in read.keys:
            kind, view = found.setdefault(column, (of_source[source].lower(), read.role))
            mine = of_source[source].lower()
            if _sort(kind) != _sort(mine):
                raise UserError(
                    f"The spine's {column} asks {view}, which is keyed by {kind}, and {read.role}, "
                    f"which is keyed by {mine}.",
                    "Ask for them one after the other, or write the key alike in both.",
                )
    return found


def _sort(kind: str) -> str:
    """The type without its width."""
    kind = kind.split("(")[0]
    return "text" if is_text(kind) else "whole" if is_whole(kind) else kind


def is_text(kind: str) -> bool:
    """Whether DuckDB's or Spark's name of a type is that of text."""
    return kind in ("varchar", "string")


def is_whole(kind: str) -> bool:
    """Whether DuckDB's or Spark's name of a type is that of whole numbers."""
    return kind.removeprefix("u") in ("bigint", "integer", "int", "smallint", "tinyint", "long")


def _arrow(column: Any) -> pa.ChunkedArray:
    if isinstance(column, pa.ChunkedArray):
        return column
    try:
        return pa.chunked_array([pa.Array.from_pandas(column)])
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise UserError(f"The spine's {column.name} holds values of several types.") from error


def _moments(column: Any, name: str) -> pa.ChunkedArray:
    """The times in microseconds of UTC, parts of one left off."""
    if isinstance(column, pd.Series):
        has_zone = getattr(column.dtype, "tz", None) is not None
        try:
            values = _arrow(pd.to_datetime(column, utc=True))
            if not is_datetime64_any_dtype(column):  # texts, or objects of Python
                has_zone = all(pd.Timestamp(value).tzinfo is not None for value in column.head(1))
        except (ValueError, TypeError) as error:
            raise UserError(f"The spine's {name} holds what is no moment.") from error
    else:
        values = column
        if not pa.types.is_timestamp(values.type):
            raise UserError(f"The spine's {name} is {values.type}, no moment.")
        has_zone = values.type.tz is not None
    if values.null_count:
        raise UserError(f"{name} is null in {values.null_count} rows of the spine.")
    if not has_zone and name not in _warned:
        _warned.add(name)
        warnings.warn(f"The spine's {name} has no time zone; it is taken as UTC.", UserWarning, stacklevel=2)
    return in_utc(values)


def _moment(value: pa.Scalar) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=value.value)


def _typed(values: pa.ChunkedArray, key: str, kind: str, view: str) -> pa.ChunkedArray:
    """The key in the type that the view's rows have.

    Raises:
        UserError: it holds another type.
    """
    found = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    wanted = pa.string() if is_text(kind) else pa.int64() if is_whole(kind) else None
    if wanted is None or pa.types.is_null(found):
        return values if wanted is None else values.cast(wanted)
    holds_text = (
        pa.types.is_string(found) or pa.types.is_large_string(found) or pa.types.is_string_view(found)
    )
    is_right = holds_text if is_text(kind) else pa.types.is_integer(found)
    try:
        if is_right or (is_whole(kind) and pa.types.is_floating(found)):
            return values.cast(wanted)
    except pa.ArrowInvalid:
        pass  # floats that are no whole numbers
    raise UserError(
        f"The spine's {key} is {found}; {view} is keyed by {kind}.", "Cast the column; nothing is guessed."
    )
