from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import inspect, text

from lakehouse.access_log import Access, AccessLog
from lakehouse.ops import Ops

AT = datetime(2026, 3, 10, 14, 7, tzinfo=UTC)
DAY = timedelta(days=1)


def read(number: int, decision: str = "") -> Access:
    return Access(
        f"p:{number}", AT + timedelta(seconds=number), "matcher", decision, "dispatch", "eta_v1", {"v": []}
    )


def test_a_read_told_twice_is_kept_once(ops: Ops) -> None:
    log = AccessLog(ops)
    assert log.add([read(1), read(2, "J7")]) == 2
    assert log.add([read(2, "J7"), read(3), read(3)]) == 1
    assert [each.access_id for each in log.reads()] == ["p:1", "p:2", "p:3"]
    assert log.reads("J7") == [read(2, "J7")]
    assert log.add([]) == 0


def test_a_database_made_before_the_log_gains_its_table(database_url: str) -> None:
    AccessLog(Ops(database_url)).reads()
    with Ops(database_url).write() as connection:
        connection.execute(text("DROP TABLE access_log"))
    assert AccessLog(Ops(database_url)).add([read(1)]) == 1


def test_a_database_made_before_decisions_had_an_instant_gains_the_columns(database_url: str) -> None:
    AccessLog(Ops(database_url)).add([read(1)])
    with Ops(database_url).write() as connection:
        connection.execute(text("DROP INDEX access_log_by_instant"))
        for column in ("decided_at", "answers"):
            connection.execute(text(f"ALTER TABLE access_log DROP COLUMN {column}"))
    log = AccessLog(Ops(database_url))
    later = replace(read(2), decided_at=AT - DAY, answers={"v": {"through": None, "rows": []}})
    assert log.add([later]) == 1
    assert log.reads() == [read(1), later]
    with Ops(database_url).write() as connection:
        assert "access_log_by_instant" in {
            each["name"] for each in inspect(connection).get_indexes("access_log")
        }


def test_reads_are_found_by_the_instant_of_their_decision(ops: Ops) -> None:
    log = AccessLog(ops)
    first, second = (replace(read(n), decided_at=AT - DAY + n * timedelta(hours=1)) for n in (1, 2))
    other = replace(read(3), decided_at=AT - DAY, service="eta_v2")
    log.add([second, first, other, read(4)])
    assert list(log.decided("eta_v1", AT - DAY, AT)) == [first, second]
    assert list(log.decided("eta_v1", first.decided_at, second.decided_at)) == [first]
    assert list(log.decided("eta_v1", AT, AT + DAY)) == [read(4)]
    assert (log.last_decision("eta_v2"), log.last_decision("eta_v3")) == (AT - DAY, None)
