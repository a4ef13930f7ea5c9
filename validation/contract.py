"""What a table promises: columns, grain, clocks, partitioning, checks.

A contract is a value. Spark schema, Iceberg DDL, pandera schema and the page in `docs/tables/`
are derived from it (`validation.spark_schema`, `lakehouse.tables`, `validation.pandera_schema`,
`validation.table_docs`). This module imports neither Spark nor pandera, so that the feature
repository can read contracts cheaply.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from validation.errors import Defect, UnknownName


class Type(StrEnum):
    """Column types, spelled as in Spark SQL."""

    STRING = "string"
    LONG = "bigint"
    INT = "int"
    DOUBLE = "double"
    BOOLEAN = "boolean"
    TIMESTAMP = "timestamp"
    DATE = "date"
    BINARY = "binary"
    STRINGS = "array<string>"


class Sensitivity(StrEnum):
    """What a column gives away about a person. Drives tokens, encryption, masks and docs."""

    OPEN = "open"
    BUSINESS = "business"
    TOKEN = "token"  # salted per subject; unlinkable once the salt is destroyed
    PRECISE_LOCATION = "precise location"  # finer than H3 r7: restricted tables only
    SEALED = "sealed"  # ciphertext under the subject's own key


@dataclass(frozen=True)
class Column:
    """One entry of the data dictionary: the only place where a column is described."""

    name: str
    type: Type
    meaning: str
    unit: str = ""
    sensitivity: Sensitivity = Sensitivity.OPEN


class Severity(StrEnum):
    """What a failing check does to the run."""

    FAIL = "fail"
    WARN = "warn"


@dataclass(frozen=True)
class Check:
    """A row rule as a Spark SQL boolean that holds for every good row (null counts as bad)."""

    name: str
    holds: str
    severity: Severity = Severity.FAIL


@dataclass(frozen=True)
class Table:
    """A table's contract.

    Attributes:
        name: `<layer>.<table>`.
        grain: one sentence, starting "One row per".
        key: columns that identify a row.
        columns: the dictionary's entries, in order.
        required: columns that are never null (the key always is).
        order: columns the files are sorted by.
        checks: row rules beyond key and nullability.
        is_restricted: holds precise location or ciphertext; readers need a purpose.
        retention_months: how long rows are kept.
        partition: the date column that partitions the table.
        clock: the column an interval of known time is replaced by.
    """

    name: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    required: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    is_restricted: bool = False
    retention_months: int = 13
    partition: str = "known_date"
    clock: str = "known_at"
    notes: str = ""

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        repeated = {name for name in names if names.count(name) > 1}
        unknown = {*self.key, *self.required, *self.order, self.partition, self.clock} - set(names)
        if repeated or unknown:
            raise Defect(f"{self.name}: columns repeated {sorted(repeated)}, unknown {sorted(unknown)}.")

    @property
    def layer(self) -> str:
        """bronze, quarantine, silver, features or training."""
        return self.name.partition(".")[0]

    @property
    def short_name(self) -> str:
        """The name without its layer."""
        return self.name.partition(".")[2]

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(column.name for column in self.columns)

    @cached_property
    def not_null(self) -> tuple[str, ...]:
        """Columns that are never null, in column order."""
        wanted = {*self.key, *self.required, self.partition, self.clock}
        return tuple(name for name in self.column_names if name in wanted)

    def column(self, name: str) -> Column:
        """The column of that name.

        Raises:
            UnknownName: the table has no such column.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise UnknownName(f"column of {self.name}", name, self.column_names)
