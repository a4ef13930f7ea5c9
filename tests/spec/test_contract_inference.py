"""A feed that drifts at 17:20 is told as what it did, since when and where; one that does not, as nothing.

What is proposed, applied to the contract's text, lets the very lines pass.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from ingestion.inference.drift import drift
from ingestion.inference.findings import Alias, Drift, Finding, NewField, NewWord
from ingestion.inference.landed_forms import Profile, landed_objects, profiled
from roadside.contract_edits import diff_of, edited_files
from roadside.installation import PROJECT
from simulation.city import SimulationConfig, simulate
from support.command_line import answers_to
from support.drifted_feeds import Change, drifted, made, renamed, where, without
from validation.contract import Type
from validation.source import Treatment
from validation.sources import SOURCES, source_named

DAY = timedelta(days=1)
END = datetime(2026, 3, 7, tzinfo=UTC)
SINCE = datetime(2026, 3, 6, 17, 20, tzinfo=UTC)
SOON = SINCE + timedelta(minutes=30)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("city")
    simulate(
        SimulationConfig(start=date(2026, 3, 5), days=2, providers=24, jobs_per_day=300, ping_seconds=240),
        root,
    )
    return root


def profile(root: Path, source: str, start: datetime, end: datetime) -> Profile:
    of = source_named(source)
    return profiled(root.as_uri(), of, landed_objects(root.as_uri(), of, start, end), 300, 100_000)


past = cache(profile)
"""Of a city as it was simulated, which most tests compare with."""


def inferred(
    city: Path, root: Path, source: str, start: datetime = END - DAY, end: datetime = END
) -> list[Finding]:
    """What drifted in a root against the day before, which nothing of the city's was changed in."""
    return drift(profile(root, source, start, end), past(city, source, start - DAY, end - DAY))


