"""A value under another name that the contract knows is the field's value, and is treated as the field is."""

import gzip
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.reasons import Reason
from ingestion.records import Contract, Judgement
from ingestion.rows import payload_context, read_object
from support.landed import LANDED_AT, Landing, a_ping, a_request, json_lines
from validation.errors import Defect
from validation.source import Source
from validation.sources import DISPATCH_EVENTS, GPS_PINGS, TRAFFIC_SPEEDS


def with_aliases(source: Source, **aliases: tuple[str, ...]) -> Source:
    """The source as its version 2; a dot in a field's path is written __."""
    of = {path.replace("__", "."): names for path, names in aliases.items()}
    assert of.keys() <= {each.path for each in source.fields}
    fields = tuple(replace(each, aliases=of.get(each.path, ())) for each in source.fields)
    return replace(source, version=2, fields=fields)


RENAMED = with_aliases(GPS_PINGS, latitude=("lat", "position.lat"), longitude=("lng", "position.lng"))
MEMBERS = with_aliases(
    DISPATCH_EVENTS,
    member__name=("caller_name",),
    member__member_id=("member.id",),
    vehicle__vin=("vin",),
    driver_id=("driver.token",),
    notes=("remarks",),
    latitude=("place.lat",),
    longitude=("place.lng",),
)


def renamed(record: dict[str, Any], **names: str) -> dict[str, Any]:
    return {names.get(name, name): value for name, value in record.items()}


def judged(source: Source, *records: dict[str, Any]) -> Judgement:
    return Contract(source).judge(records, LANDED_AT)


def rows(landing: Landing, source: Source, *records: Any) -> list[dict[str, Any]]:
    entry = landing.land(source.name, gzip.compress(json_lines(*records)))
    batches = read_object(source, entry, landing.root_uri, landing.vault)
    return [row for batch in batches for row in batch.to_pylist()][:-1]


def test_a_required_field_is_read_under_its_alias() -> None:
    ping = renamed(a_ping(), latitude="lat", longitude="lng")
    assert judged(GPS_PINGS, ping).problems.keys() == {0}
    read = judged(RENAMED, ping, a_ping())
    assert read.columns["latitude"].to_pylist() == [37.77, 37.77]
    assert read.columns["longitude"].to_pylist() == [-122.42, -122.42]
    assert read.unknown_fields == [[], []]


def test_a_field_is_read_from_inside_an_object_whose_rest_stays_unknown() -> None:
    ping = a_ping(latitude=None, longitude=None, position={"lat": 1.5, "lng": 2, "floor": 3})
    read = judged(RENAMED, ping)
    assert (read.columns["latitude"].to_pylist(), read.columns["longitude"].to_pylist()) == ([1.5], [2.0])
    assert read.unknown_values == [[(("position",), {"floor": 3})]]
    assert ping["position"] == {"lat": 1.5, "lng": 2, "floor": 3}


@pytest.mark.parametrize(
    ("given", "latitude"),
    [
        ({"latitude": 1.0, "lat": 1}, 1.0),
        ({"latitude": None, "lat": 2.0}, 2.0),
        ({"lat": None, "position": {"lat": 3.0}}, 3.0),
        ({"latitude": "", "lat": 4.0}, 4.0),
        ({"latitude": 5.0, "lat": ""}, 5.0),
        ({"latitude": 6.0, "position": None}, 6.0),
    ],
)
def test_the_first_name_that_says_something_gives_the_value(given: dict[str, Any], latitude: float) -> None:
    read = judged(RENAMED, {**a_ping(latitude=None), **given})
    assert read.columns["latitude"].to_pylist() == [latitude]


@pytest.mark.parametrize("given", [{"latitude": 1.0, "lat": 1.1}, {"lat": 1.0, "position": {"lat": True}}])
def test_two_names_with_different_values_are_refused(given: dict[str, Any]) -> None:
    problems = judged(RENAMED, {**a_ping(latitude=None), **given}).problems[0]
    assert [(each.reason, each.field) for each in problems] == [(Reason.TWO_VALUES, "latitude")]


