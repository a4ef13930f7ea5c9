"""Commands that work on one thing after the other: one that breaks keeps none back, the gravest is told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from lakehouse.branches import Moved
from lakehouse.landing_ledger import LandingLedger
from lakehouse.ops import Ops
from lakehouse.settings import Settings
from roadside.publication import Published
from validation.contract import Table
from validation.errors import Busy, CheckFailed, RoadsideError, Unreachable

TABLES = ("silver.jobs", "silver.offers", "silver.assignments", "silver.job_waits")


@pytest.fixture
def compacted(
    settings: Settings, run: Callable, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, list[str], str]]:
    """`roadside compact` of four tables, some of which raise: its exit code, what it asked, what it said.

    One source is a day behind. The whole of what landed is not asked for.
    """

    def answer(errors: dict[str, Exception]) -> tuple[int, list[str], str]:
        asked: list[str] = []

        class Upkeep:
            def __init__(self, *_: Any, **__: Any) -> None:
                pass

            def compact(self, table: Table, before: date) -> int:
                asked.append(f"{table.name} before {before}")
                if table.name in errors:
                    raise errors[table.name]
                return 3

        lakehouse = SimpleNamespace(exists=lambda table: table.name != "silver.job_waits")
        runner = SimpleNamespace(lakehouse=lakehouse, ops=None)
        monkeypatch.setattr("roadside.spark_runner.open_runner", lambda settings: runner)
        monkeypatch.setattr("roadside.table_maintenance.Maintenance", Upkeep)
        monkeypatch.setattr("roadside.standing.standing", lambda settings: pytest.fail("all was read"))
        monkeypatch.setattr(LandingLedger, "reconcile", lambda *_: pytest.fail("all was read"))
        settings.home.mkdir(parents=True, exist_ok=True)
        ledger = LandingLedger(Ops(settings.ops_url))
        for source, day in (("gps_pings", 10), ("traffic_speeds", 9)):
            ledger.close(source, datetime(2026, 3, day, 12, tzinfo=UTC))
        found = run("compact", *(word for name in TABLES for word in ("--table", name)))
        return found.code, asked, found.out + found.err

    return answer


def test_every_table_that_is_there_is_compacted(compacted: Callable) -> None:
    code, asked, told = compacted({"silver.offers": Moved("It moved.")})
    assert (code, asked) == (0, [f"{name} before 2026-03-10" for name in TABLES[:3]])
    assert "replaced meanwhile; the next compaction takes it" in told
    assert "6 files of 2 tables rewritten." in told


def test_a_table_that_is_busy_keeps_no_other_from_being_compacted(compacted: Callable) -> None:
    code, asked, told = compacted({"silver.jobs": CheckFailed("Bad."), "silver.offers": Busy("Taken.")})
    assert (code, len(asked)) == (Busy.exit_code, 3)
    assert "Bad." in told
    assert "Taken." in told
    assert "3 files of 1 table rewritten." in told


def test_a_table_that_breaks_keeps_no_other_back_and_its_words_unsaid(compacted: Callable) -> None:
    code, asked, told = compacted(
        {"silver.jobs": ValueError("a row's value"), "silver.offers": Busy("Taken.")}
    )
    assert (code, len(asked)) == (70, 3)
    assert "ValueError: not foreseen; the others go on" in told
    assert "a row's value" not in told


@pytest.mark.parametrize(
    ("errors", "code"),
    [
        ((CheckFailed("Bad."), None, Unreachable("Away.")), 6),
        ((Unreachable("Away."), CheckFailed("Bad."), None), 6),
        ((None, None, None), 0),
    ],
)
def test_what_could_not_be_published_is_told_by_the_gravest(
    errors: tuple[RoadsideError | None, ...], code: int, run: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = [SimpleNamespace(error=each, forget=lambda: None) for each in errors]
    monkeypatch.setattr("roadside.publication_sources.all_sources", lambda settings: sources)
    monkeypatch.setattr("roadside.publication.left_out", lambda source: None)
    monkeypatch.setattr("roadside.publication.targets", lambda settings, asked: ["s3"])
    monkeypatch.setattr(
        "roadside.publication.publish",
        lambda settings, source, target, **_: Published("eta_v1", target, "created", error=source.error),
    )
    assert run("publish", "--all", "--json").code == code
