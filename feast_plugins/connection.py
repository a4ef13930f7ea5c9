"""Clients of the Redis that a connection string names: single, cluster or behind sentinels."""

from __future__ import annotations

from typing import Any

import redis
from feast.infra.online_stores.redis import RedisOnlineStore, RedisOnlineStoreConfig, RedisType
from redis import Redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.retry import Retry
from redis.sentinel import Sentinel

from feast_plugins.redis_link import RedisLink, where
from validation.errors import SettingError


def connected(settings: RedisOnlineStoreConfig) -> Any:
    """A client of the Redis, the cluster or the sentinels' master that the settings name.

    Raises:
        SettingError: no address, or an option that redis-py lacks.
        Unreachable: no node of the cluster answers, or it refuses us.
    """
    nodes, options = parsed(with_timeouts(settings).connection_string)
    never = Retry(NoBackoff(), 0)  # RedisLink tries again, within its time
    told = RedisLink(None, where(nodes), {}, 0.0).told
    try:
        if settings.redis_type == RedisType.redis_cluster:
            known = [ClusterNode(node["host"], int(node["port"])) for node in nodes]
            return RedisCluster(startup_nodes=known, retry=never, **options)
        if settings.redis_type == RedisType.redis_sentinel:
            addresses = [(node["host"], int(node["port"])) for node in nodes]
            return Sentinel(addresses, **options).master_for(settings.sentinel_master)
        return Redis(host=nodes[0]["host"], port=int(nodes[0]["port"]), retry=never, **options)
    except (redis.RedisError, redis.exceptions.RedisClusterException, OSError) as error:
        raise told(error) from error
    except TypeError as error:
        raise SettingError(
            f"The connection string of Redis has an option that redis-py lacks: {', '.join(options)}.",
            "Known are ssl, ssl_ca_certs, username, password, db and the other options of redis-py.",
        ) from error


def parsed(connection_string: str) -> tuple[list[dict[str, str]], dict[str, Any]]:
    """Addresses and options as stock Feast reads them; a user and a password stay text, digits too."""
    nodes, options = RedisOnlineStore._parse_connection_string(connection_string)
    for part in connection_string.split(","):
        name, _, text = part.partition("=")
        if name in ("username", "password"):
            options[name] = text
    return nodes, options


def with_timeouts(settings: Any) -> Any:
    """The settings, with a bound on every answer unless the connection string has one."""
    text = settings.connection_string
    bounds = [
        f",{name}={settings.answer_seconds}"
        for name in ("socket_timeout", "socket_connect_timeout")
        if f",{name}=" not in text
    ]
    return settings.model_copy(update={"connection_string": "".join((text, *bounds))})
