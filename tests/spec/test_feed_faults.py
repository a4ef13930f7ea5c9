"""The mutation corpus of feeds: each fault, planted into a span of a simulated city, is caught by the check
named for it, and no line is lost by it; the span as it was alarms nobody."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from ingestion.rows import read_object
from lakehouse.ops import Ops
from lakehouse.quality_ledger import QualityLedger
from roadside.feed_gate import findings, gated
from simulation.city import SimulationConfig, simulate
from support.counted_feeds import Feeds, feeds_in
from validation.clocks import TICK, Interval
from validation.errors import CheckFailed
from validation.feed_checks import OBJECTS, ROWS, Counts, added, judged
from validation.source import Source
from validation.sources import SOURCES, source_named

MONDAY, DAYS = date(2026, 3, 2), 5
END = datetime(2026, 3, 6, 22, tzinfo=UTC)
"""Friday, 15:00 in Denver."""
DAY = timedelta(days=1)
Record = dict[str, Any]
Fault = Callable[[list[Record]], Iterable[Record | bytes]]


@dataclass(frozen=True)
class Damage:
    """A fault of the object's bytes."""

    of: Callable[[bytes], bytes]


@dataclass(frozen=True)
class ChangedFeeds(Feeds):
    """Feeds whose objects a fault may rewrite elsewhere."""

    def changed(self, source: Source, fault: Fault | Damage, root: Path) -> dict[datetime, Counts]:
        """The counts of the span whose objects say what the fault makes of them."""
        for entry in self.entries(source, span_of(source)):
            landed = (self.root / entry.key).read_bytes()
            path = root / entry.key
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(fault, Damage):
                path.write_bytes(fault.of(landed))
            else:
                path.write_bytes(gzip.compress(_with_fault(source, gzip.decompress(landed), fault), 1))
        return self.counted(source, span_of(source), root)


def span_of(source: Source, days_before: int = 0) -> Interval:
    end = END - days_before * DAY
    return Interval(end - source.checked_over, end)


def _with_fault(source: Source, payload: bytes, fault: Fault) -> bytes:
    lines = payload.split(b"\n")
    if source.name == "traffic_speeds":
        header, *rows = lines
        names = header.decode().split(",")
        records = [dict(zip(names, row.decode().split(","), strict=True)) for row in rows if row]
        changed = [each for each in fault(records) if isinstance(each, dict)]
        names = list(changed[0]) if changed else names
        return "\n".join([",".join(names), *(",".join(map(str, each.values())) for each in changed)]).encode()
    records = []
    for line in lines:
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(record, dict):
            records.append(record)
    changed_lines = [each if isinstance(each, bytes) else orjson.dumps(each) for each in fault(records)]
    return b"\n".join([*changed_lines, b""])


@pytest.fixture(scope="module")
def feeds(tmp_path_factory: pytest.TempPathFactory) -> ChangedFeeds:
    root = tmp_path_factory.mktemp("feeds")
    simulate(
        SimulationConfig(
            start=MONDAY, days=DAYS, providers=24, jobs_per_day=300, ping_seconds=120, pings_days=DAYS
        ),
        root,
    )
    return ChangedFeeds(**vars(feeds_in(root)))


@pytest.fixture(scope="module")
def past(feeds: ChangedFeeds) -> dict[str, dict[datetime, Counts]]:
    """The same span of the days before, by source."""
    return {
        source.name: {
            tick: counts
            for n in range(1, DAYS)
            for tick, counts in feeds.counted(source, span_of(source, n)).items()
        }
        for source in SOURCES
    }


def alarms(source: Source, known: dict[datetime, Counts]) -> set[tuple[str, str]]:
    """Checks and groups that alarm at a tick of the span."""
    return {(each.check_name, each.group_name) for each in findings(source, span_of(source), known)}


