"""Events reach a server in order, beside the runs, whatever it does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import Popen
from threading import Event, Thread
from time import monotonic, sleep

import pytest

from lakehouse import lineage_channel
from lakehouse.lineage import Dataset, Lineage, run_uuid
from lakehouse.ops import Ops
from lakehouse.run_ledger import Run, RunLedger
from support.failed_runs import failed_run
from support.ports import free_port
from support.waiting import within
from validation.clocks import Interval

TICK = Interval(datetime(2026, 3, 10, 17, tzinfo=UTC), datetime(2026, 3, 10, 17, 15, tzinfo=UTC))
A_RUN_IS_HELD_UP = 1.0
"""Seconds that the events of three runs take of them at most, whatever the server does; alone some
milliseconds."""

Answer = Callable[[], int]
Start = Callable[..., "Popen[str]"]


class Server:
    """Listens as an OpenLineage server does; `answers` says what to do with each request, then 201."""

    def __init__(self, port: int = 0) -> None:
        self.heard: list[tuple[str, str, str]] = []
        self.answers: list[Answer] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status = server.answers.pop(0)() if server.answers else 201
                if status == 201:
                    server.heard.append((self.path, event["eventType"], event["run"]["runId"]))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *_arguments: object) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            def handle_error(self, *_arguments: object) -> None:
                """A client that waited too long is gone."""

        self.http = Quiet(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        self.thread = Thread(target=self.http.serve_forever)
        self.thread.start()

    def types(self) -> list[str]:
        return [kind for _, kind, _ in self.heard]

    def stop(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


class Told:
    """A ledger that tells an address of its runs."""

    def __init__(self, folder: Path, address: str) -> None:
        self.notes: list[str] = []
        self.lineage = Lineage(address, lambda _run: [], written, self.notes.append)
        self.runs = RunLedger(Ops(f"sqlite:///{folder / 'ops.db'}"), lambda: TICK.end, self._heard)
        self._held_up = 0.0

    def _heard(self, run: Run) -> None:
        began = monotonic()
        self.lineage.heard(run)
        self._held_up += monotonic() - began

    def publish(self, count: int = 1) -> list[str]:
        """The ids, in lineage's spelling, of runs published; no server holds them up."""
        ids = []
        for _ in range(count):
            run = self.runs.begin("silver.offers", TICK, "c1")
            ids.append(run_uuid(self.runs.finish(run.run_id, snapshot_id=7, rows=3).run_id))
        assert self._held_up < A_RUN_IS_HELD_UP
        return ids


def written(_run: Run) -> Dataset:
    return Dataset("s3://lake", "silver.offers")


@pytest.fixture
def told(tmp_path: Path, server: Server) -> Told:
    to_file = Told(tmp_path, str(tmp_path / "lineage.jsonl"))
    failed_run(to_file.runs, "silver.jobs", TICK, "X")  # imports
    return Told(tmp_path, server.url)


def slowly(seconds: float) -> Answer:
    def answer() -> int:
        sleep(seconds)
        return 201

    return answer


def test_a_server_gets_each_runs_events_in_order(told: Told, server: Server) -> None:
    ids = told.publish(3)
    told.lineage.close()
    assert server.heard == [
        ("/api/v1/lineage", kind, run_id) for run_id in ids for kind in ("START", "COMPLETE")
    ]
    assert told.notes == []


def test_a_slow_server_gets_all_in_order_and_holds_no_run_up(
    told: Told, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lineage_channel, "SECONDS_TO_ANSWER", 30.0)
    monkeypatch.setattr(lineage_channel, "SECONDS_AT_EXIT", 30.0)
    freed = Event()
    server.answers = [lambda: 201 if freed.wait(25) else 400]
    ids = told.publish(3)
    assert server.heard == [], "the runs were done before the server answered anything"
    freed.set()
    told.lineage.close()
    assert [(kind, run_id) for _, kind, run_id in server.heard] == [
        (kind, run_id) for run_id in ids for kind in ("START", "COMPLETE")
    ]
    assert told.notes == []


def test_an_event_that_is_answered_500_once_is_sent_again_in_its_place(told: Told, server: Server) -> None:
    server.answers = [lambda: 201, lambda: 500, lambda: 201, lambda: 503]
    told.publish(2)
    told.lineage.close()
    assert server.types() == ["START", "COMPLETE", "START", "COMPLETE"]
    assert told.notes == []


def test_a_server_that_hangs_once_gets_the_event_again(
    told: Told, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lineage_channel, "SECONDS_TO_ANSWER", 1.0)
    freed = Event()
    server.answers = [lambda: 201, lambda: (freed.wait(10), 500)[1]]
    told.publish(2)
    assert within(20, lambda: len(server.heard) == 4)
    freed.set()
    told.lineage.close()
    assert server.types() == ["START", "COMPLETE", "START", "COMPLETE"]
    assert told.notes == []


def test_a_server_that_comes_back_gets_what_waited(told: Told, tmp_path: Path) -> None:
    port = free_port()
    away = Told(tmp_path, f"http://127.0.0.1:{port}")
    ids = away.publish(3)
    sleep(0.5)  # it was tried meanwhile
    late = Server(port)
    try:
        assert within(20, lambda: len(late.heard) == 6)
    finally:
        late.stop()
    assert [run_id for _, _, run_id in late.heard] == [each for each in ids for _ in range(2)]
    away.lineage.close()
    assert away.notes == []


