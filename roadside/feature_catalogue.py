"""The catalogue of features: what each means, who uses it, and what the lake holds of it now.

Words come from the contracts, uses from Feast's registry, values from Iceberg without Spark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.catalog_reader import CatalogReader
from validation.clocks import TICK, business_date_et, business_day_start, known_date
from validation.contract import Column, Sensitivity, Table, Type
from validation.contracts import FEATURES
from validation.contracts.features.feature_table import entity_keys, feature_columns, time_to_live
from validation.errors import InputMissing, UnknownName, UserError
from validation.feature_kinds import LISTS, kind_of, window_text
from validation.on_demand import ON_DEMAND, OnDemandView

ONE_DAY = timedelta(days=1)
WITHHELD = "withheld"
"""Stands for a precise location: its readers name a purpose, and a catalogue has none."""

Uses = Mapping[str, Mapping[str, Sequence[str]]]
"""Features used, by service and view: columns of the service, and inputs of its on-demand views."""


@dataclass(frozen=True)
class ViewEntry:
    """One line of the catalogue."""

    view: str
    keys: tuple[str, ...]
    cadence: str  # every 15 minutes | every business day | on demand
    features: tuple[str, ...]
    time_to_live_days: int | None
    used_by: tuple[str, ...]


@dataclass(frozen=True)
class Distribution:
    """A feature over the rows of the last day. Of a list, its length; of words, the most frequent."""

    rows: int
    nulls: int
    lowest: Any = None
    median: Any = None
    p90: Any = None
    highest: Any = None
    values: str = ""

    @property
    def null_share(self) -> float | None:
        """Nulls over rows; none without rows."""
        return self.nulls / self.rows if self.rows else None


def entries(uses: Uses) -> list[ViewEntry]:
    """Every view, stored ones first."""
    stored = [
        ViewEntry(
            table.short_name,
            entity_keys(table),
            cadence_of(table),
            tuple(column.name for column in feature_columns(table)),
            time_to_live(table).days,
            users_of(uses, table.short_name),
        )
        for table in FEATURES
    ]
    on_demand = [
        ViewEntry(
            view.name,
            ("a request",) if view.needs_request else (),
            "on demand",
            tuple(column.name for column in view.outputs),
            None,
            users_of(uses, view.name),
        )
        for view in ON_DEMAND
    ]
    return [*stored, *on_demand]


def cadence_of(table: Table) -> str:
    """How often a stored view has new values."""
    return "every business day" if _is_daily(table) else "every 15 minutes"


def users_of(uses: Uses, view: str, feature: str = "") -> tuple[str, ...]:
    """The services that use the view, or the feature of it."""
    return tuple(
        service
        for service, views in uses.items()
        if view in views and (not feature or feature in views[view])
    )


def uses_of(store: Any) -> dict[str, dict[str, tuple[str, ...]]]:
    """What each feature service uses, as Feast's registry has it.

    An on-demand view uses all its inputs, so a service that has it does too.
    """
    services = sorted(store.list_feature_services(), key=lambda service: str(service.name))
    return {service.name: _used_by(service) for service in services}


def _used_by(service: Any) -> dict[str, tuple[str, ...]]:
    own = {
        projection.name: [field.name for field in projection.features]
        for projection in service.feature_view_projections
    }
    used = {view: dict.fromkeys(features) for view, features in own.items()}
    for view in ON_DEMAND:
        for source, _, feature in (name.partition(".") for name in view.inputs if view.name in own):
            if feature:  # otherwise a field of the request
                used.setdefault(source, {})[feature] = None
    return {view: tuple(features) for view, features in used.items()}


def named(name: str) -> tuple[Table | OnDemandView, Column | None]:
    """The view, and the feature of it if the name has one: `VIEW` or `VIEW.FEATURE`.

    Raises:
        UnknownName: there is no such view, or no such feature of it.
    """
    view_name, _, feature = name.removeprefix("features.").partition(".")
    views: dict[str, Table | OnDemandView] = {table.short_name: table for table in FEATURES}
    views |= {view.name: view for view in ON_DEMAND}
    if view_name not in views:
        raise UnknownName("feature view", view_name, views)
    view = views[view_name]
    if not feature:
        return view, None
    columns = {column.name: column for column in features_of(view)}
    if feature not in columns:
        raise UnknownName(f"feature of {view_name}", feature, columns)
    return view, columns[feature]


def features_of(view: Table | OnDemandView) -> tuple[Column, ...]:
    """The features of a stored or an on-demand view."""
    return view.outputs if isinstance(view, OnDemandView) else feature_columns(view)


def facts_of(view: Table | OnDemandView, column: Column) -> dict[str, Any]:
    """What a catalogue says of a feature, whatever the lake holds."""
    is_stored = isinstance(view, Table)
    kind = kind_of(column) if is_stored else None
    return {
        "feature": column.name,
        "kind": kind.letter if kind else "",
        "kind_meaning": kind.meaning if kind else "worked out at the request",
        "window": window_text(column) if is_stored else "",
        "unit": column.unit,
        "type": column.type.value,
        "sensitivity": column.sensitivity.value,
        "meaning": column.meaning,
    }


def newest_tick(reader: CatalogReader, table: Table) -> tuple[datetime | None, int]:
    """The table's newest instant and how many rows it holds; (None, 0) before it was made."""
    state = reader.state(table)
    return (None, 0) if state is None else (state.newest_event, state.rows)


