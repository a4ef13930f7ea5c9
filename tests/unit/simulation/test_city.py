"""The simulated city: same seed, same bytes; and every rate of its table found again."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import math
import re
import zlib
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path

import orjson
import pandas as pd
import pytest

from simulation.city import SimulationConfig, simulate
from simulation.jobs import waiting_exposure
from simulation.landing import SOURCES
from simulation.people import PLANTED_NAMES
from simulation.providers import LIGHT_SERVICES
from simulation.rates import PHENOMENA, rate
from validation.errors import UserError

START = date(2026, 3, 1)
DAYS = 3
END = datetime(2026, 3, 1 + DAYS, tzinfo=UTC)
OBJECT_NAME = re.compile(
    r"landing/(?P<source>[a-z_]+)/(\d{4})/(\d\d)/(\d\d)/(\d\d)/"
    r"(?P=source)-\2-\3-\4-\5-\d\d-\d\d-\d{4}\.(json|csv)\.gz"
)
FIELDS = {
    "dispatch_events": "schema_version event_id job_id event_type event_timestamp offer_id assignment_id "
    "dispatch_channel actor reason_code provider_id driver_id service_type latitude longitude destination "
    "promised_arrival_at offer_expires_at vehicle member program_id scheduled_for job_kind selection notes",
    "provider_status": "event_id provider_id driver_id truck_id status equipment active_job_count "
    "event_timestamp",
    "gps_pings": "event_id provider_id driver_id latitude longitude speed_kmh heading accuracy_m "
    "event_timestamp",
    "service_outcomes": "claim_id job_id provider_id outcome invoice_status billed_usd tow_km rating nps "
    "submitted_at source_updated_at",
}


@dataclass
class LandedCity:
    """A city as its readers find it: landed objects, good lines, truth tables."""

    root: Path

    def truth(self, table: str) -> pd.DataFrame:
        return pd.read_parquet(self.root / "truth" / f"{table}.parquet")

    @cached_property
    def keys(self) -> list[str]:
        return sorted(str(path.relative_to(self.root)) for path in (self.root / "landing").rglob("*.*"))

    @cached_property
    def truncated(self) -> set[str]:
        objects = self.truth("objects")
        return set(objects[objects.kind == "truncated"].object_key)

    def lines(self, source: str) -> list[bytes]:
        whole = (k for k in self.keys if k.startswith(f"landing/{source}/") and k not in self.truncated)
        return [
            line for k in whole for line in gzip.decompress((self.root / k).read_bytes()).split(b"\n") if line
        ]

    @cached_property
    def events(self) -> pd.DataFrame:
        """Good lifecycle events, each once."""
        return pd.DataFrame(good_records(self.lines("dispatch_events"))).drop_duplicates(
            ["event_id", "event_timestamp"]
        )

    @cached_property
    def pings(self) -> pd.DataFrame:
        """Good pings, each once."""
        pings = pd.DataFrame(good_records(self.lines("gps_pings")))
        pings = pings.drop_duplicates(["event_id", "event_timestamp"])
        return pings.assign(at=pd.to_datetime(pings.event_timestamp))

    def requests(self) -> pd.DataFrame:
        return self.events[self.events.event_type == "requested"]

    def arrivals(self) -> pd.DataFrame:
        """True arrivals early enough for their milestones to have landed."""
        assignments = self.truth("assignments")
        return assignments[assignments.arrived_at < END - timedelta(hours=3)]


def good_records(lines: list[bytes]) -> list[dict]:
    records = []
    for line in lines:
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(record, dict) and "event_timestamp" in record:
            records.append(record)
    return records


@pytest.fixture(scope="module")
def city(tmp_path_factory) -> LandedCity:
    root = tmp_path_factory.mktemp("city")
    simulate(SimulationConfig(START, DAYS, seed=7, providers=120, jobs_per_day=900, pings_days=1), root)
    return LandedCity(root)


def digests(root: Path, day: str = "") -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*.*")
        if path.is_file() and day in str(path)
    }


def test_the_same_seed_writes_the_same_bytes_and_another_seed_others(tmp_path):
    for name, seed in (("a", 1), ("again", 1), ("b", 2)):
        simulate(SimulationConfig(START, seed=seed, providers=6, jobs_per_day=40), tmp_path / name)
    assert digests(tmp_path / "a") == digests(tmp_path / "again")
    assert set(digests(tmp_path / "a").values()) != set(digests(tmp_path / "b").values())


def test_a_longer_run_lands_the_same_first_day(tmp_path):
    for days in (1, 2):
        simulate(SimulationConfig(START, days, providers=6, jobs_per_day=40), tmp_path / str(days))
    first_day = digests(tmp_path / "1", "landing/")
    assert first_day.items() <= digests(tmp_path / "2", "landing/").items()


def test_a_folder_holds_one_city_only(tmp_path):
    simulate(SimulationConfig(START, providers=3, jobs_per_day=0), tmp_path)
    with pytest.raises(UserError, match="seed"):
        simulate(SimulationConfig(START, seed=2, providers=3, jobs_per_day=0), tmp_path)


def test_all_that_is_wrong_with_a_configuration_is_said_at_once():
    with pytest.raises(UserError, match=r"(?s)days is 0.*scale is 0"):
        SimulationConfig(START, days=0, scale=0)


def test_progress_is_told_each_hour(tmp_path):
    told = []
    summary = simulate(
        SimulationConfig(START, providers=3, jobs_per_day=5), tmp_path, lambda *step: told.append(step)
    )
    assert [step[:2] for step in told] == [(START, hour) for hour in range(24)]
    assert told[-1][2:] == (summary.objects, sum(summary.records.values()))


def test_every_object_has_the_name_of_its_source_and_hour(city):
    assert all(OBJECT_NAME.fullmatch(key) for key in city.keys)
    assert set(city.keys) == set(city.truth("objects").object_key)


def test_every_source_has_an_object_each_five_minutes(city):
    objects = city.truth("objects")
    for source in SOURCES:
        slots = set(objects[objects.source == source].landed_at.dt.floor("5min"))
        assert len(slots) == DAYS * 288
    assert (objects[objects.kind == "heartbeat"].line_count == 0).all()
    early = objects[(objects.source == "gps_pings") & (objects.landed_at < END - timedelta(days=1))]
    assert set(early.kind) == {"heartbeat"}


def test_line_counts_of_the_truth_are_those_of_the_objects(city):
    objects = city.truth("objects")
    for key, source, lines in objects[objects.kind != "truncated"][
        ["object_key", "source", "line_count"]
    ].itertuples(index=False):
        header = 1 if source == "traffic_speeds" else 0
        assert gzip.decompress((city.root / key).read_bytes()).count(b"\n") == lines + header


def test_truncated_objects_cannot_be_read_to_the_end_and_come_again(city):
    objects = city.truth("objects")
    assert len(city.truncated) > 0
    for key in city.truncated:
        reader = zlib.decompressobj(31)
        reader.decompress((city.root / key).read_bytes())
        assert not reader.eof
    again = objects[objects.kind == "redelivered"].merge(
        objects[objects.kind == "truncated"], left_on=["source", "due_at"], right_on=["source", "landed_at"]
    )
    assert (again.line_count_x == again.line_count_y).all()


def test_dirt_stands_where_the_truth_says(city):
    dirt = city.truth("dirt")
    for key, line, kind, record_id in dirt[["object_key", "line", "kind", "record_id"]].itertuples(
        index=False
    ):
        text = gzip.decompress((city.root / key).read_bytes()).split(b"\n")[line - 1]
        if kind == "malformed_text":
            assert not text.startswith(b"{")
        elif kind == "unknown_field":
            assert b"app_build" in text
        elif kind not in ("malformed_cut",) and "/" not in record_id:
            assert record_id.encode() in text.replace(b"\xff\xfe", b"")


def test_no_record_carries_anything_of_the_truth(city):
    for source, fields in FIELDS.items():
        seen = {name for record in good_records(city.lines(source)) for name in record}
        assert seen <= {*fields.split(), "app_build"}


def test_no_event_lands_before_it_happened(city):
    for key in city.keys:
        if "provider_status" in key and key not in city.truncated:
            stamp = key.rsplit("/", 1)[1].split("-", 1)[1][:19]
            lines = gzip.decompress((city.root / key).read_bytes()).split(b"\n")
            for record in good_records([line for line in lines if line]):
                assert record["event_timestamp"][:19].replace(":", "-").replace("T", "-") <= stamp


def test_planted_identifiers_are_in_landing_and_listed(city):
    planted = city.truth("planted_identifiers")
    landed = b"\n".join(city.lines("dispatch_events"))
    jobs = set(city.requests().job_id)
    for kind, value, job_id in planted[["kind", "value", "job_id"]].head(2000).itertuples(index=False):
        assert value.encode() in landed or job_id not in jobs, kind
    assert set(planted[planted.kind == "name"].value) <= set(PLANTED_NAMES)
    assert set(planted.kind) == {"name", "phone", "vin", "member_id"}


def test_a_truck_does_one_job_after_the_other(city):
    assignments = city.truth("assignments")
    done = assignments[assignments.driver_id.notna() & assignments.completed_at.notna()]
    for _, trips in done.sort_values("arrived_at").groupby("driver_id"):
        assert (
            trips.planned_departure_at.iloc[1:].to_numpy() >= trips.completed_at.iloc[:-1].to_numpy()
        ).all()


def test_promises_are_on_five_minutes_and_optimistic(city):
    assignments = city.truth("assignments")
    immediate = assignments[assignments.is_immediate]
    assert (immediate.first_promised_arrival_at.dt.floor("5min") == immediate.first_promised_arrival_at).all()
    assert (immediate.planned_arrival_at > immediate.first_promised_arrival_at).mean() > 0.15


def test_pings_come_from_tracked_providers_where_the_truck_is(city):
    tracked = city.truth("providers").set_index("provider_id").is_tracked
    pings = city.pings
    assert tracked[pings.provider_id.unique()].all()
    jobs = city.truth("jobs").set_index("job_id")
    arrivals = city.arrivals()
    arrivals = arrivals[(arrivals.arrived_at > END - timedelta(hours=20)) & arrivals.has_driver].head(60)
    by_driver = dict(iter(pings[pings.accuracy_m < 50].groupby("driver_id")))
    evidenced = 0
    for driver, job_id, arrived_at in arrivals[["driver_id", "job_id", "arrived_at"]].itertuples(index=False):
        near = by_driver[driver]
        near = near[(near["at"] - arrived_at).abs() < timedelta(minutes=10)]
        north = (near.latitude - jobs.latitude[job_id]) * 111.2
        east = (near.longitude - jobs.longitude[job_id]) * 85.5
        evidenced += bool(((north**2 + east**2) ** 0.5 < 0.3).any())
    assert evidenced / len(arrivals) > 0.95


def test_the_largest_object_is_split(tmp_path):
    simulate(SimulationConfig(START, providers=20, jobs_per_day=60, largest_object=100), tmp_path)
    objects = pd.read_parquet(tmp_path / "truth" / "objects.parquet")
    assert objects.line_count.max() <= 100
    assert objects.object_key.str.contains("-0002.").any()


# -- rates, measured back -----------------------------------------------------------------------


def share(hits: float, trials: float, expected: float) -> tuple[float, float, float]:
    """(measured, expected, standard deviation) of a share of independent trials."""
    assert trials > 0
    return hits / trials, expected, math.sqrt(expected * (1 - expected) / trials)


def of(flags: pd.Series, name: str) -> tuple[float, float, float]:
    flags = flags.dropna()
    return share(flags.sum(), len(flags), rate(name))


def landed_offers(city, channel):
    events = city.events
    offered = events[(events.event_type == "offered") & (events.dispatch_channel == channel)]
    return set(offered.offer_id)


def answered(city, channel, event_type, name):
    offers = landed_offers(city, channel)
    events = city.events
    hits = events[(events.event_type == event_type) & events.offer_id.isin(offers)].offer_id.nunique()
    return share(hits, len(offers), rate(name))


def on_scene_missing(city, is_tracked, name):
    arrivals = city.arrivals()
    arrivals = arrivals[arrivals.is_tracked == is_tracked]
    events = city.events
    pressed = events[events.event_type == "on_scene"][["job_id", "provider_id"]].drop_duplicates()
    found = arrivals.merge(pressed, how="left", indicator=True)
    return share((found._merge == "left_only").sum(), len(found), rate(name))


def cancels_after(city, minutes):
    """Cancels after so many minutes of waiting, against the hazard added up from there."""
    jobs = city.truth("jobs")
    waits = jobs[jobs.scheduled_for.isna() & (jobs.waited_minutes > minutes)]
    expected = sum(waiting_exposure(w) - waiting_exposure(minutes) for w in waits.waited_minutes)
    return (waits.end == "member_cancelled").sum(), expected, math.sqrt(expected)


def lag(city, platform):
    delays = city.truth("delays")
    delays = delays[(delays.platform == platform) & (delays.cause == "platform")]
    seconds = (delays.arrived_at - delays.event_timestamp).dt.total_seconds()
    mean = rate(f"lag_{platform}_seconds")
    return seconds.mean(), mean, mean / math.sqrt(len(delays))


def days_late(city):
    delays = city.truth("delays")
    span = 7 * 86400 - 3600
    left = (END - delays.event_timestamp[delays.source != "service_outcomes"]).dt.total_seconds()
    expected = rate("days_late") * ((left - 3600).clip(lower=0) / span).sum()
    hits = ((delays.cause == "days_late") & (delays.source != "service_outcomes")).sum()
    return hits, expected, math.sqrt(expected)


def planted(city, kind, name):
    before = END - timedelta(hours=6)
    delays, dirt = city.truth("delays"), city.truth("dirt")
    trials = (delays.event_timestamp < before).sum()
    hits = (dirt.kind.str.startswith(kind) & (dirt.event_timestamp < before)).sum()
    pings = city.truth("ping_slots")
    trials += pings[pings.landed_at < before].ping_count.sum()
    return share(hits, trials, rate(name))


def objects_of(city, kind, name):
    objects = city.truth("objects")
    trials = objects[objects.kind.isin(["whole", "truncated", "late"])]
    return share((trials.kind == kind).sum(), len(trials), rate(name))


def fix_jumps(city):
    return share(
        (city.truth("dirt").kind == "fix_jump").sum(),
        city.truth("ping_slots").ping_count.sum(),
        rate("fix_jump"),
    )


def buffered(city):
    slots = city.truth("ping_slots")
    hits, trials = slots.buffered_count.sum(), slots.ping_count.sum()
    return share(hits / 5, trials / 5, rate("pings_buffered"))


def traffic_sentinels(city):
    rows = list(csv.DictReader(io.StringIO(b"\n".join(city.lines("traffic_speeds")).decode())))
    readings = [row for row in rows if row["feed"] != "feed"]
    return share(sum(row["status"] == "-101" for row in readings), len(readings), rate("traffic_sentinel"))


def stalled(city):
    delays = city.truth("delays")
    delays = delays[(delays.platform == "relay") & delays.cause.isin(["platform", "stalled"])]
    return of(delays.cause == "stalled", "relay_stalled")


def relay_jobs(city):
    offered = city.events[city.events.event_type == "offered"]
    return of(offered.groupby("job_id").offer_id.first().isna(), "relay_job")


def untracked(city):
    providers = city.truth("providers")
    heard = {record["provider_id"] for record in good_records(city.lines("provider_status"))}
    return share((~providers.provider_id.isin(heard)).sum(), len(providers), rate("untracked_provider"))


def immediate_acceptances(city):
    assignments = city.truth("assignments")
    return assignments[assignments.is_immediate]


def eta_rejected(city):
    accepted = immediate_acceptances(city)
    accepted = accepted[accepted.accepted_at < END - timedelta(hours=1)]
    hits = (city.events.event_type == "eta_rejected").sum()
    return share(hits, len(accepted), rate("eta_rejected"))


def service_changed(city):
    arrivals = city.arrivals()
    light = arrivals[arrivals.completed_at.notna() & arrivals.service_type.isin(LIGHT_SERVICES)]
    updated = set(city.events[city.events.event_type == "job_updated"].job_id)
    return of(light.job_id.isin(updated), "service_changed")


def gone(city):
    arrivals = city.arrivals()
    gone_jobs = set(city.events[city.events.event_type == "gone_on_arrival"].job_id)
    return of(arrivals.job_id.isin(gone_jobs), "gone_on_arrival")


def notes(city):
    requests = city.requests()
    told = city.truth("planted_identifiers")
    told = set(told[told.field == "notes"].job_id)
    assert set(requests[requests.notes.notna()].job_id) <= told
    return of(requests.job_id.isin(told), "identity_in_notes")


MEASURES = {
    "untracked_provider": untracked,
    "relay_provider": lambda c: of(
        c.truth("providers").query("is_tracked").platform == "relay", "relay_provider"
    ),
    "relay_job": relay_jobs,
    "off_duty_pings": lambda c: of(c.truth("shifts").off_duty_until_at.notna(), "off_duty_pings"),
    "break_taken": lambda c: of(c.truth("shifts").query("is_idle_at_break").is_break_taken, "break_taken"),
    "scheduled_job": lambda c: of(
        c.requests().query("job_kind == 'roadside'").scheduled_for.notna(), "scheduled_job"
    ),
    "accident_job": lambda c: of(c.requests().job_kind == "accident", "accident_job"),
    "second_tow_job": lambda c: of(c.requests().job_kind == "second_tow", "second_tow_job"),
    "program_g2": lambda c: of(c.requests().program_id == "G2", "program_g2"),
    "identity_in_notes": notes,
    "offer_explored": lambda c: of(
        c.truth("offers").query("is_first_of_round and candidate_count > 1").is_explored, "offer_explored"
    ),
    "offer_expired": lambda c: answered(c, "digital", "offer_expired", "offer_expired"),
    "offer_withdrawn": lambda c: answered(c, "digital", "offer_withdrawn", "offer_withdrawn"),
    "no_contact": lambda c: answered(c, "phone", "no_contact", "no_contact"),
    "eta_rejected": eta_rejected,
    "acceptance_backdated": lambda c: of(
        c.truth("offers").query("dispatch_channel == 'phone' and outcome == 'accepted'").is_backdated,
        "acceptance_backdated",
    ),
    "gave_back": lambda c: of(immediate_acceptances(c).is_give_back_drawn, "gave_back"),
    "eta_extended": lambda c: of(c.truth("assignments").is_extension_drawn, "eta_extended"),
    "agent_reassigned": lambda c: of(c.truth("assignments").is_reassignment_drawn, "agent_reassigned"),
    "driver_named": lambda c: of(c.truth("assignments").is_driver_named, "driver_named"),
    "en_route_early": lambda c: of(c.truth("assignments").is_en_route_early, "en_route_early"),
    "on_scene_forgotten": lambda c: on_scene_missing(c, True, "on_scene_forgotten"),
    "on_scene_late": lambda c: of(
        c.arrivals()
        .query("is_tracked and on_scene_reported_at.notna()")
        .eval("on_scene_reported_at > arrived_at"),
        "on_scene_late",
    ),
    "phone_on_scene_missing": lambda c: on_scene_missing(c, False, "phone_on_scene_missing"),
    "gone_on_arrival": gone,
    "gone_then_cancelled": lambda c: of(
        c.truth("assignments").query("is_gone_on_arrival == True").is_then_cancelled, "gone_then_cancelled"
    ),
    "unsuccessful": lambda c: of(
        c.arrivals().query("is_gone_on_arrival == False").is_unsuccessful, "unsuccessful"
    ),
    "service_changed": service_changed,
    "cancel_hazard": lambda c: cancels_after(c, 0),
    "cancel_hazard_growth": lambda c: cancels_after(c, 40),
    "claim_corrected": lambda c: of(c.truth("claims").version_count >= 2, "claim_corrected"),
    "claim_corrected_twice": lambda c: of(
        c.truth("claims").query("version_count >= 2").version_count == 3, "claim_corrected_twice"
    ),
    "claim_rated": lambda c: of(c.truth("claims").is_rated, "claim_rated"),
    "claim_surveyed": lambda c: of(c.truth("claims").is_surveyed, "claim_surveyed"),
    "fix_inaccurate": lambda c: of(c.pings.accuracy_m >= 200, "fix_inaccurate"),
    "fix_jump": fix_jumps,
    "pings_buffered": buffered,
    "traffic_sentinel": traffic_sentinels,
    "lag_direct_seconds": lambda c: lag(c, "direct"),
    "lag_relay_seconds": lambda c: lag(c, "relay"),
    "relay_stalled": stalled,
    "days_late": days_late,
    "resent": lambda c: planted(c, "resent", "resent"),
    "conflicting": lambda c: planted(c, "conflicting", "conflicting"),
    "malformed": lambda c: planted(c, "malformed", "malformed"),
    "unknown_field": lambda c: planted(c, "unknown_field", "unknown_field"),
    "object_late": lambda c: objects_of(c, "late", "object_late"),
    "object_truncated": lambda c: objects_of(c, "truncated", "object_truncated"),
}


def test_every_phenomenon_of_the_table_is_measured():
    assert set(MEASURES) == {phenomenon.name for phenomenon in PHENOMENA}


def test_no_truck_flies(city):
    planted = set(city.truth("dirt").query("kind == 'fix_jump'").record_id)
    pings = city.pings[~city.pings.event_id.isin(planted) & (city.pings.accuracy_m < 200)]
    assert (pings.speed_kmh > 150).mean() < 1e-4


@pytest.mark.parametrize("name", MEASURES)
def test_a_rate_is_found_again_in_what_landed_or_in_the_truth(city, name):
    measured, expected, deviation = MEASURES[name](city)
    assert abs(measured - expected) <= 4 * deviation, (measured, expected, deviation)


def test_the_same_provider_is_asked_twice_within_a_job(city):
    offered = city.events[city.events.event_type == "offered"]
    asked = Counter(zip(offered.job_id, offered.provider_id, strict=True))
    assert sum(count > 1 for count in asked.values()) > 20


def test_dropping_cancelled_waits_makes_arrivals_look_faster(city):
    assignments = immediate_acceptances(city)
    planned = (assignments.planned_arrival_at - assignments.accepted_at).dt.total_seconds() / 60
    assert planned[assignments.end_reason == "arrived"].mean() < planned.mean() - 1


def test_answers_carry_the_offers_of_direct_jobs_only(city):
    events = city.events
    relay = set(city.truth("jobs").query("platform == 'relay'").job_id)
    by_job = defaultdict(set)
    for job_id, offer_id in zip(events.job_id, events.offer_id, strict=True):
        by_job[job_id in relay].add(offer_id if isinstance(offer_id, str) else None)
    assert by_job[True] == {None}
    assert len(by_job[False]) > 100
