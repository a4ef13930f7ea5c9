"""A server on loopback that speaks Snowflake's protocol: fakesnow, with what it lacks for these tests.

fakesnow runs the statements in DuckDB. Around it stand here, as Snowflake has them: users with
passwords; a warehouse without which nothing is read; locks (a statement that changes rows waits
while a transaction that changed rows is open, at most `lock_seconds`); and the end of a transaction
whose client is gone, once it keeps another waiting. And the test's own hand: a watcher is told of
each statement before and after it is run, may hold it up, and may break the connection for good.
"""

from __future__ import annotations

import gzip
import json
import logging
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from urllib.parse import parse_qs

import fakesnow.server
import tomlkit
import uvicorn
from fakesnow.instance import FakeSnow
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Scope, Send

LOGIN, QUERY, SESSION = "/session/v1/login-request", "/queries/v1/query-request", "/session"
USER, PASSWORD, WAREHOUSE = "loader", "open sesame", "LOADING"
CHANGES = ("UPDATE", "DELETE", "MERGE")
NEEDS_WAREHOUSE = (*CHANGES, "SELECT", "INSERT", "COPY")


class Fate(Enum):
    """What becomes of a statement, or of its answer."""

    GOES_ON = "goes on"
    BREAKS = "the connection breaks, and stays broken until `mend`"


Watcher = Callable[[int, str, bool], Fate]
"""(number of the statement since `watched_by`, from 1; the statement; whether it was run) -> its fate."""


def _lets_pass(_number: int, _statement: str, _was_run: bool) -> Fate:
    return Fate.GOES_ON


class _BrokenOff(Exception):
    """Ends the request half-way through its answer."""


