"""What an answer says was published; the answers are what the commands print."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from road_answers import answer, failed_runs, failed_steps, published
from roadside.publication import Published
from roadside.step_lines import results_as_json
from roadside.step_results import StepResult
from training_datasets.build import BuildResult, DayResult
from validation.clocks import TICK, Interval
from validation.errors import CheckFailed

JOBS, OFFERS = "silver.jobs", "silver.offers"
START = datetime(2026, 3, 10, 17, 45, tzinfo=UTC)
FIRST, SECOND = Interval(START, START + TICK), Interval(START + TICK, START + 2 * TICK)
BIG = 6_917_529_027_641_081_857


def ticks(*results: StepResult) -> object:
    return json.loads(results_as_json(results))


def test_a_table_is_told_with_its_snapshot_run_interval_and_rows() -> None:
    step = StepResult(JOBS, FIRST, "published", {JOBS: 7}, runs={JOBS: ("3f9a", BIG)})
    assert published(ticks(step)) == {
        JOBS: {
            "table": JOBS,
            "snapshot_id": "6917529027641081857",
            "run_id": "3f9a",
            "run_ids": ["3f9a"],
            "interval_start": "2026-03-10T17:45:00+00:00",
            "interval_end": "2026-03-10T18:00:00+00:00",
            "rows": 7,
        }
    }


def test_several_ticks_of_a_table_are_one_with_the_last_snapshot_and_all_rows() -> None:
    steps = [
        StepResult(JOBS, at, "published", {JOBS: rows}, runs={JOBS: (run, snapshot)})
        for at, rows, run, snapshot in ((FIRST, 7, "a", 1), (SECOND, 5, "b", 2))
    ]
    made = published(ticks(*steps))[JOBS]
    assert (made["rows"], made["run_id"], made["snapshot_id"], made["run_ids"]) == (12, "b", "2", ["a", "b"])
    assert (made["interval_start"][11:16], made["interval_end"][11:16]) == ("17:45", "18:15")


def test_what_stood_already_counts_for_a_later_try_only_and_what_failed_for_none() -> None:
    told = ticks(
        StepResult(JOBS, FIRST, "skipped", {JOBS: 7}, runs={JOBS: ("a", 1)}),
        StepResult(OFFERS, FIRST, "failed", error=CheckFailed("No."), runs={OFFERS: ("b", None)}),
        StepResult("features.x", FIRST, "blocked"),
    )
    assert list(published(told)) == []
    assert list(published(told, with_skipped=True)) == [JOBS]
    assert (failed_runs(told), failed_steps(told)) == (["b"], [OFFERS])


def test_built_days_of_a_dataset_are_its_table() -> None:
    days = [
        DayResult(date(2026, 3, 8) + timedelta(days=n), status, 30, {}, "d", run_id=f"r{n}", snapshot_id=n)
        for n, status in enumerate(("skipped", "built", "built"))
    ]
    built = BuildResult("eta_v1", tuple(days), Path(), Path())
    told = {"dataset": "eta_v1", "days": [vars(day) | {"day": str(day.day)} for day in built.days]}
    made = published(told)
    assert list(made) == ["training.eta_v1"]
    assert made["training.eta_v1"] | {"run_ids": []} == {
        "table": "training.eta_v1", "snapshot_id": "2", "run_id": "r2", "run_ids": [],
        "interval_start": "2026-03-09", "interval_end": "2026-03-10", "rows": 60,
    }  # fmt: skip


def test_what_was_sent_is_told_by_name_and_what_was_there_is_not() -> None:
    told = [
        vars(Published("eta_v1", "snowflake", "created", release="1", rows=60)),
        vars(Published("eta_v2", "snowflake", "unchanged", release="1", rows=60)),
    ]
    assert published(json.loads(json.dumps(told)))["published.eta_v1"]["release"] == "1"
    assert "published.eta_v2" not in published(told)


def test_what_java_says_on_the_same_stdout_is_no_part_of_the_answer() -> None:
    assert answer("[main] INFO it starts\n[\n {}\n]\nit ends\n") == [{}]
    assert answer('{"dataset": "eta_v1"}\n') == {"dataset": "eta_v1"}


def test_no_json_is_no_answer() -> None:
    assert answer("") is None
    assert answer("0 files of 3 tables rewritten.\n") is None
    assert published(None) == {}
    assert failed_runs({"chunks": []}) == failed_steps({"chunks": []}) == []
