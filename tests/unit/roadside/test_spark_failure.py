"""Spark's own words of a failure are kept for the owner of the home alone, and not told."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

from pyspark.errors import PySparkException

from lakehouse.settings import Settings
from roadside.graph import step_named
from roadside.runner import Runner
from validation.clocks import Interval
from validation.errors import RoadsideError

TICK = Interval(datetime(2026, 3, 10, 17, tzinfo=UTC), datetime(2026, 3, 10, 17, 15, tzinfo=UTC))


def mode(path: Path) -> str:
    return f"{path.stat().st_mode & 0o777:o}"


def told(settings: Settings) -> RoadsideError:
    runner, words = SimpleNamespace(settings=settings), PySparkException("the name Maria is no number")
    return Runner._spark_failure(runner, step_named("silver.offers"), TICK, words)  # type: ignore[arg-type]


def test_sparks_own_words_are_for_the_owner_alone(settings: Settings) -> None:
    error = told(settings)
    (log,) = (settings.home / "logs").iterdir()
    assert log.name == f"{step_named('silver.offers').name}-20260310T1700.log"
    assert "Maria" in log.read_text()
    assert (mode(log.parent), mode(log)) == ("700", "600")
    assert str(log) in str(error.next_step)
    assert "Maria" not in f"{error.what} {error.next_step}"


def test_a_failure_is_told_where_its_words_cannot_be_kept(settings: Settings) -> None:
    settings.home.mkdir(parents=True)
    (settings.home / "logs").write_text("no folder")
    assert told(settings).next_step == "Its own words could not be kept (FileExistsError)."
