"""What a link does with the errors that Redis and its cluster answer; nodes are stand-ins that answer so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import redis

from feast_plugins.connection import parsed
from feast_plugins.redis_link import Command, RedisLink, packed, where
from validation.errors import Defect, SettingError, Unreachable


class Scripted:
    """A client, its pool and its connection: each sending is answered by the next replies."""

    def __init__(self, *answers: Sequence[Any]) -> None:
        self.answers = [list(each) for each in answers]
        self.sent: list[bytes] = []
        self.loaded: list[str] = []
        self.disconnects = 0
        self.checked_out = 0
        self.connection_pool = self

    def get_connection(self) -> Scripted:
        self.checked_out += 1
        return self

    def release(self, _connection: Scripted) -> None:
        self.checked_out -= 1

    def disconnect(self) -> None:
        self.disconnects += 1

    def send_packed_command(self, data: list[bytes]) -> None:
        self.sent.append(bytes(data[0]))
        self.replies = self.answers.pop(0)

    def read_response(self, **_options: Any) -> Any:
        reply = self.replies.pop(0)
        if isinstance(reply, BaseException):
            raise reply
        return reply

    def script_load(self, script: str) -> None:
        self.loaded.append(script)


def link_to(client: Scripted, seconds: float = 5.0) -> tuple[RedisLink, list[float]]:
    """The link, and the pauses it made."""
    pauses: list[float] = []
    return RedisLink(client, "cache:6379", {"sha": "return 1"}, seconds, pauses.append), pauses


ONE, TWO = (Command(name, packed("GET", name)) for name in (b"a", b"b"))


def test_only_what_failed_is_sent_again_and_replies_keep_their_order() -> None:
    client = Scripted([b"1", redis.exceptions.TryAgainError("TRYAGAIN")], [b"2"])
    link, pauses = link_to(client)
    assert link.ask([ONE, TWO]) == [b"1", b"2"]
    assert client.sent == [ONE.packed + TWO.packed, TWO.packed]
    assert pauses == [0.05]


def test_a_node_that_forgot_its_scripts_is_told_them_without_a_pause() -> None:
    client = Scripted([redis.exceptions.NoScriptError("NOSCRIPT")], [1])
    link, pauses = link_to(client)
    assert link.ask([ONE]) == [1]
    assert (client.loaded, pauses) == (["return 1"], [])


def test_a_broken_connection_is_closed_and_all_behind_the_break_is_sent_again() -> None:
    client = Scripted([redis.ConnectionError("closed")], [b"1", b"2"])
    link, _ = link_to(client)
    assert link.ask([ONE, TWO]) == [b"1", b"2"]
    assert client.disconnects == 1


def test_trying_again_ends_with_its_time_and_pauses_grow() -> None:
    client = Scripted(*([redis.ConnectionError("closed")] for _ in range(9)))
    link, pauses = link_to(client, seconds=0.7)
    with pytest.raises(Unreachable, match="cache:6379 does not answer"):
        link.ask([ONE])
    assert pauses == [0.05, 0.1, 0.2, 0.4]


def test_a_reader_tries_once_more_and_at_once() -> None:
    client = Scripted([redis.ConnectionError("closed")], [redis.ConnectionError("closed")])
    link, pauses = link_to(client)
    with pytest.raises(Unreachable):
        link.ask([ONE], again=False)
    assert (len(client.sent), pauses) == (2, [0.0])


@pytest.mark.parametrize(
    ("error", "kind", "told"),
    [
        (redis.TimeoutError("slow"), Unreachable, "cache:6379 is slow"),
        (redis.exceptions.OutOfMemoryError("OOM command not allowed"), Unreachable, "is full"),
        (redis.AuthenticationError("WRONGPASS"), Unreachable, "refuses the user"),
        (redis.exceptions.NoPermissionError("NOPERM"), Unreachable, "refuses the user"),
        (
            redis.ResponseError("WRONGTYPE Operation against a key of another kind"),
            Unreachable,
            "cache:6379 refuses: WRONGTYPE Operation",
        ),
        (
            redis.ResponseError("MISCONF Redis cannot save. Commands are disabled."),
            Unreachable,
            "cache:6379 refuses: MISCONF Redis cannot save. Commands are disabled.\nMend what it says",
        ),
        (redis.ReadOnlyError("a replica takes no writes"), Unreachable, "refuses: a replica takes no writes"),
        (ValueError("nonsense"), Defect, "ValueError"),
    ],
)
def test_an_error_says_which_redis_and_what_about_it(error: Exception, kind: type, told: str) -> None:
    found = link_to(Scripted())[0].told(error)
    assert type(found) is kind
    assert told in str(found)


def test_an_error_tells_no_word_of_the_command() -> None:
    told = link_to(Scripted())[0].told(
        redis.ResponseError("unknown command `NOSUCH`, with args beginning with: `secret`, ")
    )
    assert "NOSUCH" in str(told)
    assert "secret" not in str(told)


def test_a_reply_that_is_given_up_leaves_no_connection_checked_out() -> None:
    client = Scripted([KeyboardInterrupt()])
    link, _ = link_to(client)
    with pytest.raises(KeyboardInterrupt):
        link.ask([ONE])
    assert (client.checked_out, client.disconnects) == (0, 1)
    client.answers = [[b"1"]]
    flight = link.send([ONE])
    assert client.checked_out == 1
    link.abandon(flight)
    link.abandon(flight)
    assert (client.checked_out, client.disconnects) == (0, 2)


def test_a_slot_that_moves_is_asked_for_at_its_new_node() -> None:
    old, new = Scripted([redis.exceptions.AskError("7 127.0.0.1:2")]), Scripted(["OK", b"1"])
    link, _ = link_to(old)
    link.client = Moving(old, new)
    link._is_cluster = True
    assert link.ask([ONE]) == [b"1"]
    assert new.sent == [packed("ASKING") + ONE.packed]


class Moving:
    """A cluster of which one slot is moving."""

    def __init__(self, old: Scripted, new: Scripted) -> None:
        self.nodes = {"old": old, "new": new}
        self.nodes_manager = self

    def get_node_from_slot(self, _slot: int) -> Any:
        return Named("old")

    def get_node(self, **_address: Any) -> Any:
        return Named("new")

    def get_redis_connection(self, node: Any) -> Scripted:
        return self.nodes[node.name]

    def initialize(self) -> None:
        """Nothing: the slots are the same until the move is done."""


class Named:
    def __init__(self, name: str) -> None:
        self.name = name


def test_a_connection_string_is_read_as_stock_feast_reads_it_save_that_a_password_is_text() -> None:
    nodes, options = parsed("a:1,b:2,ssl=true,db=3,username=007,password=12=3,ssl_ca_certs=/ca.pem")
    assert where(nodes) == "a:1,b:2"
    assert options == {
        "ssl": True, "db": 3, "username": "007", "password": "12=3", "ssl_ca_certs": "/ca.pem",
    }  # fmt: skip
    with pytest.raises(SettingError, match="host:port"):
        where(parsed("ssl=true")[0])
