"""Intervals replaced in a table that others commit to meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lakehouse.branches import Moved, Staged, drop_branches, fork, head_of, move_main
from lakehouse.table_upkeep import compact
from lakehouse.tables import Lakehouse
from support.frames import frame_of
from validation.clocks import TICK, Interval
from validation.contract import Column, Type
from validation.contracts.tiles.traffic_15m import TRAFFIC_15M as TABLE
from validation.errors import CheckFailed

pytestmark = pytest.mark.slow(minutes=1)

TAGS = count()
START, DAY = datetime(2026, 3, 1, tzinfo=UTC), timedelta(days=1)


@pytest.fixture(scope="module")
def tables(spark: SparkSession) -> Iterator[Lakehouse]:
    """The lake, with the table; each test writes to days of its own."""
    lakehouse = Lakehouse(spark)
    lakehouse.create(TABLE)
    yield lakehouse
    spark.sql(f"DROP TABLE IF EXISTS {lakehouse.identifier(TABLE)} PURGE")


@pytest.fixture(scope="module")
def days() -> Iterator[Interval]:
    """One day after another."""
    return (Interval(START + n * DAY, START + (n + 1) * DAY) for n in count())


@pytest.fixture
def day(days: Iterator[Interval]) -> Interval:
    """A day in which nothing was written yet."""
    return next(days)


@pytest.fixture
def made(tables: Lakehouse, day: Interval) -> Interval:
    """A day with the rows 1 and 2, known at its first tick."""
    tables.replace(TABLE, day, rows(tables, day), "made")
    return day


def tick(day: Interval, number: int = 0) -> Interval:
    return Interval(day.start + number * TICK, day.start + (number + 1) * TICK)


def rows(lakehouse: Lakehouse, interval: Interval, amounts: Sequence[int] = (1, 2)) -> DataFrame:
    """A row per amount, known at the interval's first tick."""
    known = interval.start + TICK
    return frame_of(
        lakehouse.spark,
        TABLE,
        [
            {"zone_id": f"zone{n}", "amount": amount, "known_at": known, "tile_at": known, "counts_at": known}
            for n, amount in enumerate(amounts)
        ],
    )


def meanwhile(lakehouse: Lakehouse, interval: Interval, *amounts: int) -> None:
    """Another run, which knows that the run `slow` is alive, replaces an interval."""
    frame = rows(lakehouse, interval, amounts)
    lakehouse.publish(lakehouse.stage(TABLE, interval, frame, "quick", alive=lambda: {"slow", "quick"}))


def amounts(lakehouse: Lakehouse, interval: Interval) -> list[int]:
    found = lakehouse.read_known(TABLE, interval).select("amount").collect()
    return sorted(row.amount for row in found)


def branches(lakehouse: Lakehouse) -> set[str]:
    refs = lakehouse.spark.sql(
        f"SELECT name FROM {lakehouse.identifier(TABLE)}.refs WHERE type = 'BRANCH'"
    ).collect()
    return {row.name for row in refs}


def files(lakehouse: Lakehouse) -> set[str]:
    found = lakehouse.spark.sql(f"SELECT file_path FROM {lakehouse.identifier(TABLE)}.files").collect()
    return {row.file_path for row in found}


@pytest.mark.parametrize("is_tick", [False, True], ids=["a day", "a tick"])
def test_an_interval_is_replaced_left_and_emptied(
    tables: Lakehouse, days: Iterator[Interval], made: Interval, is_tick: bool
) -> None:
    """By other rows, by the same in another order, and by none; its neighbour keeps its rows."""
    interval = tick(made) if is_tick else made
    neighbour = tick(made, 1) if is_tick else next(days)
    tables.replace(TABLE, neighbour, rows(tables, neighbour, [8]), "neighbour")

    other = tables.replace(TABLE, interval, rows(tables, interval, [7, 9]), "other")
    assert (other.rows, other.is_changed, other.snapshot_id) == (2, True, tables.head(TABLE))
    assert amounts(tables, interval) == [7, 9]

    before = files(tables)
    backwards = rows(tables, interval, [7, 9]).orderBy(F.desc("zone_id"))
    same = tables.replace(TABLE, interval, backwards, "same")
    assert (same.rows, same.is_changed, same.snapshot_id) == (2, False, other.snapshot_id)
    assert files(tables) == before

    none = tables.replace(TABLE, interval, rows(tables, interval, []), "none")
    assert (none.rows, none.is_changed, amounts(tables, interval)) == (0, True, [])
    assert amounts(tables, neighbour) == [8]
    assert branches(tables) == {"main"}