@pytest.mark.parametrize("source", SOURCES, ids=lambda each: each.name)
def test_an_hour_without_a_fault_alarms_nobody(
    feeds: ChangedFeeds, past: dict[str, dict[datetime, Counts]], source: Source
) -> None:
    now = feeds.counted(source, span_of(source))
    assert added(list(now.values()))[ROWS] > 0
    assert alarms(source, past[source.name] | now) == set()


def where(**said: Any) -> Callable[[Record], bool]:
    return lambda record: all(record.get(name) == value for name, value in said.items())


def everywhere(_record: Record) -> bool:
    return True


def without(name: str, applies: Callable[[Record], bool] = everywhere) -> Fault:
    return lambda records: [
        {**each, name: None} if applies(each) and name in each else each for each in records
    ]


def renamed(name: str, other: str) -> Fault:
    return lambda records: [
        {other if key == name else key: value for key, value in r.items()} for r in records
    ]


def scaled(name: str, factor: float) -> Fault:
    return lambda records: [
        {**each, name: float(each[name]) * factor} if each.get(name) not in (None, "") else each
        for each in records
    ]


def said(name: str, value: Any, applies: Callable[[Record], bool] = everywhere) -> Fault:
    return lambda records: [{**each, name: value} if applies(each) else each for each in records]


def moved(name: str, by: timedelta) -> Fault:
    def of(each: Record) -> Record:
        try:
            moment = datetime.fromisoformat(each[name])
        except (KeyError, TypeError, ValueError):
            return each
        return {**each, name: (moment + by).isoformat()}

    return lambda records: map(of, records)


def swapped(records: list[Record]) -> list[Record]:
    return [
        {**each, "latitude": each.get("longitude"), "longitude": each.get("latitude")} for each in records
    ]


def twice(records: list[Record]) -> list[Record]:
    return [*records, *records]


def cut(records: list[Record]) -> list[Record | bytes]:
    return [orjson.dumps(each)[:-20] if number % 3 == 0 else each for number, each in enumerate(records)]


def nowhere(records: list[Record]) -> list[Record]:
    return [{**each, "latitude": 0.0, "longitude": 0.0} for each in records]


