"""The process that forks Spark's Python workers, with nothing but folders on its path.

Spark puts two archives, its pyspark.zip and a jar, on a worker's path, and has every task forget what
Python cached of that path: reading the names in the archives again took nine tenths of the workers'
time. The packages are installed, so nothing is missed.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:] = [entry for entry in sys.path if not Path(entry).is_file()]
for entry in [entry for entry in sys.path_importer_cache if Path(entry).is_file()]:
    del sys.path_importer_cache[entry]

if __name__ == "__main__":
    from pyspark.daemon import manager

    manager()  # type: ignore[no-untyped-call]
