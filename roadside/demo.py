"""The demo: a small city carried from landed files to Redis and a training dataset, in one process.

Five weeks of a simulated city, with the worked afternoon of DOMAIN section 7 in Boise planted on the last
day but two. History is made as one chunk, the afternoon tick by tick, the rest as one chunk again;
every number told comes out of the run.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from lakehouse.settings import STOCK, Settings, load_settings
from roadside.installation import completed
from validation.clocks import TICK, Interval
from validation.contracts import table_named
from validation.errors import UserError

if TYPE_CHECKING:
    from roadside.runner import Runner, StepResult
    from roadside.standing import Standing
    from training_datasets.build import BuildResult

HOME = Path(".roadside")
MARK = "demo.json"

FIRST_DAY, DAYS = date(2026, 2, 6), 35
PROVIDERS, JOBS_PER_DAY, PING_SECONDS, PINGS_DAYS = 24, 60, 60, 2
AFTERNOON = datetime(2026, 3, 10, 17, 30, tzinfo=UTC)
TICKS = 2  # through 18:00, where P1 has had the four offers of DOMAIN section 7
DATASET, DATASET_DAY = "eta_v1", date(2026, 3, 10)
PROVIDER, ZONE = "P1", "87288439cffffff"  # Z1
KEYS = {
    "provider_id": PROVIDER,
    "incident_zone_id": ZONE,
    "incident_area_id": "86288439fffffff",  # the zone's r6 parent
    "service_type": "tow",
}
_KEPT_VARIABLES = (
    "ROADSIDE_JARS_DIR",
    "ROADSIDE_SPARK_CORES",
    "ROADSIDE_SPARK_MEMORY",
    "ROADSIDE_SHUFFLE_PARTITIONS",
    "ROADSIDE_SPARK_COMPILES",
    "ROADSIDE_PRINCIPAL",
    "ROADSIDE_FEAST_STORES",
)
_AT_TICKS = {
    "features.provider_activity_15m": (
        "provider_id", PROVIDER,
        ("offers_60m_count", "declines_60m_count", "open_assignment_count", "overdue_assignment_count"),
    ),
    "features.zone_demand_15m": ("zone_id", ZONE, ("requests_60m_count", "open_unassigned_count")),
}  # fmt: skip

NOT_ON_STOCK = ("provider_fleet_15m",)
"""Views that stock Feast 0.67 does not write online: empty lists beside lists (docs/decisions/0008)."""


@dataclass(frozen=True)
class DemoResult:
    """What the demo made, as read back from the lake, the ledgers and Redis."""

    home: Path
    standing: Standing
    ticks: tuple[dict[str, Any], ...]
    dataset: BuildResult
    online_then: Mapping[str, Any]
    online_now: Mapping[str, Any]
    seconds: float


Told = Callable[[str, float], None]
"""Hears of each stage and its seconds."""


def demo_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Embedded settings of the demo's own home: ROADSIDE_HOME, or .roadside.

    Nothing else of the environment decides where the demo reads and writes.
    """
    given = completed(os.environ if environ is None else environ)
    kept = {name: given[name] for name in _KEPT_VARIABLES if name in given}
    home = {"ROADSIDE_HOME": given.get("ROADSIDE_HOME", "").strip() or str(HOME)}
    return load_settings({"ROADSIDE_SPARK_COMPILES": "false"} | kept | home)


def require_demo_home(home: Path) -> bool:
    """Whether the home holds an earlier demo, which will be wiped.

    Raises:
        UserError: it holds something else.
    """
    if not home.exists() or not any(home.iterdir()):
        return False
    if not (home / MARK).is_file():
        raise UserError(
            f"{home} holds data that is not a demo's; the demo needs a home of its own.",
            f"Leave ROADSIDE_HOME unset (the demo then uses {HOME}), or name an empty folder.",
        )
    return True


def run_demo(settings: Settings, told: Told) -> DemoResult:
    """Make everything anew in the demo's home.

    Raises:
        UserError: the home holds data that is not a demo's.
        RoadsideError: a step failed.
    """
    started = monotonic()
    stage = _stages(told)
    _clear(settings)
    with (
        stage(f"land {DAYS} days of a city, {JOBS_PER_DAY} jobs a day, and the afternoon; start Spark"),
        ThreadPoolExecutor(1) as beside,
    ):
        landing = beside.submit(_land, settings.home)
        runner = _runner(settings)
        landing.result()
    midnight = datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, tzinfo=UTC)
    history, end = Interval(midnight, AFTERNOON), midnight + timedelta(days=DAYS)
    with stage(f"history as one chunk: bronze, silver, features {history}"):
        _whole(runner.run(history))
    ticks = [Interval(AFTERNOON + n * TICK, AFTERNOON + (n + 1) * TICK) for n in range(TICKS)]
    for tick in ticks:
        with stage(f"tick {tick.end:%H:%M}: every table"):
            _whole(runner.run(tick))
    store = _applied(settings, stage)
    then = _served(settings, store, stage)
    rest = Interval(ticks[-1].end, end)
    with stage(f"the days after as one chunk {rest}"):
        _whole(runner.run(rest))
    now = _served(settings, store, stage)
    with stage(f"dataset {DATASET} for {DATASET_DAY}"):
        dataset = _dataset(settings, runner, store)
    from roadside.standing import standing

    return DemoResult(
        home=settings.home,
        standing=standing(settings),
        ticks=tuple(_at_ticks(settings, [tick.end for tick in ticks])),
        dataset=dataset,
        online_then=then,
        online_now=now,
        seconds=monotonic() - started,
    )


