"""Feast's own HTTP server over our stores: `roadside feast serve` answers what the Python call answers."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from lakehouse import feast_edge
from lakehouse.access_log import AccessLog
from lakehouse.ops import Ops
from roadside.online_state import keep_reads
from support.served_day import NEW, STRANGER, TICKS, Platform, served_home
from validation.clocks import TICK_DELAY

pytestmark = [pytest.mark.timeout(300), pytest.mark.filterwarnings("ignore")]  # Feast's own

SERVICE = "eta_v1"
STARTS_WITHIN_SECONDS = 90
STOPS_WITHIN_SECONDS = 20
NO_MOMENT = datetime(1970, 1, 1, tzinfo=UTC)
"""What Feast's server says where there is no row."""
ROWS = [
    {
        "provider_id": provider,
        "incident_zone_id": zone,
        "incident_area_id": "A1",
        "service_type": service_type,
    }
    for provider, zone, service_type in (
        ("P1", "Z1", "tow"),
        ("P3", "Z2", "tow"),
        (NEW, "Z1", "lockout"),
        (STRANGER, "Z9", "tow"),
    )
]


@dataclass(frozen=True)
class Served:
    """The platform on its first tick, and a server beside it."""

    platform: Platform
    process: subprocess.Popen[bytes]
    port: int

    def post(self, path: str, content: Mapping[str, Any]) -> tuple[int, Any]:
        """Status and content of the answer."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            json.dumps(content).encode(),
            {"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, json.loads(refused.read() or b"null")

    def is_up(self) -> bool:
        """Whether it answers."""
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5):
            return True
        return False

    def stop(self) -> None:
        """End the server and its workers; they share a process group of their own."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(30)
        deadline = time.monotonic() + STOPS_WITHIN_SECONDS
        while self.is_up() and time.monotonic() < deadline:
            time.sleep(0.05)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served_home(tmp_path_factory.mktemp("home")) as settings, socket.socket() as free:
        platform = Platform(settings, feast_edge.feature_store(settings))
        platform.start_day()
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        log = settings.home / "serve.log"
        with log.open("wb") as told:
            process = subprocess.Popen(
                [sys.executable, "-m", "roadside.cli", "feast", "serve", "--port", str(port)],
                env=os.environ | settings.environment(),
                stdout=told,
                stderr=told,
                start_new_session=True,
            )
        found = Served(platform, process, port)
        try:
            deadline = time.monotonic() + STARTS_WITHIN_SECONDS
            while not found.is_up():
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)
            yield found
        finally:
            found.stop()


def asked(**more: Any) -> dict[str, Any]:
    """The rows by columns, as the server wants them."""
    return {
        "entities": {key: [row[key] for row in ROWS] for key in ROWS[0]},
        "full_feature_names": True,
    } | more


def test_a_service_is_answered_with_the_values_and_statuses_of_the_python_call(served: Served) -> None:
    code, told = served.post("/get-online-features", asked(feature_service=SERVICE))
    assert code == 200
    vectors = dict(zip(told["metadata"]["feature_names"], told["results"], strict=True))
    cells = feast_edge.online_cells(served.platform.store, SERVICE, ROWS)
    named = {f"{cell.view}__{cell.feature}" for cell in cells[0]}  # Feast's order is by chance
    assert (set(vectors), len(told["results"])) == ({*ROWS[0], *named}, 4 + len(named))
    for place, row in enumerate(cells):
        for cell in row:
            vector = vectors[f"{cell.view}__{cell.feature}"]
            assert (vector["values"][place], vector["statuses"][place]) == (cell.value, cell.status), cell
            moment = datetime.fromisoformat(vector["event_timestamps"][place])
            assert moment == (cell.available_at or NO_MOMENT), cell
    offers = vectors["provider_activity_15m__offers_60m_count"]
    assert offers["values"] == [0, 2, None, None]
    assert offers["statuses"] == ["PRESENT", "PRESENT", "NOT_FOUND", "NOT_FOUND"]


def test_moments_come_over_the_wire_as_seconds(served: Served) -> None:
    named = ["provider_activity_15m:tick_at", "provider_fleet_15m:drivers_on_duty_count"]
    entities = {"provider_id": ["P1", STRANGER]}
    code, told = served.post("/get-online-features", {"entities": entities, "features": named})
    assert (code, told["metadata"]["feature_names"][1:]) == (200, ["tick_at", "drivers_on_duty_count"])
    python = served.platform.store.get_online_features(named, [{"provider_id": "P1"}]).to_dict()
    first, nobody = told["results"][1]["values"]
    assert (datetime.fromtimestamp(first, UTC), nobody) == (python["tick_at"][0], None)
    assert python["tick_at"] == [TICKS[0]]


@pytest.mark.parametrize(
    ("asked_for", "code", "named"),
    [
        ({"feature_service": "eta_v9"}, 404, "eta_v9"),
        ({"features": ["provider_activity_15m:no_such_count"]}, 500, "no_such_count"),
        ({"features": ["no_such_view:offers_60m_count"]}, 404, "no_such_view"),
    ],
)
def test_what_does_not_exist_is_an_error_that_names_it(
    served: Served, asked_for: dict[str, Any], code: int, named: str
) -> None:
    found, told = served.post("/get-online-features", asked(**asked_for))
    assert found == code
    assert named in str(told)
    assert served.is_up()


def test_what_was_read_over_the_wire_is_in_the_log(served: Served) -> None:
    settings, log = served.platform.settings, AccessLog(Ops(served.platform.settings.ops_url))
    keep_reads(settings, served.platform.store)
    before = {each.access_id for each in log.reads()}
    served.post("/get-online-features", asked(feature_service=SERVICE))
    keep_reads(settings, served.platform.store)
    (read,) = [each for each in log.reads() if each.access_id not in before]
    assert (read.service, read.principal) == (SERVICE, settings.principal)
    assert read.views["provider_activity_15m"][0]["entities"] == 2
    assert read.decided_at == TICKS[0] + TICK_DELAY


def test_a_stopped_server_answers_no_more(served: Served) -> None:
    """The last one of the module."""
    assert served.is_up()
    began = time.monotonic()
    served.stop()
    assert not served.is_up()
    assert time.monotonic() - began < STOPS_WITHIN_SECONDS, "it had to be killed"