def millis(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def in_position(ping: dict[str, Any]) -> dict[str, Any]:
    flat = {name: value for name, value in ping.items() if name not in ("latitude", "longitude")}
    return {**flat, "position": {"lat": ping.get("latitude"), "lng": ping.get("longitude")}}


def flat_vehicle(event: dict[str, Any]) -> dict[str, Any]:
    inner = {f"vehicle_{name}": value for name, value in (event.get("vehicle") or {}).items()}
    return {name: value for name, value in event.items() if name != "vehicle"} | inner


@dataclass(frozen=True)
class Case:
    """A change of a source from SINCE on, and each finding due: (drift, path, edit or None)."""

    source: str
    change: Change
    due: tuple[tuple[Drift, str, Any], ...]
    where: str = ""


COORDINATES = (
    (Drift.RENAMED, "latitude", Alias("latitude", "lat")),
    (Drift.RENAMED, "longitude", Alias("longitude", "lng")),
)
CASES = {
    "pings send lat and lng (S18)": Case(
        "gps_pings", renamed(latitude="lat", longitude="lng"), COORDINATES
    ),
    "one program renames a field": Case(
        "dispatch_events",
        where(renamed(service_type="serviceType"), program_id="G1"),
        ((Drift.RENAMED, "service_type", Alias("service_type", "serviceType")),),
        "event_type=requested program_id=G1",
    ),
    "a required vocabulary": Case(
        "dispatch_events",
        renamed(event_type="type"),
        ((Drift.RENAMED, "event_type", Alias("event_type", "type")),),
    ),
    "sealed coordinates": Case(
        "dispatch_events",
        renamed(latitude="pickup_lat", longitude="pickup_lon"),
        (
            (Drift.RENAMED, "latitude", Alias("latitude", "pickup_lat")),
            (Drift.RENAMED, "longitude", Alias("longitude", "pickup_lon")),
        ),
        "event_type=requested",
    ),
    "a token": Case(
        "gps_pings",
        renamed(driver_id="driver"),
        ((Drift.RENAMED, "driver_id", Alias("driver_id", "driver")),),
    ),
    "a column of a CSV": Case(
        "traffic_speeds",
        renamed(segment_id="segment"),
        ((Drift.RENAMED, "segment_id", Alias("segment_id", "segment")),),
    ),
    "coordinates in an object": Case(
        "gps_pings",
        in_position,
        (
            (Drift.MOVED, "latitude", Alias("latitude", "position.lat")),
            (Drift.MOVED, "longitude", Alias("longitude", "position.lng")),
        ),
    ),
    "an object spelled flat": Case(
        "dispatch_events",
        flat_vehicle,
        tuple(
            (Drift.MOVED, f"vehicle.{name}", Alias(f"vehicle.{name}", f"vehicle_{name}"))
            for name in ("make", "model", "vin", "year")
        ),
        "event_type=requested",
    ),
    "a scalar became an object": Case(
        "gps_pings",
        made("speed_kmh", lambda value: {"value": value, "unit": "kmh"}),
        ((Drift.NESTED, "speed_kmh", None),),
    ),
    "a new number": Case(
        "gps_pings",
        lambda ping: {**ping, "battery_ratio": len(str(ping)) % 97 / 100},
        ((Drift.NEW, "battery_ratio",
          NewField("battery_ratio", Type.DOUBLE, Treatment.PLAIN, "battery_ratio", True)),),
    ),
    "new words": Case(
        "provider_status",
        lambda status: {**status, "shift_kind": ("day", "night")[len(str(status)) % 2]},
        ((Drift.NEW, "shift_kind",
          NewField("shift_kind", Type.STRING, Treatment.PLAIN, "shift_kind", True, ("day", "night"))),),
    ),
    "a new phone number": Case(
        "provider_status",
        lambda status: {**status, "callback_phone": 5_550_000 + len(str(status))},
        ((Drift.NEW, "callback_phone",
          NewField("callback_phone", Type.DOUBLE, Treatment.SEALED, low=0, high=100_000_000)),),
    ),
    "words like people's names": Case(
        "provider_status",
        lambda status: {**status, "tech": ("Ada", "Bob")[len(str(status)) % 2]},
        ((Drift.NEW, "tech", NewField("tech", Type.STRING, Treatment.SEALED)),),
    ),
    "a copy of a field": Case(
        "gps_pings",
        lambda ping: {**ping, "speed": ping.get("speed_kmh")},
        ((Drift.NEW, "speed", NewField("speed", Type.DOUBLE, Treatment.PLAIN, "speed", True)),),
    ),
    "a count as text": Case(
        "provider_status", made("active_job_count", str), ((Drift.TYPE, "active_job_count", None),)
    ),
    "a count as a double": Case(
        "provider_status", made("active_job_count", float), ((Drift.WIDENED, "active_job_count", None),)
    ),
    "milliseconds": Case(
        "gps_pings", made("event_timestamp", millis), ((Drift.TIME, "event_timestamp", None),)
    ),
    "times without a zone": Case(
        "provider_status",
        made("event_timestamp", lambda text: text[:19]),
        ((Drift.TIME, "event_timestamp", None),),
    ),
    "miles per hour": Case(
        "gps_pings", made("speed_kmh", lambda value: value / 1.609344), ((Drift.UNIT, "speed_kmh", None),)
    ),
    "metres per second": Case(
        "traffic_speeds",
        made("speed_kmh", lambda text: f"{float(text) / 3.6:.2f}"),
        ((Drift.UNIT, "speed_kmh", None),),
    ),
    "negative speeds": Case(
        "gps_pings", made("speed_kmh", lambda value: -1 - value), ((Drift.BOUNDS, "speed_kmh", None),)
    ),
    "no status": Case("provider_status", without("status"), ((Drift.MISSING_REQUIRED, "status", None),)),
    "no truck": Case("provider_status", without("truck_id"), ((Drift.MISSING_OPTIONAL, "truck_id", None),)),
}  # fmt: skip


@pytest.mark.parametrize("source", SOURCES, ids=lambda each: each.name)
@pytest.mark.parametrize(("hours", "until"), [(24, 24), (12, 12), (6, 22), (3, 18)])
def test_a_feed_that_did_not_drift_says_nothing(city: Path, source: Any, hours: int, until: int) -> None:
    end = END - DAY + timedelta(hours=until)
    assert inferred(city, city, source.name, end - timedelta(hours=hours), end) == []


@pytest.mark.parametrize("name", CASES)
def test_a_change_is_told_as_what_it_is_since_when_and_where(city: Path, tmp_path: Path, name: str) -> None:
    case = CASES[name]
    found = inferred(city, drifted(city, tmp_path, case.source, case.change, SINCE, END), case.source)
    assert tuple((each.drift, each.path, each.edit) for each in found) == case.due
    assert {each.where for each in found} == {case.where}
    for each in found:
        early = timedelta(hours=1.5) if each.drift is Drift.UNIT else timedelta(0)
        assert SINCE - early <= each.since < SOON
        assert (each.is_maybe_older, each.share) == (False, 1)
    assert {each.until for each in found} == {None}


def test_a_change_that_was_mended_is_told_with_its_end(city: Path, tmp_path: Path) -> None:
    root = drifted(city, tmp_path, "gps_pings", renamed(latitude="lat", longitude="lng"), SINCE, SOON)
    found = inferred(city, root, "gps_pings")
    assert [(each.drift, each.path) for each in found] == [each[:2] for each in COORDINATES]
    assert {each.until for each in found} == {datetime(2026, 3, 6, 17, 45, 50, tzinfo=UTC)}


def test_a_rename_is_told_without_a_past_by_its_name_and_its_bounds(city: Path, tmp_path: Path) -> None:
    root = drifted(city, tmp_path, "gps_pings", renamed(latitude="lat", longitude="lng"), END - DAY, END)
    found = drift(profile(root, "gps_pings", END - DAY, END), None)
    assert tuple((each.drift, each.path, each.edit) for each in found) == COORDINATES
    assert all(each.is_maybe_older for each in found)


def test_a_unit_and_a_word_are_told_in_words_and_no_value_of_a_person_is(city: Path, tmp_path: Path) -> None:
    root = drifted(
        city, tmp_path, "provider_status",
        lambda each: {**each, "status": "refuelling", "driver_name": "Ada Planted"}, SINCE, END,
    )  # fmt: skip
    word, new = inferred(city, root, "provider_status")
    assert (word.drift, word.path, word.edit) == (Drift.WORD, "status", NewWord("status", "refuelling"))
    assert (new.path, new.edit) == (
        "driver_name", NewField("driver_name", Type.STRING, Treatment.SEALED),
    )  # fmt: skip
    assert "Ada" not in repr((word, new))
    assert "the privacy officer decides" in new.proposal


# The proposals, applied

READ = """
import json, sys
from collections import Counter
from pathlib import Path
import validation.source
from ingestion.rows import read_object
from lakehouse.landing_ledger import LedgerEntry
from lakehouse.object_store import parse_key
from lakehouse.vault import Vault, make_platform_key
from validation.clocks import tick_end
from validation.sources import source_named
root, name, scratch = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
assert validation.source.__file__.startswith(str(scratch))
make_platform_key(scratch / "key")
vault, kinds, flags = Vault(f"sqlite:///{scratch / 'vault.db'}", scratch / "key"), Counter(), Counter()
source = source_named(name)
for path in sorted((root / "landing" / name / "2026/03/06/18").glob("*")):
    key = str(path.relative_to(root))
    at = parse_key(key).landed_at
    entry = LedgerEntry(name, key, at, tick_end(at), 0, False)
    for batch in read_object(source, entry, root.as_uri(), vault):
        for row in batch.to_pylist():
            kinds[row["kind"]] += 1
            if row["kind"] == "record":
                flags["unknown word"] += row["has_unknown_value"]
                flags["unknown field"] += bool(row["unknown_fields"])
                flags[sys.argv[4]] += row.get(sys.argv[4]) is not None
print(json.dumps([source.version, kinds, flags]))
"""


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """A folder with the contracts of the project as they are."""
    folder = tmp_path / "scratch"
    shutil.copytree(
        PROJECT / "validation", folder / "validation", ignore=shutil.ignore_patterns("__pycache__")
    )
    return folder


@pytest.mark.parametrize(
    ("source", "change", "column"),
    [
        ("gps_pings", renamed(latitude="lat", longitude="lng"), "latitude"),
        ("gps_pings", lambda each: {**in_position(each), "battery_ratio": 0.5}, "battery_ratio"),
        ("provider_status", lambda each: {**each, "status": "refuelling", "driver_name": "A"}, "status"),
        ("dispatch_events", lambda each: renamed(event_type="type", job_id="job")(flat_vehicle(each)),
         "vehicle_token"),
        ("traffic_speeds", renamed(segment_id="segment", sample_count="samples"), "sample_count"),
    ],
)  # fmt: skip
def test_the_lines_pass_once_the_diff_is_applied(
    city: Path, tmp_path: Path, scratch: Path, source: str, change: Change, column: str
) -> None:
    root = drifted(city, tmp_path / "drifted", source, change, SINCE, END)
    _, before, _ = read_with(scratch, root, source, column)
    found = inferred(city, root, source)
    diff = diff_of(edited_files(PROJECT, source_named(source), [each.edit for each in found if each.edit]))
    subprocess.run(["git", "apply", "-"], input=diff, text=True, check=True, cwd=scratch)
    version, kinds, flags = read_with(scratch, root, source, column)
    assert version == 2
    assert kinds["record"] > 0.99 * (kinds["record"] + kinds.get("quarantined", 0))
    assert sum(kinds.values()) == sum(before.values())
    assert flags[column] > 0
    assert flags["unknown word"] == 0
    assert flags["unknown field"] < 0.01 * kinds["record"]
    for command in (["check"], ["format", "--check"]):
        subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--config", PROJECT / "pyproject.toml", "validation"],
            check=True,
            cwd=scratch,
        )


