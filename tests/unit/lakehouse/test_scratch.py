"""Scratch is closed to others, and goes with whoever wrote it, not before."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lakehouse.processes import Process, lives, this_process
from lakehouse.scratch import JAVA_OPTIONS, LOCAL_DIR, clear_scratch, in_own_scratch, scratch_folder
from validation.errors import SettingError

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


def left(root: Path, name: str, *, hours: float = 0) -> Path:
    """A folder of that name that holds a shuffle's file, last written so long before NOW."""
    file = root / name / "blockmgr-1" / "0c" / "shuffle_0_1_0.data"
    file.parent.mkdir(parents=True)
    file.write_text("44.8378 -0.5792")
    at = (NOW - timedelta(hours=hours)).timestamp()
    for path in (file, *file.parents[:3]):
        os.utime(path, (at, at))
    return root / name


def mode(path: Path) -> str:
    return f"{path.stat().st_mode & 0o777:o}"


def a_dead_process() -> Process:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    found = replace(this_process(), pid=child.pid, started="when it began")
    child.kill()
    child.communicate()
    return found


def test_a_folder_s_name_tells_whether_its_process_lives() -> None:
    own = this_process()
    assert lives(own.folder_name) is True
    assert lives(replace(own, started="an earlier boot:1").folder_name) is False
    assert lives(a_dead_process().folder_name) is False
    assert lives(replace(own, host="elsewhere-2").folder_name) is None
    assert lives("blockmgr-048a9434-1758-4eea-94c4-2bde9f7597e5") is None
    assert lives("spark") is None


def test_a_process_has_a_closed_folder_for_spark_and_for_the_jvm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARK_LOCAL_DIRS", "/var/tmp")
    root = tmp_path / "a home" / "scratch"
    root.mkdir(parents=True, mode=0o755)
    options = in_own_scratch({LOCAL_DIR: str(root), JAVA_OPTIONS: "-Xss4m", "spark.master": "local[1]"})
    own = root / this_process().folder_name
    assert options == {
        LOCAL_DIR: str(own),
        JAVA_OPTIONS: f'-Xss4m "-Djava.io.tmpdir={own}"',
        "spark.master": "local[1]",
    }
    assert (mode(root), mode(own)) == ("700", "700")
    assert "SPARK_LOCAL_DIRS" not in os.environ, "Spark would have its scratch there"


def test_spark_would_take_a_folder_with_a_comma_for_two(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"takes .*/a,b/scratch for several folders"):
        in_own_scratch({LOCAL_DIR: str(tmp_path / "a,b" / "scratch")})


def test_where_it_cannot_have_scratch_spark_does_not_begin(tmp_path: Path) -> None:
    (tmp_path / "scratch").write_text("not a folder")
    with pytest.raises(SettingError, match=r"cannot have its scratch in .*FileExistsError"):
        in_own_scratch({LOCAL_DIR: str(tmp_path / "scratch")})


def test_scratch_of_the_dead_goes_and_of_the_living_stays(tmp_path: Path) -> None:
    root = scratch_folder(tmp_path)
    dead = left(root, a_dead_process().folder_name)
    alive = left(root, this_process().folder_name, hours=700)
    clear_scratch(root, NOW)
    assert (dead.exists(), alive.exists()) == (False, True)


@pytest.mark.parametrize("name", ["elsewhere-7-0123456789abcdef", "blockmgr-048a9434-1758"])
def test_of_whom_nobody_here_can_see_die_goes_what_was_not_written_to_for_a_day(
    tmp_path: Path, name: str
) -> None:
    root = scratch_folder(tmp_path)
    folder = left(root, name, hours=25)
    file = next(folder.rglob("*.data"))
    os.utime(file, (NOW.timestamp() - 60, NOW.timestamp() - 60))
    clear_scratch(root, NOW)
    assert folder.exists(), "a file deep in it is a minute old"
    os.utime(file, (NOW.timestamp() - 25 * 3600, NOW.timestamp() - 25 * 3600))
    clear_scratch(root, NOW)
    assert not folder.exists()
