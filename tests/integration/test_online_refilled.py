"""A Redis that lost what it held is filled again by `roadside materialize`; hand-made tables, no Spark."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lakehouse import feast_edge
from lakehouse.ops import Ops
from lakehouse.redis_server import ensure_redis
from lakehouse.run_ledger import RunLedger
from lakehouse.settings import Settings, load_settings
from roadside.cli import main
from roadside.materialization import Written, materialize
from roadside.online_state import view_state
from support.feature_rows import at, start_empty_redis
from support.online_store import hashes
from support.served_day import CHANGING, DAILY, STANDING, TICKS, Platform, served_home
from validation.clocks import TICK, TICK_DELAY, Interval

pytestmark = [pytest.mark.timeout(300), pytest.mark.filterwarnings("ignore")]  # Feast's own

SERVED = (*CHANGING, *STANDING, *DAILY)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with served_home(tmp_path_factory.mktemp("home")) as settings:
        yield settings


@pytest.fixture
def new_platform(
    home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Platform]:
    """A platform whose features are made, of which Redis and the run ledger of that name know nothing yet."""

    def made(name: str) -> Platform:
        start_empty_redis(home)
        environment = home.environment() | {"ROADSIDE_OPS_URL": f"sqlite:///{tmp_path}/{name}.db"}
        for variable, value in environment.items():
            monkeypatch.setenv(variable, value)
        settings = load_settings(environment)
        runs = RunLedger(Ops(settings.ops_url), lambda: datetime(2026, 3, 10, 19, tzinfo=UTC))
        for view in SERVED:
            run = runs.begin(f"features.{view}", Interval(at(0), TICKS[-1]), "code")
            runs.finish(run.run_id, snapshot_id=None, rows=0)
        return Platform(settings, feast_edge.feature_store(settings))

    return made


def write(platform: Platform, until: datetime) -> list[Written]:
    return materialize(platform.settings, platform.store, SERVED, until)


def held(platform: Platform) -> tuple[object, object]:
    """Every value in Redis, and its markers."""
    return hashes(platform.settings.redis_connection), view_state(platform.store).complete_through()


def emptied(platform: Platform) -> None:
    with ensure_redis(platform.settings).client() as client:
        client.flushall()


def killed_and_its_disk_lost(platform: Platform) -> None:
    with ensure_redis(platform.settings).client() as client:
        os.kill(client.info("server")["process_id"], 9)
    for file in platform.settings.redis_dir.glob("*"):
        if file.suffix in (".rdb", ".aof"):
            file.unlink()
    private = load_settings({"ROADSIDE_HOME": str(platform.settings.home)})
    assert str(ensure_redis(private)) == platform.settings.redis_connection


@pytest.mark.parametrize("lost", [emptied, killed_and_its_disk_lost])
def test_a_redis_that_lost_everything_is_filled_again(
    new_platform: Callable[[str], Platform], lost: Callable[[Platform], None]
) -> None:
    clean = new_platform("clean")
    write(clean, TICKS[-1])
    expected = held(clean)
    platform = new_platform("lost")
    write(platform, TICKS[1])
    write(platform, TICKS[2])
    lost(platform)
    assert {each.status for each in write(platform, TICKS[-1])} == {"written"}
    assert held(platform) == expected
    lost(platform)  # nothing new is made meanwhile
    assert {each.status for each in write(platform, TICKS[-1])} == {"written"}
    assert held(platform) == expected
    assert {each.status for each in write(platform, TICKS[-1])} == {"up to date"}


def test_a_dry_run_says_what_redis_lost(
    new_platform: Callable[[str], Platform], capsys: pytest.CaptureFixture[str]
) -> None:
    platform = new_platform("dry")
    write(platform, TICKS[-1])
    command = ["materialize", "--view", CHANGING[0], "--until", f"{TICKS[-1]:%Y-%m-%dT%H:%MZ}", "--dry-run"]
    assert main(command) == 0
    assert "nothing" in capsys.readouterr().out
    emptied(platform)
    assert main(command) == 0
    assert str(Interval(TICKS[-1] - timedelta(days=2), TICKS[-1])) in capsys.readouterr().out


def test_a_redis_that_came_back_from_a_copy_is_filled_from_where_the_copy_ends(
    new_platform: Callable[[str], Platform],
) -> None:
    clean = new_platform("clean")
    write(clean, TICKS[-1])
    expected = held(clean)
    platform = new_platform("copied")
    write(platform, TICKS[0])
    with ensure_redis(platform.settings).client() as client:
        copy = {key: client.dump(key) for key in client.scan_iter()}
        write(platform, TICKS[2])
        client.flushall()
        for key, content in copy.items():
            client.restore(key, 0, content)
    assert view_state(platform.store).complete_through()[CHANGING[0]] == TICKS[0] + TICK_DELAY
    write(platform, TICKS[-1])
    assert held(platform) == expected
    runs = RunLedger(Ops(platform.settings.ops_url), lambda: datetime.now(UTC))
    last = runs.last_run(f"online.{CHANGING[0]}")
    assert last is not None
    assert last.interval == Interval(TICKS[0], TICKS[-1]) != Interval(TICKS[-1] - TICK, TICKS[-1])
