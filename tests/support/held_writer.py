"""A writer to Redis that stops in the middle of its rows: what is done to it then finds it there."""

from __future__ import annotations

import sys
from typing import Any

from feast_plugins.online_writes import PackedRows
from feast_plugins.redis_link import RedisLink

HELD = "held\n"
"""What the writer prints when it stops; it goes on with the next line that it reads."""


def hold_in_the_middle(batches: int = 2) -> None:
    """Let this process send so many batches of rows, then wait for a line on standard input."""
    send, sent = RedisLink.send, 0

    def send_and_stop(link: RedisLink, commands: Any) -> Any:
        nonlocal sent
        flight = send(link, commands)
        if isinstance(commands, PackedRows):
            sent += 1
            if sent == batches:
                print(HELD, end="", file=sys.__stdout__, flush=True)
                sys.stdin.readline()
        return flight

    RedisLink.send = send_and_stop  # type: ignore[method-assign]
