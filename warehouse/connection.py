"""The one module that talks to Snowflake: opens a session, runs statements, says what went wrong.

Where Snowflake is, who asks and in which warehouse stands in Snowflake's own connections.toml
(or in SNOWFLAKE_CONNECTIONS), under the name that ROADSIDE_SNOWFLAKE_CONNECTION gives; any server
that speaks its protocol will do, one on loopback too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import snowflake.connector
from snowflake.connector import errors
from snowflake.connector.config_manager import CONFIG_MANAGER

from lakehouse.settings import Settings
from validation.errors import (
    Busy,
    Defect,
    InputMissing,
    PermissionRefused,
    RoadsideError,
    SettingError,
    UnknownName,
    Unreachable,
)
from warehouse.places import literal

LOCK_SECONDS = 600
"""How long a statement waits for a lock: Snowflake ends a transaction whose client is gone, and that
keeps another waiting, after five minutes."""

_PATIENCE = {"login_timeout": 60, "network_timeout": 300}
_LOST = (
    errors.OperationalError,
    errors.InterfaceError,
    errors.HttpError,
    errors.InternalServerError,
    errors.ServiceUnavailableError,
    errors.GatewayTimeoutError,
    errors.BadGatewayError,
    errors.RequestTimeoutError,
    errors.TooManyRequests,
    errors.OtherHTTPRetryableError,
    errors.RequestExceedMaxRetryError,
    errors.TokenExpiredError,
    errors.PresignedUrlExpiredError,
    OSError,  # and so what the connector's HTTP library raises
)
_NOT_THERE = {2003, 2043}
_NO_WAREHOUSE = {606}
_NOT_ALLOWED = {3001}
_LOCKED = {625}


class NotThere(InputMissing):
    """A statement names what does not exist, or what the role may not see."""


class Session:
    """One session; statements run in it one after the other, outside a transaction unless one was begun."""

    def __init__(self, connection: snowflake.connector.SnowflakeConnection, where: str) -> None:
        self._connection = connection
        self._where = where

    def run(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows that the statement answers.

        Raises:
            NotThere: it names what does not exist.
            InputMissing: no warehouse runs it.
            PermissionRefused: the role may not.
            Busy: another transaction holds what it needs.
            Unreachable: Snowflake does not answer, or gave the statement up.
        """
        with self._telling(statement), self._connection.cursor() as cursor:
            cursor.execute(statement, tuple(parameters) or None)
            return [tuple(row) for row in cursor.fetchall()]

    def put(self, path: Path, stage: str) -> None:
        """Put a file into a stage of the session's schema, as it is.

        Raises:
            Unreachable: it did not arrive whole.
        """
        place = literal(f"file://{path}")
        done = self.run(f"PUT {place} @{stage} AUTO_COMPRESS = FALSE SOURCE_COMPRESSION = NONE")
        states = {str(row[6]) for row in done}
        if not states or not states <= {"UPLOADED", "SKIPPED"}:
            raise Unreachable(
                f"Snowflake did not take the file {path.name} ({', '.join(sorted(states)) or 'no answer'}).",
                _AGAIN,
            )

    @contextmanager
    def _telling(self, statement: str) -> Iterator[None]:
        try:
            yield
        except (errors.Error, OSError) as error:
            raise _told(error, self._where, statement) from error


@contextmanager
def open_session(settings: Settings) -> Iterator[Session]:
    """A session by ROADSIDE_SNOWFLAKE_CONNECTION, in UTC, closed at the end; what was not committed is not.

    Raises:
        SettingError: the connection is not set, or not accepted.
        UnknownName: connections.toml has no such connection.
        Unreachable: Snowflake does not answer.
    """
    name = settings.snowflake_connection
    if name is None:
        raise SettingError(
            "ROADSIDE_SNOWFLAKE_CONNECTION is not set; publishing to Snowflake needs it.",
            "Name a section of Snowflake's connections.toml: account, user, key, role, warehouse.",
        )
    section = _section(name)
    asked = {
        "TIMEZONE": "UTC",
        "LOCK_TIMEOUT": LOCK_SECONDS,
        "QUERY_TAG": "roadside publish",
        **section.get("session_parameters", {}),
    }
    where = f"Snowflake (connection {name})"
    try:
        connection = snowflake.connector.connect(
            **{**_PATIENCE, **section, "session_parameters": asked, "application": "roadside"}
        )
    except (errors.Error, OSError) as error:
        raise _login_told(error, name, section) from error
    try:
        yield Session(connection, where)
    finally:
        with suppress(errors.Error, OSError):
            connection.close(retry=False)


