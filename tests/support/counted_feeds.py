"""Landed objects counted for the checks of feeds, without Spark: read one by one as ingestion reads them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import orjson

from ingestion.rows import read_object
from lakehouse.landing_ledger import LedgerEntry
from lakehouse.object_store import LandedObject, parse_key
from lakehouse.vault import Vault, VaultHandle, make_platform_key
from validation.clocks import Interval, tick_end
from validation.feed_checks import Counts
from validation.source import Source


def feeds_in(root: Path) -> Feeds:
    """The feeds landed under the root, with a vault of their own there."""
    make_platform_key(root / "platform.key")
    handle = VaultHandle(f"sqlite:///{root / 'vault.db'}", str(root / "platform.key"))
    return Feeds(root, Vault(handle.url, root / "platform.key"))


@dataclass(frozen=True)
class Feeds:
    """Landed objects, counted."""

    root: Path
    vault: Vault

    def entries(self, source: Source, span: Interval) -> list[LedgerEntry]:
        """Of the objects that became known in the span."""
        hours = sorted({f"{at:%Y/%m/%d/%H}" for at in span.widened(timedelta(hours=1)).ticks()})
        keys = [
            str(path.relative_to(self.root))
            for hour in hours
            for path in (self.root / "landing" / source.name / hour).glob("*")
        ]
        found = [(key, parse_key(key)) for key in sorted(keys)]
        return [
            LedgerEntry(source.name, key, landed.landed_at, tick_end(landed.landed_at), 0, False)
            for key, landed in found
            if isinstance(landed, LandedObject) and span.holds(tick_end(landed.landed_at))
        ]

    def counted(self, source: Source, span: Interval, root: Path | None = None) -> dict[datetime, Counts]:
        """By tick, what the checks count in the objects of the span."""
        ticks: dict[datetime, Counter[str]] = {}
        for entry in self.entries(source, span):
            *batches, summary = read_object(source, entry, (root or self.root).as_uri(), self.vault)
            lines = summary.column("line_count")[0].as_py()
            assert lines == sum(batch.num_rows for batch in batches), "landed = bronze + quarantined"
            counts = orjson.loads(summary.column("object_counts")[0].as_py())
            ticks.setdefault(entry.known_at, Counter()).update(counts)
        return dict(ticks)
