"""A command as an EMR Serverless job, against a server on loopback that speaks AWS's protocol (moto's).

The server ends no job by itself and knows no request tokens: `Aws` moves the jobs on while the caller sleeps.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from moto.emrserverless.models import emrserverless_backends
from moto.server import ThreadedMotoServer

from road_commands import Attempt, CannotRun, Ended
from road_jobs import Job

WORDS = ["roadside", "tick", "--until", "2026-03-10T18:00Z", "--json"]
FIRST = Attempt("roadside_tick", "tick", "scheduled__2026-03-10T18:00:00+00:00", -1, 1)
SECOND = Attempt("roadside_tick", "tick", "scheduled__2026-03-10T18:00:00+00:00", -1, 2)
ACCOUNT, REGION = "123456789012", "us-east-1"


@dataclass
class Aws:
    """The server with an application and a log bucket."""

    endpoint: str
    application: str = ""
    states: list[str] = field(default_factory=list)
    answer: str | None = None
    details: str = ""
    heard: list[str] = field(default_factory=list)
    naps: list[float] = field(default_factory=list)

    def client(self, service: str) -> Any:
        return boto3.client(
            service, region_name=REGION, endpoint_url=self.endpoint, aws_access_key_id="x",
            aws_secret_access_key="x",
        )  # fmt: skip

    @property
    def jobs(self) -> list[Any]:
        return emrserverless_backends[ACCOUNT][REGION].job_runs.get(self.application, [])

    def sleep(self, seconds: float) -> None:
        """Time goes on: the job has its next state, and its log once it has its last."""
        self.naps.append(seconds)
        if self.states:
            self.jobs[-1].state, self.jobs[-1].state_details = self.states.pop(0), self.details
        elif self.answer is not None:
            self.log(self.jobs[-1].id, "stdout", self.answer)

    def log(self, job: str, stream: str, text: str) -> None:
        key = f"logs/applications/{self.application}/jobs/{job}/SPARK_DRIVER/{stream}.gz"
        self.client("s3").put_object(Bucket="kept", Key=key, Body=gzip.compress(text.encode()))

    def job(self) -> Job:
        settings = {
            "ROADSIDE_EMR_APPLICATION_ID": self.application,
            "ROADSIDE_EMR_ROLE_ARN": f"arn:aws:iam::{ACCOUNT}:role/roadside",
            "ROADSIDE_EMR_ENTRY_POINT": "s3://code/entry.py",
            "ROADSIDE_EMR_LOG_URI": "s3://kept/logs/",
            "ROADSIDE_EMR_SPARK_PARAMETERS": "--conf spark.executor.cores=4",
        }
        return Job(settings, self.client, self.sleep)

    def run(self, attempt: Attempt = FIRST) -> Ended:
        return self.job().run(WORDS, attempt, self.heard.append)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    yield f"http://{host}:{port}"
    moto.stop()


@pytest.fixture
def aws(server: str, monkeypatch: pytest.MonkeyPatch) -> Aws:
    monkeypatch.setattr("moto.emrserverless.models.JOB_STATUS", "SUBMITTED")
    found = Aws(server)
    emr = found.client("emr-serverless")
    made = emr.create_application(releaseLabel="emr-8.0.0", type="SPARK", clientToken="t")
    found.application = made["applicationId"]
    found.client("s3").create_bucket(Bucket="kept")
    return found


def test_a_job_is_polled_to_its_end_and_its_answer_read_from_the_log(aws: Aws) -> None:
    aws.states, aws.answer = ["PENDING", *["RUNNING"] * 30, "SUCCESS"], '[{"step": "silver.jobs"}]\n'
    ended = aws.run()
    assert (ended.code, json.loads(ended.out)) == (0, [{"step": "silver.jobs"}])
    assert len(aws.naps) > 25, "more polls than Airflow's own operator waits for"
    assert [line.rpartition(" is ")[2] for line in aws.heard if " is " in line] == [
        "SUBMITTED", "PENDING", "RUNNING", "SUCCESS",
    ]  # fmt: skip


def test_the_command_is_the_job_s_arguments_under_the_token_of_the_try(aws: Aws) -> None:
    aws.states, aws.answer = ["SUCCESS"], "[]"
    aws.run()
    (job,) = aws.jobs
    assert job.job_driver["sparkSubmit"] == {
        "entryPoint": "s3://code/entry.py",
        "entryPointArguments": ["tick", "--until", "2026-03-10T18:00Z", "--json"],
        "sparkSubmitParameters": "--conf spark.executor.cores=4",
    }
    assert job.client_token == FIRST.token
    assert job.name == "roadside_tick.tick_scheduled__2026-03-10T18:00:00_00:00"
    logs = job.configuration_overrides["monitoringConfiguration"]["s3MonitoringConfiguration"]
    assert logs == {"logUri": "s3://kept/logs/"}


def test_a_failed_job_has_the_driver_s_exit_code_and_its_last_words_are_told(aws: Aws) -> None:
    aws.states, aws.details = ["RUNNING", "FAILED"], "Job failed, please check logs. ExitCode: 3. Last few"
    real_sleep = aws.sleep

    def sleep(seconds: float) -> None:
        real_sleep(seconds)
        if not aws.states:
            aws.log(aws.jobs[-1].id, "stderr", "error: silver.jobs: a check stopped it\n")
            aws.log(aws.jobs[-1].id, "stdout", "[]")

    aws.sleep = sleep  # type: ignore[method-assign]
    assert aws.run().code == 3
    assert "error: silver.jobs: a check stopped it" in aws.heard


def test_a_failure_that_tells_no_exit_code_is_tried_again(aws: Aws) -> None:
    aws.states, aws.details, aws.answer = ["FAILED"], "Worker lost", ""
    assert aws.run().code == 70


def test_a_log_that_never_comes_is_given_up_and_said(aws: Aws) -> None:
    aws.states = ["SUCCESS"]
    ended = aws.run()
    job = aws.jobs[-1].id
    place = f"s3://kept/logs/applications/{aws.application}/jobs/{job}/SPARK_DRIVER/stdout.gz"
    assert (ended.code, ended.out, ended.answers_in) == (0, "", place)
    assert "stdout could not be read" in aws.heard[-1]
    assert sum(aws.naps) < 200


def test_a_later_try_waits_for_the_job_whose_worker_died(aws: Aws) -> None:
    emr = aws.client("emr-serverless")
    name = "roadside_tick.tick_scheduled__2026-03-10T18:00:00_00:00"
    driver = {"sparkSubmit": {"entryPoint": "s3://code/entry.py"}}
    left = emr.start_job_run(
        applicationId=aws.application, clientToken="t", name=name, jobDriver=driver,
        executionRoleArn=f"arn:aws:iam::{ACCOUNT}:role/roadside",
    )["jobRunId"]  # fmt: skip
    aws.states, aws.answer = ["RUNNING", "SUCCESS"], "[]"
    assert aws.run(SECOND).where == f"job {left} of application {aws.application}"
    assert len(aws.jobs) == 1


def test_a_later_try_starts_a_job_where_none_is_left(aws: Aws) -> None:
    aws.states, aws.answer = ["SUCCESS"], "[]"
    aws.run()
    aws.states = ["SUCCESS"]
    aws.run(SECOND)
    assert [job.client_token for job in aws.jobs] == [FIRST.token, SECOND.token]


class TimedOut(BaseException):
    """As Airflow's AirflowTaskTimeout, which no `except Exception` catches."""


