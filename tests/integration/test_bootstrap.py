"""`scripts/bootstrap` on a machine that lacks something: it says what, and what installs it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from support.airflow_home import ROOT

PROGRAMS = ("bash", "cat", "cksum", "cut", "dirname", "grep", "head", "id", "ls", "mkdir", "rm", "sort", "wc")
KEYED = (
    "uv.lock",
    "pyproject.toml",
    "scripts/bootstrap",
    "scripts/fetch_jars.py",
    "scripts/class_archive.py",
    "scripts/spark_jars.txt",
)


def set_up(folder: Path) -> dict[str, str]:
    """A folder that was set up once, without Airflow, on a machine that since lost uv; its environment."""
    for name in KEYED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    programs = folder / "bin"
    for place in (programs, folder / ".venv/bin", folder / ".tools/jars", folder / "java/bin"):
        place.mkdir(parents=True)
    for name in PROGRAMS:
        (programs / name).symlink_to(str(shutil.which(name)))
    for name in (".venv/bin/python", "java/bin/java"):
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    jars = [
        line for line in (ROOT / "scripts/spark_jars.txt").read_text().splitlines() if line[:1] not in "#"
    ]
    for n, _ in enumerate(jars):
        (folder / ".tools/jars" / f"{n}.jar").touch()
    (folder / ".tools/java_home").write_text(f"{folder}/java\n")
    environment = {"PATH": str(programs)}
    key = subprocess.run(
        ["bash", "-c", f"{{ pwd; cat {' '.join(KEYED)}; }} | cksum"],
        cwd=folder, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    (folder / ".tools/ready").write_text(key.stdout)
    return environment


def bootstrap(folder: Path, environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "scripts/bootstrap", *words],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_what_is_set_up_is_left_alone(tmp_path: Path) -> None:
    done = bootstrap(tmp_path, set_up(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_airflow_without_uv_is_told_what_installs_it(tmp_path: Path) -> None:
    done = bootstrap(tmp_path, set_up(tmp_path), "airflow")
    assert done.returncode == 1
    assert "something is missing that you must install" in done.stderr
    assert "uv 0.9 or newer, or a Python that can make a virtual environment" in done.stderr
    assert "could not install Airflow" not in done.stderr
