"""The shape every feature table shares."""

from datetime import timedelta

from validation.columns import pick
from validation.contract import AmountShare, Between, Check, Column, Table

FEATURE_CLOCKS = pick("event_timestamp", "available_at", "revision", "revised_at", "known_date")


UNSUPPORTED = "A count is 0 while the entity lives; a ratio, mean or quantile is null without support."

_WINDOWS = ("60m", "4h", "24h", "7d", "28d", "90d", "8w")


def feature_table(
    view: str,
    *,
    grain: str,
    entities: tuple[str, ...],
    features: tuple[Column, ...],
    notes: str,
    is_restricted: bool = False,
    false_when_dead: tuple[str, ...] = (),
    shares: tuple[AmountShare, ...] = (),
) -> Table:
    """The contract of features.<view>: entity keys, clocks, revision, then the features.

    `notes` says of whom the view is silent: when a row is null throughout.
    """
    return Table(
        name=f"features.{view}",
        grain=grain,
        key=(*entities, "event_timestamp", "revision"),
        columns=(*pick(*entities), *FEATURE_CLOCKS, *features),
        required=("available_at", "revised_at"),
        order=(*entities, "event_timestamp"),
        checks=(
            Check("usable_after_tick", "available_at > event_timestamp"),
            *(
                Between(column.name, 0, 1)
                for column in features
                if column.name.endswith(tuple(f"_ratio_{window}" for window in _WINDOWS))
                and "_vs_" not in column.name
            ),
            *(Between(column.name, 0) for column in features if column.name.endswith("_count")),
        ),
        retention_months=12,
        is_restricted=is_restricted,
        clock="event_timestamp",
        notes=f"{notes} {UNSUPPORTED}",
        false_when_dead=false_when_dead,
        shares=shares,
    )


def feature_columns(table: Table) -> tuple[Column, ...]:
    """The feature columns of a feature table: all but keys and clocks."""
    clocks = {column.name for column in FEATURE_CLOCKS}
    return tuple(column for column in table.columns if column.name not in clocks | set(table.key))


def entity_keys(table: Table) -> tuple[str, ...]:
    """The columns that name the entity of a feature row."""
    return table.key[: table.key.index("event_timestamp")]


def time_to_live(table: Table) -> timedelta:
    """How long a value may be read after it became available (DOMAIN 3): 2 days, 8 of a daily view."""
    return timedelta(days=8 if table.name.endswith("_1d") else 2)
