"""eta_v2: minutes still to go, at acceptance, at en route, and after each tick while open?"""

from training_datasets.arrival_labels import LONGEST_ARRIVAL, remaining_labels
from training_datasets.assignment_decisions import ALLOWED_INPUTS, FILTERS, SPINE, points_of
from training_datasets.own_gates import ETA_V2 as GATES
from training_datasets.spec import DatasetSpec, Filter
from validation.contracts.silver.arrival_evidence import ARRIVAL_EVIDENCE
from validation.contracts.silver.assignments import ASSIGNMENTS
from validation.contracts.silver.dispatch_events import DISPATCH_EVENTS, DISPATCH_EVENTS_PRECISE
from validation.contracts.silver.job_milestones import JOB_MILESTONES
from validation.contracts.silver.jobs import JOBS
from validation.contracts.silver.offers import OFFERS
from validation.contracts.training.eta_v2 import ETA_V2 as TABLE

ETA_V2 = DatasetSpec(
    name="eta_v2",
    question="Minutes still to go, at acceptance, at en route, and after each tick while open?",
    table=TABLE,
    service="eta_v2",
    sources=(
        ASSIGNMENTS,
        ARRIVAL_EVIDENCE,
        OFFERS,
        JOBS,
        JOB_MILESTONES,
        DISPATCH_EVENTS,
        DISPATCH_EVENTS_PRECISE,
    ),
    decided=points_of,
    counts="decision_points",
    row_key=("assignment_id", "decision_at"),
    allowed_inputs=(*ALLOWED_INPUTS, "job_id", "driver_id", "local_hour_of_week", "stage", "decision_seq"),
    later_inputs=("is_stale",),
    hidden_keys=("job_id", "driver_id"),
    spine={
        **SPINE,
        "meta_stage": "stage",
        "meta_decision_seq": "decision_seq",
        "local_hour_of_week": "local_hour_of_week",
    },
    filters=(
        *FILTERS,
        Filter("stale_open", "NOT is_stale", "Known open, and over in truth: nobody would have asked."),
    ),
    labels=remaining_labels,
    censoring="As eta_v1, seen from each decision. Kept for survival losses. Where pings contradict the "
    "driver by more than 5 minutes the arrival is theirs, and flagged.",
    decides_for=LONGEST_ARRIVAL,
    is_weighted_by="assignment_id",
    gates=GATES,
)
