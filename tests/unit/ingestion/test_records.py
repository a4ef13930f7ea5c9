import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.reasons import Problem, Reason, ordered
from ingestion.records import Contract, Judgement, zone
from support.landed import LANDED_AT, a_ping, a_request
from validation.errors import Defect
from validation.source import Source, plain
from validation.sources import (
    DISPATCH_EVENTS,
    GPS_PINGS,
    PROVIDER_STATUS,
    SERVICE_OUTCOMES,
    SOURCES,
    TRAFFIC_SPEEDS,
)


def judged(source: Source, *records: dict[str, Any]) -> Judgement:
    return Contract(source).judge(records, LANDED_AT)


def problems(source: Source, record: dict[str, Any]) -> list[tuple[str | None, Reason]]:
    found = judged(source, record).problems.get(0, [])
    return [(problem.field, problem.reason) for problem in ordered(found)]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"event_id": None}, Reason.MISSING_FIELD),
        ({"event_id": ""}, Reason.MISSING_FIELD),
        ({"event_id": 7}, Reason.WRONG_TYPE),
        ({"latitude": "37.77"}, Reason.WRONG_TYPE),
        ({"latitude": True}, Reason.WRONG_TYPE),
        ({"latitude": [37.77]}, Reason.WRONG_TYPE),
        ({"latitude": math.inf}, Reason.NOT_FINITE),
        ({"latitude": math.nan}, Reason.NOT_FINITE),
        ({"latitude": -90.0001}, Reason.OUT_OF_BOUNDS),
        ({"latitude": 91}, Reason.OUT_OF_BOUNDS),
        ({"speed_kmh": -1}, Reason.OUT_OF_BOUNDS),
        ({"schema_version": 1.5}, Reason.WRONG_TYPE),
        ({"schema_version": 2**31}, Reason.OUT_OF_BOUNDS),
        ({"schema_version": 1e300}, Reason.OUT_OF_BOUNDS),
        ({"event_timestamp": "2026-03-10T17:01:00"}, Reason.NO_TIME_ZONE),
        ({"event_timestamp": "2026-03-10"}, Reason.NO_TIME_ZONE),
        ({"event_timestamp": "yesterday"}, Reason.NOT_A_TIME),
        ({"event_timestamp": "2026-02-30T00:00:00Z"}, Reason.NOT_A_TIME),
        ({"event_timestamp": 1773162060}, Reason.WRONG_TYPE),
        ({"event_timestamp": "0001-01-01T00:00:00+14:00"}, Reason.OUT_OF_BOUNDS),
        ({"event_timestamp": "1999-12-31T23:59:59Z"}, Reason.OUT_OF_BOUNDS),
        ({"event_timestamp": "2026-03-10T18:02:00.000001Z"}, Reason.AHEAD),
    ],
)
def test_bad_value_is_refused_with_its_reason_and_field(change: dict[str, Any], reason: Reason) -> None:
    record = {name: value for name, value in (a_ping() | change).items() if value is not None}
    assert problems(GPS_PINGS, record) == [(next(iter(change)), reason)]
    good = [a_ping(event_id=f"g{n}") for n in range(3)]
    chunk = judged(GPS_PINGS, good[0], record, good[1], good[2])
    assert chunk.accepted == [0, 2, 3]
    assert chunk.columns["event_id"].to_pylist() == ["g0", "g1", "g2"]


@pytest.mark.parametrize(
    ("change", "column", "value"),
    [
        ({"latitude": 38}, "latitude", 38.0),
        ({"latitude": 90}, "latitude", 90.0),
        ({"schema_version": 3.0}, "schema_version", 3),
        ({"heading": None}, "heading", None),
        ({"event_timestamp": "2026-03-10T13:01:00-04:00"}, "event_timestamp", (17, 1, 0, 0)),
        ({"event_timestamp": "2026-03-10T17:01:00.123456789Z"}, "event_timestamp", (17, 1, 0, 123456)),
        ({"event_timestamp": "20260310T170100Z"}, "event_timestamp", (17, 1, 0, 0)),
        ({"event_timestamp": "2026-03-10T18:02:00Z"}, "event_timestamp", (18, 2, 0, 0)),
    ],
)
def test_value_of_another_spelling_is_widened(change: dict[str, Any], column: str, value: Any) -> None:
    (found,) = judged(GPS_PINGS, a_ping(**change)).columns[column].to_pylist()
    if isinstance(value, tuple):
        value = datetime(2026, 3, 10, *value, tzinfo=UTC)
    assert (found, type(found)) == (value, type(value))


def a_claim(**changes: Any) -> dict[str, Any]:
    moments = dict.fromkeys(("submitted_at", "source_updated_at"), "2026-03-10T16:00:00Z")
    return {"claim_id": "C1", "job_id": "J1", "provider_id": "P1", **moments} | changes


def a_reading(**changes: Any) -> dict[str, Any]:
    where = {"feed": "F", "segment_id": "7", "latitude": 37.5, "longitude": -122.0}
    return {**where, "measured_at": "2026-03-10T17:00:00Z"} | changes


