"""A frame in memory is held to its contract; the same rules in Spark give the same verdict."""

from datetime import UTC, date, datetime
from typing import Any

import pandas as pd
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from validation.columns import pick
from validation.contract import Between, Check, OneOf, Severity, Table
from validation.errors import CheckFailed, UserError
from validation.pandera_schema import pandera_schema, validated

OFFERS = Table(
    name="silver.offers",
    grain="One row per offer.",
    key=("offer_id", "known_at"),
    columns=pick("offer_id", "known_at", "known_date", "offer_outcome", "response_seconds", "is_immediate"),
    checks=(
        OneOf("offer_outcome", ("open", "accepted")),
        Between("response_seconds", 0, 900),
        Check("across_columns", "response_seconds IS NULL OR offer_outcome = 'accepted'"),
    ),
)
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def frame(*rows: dict[str, Any]) -> pd.DataFrame:
    filled = {"offer_outcome": None, "response_seconds": None, "is_immediate": None}
    clocks = {"known_at": NOON, "known_date": date(2026, 3, 10)}
    return pd.DataFrame([clocks | filled | {"offer_id": f"o{n}"} | row for n, row in enumerate(rows)])


def test_a_frame_comes_back_with_the_contract_s_types_and_order() -> None:
    valid = validated(frame({"response_seconds": 40, "offer_outcome": "accepted"}, {}), OFFERS)
    assert {name: str(dtype) for name, dtype in valid.dtypes.items()} == {
        "offer_id": "object",
        "known_at": "datetime64[us, UTC]",
        "known_date": "object",
        "offer_outcome": "object",
        "response_seconds": "Int64",
        "is_immediate": "boolean",
    }
    assert valid["response_seconds"].tolist() == [40, pd.NA]


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (frame({"offer_outcome": "maybe"}), "offer_outcome_vocabulary of offer_outcome: 1"),
        (frame({"response_seconds": -1}, {"response_seconds": 901}), "response_seconds_range.*: 2"),
        (frame({"response_seconds": 1.5}), "Int64.*response_seconds"),
        (frame({"offer_id": None}), "not_nullable of offer_id: 1"),
        (frame({"offer_id": "o1"}, {}), "unique of the key: 1"),
        (frame({}).drop(columns="is_immediate"), "column_in_dataframe of is_immediate"),
        (frame({}).assign(more=1), "column_in_schema of more"),
    ],
)
def test_what_breaks_the_contract_is_counted_and_no_value_is_shown(broken: pd.DataFrame, told: str) -> None:
    with pytest.raises(CheckFailed, match=told) as caught:
        validated(broken, OFFERS)
    assert "maybe" not in str(caught.value)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(UserError, match="known_at has no time zone"):
        validated(frame({"known_at": NOON.replace(tzinfo=None)}), OFFERS)


def test_a_warning_warns() -> None:
    lenient = Table(
        name="silver.offers",
        grain=OFFERS.grain,
        key=OFFERS.key,
        columns=OFFERS.columns,
        checks=(Between("response_seconds", 0, severity=Severity.WARN),),
    )
    with pytest.warns(match="response_seconds_range"):
        validated(frame({"response_seconds": -1}), lenient)


@pytest.mark.parametrize(
    ("rule", "values"),
    [
        (OneOf("offer_outcome", ("it's", "open")), ["open", "it's", "other", "", None]),
        (Between("response_seconds", 0, 900), [-1, 0, 450, 900, 901, None]),
        (Between("response_seconds", 5), [4, 5, 6, None]),
    ],
)
def test_spark_and_pandera_judge_alike(spark: SparkSession, rule: OneOf | Between, values: list[Any]) -> None:
    kind = "string" if isinstance(rule, OneOf) else "bigint"
    rows = spark.createDataFrame([(value,) for value in values], f"{rule.column} {kind}")
    in_spark = [row[0] for row in rows.select(F.expr(rule.holds)).collect()]
    table = Table(
        name="silver.offers", grain=OFFERS.grain, key=OFFERS.key, columns=OFFERS.columns, checks=(rule,)
    )
    schema = pandera_schema(table)
    in_pandas = [
        schema.columns[rule.column].checks[0](pd.Series([v], dtype=object)).check_passed for v in values
    ]
    assert in_spark == in_pandas
