"""Silver as the platform knew it at a moment: what the rows and labels of a dataset are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from validation.errors import UnknownName


@dataclass(frozen=True)
class Known:
    """Tables of silver by short name, none of their rows known later than the close.

    A function that is given this cannot see what became known after it.
    """

    tables: Mapping[str, DataFrame]
    close: datetime

    def rows(self, name: str) -> DataFrame:
        """The rows of the table known by the close: of a changelog, every state.

        Raises:
            UnknownName: the dataset does not name the table among its sources.
        """
        if name not in self.tables:
            raise UnknownName("source of the dataset", name, self.tables)
        return self.tables[name].where(F.col("known_at") <= F.lit(self.close))

    def state(self, name: str, *key: str) -> DataFrame:
        """Of a changelog the newest state of each key; none of what was taken back by the close."""
        return newest(self.rows(name), *key)


def newest(changelog: DataFrame, *key: str) -> DataFrame:
    """The newest of the states of each key, unless it says that the key was taken back."""
    newest_first = Window.partitionBy(*key).orderBy(F.desc("known_at"))
    found = changelog.withColumn("age", F.row_number().over(newest_first)).where("age = 1").drop("age")
    return found.where("NOT coalesce(is_retracted, false)") if "is_retracted" in found.columns else found
