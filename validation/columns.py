"""The data dictionary: every column of every table, described once.

Tables pick columns by name with `pick`. A name means the same thing wherever it stands.
"""

from __future__ import annotations

from validation.contract import Column, Sensitivity, Type
from validation.errors import UnknownName
from validation.feature_columns import FEATURE_COLUMNS
from validation.on_demand import REQUEST

_S, _L, _I, _D, _B, _T = Type.STRING, Type.LONG, Type.INT, Type.DOUBLE, Type.BOOLEAN, Type.TIMESTAMP
_BUSINESS, _TOKEN, _PRECISE, _SEALED = (
    Sensitivity.BUSINESS,
    Sensitivity.TOKEN,
    Sensitivity.PRECISE_LOCATION,
    Sensitivity.SEALED,
)

_ENVELOPE = (
    Column("source_object", _S, "Key of the landed object the record came from."),
    Column("source_line", _L, "Line (or row) of the record in its object, from 1; 0 is the object itself."),
    Column("landed_at", _T, "Stamp in the object's name; information only.", "UTC"),
    Column(
        "known_at",
        _T,
        "End of the 15-minute tick that first saw the landed object; of what was made of dispatch events "
        "stamped ahead, the first tick after them.",
        "UTC",
    ),
    Column("known_date", Type.DATE, "UTC date of the start of that tick; the partition."),
    Column("contract_version", _I, "Version of the source contract under which validity was decided."),
    Column(
        "schema_version", _I, "Schema version the producer declared on the record; 1 if it declared none."
    ),
    Column(
        "content_digest",
        _S,
        "Keyed digest of the record's canonical content; tells a resend from a conflict.",
    ),
    Column("has_unknown_value", _B, "A vocabulary field holds a value the contract does not list."),
    Column("unknown_fields", Type.STRINGS, "Names of the record's fields that the contract does not have."),
    Column(
        "sealed_payload",
        Type.BINARY,
        "What may not stand in the clear (identifiers, precise location, free text, unknown fields) "
        "as JSON, encrypted under the subject's own key.",
        sensitivity=_SEALED,
    ),
    Column(
        "is_late", _B, "The event is older than its source's late horizon; it enters no state and no feature."
    ),
)

_QUARANTINE = (
    Column("reason", _S, "Why the line was refused, as a code."),
    Column("reason_text", _S, "The reason as a sentence, with what to do."),
    Column("field_name", _S, "The field at fault, where one is."),
    Column("byte_count", _L, "Length of the refused line or object.", "bytes"),
    Column(
        "sealed_line",
        Type.BINARY,
        "The refused line (at most its first MiB), encrypted whole.",
        sensitivity=_SEALED,
    ),
)

_LIFECYCLE = (
    Column("event_id", _S, "The producer's identifier of the event."),
    Column("event_timestamp", _T, "When it was true in the world.", "UTC"),
    Column("event_type", _S, "Lifecycle event (vocabulary of the source contract)."),
    Column("job_id", _S, "One request for service; may have several rounds of offers."),
    Column("offer_id", _S, "One question to one provider at one moment."),
    Column("assignment_id", _S, "An accepted offer, until arrival, give-back or cancel."),
    Column("provider_id", _S, "A contracted company.", sensitivity=_BUSINESS),
    Column("driver_id", _S, "Token of the person on duty, salted per driver.", sensitivity=_TOKEN),
    Column("truck_id", _S, "The truck used for the shift.", sensitivity=_BUSINESS),
    Column("dispatch_channel", _S, "How the provider was asked: digital, phone or partner."),
    Column("actor", _S, "Who caused the event: member, provider, agent or system."),
    Column("reason_code", _S, "The producer's reason."),
    Column("service_type", _S, "Service asked for, as last stated at or before the row's moment."),
    Column("zone_id", _S, "H3 r7 cell of the incident (about 5 km2)."),
    Column("area_id", _S, "H3 r6 cell, parent of the zone."),
    Column("market_id", _S, "H3 r4 cell, parent of the area."),
    Column(
        "local_hour_of_week",
        _S,
        "Hour of the week in New York, the business day's clock: 0 is Monday at 00:00.",
    ),
    Column("destination_zone_id", _S, "H3 r7 cell of the drop."),
    Column("promised_arrival_at", _T, "Latest promise of arrival known at the row's moment.", "UTC"),
    Column("offer_expires_at", _T, "When the offer lapses.", "UTC"),
    Column("vehicle_year", _I, "Model year."),
    Column("vehicle_make", _S, "Vehicle make."),
    Column("vehicle_model", _S, "Vehicle model."),
    Column("vehicle_token", _S, "Token of the VIN, salted per member.", sensitivity=_TOKEN),
    Column("member_token", _S, "Token of the member, salted per member.", sensitivity=_TOKEN),
    Column("program_id", _S, "The client's contract.", sensitivity=_BUSINESS),
    Column("scheduled_for", _T, "Appointment; null means immediate.", "UTC"),
    Column("job_kind", _S, "roadside, accident or second_tow; null counts as roadside."),
    Column("selection_policy_version", _S, "Version of the policy that ranked the provider."),
    Column("selection_rank", _I, "Rank the policy gave the provider."),
    Column("selection_score", _D, "Score the policy gave the provider."),
    Column("selection_propensity", _D, "Probability with which the policy chose the provider."),
)

