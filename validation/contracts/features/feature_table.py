"""The shape every feature table shares."""

from validation.columns import pick
from validation.contract import Between, Check, Column, Table

FEATURE_CLOCKS = pick("event_timestamp", "available_at", "revision", "revised_at", "known_date")


_WINDOWS = ("60m", "4h", "24h", "7d", "28d", "90d")


def feature_table(
    view: str,
    *,
    grain: str,
    entities: tuple[str, ...],
    features: tuple[Column, ...],
    is_restricted: bool = False,
) -> Table:
    """The contract of features.<view>: entity keys, clocks, revision, then the features."""
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
    )


def feature_columns(table: Table) -> tuple[Column, ...]:
    """The feature columns of a feature table: all but keys and clocks."""
    clocks = {column.name for column in FEATURE_CLOCKS}
    return tuple(column for column in table.columns if column.name not in clocks | set(table.key))
