"""Where a `roadside` command runs: in a process here, or as an EMR Serverless job. The one place that knows.

Plain Python; boto3 is imported by the job alone, when it starts. Settings, all from the environment:

    ROADSIDE_RUNS_ON               process (default) or emr-serverless
    ROADSIDE_PROGRAM               of a process: the program, if `roadside` is not on the PATH
    ROADSIDE_EMR_APPLICATION_ID    of a job: the application; its release label (emr-8.x) is the application's
    ROADSIDE_EMR_ROLE_ARN          the role that the job takes
    ROADSIDE_EMR_ENTRY_POINT       s3:// URI of a copy of airflow/emr_job.py, which exits as the command does
    ROADSIDE_EMR_LOG_URI           s3:// URI below which the job's logs are kept, and its answer is read
    ROADSIDE_EMR_SPARK_PARAMETERS  --conf ... of spark-submit: jars, the packed environment, sizes, and the
                                   ROADSIDE_... settings of the job itself (passwords as secrets by name)
    ROADSIDE_ALERT_URL             whom a failure is told (road_alerts)
    ROADSIDE_DEADLINE_ALERTS       off leaves the DAGs' deadline alerts away (roadside_daily)

A process is given every variable but these; a job none, it has its application's.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from typing import Any, Protocol

SETTINGS = (
    "ROADSIDE_RUNS_ON",
    "ROADSIDE_PROGRAM",
    "ROADSIDE_EMR_APPLICATION_ID",
    "ROADSIDE_EMR_ROLE_ARN",
    "ROADSIDE_EMR_ENTRY_POINT",
    "ROADSIDE_EMR_LOG_URI",
    "ROADSIDE_EMR_SPARK_PARAMETERS",
    "ROADSIDE_ALERT_URL",
    "ROADSIDE_DEADLINE_ALERTS",
)
PROCESS, EMR_SERVERLESS = "process", "emr-serverless"
ROADSIDE = "roadside"

MISSING, UNFORESEEN = 1, 70
NOT_MENDED_BY_TRYING = {
    2: "the command, a setting or a name is wrong",
    3: "a check stopped it: the last good version stays",
    5: "it was refused",
}
"""Exit codes of `roadside` (validation/errors.py) that stay whatever is tried."""

SECONDS_TO_END = 3.0
"""Between SIGTERM and SIGKILL; Airflow itself gives a task five seconds before it kills it."""
SECONDS_TO_BE_GONE = 1.0
SECONDS_BETWEEN_LOOKS = 0.05

Heard = Callable[[str], None]
"""Is told each line that the command says beside its answer."""


class CannotRun(Exception):
    """A setting is missing or wrong, or the program is not there: trying again changes nothing."""


@dataclass(frozen=True)
class Attempt:
    """One try of one task of one run of a DAG; what it starts is known by it."""

    dag_id: str
    task_id: str
    run_id: str
    map_index: int
    try_number: int

    @property
    def task(self) -> str:
        """The same of every try."""
        of_many = f".{self.map_index}" if self.map_index >= 0 else ""
        return f"{self.dag_id}.{self.task_id}{of_many} {self.run_id}"

    @property
    def token(self) -> str:
        """64 letters; the same as often as this try asks, another for another try."""
        told = "\n".join(map(str, (self.dag_id, self.task_id, self.run_id, self.map_index, self.try_number)))
        return hashlib.sha256(told.encode()).hexdigest()


@dataclass(frozen=True)
class Ended:
    """How a command ended, what it answered on stdout, where it ran, and where its stdout is read."""

    code: int
    out: str
    where: str
    answers_in: str = "its stdout"


class Place(Protocol):
    """Where commands run."""

    def run(self, words: Sequence[str], attempt: Attempt, heard: Heard) -> Ended:
        """Run the command until it ends.

        Raises:
            CannotRun: it cannot be started here at all.
        """

    def stop(self) -> None:
        """End what runs, with all it started; nothing if nothing does."""


def place_of(environment: Mapping[str, str]) -> Place:
    """The place that the settings choose.

    Raises:
        CannotRun: they name no such place, or leave out what it needs.
    """
    kind = environment.get("ROADSIDE_RUNS_ON", "").strip() or PROCESS
    if kind == PROCESS:
        return Process(environment)
    if kind == EMR_SERVERLESS:
        from road_jobs import Job

        return Job(environment)
    raise CannotRun(f"ROADSIDE_RUNS_ON is '{kind}'. Write {PROCESS} or {EMR_SERVERLESS}.")


class Process:
    """A process on this machine, in a group of its own: with Spark's Java and Python, it ends as one."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._program = environment.get("ROADSIDE_PROGRAM", "").strip() or ROADSIDE
        self._environment = {name: value for name, value in environment.items() if name not in SETTINGS}
        self._running: subprocess.Popen[str] | None = None

    def run(self, words: Sequence[str], attempt: Attempt, heard: Heard) -> Ended:
        """stderr is heard line by line as it comes; stdout is the answer."""
        try:
            process = subprocess.Popen(
                [self._program, *words[1:]],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,
            )
        except OSError as error:
            raise CannotRun(
                f"'{self._program}' does not start ({error.strerror}): put roadside on the worker's PATH, or "
                "name it in ROADSIDE_PROGRAM."
            ) from None
        self._running = process
        answer: list[str] = []
        assert process.stdout is not None
        assert process.stderr is not None
        reader = Thread(target=lambda out=process.stdout: answer.append(out.read()), daemon=True)
        reader.start()
        with process.stderr, process.stdout:
            try:
                for line in process.stderr:
                    heard(line.rstrip("\n"))
                code = _ended(process)
            finally:  # ended by itself, or by an exception of a timeout or a signal
                self.stop()
                reader.join(SECONDS_TO_END)
        return Ended(code, "".join(answer), f"process {process.pid} on {socket.gethostname()}")

    def stop(self) -> None:
        """SIGTERM to the group, then SIGKILL to what is left of it."""
        process, self._running = self._running, None
        if process is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(SECONDS_TO_END)
            os.killpg(process.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):  # of a signal that came while its end was being asked for
            process.wait(SECONDS_TO_BE_GONE)


