"""Every phenomenon of the simulated city, its rate, and how to find it again.

One row per phenomenon. The simulation reads its rates here and nowhere else; a test measures each
back from what landed, or from the truth kept aside where the landing cannot show it. Shares are
`of` a denominator; the few rows with another unit say so.
"""

from __future__ import annotations

from dataclasses import dataclass

from validation.errors import UnknownName


@dataclass(frozen=True)
class Phenomenon:
    """One thing that happens in the city: at `rate`, counted over `of`."""

    name: str
    rate: float
    of: str
    meaning: str
    measured: str


PHENOMENA = (
    # -- who ------------------------------------------------------------------------------------
    Phenomenon(
        "untracked_provider",
        1 / 3,
        "providers",
        "Reached by phone only: no driver status, no position, no driver ids.",
        "providers with offers that never sent a status or a ping",
    ),
    Phenomenon(
        "relay_provider",
        0.4,
        "tracked providers",
        "On the platform whose records arrive later.",
        "truth.providers.platform",
    ),
    Phenomenon(
        "relay_job",
        0.3,
        "jobs",
        "Dispatched through the platform that sends no offer_id, assignment_id, channel or selection.",
        "jobs whose offered events carry no offer_id",
    ),
    Phenomenon(
        "off_duty_pings",
        0.1,
        "shifts of tracked drivers",
        "The app keeps sending positions for 20-60 minutes after the shift.",
        "truth.shifts.off_duty_until_at is set; pings after the offline status",
    ),
    Phenomenon(
        "break_taken",
        0.5,
        "shifts of tracked drivers that are idle at mid-shift",
        "30 minutes on break.",
        "truth.shifts: is_break_taken over is_idle_at_break",
    ),
    # -- jobs -----------------------------------------------------------------------------------
    Phenomenon(
        "scheduled_job",
        0.04,
        "roadside jobs",
        "Asked for 12-36 hours ahead.",
        "requested events of kind roadside with scheduled_for",
    ),
    Phenomenon("accident_job", 0.06, "jobs", "Job kind accident.", "requested events with job_kind accident"),
    Phenomenon(
        "second_tow_job", 0.03, "jobs", "A tow out of storage.", "requested events, job_kind second_tow"
    ),
    Phenomenon(
        "program_g2", 0.45, "jobs", "Second client program, other SLA.", "requested events, program_id G2"
    ),
    Phenomenon(
        "identity_in_notes",
        0.05,
        "jobs",
        "An agent typed the member's name and phone, or the VIN, into the free text.",
        "truth.planted_identifiers where field = notes",
    ),
    # -- offers ---------------------------------------------------------------------------------
    Phenomenon(
        "offer_explored",
        0.05,
        "first offers of a round with two candidates or more",
        "The policy asks another than its best, at random.",
        "truth.offers.is_explored",
    ),
    Phenomenon(
        "offer_expired",
        0.12,
        "digital offers the member did not cut short",
        "No answer within 90 seconds.",
        "silver.offers: outcome expired over digital offers",
    ),
    Phenomenon(
        "offer_withdrawn",
        0.02,
        "digital offers the member did not cut short",
        "An agent takes the offer back before the answer.",
        "silver.offers: offer_withdrawn events over digital offers",
    ),
    Phenomenon(
        "no_contact",
        0.25,
        "phone offers the member did not cut short",
        "Nobody picks up the phone; the provider is called again later in the round.",
        "silver.offers: outcome no_contact over phone offers",
    ),
    Phenomenon(
        "eta_rejected",
        0.03,
        "acceptances of immediate jobs",
        "The club refuses the provider's ETA.",
        "silver.offers: outcome eta_rejected over accepted and eta_rejected",
    ),
    Phenomenon(
        "acceptance_backdated",
        0.05,
        "phone acceptances",
        "The agent keys it 16-40 minutes later: it lands long after it happened.",
        "silver.assignments.is_backdated over phone acceptances",
    ),
    # -- assignments ----------------------------------------------------------------------------
    Phenomenon(
        "gave_back",
        0.03,
        "acceptances of immediate jobs whose ETA was not refused",
        "The provider hands the job back before arriving (drawn; a cancel may come first).",
        "truth.assignments.is_give_back_drawn; silver end_reason provider_gave_back",
    ),
    Phenomenon(
        "eta_extended",
        0.5,
        "assignments that will miss their first promise by 5 minutes or more",
        "The provider moves the promise (drawn; the assignment may end before).",
        "truth.assignments.is_extension_drawn over is_extension_due",
    ),
    Phenomenon(
        "agent_reassigned",
        0.3,
        "assignments that will miss their last promise by 15 minutes or more",
        "The agent takes the job away 15 minutes after the promise (drawn).",
        "truth.assignments.is_reassignment_drawn over is_reassignment_due",
    ),
    Phenomenon(
        "driver_named",
        0.7,
        "assignments of tracked providers with a driver",
        "The provider names the driver soon after accepting (drawn).",
        "truth.assignments.is_driver_named over has_driver",
    ),
    Phenomenon(
        "en_route_early",
        0.12,
        "assignments of tracked providers with a driver",
        "En route is pressed within a minute of acceptance, wherever the driver is (drawn).",
        "truth.assignments.is_en_route_early over has_driver",
    ),
    Phenomenon(
        "on_scene_forgotten",
        0.06,
        "arrivals of tracked providers",
        "On scene is never pressed.",
        "arrivals of truth.assignments of tracked providers without an on_scene event",
    ),
    Phenomenon(
        "on_scene_late",
        0.05,
        "arrivals of tracked providers where it was pressed",
        "On scene is pressed 10 minutes late (or just before the end of a short job).",
        "truth.assignments: on_scene_reported_at > arrived_at",
    ),
    Phenomenon(
        "phone_on_scene_missing",
        0.3,
        "arrivals of untracked providers",
        "Nobody calls the arrival in.",
        "arrivals of truth.assignments of untracked providers without an on_scene event",
    ),
    Phenomenon(
        "gone_on_arrival",
        0.04,
        "arrivals",
        "The member is not there.",
        "silver.assignments with a gone_on_arrival event over true arrivals",
    ),
    Phenomenon(
        "gone_then_cancelled",
        0.15,
        "gone on arrival",
        "The final status becomes cancelled, by an agent.",
        "jobs with gone_on_arrival, then cancelled",
    ),
    Phenomenon(
        "unsuccessful",
        0.02,
        "arrivals with the member there",
        "Nothing could be done.",
        "jobs with an unsuccessful event over such arrivals",
    ),
    Phenomenon(
        "service_changed",
        0.03,
        "light services done",
        "Another light service turns out to be needed on scene (job_updated).",
        "jobs with job_updated over arrivals of light services served to the end",
    ),
    Phenomenon(
        "cancel_hazard",
        0.0004,
        "per minute of waiting",
        "The member gives up: the hazard at once after the request.",
        "cancels by members against the hazard summed over truth.jobs.waited_minutes",
    ),
    Phenomenon(
        "cancel_hazard_growth",
        0.00003,
        "per minute of waiting, per minute waited",
        "The hazard of giving up rises with the wait, so dropping cancels biases the mean arrival.",
        "the same sum, late waits against early ones",
    ),
    # -- claims ---------------------------------------------------------------------------------
    Phenomenon(
        "claim_corrected",
        0.15,
        "claims",
        "A second version, days later, with another amount (drawn).",
        "truth.claims.version_count >= 2",
    ),
    Phenomenon(
        "claim_corrected_twice",
        0.2,
        "corrected claims",
        "A third version.",
        "truth.claims.version_count = 3 over >= 2",
    ),
    Phenomenon("claim_rated", 0.35, "claims", "The member rated the service.", "claims with rating"),
    Phenomenon("claim_surveyed", 0.2, "claims", "The member answered the NPS question.", "claims with nps"),
    # -- positions and traffic ------------------------------------------------------------------
    Phenomenon(
        "fix_inaccurate",
        0.01,
        "pings",
        "A fix with an error of hundreds of metres, and the accuracy to match.",
        "gps_pings with accuracy_m >= 200",
    ),
    Phenomenon(
        "fix_jump",
        0.001,
        "pings",
        "A fix 3-10 km away with a good accuracy: an implausible jump.",
        "truth.dirt where kind = fix_jump",
    ),
    Phenomenon(
        "pings_buffered",
        0.01,
        "drivers and 5 minutes",
        "No reception: these positions arrive together 5-60 minutes later.",
        "truth.ping_slots.buffered_count over ping_count",
    ),
    Phenomenon(
        "traffic_sentinel",
        0.02,
        "traffic readings",
        "No reading: status -101 and speed 0.",
        "traffic_speeds with status -101",
    ),
    # -- delivery -------------------------------------------------------------------------------
    Phenomenon(
        "lag_direct_seconds",
        20,
        "seconds, mean",
        "From event to arrival on the direct platform.",
        "truth.delays: arrived_at - event_timestamp where platform = direct, cause = platform",
    ),
    Phenomenon(
        "lag_relay_seconds",
        90,
        "seconds, mean",
        "From event to arrival on the relay platform.",
        "truth.delays: the same where platform = relay",
    ),
    Phenomenon(
        "relay_stalled",
        0.02,
        "records of the relay platform",
        "A queue of theirs stands: 5-40 minutes.",
        "truth.delays where cause = stalled",
    ),
    Phenomenon(
        "days_late",
        0.0005,
        "records",
        "Arrives an hour to 7 days late.",
        "truth.delays where cause = days_late",
    ),
    Phenomenon(
        "resent",
        0.005,
        "records",
        "The same record again, 5 minutes to 2 days later.",
        "truth.dirt where kind = resent; duplicates counted by silver",
    ),
    Phenomenon(
        "conflicting",
        0.0003,
        "records",
        "The same event_id and time again with other content, later.",
        "truth.dirt where kind = conflicting; conflicts flagged by silver",
    ),
    Phenomenon(
        "malformed",
        0.0003,
        "records",
        "A garbled copy lands as an extra line: cut short, no JSON, wrong encoding, an array, a required "
        "field missing.",
        "truth.dirt where the kind starts with malformed; quarantine rows",
    ),
    Phenomenon(
        "unknown_field",
        0.001,
        "records",
        "Carries a field no contract knows (app_build).",
        "landed lines with app_build",
    ),
    Phenomenon(
        "object_late",
        0.003,
        "objects with records",
        "The object appears 10 minutes to 4 hours after its records arrived, and is stamped so.",
        "truth.objects where kind = late",
    ),
    Phenomenon(
        "object_truncated",
        0.001,
        "objects with records",
        "A gzip cut off; the whole object is delivered again 10 minutes later.",
        "truth.objects where kind = truncated",
    ),
    Phenomenon(
        "dead_feed_minutes",
        40,
        "minutes, once, where SimulationConfig.dead_feed asks for it",
        "A source lands no object and no heartbeat, between 12:00Z and 22:00Z of the second day; then all at "
        "once, under the stamp of its return.",
        "the longest time between two stamps of a source, beyond the 5 minutes there always are; "
        "truth.objects where kind = withheld",
    ),
)

_BY_NAME = {phenomenon.name: phenomenon for phenomenon in PHENOMENA}


def rate(name: str) -> float:
    """The rate of a phenomenon.

    >>> rate("on_scene_forgotten")
    0.06

    Raises:
        UnknownName: there is none of that name.
    """
    if name not in _BY_NAME:
        raise UnknownName("phenomenon", name, _BY_NAME)
    return _BY_NAME[name].rate
