"""What a command's JSON answer says was published: by table, its snapshot, run, interval and rows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

Made = dict[str, Any]


def answer(out: str) -> Any:
    """The JSON that a command printed; None if it printed none.

    It begins a line. What others say around it (in a job, Java has the same stdout) is passed over.
    """
    for begin in re.finditer(r"^[\[{]", out, re.MULTILINE):
        try:
            return json.JSONDecoder().raw_decode(out, begin.start())[0]
        except json.JSONDecodeError:
            continue
    return None


def published(told: Any, *, with_skipped: bool = False) -> dict[str, Made]:
    """By table (`published.NAME` of what was sent to Snowflake or S3), what was published.

    A table that was published over several intervals is told once: of the last one its snapshot and run,
    rows in all, the whole span. `with_skipped` counts what stood already: what an earlier try published.
    Snapshot ids are text: they have 19 digits, which a browser rounds.
    """
    found: dict[str, Made] = {}
    for table, made in _made(told, {"published", "skipped"} if with_skipped else {"published"}):
        before = found.get(table)
        if before is not None:
            made["rows"] = (before["rows"] or 0) + (made["rows"] or 0)
            made["run_ids"] = before["run_ids"] + made["run_ids"]
            made["interval_start"] = min(before["interval_start"], made["interval_start"])
            made["interval_end"] = max(before["interval_end"], made["interval_end"])
        found[table] = made
    return found


def failed_runs(told: Any) -> list[str]:
    """Ids in the ledger of the runs that failed: `roadside runs show ID` has the rest."""
    return [run["run_id"] for step in _failed(told) for run in step.get("runs", {}).values()]


def failed_steps(told: Any) -> list[str]:
    """The steps that failed, each once, in the order of names."""
    return sorted({step["step"] for step in _failed(told) if "step" in step})


def _failed(told: Any) -> Iterator[Mapping[str, Any]]:
    for each in told if isinstance(told, list) else ():
        if isinstance(each, Mapping) and each.get("status") == "failed":
            yield each


def _made(told: Any, of_status: set[str]) -> Iterator[tuple[str, Made]]:
    if isinstance(told, Mapping) and "dataset" in told:
        yield from _days(told, with_skipped="skipped" in of_status)
        return
    for each in told if isinstance(told, list) else ():
        if "step" in each and each["status"] in of_status:
            for table, run in each.get("runs", {}).items():
                yield table, _entry(table, run, each["start"], each["end"], each["rows"].get(table))
        elif "to" in each and each["status"] in {"created", "replaced"}:
            yield f"published.{each['name']}", _sent(each)


def _days(told: Mapping[str, Any], *, with_skipped: bool) -> Iterator[tuple[str, Made]]:
    table = f"training.{told['dataset']}"
    wanted = {"built", "new release"} | ({"skipped"} if with_skipped else set())
    for day in told["days"]:
        if day["status"] in wanted:
            yield table, _entry(table, day, day["day"], day["day"], day["rows"])


def _entry(table: str, run: Mapping[str, Any], start: str, end: str, rows: int | None) -> Made:
    return {
        "table": table,
        "snapshot_id": None if run.get("snapshot_id") is None else str(run["snapshot_id"]),
        "run_id": run.get("run_id"),
        "run_ids": [run["run_id"]] if run.get("run_id") else [],
        "interval_start": start,
        "interval_end": end,
        "rows": rows,
    }


def _sent(each: Mapping[str, Any]) -> Made:
    return {
        "table": each["name"],
        "to": each["to"],
        "release": each["release"],
        "rows": each["rows"],
        "run_ids": [],
        "interval_start": "",
        "interval_end": "",
    }
