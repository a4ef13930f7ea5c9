"""Our online store over real Redis servers: the stock layout both ways, order of rows, faults, the log."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from feast import FeatureStore, FeatureView, RepoConfig
from feast.infra.online_stores.redis import RedisOnlineStore
from feast.utils import _convert_arrow_to_proto
from feast.value_type import ValueType
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feast_plugins.online import RoadsideOnlineStore
from feast_plugins.read_log import drain, reading
from lakehouse.access_log import AccessLog
from lakehouse.ops import Ops
from lakehouse.redis_server import RedisAddress
from support.online_store import (
    FEATURES,
    HOUR,
    KEY,
    NOON,
    quiet,
    read,
    row,
    settings_of,
    statuses,
    store_of,
    table_of,
    view_of,
    write_rows,
)
from support.redis_nodes import Node, one_node, tls_cluster
from validation.errors import SettingError, Unreachable, UserError

OFFERS = "fleet__offers"
WHOLE = {
    "ratio": 0.5, "site": "8728", "is_tow": False, "seen_at": [NOON], "drivers": ["D1", "D2"],
}  # fmt: skip
_number = count()


class Ours:
    """Our store without a registry: rows in, hashes out."""

    def __init__(self, config: RepoConfig, view: FeatureView) -> None:
        self.config, self.view, self.store = config, view, RoadsideOnlineStore()

    def write(self, *rows: dict[str, Any]) -> Any:
        return self.store.write_arrow(self.config, self.view, table_of(*rows))

    def write_protos(self, *rows: dict[str, Any]) -> None:
        self.store.online_write_batch(self.config, self.view, protos(self.view, *rows), None)

    def offers(self, provider: str) -> Any:
        """The moment of the row that is there, and its offers."""
        [(moment, values)] = self.store.online_read(self.config, self.view, [key_of(self.view, provider)])
        return None if values is None else (moment, values["offers"].int64_val)

    @property
    def state(self) -> Any:
        return self.store.state(self.config)


def protos(view: FeatureView, *rows: dict[str, Any]) -> list[Any]:
    """The rows as Feast hands them to an online store."""
    return _convert_arrow_to_proto(table_of(*rows), view, {KEY: ValueType.STRING})


def key_of(view: FeatureView, provider: str) -> Any:
    return protos(view, row(provider, NOON, 1))[0][0]


@pytest.fixture
def ours(tmp_path: Path, redis_connection: str) -> Ours:
    return Ours(settings_of(tmp_path, redis_connection, clock="data"), view_of(tmp_path / "fleet.parquet"))


def hashes(connection: str) -> dict[bytes, dict[bytes, bytes]]:
    """Every entity's hash, without what only ours writes."""
    with RedisAddress.parse(connection).client() as client:
        return {
            key: {name: value for name, value in client.hgetall(key).items() if not name.startswith(b"_rev")}
            for key in client.scan_iter()
            if not key.startswith(b"roadside:")
        }


ROWS = (row("P1", NOON, 3, **WHOLE), row("P2", NOON, 4, seen_at=[], drivers=[]), row("P3", NOON, None))


def test_hashes_are_those_that_stock_feast_writes(ours: Ours, redis_connection: str) -> None:
    ours.write(*ROWS)
    by_columns = hashes(redis_connection)
    with RedisAddress.parse(redis_connection).client() as client:
        client.flushall()
    ours.write_protos(*ROWS)
    by_values = hashes(redis_connection)
    with RedisAddress.parse(redis_connection).client() as client:
        client.flushall()
    stock = settings_of(
        Path(ours.config.registry.path.removeprefix("sqlite:///")).parent, redis_connection, ours=False
    )
    RedisOnlineStore().online_write_batch(stock, ours.view, protos(ours.view, *ROWS), None)
    assert by_columns == by_values == hashes(redis_connection)