@dataclass
class SnowflakeServer:
    """One server; its databases live as long as it does, whatever becomes of connections."""

    lock_seconds: float = 5.0
    port: int = 0
    statements: list[str] = field(default_factory=list)
    instance: FakeSnow = field(default_factory=lambda: FakeSnow(False, False))
    _watcher: Watcher = _lets_pass
    _seen: int = 0
    _is_broken: bool = False
    _lock_holder: str = ""
    _in_transaction: set[str] = field(default_factory=set)
    _gone: set[str] = field(default_factory=set)
    _unpowered: set[str] = field(default_factory=set)

    def connections(self, **changes: Any) -> str:
        """The text of a connections.toml with one connection, `loading`; changes replace what it says."""
        section = {
            "account": "loopback",
            "host": "127.0.0.1",
            "port": self.port,
            "protocol": "http",
            "user": USER,
            "password": PASSWORD,
            "warehouse": WAREHOUSE,
            "login_timeout": 2,
            "network_timeout": 1,
        }
        return tomlkit.dumps({"loading": section | changes})

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows that a statement answers, asked beside the server: what is committed."""
        connection = self.instance.connect()
        try:
            return [tuple(row) for row in connection.cursor().execute(statement).fetchall()]
        finally:
            connection.close()

    @contextmanager
    def watched_by(self, watcher: Watcher) -> Iterator[None]:
        """Tell the watcher of every statement from now on, numbered from 1; mended at the end."""
        self._watcher, self._seen = watcher, 0
        self.statements.clear()
        try:
            yield
        finally:
            self._watcher = _lets_pass
            self.mend()

    def mend(self) -> None:
        """Answer again. The sessions of before are not told: their clients are gone."""
        self._is_broken = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await fakesnow.server.app(scope, receive, send)
            return
        body = await _body(receive)
        if self._is_broken:
            await _break_off(send)
        token = _token(scope)
        if scope["path"] == LOGIN:
            await self._log_in(scope, body, send)
        elif scope["path"] == QUERY:
            await self._run(scope, body, token, send)
        else:
            if scope["path"] == SESSION:
                self._forget(token)
            await fakesnow.server.app(scope, _given(body), send)

    async def _log_in(self, scope: Scope, body: bytes, send: Send) -> None:
        asked = json.loads(gzip.decompress(body) if _is_gzip(scope) else body)["data"]
        if (asked["LOGIN_NAME"], asked["PASSWORD"]) != (USER, PASSWORD):
            await _refuse(scope, send, "390100", "Incorrect username or password was specified.")
            return
        answer = await _answered(scope, body)
        given = json.loads(answer[1]["body"])
        if parse_qs(scope["query_string"].decode()).get("warehouse") != [WAREHOUSE]:
            self._unpowered.add(given["data"]["token"])
        await _pass_on(answer, send)

    async def _run(self, scope: Scope, body: bytes, token: str, send: Send) -> None:
        statement = json.loads(gzip.decompress(body) if _is_gzip(scope) else body)["sqlText"]
        verb = statement.split()[0].upper()
        self._seen += 1
        number = self._seen
        self.statements.append(statement)
        await self._ask(number, statement, False, token, send)
        if token in self._unpowered and verb in NEEDS_WAREHOUSE:
            await _refuse(scope, send, "000606", "No active warehouse selected in the current session.")
            return
        if verb in CHANGES and not await run_in_threadpool(self._lock, token):
            await _refuse(scope, send, "000625", "Statement has waited for a lock too long.")
            return
        answer = await _answered(scope, body)
        self._note(verb, token)
        await self._ask(number, statement, True, token, send)
        await _pass_on(answer, send)

    async def _ask(self, number: int, statement: str, was_run: bool, token: str, send: Send) -> None:
        if await run_in_threadpool(self._watcher, number, statement, was_run) is Fate.BREAKS:
            self._is_broken = True
            self._gone.add(token)
            await _break_off(send)

    def _lock(self, token: str) -> bool:
        """Whether the session may change rows now; it waits for the transaction that did before."""
        given_up = time.monotonic() + self.lock_seconds
        while self._lock_holder not in ("", token):
            if self._lock_holder in self._gone:
                self._end(self._lock_holder)
            elif time.monotonic() > given_up:
                return False
            time.sleep(0.01)
        if token in self._in_transaction:
            self._lock_holder = token
        return True

    def _note(self, verb: str, token: str) -> None:
        if verb == "BEGIN":
            self._in_transaction.add(token)
        elif verb in ("COMMIT", "ROLLBACK"):
            self._forget(token)

    def _end(self, token: str) -> None:
        """End a session as Snowflake ends that of a client that is gone: what it did not commit is undone."""
        session = fakesnow.server.sessions.pop(token, None)
        if session is not None:
            session.close()
        self._forget(token)

    def _forget(self, token: str) -> None:
        self._in_transaction.discard(token)
        if self._lock_holder == token:
            self._lock_holder = ""


@contextmanager
def snowflake_server() -> Iterator[SnowflakeServer]:
    """A server of its own, empty but for the database LAKE with its schemas ML and features."""
    server = SnowflakeServer()
    for statement in ("CREATE DATABASE LAKE", "CREATE SCHEMA LAKE.ML", 'CREATE SCHEMA LAKE."features"'):
        server.sql(statement)
    fakesnow.server.shared_fs = server.instance
    listening = socket.create_server(("127.0.0.1", 0))
    server.port = listening.getsockname()[1]
    for name in ("fakesnow.server", "sqlglot"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    runner = uvicorn.Server(uvicorn.Config(server, "127.0.0.1", server.port, log_level="critical"))
    thread = threading.Thread(target=runner.run, args=([listening],), name="snowflake", daemon=True)
    thread.start()
    while not runner.started:
        time.sleep(0.01)
    try:
        yield server
    finally:
        runner.should_exit = runner.force_exit = True
        thread.join()
        listening.close()
        for token in list(fakesnow.server.sessions):
            fakesnow.server.sessions.pop(token).close()
        server.instance.duck_conn.close()


async def _body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


def _given(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _answered(scope: Scope, body: bytes) -> list[Any]:
    """fakesnow's whole answer, as the messages it sent."""
    sent: list[Any] = []

    async def keep(message: Message) -> None:
        sent.append(message)

    await fakesnow.server.app(scope, _given(body), keep)
    return sent


async def _pass_on(messages: list[Any], send: Callable[[Message], Awaitable[None]]) -> None:
    for message in messages:
        await send(message)


async def _refuse(scope: Scope, send: Send, code: str, message: str) -> None:
    content = {"success": False, "code": code, "message": message, "data": {"sqlState": "08001"}}
    await JSONResponse(content)(scope, _given(b""), send)


async def _break_off(send: Send) -> None:
    """Begin an answer and close the connection before its end."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000000")]})
    await send({"type": "http.response.body", "body": b"{", "more_body": True})
    raise _BrokenOff


def _token(scope: Scope) -> str:
    headers = dict(scope["headers"])
    return headers.get(b"authorization", b"").decode()[17:-1]


def _is_gzip(scope: Scope) -> bool:
    return dict(scope["headers"]).get(b"content-encoding") == b"gzip"
