"""What a transform must not call, found in its syntax tree.

A transform's rows must depend on its inputs alone: not on when it runs, on chance, or on the order in
which Spark happens to read rows. Three ways to be allowed: an ordered window around the call
(`F.first("x").over(Window.partitionBy("k").orderBy("t"))`), a sort of a collection
(`F.sort_array(F.collect_list("x"))`), or a comment on the line that says why the result is still
determined (`# deterministic: one row per key`).

Names count as imported, whatever they are called here. SQL is written out, or it could not be read.
Whether Spark's `sum` adds doubles no syntax tells: `support.undetermined_plans` reads the plans.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

CLOCK = {
    "current_date",
    "current_time",
    "current_timestamp",
    "current_timezone",
    "curdate",
    "localtimestamp",
    "now",
    "today",
    "utcnow",
}
CHANCE = {
    "call_function",
    "call_udf",
    "default_rng",
    "input_file_name",
    "mapPartitionsWithIndex",
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
    "urandom",
    "uuid",
    "uuid1",
    "uuid4",
    "zipWithIndex",
    "zipWithUniqueId",
}
UNORDERED_PICK = {
    "any_value",
    "dropDuplicates",
    "dropDuplicatesWithinWatermark",
    "drop_duplicates",
    "first",
    "first_value",
    "idxmax",
    "idxmin",
    "last",
    "last_value",
    "limit",
    "max_by",
    "min_by",
    "mode",
    "nlargest",
    "nsmallest",
    "nth",
    "nth_value",
}
PICK_BY_NUMBER = {"head", "tail", "take"}
"""Of frames; Arrow's `take` is given places."""
UNORDERED_COLLECTION = {"array_agg", "collect_list", "collect_set", "listagg", "string_agg"}
APPROXIMATE = {
    "approx_count_distinct",
    "approx_percentile",
    "approx_top_k",
    "approxQuantile",
    "count_min_sketch",
    "histogram_numeric",
    "percentile_approx",
}
SKETCHES = re.compile(r"(approx|hll|kll|theta)_\w+")
FLOATING = {
    "avg",
    "corr",
    "covar_pop",
    "covar_samp",
    "kurtosis",
    "mean",
    "nanmean",
    "product",
    "skewness",
    "std",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "try_avg",
    "var",
    "var_pop",
    "var_samp",
    "variance",
}
ARRAY_SUMS = {"dot", "nansum", "prod", "sum"}
"""Of arrays: these state an integer dtype. Spark's own `sum` is judged by its plan."""
MODULES = {"random", "secrets", "time", "uuid"}

REASONS = (
    dict.fromkeys(CLOCK, "reads the clock")
    | dict.fromkeys(CHANCE, "is left to chance")
    | dict.fromkeys(UNORDERED_PICK | PICK_BY_NUMBER, "picks from rows in no order")
    | dict.fromkeys(UNORDERED_COLLECTION, "collects rows in no order")
    | dict.fromkeys(APPROXIMATE, "depends on how rows are split")
    | dict.fromkeys(FLOATING, "adds doubles, whose sum depends on their order")
)
FUNCTION_MODULES = {"F", "fn", "functions", "sf"}
SORTS = {"array_sort", "sort_array"}
SQL_CALLS = {"expr", "selectExpr", "sql"}
CONDITIONS = {"filter", "where"}
MOMENT_WORDS = re.compile(r"\s*(now|today|tomorrow|yesterday)\b", re.IGNORECASE)
MOMENT_CALLS = {"Timestamp", "datetime64", "lit", "to_date", "to_datetime", "to_timestamp"}
HOLDERS = {"Timestamp", "date", "datetime", "np", "numpy", "os"}
"""Of a clock or of chance: naming one of theirs is as good as calling it."""
IN_ANY_ORDER = {"all", "any", "frozenset", "len", "max", "min", "set", "sorted", "sum"}
IN_SOME_ORDER = {"enumerate", "iter", "join", "list", "map", "next", "tuple", "zip"}
ALLOWANCE = "# deterministic:"
_FUNCTIONS = "pyspark.sql.functions"


@dataclass(frozen=True)
class Finding:
    """One banned call, by its line."""

    line: int
    name: str
    reason: str = ""

    def __str__(self) -> str:
        return f"line {self.line}: {self.name} {self.reason or reason_of(self.name)}"


def reason_of(name: str) -> str | None:
    """Why a function of this name is banned; None if it is not."""
    if SKETCHES.fullmatch(name):
        return "depends on how rows are split"
    return REASONS.get(name)


def banned_calls(source: str) -> list[Finding]:
    """The calls of a Python module that make its result depend on more than its inputs."""
    lines = source.splitlines()
    return sorted(
        {
            finding
            for finding in _Module(ast.parse(source)).findings()
            if ALLOWANCE not in lines[finding.line - 1]
        },
        key=lambda finding: (finding.line, finding.name),
    )


