"""What Redis knows of a view besides values: through when it is complete, and which keys live.

Keys, for project p: `roadside:p:complete_through`, a hash of moments by view; `roadside:p:live:<view>`, a
sorted set of the Redis keys of the view's live entities by the microsecond of their last row. Both hold
what was written, never what a job intended: a killed job leaves the marker where it stood.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from feast_plugins.redis_link import Command, RedisLink, packed
from feast_plugins.scripts import CLOSE_KEYS, MOVE_MARKER, sha
from validation.clocks import require_utc

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_AT_ONCE = 1_000


class ViewState:
    """Markers and live keys of a project's views, in the Redis that holds its values."""

    def __init__(self, link: RedisLink, project: str) -> None:
        self._link = link
        self._markers = markers_key(project)
        self._project = project

    def complete_through(self) -> dict[str, datetime]:
        """By view: every row usable until then is written. A view that was never finished is absent."""
        (found,) = self._link.ask([Command(self._markers, packed("HGETALL", self._markers))])
        return markers_of(found)

    def complete(self, view: str, through: datetime, *, force: bool = False) -> bool:
        """Whether the marker moved: only forward, or anywhere by force."""
        moment = f"{require_utc(through, 'A marker'):%Y-%m-%dT%H:%M:%S.%fZ}"
        words = ("EVALSHA", sha(MOVE_MARKER), 1, self._markers, view, moment, int(force))
        (moved,) = self._link.ask([Command(self._markers, packed(*words))])
        return bool(moved)

    def add_live(self, view: str, keys: Sequence[bytes], moments: Sequence[int]) -> None:
        """The keys live since these microseconds at least."""
        live = live_key(self._project, view)
        self._link.ask(_scored(live, ("ZADD", live, "GT"), keys, moments))

    def close(self, view: str, keys: Sequence[bytes], moments: Sequence[int]) -> None:
        """The keys live no more, unless a later row says they do."""
        live = live_key(self._project, view)
        self._link.ask(_scored(live, ("EVALSHA", sha(CLOSE_KEYS), 1, live), keys, moments))

    def forget(self, view: str, before: datetime) -> int:
        """How many live keys were dropped because their hash has expired since."""
        live = live_key(self._project, view)
        (count,) = self._link.ask(
            [Command(live, packed("ZREMRANGEBYSCORE", live, "-inf", f"({micros(before)}"))]
        )
        return int(count)

    def live_keys(self, view: str) -> list[bytes]:
        """The Redis keys of the view's live entities, the longest unwritten first."""
        live = live_key(self._project, view)
        (found,) = self._link.ask([Command(live, packed("ZRANGE", live, 0, -1))])
        return list(found)

    def live_counts(self, view: str, since: datetime) -> tuple[int, int]:
        """How many entities live, and of how many the last row is of `since` or later."""
        live = live_key(self._project, view)
        all_of, fresh = self._link.ask(
            [
                Command(live, packed("ZCARD", live)),
                Command(live, packed("ZCOUNT", live, micros(since), "+inf")),
            ]
        )
        return int(all_of), int(fresh)

    def drop(self, view: str) -> None:
        """Forget the view: its marker and its live keys."""
        live = live_key(self._project, view)
        self._link.ask(
            [
                Command(self._markers, packed("HDEL", self._markers, view)),
                Command(live, packed("DEL", live)),
            ]
        )


def markers_key(project: str) -> bytes:
    """The hash of markers."""
    return f"roadside:{project}:complete_through".encode()


def live_key(project: str, view: str) -> bytes:
    """The sorted set of a view's live keys."""
    return f"roadside:{project}:live:{view}".encode()


def markers_of(reply: Any) -> dict[str, datetime]:
    """Moments by view, of the reply to HGETALL of the markers."""
    pairs = reply.items() if isinstance(reply, dict) else zip(reply[::2], reply[1::2], strict=True)
    return {view.decode(): moment_of(text) for view, text in pairs}


def micros(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment_at(microseconds: int) -> datetime:
    """The moment so many microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=microseconds)


@lru_cache(maxsize=1_000)
def moment_of(text: bytes) -> datetime:
    """A marker's moment."""
    return datetime.fromisoformat(text.decode()).astimezone(UTC)


def _scored(
    live: bytes, head: Sequence[bytes | str | int], keys: Sequence[bytes], moments: Sequence[int]
) -> list[Command]:
    """The command, with so many moments and keys after its head as Redis takes in without a pause."""
    commands = []
    for start in range(0, len(keys), _AT_ONCE):
        pairs = list(zip(moments[start : start + _AT_ONCE], keys[start : start + _AT_ONCE], strict=True))
        said = b"".join(
            [
                b"$%d\r\n%b\r\n$%d\r\n%b\r\n" % (len(score), score, len(key), key)
                for score, key in ((b"%d" % moment, key) for moment, key in pairs)
            ]
        )
        _, _, rest = packed(*head).partition(b"\r\n")
        commands.append(Command(live, b"*%d\r\n%b%b" % (len(head) + 2 * len(pairs), rest, said)))
    return commands