def _stages(told: Told) -> Callable[[str], Any]:
    @contextmanager
    def stage(name: str) -> Iterator[None]:
        started = monotonic()
        yield
        told(name, monotonic() - started)

    return stage


def _clear(settings: Settings) -> None:
    from lakehouse.redis_server import stop_redis

    if require_demo_home(settings.home):
        stop_redis(settings)
        for each in settings.home.iterdir():
            if each.name != MARK:  # kept to the end: a wipe cut short is still a demo's home
                shutil.rmtree(each) if each.is_dir() else each.unlink()
    settings.home.mkdir(parents=True, exist_ok=True)
    (settings.home / MARK).write_text(json.dumps({"made_by": "roadside demo"}) + "\n")


def _land(home: Path) -> None:
    from simulation.afternoon import write_afternoon
    from simulation.city import SimulationConfig, simulate

    simulate(
        SimulationConfig(
            start=FIRST_DAY,
            days=DAYS,
            providers=PROVIDERS,
            jobs_per_day=JOBS_PER_DAY,
            ping_seconds=PING_SECONDS,
            pings_days=PINGS_DAYS,
        ),
        home,
    )
    write_afternoon(home, start=AFTERNOON, end=AFTERNOON)  # the city's own heartbeats do


def _runner(settings: Settings) -> Runner:
    from roadside.spark_runner import open_runner

    runner = open_runner(settings)
    runner.prepare()
    return runner


def _whole(results: Sequence[StepResult]) -> None:
    for result in results:
        if result.error is not None:
            raise result.error


def _applied(settings: Settings, stage: Callable[[str], Any]) -> Any:
    with stage("feast apply: register views and services; start Redis"):
        from lakehouse.redis_server import ensure_redis
        from roadside.feast_registry import open_store

        ensure_redis(settings)
        return open_store(settings)


def _served(settings: Settings, store: Any, stage: Callable[[str], Any]) -> dict[str, Any]:
    from lakehouse import feast_edge
    from roadside.materialization import materialize, view_names

    left_out = NOT_ON_STOCK if settings.feast_stores == STOCK else ()
    told = f" (not {', '.join(left_out)}: Feast's Spark store cannot give its lists)" if left_out else ""
    with stage(f"materialize the views to Redis{told}, read one back"):
        materialize(settings, store, [name for name in view_names() if name not in left_out])
        (row,) = feast_edge.online_features(store, DATASET, [KEYS])
        return row


def _dataset(settings: Settings, runner: Runner, store: Any) -> BuildResult:
    from lakehouse.vault import handle_of
    from roadside.locations import location_opener
    from training_datasets.build import build
    from training_datasets.specs import spec_named

    return build(
        settings,
        runner.lakehouse,
        store,
        spec_named(DATASET),
        DATASET_DAY,
        DATASET_DAY + timedelta(days=1),
        location_of=location_opener(handle_of(settings)),
    )


def _at_ticks(settings: Settings, ticks: Sequence[datetime]) -> Iterator[dict[str, Any]]:
    """The stored features of P1 and Z1 as they stood at each tick: the newest row at or before it."""
    from lakehouse.catalog_reader import CatalogReader

    reader = CatalogReader(settings)
    histories = {}
    for name, (key, value, columns) in _AT_TICKS.items():
        rows = reader.rows(
            table_named(name),
            ["event_timestamp", "revision", *columns],
            f"{key} = '{value}' AND event_timestamp <= '{ticks[-1].isoformat()}'",
        ).to_pylist()
        histories[name] = sorted(rows, key=lambda row: (row["event_timestamp"], row["revision"]))
    for tick in ticks:
        at: dict[str, Any] = {"tick": tick}
        for name, (_, _, columns) in _AT_TICKS.items():
            held = [row for row in histories[name] if row["event_timestamp"] <= tick]
            at |= {f"{name}.{column}": held[-1][column] if held else None for column in columns}
        yield at
