"""Driver states as spans of ticks: what tiles and views count drivers by."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from transforms.grid import TICKS, Instants, counts_in
from transforms.tiles.driver_states_15m import DAY


def driver_spans(
    driver_states: DataFrame, instants: Instants, columns: Sequence[str] | None = None
) -> DataFrame:
    """The states of live drivers with enter and leave: a state holds at ticks enter <= T < leave.

    With `columns`, only these are kept, and states equal in them are joined.
    """
    names = [name for name in driver_states.columns if name not in ("known_at", "known_date")]
    by_driver = Window.partitionBy("driver_id").orderBy("known_at")
    known = TICKS.known(F.col("known_at"))
    oldest = TICKS.moment(instants.first - DAY)
    rows = driver_states.where(F.col("known_at") >= F.lit(oldest)).withColumn("enter", known)
    if columns is not None:
        names = ["driver_id", "is_live", *columns]
        content = F.struct("is_live", *columns)
        rows = (
            rows.withColumn("before", F.lag(content).over(by_driver))
            .where(F.col("before").isNull() | ~content.eqNullSafe(F.col("before")))
            .drop("before")
        )
    until = F.coalesce(F.lead("enter").over(by_driver), F.lit(instants.last + 1))
    return (
        rows.withColumn("leave", until)
        .select(*names, "enter", "leave")
        .where(F.col("is_live") & counts_in(instants))
    )
