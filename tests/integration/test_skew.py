"""Training equals serving (S14): 200 decisions of eta_v1 served, a release held back, a release too early.

The definitions of feature_repo/ over hand-made tables, a private Redis, the read log on; no Spark.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from feast_plugins.read_log import reading
from lakehouse import feast_edge
from lakehouse.access_log import Access, AccessLog
from lakehouse.ops import Ops
from lakehouse.settings import Settings, load_settings
from roadside.cli import main
from roadside.online_state import complete, keep_reads
from roadside.skew import Cause, Reason, Skew, skew
from support.feature_rows import at
from support.served_day import CHANGING, NEW, STRANGER, TICKS, VIEWS, Platform, served_home
from validation.clocks import TICK_DELAY

pytestmark = [pytest.mark.timeout(300), pytest.mark.filterwarnings("ignore")]  # Feast's own

DAY = at(0).date()
OFFERS = "provider_activity_15m__offers_60m_count"


def skew_of(platform: Platform) -> Skew:
    """What was served against as served."""
    return skew(platform.store, log_of(platform), "eta_v1", DAY)


def log_of(platform: Platform) -> AccessLog:
    """The reads, those that Redis holds included."""
    keep_reads(platform.settings, platform.store)
    return AccessLog(Ops(platform.settings.ops_url))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with served_home(tmp_path_factory.mktemp("home")) as settings:
        yield settings


@pytest.fixture
def platform(home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Platform:
    """The platform on a day that begins, this process's environment pointing to it."""
    environment = home.environment() | {"ROADSIDE_OPS_URL": f"sqlite:///{tmp_path}/ops.db"}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = load_settings(environment)
    assert AccessLog(Ops(settings.ops_url)).reads() == []
    found = Platform(settings, feast_edge.feature_store(settings))
    found.start_day()
    return found


@dataclass(frozen=True)
class Decision:
    """One provider is asked for the minutes of one job."""

    name: str
    at: datetime
    provider: str
    zone: str

    @property
    def keys(self) -> dict[str, str]:
        return {
            "provider_id": self.provider,
            "incident_zone_id": self.zone,
            "incident_area_id": "A1",
            "service_type": "tow",
        }


DECISIONS = [
    Decision(
        f"D{number}",
        at(17, 35) + number * timedelta(seconds=17),
        STRANGER if number % 20 == 7 else ("P1", "P2", "P3", NEW)[number % 4],
        ("Z1", "Z2", "Z1")[number % 3],
    )
    for number in range(200)
]


def serve(platform: Platform, published: Mapping[tuple[datetime, str], datetime]) -> list[dict[str, Any]]:
    """Serve every decision in its turn between the releases, which are on time unless said otherwise."""
    releases = [
        (published.get((tick, view), tick + TICK_DELAY), tick, view)
        for tick in TICKS[1:]
        for view in CHANGING
    ]
    waiting = sorted(releases, key=lambda each: each[0])
    answers = []
    for decision in DECISIONS:
        while waiting and waiting[0][0] <= decision.at:
            _, tick, view = waiting.pop(0)
            platform.release(tick, view)
        with reading(decision=decision.name, purpose="dispatch", decided_at=decision.at):
            answers += feast_edge.online_features(platform.store, "eta_v1", [decision.keys])
    return answers


def values_apart(platform: Platform, served: Sequence[Mapping[str, Any]]) -> set[str]:
    """The decisions of which a dataset would hold another value."""
    spine = pd.DataFrame([each.keys | {"event_timestamp": each.at} for each in DECISIONS])
    trained = feast_edge.historical_features(platform.store, spine, "eta_v1").astype(object)
    trained = trained.where(trained.notna(), None).drop(columns="event_timestamp")
    return {
        decision.name
        for decision, online, row in zip(DECISIONS, served, trained.to_dict("records"), strict=True)
        if online != row
    }


def between(start: datetime, end: datetime, *without: str) -> set[str]:
    """Decisions in [start, end) that do not ask these providers."""
    return {each.name for each in DECISIONS if start <= each.at < end and each.provider not in without}


@pytest.fixture
def answer(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["skew", *words])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def test_two_hundred_decisions_were_served_what_training_sees(
    platform: Platform, answer: Callable[..., tuple[int, str, str]]
) -> None:
    served = serve(platform, {})
    assert values_apart(platform, served) == set()
    assert len({each[OFFERS] for each in served}) > 10
    code, out, _ = answer("eta_v1", "--day", str(DAY), "--json")
    told = json.loads(out)
    assert code == 0
    assert (told["decisions"], told["decisions_apart"], told["reasons"], told["examples"]) == (200, 0, [], [])
    assert [(each["view"], each["reads"], each["equal"]) for each in told["views"]] == [
        (view, 200, 200) for view in sorted(VIEWS)
    ]
    code, out, _ = answer("eta_v1", "--day", str(DAY))
    assert (code, "200 decisions: every one was served what training sees." in out) == (0, True)


