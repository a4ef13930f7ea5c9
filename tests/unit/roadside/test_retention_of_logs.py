"""Logs end as what they may quote does."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from lakehouse.landing_ledger import LandingLedger
from lakehouse.log_folder import append_line, write_log
from lakehouse.ops import Ops
from lakehouse.settings import Settings
from roadside.retention import LOG, carry_out, planned
from validation.sources import SOURCES

AT = datetime(2026, 3, 31, 12, tzinfo=UTC)
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def log(settings: Settings, name: str, days: int, minutes: int = 0) -> Path:
    """A log of four bytes that was last written that long before the day of `AT` began."""
    path = write_log(settings.home, name, "four")
    at = datetime(2026, 3, 31, tzinfo=UTC) - timedelta(days=days, minutes=minutes)
    os.utime(path, (at.timestamp(), at.timestamp()))
    return path


def test_logs_go_35_days_after_they_were_last_written(settings: Settings) -> None:
    old = log(settings, "silver.offers-20260310T1700.log", 35, 1), log(settings, "runs-2026-02-23.jsonl", 36)
    log(settings, "silver.jobs-20260310T1700.log", 35)
    again = log(settings, "spark.log", 40)
    plan = planned(settings, AT, [LOG])
    assert plan.logs is not None
    assert (plan.logs.before, plan.logs.files) == (date(2026, 2, 24), dict.fromkeys([again, *old], 4))
    assert not plan.is_empty
    assert planned(settings, AT, ["silver.offers"]).logs is None
    append_line(again, "of now", 0o600)
    assert carry_out(settings, plan, lambda _old: False, lambda: NOW).logs == 2
    left = {path.name for path in (settings.home / "logs").iterdir()}
    assert left == {"silver.jobs-20260310T1700.log", "spark.log"}
    assert planned(settings, AT, [LOG]).is_empty


def test_the_command_tells_of_logs_and_deletes_none_unasked(settings: Settings, run: Callable) -> None:
    for source in SOURCES:
        LandingLedger(Ops(settings.ops_url)).close(source.name, AT)
    path = log(settings, "silver.offers-20260310T1700.log", 36)
    told = json.loads(run("retention", "--table", "logs", "--json").out)["logs"]
    assert told == {"kept_for": "35 days", "before": "2026-02-24", "files": 1, "bytes": 4}
    out = run("retention", "--table", "logs").out
    row = next(line for line in out.splitlines() if line.strip().startswith("logs"))
    assert row.split() == ["logs", "35", "days", "2026-02-24", "-", "-", "-", "1", "4", "B"]
    assert out.endswith("Dry run: nothing was deleted. Do it: --execute.\n")
    assert json.loads(run("retention", "--table", "silver.offers", "--json").out)["logs"] is None
    assert path.exists()