def test_each_store_reads_what_the_other_wrote(tmp_path: Path, redis_connection: str) -> None:
    source = tmp_path / "fleet.parquet"
    write_rows(source, *ROWS)
    stores = {
        name: store_of(settings_of(tmp_path / name, redis_connection, ours=name == "ours"), [view_of(source)])
        for name in ("stock", "ours")
    }
    answers = {}
    for writer in stores:
        with RedisAddress.parse(redis_connection).client() as client:
            client.flushall()
        with quiet():
            stores[writer].materialize(NOON - HOUR, NOON)
            other = "ours" if writer == "stock" else "stock"
            stores[other].materialize(NOON - 9 * HOUR, NOON - 8 * HOUR)  # nothing: so that it may be read
        stores["ours"]._get_provider().online_store.state(stores["ours"].config).complete("fleet", NOON)
        answers[writer] = [read(each, "P1", "P2", "P3", "P1") for each in stores.values()]
    assert answers["stock"] == answers["ours"]
    assert answers["ours"][0] == answers["ours"][1]
    assert answers["ours"][0][OFFERS] == [3, 4, None, 3]


def test_of_rows_in_any_order_and_by_any_writer_the_greatest_stays(ours: Ours) -> None:
    moments = st.sampled_from([NOON - HOUR, NOON, NOON + timedelta(microseconds=1)])
    created = st.sampled_from([None, NOON, NOON + timedelta(microseconds=1), NOON + HOUR])
    writers = st.sampled_from(["columns", "values"])

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(st.lists(st.tuples(moments, created, writers), min_size=1, max_size=4), max_size=4))
    def check(batches: list[list[tuple[datetime, datetime | None, str]]]) -> None:
        provider, told = f"P{next(_number)}", {}
        for batch in batches:
            rows = []
            for moment, revised, _ in batch:
                number = told.setdefault((moment, revised), len(told))
                rows.append(row(provider, moment, number) | {"revised_at": revised})
            (ours.write if batch[0][2] == "columns" else ours.write_protos)(*rows)
        greatest = max(
            told,
            key=lambda each: (each[0], each[1] or datetime.min.replace(tzinfo=NOON.tzinfo)),
            default=None,
        )
        expected = None if greatest is None else (greatest[0], told[greatest])
        assert ours.offers(provider) == expected

    check()


def test_a_row_that_stock_wrote_counts_as_never_revised(ours: Ours, redis_connection: str) -> None:
    stock = settings_of(
        Path(ours.config.registry.path.removeprefix("sqlite:///")).parent, redis_connection, ours=False
    )
    ours.write(row("P1", NOON - HOUR, 1, created=NOON + 9 * HOUR))
    RedisOnlineStore().online_write_batch(stock, ours.view, protos(ours.view, row("P1", NOON, 2)), None)
    assert ours.write(row("P1", NOON - HOUR, 3, created=NOON + 10 * HOUR)).older == 1
    assert ours.write(row("P1", NOON, 4) | {"revised_at": None}).there == 1
    assert ours.offers("P1") == (NOON, 2)
    assert ours.write(row("P1", NOON, 5, created=NOON)).written == 1
    assert ours.offers("P1") == (NOON, 5)


def test_a_null_takes_the_place_of_a_value_and_a_closing_row_of_a_life(ours: Ours) -> None:
    ours.write(row("P1", NOON - HOUR, 3, ratio=0.5), row("P2", NOON - HOUR, 3))
    ours.write(row("P1", NOON, 4), row("P2", NOON, None))
    ours.state.complete("fleet", NOON)
    [(_, first), (_, second)] = ours.store.online_read(
        ours.config, ours.view, [key_of(ours.view, "P1"), key_of(ours.view, "P2")]
    )
    assert (first["offers"].int64_val, first["ratio"].WhichOneof("val")) == (4, None)
    assert {name for name, value in second.items() if value.WhichOneof("val")} == set()
    assert ours.state.live_counts("fleet", NOON) == (1, 1)
    ours.write(row("P2", NOON - HOUR, 3))  # comes late, and brings nobody back
    assert len(ours.state.live_keys("fleet")) == 1
    ours.write(row("P2", NOON + HOUR, 1))
    assert ours.state.live_counts("fleet", NOON + HOUR) == (2, 1)


def test_a_marker_moves_forward_only_unless_it_is_forced(ours: Ours) -> None:
    assert ours.store.complete(ours.config, ours.view, NOON)
    assert not ours.store.complete(ours.config, ours.view, NOON - HOUR)
    assert ours.state.complete_through() == {"fleet": NOON}
    assert ours.store.complete(ours.config, ours.view, NOON - HOUR, force=True)
    assert ours.state.complete_through() == {"fleet": NOON - HOUR}


