"""The DAG files in two real Airflows, the one used and the oldest supported: what parses, what rules hold.

Each Airflow is an environment of its own, without anything of ours: a DAG that imported some would not parse.
"""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import typer
import tzdata

from roadside import dag_road
from roadside.cli import app
from support.airflow_home import DAGS, NEWEST, OLDEST, POOLS, ROOT, AirflowHome

pytestmark = pytest.mark.slow(minutes=1)

SECONDS_TO_PARSE = 2.0
"""Of processor time for one file; Airflow itself allows thirty of any."""
DAG_IDS = [
    "roadside_daily",
    "roadside_freshness",
    "roadside_publication",
    "roadside_replay",
    "roadside_tick",
    "roadside_upkeep",
]
Facts = dict[str, Any]


@pytest.fixture(scope="module")
def newest(tmp_path_factory: pytest.TempPathFactory) -> Facts:
    return AirflowHome(tmp_path_factory.mktemp("airflow")).facts()


@pytest.fixture(scope="module")
def oldest(tmp_path_factory: pytest.TempPathFactory) -> Facts:
    return AirflowHome(tmp_path_factory.mktemp("airflow_oldest"), OLDEST).facts()


def tasks(facts: Facts) -> Iterator[tuple[str, dict[str, Any]]]:
    for dag_id, dag in facts["dags"].items():
        for task_id, task in dag["tasks"].items():
            yield f"{dag_id}.{task_id}", task


def breaking(facts: Facts, rule: Any) -> list[str]:
    """Names of the tasks that do not keep a rule."""
    named = list(tasks(facts))
    assert len(named) >= 14
    return [name for name, task in named if not rule(task)]


@pytest.mark.parametrize(("which", "version"), [("newest", "3.3.2"), ("oldest", "3.0.6")])
def test_every_file_parses_without_an_error_or_a_warning(
    which: str, version: str, request: pytest.FixtureRequest
) -> None:
    facts = request.getfixturevalue(which)
    assert facts["airflow"] == version
    assert facts["errors"] == {}
    ours = [said for each in facts["warnings"].values() for said in each if said.startswith(str(DAGS))]
    assert ours == []
    assert sorted(facts["dags"]) == DAG_IDS


def test_a_file_parses_fast(newest: Facts) -> None:
    """The first one also imports what Airflow itself loads late."""
    slow = {name: seconds for name, seconds in newest["seconds"].items() if seconds > SECONDS_TO_PARSE}
    assert slow == {}
    assert len(newest["seconds"]) == len(DAG_IDS), "what they share is no file of DAGs"


def test_the_dags_say_the_same_in_both_airflows(newest: Facts, oldest: Facts) -> None:
    """But for the alert of 06:00, which the oldest has not."""
    of_both = {
        name: {key: value for key, value in newest["dags"][name].items() if key != "has_deadline"}
        for name in DAG_IDS
    }
    assert of_both == {
        name: {key: value for key, value in oldest["dags"][name].items() if key != "has_deadline"}
        for name in DAG_IDS
    }


def test_the_alert_of_six_o_clock_is_there_unless_it_is_left_out(
    newest: Facts, oldest: Facts, tmp_path: Path
) -> None:
    without = AirflowHome(tmp_path).facts(ROADSIDE_DEADLINE_ALERTS="off")
    have = [name for name in DAG_IDS if newest["dags"][name]["has_deadline"]]
    assert have == ["roadside_daily"]
    assert [name for name in DAG_IDS if without["dags"][name]["has_deadline"]] == []
    assert [name for name in DAG_IDS if oldest["dags"][name]["has_deadline"]] == []


