"""Entities that a table names and nobody told of, over Iceberg tables written without Spark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg.catalog import Catalog, load_catalog

from lakehouse.catalog_reader import CatalogReader
from lakehouse.settings import Settings, load_settings
from roadside.references import UnknownNamed, references
from validation.arrow_schema import arrow_schema
from validation.contract import Table, Type
from validation.contracts import TABLES, table_named

CLAIMS, JOBS = table_named("silver.service_outcomes"), table_named("silver.jobs")
FIRST, DAY = date(2026, 3, 1), timedelta(days=1)
LAST = FIRST + 15 * DAY
Named = Mapping[date, Sequence[str | None]]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"ROADSIDE_HOME": str(tmp_path)})


def written(catalog: Catalog, table: Table, job_ids: Named) -> None:
    """A row for each job named on a day; all else of a row says nothing."""
    rows = [(day, job) for day, jobs in job_ids.items() for job in jobs]
    of_type = {
        Type.STRING: lambda number, _day: f"c{number}",
        Type.TIMESTAMP: lambda _number, day: datetime.combine(day, time(12), UTC),
        Type.DATE: lambda _number, day: day,
        Type.BOOLEAN: lambda _number, _day: False,
    }

    def value(column: pa.Field, kind: Type, number: int, day: date, job: str | None) -> object:
        return job if column.name == "job_id" else of_type.get(kind, lambda *_: number)(number, day)

    fields = arrow_schema(table)
    columns = {
        field.name: pa.array(
            [value(field, table.column(field.name).type, n, *row) for n, row in enumerate(rows)], field.type
        )
        for field in fields
    }
    stored = catalog.create_table(
        ("silver", table.short_name), pa.schema([f.with_nullable(True) for f in fields])
    )
    with stored.update_spec() as spec:
        spec.add_identity("known_date")
    stored.append(pa.table(columns))


def found(settings: Settings, claims: Named, jobs: Named, day: date | None = None) -> UnknownNamed:
    catalog = load_catalog(
        "lake", type="sql", uri=f"sqlite:///{settings.catalog_path}", warehouse=settings.warehouse_uri
    )
    catalog.create_namespace("silver")
    written(catalog, CLAIMS, claims)
    written(catalog, JOBS, jobs)
    (one,) = references(CatalogReader(settings), CLAIMS, day)
    return one


def claims_of(unknown_on_the_last_day: int) -> Named:
    """Claims of forty jobs a day, one of them never told of; the newest day is still growing."""
    jobs = [f"known{number}" for number in range(40)]
    named = {FIRST + n * DAY: [*jobs[:39], "never0"] for n in range(17)}
    never = [f"never{number}" for number in range(unknown_on_the_last_day)]
    return named | {LAST: [*jobs[: 40 - len(never)], *never]}


KNOWN = {FIRST: [f"known{number}" for number in range(40)]}


def test_claims_of_unknown_jobs_are_told_where_they_are_more_than_usual(settings: Settings) -> None:
    one = found(settings, claims_of(20), KNOWN)
    assert (one.day, one.named, one.unknown, one.days_before, one.usual) == (LAST, 40, 20, 14, 1 / 40)
    assert one.finding is not None
    assert (one.finding.source, one.finding.severity) == ("silver.service_outcomes.job_id", "warn")
    assert one.finding.known_at == datetime(2026, 3, 17, tzinfo=UTC)
    assert one.finding.text == "unknown_job_id_share: 50.0% of 40 named are unknown, usually 2.5%."


def test_the_usual_dirt_is_no_finding(settings: Settings) -> None:
    one = found(settings, claims_of(2), KNOWN)
    assert (one.unknown, one.finding) == (2, None)


def test_a_job_claimed_again_and_again_is_one_job(settings: Settings) -> None:
    one = found(settings, {LAST: ["known0", *["never"] * 30]}, KNOWN, LAST)
    assert (one.named, one.unknown) == (2, 1)


def test_a_job_told_of_on_the_same_day_is_known_and_one_told_of_later_is_not(settings: Settings) -> None:
    claims = {LAST - DAY: ["same"], LAST: ["same", "later", "before", None]}
    jobs = {LAST: ["same"], LAST + DAY: ["later"], LAST - DAY: ["before"]}
    one = found(settings, claims, jobs, LAST)
    assert (one.named, one.unknown, one.is_judged) == (3, 1, False)
    assert one.usual == 1.0, "the day before nobody had told of it"


def test_a_job_is_forgotten_as_many_days_later_as_the_contract_says(settings: Settings) -> None:
    day = FIRST + 130 * DAY
    jobs = {day - 120 * DAY: ["just"], day - 121 * DAY: ["over"]}
    one = found(settings, {day - 5 * DAY: ["over"], day: ["just", "over"]}, jobs, day)
    assert (one.named, one.unknown, one.usual) == (2, 1, 0.0)  # five days before it was known


def test_a_table_without_rows_of_the_day_tells_nothing(settings: Settings) -> None:
    assert references(CatalogReader(settings), CLAIMS) == []


def test_what_a_table_refers_to_holds_the_column_and_is_no_other_than_declared() -> None:
    declared = {
        (table.name, each.column): table_named(each.table).column(each.column).name
        for table in TABLES
        for each in table.references
    }
    assert declared == {
        ("silver.assignments", "provider_id"): "provider_id",
        ("silver.gps_pings", "driver_id"): "driver_id",
        ("silver.service_outcomes", "job_id"): "job_id",
    }