def read_with(scratch: Path, root: Path, source: str, column: str) -> Any:
    """(version, kinds, flags) of the hour's lines, read under the contracts of the scratch folder."""
    for name in ("key", "vault.db"):
        (scratch / name).unlink(missing_ok=True)
    answer = subprocess.run(
        [sys.executable, "-B", "-c", READ, str(root), source, str(scratch), column],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": f"{scratch}{os.pathsep}{PROJECT}"},
        cwd=scratch,
    )
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


# The command

RANGE = "--start 2026-03-06T12:00Z --end 2026-03-07"


def test_the_command_tells_a_monitor_by_its_exit_code(city: Path, tmp_path: Path) -> None:
    change = renamed(latitude="lat", longitude="lng")
    root = drifted(city, tmp_path / "drifted", "gps_pings", change, SINCE, END)
    home = {"ROADSIDE_HOME": str(tmp_path / "home")}
    quiet, loud, told, none = answers_to(
        [
            f"contracts infer gps_pings {RANGE} --landing {city}",
            f"contracts infer gps_pings {RANGE} --landing {root}",
            f"contracts infer gps_pings --last 12h --landing {root} --json",
            f"contracts infer gps_pings --start 2026-04-01 --end 2026-04-02 --landing {root}",
        ],
        home,
    )
    assert [each.code for each in (quiet, loud, told, none)] == [0, 1, 1, 2]
    assert "Nothing drifted." in quiet.out
    assert (
        '+        Field("latitude", "latitude", required=True, low=-90, high=90, aliases=("lat",)),'
        in loud.out
    )
    assert "roadside quarantine replay gps_pings" in loud.out
    found = json.loads(told.out)["findings"]
    assert [(each["drift"], each["field"], each["since"][:16]) for each in found] == [
        ("renamed", "latitude", "2026-03-06T17:20"),
        ("renamed", "longitude", "2026-03-06T17:20"),
    ]
    assert "Nothing of gps_pings landed in [2026-04-01T00:00Z, 2026-04-02T00:00Z)" in none.err
    assert not (tmp_path / "home").exists()