def _ended(process: subprocess.Popen[str]) -> int:
    """Its exit code, once it has ended.

    Asked for again and again: a wait without end holds a lock that `stop`, called by the handler of a signal
    in the same thread, would wait for in vain.
    """
    while (code := process.poll()) is None:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    return code


def as_typed(words: Sequence[str]) -> str:
    """The command as a person types it.

    >>> as_typed(["roadside", "tick", "--until", "2026-03-10T18:00Z"])
    'roadside tick --until 2026-03-10T18:00Z'
    """
    return shlex.join(words)


def words_of(rendered: Sequence[Any]) -> list[str]:
    r"""A command's words once its templates are filled in: one that became lines is so many words.

    >>> words_of(["roadside", "backfill", "--view\noffers\n--view\njobs", "", "--json"])
    ['roadside', 'backfill', '--view', 'offers', '--view', 'jobs', '--json']
    """
    return [word for each in rendered for word in str(each).splitlines() if word]


def why(code: int) -> str:
    """What an exit code says.

    >>> why(4), why(-9)
    ('another publishes the same table (exit code 4)', 'ended by signal 9')
    """
    if code < 0:
        return f"ended by signal {-code}"
    said = {
        **NOT_MENDED_BY_TRYING,
        MISSING: "something that is due is not there",
        4: "another publishes the same table",
        6: "something outside does not answer",
        UNFORESEEN: "an error of the platform's own",
    }
    return f"{said.get(code, 'it failed')} (exit code {code})"


def is_final(code: int, *, waits: bool) -> bool:
    """Whether trying again is in vain; what is due may yet come to a command that `waits` for it."""
    return code in NOT_MENDED_BY_TRYING or (code == MISSING and not waits)
