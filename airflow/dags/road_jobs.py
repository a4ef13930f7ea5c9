"""A `roadside` command as an EMR Serverless job.

Airflow's own operator draws a new request token each time the file is parsed and gives up after 25 polls;
here a try that asks twice gets one job, and a job whose worker died is found again by its name.
Not tried against AWS itself. Datasets cannot be built so yet: what a job leaves in its home is gone with it,
and Spark runs inside the driver (docs/decisions/0029).
"""

from __future__ import annotations

import gzip
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from road_commands import UNFORESEEN, Attempt, CannotRun, Ended, Heard, as_typed

_NEEDED = {
    "application": "ROADSIDE_EMR_APPLICATION_ID",
    "role": "ROADSIDE_EMR_ROLE_ARN",
    "entry_point": "ROADSIDE_EMR_ENTRY_POINT",
    "logs": "ROADSIDE_EMR_LOG_URI",
}
_TERMINAL = {"SUCCESS", "FAILED", "CANCELLED"}
_ALIVE = ("SUBMITTED", "PENDING", "SCHEDULED", "QUEUED", "RUNNING")
_EXIT_CODE = re.compile(r"exit ?code:? *(\d+)", re.IGNORECASE)
_NOT_OF_A_NAME = re.compile(r"[^A-Za-z0-9._/#:-]")
SECONDS_BETWEEN_POLLS = 15.0
SECONDS_FOR_THE_LOG = 120.0
"""How long after its end a job's stdout may take to appear in the bucket."""
MINUTES_AT_MOST = 48 * 60
"""Instead of EMR's own twelve hours: more than any task's execution_timeout, which cancels the job."""


class Job:
    """Jobs of one application. `clients` makes a client of a service; `sleep` waits between two polls."""

    def __init__(
        self,
        environment: Mapping[str, str],
        clients: Callable[[str], Any] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        given = {name: environment.get(variable, "").strip() for name, variable in _NEEDED.items()}
        if lacking := [_NEEDED[name] for name, value in given.items() if not value]:
            raise CannotRun(f"ROADSIDE_RUNS_ON=emr-serverless needs {', '.join(lacking)}.")
        self._application, self._role = given["application"], given["role"]
        self._entry_point, self._logs = given["entry_point"], given["logs"].rstrip("/")
        self._spark = environment.get("ROADSIDE_EMR_SPARK_PARAMETERS", "").strip()
        self._clients = clients or _client
        self._sleep = sleep
        self._running: str | None = None

    def run(self, words: Sequence[str], attempt: Attempt, heard: Heard) -> Ended:
        """Polled until it ends, however long; what it answered comes from the driver's stdout.

        Cancelled only by `stop` and by the task's timeout. AWS that does not answer, or is asked too often,
        ends the try and not the job, which the next try finds by its name.
        """
        emr = self._clients("emr-serverless")
        name = _NOT_OF_A_NAME.sub("_", attempt.task)[:256]
        job = self._alive(emr, name) if attempt.try_number > 1 else None
        if job is not None:
            heard(f"job {job} of an earlier try still runs: waiting for that one")
        else:
            job = self._started(emr, words, attempt, name)
        self._running = job
        heard(f"job {job} of application {self._application}: {as_typed(words)}")
        try:
            ended = self._ended(emr, job, heard)
        except Exception:
            self._running = None
            raise
        except BaseException:  # Airflow's timeout is none of `Exception`, and neither is an interrupt
            self.stop()
            raise
        details = str(ended.get("stateDetails", ""))
        if ended["state"] != "SUCCESS":
            heard(f"job {job} {ended['state']}: {details}")
            for line in _last_lines(self._log(job, "stderr", heard)):
                heard(line)
        code = 0 if ended["state"] == "SUCCESS" else _code_told(details)
        out = self._log(job, "stdout", heard)
        return Ended(
            code, out, f"job {job} of application {self._application}", self._place_of(job, "stdout")
        )

    def stop(self) -> None:
        """Cancel the job that runs."""
        job, self._running = self._running, None
        if job is not None:
            self._clients("emr-serverless").cancel_job_run(applicationId=self._application, jobRunId=job)

    def _started(self, emr: Any, words: Sequence[str], attempt: Attempt, name: str) -> str:
        submit = {"entryPoint": self._entry_point, "entryPointArguments": list(words[1:])}
        if self._spark:
            submit["sparkSubmitParameters"] = self._spark
        return emr.start_job_run(
            applicationId=self._application,
            clientToken=attempt.token,
            executionRoleArn=self._role,
            name=name,
            jobDriver={"sparkSubmit": submit},
            configurationOverrides={
                "monitoringConfiguration": {"s3MonitoringConfiguration": {"logUri": f"{self._logs}/"}}
            },
            executionTimeoutMinutes=MINUTES_AT_MOST,
        )["jobRunId"]

    def _alive(self, emr: Any, name: str) -> str | None:
        """The job of that name that an earlier try left running."""
        found = emr.list_job_runs(applicationId=self._application, states=list(_ALIVE))
        while True:
            for each in found["jobRuns"]:
                if each.get("name") == name:
                    return each["id"]
            if not found.get("nextToken"):
                return None
            found = emr.list_job_runs(
                applicationId=self._application, states=list(_ALIVE), nextToken=found["nextToken"]
            )

    def _ended(self, emr: Any, job: str, heard: Heard) -> dict[str, Any]:
        state = ""
        while True:
            run = emr.get_job_run(applicationId=self._application, jobRunId=job)["jobRun"]
            if run["state"] != state:
                state = run["state"]
                heard(f"job {job} is {state}")
            if state in _TERMINAL:
                self._running = None
                return run
            self._sleep(SECONDS_BETWEEN_POLLS)

    def _log(self, job: str, stream: str, heard: Heard) -> str:
        """A stream of the driver; empty if it does not come, which is heard."""
        where = urlsplit(self._place_of(job, stream))
        s3 = self._clients("s3")
        waited = 0.0
        while True:
            try:
                body = s3.get_object(Bucket=where.netloc, Key=where.path.lstrip("/"))["Body"].read()
            except s3.exceptions.ClientError as error:
                code = error.response["Error"]["Code"]
                if code not in {"NoSuchKey", "404"} or waited >= SECONDS_FOR_THE_LOG:
                    heard(f"the driver's {stream} could not be read at {where.geturl()}: {code}")
                    return ""
            else:
                return gzip.decompress(body).decode(errors="replace")
            self._sleep(SECONDS_BETWEEN_POLLS)
            waited += SECONDS_BETWEEN_POLLS

    def _place_of(self, job: str, stream: str) -> str:
        return f"{self._logs}/applications/{self._application}/jobs/{job}/SPARK_DRIVER/{stream}.gz"


def _client(service: str) -> Any:
    import boto3

    return boto3.client(service)


def _code_told(details: str) -> int:
    """The driver's exit code, where EMR tells it; else one that is tried again."""
    found = _EXIT_CODE.search(details)
    return int(found[1]) if found else UNFORESEEN


def _last_lines(text: str, at_most: int = 200) -> Iterator[str]:
    yield from text.splitlines()[-at_most:]
