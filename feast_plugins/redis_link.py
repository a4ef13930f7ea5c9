"""Packed commands to a Redis, single or cluster, many at once, and what it answers.

redis-py packs each argument of each command by itself; a batch of rows is packed by columns instead,
so this sends bytes over redis-py's own connections (TLS, ACL user and pools are theirs) and reads the
replies. A command whose node moved, went away or lost its scripts is sent again, with back-off, within
a bounded time: every command sent here may be repeated.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

import redis
from redis.cluster import RedisCluster
from redis.crc import key_slot

from validation.errors import Defect, RoadsideError, SettingError, Unreachable

FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 1.0
_FAILURES = (redis.RedisError, redis.exceptions.RedisClusterException, OSError)
_PASSING = (
    redis.ConnectionError,
    redis.TimeoutError,
    redis.BusyLoadingError,
    redis.exceptions.ClusterError,
    redis.exceptions.MovedError,
    redis.exceptions.AskError,
    redis.exceptions.TryAgainError,
    redis.exceptions.ClusterDownError,
    redis.exceptions.MasterDownError,
    redis.exceptions.NoScriptError,
    redis.ReadOnlyError,
)
_FOR_GOOD = (
    redis.AuthenticationError,
    redis.exceptions.AuthorizationError,
    redis.exceptions.MaxConnectionsError,
)


class Command(NamedTuple):
    """A packed command and the key it is about, which says to which node of a cluster it goes."""

    key: bytes
    packed: bytes


class _Awaited(Enum):
    """Marks of a reply that is not there yet."""

    SENT = "sent"
    ASKED = "asked"


@dataclass
class Flight:
    """Commands on their way: what is asked, and the connections that will answer which of them."""

    commands: Sequence[Command]
    replies: list[Any]
    waiting: list[tuple[Any, Any, list[int]]] = field(default_factory=list)

    @property
    def lacking(self) -> list[Command]:
        """The commands that were refused, or of which no answer came: some of these may have been done."""
        return [
            command
            for command, reply in zip(self.commands, self.replies, strict=True)
            if isinstance(reply, Exception | _Awaited)
        ]


def packed(*words: bytes | str | int) -> bytes:
    r"""A command as Redis reads it.

    >>> packed("GET", b"key")
    b'*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n'
    """
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        text = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%b\r\n" % (len(text), text))
    return b"".join(parts)


class RedisLink:
    """A Redis to ask.

    Attributes:
        where: host:port, for errors; holds no password.
        scripts: Lua by its SHA-1, loaded where a node does not know it.
        retry_seconds: how long a command is tried again.
    """

    def __init__(
        self,
        client: Any,
        where: str,
        scripts: Mapping[str, str],
        retry_seconds: float,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.client = client
        self.where = where
        self.scripts = scripts
        self.retry_seconds = retry_seconds
        self._pause = pause
        self._has_scripts = False
        self._is_cluster = isinstance(client, RedisCluster)

    def load_scripts(self) -> None:
        """Have the scripts known, once; a node that forgets one is told again when it says so."""
        if not self._has_scripts:
            self.ask([Command(b"", packed("PING"))], again=False)
            self._load_scripts()
            self._has_scripts = True

    def _load_scripts(self) -> None:
        for script in self.scripts.values():
            self.client.script_load(script)

    def ask(self, commands: Sequence[Command], *, again: bool = True) -> list[Any]:
        """The reply to each command, in order.

        Args:
            again: whether to try for `retry_seconds`; else once more at most, at once.

        Raises:
            Unreachable: Redis is down, slow, full, or refuses us.
        """
        return self.receive(self.send(commands), again=again)

    def send(self, commands: Sequence[Command]) -> Flight:
        """The commands, sent; what could not be sent is tried again by `receive`."""
        flight = Flight(commands, [None] * len(commands))
        self._launch(flight, range(len(commands)))
        return flight

    def receive(self, flight: Flight, *, again: bool = True) -> list[Any]:
        """The reply to each command of the flight; as `ask`. Raised, no connection of it is held any more."""
        try:
            return self._received(flight, again=again)
        except BaseException:
            self.abandon(flight)
            raise

    def abandon(self, flight: Flight) -> None:
        """Ask no more for the replies under way: their connections are closed, for the pools to open anew."""
        for pool, connection, _ in flight.waiting:
            _release(pool, connection, is_broken=True)
        flight.waiting.clear()

    def _received(self, flight: Flight, *, again: bool) -> list[Any]:
        deadline = time.monotonic() + (self.retry_seconds if again else 0)
        pause = FIRST_PAUSE_SECONDS if again else 0.0
        while True:
            self._land(flight)
            failed = [place for place, reply in enumerate(flight.replies) if isinstance(reply, Exception)]
            if not failed:
                return flight.replies
            errors = [flight.replies[place] for place in failed]
            final = next((each for each in errors if not _is_passing(each)), None)
            if final is not None or (pause and time.monotonic() + pause > deadline):
                raise self.told(final or errors[0])
            if any(not isinstance(each, redis.exceptions.NoScriptError) for each in errors):
                self._pause(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            if not again:
                again, deadline, pause = True, 0.0, FIRST_PAUSE_SECONDS
            with suppress(*_FAILURES):
                self._mend(errors)
            self._launch(flight, failed)

    def told(self, error: BaseException) -> RoadsideError:
        """The error as a person reads it: which Redis, what about it, what next."""
        match error:
            case RoadsideError():
                return error
            case (
                redis.AuthenticationError()
                | redis.exceptions.AuthorizationError()
                | redis.exceptions.NoPermissionError()
            ):
                return Unreachable(
                    f"Redis at {self.where} refuses the user, the password or the command.",
                    "Put username= and password= into ROADSIDE_REDIS, after commas; the user needs "
                    "+@all -@dangerous on the keys of the project.",
                )
            case redis.ResponseError() if "OOM" in str(
                error
            ):  # a script that is refused says so in its own words
                return Unreachable(
                    f"Redis at {self.where} is full (OOM): nothing more is written, what it has is served.",
                    "Give it memory (maxmemory) and run again; what was not written is written then.",
                )
            case redis.ResponseError():
                return Unreachable(
                    f"Redis at {self.where} refuses: {_refusal(error)}.",
                    "Mend what it says, there; its own log tells more. What it has stays as it is.",
                )
            case redis.TimeoutError():
                what = "is slow: it did not answer in time"
            case redis.RedisError() | redis.exceptions.RedisClusterException() | OSError():
                what = f"does not answer ({type(error).__name__})"
            case _:
                return Defect(f"Redis at {self.where}: {type(error).__name__}.", str(error))
        return Unreachable(
            f"Redis at {self.where} {what}.",
            "Start it or mend ROADSIDE_REDIS; what was published before is served again when it is back.",
        )

    def _launch(self, flight: Flight, places: Sequence[int] | range) -> None:
        """Send the commands at these places, each to its node."""
        for node, of_node in self._by_node(flight, places):
            asking = packed("ASKING") if _is_asking(flight.replies[of_node[0]]) else b""
            data = _data(flight.commands, of_node, asking)
            connection = None
            try:
                connection = node.connection_pool.get_connection()
                connection.send_packed_command([data])
                flight.waiting.append((node.connection_pool, connection, of_node))
                for place in of_node:
                    flight.replies[place] = _Awaited.ASKED if asking else _Awaited.SENT
            except _FAILURES as error:
                _release(node.connection_pool, connection, is_broken=True)
                for place in of_node:
                    flight.replies[place] = error

    def _by_node(self, flight: Flight, places: Sequence[int] | range) -> list[tuple[Any, list[int]]]:
        """The places by the node that answers for their keys."""
        if not self._is_cluster:
            return [(self.client, list(places))] if len(places) else []
        nodes: dict[tuple[str, bool], tuple[Any, list[int]]] = {}
        for place in places:
            before = flight.replies[place]
            is_asking = _is_asking(before)
            try:
                node = (
                    self.client.get_node(host=before.host, port=before.port)
                    if is_asking
                    else self.client.nodes_manager.get_node_from_slot(key_slot(flight.commands[place].key))
                )
                connected = self.client.get_redis_connection(node)
            except (*_FAILURES, AttributeError) as error:
                flight.replies[place] = redis.ConnectionError(type(error).__name__)
                continue
            nodes.setdefault((node.name, is_asking), (connected, []))[1].append(place)
        return list(nodes.values())

    def _land(self, flight: Flight) -> None:
        """Read the replies that are under way; an error takes the place of its reply."""
        while flight.waiting:
            pool, connection, places = flight.waiting[0]
            broken: Exception | None = None
            for place in places:
                if broken is not None:
                    flight.replies[place] = broken
                    continue
                try:
                    if flight.replies[place] is _Awaited.ASKED:
                        connection.read_response()
                    flight.replies[place] = connection.read_response(disable_decoding=True)
                except redis.ResponseError as error:
                    flight.replies[place] = error
                except _FAILURES as error:
                    flight.replies[place] = broken = error
            flight.waiting.pop(0)
            _release(pool, connection, is_broken=broken is not None)

    def _mend(self, errors: Sequence[Any]) -> None:
        """Learn of new nodes, and load scripts that a node forgot."""
        if self._is_cluster and any(not isinstance(each, redis.exceptions.NoScriptError) for each in errors):
            self.client.nodes_manager.initialize()
        if any(isinstance(each, redis.exceptions.NoScriptError) for each in errors):
            self._load_scripts()


def _data(commands: Sequence[Command], places: Sequence[int], before_each: bytes) -> Any:
    """The commands at these places as they are sent."""
    whole = getattr(commands, "whole", None)
    if whole is not None and len(places) == len(commands) and not before_each:
        return whole
    return b"".join(before_each + commands[place].packed for place in places)


def _is_asking(reply: Any) -> bool:
    """Whether a slot that moves told us to ask its new node, once."""
    return isinstance(reply, redis.exceptions.AskError) and not isinstance(reply, redis.exceptions.MovedError)


def _is_passing(error: Exception) -> bool:
    return isinstance(error, (*_PASSING, OSError)) and not isinstance(error, _FOR_GOOD)


def _refusal(error: BaseException) -> str:
    """What Redis answered, without the words of the command, which may be values."""
    return str(error).partition(", with args")[0].rstrip(". ")


def _release(pool: Any, connection: Any, *, is_broken: bool) -> None:
    if connection is None:
        return
    if is_broken:
        connection.disconnect()
    pool.release(connection)


def where(nodes: Sequence[Mapping[str, str]]) -> str:
    """host:port of each node, without a password.

    Raises:
        SettingError: there is none.
    """
    if not nodes or any("port" not in node for node in nodes):
        raise SettingError(
            "The connection string of Redis has no host:port.", "Write host:port[,option=value]."
        )
    return ",".join(f"{node['host']}:{node['port']}" for node in nodes)