_STATE = (
    Column("offer_seq", _I, "Position of the offer among the job's offers, from 1."),
    Column("offered_at", _T, "When the provider was asked.", "UTC"),
    Column("offer_outcome", _S, "open, accepted, declined, expired, no_contact, withdrawn or eta_rejected."),
    Column("responded_at", _T, "When the offer's outcome came about.", "UTC"),
    Column("response_seconds", _L, "Offer to answer, answered offers only.", "s"),
    Column("accepted_at", _T, "When the provider said yes.", "UTC"),
    Column("is_channel_derived", _B, "The channel was not given and was derived."),
    Column("is_offer_id_derived", _B, "The offer id was not given and was derived."),
    Column(
        "is_immediate",
        _B,
        "The job's request is known and it has no appointment; false where the request is known no more.",
    ),
    Column("requested_at", _T, "When the member asked.", "UTC"),
    Column("accepted_landed_at", _T, "Stamp of the object that brought the acceptance.", "UTC"),
    Column("is_backdated", _B, "The acceptance landed more than 15 minutes after its own time."),
    Column("first_promised_arrival_at", _T, "First promise of arrival.", "UTC"),
    Column("promise_extension_count", _L, "Times the promise was moved later."),
    Column("en_route_at", _T, "First en route of the assignment.", "UTC"),
    Column("on_scene_at", _T, "First on scene of the assignment.", "UTC"),
    Column("gone_on_arrival_at", _T, "Driver arrived, member gone.", "UTC"),
    Column("arrived_at", _T, "On scene, else gone on arrival.", "UTC"),
    Column("completed_at", _T, "Job completed.", "UTC"),
    Column("cancelled_at", _T, "Job cancelled.", "UTC"),
    Column("ended_at", _T, "When the assignment ended.", "UTC"),
    Column(
        "end_reason",
        _S,
        "open, arrived, provider_gave_back, agent_reassigned, eta_rejected, member_cancelled "
        "or missing_milestone (completed, never arrived).",
    ),
    Column("is_gone_on_arrival", _B, "The arrival found nobody."),
    Column("cancel_actor", _S, "Who cancelled the job."),
    Column("stage", _S, "unassigned, offered, assigned, en_route, on_scene, towing or closed."),
    Column("stage_since_at", _T, "Since when the job is in its stage.", "UTC"),
    Column("requested_service_type", _S, "Service asked for on the request itself."),
    Column("offer_count", _L, "Offers made so far."),
    Column("decline_count", _L, "Offers declined so far."),
    Column("assigned_provider_id", _S, "Provider of the active assignment.", sensitivity=_BUSINESS),
    Column("unassigned_from", _T, "Since when the job waits without a provider; null if it does not.", "UTC"),
    Column("wait_seq", _I, "Position of the wait among the job's waits, from 1."),
    Column("wait_started_at", _T, "Since when the job waited without a provider.", "UTC"),
    Column("wait_ended_at", _T, "When a provider accepted it or it was over; null while it waits.", "UTC"),
    Column("first_accepted_at", _T, "First acceptance of the job.", "UTC"),
    Column("illegal_event_count", _L, "Events the automaton does not allow."),
    Column("is_illegal", _B, "The automaton does not allow the event where it stands."),
    Column("illegal_reason", _S, "Why not, as a sentence."),
    Column(
        "is_retracted",
        _B,
        "Taken back: what is known at the tick makes no such row; its other columns are as last known.",
    ),
    Column("evidence_ping_at", _T, "Ping within 300 m of the job and 10 minutes of the arrival.", "UTC"),
    Column("elsewhere_ping_at", _T, "Last ping beyond 300 m between arrival and evidence, if any.", "UTC"),
)

