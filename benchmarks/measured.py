"""What the measures share: a lake of their own, sides timed in turn, and what they ran on."""

from __future__ import annotations

import gc
import io
import os
import platform
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from lakehouse.settings import Settings
from roadside.demo import demo_settings
from roadside.graph import Step
from roadside.runner import Runner
from validation.clocks import Interval
from validation.errors import CheckFailed


@dataclass(frozen=True)
class Timing:
    """Seconds of the rounds of one side."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle round."""
        return statistics.median(self.seconds)

    def told(self) -> dict[str, Any]:
        """Median and spread, in seconds."""
        shortest, longest = min(self.seconds), max(self.seconds)
        return {
            "median": round(self.median, 2),
            "spread": [round(shortest, 2), round(longest, 2)],
            "rounds": len(self.seconds),
        }


@contextmanager
def own_lake(**defaults: str) -> Iterator[Settings]:
    """Settings of an embedded platform in a folder that is removed afterwards; the environment goes before
    the defaults."""
    usual = {"ROADSIDE_SPARK_COMPILES": "true", **defaults}
    with tempfile.TemporaryDirectory(prefix="roadside-benchmark-") as folder:
        yield demo_settings({**usual, **os.environ, "ROADSIDE_HOME": folder})


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Feast's prints, bars and warnings out of our output."""
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def timed(work: Callable[[], Any], told: str = "") -> tuple[float, Any]:
    """Seconds that the work took, and what it returned; a line of progress on stderr names it, if told."""
    gc.collect()
    began = time.perf_counter()
    found = work()
    took = time.perf_counter() - began
    if told:
        sys.stderr.write(f"{told}: {took:.1f} s\n")
    return took, found


def in_turn(
    sides: Mapping[str, Callable[[], Any]],
    rounds: int,
    *,
    warm: bool = True,
    digest: Callable[[Any], Any] = lambda found: found,
) -> dict[str, Timing]:
    """The sides one after the other, round after round; every run of every side must return the same.

    What they return is compared by its digest, whose making is not timed.

    Raises:
        CheckFailed: two runs do not agree.
    """
    if warm:
        _agree({name: digest(side()) for name, side in sides.items()})
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds):
        found = {}
        for name, side in sides.items():
            took, answered = timed(side, f"round {number + 1} of {rounds}, {name}")
            found[name] = digest(answered)
            del answered
            seconds[name].append(took)
        _agree(found)
    return {name: Timing(tuple(each)) for name, each in seconds.items()}


def _agree(found: Mapping[str, Any]) -> None:
    if len(set(found.values())) > 1:
        raise CheckFailed(f"The sides do not agree: {dict(found)}.")


def carry(runner: Runner, interval: Interval, steps: Sequence[Step], *, force: bool = False) -> None:
    """Run the steps over the interval, and insist that each ended well.

    Raises:
        CheckFailed: one is blocked; what a step raised, if one did.
    """
    for each in runner.run(interval, steps, force=force):
        if each.error is not None:
            raise each.error
        if each.is_broken:
            raise CheckFailed(f"{each.step} did not run over {interval}: {each.status}.")


def result(name: str, scale: str, value: float, unit: str, settings: Settings, **more: Any) -> dict[str, Any]:
    """What a measure prints: JSON's types only."""
    return {
        "name": name,
        "scale": scale,
        "value": value,
        "unit": unit,
        **more,
        "machine": {"cores": settings.spark_cores, "load_average": round(os.getloadavg()[0], 1)},
        "versions": {
            "python": platform.python_version(),
            **{package: version(package) for package in ("pyspark", "pyarrow", "numpy", "h3")},
            "iceberg": next((path.name for path in settings.jars_dir.glob("*iceberg-spark*.jar")), ""),
        },
    }


def spread(values: Sequence[float]) -> list[float]:
    """Lowest and highest, rounded."""
    return [round(min(values), 2), round(max(values), 2)]