def test_hashes_go_a_month_after_their_last_row(ours: Ours, redis_connection: str) -> None:
    ours.write(row("P1", NOON, 1))
    with RedisAddress.parse(redis_connection).client() as client:
        [key] = ours.state.live_keys("fleet")
        assert 29 * 86_400 < client.ttl(key) <= 30 * 86_400
    ours.store.complete(ours.config, ours.view, NOON + timedelta(days=31))
    assert ours.state.live_keys("fleet") == []


def test_a_hash_is_never_kept_for_less_than_a_value_lives(tmp_path: Path, redis_connection: str) -> None:
    short = Ours(settings_of(tmp_path, redis_connection, key_ttl_seconds=3_600), view_of(tmp_path / "f"))
    with pytest.raises(SettingError, match="key_ttl_seconds is 3,600"):
        short.write(row("P1", NOON, 1))


def test_a_null_key_is_refused_before_anything_is_written(ours: Ours, redis_connection: str) -> None:
    with pytest.raises(UserError, match="provider_id is null in 1 of 2 rows"):
        ours.write(row("P1", NOON, 1), row("P2", NOON, 1) | {KEY: None})
    assert hashes(redis_connection) == {}


def test_a_view_taken_out_leaves_no_field_behind(ours: Ours, redis_connection: str) -> None:
    other = Ours(ours.config, view_of(Path("other.parquet"), "other"))
    ours.write(row("P1", NOON, 1))
    other.write(row("P1", NOON, 2))
    ours.store.complete(ours.config, ours.view, NOON)
    ours.store.delete_table(ours.config, ours.view)
    with RedisAddress.parse(redis_connection).client() as client:
        [key] = other.state.live_keys("other")
        assert len(client.hgetall(key)) == len(FEATURES) + 2
    assert ours.state.complete_through() == {}
    assert ours.state.live_keys("fleet") == []
    assert other.offers("P1") == (NOON, 2)


@pytest.fixture
def served(tmp_path: Path, redis_connection: str) -> FeatureStore:
    """Two views of which P1 has two rows, served."""
    source = tmp_path / "fleet.parquet"
    write_rows(source, row("P1", NOON, 3, created=NOON + HOUR), row("P2", NOON - HOUR, 4))
    views = [view_of(source), view_of(source, "other")]
    store = store_of(settings_of(tmp_path, redis_connection, principal="nightly"), views)
    with quiet():
        store.materialize(NOON - 2 * HOUR, NOON)
    return store


def test_a_read_is_logged_with_its_rows_decision_and_purpose_once(
    served: FeatureStore, tmp_path: Path
) -> None:
    read(served, "P9")
    with reading(decision="J7-2", principal="matcher", purpose="dispatch"):
        read(served, "P1", "P2", "P2", "P9")
    log, online = AccessLog(Ops(f"sqlite:///{tmp_path}/ops.db")), served._get_provider().online_store
    link = online.link(served.config)
    with RedisAddress.parse(link.where).client() as client:
        held = client.xrange("roadside:test:reads")
        assert drain(link, "test", log) == 2
        for identity, fields in held:  # a drain that died before it had taken them out
            client.xadd("roadside:test:again", fields, id=identity)
        client.rename("roadside:test:again", "roadside:test:reads")
    assert drain(link, "test", log) == 0
    nobody, decision = log.reads()
    assert (nobody.principal, nobody.decision, nobody.views["fleet"]) == ("nightly", "", [])
    assert [decision] == log.reads("J7-2")
    assert (decision.principal, decision.purpose, decision.service) == ("matcher", "dispatch", "board")
    assert sorted(decision.views) == ["fleet", "other"]
    assert sorted(decision.views["fleet"], key=lambda each: each["available_at"]) == [
        {
            "available_at": (NOON - HOUR).isoformat(),
            "revised_at": (NOON - HOUR).isoformat(),
            "entities": 1,
        },
        {"available_at": NOON.isoformat(), "revised_at": (NOON + HOUR).isoformat(), "entities": 1},
    ]


def test_reading_asynchronously_answers_and_logs_alike(served: FeatureStore, redis_connection: str) -> None:
    async def ask() -> Any:
        with reading(decision="J8"):
            return await served.get_online_features_async(
                features=served.get_feature_service("board"),
                entity_rows=[{KEY: "P1"}, {KEY: "P9"}],
                full_feature_names=True,
            )

    with quiet():
        answer = asyncio.run(ask()).to_dict()
    assert answer == read(served, "P1", "P9")
    with RedisAddress.parse(redis_connection).client() as client:
        assert client.xrange("roadside:test:reads")[-2][1][b"decision"] == b"J8"


