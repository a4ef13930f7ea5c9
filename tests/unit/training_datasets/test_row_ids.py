import re
from pathlib import Path

from lakehouse.settings import load_settings
from training_datasets.row_ids import row_ids


def test_ids_are_the_same_in_every_build_and_of_one_dataset_only(tmp_path: Path) -> None:
    settings = load_settings({"ROADSIDE_HOME": str(tmp_path)})
    one, again, other = (row_ids(settings, name) for name in ("eta_v1", "eta_v1", "eta_v2"))
    assert one.row("J1#3") == again.row("J1#3")
    told = {one.row("J1#3"), one.row("J2#1"), one.group("J1#3"), other.row("J1#3"), other.group("J1#3")}
    assert len(told) == 5
    assert all(re.fullmatch("[0-9a-f]{24}", each) for each in told)


def test_another_vault_gives_other_ids(tmp_path: Path) -> None:
    homes = [load_settings({"ROADSIDE_HOME": str(tmp_path / name)}) for name in ("one", "other")]
    assert len({row_ids(home, "eta_v1").row("J1#3") for home in homes}) == 2
