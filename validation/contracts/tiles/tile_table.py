"""The shape of a family of mergeable partial sums."""

from validation.columns import pick
from validation.contract import Table

TILE_COLUMNS = ("measure", "bucket", "tile_at", "counts_at", "moment_at", "known_at", "known_date", "amount")


def tile_table(family: str, *, grain: str, dimensions: tuple[str, ...], notes: str = "") -> Table:
    """The contract of tiles.<family>: dimensions, measure, three clocks, a signed integer.

    A dimension that an amount does not have is the empty string, so that it may be part of the key.
    """
    key = (*dimensions, "measure", "bucket", "tile_at", "counts_at", "moment_at", "known_at")
    return Table(
        name=f"tiles.{family}",
        grain=grain,
        key=key,
        columns=pick(*dimensions, *TILE_COLUMNS),
        required=("amount",),
        order=("measure", *dimensions, "tile_at"),
        notes=notes,
    )