def banned_sql(text: str, line: int = 1) -> list[Finding]:
    """The banned functions of a piece of SQL.

    `first(x) OVER (... ORDER BY t)` is allowed as it is in Python.
    """
    names = {name.lower(): name for name in REASONS}
    keywords = r"\b(current_date|current_time|current_timestamp|localtimestamp)\b(?!\s*\()"
    moments = [*re.finditer(r"\b(unix_timestamp)\s*\(\s*\)", text, re.IGNORECASE)]
    moments += re.finditer(r"'(now|today|tomorrow|yesterday)\b[^']*'", text, re.IGNORECASE)
    moments += re.finditer(keywords, text, re.IGNORECASE)
    found = [(match, match.group(1).lower(), "reads the clock") for match in moments]
    for call in re.finditer(r"\b([a-z_0-9]+)\s*\(", text, re.IGNORECASE):
        name = names.get(call.group(1).lower(), call.group(1).lower())
        if reason := reason_of(name):
            over = re.match(r"[^()]*\)\s*over\s*\(([^()]*)\)", text[call.end() :], re.IGNORECASE)
            windowed = over is not None and re.search(r"\border\s+by\b", over[1], re.IGNORECASE) is not None
            if not _has_order(name, windowed, _is_sorted_sql(text, call.start())):
                found.append((call, name, reason))
    return [Finding(line + text.count("\n", 0, match.start()), name, why) for match, name, why in found]


def _is_sorted_sql(text: str, start: int) -> bool:
    return re.search(r"(sort_array|array_sort)\s*\(\s*$", text[:start], re.IGNORECASE) is not None


def _has_order(name: str, windowed: bool, is_sorted: bool) -> bool:
    return (windowed and name in UNORDERED_PICK | UNORDERED_COLLECTION) or (
        is_sorted and name in UNORDERED_COLLECTION
    )


