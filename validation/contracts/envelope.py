"""Columns every bronze and quarantine table starts with."""

from validation.columns import pick

BRONZE_ENVELOPE = pick(
    "source_object",
    "source_line",
    "landed_at",
    "known_at",
    "known_date",
    "contract_version",
    "schema_version",
    "content_digest",
    "has_unknown_value",
    "unknown_fields",
    "sealed_payload",
)
