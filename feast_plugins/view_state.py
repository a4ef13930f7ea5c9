"""What Redis knows of a view besides values: through when it is complete, and which keys live.

Keys, for project p: `roadside:p:complete_through`, a hash of moments by view; `roadside:p:asked_through`,
another, of how far `feast materialize` has looked without a gap, rows or not; `roadside:p:live:<view>`, a
sorted set of the Redis keys of the view's entities by the microsecond of their last row, negated where that
row closed the entity; beside it a hash of when those rows were created. A closed entity stays for a time to
live, so that an older row that is told later brings it not back. All hold what was written, never what a job
intended: a killed job leaves the marker where it stood.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from feast_plugins.redis_link import Command, RedisLink, packed
from feast_plugins.scripts import FORGET_STANDING, MOVE_MARKER, TELL_STANDING, sha
from validation.clocks import require_utc

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_AT_ONCE = 1_000


class ViewState:
    """Markers and live keys of a project's views, in the Redis that holds its values."""

    def __init__(self, link: RedisLink, project: str) -> None:
        self._link = link
        self._markers = markers_key(project)
        self._asked = f"roadside:{project}:asked_through".encode()
        self._project = project

    def complete_through(self) -> dict[str, datetime]:
        """By view: every row usable until then is written. A view that was never finished is absent."""
        (found,) = self._link.ask([Command(self._markers, packed("HGETALL", self._markers))])
        return markers_of(found)

    def complete(self, view: str, through: datetime, *, force: bool = False) -> bool:
        """Whether the marker moved: only forward, or anywhere by force."""
        if force:
            self._link.ask([Command(self._asked, packed("HDEL", self._asked, view))])
        return self._move(self._markers, view, through, force=force)

    def asked_through(self, view: str) -> datetime | None:
        """Through when every row was looked for: as far as the marker, or further where there was none."""
        both = [Command(key, packed("HGET", key, view)) for key in (self._markers, self._asked)]
        return max((moment_of(text) for text in self._link.ask(both) if text is not None), default=None)

    def ask_through(self, view: str, through: datetime) -> None:
        """Every row was looked for through then."""
        self._move(self._asked, view, through)

    def _move(self, key: bytes, view: str, through: datetime, *, force: bool = False) -> bool:
        moment = f"{require_utc(through, 'A marker'):%Y-%m-%dT%H:%M:%S.%fZ}"
        words = ("EVALSHA", sha(MOVE_MARKER), 1, key, view, moment, int(force))
        (moved,) = self._link.ask([Command(key, packed(*words))])
        return bool(moved)

    def add_live(
        self, view: str, keys: Sequence[bytes], moments: Sequence[int], created: Sequence[bytes]
    ) -> None:
        """The keys live, unless a later row closed them.

        Args:
            moments: microseconds of the rows that say so; created: when these were, as text that sorts.
        """
        self._link.ask(self._told("", view, keys, moments, created))

    def close(
        self, view: str, keys: Sequence[bytes], moments: Sequence[int], created: Sequence[bytes]
    ) -> None:
        """The keys live no more, unless a later row says they do; as `add_live`."""
        self._link.ask(self._told("-", view, keys, moments, created))

    def forget(self, view: str, *, live_before: datetime | None, closed_before: datetime) -> int:
        """How many keys were dropped: of living ones whose hash has expired since, of those long closed."""
        count = self._forget(view, f"(-{micros(closed_before)}", "0")
        return count if live_before is None else count + self._forget(view, "1", f"({micros(live_before)}")

    def _forget(self, view: str, *bounds: str) -> int:
        live, created = live_key(self._project, view), _created_key(self._project, view)
        call = packed("EVALSHA", sha(FORGET_STANDING), 2, live, created, *bounds, _AT_ONCE)
        count = 0
        while True:
            (gone,) = self._link.ask([Command(live, call)])
            count += gone
            if gone < _AT_ONCE:
                return count

    def live_keys(self, view: str) -> list[bytes]:
        """The Redis keys of the view's live entities, the longest unwritten first."""
        live = live_key(self._project, view)
        (found,) = self._link.ask([Command(live, packed("ZRANGEBYSCORE", live, "(0", "+inf"))])
        return list(found)

    def live_counts(self, view: str, since: datetime) -> tuple[int, int]:
        """How many entities live, and of how many the last row is of `since` or later."""
        live = live_key(self._project, view)
        all_of, fresh = self._link.ask(
            [
                Command(live, packed("ZCOUNT", live, "(0", "+inf")),
                Command(live, packed("ZCOUNT", live, micros(since), "+inf")),
            ]
        )
        return int(all_of), int(fresh)

    def drop(self, view: str) -> None:
        """Forget the view: its markers and its live keys."""
        live, created = live_key(self._project, view), _created_key(self._project, view)
        self._link.ask(
            [
                Command(self._markers, packed("HDEL", self._markers, view)),
                Command(self._asked, packed("HDEL", self._asked, view)),
                Command(live, packed("DEL", live)),
                Command(created, packed("DEL", created)),
            ]
        )

    def _told(
        self,
        sign: str,
        view: str,
        keys: Sequence[bytes],
        moments: Sequence[int],
        created: Sequence[bytes],
    ) -> list[Command]:
        """Packed calls of the script: one for the keys of equal rows, of a tick's, say, but not too many."""
        live = live_key(self._project, view)
        head = ("EVALSHA", sha(TELL_STANDING), 2, live, _created_key(self._project, view), sign)
        of_row: dict[tuple[int, bytes], list[bytes]] = {}
        for key, moment, made in zip(keys, moments, created, strict=True):
            of_row.setdefault((max(moment, 1), made), []).append(key)  # 1: after 1970, for its sign
        return [
            Command(live, packed(*head, *row, *alike[start : start + _AT_ONCE]))
            for row, alike in of_row.items()
            for start in range(0, len(alike), _AT_ONCE)
        ]


def markers_key(project: str) -> bytes:
    """The hash of markers."""
    return f"roadside:{project}:complete_through".encode()


def live_key(project: str, view: str) -> bytes:
    """The sorted set of a view's live keys."""
    return f"roadside:{project}:live:{view}".encode()


def _created_key(project: str, view: str) -> bytes:
    """When the last rows of the view's entities were created; by its tag on the node of the live keys."""
    return f"roadside:{project}:created:{{{live_key(project, view).decode()}}}".encode()


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
