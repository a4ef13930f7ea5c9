"""What `make setup` put beside the code, found when the environment does not name it.

After `source .venv/bin/activate` nothing says where Spark's jars or Java are; the project does.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from lakehouse.settings import Settings, load_settings
from validation.errors import SettingError

PROJECT = Path(__file__).resolve().parents[1]
TOOLS = PROJECT / ".tools"


def settings_here(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process, with the jars of `make setup` when none are named.

    Raises:
        SettingError: as `load_settings`.
    """
    return load_settings(completed(os.environ if environ is None else environ))


def completed(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment, with ROADSIDE_JARS_DIR and JAVA_HOME as `make setup` left them if unset."""
    found = {"ROADSIDE_JARS_DIR": str(TOOLS / "jars"), "JAVA_HOME": _java_home_of_setup()}
    return dict(environ) | {
        name: value
        for name, value in found.items()
        if not environ.get(name) and value and Path(value).is_dir()
    }


def java() -> Path | None:
    """The Java that Spark starts: JAVA_HOME's, else the one `make setup` found, else the PATH's."""
    home = completed(os.environ).get("JAVA_HOME")
    named = shutil.which(str(Path(home) / "bin" / "java")) if home else None
    found = named or shutil.which("java")
    return Path(found) if found else None


def java_version(program: Path) -> str:
    """Its own first line, such as `openjdk version "17.0.15" 2025-04-15`."""
    answer = subprocess.run([str(program), "-version"], capture_output=True, text=True, check=False)
    return next(iter((answer.stderr or answer.stdout).splitlines()), "does not start")


def require_spark(settings: Settings) -> None:
    """Refuse to start Spark where it cannot start, and let it find its Java.

    Raises:
        SettingError: there is no Java, or no jars; both are named.
    """
    problems = []
    program = java()
    if program is None:
        problems.append("There is no Java: JAVA_HOME is not set and no java is on the PATH.")
    if not any(settings.jars_dir.glob("*.jar")):
        problems.append(f"ROADSIDE_JARS_DIR {settings.jars_dir} holds no jars.")
    if problems:
        raise SettingError(
            "Spark cannot start:\n- " + "\n- ".join(problems),
            "Run `make setup`, which installs both; `roadside env check` shows what is found.",
        )
    os.environ["JAVA_HOME"] = completed(os.environ).get("JAVA_HOME", "") or str(
        Path(os.path.realpath(str(program))).parents[1]
    )


def _java_home_of_setup() -> str:
    try:
        return (TOOLS / "java_home").read_text().strip()
    except OSError:
        return ""
