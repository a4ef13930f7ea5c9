"""The road as the DAGs read it (`airflow/dags/road.json`), for they import nothing of ours.

It follows from what is declared (`roadside.declared`): `roadside docs` writes both, a test holds it current.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from roadside.declared import Plain, declared
from roadside.installation import PROJECT
from training_datasets.specs import SPECS
from validation.contracts import FEATURES
from warehouse.batches import may_leave

PLACE = Path("airflow") / "dags" / "road.json"
ROAD = PROJECT / PLACE


def road(told: Plain | None = None) -> Plain:
    """Steps with what they write and read, views, services, datasets, and what is published."""
    of = declared() if told is None else told
    return {
        "steps": {name: _step(step) for name, step in of["steps"].items()},
        "views": {
            name: {"table": f"features.{name}", "cadence": view["cadence"]}
            for name, view in of["views"].items()
        },
        "services": {
            name: sorted({view for _, view, _ in service["reads"]})
            for name, service in of["services"].items()
        },
        "datasets": {
            name: {
                "table": f"training.{name}",
                "question": dataset["question"],
                "service": dataset["service"],
                "reads": dataset["sources"],
                "closes_after_days": dataset["closes_after_days"],
            }
            for name, dataset in of["datasets"].items()
        },
        "publications": [
            *(spec.name for spec in SPECS if may_leave(spec.table)),
            *(table.name for table in FEATURES if may_leave(table)),
        ],
    }


def is_stale(path: Path = ROAD) -> bool:
    """Whether the file says something else than the code, or is not there."""
    return not path.exists() or path.read_text(encoding="utf-8") != _text()


def write(path: Path = ROAD) -> bool:
    """Write the file if it is stale; whether it was."""
    if not is_stale(path):
        return False
    path.write_text(_text(), encoding="utf-8")
    return True


def _text() -> str:
    return json.dumps(road(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _step(step: Plain) -> dict[str, Any]:
    return {
        "writes": step["writes"],
        "reads": sorted(step["reads"]),
        "sources": step["sources"],
        "is_daily": step["is_daily"],
    }
