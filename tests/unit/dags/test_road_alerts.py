"""What is told is one line of JSON, to the log and to a URL; what it cannot reach hides nothing."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest

from road_alerts import failure, promise_passed, task_failed, task_tried_again


class Task:
    """As much of a task as is asked."""

    command: Sequence[str] = ("roadside", "tick", "--until", "{{ tick_end(dag_run) }}", "--json")
    arguments: Sequence[str] = ()

    def render_template(self, words: Sequence[str], _context: Mapping[str, Any]) -> list[str]:
        return [word.replace("{{ tick_end(dag_run) }}", "2026-03-10T18:00Z") for word in words]


class Broken(Task):
    def render_template(self, words: Sequence[str], _context: Mapping[str, Any]) -> list[str]:
        raise KeyError("tick_end")


def context(
    task: Task, code: int = 4, steps: Sequence[str] = ("silver.offers",), run_id: str = "scheduled__x"
) -> dict[str, Any]:
    error = RuntimeError(f"roadside tick: another publishes the same table (exit code {code})\nand more")
    error.exit_code, error.run_ids, error.steps = code, ["3f9a0c12d4e5"], steps  # type: ignore[attr-defined]
    ti = SimpleNamespace(
        dag_id="roadside_tick", task_id="tick", map_index=-1, run_id=run_id, try_number=5, task=task
    )
    dag_run = SimpleNamespace(
        data_interval_start=datetime(2026, 3, 10, 17, 45, tzinfo=UTC),
        data_interval_end=datetime(2026, 3, 10, 18, tzinfo=UTC),
    )
    return {"ti": ti, "dag_run": dag_run, "exception": error, "task": task}


@pytest.fixture
def inbox() -> Iterator[tuple[str, list[bytes]]]:
    received: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return None

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/key-of-the-pager", received
    server.shutdown()
    server.server_close()


def test_a_failure_tells_who_when_which_runs_and_the_command_to_run_again() -> None:
    assert failure(context(Task())) == {
        "alert": "task failed",
        "severity": "error",
        "key": "roadside_tick.tick exit 4 silver.offers",
        "dag": "roadside_tick",
        "task": "tick",
        "dag_run": "scheduled__x",
        "try": 5,
        "interval": ["2026-03-10T17:45Z", "2026-03-10T18:00Z"],
        "error": "RuntimeError: roadside tick: another publishes the same table (exit code 4)",
        "exit_code": 4,
        "failed_steps": ("silver.offers",),
        "roadside_runs": ["3f9a0c12d4e5"],
        "run_again": "roadside tick --until 2026-03-10T18:00Z --json",
    }


def test_a_template_that_breaks_does_not_keep_the_failure_back() -> None:
    assert failure(context(Broken()))["run_again"] == "roadside tick --until '{{ tick_end(dag_run) }}' --json"


def test_a_task_that_died_before_it_began_is_told_too() -> None:
    ti = SimpleNamespace(dag_id="d", task_id="t", map_index=3, run_id="r", try_number=1, task=None)
    assert failure({"ti": ti}) == {
        "alert": "task failed", "severity": "error", "key": "d.t died",
        "dag": "d", "task": "t", "map_index": 3, "dag_run": "r", "try": 1,
    }  # fmt: skip


def test_one_trouble_has_one_key_whichever_run_meets_it_and_another_has_another() -> None:
    """By it a pager folds what each tick tells while one check stops one table."""
    one, next_run = context(Task(), 3), context(Task(), 3, run_id="scheduled__y")
    others = [
        context(Task(), 70),
        context(Task(), 3, ["silver.jobs"]),
        context(Task(), 3, [f"silver.t{n}" for n in range(45)]),
        {**one, "exception": TimeoutError()},
    ]
    assert failure(one)["key"] == failure(next_run)["key"]
    keys = [failure(each)["key"] for each in (one, *others)]
    assert keys == [
        "roadside_tick.tick exit 3 silver.offers",
        "roadside_tick.tick exit 70 silver.offers",
        "roadside_tick.tick exit 3 silver.jobs",
        "roadside_tick.tick exit 3 silver.t0 silver.t1 silver.t2 and 42 more",
        "roadside_tick.tick TimeoutError",
    ]


def test_a_try_that_is_followed_by_another_is_told_as_less(
    inbox: tuple[str, list[bytes]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One that hung until its time was over among them: the failure itself comes after the last."""
    monkeypatch.setenv("ROADSIDE_ALERT_URL", inbox[0])
    hung = {**context(Task()), "exception": TimeoutError("Timeout, PID: 7")}
    with caplog.at_level(logging.WARNING):
        task_tried_again(hung)
    (told,) = [json.loads(each) for each in inbox[1]]
    assert (told["alert"], told["severity"]) == ("task is tried again", "warning")
    assert told["key"] == failure(hung)["key"] == "roadside_tick.tick TimeoutError"
    assert told["run_again"] == "roadside tick --until 2026-03-10T18:00Z --json"
    assert [each.levelname for each in caplog.records] == ["WARNING"]


def test_the_line_in_the_log_is_what_the_url_is_sent(
    inbox: tuple[str, list[bytes]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("ROADSIDE_ALERT_URL", inbox[0])
    task_failed(context(Task()))
    told = json.loads(json.dumps(failure(context(Task()))))
    assert [json.loads(each) for each in inbox[1]] == [told]
    assert [json.loads(each.message) for each in caplog.records] == [told]
    assert [each.levelname for each in caplog.records] == ["ERROR"]


def test_a_url_that_does_not_answer_is_logged_without_its_key(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for url in ("http://127.0.0.1:9/key-of-the-pager", "key-of-the-pager"):
        monkeypatch.setenv("ROADSIDE_ALERT_URL", url)
        with caplog.at_level(logging.ERROR):
            task_failed(context(Task()))
    told = [each.message for each in caplog.records if "was not told" in each.message]
    assert told == [
        "ROADSIDE_ALERT_URL was not told of this: URLError",
        "ROADSIDE_ALERT_URL was not told of this: ValueError",
    ]
    assert "key-of-the-pager" not in caplog.text


def test_a_promise_that_passed_is_told_with_what_to_look_at(
    inbox: tuple[str, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROADSIDE_ALERT_URL", inbox[0])
    run = {"dag_id": "roadside_daily", "dag_run_id": "scheduled__x"}
    promise_passed("06:00 America/New_York", "roadside promise check", context={"dag_run": run})
    assert json.loads(inbox[1][0]) == {
        "alert": "deadline passed", "severity": "critical", "key": "deadline 06:00 America/New_York",
        "promise": "06:00 America/New_York", "look": "roadside promise check",
        "dag": "roadside_daily", "dag_run": "scheduled__x",
    }  # fmt: skip
