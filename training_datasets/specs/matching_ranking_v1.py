"""matching_ranking_v1: which of the eligible providers first?"""

from training_datasets.choice_sets import choice_sets
from training_datasets.own_gates import MATCHING_RANKING_V1 as GATES
from training_datasets.round_decisions import gain_labels, rounds_on
from training_datasets.spec import DatasetSpec, Filter
from validation.contracts.silver.assignments import ASSIGNMENTS
from validation.contracts.silver.dispatch_events import DISPATCH_EVENTS, DISPATCH_EVENTS_PRECISE
from validation.contracts.silver.jobs import JOBS
from validation.contracts.silver.offers import OFFERS
from validation.contracts.training.matching_ranking_v1 import MATCHING_RANKING_V1 as TABLE

MATCHING_RANKING_V1 = DatasetSpec(
    name="matching_ranking_v1",
    question="Which of the eligible providers first?",
    table=TABLE,
    service="matching_ranking_v1",
    sources=(OFFERS, ASSIGNMENTS, JOBS, DISPATCH_EVENTS, DISPATCH_EVENTS_PRECISE),
    decided=rounds_on,
    choices=choice_sets,
    counts="candidates",
    row_key=("round_key", "provider_id"),
    allowed_inputs=(  # silver.offers states each of them as of the round's first offer
        "decision_at",
        "provider_id",
        "zone_id",
        "area_id",
        "service_type",
        "dispatch_channel",
        "program_id",
        "is_immediate",
        "local_hour_of_week",
        "round_key",
        "round_seq",
        "candidate_source",
        "candidates_count",
    ),
    spine={
        "meta_decision_at": "decision_at",
        "meta_dispatch_channel": "dispatch_channel",
        "meta_program_id": "program_id",
        "meta_round": "round_key",
        "meta_round_seq": "round_seq",
        "meta_candidate_source": "candidate_source",
        "provider_id": "provider_id",
        "incident_zone_id": "zone_id",
        "incident_area_id": "area_id",
        "service_type": "service_type",
        "local_hour_of_week": "local_hour_of_week",
    },
    filters=(
        Filter(
            "scheduled",
            "is_immediate",
            "The job has an appointment, or no request of it is known: it does not wait.",
        ),
        Filter("fewer_than_two", "candidates_count >= 2", "Nothing was to be chosen in the round."),
    ),
    labels=gain_labels,
    censoring="Withdrawn, cancelled by the member, or open at the close: kept as censored, no gain. "
    "Completed without an arrival: missing_milestone, no gain. Never asked: unobserved, no gain.",
    gates=GATES,
)
