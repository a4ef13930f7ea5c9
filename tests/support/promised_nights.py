"""A home whose ledgers say what a test has them say of a night, without a table behind them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from sqlalchemy import func, insert, select

from lakehouse.landing_ledger import LandingLedger
from lakehouse.object_store import LandedObject
from lakehouse.ops import Ops, runs, step_timings
from lakehouse.releases import ReleaseKind, Releases
from lakehouse.settings import Settings
from roadside.promise_check import DAILY_VIEWS, Kept, PromiseKept, promise_kept
from training_datasets.files import day_file
from training_datasets.manifests import DayManifest, write_day_manifest
from training_datasets.spec import DatasetSpec
from training_datasets.specs import SPECS, spec_named
from validation.clocks import TICK, business_day_start, daily_available_at
from validation.contracts import TABLES

MADE = [table.name for table in TABLES if table.layer != "training"]
VIEWS = [table.short_name for table in DAILY_VIEWS]
DATASETS = [spec.name for spec in SPECS]
NEWEST_DAY = {"eta_v1": 2, "eta_v2": 2, "matching_acceptance_v1": 1, "matching_ranking_v1": 2}
"""By dataset, how many days before the promise its newest mature day is."""


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def utc(text: str) -> datetime:
    """`2026-03-08 10:00` as a moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


NIGHTS = [
    (date(2026, 3, 8), utc("2026-03-08 07:00"), utc("2026-03-08 10:00")),  # 23 hours long
    (date(2026, 3, 11), utc("2026-03-11 07:00"), utc("2026-03-11 10:00")),
    (date(2026, 11, 1), utc("2026-11-01 08:00"), utc("2026-11-01 11:00")),  # 25 hours long
]
"""A day, its cut of 03:00 ET and its 06:00 ET."""


class Nights:
    """What landed, ran and came out, as a test says."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        settings.home.mkdir(parents=True, exist_ok=True)
        self.ops = Ops(settings.ops_url)

    def make(
        self,
        *names: str,
        start: datetime,
        end: datetime,
        seconds: float = 0,
        status: str = "published",
        begun: datetime | None = None,
        error_kind: str = "CheckFailed",
        host: str = "elsewhere",
    ) -> None:
        """Runs of the tables over the interval; each began at its end, unless said otherwise.

        No process has their ids: on this host it is dead, elsewhere nobody can tell.
        """
        began = begun or end
        with self.ops.write() as connection:
            made = connection.execute(select(func.count()).select_from(runs)).scalar_one()
            values = {
                "interval_start": start, "interval_end": end, "rows": 1, "status": status,
                "code_version": "code", "started_at": began,
                "finished_at": began + timedelta(seconds=seconds), "counts": {}, "host": host, "pid": 1,
                "process_started": "then", "error_kind": error_kind if status == "failed" else None,
            }  # fmt: skip
            rowed = [{"run_id": f"{made + n}", "table_name": name} | values for n, name in enumerate(names)]
            connection.execute(insert(runs), rowed)

    def time(self, step: str, *measured: tuple[datetime, int, float]) -> None:
        """Runs of the step: the end of the known time, how many ticks it is, and the seconds it took."""
        rows = [
            {
                "step": step, "finished_at": end + timedelta(seconds=ticks),
                "interval_start": end - ticks * TICK, "interval_end": end,
                "seconds": seconds, "cores": 1, "is_first": True,
            }
            for end, ticks, seconds in measured
        ]  # fmt: skip
        with self.ops.write() as connection:
            connection.execute(insert(step_timings), rows)

    def close(self, source: str, through: datetime) -> None:
        LandingLedger(self.ops).close(source, through)

    def land(self, source: str, start: datetime, end: datetime) -> None:
        """An object of the source each minute, registered and not closed."""
        count = (end - start) // timedelta(minutes=1)
        stamps = [start + timedelta(minutes=n) for n in range(count)]
        name = f"landing/{source}/{{0:%Y/%m/%d/%H}}/{source}-{{0:%Y-%m-%d-%H-%M-%S}}-beat.json.gz"
        landed = [LandedObject(name.format(each), each, 20) for each in stamps]
        LandingLedger(self.ops).register(source, landed, end)

    def release_views(self, day: date, at: datetime, views: list[str] = VIEWS) -> None:
        """The daily release of the day's cut."""
        tables = {f"features.{view}": int(f"{day:%Y%m%d}") for view in views}
        cut = business_day_start(day)
        Releases(self.ops, lambda: at).publish(ReleaseKind.DAILY, cut, daily_available_at(cut), tables)

    def release_day(self, name: str, day: date, at: datetime, *, is_built: bool = True) -> None:
        """A day of a dataset, released and, unless said otherwise, standing in its folder."""
        spec = spec_named(name)
        tables = {spec.table.name: int(f"{day:%Y%m%d}")}
        close, promised = spec.close(day), spec.promised_at(day)
        Releases(self.ops, lambda: at).publish(ReleaseKind.DATASET, close, promised, tables)
        if is_built:
            self.build_day(spec, day)

    def build_day(self, spec: DatasetSpec, day: date) -> None:
        """A manifest and a file, with nothing in them."""
        folder = self.settings.datasets_dir / spec.name
        write_day_manifest(folder, spec, DayManifest(day, 1, {}, {}, {}))
        path = day_file(folder, spec.table, day)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    def release_night(self, day: date, at: datetime) -> None:
        """All that is promised for 06:00 ET of the day."""
        self.release_views(day, at)
        for name in DATASETS:
            self.release_day(name, day - timedelta(days=NEWEST_DAY[name]), at)

    def kept(self, day: date, at: datetime) -> PromiseKept:
        return promise_kept(self.settings, day, at)


def states(found: PromiseKept) -> dict[str, str]:
    """By name, the state and how late."""
    return {each.name: _state(each) for each in found.things}


def _state(thing: Kept) -> str:
    late = "" if thing.late_by is None else f" {thing.late_by / minutes(1):g} min"
    return f"{thing.state}{late}"
