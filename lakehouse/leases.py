"""One publisher per table at a time."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event, Thread
from time import monotonic, sleep

from sqlalchemy import delete, select, update

from lakehouse.database import changed_rows, insert_new
from lakehouse.ops import Ops, leases
from lakehouse.processes import Process, is_dead, is_local, this_process
from validation.errors import Busy

LASTS = timedelta(minutes=5)
"""How long a lease outlives a holder on another host, whose death nobody here can see."""
PATIENCE = timedelta(minutes=10)
"""How long what publishes or deletes waits for another that has the table."""
_PAUSE = 0.1
"""Seconds between two looks at a lease that another holds."""
_BEATS = 4
"""How often a lease is renewed while it lasts."""


@dataclass(frozen=True)
class Lease:
    """The right to publish one table, held by this process."""

    table: str
    token: str
    holder: Process
    acquired_at: datetime


class Leases:
    """Who publishes which table now. `now` gives the wall clock; `patience` is how long to wait for one."""

    def __init__(
        self,
        ops: Ops,
        now: Callable[[], datetime],
        lasts: timedelta = LASTS,
        patience: timedelta = timedelta(0),
    ) -> None:
        self._ops = ops
        self._now = now
        self._lasts = lasts
        self._patience = patience

    @contextmanager
    def publishing(self, table: str) -> Iterator[Lease]:
        """Hold the table's lease; give it back at the end, however that comes.

        A holder that died here is replaced at once, one on another host when its lease has run
        out. A holder that lives keeps the lease however long it works: it is renewed meanwhile.

        Raises:
            Busy: another publisher holds it, and did so as long as patience lasts; the message names it.
                Also a second time in one process.
        """
        lease = self._awaited(table)
        is_over = Event()
        beating = Thread(target=self._beat, args=(lease, is_over), name=f"lease of {table}", daemon=True)
        try:
            beating.start()
            try:
                yield lease
            finally:
                is_over.set()
                beating.join()
        finally:
            with self._ops.write() as connection:
                connection.execute(delete(leases).where(leases.c.token == lease.token))

    def renew(self, lease: Lease) -> None:
        """Extend the lease; call it before the commit of long work.

        Raises:
            Busy: it ran out and another process took it over; nothing may be published now.
        """
        if not self._extended(lease):
            raise Busy(
                f"{lease.table}: the lease of {lease.holder} ran out and another publisher took it over.",
                "Nothing was published by this run; run it again.",
            )

    def _extended(self, lease: Lease) -> bool:
        """Whether the lease was still there to be extended, and is."""
        mine = leases.c.token == lease.token
        extended = update(leases).where(mine).values(expires_at=self._now() + self._lasts)
        with self._ops.write() as connection:
            return changed_rows(connection.execute(extended)) > 0

    def _beat(self, lease: Lease, is_over: Event) -> None:
        """Renew the lease until that, or until another has it.

        Whatever a beat raises, the next is tried: nobody hears of this thread, and a lease that is lost
        shows when it is renewed before the commit.
        """
        while not is_over.wait(self._lasts / timedelta(seconds=_BEATS)):
            try:
                if not self._extended(lease):
                    return
            except Exception:
                continue

    def _awaited(self, table: str) -> Lease:
        given_up = monotonic() + self._patience.total_seconds()
        while True:
            try:
                return self._acquire(table)
            except Busy:
                if monotonic() >= given_up:
                    raise
                sleep(_PAUSE)

    def _acquire(self, table: str) -> Lease:
        lease = Lease(table, secrets.token_hex(8), this_process(), self._now())
        row = {
            "table_name": table,
            "token": lease.token,
            "host": lease.holder.host,
            "pid": lease.holder.pid,
            "process_started": lease.holder.started,
            "acquired_at": lease.acquired_at,
            "expires_at": lease.acquired_at + self._lasts,
        }
        here = leases.c.table_name == table
        with self._ops.write() as connection:
            insert_new(connection, leases, [row])
            held = connection.execute(select(leases).where(here)).one()
            if held.token != lease.token:
                holder = Process(held.host, held.pid, held.process_started)
                if not (is_dead(holder) or (not is_local(holder) and held.expires_at <= lease.acquired_at)):
                    raise Busy(
                        f"{table}: {holder} is publishing it since {held.acquired_at:%Y-%m-%dT%H:%M:%SZ}.",
                        "Wait for it to end and run again; if it hangs, end that process.",
                    )
                connection.execute(update(leases).where(here).values(row))
        return lease