def test_the_wall_s_clock_finds_an_old_value_expired(tmp_path: Path, redis_connection: str) -> None:
    source = tmp_path / "fleet.parquet"
    write_rows(source, row("P1", NOON, 3))
    by_wall = store_of(settings_of(tmp_path, redis_connection, clock="wall"), [view_of(source)])
    with quiet():
        by_wall.materialize(NOON - HOUR, NOON)
    assert statuses(by_wall, "P1")["offers"] == "OUTSIDE_MAX_AGE"


def test_intervals_that_touch_are_kept_as_one(tmp_path: Path, redis_connection: str) -> None:
    source = tmp_path / "fleet.parquet"
    write_rows(source, row("P1", NOON, 3))
    store = store_of(settings_of(tmp_path, redis_connection), [view_of(source)])
    with quiet():
        for hour in range(6):
            store.materialize(NOON + hour * HOUR, NOON + (hour + 1) * HOUR)
        store.materialize(NOON + 9 * HOUR, NOON + 10 * HOUR)
    view = store.registry.get_feature_view("fleet", "test")
    assert [(start, end) for start, end in view.materialization_intervals] == [
        (NOON, NOON + 6 * HOUR),
        (NOON + 9 * HOUR, NOON + 10 * HOUR),
    ]
    assert view.most_recent_end_time == NOON + 10 * HOUR


def test_two_writers_at_once_leave_the_greatest(ours: Ours, tmp_path: Path, redis_connection: str) -> None:
    providers = 3_000
    batches = {
        moment: [row(f"P{number}", NOON + moment * HOUR, moment) for number in range(providers)]
        for moment in range(4)
    }
    errors: list[BaseException] = []

    def work(moments: list[int]) -> None:
        writer = Ours(settings_of(tmp_path, redis_connection), ours.view)
        try:
            for moment in moments:
                writer.write(*batches[moment])
        except BaseException as error:
            errors.append(error)

    workers = [threading.Thread(target=work, args=(moments,)) for moments in ([0, 3, 1], [2, 0, 1])]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not errors
    found = {ours.offers(f"P{number}") for number in range(0, providers, 50)}
    assert found == {(NOON + 3 * HOUR, 3)}
    assert ours.state.live_counts("fleet", NOON + 3 * HOUR) == (providers, providers)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with one_node(tmp_path / "node") as started:
        yield started


JOB = """
import sys
from pathlib import Path
from support.online_store import HOUR, NOON, FeatureStore, quiet, settings_of
from validation.errors import Unreachable
try:
    with quiet():
        store = FeatureStore(config=settings_of(Path(sys.argv[1]), sys.argv[2], retry_seconds=0.2))
        store.materialize(NOON - HOUR, NOON)
except Unreachable as error:
    print(error.what, end="")
    sys.exit(6)
"""


