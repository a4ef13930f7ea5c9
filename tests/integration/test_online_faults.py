"""Redis killed, slow, full, away, refusing; and a cluster with TLS and an ACL user."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from feast_plugins.read_log import drain
from feast_plugins.redis_link import Command, packed
from lakehouse.access_log import AccessLog
from lakehouse.ops import Ops
from support.held_writer import HELD
from support.online_store import (
    HOUR,
    NOON,
    WHOLE,
    Ours,
    hashes,
    quiet,
    read,
    row,
    settings_of,
    store_of,
    view_of,
    write_rows,
)
from support.redis_nodes import PASSWORD, USER, Node, one_node, tls_cluster
from support.waiting import within
from validation.errors import SettingError, Unreachable

pytestmark = pytest.mark.slow(minutes=1)

OFFERS = "fleet__offers"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with one_node(tmp_path / "node") as started:
        yield started


JOB = """
import sys
from pathlib import Path
from support.held_writer import hold_in_the_middle
from support.online_store import HOUR, NOON, FeatureStore, quiet, settings_of
from validation.errors import Unreachable
hold_in_the_middle()
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
    write_rows(source, *(row(f"P{number}", NOON, number, **WHOLE) for number in range(20_000)))
    store = store_of(settings_of(tmp_path / "a", address), [view_of(source)])
    job = subprocess.Popen(
        [sys.executable, "-c", JOB, str(tmp_path / "a"), address],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert job.stdout is not None
    assert job.stdout.readline() == HELD
    with node.client() as client:
        assert within(60, lambda: client.dbsize() > 1_000)
        assert client.dbsize() < 20_000
    node.kill()
    told, _ = job.communicate("go on\n", timeout=60)
    assert (job.returncode, told) == (6, f"Redis at {address} does not answer (ConnectionError).")
    node.start()
    clean = store_of(settings_of(tmp_path / "b", redis_connection), [view_of(source)])
    for each in (store, clean):
        with quiet():
            each.materialize(NOON - HOUR, NOON)
    assert len(hashes(redis_connection)) == 20_000
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
    patient = settings_of(tmp_path, f"127.0.0.1:{node.port}")
    Ours(patient, view_of(tmp_path / "f")).write(row("P1", NOON, 1))
    ours = Ours(config, view_of(tmp_path / "f"))
    with node.client() as client:
        client.execute_command("CLIENT", "PAUSE", 10_000)
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


def test_a_read_whose_log_entry_was_answered_too_late_is_counted_once(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = settings_of(tmp_path, f"127.0.0.1:{node.port}", answer_seconds=0.4)
    ours = Ours(config, view_of(tmp_path / "f"))
    ours.write(row("P1", NOON, 1))
    log = ours.store._log

    def log_while_it_stands_still(*arguments: Any) -> None:
        assert node.process is not None
        node.process.send_signal(signal.SIGSTOP)
        try:
            log(*arguments)
        finally:
            node.process.send_signal(signal.SIGCONT)

    with monkeypatch.context() as patch:
        patch.setattr(ours.store, "_log", log_while_it_stands_still)
        ours.offers("P1")
    ours.offers("P1")
    with node.client() as client:
        assert client.xlen("roadside:test:reads") > 2  # the first read's entry is there again
    kept = AccessLog(Ops(f"sqlite:///{tmp_path}/ops.db"))
    assert drain(ours.store.link(config), "test", kept) == 2
    assert len(kept.reads()) == 2


def test_of_the_entries_that_wait_only_those_that_failed_wait_on(node: Node, tmp_path: Path) -> None:
    ours = Ours(settings_of(tmp_path, f"127.0.0.1:{node.port}"), view_of(tmp_path / "f"))
    ours.write(row("P1", NOON, 1))
    bad = Command(b"other", packed("INCR", "other"))
    with node.client() as client:
        client.set("other", "no number")
        ours.store._unlogged.append(bad)
        ours.offers("P1")
        assert list(ours.store._unlogged) == [bad]
        assert client.xlen("roadside:test:reads") == 1


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
        online = store._get_provider().online_store
        assert all(key_count(node) > 400 for node in cluster.nodes)
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


def key_count(node: Node) -> int:
    """How many keys the node holds."""
    with redis.Redis("127.0.0.1", node.port, username=USER, password=PASSWORD) as client:
        return int(client.dbsize())
