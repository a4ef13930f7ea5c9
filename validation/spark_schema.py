"""Spark schemas derived from contracts."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    BooleanType,
    DataType,
    DateType,
    DoubleType,
    IntegerType,
    LongType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from validation.contract import Table, Type
from validation.errors import Defect

_SPARK_TYPES: dict[Type, DataType] = {
    Type.STRING: StringType(),
    Type.LONG: LongType(),
    Type.INT: IntegerType(),
    Type.DOUBLE: DoubleType(),
    Type.BOOLEAN: BooleanType(),
    Type.TIMESTAMP: TimestampType(),
    Type.DATE: DateType(),
    Type.BINARY: BinaryType(),
    Type.STRINGS: ArrayType(StringType()),
    Type.DOUBLES: ArrayType(DoubleType()),
    Type.BOOLEANS: ArrayType(BooleanType()),
    Type.TIMESTAMPS: ArrayType(TimestampType()),
}


def spark_type(column_type: Type) -> DataType:
    """The Spark type of a contract type."""
    return _SPARK_TYPES[column_type]


def struct_of(table: Table) -> StructType:
    """The table's columns as a Spark schema. Nullability is checked at the gate, not here."""
    return StructType([StructField(column.name, spark_type(column.type)) for column in table.columns])


def conform(frame: DataFrame, table: Table) -> DataFrame:
    """The frame with exactly the contract's columns, in order and of its types.

    Raises:
        Defect: the frame lacks a column of the contract, or has one the contract does not know.
    """
    have = frame.schema.names
    missing = [name for name in table.column_names if name not in have]
    unknown = [name for name in have if name not in table.column_names]
    if missing or unknown:
        raise Defect(
            f"{table.name}: the transform lacks columns {missing} and has unknown columns {unknown}.",
            f"Mend the transform or validation/contracts/{table.name.replace('.', '/')}.py.",
        )
    return frame.to(struct_of(table))
