"""The afternoon lands as its tables say."""

import gzip
from datetime import UTC, datetime
from pathlib import Path

import h3

from simulation.afternoon import afternoon_objects, heartbeats, planted_identifiers, write_afternoon
from simulation.landing import SOURCES
from support.afternoon import TABLES, zone_ids

START = datetime(2026, 3, 10, 16, tzinfo=UTC)
END = datetime(2026, 3, 10, 17, tzinfo=UTC)


def test_every_source_has_a_heartbeat_each_five_minutes() -> None:
    beats = heartbeats(START, END)
    assert len(beats) == 12 * len(SOURCES)
    assert {each.source for each in beats} == set(SOURCES)
    assert (beats[0].landed_at, beats[-1].landed_at.minute) == (START, 55)
    assert not any(each.records for each in beats)


def test_writing_twice_writes_the_same_bytes(tmp_path: Path) -> None:
    def written() -> dict[str, bytes]:
        keys = write_afternoon(tmp_path, start=START, end=END)
        return {key: (tmp_path / key).read_bytes() for key in keys}

    first = written()
    assert len(first) == len(afternoon_objects()) + len(heartbeats(START, END))
    assert written() == first


def test_history_can_be_left_out() -> None:
    without = afternoon_objects(with_history=False)
    assert min(each.landed_at for each in without).day == 10
    assert len(without) < len(afternoon_objects())


def test_zones_are_neighbours_of_one_area() -> None:
    zones = zone_ids()
    assert h3.are_neighbor_cells(zones["Z1"], zones["Z2"])
    assert {h3.cell_to_parent(zones[name], 6) for name in ("Z1", "Z2")} == {zones["A1"]}


def test_zones_are_far_from_every_other_city() -> None:
    here = h3.cell_to_latlng(zone_ids()["Z1"])
    for city in ((39.74, -104.99), (37.77, -122.42), (40.71, -74.01), (-35.28, 149.13)):
        assert h3.great_circle_distance(here, city, unit="km") > 300


def test_planted_identifiers_land(tmp_path: Path) -> None:
    keys = write_afternoon(tmp_path, start=START, end=END)
    landed = b"".join(gzip.decompress((tmp_path / key).read_bytes()) for key in keys)
    for kind, identifiers in planted_identifiers().items():
        for identifier in identifiers:
            assert identifier.encode() in landed, kind


def test_specification_shows_the_very_tables_that_land() -> None:
    shown = {path.name for path in TABLES.glob("*.txt") if not path.name.startswith("expected_")}
    assert shown == {f"{name}.txt" for name in ("events", "history", "jobs", "providers", "status", "zones")}
    assert all((TABLES / name).is_symlink() for name in shown)
