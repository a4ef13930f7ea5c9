"""Which days a build builds, refuses and leaves alone; what they hold is made up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lakehouse.landing_ledger import LandingLedger
from lakehouse.ops import Ops
from lakehouse.run_ledger import RunLedger
from lakehouse.settings import Settings, load_settings
from support.afternoon import AFTERNOON
from support.made_dataset import days_from, eta_rows, write_dataset
from training_datasets import build as building
from training_datasets.build import BuildResult, build
from training_datasets.computing import Computing, require_one_per_row_id
from training_datasets.feature_service import ServiceDefinition, ViewUsed
from training_datasets.files import day_file, file_digest
from training_datasets.manifests import day_manifest, write_day_manifest
from training_datasets.maturity import SOURCES
from training_datasets.specs.eta_v1 import ETA_V1
from validation.clocks import Interval
from validation.errors import CheckFailed, NotReady

DAY = timedelta(days=1)
DEMAND = "features.zone_demand_15m"
SERVICE = ServiceDefinition(
    "eta_v1", (ViewUsed("zone_demand_15m", "zone_demand_15m", timedelta(hours=2), ()),), (), (), "digest"
)
MADE = Interval(datetime(2026, 3, 8, tzinfo=UTC), datetime(2026, 3, 20, tzinfo=UTC))
MON, TUE, WED, THU = days_from(date(2026, 3, 9), 4)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A home where all that days are made of was made, and is closed through Thursday's close."""
    monkeypatch.setattr(Computing, "service", SERVICE)
    settings = load_settings({"ROADSIDE_HOME": str(tmp_path)})
    ops = Ops(settings.ops_url)
    for source in SOURCES:
        LandingLedger(ops).close(source, ETA_V1.close(THU))
    runs = RunLedger(ops, lambda: MADE.end)
    for table in ("silver.assignments", "silver.arrival_evidence", DEMAND):
        for n in range(12):
            run = runs.begin(table, Interval(MADE.start + n * DAY, MADE.start + (n + 1) * DAY), "code")
            runs.finish(run.run_id, snapshot_id=1, rows=0)
    return settings


def built(settings: Settings, first: date, days: int, **options: Any) -> BuildResult:
    return build(
        settings, None, None, ETA_V1, first, first + days * DAY,  # type: ignore[arg-type]
        location_of=lambda place: place, now=lambda: MADE.end, **options,
    )  # fmt: skip


def stand(settings: Settings, *days: date) -> None:
    """Days that were built by this code."""
    folder = settings.datasets_dir / "eta_v1"
    write_dataset(folder, ETA_V1.table, eta_rows(days, 3), days)
    by = Computing(settings, None, None, ETA_V1, lambda place: place).fingerprint  # type: ignore[arg-type]
    for day in days:
        manifest = day_manifest(folder, day)
        assert manifest is not None
        mine = {"verified": [by], "file_sha256": file_digest(day_file(folder, ETA_V1.table, day))}
        write_day_manifest(folder, ETA_V1, replace(manifest, evidence={**manifest.evidence, **mine}))


def computed(monkeypatch: pytest.MonkeyPatch, row_ids: dict[date, list[str]], *stopped: date) -> None:
    """Have days hold these rows, their ids held to be unique as when features are joined."""

    def of(days: Sequence[date]) -> dict[date, Any]:
        if {*days} & {*stopped}:
            raise CheckFailed("A check stops it.")
        frames = {day: SimpleNamespace(frame={"meta_row_id": row_ids[day]}) for day in days}
        require_one_per_row_id(ETA_V1, [each.frame for each in frames.values()])
        return frames

    monkeypatch.setattr(Computing, "computed", lambda _, days, revised_through, at: of(days))


def test_a_first_build_that_fails_leaves_no_dataset_without_days(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: Any) -> Iterator[Any]:
        raise CheckFailed("The first day does not pass its gates.")

    monkeypatch.setattr(building._Builder, "build", stopped)
    with pytest.raises(CheckFailed):
        built(settings, AFTERNOON, 1)
    assert not (settings.datasets_dir / "eta_v1").exists()


def test_a_day_that_stands_is_not_asked_again_whether_it_is_mature(settings: Settings) -> None:
    """Two in a gap that a replay leaves further back; the other of them was never built."""
    stand(settings, MON, TUE, THU)
    gap = Interval(ETA_V1.decisions(TUE).start, ETA_V1.decisions(WED).end)
    RunLedger(Ops(settings.ops_url), lambda: MADE.end).supersede({DEMAND: gap})
    told: list[date] = []
    with pytest.raises(NotReady) as refused:
        built(settings, MON, 4, progress=lambda result: told.append(result.day))
    assert told == [MON, TUE, THU]
    assert "eta_v1: 2026-03-11 is not mature: features.zone_demand_15m was not made" in refused.value.what
    assert refused.value.what.endswith(
        "Left as they were: 2026-03-11; of the days asked for stand: 2026-03-09..2026-03-10, 2026-03-12."
    )
    assert [day.status for day in built(settings, TUE, 1).days] == ["skipped"]
    with pytest.raises(NotReady, match="2026-03-10 is not mature"):
        built(settings, TUE, 1, force=True)


def test_days_that_share_a_row_are_refused_beside_one_that_a_check_stops(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed(monkeypatch, {MON: ["a"], TUE: ["b", "c"], WED: ["c"], THU: ["d"]}, MON)
    computing = Computing(settings, None, None, ETA_V1, lambda place: place)  # type: ignore[arg-type]
    builder = building._Builder(computing, lambda: MADE.end, lambda *_: ())
    assert builder._computed([MON, TUE, WED], {}, {}) == {}
    assert [*builder._computed([THU], {}, {})] == [THU]
    shared = "eta_v1: 1 of 3 rows have a row id that another row has."
    assert {day: error.what for day, error in builder.refused.errors.items()} == {
        MON: "A check stops it.",
        TUE: shared,
        WED: shared,
    }