_MOVEMENT = (
    Column("status", _S, "available, en_route, on_job, on_break or offline."),
    Column("equipment", Type.STRINGS, "Equipment declared on the truck."),
    Column("active_job_count", _I, "Jobs the driver holds."),
    Column("latitude", _D, "Latitude.", "degrees", _PRECISE),
    Column("longitude", _D, "Longitude.", "degrees", _PRECISE),
    Column("speed_kmh", _D, "Speed.", "km/h"),
    Column("heading", _D, "Heading, clockwise from north.", "degrees"),
    Column("accuracy_m", _D, "Radius of uncertainty of the fix.", "m"),
    Column("is_inaccurate", _B, "The fix is less accurate than 200 m."),
    Column("is_stale", _B, "The fix landed more than 15 minutes after it was taken."),
    Column(
        "is_implausible_jump",
        _B,
        "Reached from the driver's previous known fix only faster than 200 km/h.",
    ),
)

_CLAIMS = (
    Column("claim_id", _S, "One claim; each version of it is an event."),
    Column("submitted_at", _T, "When the claim was first submitted.", "UTC"),
    Column("source_updated_at", _T, "The claim system's version stamp.", "UTC"),
    Column("claim_outcome", _S, "completed, goa, cancelled or unsuccessful."),
    Column("invoice_status", _S, "Status of the invoice."),
    Column("billed_usd", _D, "Amount billed, as received.", "USD"),
    Column("billed_cents", _L, "Amount billed.", "US cents"),
    Column("tow_km", _D, "Distance towed, as received.", "km"),
    Column("tow_metres", _L, "Distance towed.", "m"),
    Column("rating", _D, "Member's rating, 1 to 5."),
    Column("nps", _I, "Member's likelihood to recommend, 0 to 10."),
)

_TRAFFIC = (
    Column("feed", _S, "The traffic feed."),
    Column("segment_id", _S, "The feed's road segment or cell."),
    Column("free_flow_kmh", _D, "Speed on an empty road.", "km/h"),
    Column("sample_count", _L, "Probes behind the reading."),
    Column("reading_status", _S, "The feed's status; -101 and negative speeds mean no reading."),
    Column("tile_start_at", _T, "Start of the 15-minute event tile.", "UTC"),
    Column("reading_count", _L, "Readings with a speed."),
    Column("sentinel_count", _L, "Readings that say there was none."),
    Column("speed_metres_per_hour_sum", _L, "Sum of speed times samples.", "m/h"),
    Column(
        "rated_speed_metres_per_hour_sum",
        _L,
        "Sum of speed times samples where a free-flow speed stands beside it.",
        "m/h",
    ),
    Column("free_flow_metres_per_hour_sum", _L, "Sum of free-flow speed times samples.", "m/h"),
    Column("sample_count_sum", _L, "Samples behind the sums."),
)

_FEATURE_CLOCKS = (
    Column("available_at", _T, "When a reader could first have had the row: tick plus serving delay.", "UTC"),
    Column("revision", _I, "0 as first computed; a replay with changed code adds the next."),
    Column("revised_at", _T, "Publication time of the revision; available_at for revision 0.", "UTC"),
    Column("tick_at", _T, "The tick the values belong to; null on a closing row.", "UTC"),
)


_TILES = (
    Column("measure", _S, "What the amount adds to; the family's module lists its measures."),
    Column("bucket", _I, "Of a histogram: number of the bucket (lower, upper]; else 0."),
    Column("tile_at", _T, "First instant of the grid strictly after the event: the end of its tile.", "UTC"),
    Column("counts_at", _T, "First instant at which the amount counts, by event times alone.", "UTC"),
    Column("moment_at", _T, "The event's own moment where a latest is asked for; else tile_at.", "UTC"),
    Column("amount", _L, "Signed: a correction is the negative of what was known before."),
    Column("fix_count", _L, "Fixes of the tile that became known in the tick."),
    Column("on_duty_seconds_60m", _L, "Seconds on duty in the last 60 minutes, as known at the tick.", "s"),
    Column("busy_seconds_60m", _L, "Seconds of these en route or on a job.", "s"),
    Column("is_silent", _B, "On duty, and no fix in the last 15 minutes."),
    Column("is_live", _B, "The driver has a status in 24 h; false closes its history."),
)