def test_timed_out_the_job_is_cancelled(aws: Aws) -> None:
    def time_out(_seconds: float) -> None:
        raise TimedOut

    aws.sleep = time_out  # type: ignore[method-assign]
    with pytest.raises(TimedOut):
        aws.run()
    assert [job.state for job in aws.jobs] == ["CANCELLED"]


def test_stopped_the_job_is_cancelled_and_polled_to_its_end(aws: Aws) -> None:
    job = aws.job()

    def stop(seconds: float) -> None:
        aws.naps.append(seconds)
        assert len(aws.naps) < 30, "it was stopped, and is polled still"
        job.stop()

    job._sleep = stop
    assert job.run(WORDS, FIRST, aws.heard.append).code == 70
    assert [each.state for each in aws.jobs] == ["CANCELLED"]


def test_a_poll_that_fails_leaves_the_job_to_the_next_try(aws: Aws) -> None:
    """Throttled, or without a network, hours into it."""

    def throttle(_seconds: float) -> None:
        raise EndpointConnectionError(endpoint_url="https://emr")

    sleep, aws.sleep = aws.sleep, throttle  # type: ignore[method-assign]
    with pytest.raises(EndpointConnectionError):
        aws.run()
    assert [job.state for job in aws.jobs] == ["SUBMITTED"]
    aws.sleep = sleep  # type: ignore[method-assign]
    aws.states, aws.answer = ["RUNNING", "SUCCESS"], "[]"
    assert (aws.run(SECOND).code, len(aws.jobs)) == (0, 1)


def test_what_a_job_needs_is_named_all_at_once() -> None:
    with pytest.raises(CannotRun) as caught:
        Job({"ROADSIDE_EMR_ROLE_ARN": "arn"})
    assert str(caught.value) == (
        "ROADSIDE_RUNS_ON=emr-serverless needs ROADSIDE_EMR_APPLICATION_ID, ROADSIDE_EMR_ENTRY_POINT, "
        "ROADSIDE_EMR_LOG_URI."
    )
