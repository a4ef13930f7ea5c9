"""pandera schemas derived from contracts: the gate for frames in memory.

Types, nullability, key, vocabularies and ranges come from the contract. A rule that spans columns
(`validation.contract.Check`) is Spark SQL and is asked of the table only, by `lakehouse.tables`.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import pandera.errors
import pandera.pandas as pa

from validation.contract import Between, Check, Column, OneOf, Severity, Table, Type
from validation.errors import CheckFailed, UserError

_PANDAS_TYPES: dict[Type, Any] = {
    Type.STRING: str,
    Type.LONG: pd.Int64Dtype(),
    Type.INT: pd.Int32Dtype(),
    Type.DOUBLE: "float64",
    Type.BOOLEAN: pd.BooleanDtype(),
    Type.TIMESTAMP: pd.DatetimeTZDtype("us", "UTC"),
    Type.DATE: pa.Date,
    Type.BINARY: object,
    Type.STRINGS: object,
    Type.DOUBLES: object,
    Type.BOOLEANS: object,
    Type.TIMESTAMPS: object,
}


def pandas_type(column_type: Type) -> Any:
    """The pandas type of a contract type: integers and booleans keep their nulls, times are UTC in
    microseconds; text, bytes and lists are objects, days are `datetime.date`."""
    return _PANDAS_TYPES[column_type]


def pandera_schema(table: Table) -> pa.DataFrameSchema:
    """The table's contract for a pandas frame: one row of the frame is one row of the table.

    `validate` returns the frame with the contract's types (a frame from Spark or Arrow brings
    nanoseconds, or integers made floating by a null) and raises on a missing, unknown or null
    column, a repeated key, and a value outside a vocabulary or range; rules of severity WARN warn.
    Call it with `lazy=True` to have every problem at once. NaN counts as null.
    """
    return pa.DataFrameSchema(
        {column.name: _column_schema(table, column) for column in table.columns},
        name=table.name,
        title=table.grain,
        strict=True,
        coerce=True,
        unique=list(table.key),
        report_duplicates="exclude_first",
    )


def validated(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    """The frame with the contract's types, in the contract's column order.

    Raises:
        CheckFailed: the frame breaks the contract; the message counts rows and shows no value.
        UserError: a time has no zone.
    """
    naive = [
        column.name
        for column in table.columns
        if column.type is Type.TIMESTAMP
        and column.name in frame
        and pd.api.types.is_datetime64_dtype(frame[column.name])
    ]
    if naive:
        raise UserError(f"{table.name}: {', '.join(naive)} has no time zone; say which (UTC?).")
    try:
        valid: pd.DataFrame = pandera_schema(table).validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as broken:
        raise CheckFailed(
            f"{table.name}: the frame of {len(frame)} rows breaks its contract: {_counted(broken)}.",
            f"The contract is validation/contracts/{table.name.replace('.', '/')}.py.",
        ) from None
    return valid[list(table.column_names)]


def _counted(broken: pandera.errors.SchemaErrors) -> str:
    """`check of column: rows` by check, without the failing values pandera would print."""
    cases = broken.failure_cases.astype({"check": str})
    whole_column = cases["check"].str.startswith("column_in_")
    cases["column"] = cases["column"].where(~whole_column, cases["failure_case"])
    repeated = cases["check"] == "multiple_fields_uniqueness"
    cases.loc[repeated, ["check", "column"]] = ["unique", "the key"]
    counts = cases.groupby(["check", "column"])["index"].nunique(dropna=False)
    return "; ".join(f"{check} of {column}: {rows}" for (check, column), rows in counts.items())


def _column_schema(table: Table, column: Column) -> pa.Column:
    return pa.Column(
        pandas_type(column.type),
        checks=[
            _pandera_check(rule)
            for rule in table.checks
            if not isinstance(rule, Check) and rule.column == column.name
        ],
        nullable=column.name not in table.not_null,
        description=column.meaning,
    )


def _pandera_check(rule: OneOf | Between) -> pa.Check:
    options: dict[str, Any] = {
        "name": rule.name,
        "error": rule.name,
        "raise_warning": rule.severity is Severity.WARN,
    }
    if isinstance(rule, OneOf):
        return pa.Check.isin(list(rule.values), **options)
    if rule.high is None:
        return pa.Check.ge(rule.low, **options)
    return pa.Check.in_range(rule.low, rule.high, **options)
