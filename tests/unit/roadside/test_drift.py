"""Features of a day against those of days like it, over an Iceberg table written without Spark."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from math import log
from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg.catalog import load_catalog

from lakehouse.catalog_reader import CatalogReader
from lakehouse.settings import Settings, load_settings
from roadside.drift import FeatureDrift, drift, findings_of
from training_datasets.feature_statistics import DRIFTED
from validation.arrow_schema import arrow_schema
from validation.contract import Table, Type
from validation.contracts import table_named

ZONES = table_named("features.zone_demand_15m")
PROVIDERS = table_named("features.provider_performance_1d")
FIRST, DAY, ROWS = date(2026, 3, 1), timedelta(days=1), 400


def rows(table: Table, day: date, more: int = 0) -> pa.Table:
    """So many rows of a day; `more` moves requests_60m_count up."""
    start = datetime.combine(day, time(12), UTC)
    of_type = {
        Type.STRING: lambda number: f"Z{number}",
        Type.TIMESTAMP: lambda _number: start,
        Type.DATE: lambda _number: day,
    }
    numbers = range(ROWS)
    columns = {
        column.name: [of_type.get(column.type, lambda number: number % 5)(each) for each in numbers]
        for column in table.columns
    }
    if more:
        columns["requests_60m_count"] = [each % 5 + more for each in numbers]
    return pa.table({each.name: pa.array(columns[each.name], each.type) for each in arrow_schema(table)})


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"ROADSIDE_HOME": str(tmp_path)})


def written(settings: Settings, days: int, more: int = 0, contract: Table = ZONES) -> CatalogReader:
    """A table of so many days, the last but one of them moved; the newest may still be growing."""
    catalog = load_catalog(
        "lake", type="sql", uri=f"sqlite:///{settings.catalog_path}", warehouse=settings.warehouse_uri
    )
    catalog.create_namespace("features")
    table = catalog.create_table(("features", contract.short_name), arrow_schema(contract))
    with table.update_spec() as spec:
        spec.add_identity("known_date")
    last = days - 2
    parts = [rows(contract, FIRST + n * DAY, more if n == last else 0) for n in range(days)]
    table.append(pa.concat_tables(parts))
    return CatalogReader(settings)


def by_feature(found: list[FeatureDrift]) -> dict[str, FeatureDrift]:
    return {each.feature: each for each in found}


def test_a_feature_that_moved_is_told_with_its_psi_and_the_others_are_equal(settings: Settings) -> None:
    found = by_feature(drift(written(settings, 40, more=2), ZONES))
    moved = found["requests_60m_count"]
    assert (moved.day, moved.rows, moved.rows_before) == (FIRST + 38 * DAY, ROWS, 4 * ROWS)
    assert moved.days_before == tuple(FIRST + n * DAY for n in (10, 17, 24, 31))
    # Bins: 0, 1, 2, 3, 4, more, null; half a row more in each. 0 to 4 before, 2 to 6 now.
    before, now = [320.5] * 5 + [0.5, 0.5], [0.5, 0.5, 80.5, 80.5, 80.5, 160.5, 0.5]
    shares = [(b / sum(before), n / sum(now)) for b, n in zip(before, now, strict=True)]
    psi = sum((n - b) * log(n / b) for b, n in shares)
    assert moved.psi == pytest.approx(psi - 9 * (1 / ROWS + 1 / (4 * ROWS)))
    assert moved.is_drifted
    assert [each.feature for each in found.values() if each.is_drifted] == ["requests_60m_count"]
    assert {each.psi for each in found.values() if not each.is_drifted} == {0.0}


def test_what_drifted_is_kept_at_the_end_of_its_day(settings: Settings) -> None:
    (kept,) = findings_of(drift(written(settings, 40, more=2), ZONES))
    assert (kept.source, kept.check_name) == ("features.zone_demand_15m", "drift_requests_60m_count")
    assert (kept.severity, kept.stops, kept.known_at) == ("warn", False, datetime(2026, 4, 9, tzinfo=UTC))
    assert kept.found > DRIFTED
    assert kept.text.endswith("of 400 rows against 1,600 of 4 days like it.")


def test_the_newest_day_is_compared_only_if_asked_for(settings: Settings) -> None:
    reader = written(settings, 40, more=2)
    (newest,) = {each.day for each in drift(reader, ZONES, FIRST + 39 * DAY)}
    assert newest == FIRST + 39 * DAY
    assert drift(reader, ZONES, FIRST + 40 * DAY) == []


def test_a_window_that_is_still_filling_up_is_not_compared(settings: Settings) -> None:
    found = by_feature(drift(written(settings, 40, contract=PROVIDERS), PROVIDERS))
    assert found["offers_7d_count"].psi == 0.0
    assert found["offers_7d_count"].days_before[0] == FIRST + 10 * DAY
    assert found["offers_28d_count"].psi is None
    assert found["offers_28d_count"].why_not == "its window was still filling up"


def test_too_few_days_or_none_compare_nothing(settings: Settings) -> None:
    assert drift(CatalogReader(settings), ZONES) == []
    assert {each.why_not for each in drift(written(settings, 4, more=2), ZONES)} == {
        "fewer than three days like it"
    }


def test_a_younger_view_is_compared_with_the_days_before(settings: Settings) -> None:
    found = by_feature(drift(written(settings, 12, more=2), ZONES))
    moved = found["requests_60m_count"]
    assert moved.days_before == tuple(FIRST + n * DAY for n in range(10))
    assert moved.is_drifted
