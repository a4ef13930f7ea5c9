"""FACTS P12: stock Feast 0.67 refuses to read a view while it is written, or after a job was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from feast import FeatureStore
from feast.feature_view import FeatureViewState

from lakehouse import feast_edge
from lakehouse.redis_server import RedisAddress
from support.held_writer import HELD
from support.online_store import HOUR, NOON, quiet, read, row, settings_of, store_of, view_of, write_rows
from support.waiting import within
from validation.errors import Unreachable

pytestmark = pytest.mark.slow(minutes=1)

ROWS = 30_000
JOB = """
import sys
from pathlib import Path
from typing import Any
from datetime import timedelta
from support.held_writer import hold_in_the_middle
from support.online_store import HOUR, NOON, FeatureStore, quiet, settings_of
hold_in_the_middle()
with quiet():
    store = FeatureStore(config=settings_of(Path(sys.argv[1]), sys.argv[2]))
    store.materialize(NOON, NOON + HOUR)
"""
OFFERS = "fleet__offers"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "fleet.parquet"
    write_rows(path, row("P0", NOON - HOUR, 3))
    return path


def being_written(store: FeatureStore) -> FeatureStore:
    """The store, its view as a job leaves it that is killed while it writes a second range."""
    with quiet():
        store.materialize(NOON - 2 * HOUR, NOON - HOUR)
        view = store.get_feature_view("fleet")
        view.state = FeatureViewState.MATERIALIZING
        store.registry.apply_feature_view(view, store.project)
        store.refresh_registry()
    return store


def test_p12_a_view_is_read_while_a_second_range_is_written(source: Path, redis_connection: str) -> None:
    stock = store_of(
        settings_of(source.parent / "stock", redis_connection, ours=False, registry="file"), [view_of(source)]
    )
    with pytest.raises(ValueError, match="MATERIALIZING"):
        read(being_written(stock), "P0")
    ours = store_of(settings_of(source.parent / "ours", redis_connection, registry="file"), [view_of(source)])
    assert read(being_written(ours), "P0")[OFFERS] == [3]


def test_p12_after_a_killed_job_a_failing_retry_leaves_the_view_readable(
    source: Path, redis_connection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = store_of(settings_of(source.parent / "ours", redis_connection, registry="file"), [view_of(source)])
    down = settings_of(source.parent / "ours", "127.0.0.1:1", registry="file")

    def retry(materialize: Callable[..., None], *arguments: Any) -> None:
        being_written(ours)
        with pytest.raises(Unreachable, match=r"127\.0\.0\.1:1 does not answer"), quiet():
            materialize(*arguments)
        ours.refresh_registry()

    retry(FeatureStore(config=down).materialize, NOON, NOON + HOUR)
    with pytest.raises(ValueError, match="GENERATED"):
        read(ours, "P0")
    retry(feast_edge.materialize, FeatureStore(config=down), "fleet", NOON, NOON + HOUR)
    assert read(ours, "P0")[OFFERS] == [3]


def test_p12_a_job_killed_in_the_middle_is_run_again_and_ends_as_one_run_would(
    source: Path, redis_connection: str
) -> None:
    write_rows(source, *(row(f"P{number}", NOON, number) for number in range(ROWS)))
    folder = source.parent / "ours"
    ours = store_of(settings_of(folder, redis_connection), [view_of(source)])
    with RedisAddress.parse(redis_connection).client() as client:
        job = subprocess.Popen(
            [sys.executable, "-c", JOB, str(folder), redis_connection],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert job.stdin is not None
        assert job.stdout is not None
        assert job.stdout.readline() == HELD
        assert within(60, lambda: client.dbsize() > 1_000)
        job.send_signal(signal.SIGKILL)
        job.wait(timeout=20)
        job.stdin.close()
        job.stdout.close()
        written = client.dbsize()
    assert 1_000 < written < ROWS
    state = ours._get_provider().online_store.state(ours.config)
    assert state.complete_through() == {}
    with quiet():
        ours.materialize(NOON, NOON + HOUR)
    assert state.complete_through() == {"fleet": NOON}
    assert len(state.live_keys("fleet")) == ROWS
    wanted = [f"P{number}" for number in range(0, ROWS, 500)]
    assert read(ours, *wanted)[OFFERS] == list(range(0, ROWS, 500))
