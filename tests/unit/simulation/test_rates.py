"""Every rate of the city's table, found again in what landed or in the truth."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter, defaultdict
from datetime import timedelta

import pandas as pd
import pytest

from simulation.jobs import waiting_exposure
from simulation.landing import SOURCES
from simulation.providers import LIGHT_SERVICES
from simulation.rates import PHENOMENA, rate
from support.landed_city import END, good_records

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


def dead_feed_minutes(city):
    """The longest time between two stamps of a source, beyond the 5 minutes there always are."""
    longest = 0
    for source in SOURCES:
        stamps = sorted({key.rsplit("-", 1)[0][-19:] for key in city.keys if f"/{source}/" in key})
        moments = pd.to_datetime(pd.Series(stamps), format="%Y-%m-%d-%H-%M-%S")
        longest = max(longest, moments.diff().max().total_seconds() / 60 - 5)
    return longest, rate("dead_feed_minutes"), 0


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
    "dead_feed_minutes": dead_feed_minutes,
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
