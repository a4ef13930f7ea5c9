"""What a transform must not call, found in its syntax tree.

A transform's rows must depend on its inputs alone: not on when it runs, on chance, or on the order in
which Spark happens to read rows. Three ways to be allowed: an ordered window around the call
(`F.first("x").over(ordered)`), a sort around a collection (`F.sort_array(F.collect_list("x"))`), or a
comment on the line that says why the result is still determined (`# deterministic: one row per key`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

CLOCK = {
    "current_date",
    "current_timestamp",
    "curdate",
    "localtimestamp",
    "now",
    "today",
    "utcnow",
}
CHANCE = {
    "monotonically_increasing_id",
    "rand",
    "randn",
    "random",
    "randstr",
    "sample",
    "sampleBy",
    "shuffle",
    "spark_partition_id",
    "uniform",
    "uuid",
    "uuid1",
    "uuid4",
}
UNORDERED_PICK = {
    "any_value",
    "dropDuplicates",
    "dropDuplicatesWithinWatermark",
    "drop_duplicates",
    "first",
    "first_value",
    "last",
    "last_value",
    "limit",
}
UNORDERED_COLLECTION = {"array_agg", "collect_list", "collect_set", "listagg", "string_agg"}
APPROXIMATE = {"approx_percentile", "percentile_approx", "approxQuantile"}
MODULES = {"random", "secrets", "time", "uuid"}

REASONS = (
    dict.fromkeys(CLOCK, "reads the clock")
    | dict.fromkeys(CHANCE, "is left to chance")
    | dict.fromkeys(UNORDERED_PICK, "picks from rows in no order")
    | dict.fromkeys(UNORDERED_COLLECTION, "collects rows in no order")
    | dict.fromkeys(APPROXIMATE, "depends on how rows are split")
)
FUNCTION_MODULES = {"F", "fn", "functions", "sf"}
SORTS = {"array_sort", "sort_array"}
SQL_CALLS = {"expr", "filter", "selectExpr", "sql", "where"}
ALLOWANCE = "# deterministic:"


@dataclass(frozen=True)
class Finding:
    """One banned call, by its line."""

    line: int
    name: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.name} {REASONS.get(self.name, 'reads a clock or chance')}"


def banned_calls(source: str) -> list[Finding]:
    """The calls of a Python module that make its result depend on more than its inputs."""
    lines = source.splitlines()
    return sorted(
        (finding for finding in _findings(ast.parse(source)) if ALLOWANCE not in lines[finding.line - 1]),
        key=lambda finding: (finding.line, finding.name),
    )


def banned_sql(text: str, line: int = 1) -> list[Finding]:
    """The banned functions of a piece of SQL.

    `first(x) OVER (...)` is allowed as it is in Python.
    """
    calls = re.finditer(r"\b([a-z_0-9]+)\s*\((?:[^()]*\)\s*over\b)?", text, re.IGNORECASE)
    names = {name.lower(): name for name in REASONS}
    found = [call for call in calls if not call.group().lower().endswith("over")]
    keywords = re.finditer(
        r"\b(current_date|current_timestamp|localtimestamp)\b(?!\s*\()", text, re.IGNORECASE
    )
    return [
        Finding(line + text.count("\n", 0, match.start()), names[match.group(1).lower()])
        for match in [*found, *keywords]
        if match.group(1).lower() in names and not _is_sorted_sql(text, match.start())
    ]


def _is_sorted_sql(text: str, start: int) -> bool:
    return re.search(r"(sort_array|array_sort)\s*\(\s*$", text[:start], re.IGNORECASE) is not None


def _findings(node: ast.AST, windowed: bool = False, is_sorted: bool = False) -> Iterator[Finding]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield from _imports(node)
    if isinstance(node, ast.Call):
        name = _name(node.func)
        if name in REASONS and not (_has_order(name, windowed, is_sorted) or _is_own_method(node)):
            yield Finding(node.lineno, name)
        if name in SQL_CALLS:
            for argument in node.args:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield from banned_sql(argument.value, argument.lineno)
    for child in ast.iter_child_nodes(node):
        sorts_child = isinstance(node, ast.Call) and child is not node.func and _name(node.func) in SORTS
        yield from _findings(
            child,
            windowed=isinstance(node, ast.Attribute) and node.attr == "over",
            is_sorted=is_sorted or sorts_child,
        )


def _has_order(name: str, windowed: bool, is_sorted: bool) -> bool:
    return (windowed and name in UNORDERED_PICK | UNORDERED_COLLECTION) or (
        is_sorted and name in UNORDERED_COLLECTION
    )


def _is_own_method(call: ast.Call) -> bool:
    """Whether `first` or `last` is asked of an object of ours, as in `history.first("requested")`.

    Spark's functions are called on their module; `first` of a frame takes no argument.
    """
    return (
        isinstance(call.func, ast.Attribute)
        and call.func.attr in {"first", "last"}
        and _name(call.func.value) not in FUNCTION_MODULES
        and bool(call.args)
    )


def _imports(node: ast.Import | ast.ImportFrom) -> Iterator[Finding]:
    modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
    for module in modules:
        if module.split(".")[0] in MODULES:
            yield Finding(node.lineno, module)


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""