_DATASET = (
    Column("dataset", _S, "Dataset the row belongs to, `eta_v1` say."),
    Column("row_key", _S, "What the row is of, by its keys in the lake: an assignment, an offer."),
    Column("meta_row_id", _S, "Identifier of the row in its dataset; no key of the lake."),
    Column("meta_decision_at", _T, "Instant of the decision.", "UTC"),
    Column("meta_decision_date_et", Type.DATE, "Business day of the decision; the partition."),
    Column("meta_weight", _D, "Weight of the row in the default loss."),
    Column("meta_group", _S, "Rows of one group never part (a split keeps them together)."),
    Column("meta_dispatch_channel", _S, "Slice: channel of the offer."),
    Column("meta_program_id", _S, "Slice: program.", sensitivity=_BUSINESS),
    Column("meta_stage", _S, "Decision point: accepted, en_route, or open (five minutes after a tick)."),
    Column("meta_decision_seq", _L, "Number of the decision among the assignment's rows, from 1."),
    Column("meta_round", _S, "Rows of one round of offers: one choice among candidates."),
    Column("meta_round_seq", _L, "Number of the round of offers in its job, from 1."),
    Column(
        "meta_candidate_source", _S, "rule, or offered_outside_rule: asked though the rule does not name it."
    ),
    Column("incident_zone_id", _S, "H3 r7 cell of the incident at the decision."),
    Column("incident_area_id", _S, "H3 r6 cell of the incident at the decision."),
    Column(
        "label_status",
        _S,
        "observed, censored, missing_milestone, invalid_arrival, or unobserved: never asked.",
    ),
    Column("label_arrival_minutes", _D, "Acceptance to arrival; null unless observed.", "min"),
    Column("label_observed_minutes", _D, "Minutes without arrival that were observed.", "min"),
    Column("label_lower_bound_minutes", _D, "Arrival took at least this long.", "min"),
    Column("label_upper_bound_minutes", _D, "Arrival took at most this long; null if unbounded.", "min"),
    Column("label_is_censored", _B, "The arrival was cut off by the censoring reason."),
    Column(
        "label_censor_reason",
        _S,
        "member_cancelled, agent_reassigned, provider_gave_back, eta_rejected or open_at_close.",
    ),
    Column("label_wait_minutes", _D, "Request to arrival.", "min"),
    Column("label_ata_minutes", _D, "First promise given (the acceptance) to arrival.", "min"),
    Column(
        "label_promised_minutes", _D, "Acceptance to the first promised arrival: the baseline to beat.", "min"
    ),
    Column("label_is_on_time", _B, "Arrived by the first promise."),
    Column("label_is_on_time_grace15", _B, "Arrived by the first promise plus 15 minutes."),
    Column("label_is_gps_apart", _B, "Pings contradict the stated arrival, by more than 5 minutes."),
    Column("label_is_goa", _B, "The arrival found nobody."),
    Column("label_arrival_evidence", _S, "status_and_gps, status_only or goa; null without arrival."),
    Column("label_remaining_minutes", _D, "Decision to arrival; null unless observed.", "min"),
    Column(
        "label_is_accepted", _B, "The provider said yes, though its ETA may be refused; null if withdrawn."
    ),
    Column("label_outcome", _S, "accepted, eta_rejected, declined, expired, no_contact or withdrawn."),
    Column("label_response_seconds", _L, "Offer to answer; null if nobody answered.", "s"),
    Column(
        "label_was_given_back",
        _B,
        "The provider gave the accepted job back; null without a yes, or while open.",
    ),
    Column(
        "label_gain",
        _L,
        "3 arrived on time, 2 arrived late, 1 accepted and lost, 0 said no or nothing; null if not known.",
    ),
    Column("label_offer_rank", _L, "Place of its first offer among the round's; null if not asked."),
    Column("label_logged_rank", _L, "Rank that the policy in force gave; null if not logged."),
    Column("label_logged_score", _D, "Score that the policy in force gave; null if not logged."),
    Column("label_logged_propensity", _D, "Chance by which that policy asked; null if not logged."),
)

COLUMNS: dict[str, Column] = {
    column.name: column
    for column in (
        *_ENVELOPE,
        *_QUARANTINE,
        *_LIFECYCLE,
        *_STATE,
        *_MOVEMENT,
        *_CLAIMS,
        *_TRAFFIC,
        *_FEATURE_CLOCKS,
        *FEATURE_COLUMNS,
        *_TILES,
        *REQUEST,
        *_DATASET,
    )
}


def pick(*names: str) -> tuple[Column, ...]:
    """The dictionary's entries of these names, in this order.

    Raises:
        UnknownName: the dictionary has no such column.
    """
    for name in names:
        if name not in COLUMNS:
            raise UnknownName("column in the data dictionary", name, COLUMNS)
    return tuple(COLUMNS[name] for name in names)
