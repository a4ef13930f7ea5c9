"""What a historical retrieval asks for, whichever engine answers it.

Guarantee of both engines: per row of the spine and view, of the view's rows with that key whose
timestamp is at most the spine's and at most a time to live older (both edges included), the values
of the greatest (timestamp, created, values in order). A null key finds nothing. Of rows that are
equal in key, timestamp and created the greatest values win, nulls least: of all features of the view in
the order of its schema, whichever are asked, so that all requests see the same row, and an answer never
depends on the order of files or tasks. A zero has no sign. A row that holds later than its timestamp
(created after it and asked for so, or published late and read as published) counts from then on.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from feast import FeatureView
from feast.data_source import DataSource
from feast.feature_view import DUMMY_ENTITY_ID
from feast.infra.offline_stores.contrib.spark_offline_store.spark_source import SparkSource

from lakehouse.pinning import REVISION, TICK, Pin, Publications
from validation.errors import UserError

ROW = "roadside_row"
"""Position of a spine's row; no spine may have a column of this name."""


@dataclass(frozen=True)
class Rows:
    """The rows of a data source within a range of time, both ends included; None is no bound.

    Attributes:
        source: where they are: a table, a path or a query.
        time: the timestamp's column in the source.
        created: the column that decides between rows of one timestamp, if there is one.
        pin: rows that a pinned retrieval may see.
    """

    source: SparkSource
    time: str
    created: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    pin: Pin | None = None

    @property
    def clocks(self) -> tuple[str, ...]:
        """The columns that order the rows of a key."""
        return (self.time, self.created) if self.created else (self.time,)

    @property
    def published(self) -> Publications | None:
        """When the rows came out, where they are read as published."""
        return self.pin.published_of(str(self.source.table)) if self.pin else None

    @property
    def is_at_snapshot(self) -> bool:
        """Whether the table is read at a snapshot of it, and not as it stands."""
        return self.pin is not None and self.pin.is_at_snapshots

    @property
    def snapshot(self) -> int | None:
        """The snapshot of the table that is read, where one is; None if the table had none: no rows."""
        return self.pin.snapshot_of(str(self.source.table)) if self.pin else None

    def told(self) -> str:
        """The source as an error names it."""
        return str(self.source.table or self.source.path or self.source.name)


@dataclass(frozen=True)
class ViewRead:
    """One view as one retrieval reads it.

    Attributes:
        role: the view's name, or the alias it is asked under.
        keys: pairs of the spine's column and the source's.
        features: pairs of the source's column and the answer's.
        ttl: how old a value may be; None for any age.
        only_created: only rows created at or before the spine's timestamp count, where the source says
            when they were; one that does not is read whole.
        ties: the source's columns that decide, in order, between rows of equal clocks; those of
            `features` where none is named. One that the source lacks decides nothing.
    """

    role: str
    rows: Rows
    keys: tuple[tuple[str, str], ...]
    features: tuple[tuple[str, str], ...]
    ttl: timedelta | None
    only_created: bool = False
    ties: tuple[str, ...] = ()

    @property
    def from_created(self) -> bool:
        """Whether rows hold no earlier than they were created."""
        return self.only_created and self.rows.created is not None

    def within(self, start: datetime, end: datetime) -> Rows:
        """The rows that may answer a moment of [start, end]."""
        try:
            oldest = start - self.ttl if self.ttl else None
        except OverflowError:  # a time to live that reaches back past the first year
            oldest = None
        return replace(self.rows, start=oldest, end=end)

    def deciding(self, known: Container[str]) -> tuple[str, ...]:
        """Of the columns known of the source those that decide between rows of equal clocks, in order."""
        return tuple(name for name in self.ties or (source for source, _ in self.features) if name in known)

    @property
    def spine_keys(self) -> tuple[str, ...]:
        """The spine's columns that name the entity."""
        return tuple(spine for spine, _ in self.keys)

    @property
    def answers(self) -> tuple[str, ...]:
        """The columns that the view adds to the spine."""
        return tuple(answer for _, answer in self.features)

    @property
    def sources(self) -> tuple[str, ...]:
        """The columns read of the source, each once."""
        keys = (source for _, source in self.keys)
        features = (source for source, _ in self.features)
        of_release = (TICK, REVISION) if self.rows.published else ()
        return tuple(dict.fromkeys((*keys, *self.rows.clocks, *features, *of_release)))

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns that may be read of the source: those asked for, and those that decide a tie."""
        return tuple(dict.fromkeys((*self.sources, *self.ties)))


@dataclass(frozen=True)
class Retrieval:
    """Everything that is read for a spine.

    Attributes:
        time: the spine's timestamp column.
        reads: one per view and role, in the order of the features asked for.
    """

    time: str
    reads: tuple[ViewRead, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """The spine's columns that name entities, in order of first use."""
        return tuple(dict.fromkeys(key for read in self.reads for key in read.spine_keys))

    def by_keys(self) -> list[list[ViewRead]]:
        """The views, those that are asked by the same columns together."""
        groups: dict[tuple[str, ...], list[ViewRead]] = {}
        for read in self.reads:
            groups.setdefault(read.spine_keys, []).append(read)
        return list(groups.values())