def account_named(settings: Settings) -> str:
    """The account of ROADSIDE_SNOWFLAKE_CONNECTION as connections.toml has it; else the connection's name."""
    name = settings.snowflake_connection or "private"
    try:
        return str(_section(name).get("account", name))
    except RoadsideError:
        return name


_AGAIN = "The published table is as it was. Run the same command again."
_UNKNOWN = "Whether it took effect is not known. Run the same command again: it looks what stands."


def _section(name: str) -> dict[str, Any]:
    try:
        CONFIG_MANAGER.read_config()
        connections = cast(Mapping[str, Any], CONFIG_MANAGER["connections"])
    except (errors.Error, OSError) as error:
        raise SettingError(
            f"Snowflake's connections.toml cannot be read ({type(error).__name__}).",
            "It is ~/.snowflake/connections.toml, or stands in SNOWFLAKE_HOME.",
        ) from error
    if not connections:
        raise SettingError(
            f"Snowflake's connections.toml has no connection, so none named {name}.",
            f"Write a section [{name}] into ~/.snowflake/connections.toml, or the one in SNOWFLAKE_HOME.",
        )
    if name not in connections:
        raise UnknownName("connection in Snowflake's connections.toml", name, connections)
    section: dict[str, Any] = {key: _plain(value) for key, value in connections[name].items()}
    return section


def _plain(value: Any) -> Any:
    return value.unwrap() if hasattr(value, "unwrap") else value


def _login_told(error: Exception, name: str, section: Mapping[str, Any]) -> RoadsideError:
    """What a failed login means: Snowflake's refusal, the client's, or no answer at all."""
    where = f"section [{name}] of Snowflake's connections.toml"
    match error:
        case errors.ProgrammingError() | FileNotFoundError() | PermissionError():
            told = getattr(error, "msg", None) or f"{error.strerror}: {error.filename}"  # type: ignore[union-attr]
            return SettingError(f"The connection {name} cannot be used: {told}.", f"Look at {where}.")
        case errors.DatabaseError() if not isinstance(error, errors.OperationalError):
            account = section.get("account", "?")
            return SettingError(
                f"Snowflake does not accept user {section.get('user', '?')} of connection {name} "
                f"(account {account}, {_number(error)}).",
                f"Mend user, password or key, or role in {where}.",
            )
    host = section.get("host") or f"{section.get('account', '?')}.snowflakecomputing.com"
    return Unreachable(
        f"Snowflake at {host} (connection {name}) does not answer ({_number(error)}).",
        "Check the address and the network, then run again.",
    )


def _told(error: Exception, where: str, statement: str) -> RoadsideError:
    """What a failed statement means; never Snowflake's own words for it, which can quote values."""
    number = int(getattr(error, "errno", None) or 0)
    what = f"{where}: {_verb(statement)}"
    if number in _NOT_THERE:
        return NotThere(
            f"{what}: what it names does not exist, or the role may not see it ({_number(error)}).",
            "Create it, or give the role its privileges, then run again.",
        )
    if number in _NO_WAREHOUSE:
        return InputMissing(
            f"{where}: no warehouse runs the statements ({_number(error)}).",
            "Name one that exists and that the role may use as `warehouse` in connections.toml.",
        )
    if number in _NOT_ALLOWED:
        return PermissionRefused(
            f"{what}: the role's privileges do not suffice ({_number(error)}).",
            "It needs USAGE on database, schema and warehouse, CREATE TABLE and CREATE STAGE on the schemas "
            "ML and features, and to own the tables it replaces the rows of.",
        )
    if number in _LOCKED:
        return Busy(
            f"{where}: another publication holds the table since more than {LOCK_SECONDS // 60} minutes.",
            "The published table is as it was. Wait for the other to end, then run again.",
        )
    if isinstance(error, _LOST):
        next_step = _UNKNOWN if _verb(statement) == "COMMIT" else _AGAIN
        return Unreachable(f"{where} was lost at {_verb(statement)} ({_number(error)}).", next_step)
    query = getattr(error, "sfqid", None)
    asked = f", query {query}" if query else ""
    return Defect(f"{what} failed ({_number(error)}{asked}).", "The published table is as it was.")


def _verb(statement: str) -> str:
    return statement.split(maxsplit=1)[0]


def _number(error: Exception) -> str:
    number, state = getattr(error, "errno", None), getattr(error, "sqlstate", None)
    named = f"{type(error).__name__} {number}" if number and number > 0 else type(error).__name__
    return f"{named}, {state}" if state and state != "n/a" else named
