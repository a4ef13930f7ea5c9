import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from subprocess import Popen

import pytest

from lakehouse.landing_ledger import LandingLedger, ObjectOutcome, ObjectStatus
from lakehouse.object_store import LandedObject
from lakehouse.ops import Ops
from validation.clocks import Interval
from validation.errors import Defect, UserError

SOURCE = "dispatch_events"


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-03-10T{clock}").replace(tzinfo=UTC)


def landed(clock: str, ident: str = "a", source: str = SOURCE) -> LandedObject:
    moment = at(clock)
    folder = f"landing/{source}/{moment:%Y/%m/%d/%H}"
    return LandedObject(f"{folder}/{source}-{moment:%Y-%m-%d-%H-%M-%S}-{ident}.json.gz", moment, 10)


def whole(start: str, end: str) -> Interval:
    return Interval(at(start), at(end))


def outcome(key: str, lines: int = 3, bronze: int = 2, bad: int = 1) -> ObjectOutcome:
    reasons = {"not JSON": bad} if bad else {}
    return ObjectOutcome(key, ObjectStatus.OK, lines, bronze, bad, reasons, 100, 1)


@pytest.fixture
def ledger(ops: Ops) -> LandingLedger:
    return LandingLedger(ops)


def ticks(ledger: LandingLedger, start: str = "00:00", end: str = "23:45") -> list[str]:
    return [f"{entry.known_at:%H:%M}" for entry in ledger.objects(SOURCE, whole(start, end))]


def test_an_object_is_known_at_the_end_of_the_tick_of_its_stamp(ledger: LandingLedger) -> None:
    added = ledger.register(SOURCE, [landed("17:14:59"), landed("17:15:00")], at("17:30"))
    assert [f"{entry.known_at:%H:%M}" for entry in added] == ["17:15", "17:30"]


def test_an_object_stamped_at_or_after_until_waits(ledger: LandingLedger) -> None:
    objects = [landed("17:29"), landed("17:30")]
    assert len(ledger.register(SOURCE, objects, at("17:30"))) == 1
    assert len(ledger.register(SOURCE, objects, at("17:45"))) == 1
    assert ticks(ledger) == ["17:30", "17:45"]


def test_a_straggler_belongs_to_the_first_tick_not_closed(ledger: LandingLedger) -> None:
    ledger.register(SOURCE, [landed("17:10")], at("17:30"))
    ledger.close(SOURCE, at("17:30"))
    (straggler,) = ledger.register(SOURCE, [landed("17:10"), landed("17:12", "late")], at("17:45"))
    assert straggler.known_at == at("17:45")
    assert ticks(ledger, "17:00", "17:30") == ["17:15"]


def test_registering_twice_changes_nothing(ledger: LandingLedger) -> None:
    first = ledger.register(SOURCE, [landed("17:10")], at("17:30"))
    ledger.close(SOURCE, at("18:00"))
    again = landed("17:10")
    assert ledger.register(SOURCE, [LandedObject(again.key, again.landed_at, 99)], at("18:15")) == []
    assert ledger.objects(SOURCE, whole("17:00", "18:15")) == first


def test_closing_never_goes_back(ledger: LandingLedger) -> None:
    assert ledger.closed_through(SOURCE) is None
    assert ledger.close(SOURCE, at("17:30")) == at("17:30")
    assert ledger.close(SOURCE, at("17:00")) == at("17:30")
    assert ledger.closed_through(SOURCE) == at("17:30")


def test_sources_are_closed_apart(ledger: LandingLedger) -> None:
    ledger.close("gps_pings", at("18:00"))
    (entry,) = ledger.register(SOURCE, [landed("17:10")], at("18:00"))
    assert entry.known_at == at("17:15")


def test_objects_are_those_known_in_the_interval_in_order(ledger: LandingLedger) -> None:
    ledger.register(SOURCE, [landed("17:20", "b"), landed("17:20", "a"), landed("17:00")], at("18:00"))
    found = ledger.objects(SOURCE, whole("17:15", "17:30"))
    assert [entry.key for entry in found] == [landed("17:20", "a").key, landed("17:20", "b").key]


def test_an_archive_takes_its_ticks_from_the_stamps_even_where_closed(ledger: LandingLedger) -> None:
    ledger.close(SOURCE, at("17:30"))
    added = ledger.register(SOURCE, [landed("16:00"), landed("17:00")], at("17:30"), archive=True)
    assert [f"{entry.known_at:%H:%M}" for entry in added] == ["16:15", "17:15"]
    assert all(entry.is_archive for entry in added)
    assert ledger.register(SOURCE, [landed("16:00")], at("17:30"), archive=True) == []


