"""What in a Spark plan makes its rows depend on more than its inputs.

A sum of doubles depends on the order of its rows, and so on how tasks end: no syntax tells a column's
type, the analyzed plan does. Clocks and chance are looked for here too, however the SQL was put together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pyspark.sql import DataFrame

SUMS = {"Sum", "SumDistinct", "Product"}
DIVIDED_SUMS = {"Average", "Corr", "CovPopulation", "CovSample", "Kurtosis", "Skewness"}
DIVIDED_SUMS |= {"StddevPop", "StddevSamp", "VariancePop", "VarianceSamp"}
CLOCKS = {"CurrentDate", "CurrentTime", "CurrentTimestamp", "LocalTimestamp", "Now"}
CHANCE = {"MonotonicallyIncreasingID", "Rand", "Randn", "RandStr", "Shuffle", "SparkPartitionID", "Uuid"}
_WORTH_A_LOOK = re.compile(
    r"(sum|avg|product|corr|covar_\w+|kurtosis|skewness|std\w*|var\w*|current_\w+|localtimestamp|now|"
    r"monotonically_increasing_id|rand\w*|shuffle|spark_partition_id|uuid)\(",
    re.IGNORECASE,
)


def undetermined(frame: DataFrame) -> list[str]:
    """Each sum of doubles, mean, clock and chance of the frame's analyzed plan, in its order.

    The session shows plans whole (`spark.sql.debug.maxToStringFields`): a wide expression is cut otherwise.
    """
    return list(_of_plan(frame._jdf.queryExecution().analyzed()))


def _of_plan(plan: Any) -> Iterator[str]:
    for expression in _listed(plan.expressions()):
        if _WORTH_A_LOOK.search(expression.toString()):
            yield from _of_expression(expression)
    for below in (*_listed(plan.children()), *_listed(plan.subqueries())):
        yield from _of_plan(below)


def _of_expression(expression: Any) -> Iterator[str]:
    kind = expression.getClass().getSimpleName()
    if kind in CLOCKS | CHANCE | DIVIDED_SUMS:
        yield kind
    for child in _listed(expression.children()):
        if kind in SUMS and (of := child.dataType().simpleString()) in ("double", "float"):
            yield f"{kind} of {of}"
        yield from _of_expression(child)


def _listed(found: Any) -> list[Any]:
    return [found.apply(place) for place in range(found.size())]
