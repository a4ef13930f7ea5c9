"""A recording that went along the road by the command line, and what became of its records."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from lakehouse.catalog_reader import CatalogReader
from lakehouse.landing_ledger import LandingLedger, Reconciliation
from lakehouse.ops import Ops
from lakehouse.settings import Settings, load_settings
from support.command_line import Answer, answers_to
from support.oracle_landing import records_from_landing
from support.oracle_records import Landed
from validation.contracts import table_named


@dataclass(frozen=True)
class Replayed:
    """A recording that went along the road in a home of its own."""

    settings: Settings
    answers: Sequence[Answer]

    @property
    def records(self) -> dict[str, int]:
        """What the replay says it landed, by source."""
        sources = json.loads(self.answers[0].out)["sources"]
        return {name: source["records"] for name, source in sources.items()}

    @cached_property
    def landed(self) -> list[Landed]:
        """The dispatch records as the oracle reads them from the landed objects."""
        return records_from_landing(self.settings.home, ["dispatch_events"])

    def reconciled(self) -> dict[str, Reconciliation]:
        return {each.source: each for each in LandingLedger(Ops(self.settings.ops_url)).reconcile()}

    def count(self, table: str) -> int:
        state = CatalogReader(self.settings).state(table_named(table))
        return state.rows if state is not None else 0

    def rows(self, table: str, *columns: str) -> pd.DataFrame:
        return CatalogReader(self.settings).rows(table_named(table), columns).to_pandas()

    def latest(self, table: str, *columns: str) -> pd.DataFrame:
        """The state of each key of a changelog as it is known in the end, by key."""
        key = table_named(table).key[0]
        changes = self.rows(table, key, "known_at", *columns).sort_values("known_at")
        return changes.drop_duplicates(key, keep="last").set_index(key)


def replayed(home: Path, *lines: str, heartbeats: str = "") -> Replayed:
    """The lines, each of which must end well, in a new home."""
    environment = {
        "ROADSIDE_HOME": str(home),
        "ROADSIDE_SHUFFLE_PARTITIONS": "2",
        "ROADSIDE_HEARTBEAT_MINUTES": heartbeats,
    }
    answers = answers_to(lines, environment)
    assert [answer.code for answer in answers] == [0] * len(lines), [answer.err for answer in answers]
    return Replayed(load_settings({**os.environ, **environment}), answers)


def assert_every_record_is_in_bronze(recording: Replayed) -> None:
    """What the replay landed, the lines the platform read and the rows of bronze are equally many."""
    reconciled = recording.reconciled()
    assert {name for name, count in recording.records.items() if count} <= set(reconciled)
    for source, told in reconciled.items():
        assert told.is_balanced
        counts = (recording.count(f"bronze.{source}"), recording.count(f"quarantine.{source}"))
        assert counts == (told.bronze_rows, told.quarantined_rows) == (recording.records[source], 0)
