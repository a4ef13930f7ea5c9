"""`roadside plan`, over a scratch repository that holds what the code declares, or less."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from roadside import declared
from roadside.commands import plan
from support.declarations import put, real
from validation.errors import CheckFailed

ADDED = "views/provider_activity_15m/features/response_seconds_p50_24h"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], None]:
    """Commits the description as the released one of a scratch repository, which stands for the project."""
    monkeypatch.setattr(plan, "PROJECT", tmp_path / "checkout")
    monkeypatch.setattr(declared, "declared", real)
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)

    def release(told: dict[str, Any]) -> None:
        path = tmp_path / "checkout" / declared.PLACE
        path.parent.mkdir(parents=True)
        path.write_text(declared.text_of(told))
        who = ("-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
        for words in (("init", "-q", "-b", "main"), ("add", "."), (*who, "commit", "-q", "-m", "released")):
            subprocess.run(["git", *words], cwd=tmp_path / "checkout", check=True, capture_output=True)

    return release


def test_what_is_declared_as_it_was_released_exits_0(project: Callable, run: Callable) -> None:
    project(real())
    answer = run("plan")
    assert (answer.code, answer.out) == (0, "Against what was committed: nothing is declared otherwise.\n")


def test_an_edited_service_is_breaking_named_and_exits_3(project: Callable, run: Callable) -> None:
    columns = real()["services"]["eta_v1"]["columns"]
    project(put(real(), "services/eta_v1/columns", columns[:-1]))
    answer = run("plan")
    assert answer.code == CheckFailed.exit_code == 3
    assert "1 breaking, 0 shadow, 0 compatible" in answer.out
    assert "columns + incident_area_service_1d__goa_ratio_28d double" in answer.out
    assert "add the next version" in " ".join(answer.out.split())
    assert "ML.ETA_V1" in answer.out
    said = json.loads(run("plan", "--against", "HEAD", "--json").out)
    assert [(each["class"], each["kind"], each["name"]) for each in said["changes"]] == [
        ("breaking", "service", "eta_v1")
    ]
    assert (said["touched"]["services"], said["touched"]["datasets"]) == (["eta_v1"], ["eta_v1"])
    assert said["recompute"] is None


def test_an_edited_dataset_is_breaking(project: Callable, run: Callable) -> None:
    project(put(real(), "datasets/matching_acceptance_v1/filters", []))
    answer = run("plan", "--json")
    assert answer.code == 3
    assert json.loads(answer.out)["touched"]["datasets"] == ["matching_acceptance_v1"]


def test_a_home_without_a_ledger_is_said_and_is_no_error(project: Callable, run: Callable) -> None:
    told = real()["tables"]["silver.offers"]["columns"]
    project(
        put(real(), "tables/silver.offers/columns", {k: v for k, v in told.items() if k != "reason_code"})
    )
    answer = run("plan")
    assert answer.code == 0
    assert "It touches nobody who reads today." in answer.out
    assert "this home has no ledger of runs" in answer.out


def test_an_unknown_revision_exits_2(project: Callable, run: Callable) -> None:
    project(real())
    answer = run("plan", "--against", "v9")
    assert answer.code == 2
    assert "There is no file or revision named 'v9'" in answer.err


def test_help_shows_examples(run: Callable) -> None:
    assert "roadside plan --against main --json" in run("plan", "--help").out