def test_dags_import_the_standard_library_airflow_and_one_another(newest: Facts) -> None:
    """By their syntax; boto3 inside the function that needs it alone."""
    own = {path.stem for path in DAGS.glob("*.py")}
    strange, late = set(), set()
    for path in DAGS.glob("*.py"):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            names = (
                [each.name for each in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            roots = {name.partition(".")[0] for name in names}
            known = own | {"airflow"} | set(sys.stdlib_module_names)
            (strange if node in tree.body else late).update(roots - known)
    assert strange == set()
    assert late == {"boto3"}
    assert {"pyspark", "feast", "pandas", "boto3", "roadside", "lakehouse", "validation"} & set(
        newest["imported"]
    ) == set()


def test_every_dag_says_when_where_and_how_often(newest: Facts) -> None:
    told = {
        name: (dag["schedule"], dag["zone"], dag["catchup"], dag["max_active_runs"], dag["start_date"])
        for name, dag in newest["dags"].items()
    }
    start = "2026-01-01T00:00:00+00:00"
    assert told == {
        "roadside_tick": ("*/15 * * * *", "UTC", False, 1, start),
        "roadside_freshness": ("10-55/15 * * * *", "UTC", False, 1, start),
        "roadside_daily": ("5 3 * * *", "America/New_York", False, 1, start),
        "roadside_replay": ("0 12 * * 1", "UTC", False, 1, start),
        "roadside_upkeep": ("0 8 * * *", "America/New_York", False, 1, start),
        "roadside_publication": ("30 5 * * *", "America/New_York", False, 1, start),
    }


def test_the_scheduler_knows_of_each_when_it_runs_next(newest: Facts) -> None:
    """After 08:00 Eastern of Tuesday 10 March 2026, the third day of daylight saving."""
    assert {name: dag["next_run"] for name, dag in newest["dags"].items()} == {
        "roadside_tick": "2026-03-10T12:15:00+00:00",
        "roadside_freshness": "2026-03-10T12:10:00+00:00",
        "roadside_daily": "2026-03-11T07:05:00+00:00",
        "roadside_replay": "2026-03-16T12:00:00+00:00",
        "roadside_upkeep": "2026-03-11T12:00:00+00:00",
        "roadside_publication": "2026-03-11T09:30:00+00:00",
    }


def test_any_of_what_is_published_starts_the_publication_and_so_does_the_time(newest: Facts) -> None:
    """A task that failed sends no event of what it made all the same: by 06:00 it is sent without one."""
    started = {name: dag["started_by"] for name, dag in newest["dags"].items() if dag["started_by"]}
    assert [*started] == ["roadside_publication"]
    assert [*started["roadside_publication"]] == ["AssetAny"]
    (tables,) = started["roadside_publication"].values()
    assert {"training.eta_v1", "features.provider_performance_1d"} <= set(tables)
    publication = newest["dags"]["roadside_publication"]
    assert (publication["schedule"], publication["zone"]) == ("30 5 * * *", "America/New_York")


def test_nothing_is_scheduled_in_the_hour_that_daylight_saving_takes_or_gives(newest: Facts) -> None:
    hours = {
        name: dag["schedule"].split()[1]
        for name, dag in newest["dags"].items()
        if dag["zone"] == "America/New_York"
    }
    assert hours
    assert not {"1", "2", "*"} & set(hours.values())


def test_every_dag_and_task_is_explained(newest: Facts) -> None:
    for name, dag in newest["dags"].items():
        assert dag["description"], name
        assert dag["doc_md"].startswith("### "), name
        assert "**It failed?**" in dag["doc_md"] or "**Before you start one:**" in dag["doc_md"], name
    assert breaking(newest, lambda task: task["doc_md"]) == []


def test_every_task_has_an_owner_retries_that_back_off_a_timeout_and_somebody_told(
    newest: Facts,
) -> None:
    assert breaking(newest, lambda task: task["owner"] == "data-engineering") == []
    assert breaking(newest, lambda task: task["retries"] >= 2 and task["backs_off"]) == []
    assert breaking(newest, lambda task: task["retry_seconds"] < task["longest_retry_seconds"] <= 1800) == []
    assert breaking(newest, lambda task: 60 < task["timeout_seconds"] <= 6 * 3600) == []
    assert breaking(newest, lambda task: task["tells_failure"] == ["task_failed"]) == []
    assert breaking(newest, lambda task: task["tells_retry"] == ["task_tried_again"]) == []


def test_every_task_takes_a_slot_of_a_pool_of_ours(newest: Facts) -> None:
    pools = json.loads(POOLS.read_text())
    used = {task["pool"] for _, task in tasks(newest)}
    assert used == set(pools)
    writers = {name for name, pool in pools.items() if pool["slots"] == 1}
    assert writers == {"roadside_live", "roadside_replay", "roadside_upkeep", "roadside_publish"}
    assert {task["pool"] for name, task in tasks(newest) if " tick " in f" {' '.join(task['words'])} "} == {
        "roadside_live"
    }, "the tick and the night's tick are never side by side"


def test_chunks_of_a_replay_go_one_at_a_time(newest: Facts) -> None:
    assert newest["dags"]["roadside_replay"]["tasks"]["chunk"]["at_once"] == 1


def test_the_commands_are_these(newest: Facts) -> None:
    """As rendered for the week until Tuesday 10 March 2026, 12:00 UTC."""
    assert {name: " ".join(task["words"]) for name, task in tasks(newest)} == {
        "roadside_tick.tick": "roadside tick --until 2026-03-10T12:00Z --json",
        "roadside_freshness.freshness": "roadside freshness --at now",
        "roadside_daily.through_the_cut": "roadside tick --until 2026-03-10T07:00Z --json",
        "roadside_daily.dataset_eta_v1": "roadside dataset build eta_v1 "
        "--start 2026-03-06 --end 2026-03-09 --json",
        "roadside_daily.dataset_eta_v2": "roadside dataset build eta_v2 "
        "--start 2026-03-06 --end 2026-03-09 --json",
        "roadside_daily.dataset_matching_acceptance_v1": "roadside dataset build matching_acceptance_v1 "
        "--start 2026-03-07 --end 2026-03-10 --json",
        "roadside_daily.dataset_matching_ranking_v1": "roadside dataset build matching_ranking_v1 "
        "--start 2026-03-06 --end 2026-03-09 --json",
        "roadside_daily.quality_drift": "roadside quality drift",
        "roadside_daily.quality_references": "roadside quality references",
        "roadside_daily.promise": "roadside promise check --date 2026-03-10 --as-if-due --no-publication",
        "roadside_daily.all_succeeded": "",
        "roadside_replay.plan": "roadside backfill --from 2026-03-03 --to 2026-03-10 --plan --json",
        "roadside_replay.chunk": "roadside backfill --execute --json",
        "roadside_replay.rest": "roadside backfill --from 2026-03-03 --to 2026-03-10 --execute --json",
        "roadside_upkeep.compact": "roadside compact",
        "roadside_upkeep.retention": "roadside retention --execute --json",
        "roadside_upkeep.all_succeeded": "",
        "roadside_publication.publish": "roadside publish --all --json",
        "roadside_publication.promise": "roadside promise check --date 2026-03-10 --as-if-due",
        "roadside_publication.all_succeeded": "",
    }  # fmt: skip


def test_every_command_is_one_that_roadside_takes_with_these_options(newest: Facts) -> None:
    for name, task in tasks(newest):
        if name.endswith(".all_succeeded"):
            continue
        words = [*task["words"], *(["--from", "2026-03-03", "--to", "2026-03-04"] if "chunk" in name else [])]
        assert words[0] == "roadside", name
        require_taken(words[1:])
    with pytest.raises(Exception, match="No such option: --untill"):
        require_taken(["tick", "--untill", "now"])


def require_taken(words: list[str]) -> None:
    """Parse the words as `roadside` does, and run nothing."""
    command: Any = typer.main.get_command(app)
    context = command.make_context("roadside", list(words))
    while hasattr(command, "commands"):
        rest = [*context._protected_args, *context.args]
        name, command, rest = command.resolve_command(context, rest)
        context = command.make_context(name, rest, parent=context)


def test_every_command_may_be_run_again(newest: Facts) -> None:
    """Nothing is forced, and what is made is named by the run's moments: `now` is for questions alone."""
    assert breaking(newest, lambda task: not {"--force", "--new-release"} & set(task["words"])) == []
    of_now = [name for name, task in tasks(newest) if "now" in task["words"]]
    assert of_now == ["roadside_freshness.freshness"]


def test_no_secret_stands_in_a_command(newest: Facts) -> None:
    looks = re.compile(r"://|password|secret|token|key=", re.IGNORECASE)
    assert breaking(newest, lambda task: not looks.search(" ".join(task["words"]))) == []


def test_a_task_s_outlets_are_the_tables_that_it_writes(newest: Facts) -> None:
    road = json.loads(dag_road.ROAD.read_text())
    written = sorted(table for step in road["steps"].values() for table in step["writes"])
    by_task = {name: task["outlets"] for name, task in tasks(newest) if task["outlets"]}
    assert {name for name, outlets in by_task.items() if outlets == written} == {
        "roadside_tick.tick",
        "roadside_daily.through_the_cut",
        "roadside_replay.chunk",
        "roadside_replay.rest",
    }  # fmt: skip
    assert by_task["roadside_daily.dataset_eta_v1"] == ["training.eta_v1"]
    assert "published.eta_v1" in by_task["roadside_publication.publish"]
    assert len(written) == 45


def test_the_road_that_the_dags_read_is_current() -> None:
    assert not dag_road.is_stale(), "run `roadside docs`"


@pytest.mark.parametrize("which", ["newest", "oldest"])
def test_a_run_fails_with_any_of_its_tasks(which: str, request: pytest.FixtureRequest) -> None:
    """Airflow tells by its last tasks how a run ended: each failure must reach one of them."""
    for name, dag in request.getfixturevalue(which)["dags"].items():
        reached = set(dag["decided_by"])
        for _ in dag["tasks"]:
            reached |= {
                before
                for task in reached
                if dag["tasks"][task]["trigger_rule"] in {"all_success", "none_failed"}
                for before in dag["tasks"][task]["upstream"]
            }
        assert set(dag["tasks"]) - reached == set(), f"{name} is a success though these failed"


def test_what_can_judge_for_itself_runs_however_those_before_it_ended(newest: Facts) -> None:
    """A step that a check stopped keeps back neither a dataset that does not read it, nor a question."""
    assert {name for name, task in tasks(newest) if task["trigger_rule"] == "all_done"} == {
        "roadside_daily.dataset_eta_v1",
        "roadside_daily.dataset_eta_v2",
        "roadside_daily.dataset_matching_acceptance_v1",
        "roadside_daily.dataset_matching_ranking_v1",
        "roadside_daily.quality_drift",
        "roadside_daily.quality_references",
        "roadside_daily.promise",
        "roadside_upkeep.retention",
        "roadside_publication.promise",
    }
    daily = newest["dags"]["roadside_daily"]["tasks"]
    assert daily["promise"]["upstream"] == [name for name in daily if name.startswith("dataset_")]


def test_a_tick_that_fails_is_out_of_the_way_of_the_next(newest: Facts) -> None:
    """One run at a time: the longest waits between tries, which Airflow draws up to twice the delay."""
    waits = {
        name: sum(
            min(2 * task["retry_seconds"] * 2**n, task["longest_retry_seconds"])
            for n in range(task["retries"])
        )
        for name, task in newest["dags"]["roadside_tick"]["tasks"].items()
        if task["words"]
    }
    assert waits == {"tick": 6 * 60}


def test_a_tick_that_hangs_is_told_within_the_hour_and_leaves_the_night_its_slot(newest: Facts) -> None:
    """The first try that ends so is a warning; freshness pages without it; the cut fits in twice by 06:00."""
    tick = newest["dags"]["roadside_tick"]["tasks"]["tick"]
    assert tick["timeout_seconds"] <= 45 * 60
    assert tick["tells_retry"]
    cut = newest["dags"]["roadside_daily"]["tasks"]["through_the_cut"]
    assert tick["timeout_seconds"] + 2 * cut["timeout_seconds"] + 2 * cut["retry_seconds"] < (3 * 60 - 5) * 60


def test_whether_the_tables_are_fresh_is_asked_though_no_tick_goes_on(newest: Facts) -> None:
    """By a DAG of its own, of the clock on the wall, in a pool that nothing which writes takes slots of."""
    asking = [name for name, task in tasks(newest) if "freshness" in task["words"]]
    assert asking == ["roadside_freshness.freshness"]
    freshness = newest["dags"]["roadside_freshness"]
    assert [*freshness["tasks"]] == ["freshness"]
    assert freshness["started_by"] == {}
    pool = freshness["tasks"]["freshness"]["pool"]
    beside = {task["words"][1] for _, task in tasks(newest) if task["pool"] == pool and task["words"]}
    assert beside == {"freshness", "promise", "quality"}, "what only reads"


NEW_YORK = ZoneInfo("America/New_York")
CHECK = ROOT / "airflow" / "promise-check"


@pytest.mark.parametrize("day", ["2026-03-08", "2026-03-11", "2026-11-01", "2026-12-01"])
def test_the_independent_check_asks_once_a_day_at_six_eastern(day: str, tmp_path: Path) -> None:
    """Each hour of a day, two of them of daylight saving, on a machine that is not in New York."""
    asked = [
        hour.astimezone(NEW_YORK)
        for hour in (datetime.fromisoformat(f"{day}T04:00Z") + timedelta(hours=n) for n in range(24))
        if cron_says(hour, tmp_path) == "asked: promise check --at now\n"
    ]
    assert [f"{each:%H:%M}" for each in asked] == ["06:00"]


def test_the_independent_check_says_that_it_knows_no_zones(tmp_path: Path) -> None:
    at = datetime(2026, 3, 11, 6, tzinfo=UTC)
    assert "install tzdata" in cron_says(at, tmp_path, zone="America/Nowhere")


def test_cron_takes_the_independent_check_under_its_own_name() -> None:
    """Debian's leaves out what has another sign in its name, and says nothing."""
    assert re.fullmatch(r"[A-Za-z0-9_-]+", CHECK.name)
    assert CHECK.read_text().endswith("\n"), "nor does it take a last line without its end"


def test_the_independent_check_is_a_command_of_ours() -> None:
    command = cron_line().partition("&& roadside ")[2].partition(";;")[0]
    assert command == "promise check --at now"
    require_taken(command.split())


def cron_line() -> str:
    """What cron runs, each hour, as a user named roadside."""
    lines = CHECK.read_text().splitlines()
    (job,) = [line for line in lines if line.startswith("0 * * * * roadside ")]
    assert not re.search(r"(?<!\\)%", job), "cron ends a line at a bare %"
    return job.removeprefix("0 * * * * roadside ").replace(r"\%", "%")


def cron_says(at: datetime, folder: Path, zone: str = "America/New_York") -> str:
    """What the line prints at a moment, with a `date` of that moment and a `roadside` that says its words."""
    programs = {
        "date": f'exec {shutil.which("date")} -d @{at.timestamp():.0f} "$@"',
        "roadside": 'echo "$HELLO: $*"',
    }
    for name, body in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)
    (folder / "environment").write_text("HELLO=asked\n")
    line = cron_line().replace("/etc/roadside/", f"{folder}/").replace("America/New_York", zone)
    zones = str(Path(tzdata.__file__).parent / "zoneinfo")
    given = {"PATH": f"{folder}:/usr/bin:/bin", "TZ": "Asia/Tokyo", "TZDIR": zones}
    return subprocess.run(["sh", "-c", line], env=given, capture_output=True, text=True, check=True).stdout


def test_both_environments_hold_nothing_of_the_platform() -> None:
    for tools in (NEWEST, OLDEST):
        installed = {path.name for path in (tools / "lib").glob("python*/site-packages/*")}
        assert "airflow" in installed
        assert not {"pyspark", "feast", "roadside", "pandas"} & installed


def test_neighbours_in_the_file_of_pools_have_what_airflow_imports() -> None:
    for first, second in pairwise(json.loads(POOLS.read_text()).values()):
        assert set(first) == set(second) == {"slots", "description", "include_deferred"}
