"""silver.arrival_evidence: arrivals that a ping of the provider bears out."""

from validation.columns import pick
from validation.contract import Table

ARRIVAL_EVIDENCE = Table(
    name="silver.arrival_evidence",
    grain="One row per assignment and arrival time first borne out by a ping.",
    key=("assignment_id", "arrived_at"),
    columns=pick(
        "assignment_id",
        "arrived_at",
        "known_at",
        "known_date",
        "provider_id",
        "evidence_ping_at",
        "elsewhere_ping_at",
    ),
    required=("evidence_ping_at",),
    order=("assignment_id",),
    notes="The ping lies within 300 m of the job and 10 minutes of the arrival.",
)