def last_day(reader: CatalogReader, table: Table, newest: datetime) -> pa.Table:
    """The rows of the day that ends at the newest instant, the newest revision of each.

    Of a daily view that is the business day, of 23 hours or of 25: the rows of one cut.
    """
    since = newest - ONE_DAY
    if _is_daily(table):
        since = business_day_start(business_date_et(newest) - ONE_DAY)
    where = f"known_date >= '{known_date(since)}' AND event_timestamp > '{since.isoformat()}'"
    columns = [*table.key, *(column.name for column in feature_columns(table))]
    return newest_revisions(reader.rows(table, columns, where), table)


def newest_revisions(rows: pa.Table, table: Table) -> pa.Table:
    """Of rows of one key and instant, the one revised last."""
    if not rows.num_rows or pc.max(rows["revision"]).as_py() == 0:
        return rows
    newest: dict[tuple[Any, ...], tuple[int, int]] = {}
    places = zip(*(rows[name].to_pylist() for name in table.key), strict=True)
    for number, (*place, revision) in enumerate(places):
        newest[tuple(place)] = max(newest.get(tuple(place), (-1, -1)), (revision, number))
    return rows.take(pa.array(sorted(number for _, number in newest.values()), pa.int64()))


def distribution_of(column: Column, values: pa.ChunkedArray) -> Distribution:
    """The feature's distribution over the values, null shares included.

    >>> from validation.columns import pick
    >>> (count,) = pick("open_tow_count")
    >>> distribution_of(count, pa.chunked_array([[0, 0, 1, 7, None]])).p90
    7
    """
    rows, nulls = len(values), values.null_count
    known = values.drop_null()
    if not len(known) or column.sensitivity is Sensitivity.PRECISE_LOCATION:
        return Distribution(rows, nulls)
    if column.type in LISTS:
        known = pc.list_value_length(known)
    elif column.type in (Type.STRING, Type.BOOLEAN):
        return Distribution(rows, nulls, values=_most_frequent(column, known))
    ordered = known.take(pc.sort_indices(known)).to_pylist()

    def rank(percent: int) -> Any:
        return ordered[max(0, -(-percent * len(ordered) // 100) - 1)]

    return Distribution(rows, nulls, ordered[0], rank(50), rank(90), ordered[-1])


def rows_in_force(
    reader: CatalogReader, table: Table, at: datetime, keys: Mapping[str, str], most: int
) -> list[dict[str, Any]]:
    """The rows in force at an instant, one per entity, live ones first; a precise location is withheld.

    A row is in force from its instant until the next of its entity, at most a time to live.

    Raises:
        UnknownName: a key is none of the view's.
        InputMissing: the table was never made, or holds no such row.
    """
    own = entity_keys(table)
    for name in keys:
        if name not in own:
            raise UnknownName(f"key of {table.short_name}", name, own)
    found = pa.table({})
    oldest = at - time_to_live(table)
    spans = [(oldest, at)] if keys else [(at - TICK, at), (oldest, at)]  # a sample looks at the tick first
    for after, until in spans:
        where = (
            f"known_date >= '{known_date(after)}' AND event_timestamp > '{after.isoformat()}' "
            f"AND event_timestamp <= '{until.isoformat()}'"
        )
        found = newest_revisions(reader.rows(table, table.column_names, where, keys), table)
        if found.num_rows:
            break
    if not found.num_rows:
        asked = ", ".join(f"{name}={value}" for name, value in keys.items()) or "any entity"
        raise InputMissing(
            f"{table.name} holds no row in force at {at:%Y-%m-%dT%H:%MZ} of {asked}.",
            f"A row counts for {time_to_live(table).days} days; "
            f"`roadside feature show {table.short_name}` says what there is.",
        )
    newest: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in sorted(found.to_pylist(), key=lambda row: row["event_timestamp"]):
        newest[tuple(row[name] for name in own)] = row
    in_order = sorted(newest.items(), key=lambda item: (_is_closed(item[1], table), item[0]))
    return [_shown(row, table) for _, row in in_order[:most]]


def require_stored(view: Table | OnDemandView) -> Table:
    """The view's table.

    Raises:
        UserError: the view is worked out at the request; nothing of it is stored.
    """
    if isinstance(view, OnDemandView):
        raise UserError(
            f"{view.name} is worked out at the request: nothing of it is stored.",
            "Read a service that has it: `roadside online get SERVICE KEY=VALUE ...`.",
        )
    return view


def _is_daily(table: Table) -> bool:
    return table.name.endswith("_1d")


def _most_frequent(column: Column, known: pa.ChunkedArray) -> str:
    """The three most frequent words with their shares; of identifiers, how many there are."""
    counts = sorted(
        ((entry["counts"], entry["values"]) for entry in pc.value_counts(known).to_pylist()),
        key=lambda pair: (-pair[0], str(pair[1])),
    )
    if column.name.endswith("_id"):
        return f"{len(counts):,} different"
    names = {True: "yes", False: "no"}
    return ", ".join(
        f"{names.get(value, value) if isinstance(value, bool) else value} {count / len(known):.0%}"
        for count, value in counts[:3]
    )


def _is_closed(row: Mapping[str, Any], table: Table) -> bool:
    """Whether the row ends its entity: null throughout, or false."""
    return all(row[column.name] in (None, False) for column in feature_columns(table))


def _shown(row: Mapping[str, Any], table: Table) -> dict[str, Any]:
    return {
        name: WITHHELD
        if value is not None and table.column(name).sensitivity is Sensitivity.PRECISE_LOCATION
        else value
        for name, value in row.items()
    }
