"""A command as a process: words and no shell, told as it speaks, ended with all it started."""

from __future__ import annotations

import doctest
import json
import os
import signal
import stat
import sys
import time
from pathlib import Path
from threading import Thread

import pytest

import road_commands
from road_commands import Attempt, CannotRun, Process, as_typed, is_final, place_of, words_of
from roadside.commands.upkeep import OF_THE_DAGS
from validation import errors

ATTEMPT = Attempt("roadside_tick", "tick", "scheduled__2026-03-10T18:00:00+00:00", -1, 1)
OUTLIVES = """
import signal, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); "
    "print('deaf', flush=True); time.sleep(60)"], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, file=sys.stderr, flush=True)
time.sleep(60)
"""


def program(folder: Path, body: str) -> dict[str, str]:
    """Settings whose `roadside` is that Python."""
    path = folder / "roadside"
    path.write_text(f"#!{sys.executable}\n{body}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return {"ROADSIDE_PROGRAM": str(path), "PATH": os.environ["PATH"]}


def ends(pid: int) -> bool:
    """Whether the process is gone, or about to be."""
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        status = Path(f"/proc/{pid}/stat")  # dead, but its new parent has not looked yet
        if status.exists() and status.read_text().split()[2] == "Z":
            return True
        time.sleep(0.02)
    return False


def test_words_reach_the_program_as_they_are_and_no_shell_reads_them(tmp_path: Path) -> None:
    words = ["roadside", "tick", "--until", "$(touch hacked); 'quoted' *", "--json"]
    settings = program(tmp_path, "import json, sys; print(json.dumps(sys.argv[1:]))")
    ended = Process(settings).run(words, ATTEMPT, lambda line: None)
    assert (ended.code, json.loads(ended.out)) == (0, words[1:])


def test_each_line_is_told_when_it_is_said(tmp_path: Path) -> None:
    """The second is said only after the first was heard."""
    body = f"""
import pathlib, sys, time
print("first", file=sys.stderr, flush=True)
heard = pathlib.Path("{tmp_path}/heard")
for _ in range(1000):
    if heard.exists(): break
    time.sleep(0.01)
print("second" if heard.exists() else "nobody hears me", file=sys.stderr)
"""
    lines: list[str] = []

    def hear(line: str) -> None:
        lines.append(line)
        (tmp_path / "heard").touch()

    Process(program(tmp_path, body)).run(["roadside"], ATTEMPT, hear)
    assert lines == ["first", "second"]


def test_a_long_answer_and_many_lines_do_not_block_each_other(tmp_path: Path) -> None:
    body = "import sys\nfor n in range(20000): print('x' * 50); print('y' * 50, file=sys.stderr)\nsys.exit(6)"
    lines: list[str] = []
    ended = Process(program(tmp_path, body)).run(["roadside"], ATTEMPT, lines.append)
    assert (ended.code, len(ended.out), len(lines)) == (6, 20000 * 51, 20000)


def test_stopped_it_ends_with_all_it_started_even_what_is_deaf_to_sigterm(tmp_path: Path) -> None:
    process, heard, ended = Process(program(tmp_path, OUTLIVES)), [], []  # type: ignore[var-annotated]
    runner = Thread(target=lambda: ended.append(process.run(["roadside"], ATTEMPT, heard.append)))
    runner.start()
    while not heard:
        time.sleep(0.02)
    began = time.monotonic()
    process.stop()
    runner.join(10)
    assert ended[0].code == -15
    assert time.monotonic() - began < 5, "Airflow kills a task five seconds after it asked it to end"
    assert ends(int(heard[0]))


def test_a_timeout_in_the_middle_ends_it_too(tmp_path: Path) -> None:
    pids: list[int] = []

    def time_out(line: str) -> None:
        pids.append(int(line))
        raise TimeoutError

    with pytest.raises(TimeoutError):
        Process(program(tmp_path, OUTLIVES)).run(["roadside"], ATTEMPT, time_out)
    assert ends(pids[0])


@pytest.mark.timeout(30)
def test_a_signal_that_comes_while_its_end_is_waited_for_ends_it(tmp_path: Path) -> None:
    """It has nothing more to say and goes on: its end is asked for by the thread that the signal stops."""
    is_silent = tmp_path / "silent"
    body = f"import os, pathlib, time\nos.close(2)\npathlib.Path({str(is_silent)!r}).touch()\ntime.sleep(60)"
    process = Process(program(tmp_path, body))

    def ask_to_end() -> None:
        while not is_silent.exists():
            time.sleep(0.02)
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGUSR1)

    kept = signal.signal(signal.SIGUSR1, lambda *_: process.stop())
    try:
        began = time.monotonic()
        Thread(target=ask_to_end, daemon=True).start()
        ended = process.run(["roadside"], ATTEMPT, lambda line: None)
    finally:
        signal.signal(signal.SIGUSR1, kept)
    assert ended.code == -15
    assert time.monotonic() - began < 5, "Airflow kills a task five seconds after it asked it to end"


