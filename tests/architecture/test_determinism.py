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
    (finding,) = banned_calls(f"import pyspark\n\nrows = F.{name}(1)\n")
    assert (finding.line, finding.name) == (3, name)
    assert str(finding).startswith(f"line 3: {name} ")


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
        "x = F.first('v').over(Window.partitionBy('k'))",
        "by_key = Window.partitionBy('k')\nx = F.first('v').over(by_key)",
        "x = F.collect_list('v').over(given)",
        "x = F.expr('first(v) OVER (PARTITION BY k)')",
        "x = F.sort_array(F.array(F.concat_ws(',', F.collect_list('v'))))",
        "x = F.array_sort(F.collect_list('v'), lambda a, b: F.lit(0))",
        "x = df.head(1)",
        "x = df.take(1)",
        "COUNT = 3\nx = df.tail(COUNT)",
        "x = df.head()",
        "x = df.groupBy('k').agg({'v': 'first'})",
        "x = frame.groupby('k').nth(0)",
        "x = frame.nlargest(1, 'v')",
        "x = df.groupBy('k').avg('v')",
        "x = df.groupBy('k').agg(F.try_avg('v'))",
        "x = F.expr('avg(v)')",
        "x = df.groupBy('k').sum('v')",
        "x = speeds.astype(np.float64).sum()",
        "x = np.sum(speeds)",
        "x = weights.dot(speeds)",
        "x = F.unix_timestamp()",
        "x = df.selectExpr('unix_timestamp() AS t')",
        "x = F.expr(\"TIMESTAMP 'now'\")",
        "x = pd.Timestamp('now')",
        "x = F.lit('now').cast('timestamp')",
        "x = map(datetime.now, zones)",
        "tell = datetime.now\nx = tell(UTC)",
        "from datetime import datetime as dt\nx = dt.now()",
        "x = np.random.default_rng().integers(3)",
        "x = np.random.normal()",
        "draw = np.random\nx = draw.normal()",
        "import os\nx = os.urandom(4)",
        "from os import urandom as noise\nx = noise(4)",
        "x = hash(name) % 96",
        "x = list({'a', 'b'})",
        "x = [name for name in set(names)]",
        "names = set(found)\nfor name in names:\n    pass",
        "x = ','.join(wanted & {'a', 'b'})",
        "x = [*{'a', 'b'}]",
        "x = F.call_function('rand')",
        "x = getattr(F, 'rand')()",
        "from pyspark.sql import functions as psf\nx = getattr(psf, 'rand')()",
        "from pyspark.sql import functions as psf\nx = psf.sort_array(psf.array(psf.first('v')))",
        "import pyspark.sql.functions as psf\nx = psf.last('v', True)",
        "import pyspark.sql.functions\nx = pyspark.sql.functions.first('v')",
        "G = F\nx = G.avg('v')",
        "from pyspark.sql.functions import rand as r\nx = r()",
        "from pyspark.sql.functions import first as pick\nx = df.groupBy('k').agg(pick('v'))",
        "from pyspark.sql.functions import *",
        "x = reduce(F.rand, columns)",
        "x = F.expr(f'first({name})')",
        "x = F.expr('fir' + 'st(v)')",
        "S = 'first(v)'\nx = F.expr(S)",
        "x = df.selectExpr(*texts)",
        "x = df.where(f'at < {clock}()')",
        "S = 'at < now()'\nx = df.where(S)",
        "x = df.where('at < {}'.format(clock))",
        "x = F.hll_sketch_agg('v')",
        "x = F.kll_sketch_agg_bigint('v')",
        "x = F.expr('theta_sketch_agg(v)')",
        "x = F.expr('approx_top_k(v)')",
        "x = df.rdd.zipWithIndex()",
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
        "window = Window.partitionBy('k').orderBy('t')\nx = F.first('v').over(window)",
        "by = Window.partitionBy('k').orderBy('t')\nw = by.rowsBetween(a, b)\nx = F.last('v').over(w)",
        "x = F.last('v', ignorenulls=True).over(Window.partitionBy('k').orderBy('t'))",
        "x = F.sort_array(F.collect_list(F.struct('t', 'v')))",
        "x = F.expr('first(v) OVER (PARTITION BY k ORDER BY t)')",
        "from pyspark.sql import functions as psf\nx = psf.sum('seconds')",
        "x = lengths.sum(dtype=np.int64)",
        "x = table.take(places) if places else column.take(pa.array(rows))",
        "x = sorted(set(names)) + sorted(name for name in {'a', 'b'})",
        "x = F.hash('k')",
        "x = F.unix_timestamp('t')",
        "x = df.where((F.col('a') + F.col('b') > 1) & (F.col('c') != 'now'))",
        "x = self.now",
        "x = F.expr('sort_array(collect_list(v))')",
        "x = history.first('requested')",
        "x = F.first('name')  # deterministic: one name per key",
        "x = df.select('first', 'last').groupBy('k').agg(F.max('v'))",
    ],
)
def test_what_has_an_order_is_allowed(allowed: str) -> None:
    assert banned_calls(allowed) == []