def test_decisions_in_the_gap_of_a_release_held_back_are_late_and_no_others(
    platform: Platform, answer: Callable[..., tuple[int, str, str]]
) -> None:
    held, view = at(18), "provider_activity_15m"
    served = serve(platform, {(held, view): at(18, 17)})
    gap = between(at(18, 5), at(18, 17), STRANGER)
    assert values_apart(platform, served) == gap
    found = skew_of(platform)
    assert {each.decision for each in found.differences} == gap
    assert {(each.view, each.cause) for each in found.differences} == {(view, Cause.LATE)}
    first = {each.name for each in DECISIONS if each.name in gap and each.provider == NEW}
    assert found.reasons == {Reason.OLDER_TICK: len(gap - first), Reason.FIRST_ROW: len(first)}
    code, out, _ = answer("eta_v1", "--day", str(DAY), "--examples", "1", "--json")
    told = json.loads(out)
    assert (code, told["decisions_apart"]) == (1, len(gap))
    (worst,) = told["examples"]
    last = max((each for each in DECISIONS if each.name in gap), key=lambda each: each.at)
    assert (worst["decision"], worst["entity"]) == (last.name, f"provider_id={last.provider}")
    assert worst["expected_available_at"] == "2026-03-10T18:05:00Z"
    code, out, _ = answer("eta_v1", "--day", str(DAY))
    assert code == 1
    assert f"{len(gap)} of 200 decisions were served what training does not see." in out
    assert f"{view} late release 18:16:" in " ".join(out.split())
    assert "Z 17:45Z 18:00Z 11." in " ".join(out.split())


@pytest.mark.long
def test_reads_between_an_early_publication_and_its_promise_are_early(platform: Platform) -> None:
    early = at(18)
    served = serve(platform, dict.fromkeys([(early, view) for view in CHANGING], at(18, 2)))
    found = skew_of(platform)
    ahead = between(at(18, 2), at(18, 5))
    of_activity = {each.decision for each in found.differences if each.view == "provider_activity_15m"}
    of_demand = {each.decision for each in found.differences if each.view == "zone_demand_15m"}
    assert of_activity == {
        each.name for each in DECISIONS if each.name in ahead and each.provider != STRANGER
    }
    assert of_demand == {each.name for each in DECISIONS if each.name in ahead and each.zone == "Z1"}
    assert {each.cause for each in found.differences} == {Cause.EARLY}
    named = {each.view for each in found.differences if "=" in each.entity}
    assert named == {"provider_activity_15m", "zone_demand_15m"}  # the fleet is restricted: marks alone
    assert found.decisions_apart == len(of_activity | of_demand) == len(values_apart(platform, served))


def test_what_was_never_written_is_missing_and_an_old_entry_unknown(platform: Platform) -> None:
    for tick in TICKS[1:]:
        for view in CHANGING:
            complete(platform.store, view, tick + TICK_DELAY)  # said to be complete, and not written
    decision = Decision("D0", at(18, 30), NEW, "Z2")
    with reading(decision=decision.name, decided_at=decision.at):
        feast_edge.online_features(platform.store, "eta_v1", [decision.keys])
    log = log_of(platform)
    served = {"provider_activity_15m": [{"available_at": None, "revised_at": None, "entities": 3}]}
    log.add([Access("old", at(19), "matcher", "", "", "eta_v1", served)])
    found = skew_of(platform)
    assert found.reasons == {Reason.NOT_WRITTEN: 1, Reason.NO_ENTITIES: 3}
    assert (found.decisions, found.decisions_apart) == (2, 2)
    activity = next(each for each in found.views if each.view == "provider_activity_15m")
    assert (activity.reads, activity.missing, activity.unknown) == (4, 1, 3)


def test_errors_name_what_there_is(platform: Platform, answer: Callable[..., tuple[int, str, str]]) -> None:
    AccessLog(Ops(platform.settings.ops_url)).add(
        [Access("r", at(19), "matcher", "", "", "eta_v1", {}, at(19), {})]
    )
    code, _, err = answer("eta_v3", "--day", str(DAY))
    assert (code, "Did you mean eta_v" in err) == (2, True)
    code, _, err = answer("eta_v1", "--day", "2026-03-09")
    assert (code, "The last one was of 2026-03-10." in err) == (2, True)
    code, _, err = answer("eta_v2", "--day", str(DAY))
    assert (code, "No read of it was ever logged." in err) == (2, True)
    assert answer("eta_v1", "--day", "9 March")[0] == 2
