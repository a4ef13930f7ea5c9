"""quarantine.<source>: what could not enter bronze, with the reason, encrypted whole."""

from validation.columns import pick
from validation.contract import Table
from validation.sources import SOURCES


def quarantine_of(source: str) -> Table:
    """The quarantine table of a source: one row per line (or object) refused."""
    return Table(
        name=f"quarantine.{source}",
        grain="One row per line refused, or per object refused whole (line 0).",
        key=("source_object", "source_line"),
        columns=pick(
            "source_object",
            "source_line",
            "landed_at",
            "known_at",
            "known_date",
            "contract_version",
            "reason",
            "reason_text",
            "field_name",
            "byte_count",
            "sealed_line",
        ),
        required=("landed_at", "reason", "reason_text", "byte_count"),
        order=("source_object", "source_line"),
        retention_months=1,
        retention_days=35,
        is_restricted=True,
        notes="A line that nobody answered goes with the others of its day: it cannot enter afterwards.",
    )


QUARANTINE = tuple(quarantine_of(source.name) for source in SOURCES)
