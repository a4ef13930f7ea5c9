"""FACTS P9: stock Feast 0.67 calls a view fresh through the last job's end, whatever it found."""

from __future__ import annotations

from pathlib import Path

from support.online_store import HOUR, NOON, quiet, row, settings_of, store_of, view_of, write_rows


def test_p09_a_job_that_finds_nothing_makes_no_view_fresher(tmp_path: Path, redis_connection: str) -> None:
    source = tmp_path / "fleet.parquet"
    write_rows(source, row("P1", NOON, 3))
    store = store_of(settings_of(tmp_path, redis_connection), [view_of(source)])
    state = store._get_provider().online_store.state(store.config)
    for end in (NOON + HOUR, NOON + 72 * HOUR):
        with quiet():
            store.materialize_incremental(end)
        assert state.complete_through() == {"fleet": NOON}
    assert store.get_feature_view("fleet").most_recent_end_time == NOON + 72 * HOUR