def test_what_a_server_refuses_or_never_takes_is_counted_and_the_next_goes_on(
    told: Told, server: Server
) -> None:
    server.answers = [lambda: 400, lambda: 201, *[lambda: 500] * lineage_channel.TRIES]
    told.publish(2)
    assert within(20, lambda: len(server.heard) == 2)
    told.lineage.close()
    assert server.types() == ["COMPLETE", "COMPLETE"]
    assert told.notes == [
        f"note: 2 events of lineage did not reach {server.url} (HTTPError); "
        "the runs went on, and are in the ledger."
    ]


@pytest.mark.parametrize("hangs", [True, False])
def test_an_end_waits_a_little_for_a_server_that_is_away_or_hangs_and_counts_what_is_lost(
    told: Told, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hangs: bool
) -> None:
    monkeypatch.setattr(lineage_channel, "SECONDS_AT_EXIT", 0.4)
    monkeypatch.setattr(lineage_channel, "SECONDS_TO_ANSWER", 30.0)
    freed, failed, may_pass = Event(), Event(), lineage_channel._may_pass
    monkeypatch.setattr(lineage_channel, "_may_pass", lambda *of: (failed.set(), may_pass(*of))[1])
    server.answers = [lambda: (freed.wait(60), 500)[1]]
    ends = Told(
        tmp_path, server.url.replace("//", "//ops:hunter2@") if hangs else f"http://127.0.0.1:{free_port()}"
    )
    ends.publish(3)
    assert within(20, lambda: not server.answers if hangs else failed.is_set()), "it was tried"
    began = monotonic()
    ends.lineage.close()
    assert monotonic() - began < 20, "less than it waits for an answer"
    freed.set()
    (note,) = ends.notes
    assert note.startswith("note: 6 events of lineage did not reach http://")
    assert "hunter2" not in note
    assert f"({'TooSlow' if hangs else 'ConnectionError'})" in note
    ends.lineage.close()
    assert len(ends.notes) == 1, "said once"


def test_more_than_may_wait_is_lost_and_holds_no_run_up(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lineage_channel, "WAITING_EVENTS", 2)
    port = free_port()
    away = Told(tmp_path, f"http://127.0.0.1:{port}")
    away.publish(3)
    late = Server(port)
    try:
        assert within(20, lambda: len(late.heard) == 2)
        away.lineage.close()
    finally:
        late.stop()
    assert late.types() == ["START", "COMPLETE"]
    (note,) = away.notes
    assert "4 events of lineage did not reach" in note


ENDS_AT_ONCE = """
import os, sys
from datetime import UTC, datetime, timedelta
from lakehouse.lineage import Dataset, Lineage
from lakehouse.ops import Ops
from lakehouse.run_ledger import RunLedger
from validation.clocks import Interval
noon = datetime(2026, 3, 10, 12, tzinfo=UTC)
TICK = Interval(noon, noon + timedelta(minutes=15))
written = Dataset("s3://lake", "silver.offers")
note = lambda text: print(text, file=sys.stderr)
lineage = Lineage(sys.argv[2], lambda _run: [], lambda _run: written, note)
runs = RunLedger(Ops(sys.argv[1]), lambda: noon, lineage.heard)
"""
PUBLISHES = "runs.finish(runs.begin('silver.offers', TICK, 'c1').run_id, snapshot_id=1, rows=1)\n"
FORKS = f"""
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside a thread
begun = runs.begin('silver.jobs', TICK, 'c1')
if child := os.fork():
    _, code = os.waitpid(child, 0)
    runs.finish(begun.run_id, snapshot_id=1, rows=1)
    sys.exit(code)
{PUBLISHES}"""


def said(process: Popen[str]) -> str:
    """What a process that ended well said on stderr."""
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return err


def test_a_process_that_ends_sends_what_waits(tmp_path: Path, server: Server, start_python: Start) -> None:
    server.answers = [slowly(0.5)] * 2
    process = start_python(ENDS_AT_ONCE + PUBLISHES, f"sqlite:///{tmp_path}/ops.db", server.url)
    assert (said(process), server.types()) == ("", ["START", "COMPLETE"])


def test_a_process_that_ends_says_what_was_lost(tmp_path: Path, start_python: Start) -> None:
    began = monotonic()
    away = f"http://127.0.0.1:{free_port()}"
    process = start_python(ENDS_AT_ONCE + PUBLISHES, f"sqlite:///{tmp_path}/ops.db", away)
    assert said(process) == (
        f"note: 2 events of lineage did not reach {away} (ConnectionError); "
        "the runs went on, and are in the ledger.\n"
    )
    assert monotonic() - began >= lineage_channel.SECONDS_AT_EXIT


def test_a_forked_process_sends_its_own_events_and_no_others(
    tmp_path: Path, server: Server, start_python: Start
) -> None:
    server.answers = [slowly(0.5)]  # the parent's first event is on its way when the child begins
    process = start_python(ENDS_AT_ONCE + FORKS, f"sqlite:///{tmp_path}/ops.db", server.url)
    assert said(process) == ""
    assert sorted(server.types()) == ["COMPLETE", "COMPLETE", "START", "START"]
    assert len({run_id for _, _, run_id in server.heard}) == 2
