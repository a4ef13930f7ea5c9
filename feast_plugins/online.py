"""The online store: stock Feast's Redis layout, with writes that know revisions and reads that are true.

`type: redis` in feature_store.yaml is the stock store; each reads what the other wrote.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any, Literal

import pyarrow as pa
from feast import Entity, FeatureService, FeatureView, RepoConfig
from feast.feature_view import DUMMY_ENTITY_ID
from feast.infra.online_stores.helpers import _mmh3, _redis_key_prefix
from feast.infra.online_stores.redis import (
    RedisOnlineStore,
    RedisOnlineStoreConfig,
    _versioned_fv_name,
)
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value

from feast_plugins import online_reads, online_writes
from feast_plugins.connection import connected, parsed, with_timeouts
from feast_plugins.online_reads import Asked, Clock, Found, add_to_response, keys_of
from feast_plugins.online_writes import ROWS_AT_ONCE, Accepted, Rows, ViewShape
from feast_plugins.read_log import LoggedRead, entry, of_service
from feast_plugins.redis_link import Command, RedisLink, packed, where
from feast_plugins.scripts import SCRIPTS
from feast_plugins.view_state import ViewState, micros, moment_at
from validation.errors import SettingError, Unreachable, UserError

_log = logging.getLogger(__name__)
DAY_SECONDS = 86_400
_UNLOGGED = 10_000
_SCANNED_AT_ONCE = 1_000
Row = tuple[EntityKey, dict[str, Value], datetime, datetime | None]


class RoadsideOnlineStoreConfig(RedisOnlineStoreConfig):
    """The stock store's settings, and ours."""

    type: Literal["feast_plugins.online.RoadsideOnlineStore"] = "feast_plugins.online.RoadsideOnlineStore"  # type: ignore[assignment]

    key_ttl_seconds: int | None = 30 * DAY_SECONDS
    """Seconds after its last write that an entity's hash goes; longer than any view's time to live.

    A view without a ttl is refused, for a hash goes with all its views: null keeps every hash for ever.
    """

    clock: Clock = "wall"
    """Against what a value's age is measured: the wall, or the newest `complete_through` of all views."""

    answer_seconds: float = 5.0
    """Seconds that Redis may take for an answer or a connection."""

    retry_seconds: float = 10.0
    """Seconds that a write is tried again while Redis is away."""

    read_log_length: int = 100_000
    """About how many reads wait in Redis to be drained into the access log; 0 logs none."""

    principal: str = "unknown"
    """Who reads, where the context does not say."""


