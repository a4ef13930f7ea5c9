"""The runner with its Spark session, opened by the commands that need one."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import current_thread, main_thread
from typing import TYPE_CHECKING

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from ingestion.register import STRAGGLER_HORIZON
from lakehouse.log_folder import log_folder
from lakehouse.ops import Ops
from lakehouse.settings import Settings
from lakehouse.spark import spark_session
from lakehouse.step_timings import StepTimings
from roadside.installation import require_spark
from roadside.runner import Progress, Runner, wall_clock
from roadside.timed_steps import timed, timed_start
from validation.clocks import Interval
from validation.errors import SettingError

if TYPE_CHECKING:
    from roadside.runner import StepResult


def open_spark(settings: Settings) -> SparkSession:
    """The process's Spark session; what the Java process prints goes to <home>/logs/spark.log.

    Spark logs nothing itself: its messages quote rows. An interrupt ends the process as it did before:
    PySpark would only cancel the job, over a connection in use, and the step would count as failed.

    Raises:
        SettingError: there is no Java, or no jars, or Java does not start.
    """
    require_spark(settings)
    log = log_folder(settings.home) / "spark.log"
    try:
        with _errors_to(log), _interrupts_kept():
            session = spark_session(settings)
    except PySparkException as error:
        raise SettingError("Spark did not start.", f"Its own words are in {log}.") from error
    session.sparkContext.setLogLevel("OFF")
    return session


def open_runner(
    settings: Settings, progress: Progress | None = None, look_back: timedelta = STRAGGLER_HORIZON
) -> Runner:
    """A runner over the settings' tables; `progress` hears of each step that ended, and it is timed."""
    heard = timed(StepTimings(Ops(settings.ops_url)), settings.spark_cores, wall_clock, progress or _silent)
    return Runner(settings, open_spark(settings), heard, look_back=look_back)


def start_timed(settings: Settings, span: Interval) -> Callable[[float], None]:
    """Keeps how many seconds passed until the first step of a backfill of the span."""
    return timed_start(StepTimings(Ops(settings.ops_url)), settings.spark_cores, wall_clock, span)


def _silent(_result: StepResult) -> None:
    return None


@contextmanager
def _interrupts_kept() -> Iterator[None]:
    """The handler of SIGINT is afterwards what it was; only the main thread may set one."""
    handler = signal.getsignal(signal.SIGINT)
    yield
    if current_thread() is main_thread():
        signal.signal(signal.SIGINT, handler)


@contextmanager
def _errors_to(path: Path) -> Iterator[None]:
    """Processes started meanwhile write their stderr to the file, for as long as they live."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with path.open("ab") as log:
            os.dup2(log.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