class _Module:
    """A module's tree, what its names were imported as, and what is assigned to them."""

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.imported: dict[str, str] = {}
        self.assigned: dict[str, list[ast.expr]] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                within = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
                for alias in node.names:
                    self.imported[alias.asname or alias.name] = f"{within}{alias.name}"
            elif isinstance(node, ast.Assign):
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        self.assigned.setdefault(target.id, []).append(node.value)
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
                self.assigned.setdefault(node.target.id, []).append(node.value)

    def findings(self) -> Iterator[Finding]:
        """What is banned, allowances aside."""
        yield from self._of(self.tree)

    def _of(self, node: ast.AST, windowed: bool = False, is_sorted: bool = False) -> Iterator[Finding]:
        match node:
            case ast.Import() | ast.ImportFrom():
                yield from self._imports(node)
            case ast.Call():
                yield from self._call(node, windowed, is_sorted)
            case ast.Attribute() | ast.Name():
                yield from self._reference(node)
            case ast.For():
                yield from self._iterated(node.iter)
            case ast.ListComp() | ast.DictComp():
                yield from self._generators(node)
            case ast.Starred():
                yield from self._iterated(node.value)
        for child in ast.iter_child_nodes(node):
            if not (isinstance(node, ast.Attribute) and self._is_functions(child)):
                yield from self._child(node, child)

    def _child(self, node: ast.AST, child: ast.AST) -> Iterator[Finding]:
        """What is banned below the node, by what the node makes of it."""
        called = self.name(node.func) if isinstance(node, ast.Call) else ""
        if isinstance(child, ast.GeneratorExp) and called not in IN_ANY_ORDER:
            yield from self._generators(child)
        if isinstance(node, ast.Call) and child is node.func and called == "over":
            windows = [*node.args, *(keyword.value for keyword in node.keywords)]
            windowed = all(self._is_ordered(each) for each in windows)
            for aggregate in ast.iter_child_nodes(child):
                yield from self._of(aggregate, windowed=windowed)
            return
        is_sorted = isinstance(node, ast.Call) and called in SORTS and node.args == [child]
        yield from self._of(child, is_sorted=is_sorted)

    def _generators(self, node: ast.ListComp | ast.DictComp | ast.GeneratorExp) -> Iterator[Finding]:
        for generator in node.generators:
            yield from self._iterated(generator.iter)

    def _imports(self, node: ast.Import | ast.ImportFrom) -> Iterator[Finding]:
        names = [alias.name for alias in node.names]
        modules = names if isinstance(node, ast.Import) else [node.module or ""]
        for module in modules:
            if module.split(".")[0] in MODULES:
                yield Finding(node.lineno, module, "reads a clock or chance")
        if isinstance(node, ast.ImportFrom) and node.module == _FUNCTIONS and "*" in names:
            yield Finding(node.lineno, "*", "hides which functions are called")

    def _reference(self, node: ast.Attribute | ast.Name) -> Iterator[Finding]:
        """A banned function named, called or not."""
        if isinstance(node, ast.Name) and self._is_functions(node):
            yield Finding(node.lineno, node.id, "passes Spark's functions on: call them by name")
        of = self.name(node.value) if isinstance(node, ast.Attribute) else ""
        name = self.name(node)
        is_imported = isinstance(node, ast.Name) and name != node.id and node.id in self.imported
        of_spark = isinstance(node, ast.Attribute) and self._is_functions(node.value)
        if name in CLOCK | CHANCE and (is_imported or of_spark or of in HOLDERS):
            yield Finding(node.lineno, name)

    def _call(self, call: ast.Call, windowed: bool, is_sorted: bool) -> Iterator[Finding]:
        name = self.name(call.func)
        reason = reason_of(name)
        of_spark = isinstance(call.func, ast.Name) or self._is_functions(getattr(call.func, "value", None))
        if name in PICK_BY_NUMBER and not (self._is_number(call.args) or not call.args):
            reason = None
        if reason and not (_has_order(name, windowed, is_sorted) or self._is_own_method(call)):
            yield Finding(call.lineno, name)
        if name in ARRAY_SUMS and not of_spark and not _states_integers(call):
            yield Finding(call.lineno, name, "adds doubles, or does not state an integer dtype")
        if name == "agg" and any(isinstance(argument, ast.Dict) for argument in call.args):
            yield Finding(call.lineno, name, "names its aggregates in a dict")
        if name in ("hash", "id") and isinstance(call.func, ast.Name) and name not in self.imported:
            yield Finding(call.lineno, name, "differs from process to process")
        if name == "unix_timestamp" and not call.args and not call.keywords:
            yield Finding(call.lineno, name, "reads the clock")
        if name in MOMENT_CALLS:
            for argument in call.args:
                if isinstance(argument, ast.Constant) and MOMENT_WORDS.match(str(argument.value)):
                    yield Finding(call.lineno, str(argument.value), "reads the clock")
        if name in IN_SOME_ORDER:
            for argument in call.args:
                yield from self._iterated(argument)
        if name == "pop" and isinstance(call.func, ast.Attribute) and not call.args:
            yield from self._iterated(call.func.value)
        yield from self._sql(call, name)

    def _sql(self, call: ast.Call, name: str) -> Iterator[Finding]:
        for argument in call.args if name in SQL_CALLS | CONDITIONS else ():
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                yield from banned_sql(argument.value, argument.lineno)
            elif name in SQL_CALLS or self._is_built_text(argument):
                yield Finding(call.lineno, name, "is given SQL that is not written out")

    def _iterated(self, iterable: ast.expr) -> Iterator[Finding]:
        if self._is_set(iterable):
            yield Finding(iterable.lineno, "set", "has no order: sort it")

    def _is_set(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Name):
            found = self.assigned.get(node.id, [])
            return bool(found) and all(
                not isinstance(each, ast.Name) and self._is_set(each) for each in found
            )
        if isinstance(node, ast.BinOp):
            return self._is_set(node.left) or self._is_set(node.right)
        if isinstance(node, ast.Call):
            return isinstance(node.func, ast.Name) and node.func.id in ("set", "frozenset")
        return isinstance(node, ast.Set | ast.SetComp)

    def _is_ordered(self, window: ast.expr, seen: frozenset[str] = frozenset()) -> bool:
        for node in ast.walk(window):
            if isinstance(node, ast.Attribute) and node.attr == "orderBy":
                return True
            if isinstance(node, ast.Name) and node.id not in seen and node.id in self.assigned:
                found = self.assigned[node.id]
                if all(self._is_ordered(each, seen | {node.id}) for each in found):
                    return True
        return False

    def _is_number(self, arguments: Iterable[ast.expr]) -> bool:
        return any(
            isinstance(each, ast.Constant)
            or (isinstance(each, ast.Name) and self._is_number(self.assigned.get(each.id, [])))
            for each in arguments
        )

    def _is_built_text(self, node: ast.expr) -> bool:
        """Whether it is text, and not written here: an f-string, a sum, a format, a name of some."""
        if isinstance(node, ast.Name):
            found = self.assigned.get(node.id, [])
            return any(_is_text(each) or self._is_built_text(each) for each in found)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod):
            return any(_is_text(each) or self._is_built_text(each) for each in (node.left, node.right))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            return _is_text(node.func.value)
        return isinstance(node, ast.JoinedStr)

    def _is_own_method(self, call: ast.Call) -> bool:
        """Whether `first` or `last` is asked of an object of ours, as in `history.first("requested")`.

        Spark's functions are called on their module; `first` of a frame takes no argument.
        """
        return (
            isinstance(call.func, ast.Attribute)
            and call.func.attr in {"first", "last"}
            and not self._is_functions(call.func.value)
            and bool(call.args)
        )

    def _is_functions(self, node: ast.AST | None) -> bool:
        if isinstance(node, ast.Name):
            return self.imported.get(node.id, _FUNCTIONS if node.id in FUNCTION_MODULES else "") == _FUNCTIONS
        return isinstance(node, ast.Attribute) and ast.unparse(node) == _FUNCTIONS

    def name(self, function: ast.AST) -> str:
        """The last part of what is named, as it was imported."""
        if isinstance(function, ast.Attribute):
            return function.attr
        if isinstance(function, ast.Name):
            return self.imported.get(function.id, function.id).rpartition(".")[2]
        return ""


def _states_integers(call: ast.Call) -> bool:
    return any(
        keyword.arg == "dtype" and ast.unparse(keyword.value).rpartition(".")[2] in ("int64", "int32", "intp")
        for keyword in call.keywords
    )


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))
