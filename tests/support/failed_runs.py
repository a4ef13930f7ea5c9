"""Runs that came to nothing, as a ledger keeps them."""

from __future__ import annotations

from lakehouse.run_ledger import RunLedger
from validation.clocks import Interval


def failed_run(
    runs: RunLedger, table: str, interval: Interval, error_kind: str, code_version: str = "code"
) -> str:
    """The id of a run that failed before it wrote a row."""
    return runs.fail(runs.begin(table, interval, code_version).run_id, error_kind).run_id
