from datetime import UTC, datetime

from lakehouse.ops import Ops
from lakehouse.table_notes import TableNotes


def test_a_subject_is_new_once_per_table(ops: Ops) -> None:
    now = datetime(2026, 3, 10, tzinfo=UTC)
    notes = TableNotes(ops, lambda: now)
    assert notes.note("bronze.gps_pings", "field battery", "Not in the contract.")
    assert not notes.note("bronze.gps_pings", "field battery", "Seen again.")
    assert notes.note("bronze.provider_status", "field battery", "Not in the contract.")
    assert [(note.subject, note.text, note.noted_at) for note in notes.notes("bronze.gps_pings")] == [
        ("field battery", "Not in the contract.", now)
    ]
