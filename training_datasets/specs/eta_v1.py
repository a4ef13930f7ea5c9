"""eta_v1: a provider accepted: minutes to arrival?"""

from training_datasets.arrival_labels import arrival_labels
from training_datasets.spec import DatasetSpec, Filter
from validation.contracts.silver.arrival_evidence import ARRIVAL_EVIDENCE
from validation.contracts.silver.assignments import ASSIGNMENTS
from validation.contracts.training.eta_v1 import ETA_V1 as TABLE

ETA_V1 = DatasetSpec(
    name="eta_v1",
    question="A provider accepted: minutes to arrival?",
    table=TABLE,
    service="eta_v1",
    source=ASSIGNMENTS,
    evidence=ARRIVAL_EVIDENCE,
    row_key="assignment_id",
    group_key="job_id",
    decision_at="accepted_at",
    allowed_inputs=(  # silver.assignments states each of them as of the acceptance
        "accepted_at",
        "provider_id",
        "zone_id",
        "area_id",
        "service_type",
        "dispatch_channel",
        "program_id",
        "is_immediate",
        "job_kind",
        "is_backdated",
    ),
    spine={
        "meta_decision_at": "accepted_at",
        "meta_dispatch_channel": "dispatch_channel",
        "meta_program_id": "program_id",
        "provider_id": "provider_id",
        "incident_zone_id": "zone_id",
        "incident_area_id": "area_id",
        "service_type": "service_type",
    },
    filters=(
        Filter(
            "scheduled",
            "is_immediate",
            "The job has an appointment, or no request of it is known: it does not wait.",
        ),
        Filter(
            "second_tow",
            "coalesce(job_kind, 'roadside') IN ('roadside', 'accident')",
            "A tow out of storage: nobody waits at a roadside.",
        ),
        Filter("backdated", "NOT is_backdated", "Keyed in more than 15 minutes late (trap T17)."),
    ),
    labels=arrival_labels,
    censoring="Cancelled, given back, taken back, promise refused or still open at the close: kept as "
    "censored with the minutes observed. Completed without an arrival: kept with bounds, no label.",
)