def test_bounds_and_types_hold_of_what_came_under_an_alias() -> None:
    problems = judged(RENAMED, renamed(a_ping(latitude=91), latitude="lat"), a_ping(latitude=None)).problems
    assert [[(each.reason, each.field) for each in problems[n]] for n in (0, 1)] == [
        [(Reason.OUT_OF_BOUNDS, "latitude")],
        [(Reason.MISSING_FIELD, "latitude")],
    ]


def test_a_sealed_field_and_a_token_stay_so_under_an_alias(landing: Landing) -> None:
    known = a_request(driver_id="D-PLANTED", latitude=37.771234, longitude=-122.421234)
    other = {
        name: value
        for name, value in known.items()
        if name not in ("latitude", "longitude", "driver_id", "notes", "member", "vehicle")
    } | {
        "caller_name": "Ada Planted",
        "remarks": "call Ada at the gate",
        "place": {"lat": 37.771234, "lng": -122.421234},
        "driver": {"token": "D-PLANTED"},
        "vin": "4S4BSANC5K3000001",
        "member": {"id": "M-77", "phone": "+1-555-0100"},
        "vehicle": {"year": 2019, "make": "Subaru", "model": "Outback"},
    }
    one, two = rows(landing, MEMBERS, known, other)
    named = ("member_token", "vehicle_token", "driver_id", "zone_id", "vehicle_make", "sealed_payload")
    assert [one[name] for name in named] == [two[name] for name in named]
    assert (two["kind"], two["unknown_fields"]) == ("record", [])
    opened = orjson.loads(landing.vault.open(two["sealed_payload"], payload_context("dispatch_events")))
    assert (opened["member"]["name"], opened["notes"]) == ("Ada Planted", "call Ada at the gate")
    plain = repr({name: value for name, value in two.items() if name != "sealed_payload"})
    assert [word for word in ("Ada", "M-77", "D-PLANTED", "4S4B", "37.77", "555") if word in plain] == []


def test_a_line_under_another_name_is_other_content_whatever_the_contract_knows(landing: Landing) -> None:
    """A contract's edit changes no digest: what was landed before it and is sent again stays a resend."""
    ping = renamed(a_ping(), speed_kmh="speed")
    before, after = (rows(landing, source, ping)[0] for source in (GPS_PINGS, _SPEEDS))
    assert (before["speed_kmh"], after["speed_kmh"]) == (None, 31.5)
    assert before["content_digest"] == after["content_digest"]


_SPEEDS = with_aliases(GPS_PINGS, speed_kmh=("speed",))


def test_a_csv_header_may_have_the_alias(landing: Landing) -> None:
    source = with_aliases(TRAFFIC_SPEEDS, segment_id=("segment",), sample_count=("n",))
    text = (
        "feed,segment,latitude,longitude,speed_kmh,n,measured_at\nf,7,37.7,-122.4,50,3,2026-03-10T17:00:00Z\n"
    )
    entry = landing.land("traffic_speeds", gzip.compress(text.encode()), "csv.gz")
    (row, _) = (
        row
        for batch in read_object(source, entry, landing.root_uri, landing.vault)
        for row in batch.to_pylist()
    )
    assert (row["kind"], row["segment_id"], row["sample_count"]) == ("record", "7", 3)
    assert {"segment", "n"} <= Contract(source).field_names  # a header is known by any of its names


@pytest.mark.parametrize(
    ("path", "alias"),
    [
        ("latitude", "longitude"),
        ("latitude", "lat.lat"),
        ("latitude", "latitude.value"),
        ("latitude", "latitude"),
        ("vehicle__make", "member"),
        ("vehicle__make", "vehicle.make"),
    ],
)
def test_an_alias_that_names_two_values_is_a_defect(path: str, alias: str) -> None:
    with pytest.raises(Defect, match="stands for two values"):
        with_aliases(DISPATCH_EVENTS, **{path: (alias,), "longitude": ("lat",)})


values = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a"])


@given(st.dictionaries(st.sampled_from(["latitude", "lat", "position"]), values | st.just({"lat": 1.0})))
def test_whatever_stands_under_the_names_each_record_is_accepted_or_refused(given: dict[str, Any]) -> None:
    read = judged(RENAMED, {**a_ping(latitude=None), **given}, a_ping())
    assert sorted([*read.accepted, *read.problems]) == [0, 1]
    assert 1 in read.accepted