def test_an_archive_into_ticks_that_hold_objects_is_refused_whole(ledger: LandingLedger) -> None:
    ledger.register(SOURCE, [landed("16:00"), landed("17:00")], at("17:30"))
    with pytest.raises(UserError, match=r"holds 1 other objects known in 1 .*16:15Z to 2026-03-10T16:15Z"):
        ledger.register(SOURCE, [landed("16:01", "b"), landed("16:20", "c")], at("17:30"), archive=True)
    assert ticks(ledger) == ["16:15", "17:15"]


def test_a_bound_off_the_grid_is_refused(ledger: LandingLedger) -> None:
    with pytest.raises(UserError, match="15-minute grid"):
        ledger.register(SOURCE, [], at("17:07"))
    with pytest.raises(UserError, match="15-minute grid"):
        ledger.close(SOURCE, at("17:07"))


def test_an_outcome_recorded_again_replaces_the_first(ledger: LandingLedger) -> None:
    (entry,) = ledger.register(SOURCE, [landed("17:10")], at("17:30"))
    ledger.record_outcome(outcome(entry.key, lines=9))
    ledger.record_outcome(outcome(entry.key))
    (report,) = ledger.reconcile()
    assert (report.lines, report.bronze_rows, report.quarantined_rows) == (3, 2, 1)
    assert report.is_balanced


def test_reconciling_sums_by_source_and_names_objects_that_lost_a_line(ledger: LandingLedger) -> None:
    good, bad, unread = ledger.register(SOURCE, [landed("17:10", ident) for ident in "abc"], at("17:30"))
    (ping,) = ledger.register("gps_pings", [landed("17:10", source="gps_pings")], at("17:30"))
    ledger.record_outcome(outcome(good.key), outcome(bad.key, lines=5), outcome(ping.key, 2, 2, 0))
    dispatch, pings = ledger.reconcile()
    assert (dispatch.objects, dispatch.objects_without_outcome, dispatch.lines) == (3, 1, 8)
    assert dispatch.reasons == {"not JSON": 2}
    assert dispatch.statuses == {"ok": 2}
    assert [lost.key for lost in dispatch.unbalanced] == [bad.key]
    assert not dispatch.is_balanced
    assert unread.key not in {lost.key for lost in dispatch.unbalanced}
    assert pings.is_balanced
    assert ledger.reconcile([SOURCE], whole("17:15", "17:30"))[0].objects == 0


def test_an_outcome_of_an_unknown_object_is_a_defect(ledger: LandingLedger) -> None:
    with pytest.raises(Defect, match="1 of 1"):
        ledger.record_outcome(outcome("landing/x"))


def test_the_ledger_is_rebuilt_from_bronze_and_its_ticks_stay_closed(
    ledger: LandingLedger, tmp_path: Path
) -> None:
    ledger.register(SOURCE, [landed("17:10"), landed("17:20")], at("17:30"))
    pairs = [(entry.key, entry.known_at) for entry in ledger.objects(SOURCE, whole("17:00", "18:00"))]
    again = LandingLedger(Ops(f"sqlite:///{tmp_path}/again.db"))
    assert again.rebuild(pairs) == 2
    assert again.rebuild(pairs) == 0
    (straggler,) = again.register(SOURCE, [landed("17:10"), landed("17:11", "late")], at("18:00"))
    assert straggler.known_at == at("17:45")
    with pytest.raises(Defect, match="another tick"):
        again.rebuild([(pairs[0][0], at("19:00"))])


RACE = """
import json, sys
from datetime import datetime
from lakehouse.landing_ledger import LandingLedger
from lakehouse.object_store import parse_key
from lakehouse.ops import Ops
url, until, *keys = sys.argv[1:]
objects, end = map(parse_key, keys), datetime.fromisoformat(until)
added = LandingLedger(Ops(url)).register("dispatch_events", objects, end)
print(json.dumps([entry.key for entry in added]))
"""


def test_processes_that_register_the_same_objects_at_once_add_each_once(
    database_url: str, start_python: Callable[..., "Popen[str]"]
) -> None:
    keys = [landed(f"17:{minute:02d}").key for minute in range(30)]
    racers = [start_python(RACE, database_url, at("17:30").isoformat(), *keys) for _ in range(4)]
    answers = [racer.communicate(timeout=60) for racer in racers]
    assert [racer.returncode for racer in racers] == [0] * 4, answers
    assert sorted(key for out, _ in answers for key in json.loads(out)) == keys
    assert len(LandingLedger(Ops(database_url)).objects(SOURCE, whole("17:00", "17:30"))) == 30