@pytest.mark.parametrize(
    ("name", "moment", "reason"),
    [
        ("submitted_at", "9999-12-31T23:59:59Z", Reason.AHEAD),
        ("submitted_at", "2026-03-10T18:02:00.000001Z", Reason.AHEAD),
        ("submitted_at", "2026-03-10T18:02:00Z", None),
        ("submitted_at", "2000-01-01T00:00:00Z", None),
        ("submitted_at", "1999-12-31T23:59:59.999999Z", Reason.OUT_OF_BOUNDS),
        ("submitted_at", "0001-01-01T00:00:00Z", Reason.OUT_OF_BOUNDS),
    ],
)
def test_claim_was_submitted_before_it_landed_and_not_in_another_century(
    name: str, moment: str, reason: Reason | None
) -> None:
    assert problems(SERVICE_OUTCOMES, a_claim(**{name: moment})) == ([(name, reason)] if reason else [])


@pytest.mark.parametrize("name", ["scheduled_for", "promised_arrival_at", "offer_expires_at"])
def test_moment_that_may_lie_ahead_lies_within_some_years(name: str) -> None:
    for good in ("2000-01-01T00:00:00Z", "2031-03-14T17:02:00Z"):
        assert problems(DISPATCH_EVENTS, a_request(**{name: good})) == []
    for sentinel in ("9999-12-31T00:00:00Z", "2031-03-14T17:02:00.000001Z", "1970-01-01T00:00:00Z"):
        refused = problems(DISPATCH_EVENTS, a_request(**{name: sentinel}))
        assert refused == [(name, Reason.OUT_OF_BOUNDS)]


def test_reading_that_no_sum_could_hold_is_refused_and_a_negative_speed_is_no_reading() -> None:
    for name, value in (("sample_count", 10**15), ("sample_count", -5), ("speed_kmh", 400.5)):
        assert problems(TRAFFIC_SPEEDS, a_reading(**{name: value})) == [(name, Reason.OUT_OF_BOUNDS)]
    assert problems(TRAFFIC_SPEEDS, a_reading(speed_kmh=-1, free_flow_kmh=400, sample_count=1_000_000)) == []


def test_every_problem_of_a_record_is_told_the_first_by_precedence() -> None:
    record = a_ping(provider_id=None, latitude=123.0, event_timestamp="now", heading="north")
    assert problems(GPS_PINGS, record) == [
        ("provider_id", Reason.MISSING_FIELD),
        ("heading", Reason.WRONG_TYPE),
        ("event_timestamp", Reason.NOT_A_TIME),
        ("latitude", Reason.OUT_OF_BOUNDS),
    ]


def test_object_where_another_type_stands_is_refused() -> None:
    assert problems(DISPATCH_EVENTS, a_request(vehicle="a car")) == [("vehicle", Reason.WRONG_TYPE)]
    assert problems(DISPATCH_EVENTS, a_request(vehicle={"year": "new"})) == [
        ("vehicle.year", Reason.WRONG_TYPE)
    ]
    assert problems(DISPATCH_EVENTS, a_request() | {"vehicle": None}) == []


def test_sealed_coordinates_are_numbers_within_bounds_and_notes_are_text() -> None:
    assert problems(DISPATCH_EVENTS, a_request(latitude=200)) == [("latitude", Reason.OUT_OF_BOUNDS)]
    assert problems(DISPATCH_EVENTS, a_request(latitude="37")) == [("latitude", Reason.WRONG_TYPE)]
    assert problems(DISPATCH_EVENTS, a_request(notes=5)) == [("notes", Reason.WRONG_TYPE)]


def test_list_of_strings_holds_strings_only() -> None:
    status = {
        "event_id": "e1",
        "provider_id": "P1",
        "driver_id": "D1",
        "status": "available",
        "event_timestamp": "2026-03-10T17:01:00Z",
    }
    assert problems(PROVIDER_STATUS, status | {"equipment": ["winch", "dolly"]}) == []
    for wrong in ("winch", ["winch", None], ["winch", 1], {"winch": True}):
        assert problems(PROVIDER_STATUS, status | {"equipment": wrong}) == [("equipment", Reason.WRONG_TYPE)]


def test_unknown_word_is_kept_and_flagged() -> None:
    chunk = judged(DISPATCH_EVENTS, a_request(), a_request(event_type="teleported"))
    assert chunk.has_unknown_value == [False, True]
    assert chunk.columns["event_type"].to_pylist() == ["requested", "teleported"]


def test_unknown_fields_are_named_sorted_and_their_values_kept_apart() -> None:
    record = a_request(zeta=1, alpha={"beta": 2}) | {
        "vehicle": {"year": 2019, "color": "red"},
        "Ada Planted": 3,
    }
    chunk = judged(DISPATCH_EVENTS, a_request(), record)
    assert chunk.unknown_fields == [[], ["(a name that is no identifier)", "alpha", "vehicle.color", "zeta"]]
    assert dict(chunk.unknown_values[1]) == {
        ("zeta",): 1,
        ("alpha",): {"beta": 2},
        ("vehicle", "color"): "red",
        ("Ada Planted",): 3,
    }


