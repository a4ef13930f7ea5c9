"""The Canberra feed changed its schema three times in its recorded year; the inference says when and how."""

from __future__ import annotations

import gzip
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import orjson
import pyarrow.parquet as pq
import pytest

from ingestion.inference.drift import drift
from ingestion.inference.findings import Drift, Finding, NewWord
from ingestion.inference.landed_forms import landed_objects, profiled
from simulation.landing import object_key
from simulation.recorded.canberra import CHANGES_FILE, replay_canberra
from simulation.recorded.sffd_calls import slug
from validation.source import Field, Source, Treatment
from validation.sources import DISPATCH_EVENTS

OBJECTS, LINES = 1500, 100_000


def sealed(*paths: str, required: bool = False) -> tuple[Field, ...]:
    return tuple(Field(path, None, required=required, treatment=Treatment.SEALED) for path in paths)


FEED = Source(
    name="dispatch_events",
    version=1,
    timestamp="observed_at",
    fields=(
        Field("observed_at", "event_timestamp", required=True),
        Field("status", "status", required=True, vocabulary=frozenset({"Finished"})),
        *sealed("change", "id", "agency", "type", "status_filter_label", "time_of_call", required=True),
        *sealed("latitude", "longitude", "region", "title", required=True),
        *sealed("alert_level", "updated", "location"),
    ),
    subjects=(("incident", ("id",)),),
    late=timedelta(days=8),
)
"""The feed as it was on 1 March 2024, its own contract. Its states are no words, so none is told."""


@pytest.fixture(scope="module")
def raw(recorded_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The feed's changes as published, a landed object a poll; without `gone`, which repeats what was."""
    root = tmp_path_factory.mktemp("raw")
    rows = pq.read_table(recorded_data / CHANGES_FILE).to_pylist()
    kept = [row for row in rows if row["change"] != "gone" and _is_used(row["observed_at"])]
    for at, polled in groupby(kept, key=lambda row: row["observed_at"]):
        path = root / object_key("dispatch_events", at, "raw")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(b"\n".join(map(_line, polled)), 1))
    return root


def _is_used(at: datetime) -> bool:
    return at < datetime(2024, 3, 25, tzinfo=UTC) or datetime(2024, 7, 25, tzinfo=UTC) <= at < (
        datetime(2024, 8, 15, tzinfo=UTC)
    )


def _line(row: dict[str, Any]) -> bytes:
    return orjson.dumps({name: value for name, value in row.items() if value is not None})


def inferred(root: Path, source: Source, now: tuple[date, date], before: tuple[date, date]) -> list[Finding]:
    profiles = []
    for span in (now, before):
        start, end = (datetime(day.year, day.month, day.day, tzinfo=UTC) for day in span)
        found = landed_objects(root.as_uri(), source, start, end)
        profiles.append(profiled(root.as_uri(), source, found, OBJECTS, LINES))
    return drift(*profiles)


def told(found: list[Finding]) -> list[tuple[Drift, str, str]]:
    return [(each.drift, each.path, f"{each.since:%Y-%m-%dT%H:%M}") for each in found]


MARCH = (date(2024, 3, 1), date(2024, 3, 10))


def test_in_march_2024_two_fields_left_and_one_came_and_it_is_no_rename(raw: Path) -> None:
    found = inferred(raw, FEED, (date(2024, 3, 10), date(2024, 3, 25)), MARCH)
    assert told(found) == [
        (Drift.NEW, "event_type", "2024-03-13T03:49"),
        (Drift.MISSING_OPTIONAL, "location", "2024-03-13T03:49"),
        (Drift.MISSING_OPTIONAL, "updated", "2024-03-13T03:49"),
    ]
    assert (found[0].what, {each.until for each in found}) == ("string: incident", {None})
    assert not any(each.is_maybe_older for each in found)


def test_in_august_2024_they_came_back_and_the_time_lost_its_fraction(raw: Path) -> None:
    found = inferred(raw, FEED, (date(2024, 7, 25), date(2024, 8, 15)), MARCH)
    assert told(found) == [
        (Drift.NEW, "event_type", "2024-07-25T01:36"),
        (Drift.MISSING_OPTIONAL, "location", "2024-07-25T01:36"),
        (Drift.MISSING_OPTIONAL, "updated", "2024-07-25T01:36"),
        (Drift.FORM, "updated", "2024-08-06T09:32"),
    ]
    assert {each.is_maybe_older for each in found} == {True}  # of a field that was away nothing is older
    gone = datetime(2024, 8, 6, 9, 23, tzinfo=UTC)
    assert [each.until for each in found] == [None, gone, gone, None]
    assert found[-1].what == "text like 9 a 9 9:9:9 where 9 a 9 9:9:9.9 came"


def test_a_type_of_incident_got_another_name_in_july(recorded_data: Path, tmp_path: Path) -> None:
    replay_canberra(recorded_data, tmp_path, date(2024, 7, 1), date(2024, 7, 22))
    rows = pq.read_table(recorded_data / CHANGES_FILE, columns=["observed_at", "type"]).to_pylist()
    words = frozenset(
        slug(row["type"]) for row in rows if row["observed_at"] < datetime(2024, 7, 1, tzinfo=UTC)
    )
    fields = tuple(
        replace(each, vocabulary=words) if each.path == "service_type" else each
        for each in DISPATCH_EVENTS.fields
    )
    source = replace(DISPATCH_EVENTS, fields=fields)
    found = inferred(tmp_path, source, (date(2024, 7, 1), date(2024, 7, 22)), MARCH)
    assert [(each.edit, f"{each.since:%Y-%m-%dT%H:%M}", each.where) for each in found] == [
        (
            NewWord("service_type", "pedestrian_pushbike_e_scooter_accident"),
            "2024-07-04T06:29",
            "event_type=requested",
        )
    ]
