from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import create_engine, text

from lakehouse.access_log import Access, AccessLog
from lakehouse.ops import Ops

AT = datetime(2026, 3, 10, 14, 7, tzinfo=UTC)


def read(number: int, decision: str = "") -> Access:
    return Access(
        f"p:{number}", AT + timedelta(seconds=number), "matcher", decision, "dispatch", "eta_v1", {"v": []}
    )


def test_a_read_told_twice_is_kept_once(tmp_path: Path) -> None:
    log = AccessLog(Ops(f"sqlite:///{tmp_path}/ops.db"))
    assert log.add([read(1), read(2, "J7")]) == 2
    assert log.add([read(2, "J7"), read(3), read(3)]) == 1
    assert [each.access_id for each in log.reads()] == ["p:1", "p:2", "p:3"]
    assert log.reads("J7") == [read(2, "J7")]
    assert log.add([]) == 0


def test_a_database_made_before_the_log_gains_its_table(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ops.db"
    AccessLog(Ops(url)).reads()
    with create_engine(url).begin() as connection:
        connection.execute(text("DROP TABLE access_log"))
    assert AccessLog(Ops(url)).add([read(1)]) == 1
