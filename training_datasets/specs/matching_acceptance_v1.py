"""matching_acceptance_v1: if we offer this job to this provider now, will it say yes?"""

from training_datasets.offer_decisions import acceptance_labels, offered_on
from training_datasets.own_gates import MATCHING_ACCEPTANCE_V1 as GATES
from training_datasets.spec import DatasetSpec, Filter
from validation.contracts.silver.assignments import ASSIGNMENTS
from validation.contracts.silver.dispatch_events import DISPATCH_EVENTS, DISPATCH_EVENTS_PRECISE
from validation.contracts.silver.jobs import JOBS
from validation.contracts.silver.offers import OFFERS
from validation.contracts.training.matching_acceptance_v1 import MATCHING_ACCEPTANCE_V1 as TABLE

MATCHING_ACCEPTANCE_V1 = DatasetSpec(
    name="matching_acceptance_v1",
    question="If we offer this job to this provider now, will it say yes?",
    table=TABLE,
    service="matching_acceptance_v1",
    sources=(OFFERS, ASSIGNMENTS, JOBS, DISPATCH_EVENTS, DISPATCH_EVENTS_PRECISE),
    decided=offered_on,
    counts="offers",
    row_key=("offer_id",),
    allowed_inputs=(  # silver.offers states each of them as of the offer
        "decision_at",
        "provider_id",
        "zone_id",
        "area_id",
        "service_type",
        "dispatch_channel",
        "program_id",
        "is_immediate",
        "local_hour_of_week",
    ),
    later_inputs=("is_resolved",),
    spine={
        "meta_decision_at": "decision_at",
        "meta_dispatch_channel": "dispatch_channel",
        "meta_program_id": "program_id",
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
        Filter("unresolved", "is_resolved", "No outcome came within 15 minutes of the expiry."),
    ),
    labels=acceptance_labels,
    censoring="Withdrawn before an answer: kept as censored, no label. Candidates that were never offered "
    "the job are not here: a model learns of those that were.",
    closes_after_days=1,
    gates=GATES,
)