def test_redis_killed_in_the_middle_is_said_and_run_again_every_key_is_there(
    node: Node, tmp_path: Path, redis_connection: str
) -> None:
    source, address = tmp_path / "fleet.parquet", f"127.0.0.1:{node.port}"
    write_rows(source, *(row(f"P{number}", NOON, number, **WHOLE) for number in range(40_000)))
    store = store_of(settings_of(tmp_path / "a", address), [view_of(source)])
    job = subprocess.Popen(
        [sys.executable, "-c", JOB, str(tmp_path / "a"), address],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with node.client() as client:
        while job.poll() is None and client.dbsize() < 1_000:
            pass
    node.kill()
    told, _ = job.communicate(timeout=60)
    assert (job.returncode, told) == (6, f"Redis at {address} does not answer (ConnectionError).")
    node.start()
    clean = store_of(settings_of(tmp_path / "b", redis_connection), [view_of(source)])
    for each in (store, clean):
        with quiet():
            each.materialize(NOON - HOUR, NOON)
    assert len(hashes(redis_connection)) == 40_000
    assert hashes(address) == hashes(redis_connection)


def test_redis_away_for_a_moment_is_waited_for(node: Node, tmp_path: Path) -> None:
    ours = Ours(settings_of(tmp_path, f"127.0.0.1:{node.port}", retry_seconds=20), view_of(tmp_path / "f"))
    ours.write(row("P1", NOON, 1))
    node.kill()
    again = threading.Timer(0.5, node.start)
    again.start()
    assert ours.write(row("P1", NOON, 2, created=NOON + HOUR)).written == 1  # its scripts were lost, too
    again.join()
    assert ours.offers("P1") == (NOON, 2)


def test_redis_that_is_slow_is_said(node: Node, tmp_path: Path) -> None:
    config = settings_of(tmp_path, f"127.0.0.1:{node.port}", answer_seconds=0.3, retry_seconds=0.1)
    ours = Ours(config, view_of(tmp_path / "f"))
    ours.write(row("P1", NOON, 1))
    with node.client() as client:
        client.execute_command("CLIENT", "PAUSE", 2_000)
    with pytest.raises(Unreachable, match=f"127.0.0.1:{node.port} is slow"):
        ours.offers("P1")


def test_redis_that_is_full_is_said_and_still_read(node: Node, tmp_path: Path) -> None:
    ours = Ours(settings_of(tmp_path, f"127.0.0.1:{node.port}"), view_of(tmp_path / "f"))
    ours.write(row("P1", NOON, 1))
    with node.client() as client:
        client.config_set("maxmemory", "1")
    with pytest.raises(Unreachable, match=rf"127\.0\.0\.1:{node.port} is full \(OOM\)"):
        ours.write(row("P1", NOON + HOUR, 2))
    assert ours.offers("P1") is not None
    with node.client() as client:
        assert client.xlen("roadside:test:reads") == 0
        client.config_set("maxmemory", "0")
        ours.offers("P1")
        assert client.xlen("roadside:test:reads") == 2  # the one that found no place, too


def test_a_wrong_password_is_said_and_not_shown(node: Node, tmp_path: Path) -> None:
    with node.client() as client:
        client.config_set("requirepass", "hunter2")
    address = f"127.0.0.1:{node.port}"
    wrong = Ours(settings_of(tmp_path, f"{address},password=secret1"), view_of(tmp_path / "f"))
    with pytest.raises(Unreachable, match=f"{address} refuses the user") as refused:
        wrong.write(row("P1", NOON, 1))
    assert "secret1" not in str(refused.value)
    odd = Ours(settings_of(tmp_path, f"{address},colour=red"), view_of(tmp_path / "f"))
    with pytest.raises(SettingError, match="colour"):
        odd.write(row("P1", NOON, 1))


def test_a_cluster_with_tls_and_an_acl_user_is_written_and_read(tmp_path: Path) -> None:
    source = tmp_path / "fleet.parquet"
    write_rows(
        source,
        *(row(f"P{number}", NOON, number, **WHOLE) for number in range(2_000)),
        row("P0", NOON + HOUR, None),
    )
    with tls_cluster(tmp_path / "cluster") as cluster:
        config = settings_of(tmp_path, cluster.connection, redis_type="redis_cluster")
        store = store_of(config, [view_of(source), view_of(source, "other")])
        with quiet():
            store.materialize(NOON - HOUR, NOON + HOUR)
        with suppress(AttributeError):
            pass
        online = store._get_provider().online_store
        spread = [sum(node_keys(node)) for node in cluster.nodes]
        assert all(share > 400 for share in spread)
        assert read(store, "P0", "P7", "P1999", "P9999")[OFFERS] == [None, 7, 1999, None]
        assert read(store, "P7")["other__drivers"] == [["D1", "D2"]]
        assert online.state(config).live_counts("fleet", NOON) == (1_999, 1_999)
        assert set(online.state(config).complete_through()) == {"fleet", "other"}
        log = AccessLog(Ops(f"sqlite:///{tmp_path}/ops.db"))
        assert drain(online.link(config), "test", log) == 2
        with_authority = config.online_store.connection_string
        untrusting = with_authority.replace(
            with_authority.split("ssl_ca_certs=")[1].split(",")[0], "/etc/hostname"
        )
        bad = Ours(settings_of(tmp_path, untrusting, redis_type="redis_cluster"), view_of(source))
        with pytest.raises(Unreachable, match=r"127\.0\.0\.1:\d+,127\.0\.0\.1:\d+"):
            bad.write(row("P1", NOON, 1))


def node_keys(node: Node) -> list[int]:
    """How many keys the node holds; the ACL user may not ask, the server's own memory says."""
    with node.client() as client:
        client.execute_command("AUTH", "roadside", "0123456789")
        return [client.dbsize()]