def test_record_nested_too_deep_is_refused_alone() -> None:
    deep: Any = 1
    for _ in range(300):
        deep = [deep]
    chunk = judged(GPS_PINGS, a_ping(), a_ping(extra=deep))
    assert (chunk.accepted, chunk.problems) == ([0], {1: [Problem(Reason.TOO_DEEP)]})


def test_csv_text_is_read_by_type_and_empty_is_null() -> None:
    header = (
        "feed",
        "segment_id",
        "latitude",
        "longitude",
        "speed_kmh",
        "sample_count",
        "status",
        "measured_at",
        "new",
    )
    texts = ("A", "7", " 37.5", "-122", "", "3", "-101", "2026-03-10T17:00:00Z", "x")
    record = Contract(TRAFFIC_SPEEDS).from_texts(header, texts)
    chunk = judged(TRAFFIC_SPEEDS, record)
    row = {path: column.to_pylist()[0] for path, column in chunk.columns.items()}
    assert row["segment_id"] == "7"
    assert row["status"] == "-101"
    assert (row["latitude"], row["longitude"], row["speed_kmh"], row["sample_count"]) == (
        37.5,
        -122.0,
        None,
        3,
    )
    assert chunk.unknown_fields == [["new"]]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("fast", Reason.WRONG_TYPE),
        ("1_000", Reason.WRONG_TYPE),
        ("nan", Reason.NOT_FINITE),
        ("1e999", Reason.NOT_FINITE),
    ],
)
def test_csv_text_that_is_no_number_is_refused(text: str, reason: Reason) -> None:
    header = ("feed", "segment_id", "latitude", "longitude", "speed_kmh", "measured_at")
    texts = ("A", "7", "37.5", "-122", text, "2026-03-10T17:00:00Z")
    assert problems(TRAFFIC_SPEEDS, Contract(TRAFFIC_SPEEDS).from_texts(header, texts)) == [
        ("speed_kmh", reason)
    ]


def test_zone_needs_both_coordinates() -> None:
    assert zone(37.77, -122.42) == "872830828ffffff"
    assert zone(37.77, None) is None
    assert zone(None, -122.42) is None


def test_source_whose_owner_may_be_absent_is_a_defect() -> None:
    with pytest.raises(Defect, match="may be absent"):
        Contract(Source("x", 1, "at", plain("job_id"), (("job", ("job_id",)),), timedelta(days=1)))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=3,
)
names = sorted({each.path.partition(".")[0] for source in SOURCES for each in source.fields} | {"surprise"})
times = st.sampled_from(
    ["2026-03-10T17:00:00Z", "2026-03-10T17:00:00.5+01:00", "2026-03-10", "20260310T17Z", "now"]
)
parts = st.sampled_from(["year", "vin", "member_id", "latitude", "color"])
members = st.dictionaries(parts, json_values, max_size=2)
wild_records = st.dictionaries(st.sampled_from(names), json_values | times | members, max_size=5)
nearly_good = st.builds(
    lambda base, changes: base | changes,
    st.sampled_from([a_request(), a_ping(), a_request(driver_id="D1")]),
    st.dictionaries(st.sampled_from(names), json_values | times | members, max_size=2),
)
records = st.lists(wild_records | nearly_good, max_size=4)
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@unhurried
@given(st.sampled_from(SOURCES), records)
def test_no_json_crashes_the_judge_and_every_record_is_accepted_or_refused(
    source: Source, chunk: list[dict[str, Any]]
) -> None:
    found = judged(source, *chunk)
    assert sorted([*found.accepted, *found.problems]) == list(range(len(chunk)))
    assert all(len(column) == len(found.accepted) for column in found.columns.values())


@unhurried
@given(st.sampled_from((DISPATCH_EVENTS, GPS_PINGS, SERVICE_OUTCOMES)), records)
def test_judgement_of_a_record_does_not_depend_on_its_neighbours(
    source: Source, chunk: list[dict[str, Any]]
) -> None:
    together = judged(source, *chunk)
    apart = [judged(source, record) for record in chunk]
    assert together.accepted == [position for position, each in enumerate(apart) if each.accepted]
    assert together.problems == {n: each.problems[0] for n, each in enumerate(apart) if each.problems}
    for path, column in together.columns.items():
        assert column.to_pylist() == [value for each in apart for value in each.columns[path].to_pylist()]


@unhurried
@given(st.datetimes(timezones=st.timezones()), st.sampled_from(["T", " "]))
def test_both_ways_of_reading_a_time_agree(moment: datetime, separator: str) -> None:
    text = moment.isoformat(separator)
    fast = judged(GPS_PINGS, a_ping(event_timestamp=text))
    slow = judged(GPS_PINGS, a_ping(event_timestamp=text), a_ping(event_timestamp="20260310T170000Z"))
    assert slow.columns["event_timestamp"].to_pylist()[:-1] == fast.columns["event_timestamp"].to_pylist()
    assert slow.problems == fast.problems
