"""Whether the Redis that serves answers; asked without starting it."""

from __future__ import annotations

import shutil

import redis

from lakehouse.redis_server import RedisAddress, ensure_redis
from lakehouse.settings import UNSTARTED_REDIS, Settings
from validation.errors import RoadsideError, Unreachable


def require_redis(settings: Settings) -> RedisAddress:
    """The Redis that serves, if it answers; nothing is started.

    Raises:
        Unreachable: it does not answer.
    """
    if settings.redis is not None:
        return ensure_redis(settings)  # another's is only asked, never started
    address = RedisAddress.parse(settings.redis_connection)
    try:
        if settings.redis_connection == UNSTARTED_REDIS:
            raise redis.ConnectionError
        with address.client() as client:
            client.ping()
    except (redis.BusyLoadingError, redis.ResponseError):
        return address  # it loads, or cannot save and so takes no writes: it runs
    except redis.TimeoutError as error:
        raise Unreachable(
            f"The private Redis at {address} is busy or hangs.",
            f"Wait a moment; its log says why: {settings.redis_dir / 'redis.log'}.",
        ) from error
    except redis.RedisError as error:
        raise Unreachable(
            "The private Redis does not run.",
            "Start it: roadside redis start. What was written before is served again.",
        ) from error
    return address


def redis_problem(settings: Settings) -> str:
    """Why nothing is served online now, as a sentence; empty if Redis answers."""
    try:
        require_redis(settings)
    except RoadsideError as error:
        return error.what
    return ""


def redis_found(settings: Settings) -> tuple[str, str]:
    """Which Redis is there, and the problem if it is busy, or the one that is set does not answer."""
    try:
        return f"answers at {require_redis(settings)}", ""
    except RoadsideError as error:
        if settings.redis is not None or isinstance(error.__cause__, redis.TimeoutError):
            return "", error.what
    return f"not running; {shutil.which('redis-server') or 'the bundled server'} is started when needed", ""
