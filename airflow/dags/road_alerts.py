"""What happens when a task fails or is tried again, or the promise passes: one line of JSON is told.

It stands in the log and has the command to run again as a person types it. ROADSIDE_ALERT_URL, if set, is
sent the same with POST; that it does not answer is logged and hides nothing.

Each has a `severity` (warning: it is tried again by itself; error: it failed for good; critical: the promise
passed) and a `key`, by which a pager folds what is told again and again of one trouble: it names task, exit
code and the steps that failed, and neither run nor moment.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from road_commands import as_typed, words_of

log = logging.getLogger(__name__)
SECONDS_TO_ANSWER = 10
WARNING, ERROR, CRITICAL = "warning", "error", "critical"
STEPS_IN_A_KEY = 3
"""Pagers take keys of some 255 letters; how many more failed is in the key as well."""


def task_failed(context: Mapping[str, Any]) -> None:
    """Tell that a task failed and will not be tried again."""
    tell(failure(context), os.environ.get("ROADSIDE_ALERT_URL", ""))


def task_tried_again(context: Mapping[str, Any]) -> None:
    """Tell that a try failed, or took longer than it may, and that another follows."""
    told = {**failure(context), "alert": "task is tried again", "severity": WARNING}
    tell(told, os.environ.get("ROADSIDE_ALERT_URL", ""))


def promise_passed(promise: str, look: str, context: Mapping[str, Any] | None = None) -> None:
    """Tell that a run had not ended well when its promise was due; called by an executor."""
    run = (context or {}).get("dag_run")
    told = {
        "alert": "deadline passed",
        "severity": CRITICAL,
        "key": f"deadline {promise}",
        "promise": promise,
        "look": look,
    }
    if isinstance(run, Mapping):
        told |= {"dag": run.get("dag_id"), "dag_run": run.get("dag_run_id") or run.get("run_id")}
    tell(told, os.environ.get("ROADSIDE_ALERT_URL", ""))


def failure(context: Mapping[str, Any]) -> dict[str, Any]:
    """What is told of a failed task; what cannot be known of it is left out."""
    ti, error = context["ti"], context.get("exception")
    told = {
        "alert": "task failed",
        "severity": ERROR,
        "key": _key(f"{ti.dag_id}.{ti.task_id}", error),
        "dag": ti.dag_id,
        "task": ti.task_id,
        "map_index": ti.map_index if ti.map_index >= 0 else None,
        "dag_run": ti.run_id,
        "try": ti.try_number,
        "interval": _interval(context.get("dag_run")),
        "error": None if error is None else f"{type(error).__name__}: {error}".splitlines()[0],
        "exit_code": getattr(error, "exit_code", None),
        "failed_steps": getattr(error, "steps", None) or None,
        "roadside_runs": getattr(error, "run_ids", None) or None,
        "run_again": _run_again(context),
        "log": getattr(ti, "log_url", None),
    }
    return {name: value for name, value in told.items() if value is not None}


def tell(told: Mapping[str, Any], url: str) -> None:
    """One line to the log, and to the URL if there is one. Raises nothing."""
    line = json.dumps(told, default=str)
    log.log(logging.WARNING if told.get("severity") == WARNING else logging.ERROR, "%s", line)
    if not url:
        return
    try:
        request = Request(url, line.encode(), {"Content-Type": "application/json"}, method="POST")
        with urlopen(request, timeout=SECONDS_TO_ANSWER):
            pass
    except (URLError, OSError, ValueError) as error:  # its text may hold the URL, which may hold a key
        log.error("ROADSIDE_ALERT_URL was not told of this: %s", type(error).__name__)


def _key(task: str, error: Any) -> str:
    """The same as long as the same task fails in the same way over the same steps."""
    code, steps = getattr(error, "exit_code", None), list(getattr(error, "steps", ()))
    how = f"exit {code}" if code is not None else "died" if error is None else type(error).__name__
    more = len(steps) - STEPS_IN_A_KEY
    return " ".join([task, how, *steps[:STEPS_IN_A_KEY], *([f"and {more} more"] if more > 0 else [])])


def _interval(dag_run: Any) -> list[str] | None:
    start, end = getattr(dag_run, "data_interval_start", None), getattr(dag_run, "data_interval_end", None)
    return [f"{each:%Y-%m-%dT%H:%MZ}" for each in (start, end)] if start and end and start < end else None


def _run_again(context: Mapping[str, Any]) -> str | None:
    """The command with its templates filled in, which they are not if the task died before it began."""
    task = context.get("task") or getattr(context["ti"], "task", None)
    command = [*getattr(task, "command", ()), *(getattr(task, "arguments", None) or ())]
    if not command:
        return None
    try:
        return as_typed(words_of(task.render_template(command, context)))
    except Exception:  # whatever a template raises, the failure is to be told
        return as_typed([str(word) for word in command])
