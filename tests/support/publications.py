"""Publishing in tests: a home beside a server, what ends up there, and what the lake holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from lakehouse.settings import Settings, load_settings
from roadside.publication import Published, publish
from roadside.publication_sources import sources_named
from support.snowflake_server import SnowflakeServer


@dataclass
class Loading:
    """A home whose settings name the server, and nothing else to publish to."""

    server: SnowflakeServer
    settings: Settings
    told: list[str] = field(default_factory=list)

    def publish(self, name: str = "eta_v1", *, dry_run: bool = False) -> Published:
        """One dataset or table, to Snowflake."""
        (source,) = sources_named(self.settings, [name])
        return publish(self.settings, source, "snowflake", dry_run=dry_run, progress=self.told.append)

    def done(self, name: str = "eta_v1") -> Published:
        """As `publish`; what kept it from being published is raised."""
        published = self.publish(name)
        if published.error:
            raise published.error
        return published

    def audit(self) -> list[tuple[Any, ...]]:
        """Table, number, batch, digest and rows of each publication."""
        return self.server.sql(
            "SELECT TABLE_NAME, PUBLICATION_NUMBER, BATCH_ID, DIGEST, ROW_COUNT FROM LAKE.ML._PUBLICATIONS "
            "ORDER BY 1, 2"
        )

    def rows(self, identifier: str = "LAKE.ML.ETA_V1") -> list[tuple[Any, ...]]:
        """The table's rows, by their first column."""
        return self.server.sql(f"SELECT * FROM {identifier} ORDER BY 1")


def loading(server: SnowflakeServer, home: Path, patch: pytest.MonkeyPatch) -> Loading:
    """A home that publishes to the server; the connection stands where the connector looks for it."""
    patch.setenv("SNOWFLAKE_CONNECTIONS", server.connections())
    home.mkdir(exist_ok=True)
    return Loading(server, settings_of(home))


def settings_of(home: Path) -> Settings:
    """Settings that name the connection and the database of the server."""
    return load_settings(
        {
            "ROADSIDE_HOME": str(home),
            "ROADSIDE_PRINCIPAL": "publisher",
            "ROADSIDE_SNOWFLAKE_CONNECTION": "loading",
            "ROADSIDE_SNOWFLAKE_DATABASE": "LAKE",
        }
    )


def as_tuples(rows: pa.Table) -> list[tuple[Any, ...]]:
    """The rows as Python has them, by their first column."""
    return sorted((tuple(row.values()) for row in rows.to_pylist()), key=lambda row: str(row[0]))
