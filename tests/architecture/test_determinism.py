"""A transform's rows depend on its inputs alone."""

from pathlib import Path

import pytest

from support.banned_calls import REASONS, banned_calls, banned_sql

TRANSFORMS = Path(__file__).parents[2] / "transforms"


@pytest.mark.parametrize(
    "path", sorted(TRANSFORMS.rglob("*.py")), ids=lambda path: str(path.relative_to(TRANSFORMS))
)
def test_a_transform_reads_no_clock_no_chance_and_no_unordered_rows(path: Path) -> None:
    assert [str(finding) for finding in banned_calls(path.read_text())] == []


def test_the_sql_of_the_transforms_is_determined_too() -> None:
    found = {path.name: banned_sql(path.read_text()) for path in TRANSFORMS.rglob("*.sql")}
    assert {name: findings for name, findings in found.items() if findings} == {}


@pytest.mark.parametrize("name", sorted(REASONS))
def test_a_planted_call_is_found(name: str) -> None:
    (finding,) = banned_calls(f"import pyspark\n\nrows = F.{name}('x')\n")
    assert (finding.line, finding.name) == (3, name)


@pytest.mark.parametrize(
    "planted",
    [
        "from datetime import datetime\nx = datetime.now(tz=UTC)",
        "x = date.today()",
        "x = df.dropDuplicates(['event_id'])",
        "x = df.withColumn('row', monotonically_increasing_id())",
        "x = df.groupBy('k').agg(F.first('v'), F.collect_list('w'))",
        "x = df.groupBy('k').agg(F.size(F.collect_set('v')).alias('sizes'))",
        "x = df.select(F.expr('uuid()'))",
        "x = df.where('at < current_timestamp')",
        "x = df.selectExpr('first(value) AS value')",
        "x = df.orderBy('k').first()",
        "from pyspark.sql.functions import first\nx = first('v')",
        "x = F.max(F.first('v')).over(window)",
        "x = F.rand().over(window)",
        "x = F.sort_array(F.array(F.first('v')))",
        "import random",
        "from uuid import UUID",
        "import time as clock",
    ],
)
def test_planted_examples_are_found(planted: str) -> None:
    assert banned_calls(planted)


@pytest.mark.parametrize(
    "allowed",
    [
        "x = F.first('v').over(window)",
        "x = F.last('v', ignorenulls=True).over(Window.partitionBy('k').orderBy('t'))",
        "x = F.sort_array(F.collect_list(F.struct('t', 'v')))",
        "x = F.expr('first(v) OVER (PARTITION BY k ORDER BY t)')",
        "x = F.expr('sort_array(collect_list(v))')",
        "x = history.first('requested')",
        "x = F.first('name')  # deterministic: one name per key",
        "x = df.select('first', 'last').groupBy('k').agg(F.max('v'))",
    ],
)
def test_what_has_an_order_is_allowed(allowed: str) -> None:
    assert banned_calls(allowed) == []