def test_a_table_is_read_as_it_was(tables: Lakehouse, made: Interval) -> None:
    """A column that it gained since is null in it, as on main."""
    before = tables.heads([TABLE])[TABLE.name]
    tables.replace(TABLE, made, rows(tables, made, [7]), "later")
    as_it_was = tables.read_known(TABLE, made, at=before)
    assert sorted(row.amount for row in as_it_was.collect()) == [1, 2]
    assert amounts(tables, made) == [7]
    gained = Column("gained", Type.LONG, "Nothing.")
    wider = replace(TABLE, columns=(*TABLE.columns, gained))
    read = tables.read(wider, at=before).where(f"known_date = DATE '{made.known_dates()[0]}'")
    assert read.columns == [*TABLE.column_names, "gained"]
    assert sorted((row.amount, row.gained) for row in read.collect()) == [(1, None), (2, None)]


def test_a_key_that_repeats_stops_the_interval_and_two_keys_of_one_hash_do_not(
    tables: Lakehouse, day: Interval, monkeypatch: pytest.MonkeyPatch
) -> None:
    twice = rows(tables, day).unionByName(rows(tables, day, [3]))
    with pytest.raises(CheckFailed, match="unique_key: 1 of 3 rows"):
        tables.replace(TABLE, day, twice, "twice")
    monkeypatch.setattr("lakehouse.tables._ROWS_OF_A_TASK", 0)
    with pytest.raises(CheckFailed, match="unique_key: 1 of 3 rows"):
        tables.replace(TABLE, day, twice, "twice")
    monkeypatch.setattr("lakehouse.tables._hash_of", lambda keys: f"pmod(xxhash64({keys}), 1)")
    with pytest.raises(CheckFailed, match="unique_key: 1 of 3 rows"):
        tables.replace(TABLE, day, twice, "twice")
    assert tables.replace(TABLE, day, rows(tables, day), "once").rows == 2


def test_a_day_is_published_although_ticks_went_on(
    tables: Lakehouse, made: Interval, days: Iterator[Interval]
) -> None:
    live = tick(next(days))
    staged = tables.stage(TABLE, made, rows(tables, made, [5, 6]), "slow")
    meanwhile(tables, live, 9)
    assert branches(tables) == {"main", "run_slow"}, "a run spares the branch of one that is alive"
    tables.publish(staged)
    assert branches(tables) == {"main"}
    assert [amounts(tables, each) for each in (made, live)] == [[5, 6], [9]]


def test_rows_found_unchanged_are_looked_at_again_if_the_table_moved(
    tables: Lakehouse, made: Interval
) -> None:
    """The other run may have replaced the very rows that were the same."""
    staged = tables.stage(TABLE, made, rows(tables, made), "slow")
    assert not staged.is_changed
    meanwhile(tables, made, 7)
    with pytest.raises(Moved):
        tables.publish(staged)
    assert amounts(tables, made) == [7]


class Overtaken:
    """An Iceberg table to which another commit, a tag or a branch, comes between the beginning of a change
    and its end, once."""

    def __init__(self, tables: Lakehouse, branch: str = "") -> None:
        self._table = tables.iceberg(TABLE)
        self._others = [tables.iceberg(TABLE)]
        self._branch = branch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._table, name)

    def manageSnapshots(self) -> Any:
        begun = self._table.manageSnapshots()
        for other in self._others:
            manage, head = other.manageSnapshots(), other.currentSnapshot().snapshotId()
            create = manage.createBranch if self._branch else manage.createTag
            create(self._branch or f"other{next(TAGS)}", head).commit()
        self._others = []
        return begun


