"""FACTS P14: of updates that processes make to one registry file at a time some are lost; SQL keeps each."""

from __future__ import annotations

import multiprocessing

import pytest
import yaml

from lakehouse.feast_cli import FEATURE_REPO
from support.registry_writer import store_of, write

pytestmark = pytest.mark.filterwarnings("ignore")  # Feast's own
PROCESSES, UPDATES = 4, 10


@pytest.fixture(scope="module")
def surviving(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """How many of the 40 updates are in the end in a registry file, and in the registry of our repository."""
    folder = str(tmp_path_factory.mktemp("registries"))
    configured = yaml.safe_load((FEATURE_REPO / "feature_store.yaml").read_text())["registry"]
    registries = {
        "file": {"registry_type": "file", "path": f"{folder}/registry.pb"},
        "ours": configured | {"path": f"sqlite:///{folder}/registry.db"},
    }
    for registry in registries.values():
        store_of(folder, registry).apply([])  # it is there before they begin
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["feast"])  # imported once
    together = context.Barrier(PROCESSES)
    writers = [
        context.Process(target=write, args=(number, UPDATES, folder, registries, together))
        for number in range(PROCESSES)
    ]
    for each in writers:
        each.start()
    for each in writers:
        each.join(120)
    assert [each.exitcode for each in writers] == [0] * PROCESSES
    return {
        name: sum(each.name.startswith("of_") for each in store_of(folder, registry).list_entities())
        for name, registry in registries.items()
    }


def test_p14_a_registry_file_loses_updates_of_processes_that_write_at_once(
    surviving: dict[str, int],
) -> None:
    assert surviving["file"] < PROCESSES * UPDATES


def test_p14_the_registry_of_our_repository_keeps_every_update(surviving: dict[str, int]) -> None:
    assert surviving["ours"] == PROCESSES * UPDATES


@pytest.mark.parametrize("name", ["feature_store.yaml", "feature_store.aws.yaml"])
def test_p14_no_repository_of_ours_has_a_registry_file(name: str) -> None:
    configured = yaml.safe_load((FEATURE_REPO / name).read_text())["registry"]
    assert configured["registry_type"] == "sql"