class RoadsideOnlineStore(RedisOnlineStore):
    """One hash per entity, as stock; beside it markers, live keys and a log of reads."""

    _link: RedisLink | None = None

    def __init__(self) -> None:
        self._unlogged: deque[Command] = deque(maxlen=_UNLOGGED)

    def link(self, config: RepoConfig) -> RedisLink:
        """The Redis of the configuration, connected when first asked.

        Raises:
            Unreachable: no node of the cluster answers, or it refuses us.
            SettingError: the connection string has no address, or an option that redis-py lacks.
        """
        if self._link is None:
            settings = config.online_store
            client = self._get_client(settings)
            self._link = RedisLink(client, _where(settings), SCRIPTS, settings.retry_seconds)
        return self._link

    def state(self, config: RepoConfig) -> ViewState:
        """Markers and live keys of the project's views."""
        return ViewState(self.link(config), config.project)

    def ping(self, config: RepoConfig) -> None:
        """Nothing, if Redis answers.

        Raises:
            Unreachable: it does not, at once.
        """
        self.link(config).ask([Command(b"", packed("PING"))], again=False)

    def _get_client(self, online_store_config: RoadsideOnlineStoreConfig) -> Any:  # type: ignore[override]
        if self._client is None:
            self._client = connected(online_store_config)
        return self._client

    async def _get_client_async(self, online_store_config: RoadsideOnlineStoreConfig) -> Any:  # type: ignore[override]
        return await super()._get_client_async(with_timeouts(online_store_config))

    def write_arrow(
        self,
        config: RepoConfig,
        table: FeatureView,
        data: pa.Table,
        progress: Callable[[int], Any] = lambda _count: None,
    ) -> Accepted:
        """Write every row of the table, named as the view's fields; what became of them.

        Raises:
            UserError: a key is null.
            SettingError: hashes would go before the view's values expire.
            Unreachable: Redis is down, slow, full or refuses us; run again, nothing is half written.
        """
        if not data.num_rows:
            return Accepted()
        shape, source = self._shape(config, table), source_of(table)
        if DUMMY_ENTITY_ID in shape.keys and DUMMY_ENTITY_ID not in data.column_names:
            data = data.append_column(DUMMY_ENTITY_ID, pa.array([""] * data.num_rows))
        batches: Iterator[Rows] = (
            online_writes.rows_of(shape, batch, source.timestamp_field, source.created_timestamp_column)
            for batch in data.combine_chunks().to_batches(max_chunksize=ROWS_AT_ONCE)
        )
        return online_writes.write(self.link(config), self.state(config), shape, batches, progress)

    def complete(
        self, config: RepoConfig, table: FeatureView, through: datetime, *, force: bool = False
    ) -> bool:
        """Whether the view's marker moved on to `through`; what can no longer live is forgotten."""
        state, name = self.state(config), _versioned_fv_name(table, config)
        moved = state.complete(name, through, force=force)
        if moved:
            keep = config.online_store.key_ttl_seconds
            state.forget(
                name,
                live_before=through - timedelta(seconds=keep) if keep else None,
                closed_before=through - (table.ttl or timedelta(seconds=DAY_SECONDS)),
            )
        return moved

    def asked_through(self, config: RepoConfig, table: FeatureView) -> datetime | None:
        """Through when every row of the view was looked for; None of a view that Redis does not know."""
        return self.state(config).asked_through(_versioned_fv_name(table, config))

    def ask_through(self, config: RepoConfig, table: FeatureView, through: datetime) -> None:
        """Every row of the view was looked for through then."""
        self.state(config).ask_through(_versioned_fv_name(table, config), through)

    def online_write_batch(
        self,
        config: RepoConfig,
        table: FeatureView,
        data: Sequence[Row],
        progress: Callable[[int], Any] | None,
    ) -> None:
        """Feast's own interface; as `write_arrow`. A row must have every feature of the view, null or not.

        Raises:
            UserError: a row lacks a feature: what an earlier row said of it would stand under the new moment.
        """
        shape = self._shape(config, table)
        online_writes.write(
            self.link(config),
            self.state(config),
            shape,
            online_writes.rows_of_protos(shape, data),
            progress or (lambda _count: None),
        )

    async def online_write_batch_async(
        self,
        config: RepoConfig,
        table: FeatureView,
        data: Sequence[Row],
        progress: Callable[[int], Any] | None,
    ) -> None:
        """As `online_write_batch`, in a thread: the event loop goes on."""
        await asyncio.to_thread(self.online_write_batch, config, table, data, progress)

    def get_online_features(self, config: RepoConfig, features: Any, *args: Any, **kwargs: Any) -> Any:
        """As stock; statuses are true, and the read is logged."""
        with _named(features):
            return super().get_online_features(config, features, *args, **kwargs)

    async def get_online_features_async(
        self, config: RepoConfig, features: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """As stock; statuses are true, and the read is logged."""
        with _named(features):
            return await super().get_online_features_async(config, features, *args, **kwargs)

    def _read_features_per_fv(
        self,
        config: RepoConfig,
        grouped_refs: Sequence[tuple[FeatureView, list[str]]],
        join_key_values: Any,
        entity_name_to_join_key_map: Any,
        online_features_response: Any,
        full_feature_names: bool,
        include_feature_view_version_metadata: bool,
    ) -> None:
        """All views in one round trip; what was served is logged in a second."""
        suffix = config.project.encode()
        asked = [
            self._asked(
                config,
                table,
                features,
                *keys_of(table, join_key_values, entity_name_to_join_key_map, suffix),
            )
            for table, features in grouped_refs
        ]
        for (table, _), each, answer in zip(grouped_refs, asked, self._read(config, asked), strict=True):
            add_to_response(online_features_response, each, answer, full_feature_names)
            if include_feature_view_version_metadata:
                _add_version(online_features_response, table)

    async def _read_features_per_fv_async(self, *args: Any, **kwargs: Any) -> None:
        """As `_read_features_per_fv`, in a thread that keeps the context: the event loop goes on."""
        await asyncio.to_thread(self._read_features_per_fv, *args, **kwargs)

    def online_read(
        self,
        config: RepoConfig,
        table: FeatureView,
        entity_keys: list[EntityKey],
        requested_features: list[str] | None = None,
    ) -> list[tuple[datetime | None, dict[str, Value] | None]]:
        """Per entity the row's timestamp and values: none of one never written, nulls of an expired one."""
        keys = self._generate_redis_keys_for_entities(config, entity_keys)
        features = requested_features or [feature.name for feature in table.features]
        asked = self._asked(config, table, features, keys, range(len(keys)))
        (answer,) = self._read(config, [asked])
        return [
            (None, None)
            if found.moment is None
            else (
                moment_at(found.moment),
                {
                    name: Value.FromString(value)
                    for name, value in zip(asked.features, found.values, strict=True)
                },
            )
            for found in answer
        ]

    async def online_read_async(self, *args: Any, **kwargs: Any) -> Any:
        """As `online_read`, in a thread: the event loop goes on."""
        return await asyncio.to_thread(self.online_read, *args, **kwargs)

    def delete_table(self, config: RepoConfig, table: FeatureView) -> None:
        """Forget the view's marker and live keys, and take it out of every hash, of closed entities too."""
        name, link = _versioned_fv_name(table, config), self.link(config)
        self.state(config).drop(name)  # first: no marker may stand over values that are gone
        fields = [_mmh3(f"{name}:{feature.name}") for feature in table.features]
        fields += [f"_ts:{name}".encode(), f"_rev:{name}".encode()]
        pattern = b"%b*%b" % (_redis_key_prefix(table.join_keys), config.project.encode())
        keys = list(link.client.scan_iter(pattern, count=_SCANNED_AT_ONCE))
        for start in range(0, len(keys), _SCANNED_AT_ONCE):
            part = keys[start : start + _SCANNED_AT_ONCE]
            link.ask([Command(key, packed("HDEL", key, *fields)) for key in part])

    def teardown(self, config: RepoConfig, tables: Sequence[FeatureView], entities: Sequence[Entity]) -> None:
        """As stock: every hash of the views' entities goes; and their markers and live keys, before."""
        for table in tables:
            self.state(config).drop(_versioned_fv_name(table, config))
        super().teardown(config, tables, entities)

    def _shape(self, config: RepoConfig, table: FeatureView) -> ViewShape:
        keep = config.online_store.key_ttl_seconds
        lives_for = table.ttl.total_seconds() if table.ttl else inf
        if keep and keep < lives_for:
            expire = "never expire: it has no ttl" if lives_for == inf else f"expire ({lives_for:,.0f} s)"
            raise SettingError(
                f"key_ttl_seconds is {keep:,}: hashes would go before {table.name}'s values, which {expire}.",
                "Make key_ttl_seconds longer than every view's ttl in feature_store.yaml, or null to keep "
                "every hash for ever; or give the view a ttl.",
            )
        return ViewShape(
            _versioned_fv_name(table, config),
            {entity.name: entity.dtype.to_value_type() for entity in table.entity_columns},
            {feature.name: feature.dtype.to_value_type() for feature in table.features},
            keep or 0,
            config.project,
        )

    def _asked(
        self,
        config: RepoConfig,
        table: FeatureView,
        features: Sequence[str],
        keys: Sequence[bytes],
        places: Sequence[int],
    ) -> Asked:
        ttl = table.ttl.total_seconds() if table.ttl else 0
        return Asked(
            _versioned_fv_name(table, config),
            table.projection.name_to_use(),
            tuple(features),
            keys,
            places,
            round(ttl * 1_000_000) or None,
        )

    def _read(self, config: RepoConfig, asked: Sequence[Asked]) -> list[list[Found]]:
        settings, link = config.online_store, self.link(config)
        asked_at = datetime.now(UTC)  # before: what is published meanwhile is not late
        replies = link.ask(online_reads.commands(asked, config.project), again=False)
        through = online_reads.through(replies)
        by_data = max(through.values(), default=None)
        now = micros(asked_at) if settings.clock == "wall" else by_data
        answers = online_reads.found(asked, replies, now)
        if settings.read_log_length:
            decided_at = asked_at if now is None else moment_at(now)
            self._log(config, LoggedRead(online_reads.rows_read(asked, answers), through, decided_at))
        return answers

    def _log(self, config: RepoConfig, read: LoggedRead) -> None:
        """Log the read; what a full or failing Redis does not take now waits for the next read."""
        settings = config.online_store
        now = datetime.now(UTC)
        told = [entry(config.project, read, settings.principal, settings.read_log_length, now)]
        with suppress(IndexError):
            while True:  # each entry is one thread's to send
                told.append(self._unlogged.popleft())
        link = self.link(config)
        flight = link.send(told)
        try:
            link.receive(flight, again=False)
        except Unreachable as error:
            self._unlogged.extend(flight.lacking)
            _log.warning("%d reads are not logged yet: %s", len(self._unlogged), error.what)


def source_of(table: FeatureView) -> Any:
    """Where the view's rows come from.

    Raises:
        UserError: it has no source of stored rows.
    """
    if table.batch_source is None:
        raise UserError(f"Feature view {table.name} has no source of rows.", "Give it one in feature_repo/.")
    return table.batch_source


def _where(settings: RoadsideOnlineStoreConfig) -> str:
    return where(parsed(settings.connection_string)[0])


def _named(features: Any) -> AbstractContextManager[None]:
    return of_service(features.name) if isinstance(features, FeatureService) else nullcontext()


def _add_version(response: Any, table: FeatureView) -> None:
    """The view's version, as stock Feast tells it."""
    name = table.projection.name_alias or table.projection.name
    told = response.metadata.feature_view_metadata
    if name not in [each.name for each in told]:
        told.add(name=name, version=getattr(table, "current_version_number", 0) or 0)