def view_reads(
    views: Sequence[FeatureView],
    refs: Sequence[str],
    *,
    full_names: bool,
    only_created: bool,
    pin: Pin | None,
) -> tuple[ViewRead, ...]:
    """What the references `view:feature` read of the views, the views in order of first reference.

    Raises:
        UserError: a view has no batch source that Spark or DuckDB reads.
    """
    by_role = {view.projection.name_to_use(): view for view in views}
    wanted: dict[str, list[str]] = {}
    for ref in refs:
        role, _, feature = ref.partition(":")
        if role in by_role:
            wanted.setdefault(role, []).append(feature)
    return tuple(
        _view_read(role, by_role[role], features, full_names, only_created, pin)
        for role, features in wanted.items()
    )


def _view_read(
    role: str,
    view: FeatureView,
    features: Sequence[str],
    full_names: bool,
    only_created: bool,
    pin: Pin | None,
) -> ViewRead:
    source = spark_source(view.name, view.batch_source)
    of_source = {name: column for column, name in (source.field_mapping or {}).items()}
    named = {name: of_source.get(name, name) for name in features}
    role_name = view.projection.name_alias or view.name
    mapped = view.projection.join_key_map
    keys = [each.name for each in view.entity_columns if each.name != DUMMY_ENTITY_ID]
    return ViewRead(
        role=role,
        rows=rows_of(source, source.timestamp_field, source.created_timestamp_column, pin=pin),
        keys=tuple((mapped.get(key, key), of_source.get(key, key)) for key in keys),
        features=tuple(
            (column, f"{role_name}__{name}" if full_names else name) for name, column in named.items()
        ),
        ttl=view.ttl or None,
        only_created=only_created,
        ties=tuple(of_source.get(each.name, each.name) for each in view.features),
    )


def spark_source(name: str, source: DataSource | None) -> SparkSource:
    """The source of the view (or source) of that name, if this store reads it.

    Raises:
        UserError: it is of another kind, or there is none.
    """
    if not isinstance(source, SparkSource):
        raise UserError(
            f"{name} reads a {type(source).__name__}; this store reads SparkSource.",
            "Give it a SparkSource with a table, a path of Parquet files or a query.",
        )
    return source


def rows_of(
    source: SparkSource,
    time: str | None,
    created: str | None,
    start: datetime | None = None,
    end: datetime | None = None,
    pin: Pin | None = None,
) -> Rows:
    """The rows of a source in a range, its columns named as the source names them."""
    if not time:
        raise UserError(f"The source {source.name} names no timestamp_field.")
    of_source = {name: column for column, name in (source.field_mapping or {}).items()}
    return Rows(
        source,
        of_source.get(time, time),
        of_source.get(created, created) if created else None,
        start,
        end,
        pin,
    )