OF_ONE_PROGRAM = where(event_type="requested", program_id="G1")
REQUESTED = where(event_type="requested")
OFFERED = where(event_type="offered")
FAULTS: dict[str, tuple[str, Fault | Damage, str]] = {
    "nulls in one program": (
        "dispatch_events", without("service_type", OF_ONE_PROGRAM), "null_service_type{program_id=G1}",
    ),
    "no service": ("dispatch_events", without("service_type", REQUESTED), "null_service_type"),
    "no place": ("dispatch_events", without("latitude", REQUESTED), "null_zone_id"),
    "no program": ("dispatch_events", without("program_id", REQUESTED), "null_program_id"),
    "offers to nobody": ("dispatch_events", without("provider_id"), "null_provider_id"),
    "no promise": ("dispatch_events", without("promised_arrival_at"), "null_promised_arrival_at"),
    "no driver": ("dispatch_events", without("driver_id"), "null_driver_id"),
    "no offer id": ("dispatch_events", without("offer_id"), "null_offer_id"),
    "no assignment id": ("dispatch_events", without("assignment_id"), "null_assignment_id"),
    "a required field renamed": ("dispatch_events", renamed("event_type", "type"), "refused"),
    "a new word": ("dispatch_events", said("event_type", "hailed", OFFERED), "unknown_word"),
    "sent twice in an object": ("dispatch_events", twice, "repeated"),
    "a clock reset": ("dispatch_events", moved("event_timestamp", -timedelta(hours=30)), "late_1440m"),
    "a clock two hours slow": ("dispatch_events", moved("event_timestamp", -timedelta(hours=2)), "late_60m"),
    "a clock three hours fast": ("dispatch_events", moved("event_timestamp", timedelta(hours=3)), "refused"),
    "lines cut": ("dispatch_events", cut, "refused"),
    "objects cut": ("dispatch_events", Damage(lambda landed: landed[: len(landed) // 2]), "damaged"),
    "objects without a byte": ("provider_status", Damage(lambda _landed: b""), "damaged"),
    "objects that are no gzip": ("gps_pings", Damage(lambda landed: b"\x1f\x8b" + landed[9:]), "damaged"),
    "seconds for a moment": ("dispatch_events", said("event_timestamp", "yesterday"), "refused"),
    "no truck": ("provider_status", without("truck_id"), "null_truck_id"),
    "no equipment": ("provider_status", without("equipment"), "null_equipment"),
    "no job count": ("provider_status", without("active_job_count"), "null_active_job_count"),
    "a count as text": ("provider_status", said("active_job_count", "two"), "refused"),
    "a new status": ("provider_status", said("status", "refuelling"), "unknown_word"),
    "statuses a day old": ("provider_status", moved("event_timestamp", -timedelta(hours=25)), "late_1440m"),
    "metres a second": ("gps_pings", scaled("speed_kmh", 1 / 3.6), "spread_speed_kmh"),
    "swapped coordinates": ("gps_pings", swapped, "refused"),
    "a sign lost": ("gps_pings", scaled("longitude", -1.0), "spread_longitude"),
    "nowhere": ("gps_pings", nowhere, "spread_latitude"),
    "no speed": ("gps_pings", without("speed_kmh"), "null_speed_kmh"),
    "no accuracy": ("gps_pings", without("accuracy_m"), "null_accuracy_m"),
    "latitude renamed": ("gps_pings", renamed("latitude", "lat"), "refused"),
    "pings sent twice": ("gps_pings", twice, "repeated"),
    "pings two hours old": ("gps_pings", moved("event_timestamp", -timedelta(hours=2)), "late_60m"),
    "traffic in metres a second": ("traffic_speeds", scaled("speed_kmh", 1 / 3.6), "spread_speed_kmh"),
    "no reading anywhere": ("traffic_speeds", said("speed_kmh", "-1"), "spread_speed_kmh"),
    "no free flow": ("traffic_speeds", said("free_flow_kmh", ""), "null_free_flow_kmh"),
    "a column renamed": ("traffic_speeds", renamed("segment_id", "segment"), "refused"),
    "cents for dollars": ("service_outcomes", scaled("billed_usd", 100.0), "spread_billed_usd"),
    "nothing billed": ("service_outcomes", without("billed_usd"), "null_billed_usd"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_caught_by_the_check_named_for_it(
    feeds: ChangedFeeds, past: dict[str, dict[datetime, Counts]], tmp_path: Path, name: str
) -> None:
    source_name, fault, expected = FAULTS[name]
    source = source_named(source_name)
    known = past[source_name] | feeds.changed(source, fault, tmp_path)
    check, _, group = expected.rstrip("}").partition("{")
    assert (check, group) in alarms(source, known)


def reordered(record: Record) -> Record:
    return dict(reversed(record.items()))


HARMLESS: dict[str, tuple[str, Fault]] = {
    "fields in another order": ("dispatch_events", lambda records: map(reordered, records)),
    "columns in another order": ("traffic_speeds", lambda records: map(reordered, records)),
    "lines in another order": ("gps_pings", lambda records: records[::-1]),
    "a field nobody knows": ("provider_status", lambda records: [{**each, "x": 1} for each in records]),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_changes_nothing_alarms_nobody(
    feeds: ChangedFeeds, past: dict[str, dict[datetime, Counts]], tmp_path: Path, name: str
) -> None:
    source_name, change = HARMLESS[name]
    source = source_named(source_name)
    changed = feeds.changed(source, change, tmp_path / "changed")
    assert changed == feeds.changed(source, lambda records: records, tmp_path / "as it was")
    assert alarms(source, past[source.name] | changed) == set()


@pytest.mark.parametrize("factor", [0.1, 10])
def test_a_feed_that_is_too_much_or_too_little_is_seen_against_weeks(factor: float) -> None:
    source = source_named("dispatch_events")
    weeks = [{ROWS: rows} for rows in (310, 290, 305, 320, 300)]
    assert judged(source.checks, {ROWS: 300}, weeks) == []
    (found,) = judged(source.checks, {ROWS: round(300 * factor)}, weeks)
    assert (found.check.name, found.usual) == ("volume", 310)


def test_last_week_s_fault_hides_nothing_and_alarms_nobody_later() -> None:
    source = source_named("provider_status")
    good, bad = {ROWS: 400, "null_truck_id": 4}, {ROWS: 400, "null_truck_id": 390}
    assert [each.check.name for each in judged(source.checks, bad, [bad, good, good, good])] == [
        "null_truck_id"
    ]
    assert judged(source.checks, good, [bad, good, good, good]) == []
    assert judged(source.checks, bad, [good, good]) == []  # too few to say


def test_a_whole_that_checks_share_is_counted_once(
    feeds: ChangedFeeds, past: dict[str, dict[datetime, Counts]]
) -> None:
    for source in SOURCES:
        batches = [
            batch
            for entry in feeds.entries(source, span_of(source))
            for batch in read_object(source, entry, feeds.root.as_uri(), feeds.vault)
        ]
        kinds = Counter(kind for batch in batches for kind in batch.column("kind").to_pylist())
        counts = added(list(feeds.counted(source, span_of(source)).values()))
        assert (counts[ROWS], counts["refused"]) == (kinds["record"], kinds["quarantined"])


def at(n: int) -> datetime:
    return END + n * timedelta(minutes=15)


TRUCKS = source_named("provider_status")


def quarters(*nulls: int, rows: int = 100) -> dict[datetime, Counts]:
    """A quarter of an hour each, the last ends at END; and four days before, of one in a hundred."""
    told = {
        at(n - len(nulls) + 1): {ROWS: rows, "null_active_job_count": count} for n, count in enumerate(nulls)
    }
    before = {tick - n * DAY: {ROWS: rows, "null_active_job_count": 1} for tick in told for n in range(1, 5)}
    return told | before


def test_what_was_accepted_lets_as_much_pass_in_the_spans_behind_it_and_no_more(tmp_path: Path) -> None:
    ledger = QualityLedger(Ops(f"sqlite:///{tmp_path}/ops.db"))
    runs = iter(f"run{n}" for n in range(9))

    def judge(counts: dict[datetime, Counts], interval: Interval) -> dict[str, int]:
        inside = {tick: each for tick, each in counts.items() if interval.holds(tick)}
        ledger.record_counts(TRUCKS, {t: each for t, each in counts.items() if t <= interval.start})
        return gated(ledger, TRUCKS, interval, inside, lambda: next(runs))

    bad = quarters(1, 1, 1, 100)
    last = Interval(at(-1), END)
    with pytest.raises(CheckFailed, match="run run0"):
        judge(bad, last)
    with pytest.raises(CheckFailed, match="run run0"):
        judge(bad, last)
    stops = ledger.findings(run_id="run0")
    (accepted,) = ledger.accept(stops, "ada", "agreed", END, TRUCKS.checked_over - TICK)
    assert (accepted.start, accepted.end, accepted.most) == (at(-1), at(3), 103 / 400)
    assert judge(bad, last) == {"null_active_job_count": 1}
    good = bad | {
        tick - n * DAY: {ROWS: 100, "null_active_job_count": 0 if not n and tick > END else 1}
        for tick in (at(1), at(2), at(3), at(4))
        for n in range(5)
    }
    assert judge(good, Interval(END, at(4))) == {}
    worse = bad | {END: {ROWS: 400, "null_active_job_count": 390}}
    with pytest.raises(CheckFailed, match=r"56\.1% of 700 rows"):
        judge(worse, last)


def test_a_tick_is_stopped_for_its_own_rows_only(tmp_path: Path) -> None:
    """Not for those that entered before it, nor the good ticks behind a stopped one for its rows; and a tick
    whose objects were refused passes."""
    known = quarters(1, 1, 50, 100) | {at(n): {ROWS: 100, "null_active_job_count": 1} for n in (1, 2)}
    known |= {at(n) - d * DAY: {ROWS: 100, "null_active_job_count": 1} for n in (1, 2) for d in range(1, 5)}
    found = findings(TRUCKS, Interval(at(-4), at(2)), known)
    assert [each.known_at for each in found] == [END]
    ledger = QualityLedger(Ops(f"sqlite:///{tmp_path}/ops.db"))
    ledger.record_counts(TRUCKS, {tick: each for tick, each in known.items() if tick < END})
    tick = Interval(at(-1), END)
    with pytest.raises(CheckFailed, match="null_active_job_count"):
        gated(ledger, TRUCKS, tick, {END: known[END]}, lambda: "run")
    assert gated(ledger, TRUCKS, tick, {END: {"refused": 100, "objects": 1}}, lambda: "run") == {"refused": 1}
    assert ledger.stopped_ticks(TRUCKS.name, END) == set()


def test_an_acceptance_given_while_a_gate_judged_is_kept(tmp_path: Path) -> None:
    ledger = QualityLedger(Ops(f"sqlite:///{tmp_path}/ops.db"))
    known = quarters(1, 1, 1, 100)
    ledger.record_counts(TRUCKS, {tick: each for tick, each in known.items() if tick < END})
    tick, inside = Interval(at(-1), END), {END: known[END]}
    with pytest.raises(CheckFailed):
        gated(ledger, TRUCKS, tick, inside, lambda: "run")
    stops = ledger.findings(run_id="run")

    def meanwhile() -> str:
        ledger.accept(stops, "ada", "agreed", END, timedelta(0))
        return "another"

    assert gated(ledger, TRUCKS, tick, inside, meanwhile) == {"null_active_job_count": 1}
    assert [(each.stops, each.run_id) for each in ledger.findings()] == [(False, "run")]


def test_before_a_feed_flows_its_heartbeats_say_nothing_of_its_volume() -> None:
    source = source_named("dispatch_events")
    assert judged(source.checks, {ROWS: 300}, [{OBJECTS: 12}] * 5) == []
    flowing = [{ROWS: 300, OBJECTS: 12}] * 4
    assert [each.check.name for each in judged(source.checks, {ROWS: 5_000, OBJECTS: 12}, flowing)] == [
        "volume"
    ]


def test_what_was_stopped_and_not_accepted_is_no_past(tmp_path: Path) -> None:
    ledger = QualityLedger(Ops(f"sqlite:///{tmp_path}/ops.db"))
    one = {ROWS: 100, "null_active_job_count": 1}
    ledger.record_counts(TRUCKS, {END - n * DAY: one for n in range(1, 5)})
    for n in range(9):
        tick = END + n * DAY
        with pytest.raises(CheckFailed, match="active_job_count"):
            gated(
                ledger, TRUCKS, Interval(tick - TICK, tick), {tick: one | {"null_active_job_count": 60}}, str
            )


def test_counts_of_other_checks_are_no_past(tmp_path: Path) -> None:
    ledger = QualityLedger(Ops(f"sqlite:///{tmp_path}/ops.db"))
    ledger.record_counts(TRUCKS, {END: {ROWS: 1}})
    other = replace(TRUCKS, checks=TRUCKS.checks[1:])
    assert ledger.counts_at(other, [END]) == {}
    assert ledger.counts_at(TRUCKS, [END]) == {END: {ROWS: 1}}


def test_few_rows_of_the_past_stop_nobody() -> None:
    now = {ROWS: 12, "null_active_job_count": 12}
    past: list[Counts] = [{ROWS: 1, "null_active_job_count": 0}] * 3
    assert judged(TRUCKS.checks, now, past) == []
