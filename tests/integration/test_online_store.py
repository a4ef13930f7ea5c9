"""Our online store over real Redis servers: the stock layout both ways, order of rows, faults, the log."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from itertools import count, permutations
from pathlib import Path
from typing import Any

import pytest
from feast import FeatureStore
from feast.infra.online_stores.helpers import _redis_key
from feast.infra.online_stores.redis import RedisOnlineStore
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feast_plugins import online
from feast_plugins.read_log import drain, mark_of, reading
from feast_plugins.view_state import ViewState
from feast_plugins.wire import NULL_MOMENT
from lakehouse.access_log import AccessLog
from lakehouse.ops import Ops
from lakehouse.redis_server import RedisAddress
from support.online_store import (
    FEATURES,
    HOUR,
    KEY,
    NOON,
    WHOLE,
    Ours,
    hashes,
    key_of,
    protos,
    quiet,
    read,
    row,
    settings_of,
    statuses,
    store_of,
    view_of,
    write_rows,
)
from validation.errors import SettingError, Unreachable, UserError

OFFERS = "fleet__offers"
_number = count()


@pytest.fixture
def ours(tmp_path: Path, redis_connection: str) -> Ours:
    return Ours(settings_of(tmp_path, redis_connection, clock="data"), view_of(tmp_path / "fleet.parquet"))


ROWS = (row("P1", NOON, 3, **WHOLE), row("P2", NOON, 4, seen_at=[], drivers=[]), row("P3", NOON, None))


def test_hashes_are_those_that_stock_feast_writes(ours: Ours, tmp_path: Path, redis_connection: str) -> None:
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
    by_stock = {
        key: {name: b"" if value == NULL_MOMENT else value for name, value in content.items()}
        for key, content in hashes(redis_connection).items()
    }
    assert by_columns == by_values == by_stock


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
    rows_of = st.tuples(moments, created, st.sampled_from(["columns", "values"]))

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(st.lists(rows_of, min_size=1, max_size=4), min_size=1, max_size=4))
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


def test_a_row_that_stock_wrote_counts_as_never_revised(
    ours: Ours, tmp_path: Path, redis_connection: str
) -> None:
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


def test_a_null_moment_as_stock_writes_it_is_a_null(ours: Ours) -> None:
    closing = protos(ours.view, row("P1", NOON, None))
    assert closing[0][1]["tick_at"].SerializeToString() == NULL_MOMENT
    ours.write_protos(row("P1", NOON, None))
    assert ours.state.live_keys("fleet") == []
    RedisOnlineStore().online_write_batch(
        ours.config, ours.view, protos(ours.view, row("P2", NOON, None)), None
    )
    [(_, values)] = ours.store.online_read(ours.config, ours.view, [key_of(ours.view, "P2")])
    assert {name for name, value in values.items() if value.WhichOneof("val")} == set()


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


def test_a_view_without_a_ttl_is_refused_unless_hashes_are_kept_for_ever(
    tmp_path: Path, redis_connection: str
) -> None:
    view = view_of(tmp_path / "f", ttl=timedelta(0))
    with pytest.raises(SettingError, match="fleet's values, which never expire: it has no ttl"):
        Ours(settings_of(tmp_path, redis_connection), view).write(row("P1", NOON, 1))
    assert hashes(redis_connection) == {}
    for_ever = Ours(settings_of(tmp_path, redis_connection, key_ttl_seconds=None), view)
    Ours(settings_of(tmp_path, redis_connection), view_of(tmp_path / "f")).write(row("P1", NOON - HOUR, 1))
    for_ever.write(row("P1", NOON, 1))
    for_ever.store.complete(for_ever.config, view, NOON + timedelta(days=400))
    with RedisAddress.parse(redis_connection).client() as client:
        [key] = for_ever.state.live_keys("fleet")
        assert client.ttl(key) == -1
    assert for_ever.offers("P1") == (NOON, 1)


def test_a_row_of_some_features_is_refused_and_nothing_written(ours: Ours) -> None:
    ours.write(row("P1", NOON, 1, ratio=0.5))
    whole = protos(ours.view, row("P2", NOON + HOUR, 7), row("P1", NOON + HOUR, 7))
    key, values, moment, created = whole[1]
    partial = (key, {"offers": values["offers"]}, moment, created)
    with pytest.raises(UserError, match=r"1 of 2 rows of fleet lack drivers, is_tow, ratio, .*tick_at"):
        ours.store.online_write_batch(ours.config, ours.view, [whole[0], partial], None)
    assert (ours.offers("P1"), ours.offers("P2")) == ((NOON, 1), None)


def test_a_null_key_is_refused_before_anything_is_written(ours: Ours, redis_connection: str) -> None:
    with pytest.raises(UserError, match="provider_id is null in 1 of 2 rows"):
        ours.write(row("P1", NOON, 1), row("P2", NOON, 1) | {KEY: None})
    assert hashes(redis_connection) == {}


def test_a_write_that_fails_half_way_holds_no_connection(
    ours: Ours, redis_connection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(online, "ROWS_AT_ONCE", 1)
    with pytest.raises(UserError, match="provider_id is null"):
        ours.write(row("P1", NOON, 1), row("P2", NOON, 1) | {KEY: None})
    pool = ours.store.link(ours.config).client.connection_pool
    assert len(pool._in_use_connections) == 0
    with RedisAddress.parse(redis_connection).client() as client:
        client.set(_redis_key("test", key_of(ours.view, "P2")), "no hash")
    with pytest.raises(Unreachable, match=r"refuses: .*WRONGTYPE"):
        ours.write(row("P1", NOON, 1), row("P2", NOON, 1), row("P3", NOON, 1), row("P4", NOON, 1))
    assert len(pool._in_use_connections) == 0
    assert ours.offers("P1") == (NOON, 1)


def test_a_view_taken_out_leaves_no_field_behind(ours: Ours, redis_connection: str) -> None:
    other = Ours(ours.config, view_of(Path("other.parquet"), "other"))
    ours.write(row("P1", NOON, 1), row("P2", NOON, None), row("P3", NOON, None))
    other.write(row("P1", NOON, 2), row("P2", NOON, 2))
    ours.store.complete(ours.config, ours.view, NOON)
    ours.store.delete_table(ours.config, ours.view)
    with RedisAddress.parse(redis_connection).client() as client:
        for key in other.state.live_keys("other"):  # of P2 the deleted view had a closing row
            assert len(client.hgetall(key)) == len(FEATURES) + 2
        assert client.keys("*fleet*") == []
    assert len(hashes(redis_connection)) == 2
    assert ours.state.complete_through() == {}
    assert ours.state.live_keys("fleet") == []
    assert other.offers("P1") == (NOON, 2)


NEWER_FIELDS = (b"read_id", b"decided_at", b"answers")
"""Of a log entry, what an earlier reader does not tell."""


def test_a_project_torn_down_keeps_no_marker(ours: Ours, redis_connection: str) -> None:
    ours.write(row("P1", NOON, 1))
    ours.store.complete(ours.config, ours.view, NOON)
    ours.store.teardown(ours.config, [ours.view], [])
    with RedisAddress.parse(redis_connection).client() as client:
        assert client.keys() == []


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


def test_a_logged_read_tells_by_marks_whose_rows_it_found_and_when_it_was_decided(
    served: FeatureStore, tmp_path: Path
) -> None:
    link = served._get_provider().online_store.link(served.config)
    with reading(decision="J7-2", decided_at=NOON + HOUR):
        read(served, "P1", "P2", "P9")
    read(served, "P1")
    with RedisAddress.parse(link.where).client() as client:
        raw = client.xrange("roadside:test:reads")
        old = {name: value for name, value in raw[0][1].items() if name not in NEWER_FIELDS}
        client.xadd("roadside:test:reads", old)
    log = AccessLog(Ops(f"sqlite:///{tmp_path}/ops.db"))
    assert drain(link, "test", log) == 3
    (of_old_reader,) = (each for each in log.reads() if each.answers is None)
    decided, undecided = (each for each in log.reads() if each.answers is not None)
    assert (decided.decided_at, undecided.decided_at) == (NOON + HOUR, NOON)  # by the data's clock
    assert (of_old_reader.decided_at, of_old_reader.answers) == (None, None)
    assert of_old_reader.views == decided.views
    view = view_of(tmp_path / "fleet.parquet")
    marks = {name: mark_of(_redis_key("test", key_of(view, name))) for name in ("P1", "P2", "P9")}
    assert (
        decided.answers["fleet"]
        == decided.answers["other"]
        == {
            "through": NOON.isoformat(),
            "rows": [
                {
                    "standing": standing,
                    "available_at": None if at is None else at.isoformat(),
                    "revised_at": None if revised is None else revised.isoformat(),
                    "entities": [marks[name]],
                }
                for name, standing, at, revised in (
                    ("P1", "served", NOON, NOON + HOUR),
                    ("P2", "served", NOON - HOUR, NOON - HOUR),
                    ("P9", "absent", None, None),
                )
            ],
        }
    )
    assert b"P1" not in b"".join(raw[0][1].values())


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
    before = datetime.now(UTC)
    assert statuses(by_wall, "P1")["offers"] == "OUTSIDE_MAX_AGE"
    log = AccessLog(Ops(f"sqlite:///{tmp_path}/ops.db"))
    drain(by_wall._get_provider().online_store.link(by_wall.config), "test", log)
    (logged,) = log.reads()
    assert before <= logged.decided_at <= logged.at
    assert [row["standing"] for row in logged.answers["fleet"]["rows"]] == ["outlived"]
    assert logged.views["fleet"] == []


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


def test_a_row_that_is_told_after_its_entity_was_closed_brings_nobody_back(
    ours: Ours, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell = ViewState.add_live

    def tell_late(state: ViewState, *standing: Any) -> None:
        monkeypatch.undo()
        ours.write(row("P1", NOON + HOUR, None))  # another writer's, between the rows and who lives
        tell(state, *standing)

    monkeypatch.setattr(ViewState, "add_live", tell_late)
    ours.write(row("P1", NOON, 1))
    assert ours.state.live_counts("fleet", NOON) == (0, 0)
    assert ours.state.live_keys("fleet") == []


def test_who_lives_is_told_by_the_greatest_row_in_whatever_order(ours: Ours) -> None:
    lives, closed = ours.state.add_live, ours.state.close
    told = [(1, b"1", lives), (1, b"2", closed), (2, b"1", closed), (2, b"2", lives)]
    for number, order in enumerate(permutations(told)):
        for moment, created, tell in order:
            tell("fleet", [b"P%d" % number], [moment], [created])
    assert len(ours.state.live_keys("fleet")) == 24
    for number, order in enumerate(permutations([*told, (3, b"1", closed)])):
        for moment, created, tell in order:
            tell("other", [b"P%d" % number], [moment], [created])
    assert ours.state.live_keys("other") == []


def test_a_closed_entity_is_forgotten_after_a_time_to_live(ours: Ours, redis_connection: str) -> None:
    ours.write(row("P1", NOON, 1), row("P2", NOON, None), row("P3", NOON + HOUR, None))
    ours.store.complete(ours.config, ours.view, NOON + timedelta(days=2, microseconds=1))
    with RedisAddress.parse(redis_connection).client() as client:
        assert client.zcard("roadside:test:live:fleet") == 2
        assert client.hlen("roadside:test:created:{roadside:test:live:fleet}") == 2
    assert len(ours.state.live_keys("fleet")) == 1


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
