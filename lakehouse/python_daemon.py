"""The process that forks Spark's Python workers, with nothing but folders on its path.

Spark puts two archives, its pyspark.zip and a jar, on a worker's path, and has every task forget what
Python cached of that path: reading the names in the archives again took nine tenths of the workers'
time. The packages are installed, so nothing is missed.

What most tasks import is imported here, once: Spark ends a worker that was idle for a minute, and a fork
then has it without reading it again.
"""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from pathlib import Path

_OF_MOST_TASKS = ("numpy", "pandas", "pyarrow", "pyarrow.compute", "pyspark.sql.pandas.serializers")

sys.path[:] = [entry for entry in sys.path if not Path(entry).is_file()]
for entry in [entry for entry in sys.path_importer_cache if Path(entry).is_file()]:
    del sys.path_importer_cache[entry]

if __name__ == "__main__":
    from pyspark.daemon import manager

    for name in _OF_MOST_TASKS:
        import_module(name)
    gc.freeze()  # a worker looks for garbage after every task: not through what is imported here
    manager()  # type: ignore[no-untyped-call]
