"""The facts of a quality report, against numbers written in `support.troubled_home`; and its page."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from ingestion.reasons import FIXES, Reason
from lakehouse.landing_ledger import LandingLedger
from lakehouse.object_store import LandedObject
from lakehouse.quality_ledger import QualityLedger
from lakehouse.settings import load_settings
from roadside.quality_report.facts import Facts, gathered
from roadside.quality_report.landed import LandedBar
from roadside.quality_report.page import drawn
from roadside.quality_report.scope import scope_of
from support.troubled_home import DAY, END, FAULT, PINGS_STOP, TroubledHome, troubled_home
from validation.clocks import TICK, Interval
from validation.errors import UnknownName
from validation.feed_checks import NullShare
from validation.sources import source_named

HEARTBEATS = "service_outcomes=1440,traffic_speeds=15"
SECTIONS = ("landed", "gates", "nulls", "lateness", "duplicates", "freshness", "drift", "quarantine")


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> TroubledHome:
    folder = tmp_path_factory.mktemp("troubled")
    return troubled_home(load_settings({"ROADSIDE_HOME": str(folder / "home")}))


@pytest.fixture(scope="module")
def facts(troubled: TroubledHome) -> Facts:
    return gathered(troubled.settings, scope_of(DAY, END))


@pytest.fixture
def own_home(troubled: TroubledHome, tmp_path: Path) -> TroubledHome:
    """A copy to write into; its Iceberg tables are those of the first."""
    shutil.copytree(troubled.settings.home, tmp_path / "home")
    settings = load_settings({"ROADSIDE_HOME": str(tmp_path / "home")})
    return replace(troubled, settings=replace(settings, heartbeat_minutes=HEARTBEATS))


def test_the_verdict_counts_what_is_wrong_and_says_that_there_is_nothing_else(facts: Facts) -> None:
    assert facts.verdict == (
        "1 run is stopped; 1 other interval failed and is not made since; 6 views are held; 12 objects wait "
        "to be read; 1 source with lines not accounted for; nothing else."
    )
    assert facts.remarks == (
        "1 check warned",
        "8 refused lines wait for an answer",
        "30 of 950 instants came out late",
        "2 features drifted",
    )


def test_a_quiet_scope_says_so(troubled: TroubledHome) -> None:
    before = Interval(DAY.start - TICK, DAY.start)
    quiet = gathered(troubled.settings, scope_of(before, DAY.start, ["service_outcomes"]))
    assert quiet.troubles == ()
    assert quiet.verdict == "Nothing is stopped, failed or held; every line that landed is accounted for."
    assert not quiet.is_stopped


def test_lines_landed_are_bronze_and_quarantined_and_a_lost_line_shows(facts: Facts) -> None:
    assert [
        (each.source, each.objects, each.lines, each.bronze, each.quarantined, each.unread, each.unbalanced)
        for each in facts.landed
    ] == [
        ("dispatch_events", 288, 2880, 2873, 7, 0, 0),
        ("provider_status", 288, 2880, 2879, 0, 0, 1),
        ("gps_pings", 282, 2820, 2818, 2, 0, 0),
        ("service_outcomes", 288, 2880, 2880, 0, 0, 0),
        ("traffic_speeds", 288, 2760, 2760, 0, 12, 0),
    ]
    assert [each.is_balanced for each in facts.landed] == [True, False, True, True, True]


def test_a_day_is_told_by_the_hour_that_a_tick_began_in(facts: Facts) -> None:
    bars = facts.landed[0].bars
    assert (len(bars), bars[0].start) == (24, DAY.start)
    assert bars[20] == LandedBar(FAULT, lines=120, bronze=113, quarantined=7)
    assert facts.landed[4].bars[-1] == LandedBar(END - timedelta(hours=1), unread=12)


def test_more_than_three_days_are_told_by_day(troubled: TroubledHome) -> None:
    interval = Interval(END - timedelta(days=4), END)
    bars = gathered(troubled.settings, scope_of(interval, END, ["dispatch_events"])).landed[0].bars
    days = [datetime(2026, 3, day, tzinfo=UTC) for day in (6, 7, 8, 9, 10)]
    assert [(each.start, each.lines) for each in bars] == list(
        zip(days, [0, 0, 720, 2880, 2160], strict=True)
    )


def test_what_stops_a_run_is_told_by_check_and_group_with_what_to_type(
    facts: Facts, troubled: TroubledHome
) -> None:
    stops = [
        (each.check_name, each.group, each.first, each.last, each.ticks)
        for each in facts.gates.of_state("stops")
    ]
    last = FAULT + timedelta(hours=1)
    assert stops == [
        ("null_zone_id", "", FAULT + 3 * TICK, last, 2),
        ("null_zone_id", "program_id=G1", FAULT + 2 * TICK, last, 3),
    ]
    assert facts.gates.stopped_runs == [troubled.stopped_run]
    told = {each.next_step for each in facts.gates.of_state("stops")}
    assert told == {f"roadside quality accept {troubled.stopped_run} --why '...'"}
    wrong = {each.refused_by for each in facts.gates.of_state("stops")}
    assert wrong == {f"roadside quality refuse {troubled.stopped_run} --why '...'"}


def test_what_stops_a_run_is_told_though_the_range_begins_after_it(troubled: TroubledHome) -> None:
    later = Interval(END - TICK, END)
    assert gathered(troubled.settings, scope_of(later, END)).is_stopped
    assert not gathered(troubled.settings, scope_of(later, END, ["gps_pings"])).is_stopped


def test_what_was_accepted_is_told_with_whose_word_it_was(facts: Facts) -> None:
    (accepted,) = facts.gates.of_state("accepted")
    (word,) = accepted.words
    at = datetime(2026, 3, 10, 6, tzinfo=UTC)
    assert (accepted.source, accepted.check_name) == ("gps_pings", "null_speed_kmh")
    assert (word.principal, word.why) == ("ben", "new trucks send no speed")
    assert (word.accepted_at, word.until) == (at + timedelta(hours=2), at + timedelta(minutes=45))


def test_an_accepted_run_is_to_be_run_again(own_home: TroubledHome) -> None:
    ledger = QualityLedger(own_home.ops)
    ledger.accept(ledger.stopping(END), "ana", "a new zone", END, timedelta(minutes=45))
    gates = gathered(own_home.settings, scope_of(DAY, END, ["dispatch_events"])).gates
    assert gates.of_state("stops") == []
    assert {each.next_step for each in gates.of_state("accepted")} == {
        "roadside run --start 2026-03-10T14:00Z --end 2026-03-10T15:00Z"
    }
    assert [each.table for each in gates.open_failures] == ["bronze.dispatch_events"]


def test_a_failed_run_stands_open_until_its_interval_is_made(facts: Facts) -> None:
    assert [(each.table, each.error_kind, each.is_open, each.is_stopped) for each in facts.gates.failed] == [
        ("bronze.dispatch_events", "CheckFailed", True, True),
        ("training.eta_v1", "Py4JJavaError", True, False),
        ("bronze.gps_pings", "CheckFailed", False, False),
        ("silver.gps_pings", "Unreachable", False, False),
    ]
    assert facts.gates.failed[1].next_step == (
        "roadside dataset build eta_v1 --start 2026-03-09 --end 2026-03-10"
    )


def test_held_views_name_the_source_that_went_silent(facts: Facts) -> None:
    assert facts.gates.held_views == [
        "area_dispatch_15m",
        "driver_state_15m",
        "market_dispatch_15m",
        "provider_fleet_15m",
        "zone_supply_15m",
        "zone_traffic_15m",
    ]
    assert {(each.hold.source, each.hold.at, each.hold.since) for each in facts.gates.held} == {
        ("gps_pings", END, PINGS_STOP + TICK)
    }


def test_drift_is_told_worst_first_and_is_no_warning_of_a_feed(facts: Facts) -> None:
    assert [(each.check_name, each.psi, each.rows) for each in facts.gates.drift] == [
        ("drift_oldest_minutes", 1.7, 90),
        ("drift_requests_60m_count", 0.31, 812),
    ]
    assert [each.check_name for each in facts.gates.of_state("warns")] == ["late_60m"]


def test_the_worst_null_share_comes_first_with_its_band_and_its_alarms(facts: Facts) -> None:
    worst = facts.nulls[0]
    assert (worst.source, worst.check_name, worst.group) == (
        "dispatch_events",
        "null_zone_id",
        "program_id=G1",
    )
    last = worst.points[-1]
    assert (last.at, last.nulls, last.rows, last.share) == (FAULT + timedelta(hours=1), 60, 80, 0.75)
    assert (last.low, last.high, last.usual, last.compared, last.is_weeks) == (0.0, 0.0, 0.0, 4, True)
    assert [each.alarm for each in worst.points[-5:]] == ["", "", "stops", "stops", "stops"]


def test_a_point_is_the_span_that_the_gate_judged(facts: Facts, troubled: TroubledHome) -> None:
    found = QualityLedger(troubled.ops).findings(["dispatch_events"])
    judged = {(each.known_at, each.check_name, each.group_name): (each.rows, each.found) for each in found}
    shown = {
        (point.at, series.check_name, series.group): (point.rows, point.share)
        for series in facts.nulls
        for point in series.points
        if point.alarm
    }
    assert shown == judged
    assert len(shown) == 5


def test_every_null_check_of_a_source_is_told_for_all_and_by_program(facts: Facts) -> None:
    declared = [each for each in source_named("dispatch_events").checks if isinstance(each, NullShare)]
    groups = {(each.check_name, each.group) for each in facts.nulls}
    assert {check for check, group in groups if not group} == {each.name for each in declared}
    by_program = {each.name for each in declared if each.by}
    assert {each for each in groups if each[1]} == {
        (name, f"program_id={program}") for name in by_program for program in ("G1", "G2")
    }


def test_lateness_is_of_both_clocks_with_what_is_beyond_the_horizons(facts: Facts) -> None:
    dispatch, _, pings, *_ = facts.lateness
    assert dispatch.known is not None
    assert dispatch.landed is not None
    assert (dispatch.rows, dispatch.beyond_late, dispatch.late) == (100, 1, timedelta(days=8))
    assert (dispatch.known.p50, dispatch.known.p95, dispatch.known.p99) == (10, 75, 75)
    within = dict(zip(dispatch.known.minutes, dispatch.known.shares, strict=True))
    assert [within[minutes] for minutes in (9, 10, 71, 79, 11220, 14125)] == [0.0, 0.9, 0.9, 0.99, 0.99, 1.0]
    assert dispatch.landed.p50 == 4
    assert (pings.rows, pings.ahead_rows) == (8, 1)


def test_rows_of_an_archive_say_nothing_of_lateness(own_home: TroubledHome) -> None:
    at = DAY.start - timedelta(days=30)
    key = f"landing/dispatch_events/{at:%Y/%m/%d/%H}/dispatch_events-{at:%Y-%m-%d-%H-%M-%S}-old.json.gz"
    LandingLedger(own_home.ops).register("dispatch_events", [LandedObject(key, at, 9)], END, archive=True)
    interval = Interval(at, at + TICK)
    (dispatch,) = gathered(own_home.settings, scope_of(interval, END, ["dispatch_events"])).lateness
    assert (dispatch.rows, dispatch.left_out, dispatch.known) == (0, 1, None)


def test_repeats_are_told_within_an_object_and_across(facts: Facts) -> None:
    of_source = {each.source: each for each in facts.duplicates}
    (day,) = [each for each in of_source["dispatch_events"].days if each.day == date(2026, 3, 10)]
    assert (day.in_object, day.bronze, day.left_out) == (3, 100, 4)
    assert not of_source["traffic_speeds"].is_counted


def test_an_instant_came_out_with_the_first_release_that_held_it(facts: Facts) -> None:
    of_view = {each.view: each for each in facts.strips}
    demand = {each.at: (each.state, each.delay) for each in of_view["zone_demand_15m"].cells}
    assert len(demand) == 96
    assert demand[FAULT - TICK] == ("in_time", timedelta(minutes=-2))
    assert demand[FAULT] == ("late", timedelta(minutes=4))
    assert demand[FAULT + TICK] == ("later", timedelta(minutes=12))
    assert demand[FAULT + 2 * TICK] == ("later", timedelta(minutes=13)), "of the next tick's, 40 min is later"
    assert demand[END] == ("missing", None)
    supply = {each.at: each.state for each in of_view["zone_supply_15m"].cells}
    assert [supply[each] for each in (PINGS_STOP, PINGS_STOP + TICK, END)] == ["in_time", "held", "held"]
    assert [each.state for each in of_view["area_hour_1d"].cells] == ["in_time"]


def test_refused_lines_that_were_answered_are_told_apart_from_those_that_wait(facts: Facts) -> None:
    missing, broken = facts.refusals
    assert (missing.reason, missing.lines, missing.waiting) == ("missing_field", {"dispatch_events": 7}, 7)
    assert missing.commands == (
        "roadside contracts infer dispatch_events",
        "roadside quarantine replay dispatch_events --reason missing_field --dry-run",
    )
    assert (broken.reason, broken.total, broken.waiting, broken.released, broken.settled) == (
        "not_json", 2, 1, 1, 0,
    )  # fmt: skip
    assert missing.since == missing.until == FAULT + TICK
    assert missing.share == 7 / 14220


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_a_fix_and_a_command_that_names_its_source(reason: Reason) -> None:
    fix = FIXES[reason]
    assert fix.what.endswith(".")
    assert all(each.startswith("roadside ") for each in fix.commands)
    assert any(" gps_pings" in each for each in fix.commands_for("gps_pings"))


def test_sources_and_tables_narrow_a_report_to_what_hangs_together() -> None:
    by_source = scope_of(DAY, END, ["traffic_speeds"])
    assert by_source.sources == ("traffic_speeds",)
    assert by_source.views == ("driver_state_15m", "zone_traffic_15m")
    by_table = scope_of(DAY, END, (), ["features.zone_demand_15m"])
    assert by_table.sources == ("dispatch_events",)
    assert by_table.tables == ("features.zone_demand_15m",)
    with pytest.raises(UnknownName, match="gps_ping"):
        scope_of(DAY, END, ["gps_ping"])


def test_the_page_has_every_section_and_asks_for_nothing_beside_it(facts: Facts) -> None:
    page = drawn(facts)
    assert [re.findall(r'<section id="(\w+)"', page)] == [list(SECTIONS)]
    assert all(f'href="#{each}"' in page for each in SECTIONS)
    assert set(re.findall(r'(?:href|src)="([^#"][^"]*)"', page)) == set()
    assert set(re.findall(r"url\(([^)]*)\)", page)) == {"#hatch"}
    assert not re.search(r"https?://|<script|@import|<link|<img", page)


def test_no_meaning_is_told_by_colour_alone(facts: Facts) -> None:
    page = drawn(facts)
    for told in ("■ stops", "✗ failed", "▨ held", "✓ accepted", "△ warns", "stops 14:30, 37.5 % of 80"):
        assert told in page
    assert "2,880</b> lines ≠ <b>2,879</b> bronze + <b>0</b> quarantined" in page
    assert "91 of 96 in time; 3 late, worst 13 min; 2 held" in page


def test_what_waits_or_is_lost_comes_with_what_to_type(facts: Facts) -> None:
    typed = re.sub("<[^>]*>", "", drawn(facts))
    span = "--start 2026-03-09T18:00Z --end 2026-03-10T18:00Z"
    assert f"roadside ingest --source traffic_speeds {span}" in typed
    assert f"roadside ingest --source provider_status {span} --force" in typed
    assert "roadside ingest --source gps_pings" not in typed


def test_two_renders_of_the_same_ledgers_are_equal_to_the_byte(troubled: TroubledHome, facts: Facts) -> None:
    assert drawn(gathered(troubled.settings, scope_of(DAY, END))) == drawn(facts)


def test_the_command_writes_the_page_and_says_with_its_exit_code_that_a_run_is_stopped(
    own_home: TroubledHome, monkeypatch: pytest.MonkeyPatch, run: Callable, facts: Facts, tmp_path: Path
) -> None:
    monkeypatch.setenv("ROADSIDE_HOME", str(own_home.settings.home))
    monkeypatch.setenv("ROADSIDE_HEARTBEAT_MINUTES", HEARTBEATS)
    answer = run("quality", "report", "--html", str(tmp_path / "page.html"))
    assert answer.code == 1, answer.err
    assert answer.out.startswith("1 run is stopped; ")
    written = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert written == drawn(facts).replace(facts.home, str(own_home.settings.home))
    as_json = run("quality", "report", "--json", "--source", "gps_pings")
    assert as_json.code == 0
    told = json.loads(as_json.out)
    assert [told["landed"][0][name] for name in ("source", "lines", "quarantined")] == ["gps_pings", 2820, 2]


def test_a_home_where_nothing_was_made_says_what_to_do(run: Callable) -> None:
    answer = run("quality", "report")
    assert answer.code == 2
    assert "Run `roadside run" in answer.err