def test_branches_change_although_another_commit_comes_between(tables: Lakehouse, made: Interval) -> None:
    main = tables.head(TABLE)
    fork(Overtaken(tables), "run_mine", main)
    assert head_of(tables.iceberg(TABLE), "run_mine") == main
    move_main(Overtaken(tables), Staged(TABLE, "run_mine", main, False, False, 2, {}))
    assert head_of(tables.iceberg(TABLE), "run_mine") is None
    fork(tables.iceberg(TABLE), "run_left", main)
    asked: list[set[str]] = []

    def alive() -> set[str]:
        """The run `new` begins meanwhile, and its branch is what comes between."""
        asked.append(set() if not asked else {"new"})
        return asked[-1]

    drop_branches(Overtaken(tables, "run_new"), alive)
    assert head_of(tables.iceberg(TABLE), "run_left") is None
    assert head_of(tables.iceberg(TABLE), "run_new") == main
    assert len(asked) == 2


def test_a_run_that_was_taken_for_dead_is_staged_again(
    tables: Lakehouse, made: Interval, days: Iterator[Interval]
) -> None:
    dead = tables.stage(TABLE, made, rows(tables, made, [3]), "dead")
    meanwhile(tables, tick(next(days)), 8)
    assert branches(tables) == {"main"}
    with pytest.raises(Moved):
        tables.publish(dead)
    assert amounts(tables, made) == [1, 2]


def test_a_tick_that_another_run_overtook_is_staged_again(
    tables: Lakehouse, made: Interval, days: Iterator[Interval]
) -> None:
    live = tick(next(days))
    staged = tables.stage(TABLE, live, rows(tables, live, [9]), "slow")
    meanwhile(tables, made, 4)
    head = tables.head(TABLE)
    with pytest.raises(Moved, match="published by another process meanwhile"):
        tables.publish(staged)
    assert (tables.head(TABLE), amounts(tables, live)) == (head, [])


def test_a_day_that_another_run_replaced_meanwhile_is_staged_again(tables: Lakehouse, made: Interval) -> None:
    staged = tables.stage(TABLE, made, rows(tables, made, [5]), "slow")
    meanwhile(tables, made, 6)
    with pytest.raises(Moved):
        tables.publish(staged)
    assert amounts(tables, made) == [6]


def test_a_day_compacted_meanwhile_is_staged_again(tables: Lakehouse, made: Interval) -> None:
    tables.replace(TABLE, tick(made, 1), rows(tables, tick(made, 1), [3]), "more")
    staged = tables.stage(TABLE, made, rows(tables, made, [5]), "slow")
    digest, before = tables.digest(TABLE), files(tables)
    assert compact(tables, TABLE, made.end.date()) > 1
    assert tables.digest(TABLE) == digest
    assert len(files(tables)) < len(before)
    with pytest.raises(Moved):
        tables.publish(staged)
    assert amounts(tables, made) == [1, 2, 3]


def test_the_first_rows_of_a_table_after_none_staged_twice_are_published_once(
    lakehouse: Lakehouse, day: Interval
) -> None:
    """Last: the fixture drops the table."""
    lakehouse.spark.sql(f"DROP TABLE {lakehouse.identifier(TABLE)} PURGE")
    lakehouse.create(TABLE)
    nothing = lakehouse.replace(TABLE, day, rows(lakehouse, day, []), "empty")
    assert (nothing.rows, nothing.is_changed, nothing.snapshot_id) == (0, False, None)
    staged = lakehouse.stage(TABLE, day, rows(lakehouse, day), "slow")
    meanwhile(lakehouse, day, 1, 2)
    with pytest.raises(Moved):
        lakehouse.publish(staged)
    assert amounts(lakehouse, day) == [1, 2]
