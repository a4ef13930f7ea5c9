"""eta_v1: a provider accepted: minutes to arrival?"""

from training_datasets.arrival_labels import arrival_labels
from training_datasets.assignment_decisions import ALLOWED_INPUTS, FILTERS, SPINE, accepted_on
from training_datasets.own_gates import ETA_V1 as GATES
from training_datasets.spec import DatasetSpec
from validation.contracts.silver.arrival_evidence import ARRIVAL_EVIDENCE
from validation.contracts.silver.assignments import ASSIGNMENTS
from validation.contracts.training.eta_v1 import ETA_V1 as TABLE

ETA_V1 = DatasetSpec(
    name="eta_v1",
    question="A provider accepted: minutes to arrival?",
    table=TABLE,
    service="eta_v1",
    sources=(ASSIGNMENTS, ARRIVAL_EVIDENCE),
    decided=accepted_on,
    counts="accepted_offers",
    row_key=("assignment_id",),
    allowed_inputs=ALLOWED_INPUTS,
    spine=SPINE,
    filters=FILTERS,
    labels=arrival_labels,
    censoring="Cancelled, given back, taken back, promise refused or still open at the close: kept as "
    "censored with the minutes observed. Completed without an arrival: kept with bounds, no label.",
    gates=GATES,
)
