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
from validation.retention import Retention


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
    DOUBLES = "array<double>"
    BOOLEANS = "array<boolean>"
    TIMESTAMPS = "array<timestamp>"


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
    """A row rule as a Spark SQL boolean that holds for every good row (null counts as bad).

    For what spans columns. A rule over one column is a `OneOf` or a `Between`: those are also
    checked in memory, by pandera.
    """

    name: str
    holds: str
    severity: Severity = Severity.FAIL


@dataclass(frozen=True)
class OneOf:
    """The column holds one of these words, or null; whether null is allowed the table says.

    >>> OneOf("actor", ("agent", "member")).holds
    "coalesce(actor IN ('agent', 'member'), true)"
    """

    column: str
    values: tuple[str, ...]
    severity: Severity = Severity.FAIL

    @property
    def name(self) -> str:
        """`<column>_vocabulary`."""
        return f"{self.column}_vocabulary"

    @property
    def holds(self) -> str:
        """The rule in Spark SQL."""
        words = ", ".join("'" + value.replace("'", "''") + "'" for value in self.values)
        return f"coalesce({self.column} IN ({words}), true)"


@dataclass(frozen=True)
class Between:
    """The column lies in the closed range, or is null; a bound left out is no bound.

    >>> Between("nps", 0, 10).holds
    'coalesce(nps >= 0 AND nps <= 10, true)'
    """

    column: str
    low: float
    high: float | None = None
    severity: Severity = Severity.FAIL

    @property
    def name(self) -> str:
        """`<column>_range`."""
        return f"{self.column}_range"

    @property
    def holds(self) -> str:
        """The rule in Spark SQL."""
        bounds = ((">=", self.low), ("<=", self.high))
        rules = [f"{self.column} {sign} {bound}" for sign, bound in bounds if bound is not None]
        return f"coalesce({' AND '.join(rules)}, true)"


@dataclass(frozen=True)
class AmountShare:
    """What one column adds up to as a share of what another does, tick by tick, held to its own past."""

    part: str
    whole: str

    @property
    def name(self) -> str:
        """`<part>_share`."""
        return f"{self.part}_share"


@dataclass(frozen=True)
class Reference:
    """The column names an entity that another table should have told of, at most so many days before.

    Which share of those named on a day is unknown is held to the days before (`roadside.references`).
    """

    column: str
    table: str
    days: int

    @property
    def name(self) -> str:
        """`unknown_<column>`: the count of entities named that are unknown."""
        return f"unknown_{self.column}"


Rule = Check | OneOf | Between
"""A row rule: what `lakehouse.tables` asks of Spark, and where it can be, pandera of a frame."""


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
        retention_months: how long rows are kept; retention_days: where that is no number of months.
        partition: the date column that partitions the table.
        clock: the column an interval of known time is replaced by.
        false_when_dead: booleans that a dead entity reads as false; all else it reads as null.
        shares: amounts that are held to their own past (`validation.table_checks`); they warn.
        references: entities that other tables should know; they warn.
    """

    name: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    required: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    checks: tuple[Rule, ...] = ()
    is_restricted: bool = False
    retention_months: int = 13
    retention_days: int = 0
    partition: str = "known_date"
    clock: str = "known_at"
    notes: str = ""
    false_when_dead: tuple[str, ...] = ()
    shares: tuple[AmountShare, ...] = ()
    references: tuple[Reference, ...] = ()

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        repeated = {name for name in names if names.count(name) > 1}
        ruled = {check.column for check in self.checks if not isinstance(check, Check)}
        summed = {name for share in self.shares for name in (share.part, share.whole)}
        named = {*self.key, *self.required, *self.order, *ruled, *summed, self.partition, self.clock}
        named |= {reference.column for reference in self.references}
        unknown = named - set(names)
        if repeated or unknown:
            raise Defect(f"{self.name}: columns repeated {sorted(repeated)}, unknown {sorted(unknown)}.")

    @property
    def retention(self) -> Retention:
        """How long rows are kept. No day of a dataset is dropped: its release names it for good."""
        return (
            Retention(days=self.retention_days) if self.retention_days else Retention(self.retention_months)
        )

    @property
    def layer(self) -> str:
        """bronze, quarantine, silver, tiles, features or training."""
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
