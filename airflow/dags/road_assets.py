"""The road as the DAGs know it: road.json, which `roadside docs` writes from the table graph."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from airflow.sdk import Asset

ROAD: dict[str, Any] = json.loads((Path(__file__).parent / "road.json").read_text(encoding="utf-8"))


def asset(table: str) -> Asset:
    """The asset of a table: silver.offers."""
    return Asset(name=table, uri=f"roadside://lake/{table}", group=table.partition(".")[0])


def assets(tables: Iterable[str]) -> list[Asset]:
    """The assets of tables."""
    return [asset(table) for table in tables]


def road_tables() -> list[str]:
    """Every table that a step of the road writes, in the order of names."""
    return sorted(table for step in ROAD["steps"].values() for table in step["writes"])


def daily_features() -> list[str]:
    """The features tables that are made at the business day's cut."""
    return sorted(
        table
        for step in ROAD["steps"].values()
        for table in step["writes"]
        if step["is_daily"] and table.startswith("features.")
    )


def publications() -> list[Asset]:
    """What is sent to Snowflake and S3, as it stands there."""
    return [
        Asset(name=f"published.{name}", uri=f"roadside://published/{name}", group="published")
        for name in ROAD["publications"]
    ]