def test_what_only_the_dags_read_the_command_is_not_given(tmp_path: Path) -> None:
    settings = program(tmp_path, "import json, os; print(json.dumps(dict(os.environ)))")
    more = {"ROADSIDE_ALERT_URL": "https://alerts/secret", "ROADSIDE_HOME": "/home"}
    ended = Process({**settings, **more}).run(["roadside"], ATTEMPT, lambda line: None)
    given = json.loads(ended.out)
    assert given["ROADSIDE_HOME"] == "/home"
    assert [name for name in road_commands.SETTINGS if name in given] == []


def test_roadside_env_check_knows_the_settings_of_the_dags() -> None:
    assert [name for name in road_commands.SETTINGS if not OF_THE_DAGS.fullmatch(name)] == []
    assert not OF_THE_DAGS.fullmatch("ROADSIDE_ALERT_URLS")


def test_a_program_that_is_not_there_is_named_and_not_tried_again(tmp_path: Path) -> None:
    settings = {"ROADSIDE_PROGRAM": str(tmp_path / "nowhere")}
    with pytest.raises(CannotRun, match=r"nowhere' does not start \(No such file or directory\)"):
        Process(settings).run(["roadside"], ATTEMPT, lambda line: None)


def test_one_variable_chooses_the_place_and_a_wrong_one_is_told() -> None:
    assert isinstance(place_of({}), Process)
    with pytest.raises(CannotRun, match=r"ROADSIDE_RUNS_ON is 'emr'\. Write process or emr-serverless\."):
        place_of({"ROADSIDE_RUNS_ON": "emr"})
    with pytest.raises(CannotRun, match="needs ROADSIDE_EMR_APPLICATION_ID, ROADSIDE_EMR_ROLE_ARN"):
        place_of({"ROADSIDE_RUNS_ON": "emr-serverless"})


def test_what_trying_again_may_mend_is_tried_again() -> None:
    """By the tree of errors; a command that waits is patient with what is not there yet, and with no more."""
    by_error = {
        each.__name__: (is_final(each.exit_code, waits=False), is_final(each.exit_code, waits=True))
        for each in (
            errors.NotReady, errors.UserError, errors.CheckFailed, errors.Busy, errors.PermissionRefused,
            errors.Unreachable, errors.Defect,
        )
    }  # fmt: skip
    assert by_error == {
        "NotReady": (True, False),
        "UserError": (True, True),
        "CheckFailed": (True, True),
        "Busy": (False, False),
        "PermissionRefused": (True, True),
        "Unreachable": (False, False),
        "Defect": (False, False),
    }
    assert not is_final(-9, waits=False), "killed by the kernel: another try may live"


def test_a_token_is_the_same_for_a_try_and_another_for_any_other() -> None:
    fields = ["roadside_tick", "tick", "scheduled__2026-03-10", -1, 1]
    others = [Attempt(*fields[:n], other, *fields[n + 1 :]) for n, other in enumerate(["x", "x", "x", 0, 2])]  # type: ignore[arg-type]
    tokens = {Attempt(*fields).token, *(each.token for each in others)}  # type: ignore[arg-type]
    assert Attempt(*fields).token == Attempt(*fields).token  # type: ignore[arg-type]
    assert len(tokens) == 6
    assert {len(token) for token in tokens} == {64}, "EMR's longest"


def test_words_render_to_words_and_are_told_as_one_types_them() -> None:
    assert words_of(["roadside", "--from 1", "--view\na\n--view\nb", "", "--json"]) == [
        "roadside", "--from 1", "--view", "a", "--view", "b", "--json",
    ]  # fmt: skip
    assert as_typed(["roadside", "x", "--why", "it is fine"]) == "roadside x --why 'it is fine'"


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(road_commands) == (0, 3)
