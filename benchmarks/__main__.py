"""`python -m benchmarks NAME [--scale SMALL|FULL] [--json]`: run one measure and print it."""

from __future__ import annotations

import argparse
import json
import sys
from importlib import import_module

from validation.errors import RoadsideError, UnknownName

BENCHMARKS = (
    "bronze_to_silver",
    "feature_engine",
    "tick",
    "daily_flat",
    "dataset_days",
    "replay_rate",
    "checks_cost",
    "backfill_prediction",
    "pit_spark",
    "pit_duckdb",
    "materialize",
    "online_read",
)
"""Each is a module of this package with `measure(scale) -> dict`, JSON's types only."""
SCALES = ("SMALL", "FULL")


def main(arguments: list[str] | None = None) -> int:
    """Run the measure and print one JSON object, or its name, value and unit. Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=f"Measures: {', '.join(BENCHMARKS)}.",
        epilog="Example: uv run python -m benchmarks bronze_to_silver --scale SMALL --json",
    )
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--scale", choices=SCALES, default="SMALL")
    parser.add_argument("--json", action="store_true", help="print the whole result as one JSON object")
    given = parser.parse_args(arguments)
    try:
        if given.name not in BENCHMARKS:
            raise UnknownName("benchmark", given.name, BENCHMARKS)
        result = import_module(f"benchmarks.{given.name}").measure(given.scale)
    except RoadsideError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    shown = json.dumps(result) if given.json else "{name}: {value:,} {unit}".format(**result)
    sys.stdout.write(f"{shown}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
