"""Commands of the workshop: settings, Feast's own line, compaction, documentation."""

from __future__ import annotations

import os
import re
import shlex
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Annotated

import typer

from lakehouse.settings import VARIABLES, load_settings, masked, unknown_variables
from roadside.failures import tell
from roadside.installation import completed, java, java_version, settings_here
from roadside.rendering import counted, notice, print_json, print_table, say
from validation.contracts import TABLES, table_named
from validation.errors import RoadsideError, SettingError, UserError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from lakehouse.settings import Settings
    from validation.contract import Table

PACKAGES = ("pyspark", "feast", "pyiceberg", "pyarrow", "pandas", "duckdb", "redis", "h3", "pandera")
OF_THE_DAGS = re.compile(r"ROADSIDE_(RUNS_ON|PROGRAM|EMR_\w+|ALERT_URL|DEADLINE_ALERTS)")
"""Read by airflow/dags/road_commands.py, which imports nothing of ours."""
_WRITES_ONLINE = {"materialize", "materialize-incremental", "serve", "get-online-features", "ui"}

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def env_check(as_json: AsJson = False) -> None:
    """Every setting, what Spark and Redis find, and every problem at once: then exit code 2."""
    environ = completed(os.environ)
    problems = [
        f"{name} is read by nothing." + (f" Did you mean {near}?" if near else "")
        for name, near in unknown_variables(environ).items()
        if not OF_THE_DAGS.fullmatch(name)
    ]
    settings: Settings | None = None
    try:
        settings = load_settings(environ)
    except SettingError as error:
        problems += [line.removeprefix("- ") for line in error.what.splitlines()[1:]]
    found = _found(settings, problems)
    values = settings.environment() if settings else {}
    variables = [
        {
            "name": variable.name,
            "value": masked(values.get(variable.name) or environ.get(variable.name, "")),
            "is_set": bool(os.environ.get(variable.name)),
            "meaning": variable.meaning,
        }
        for variable in VARIABLES
    ]
    if as_json:
        print_json({"variables": variables, "found": found, "problems": problems})
    else:
        print_table(
            ("variable", "value", "from", "meaning"),
            [
                (each["name"], each["value"], "environment" if each["is_set"] else "default", each["meaning"])
                for each in variables
            ],
        )
        print_table(("needs", "found"), found.items())
        say("No problem found." if not problems else f"{counted(len(problems), 'problem')}:",
            "bold red" if problems else "green")  # fmt: skip
        for problem in problems:
            say(f"  - {problem}")
    raise typer.Exit(2 if problems else 0)


def _found(settings: Settings | None, problems: list[str]) -> dict[str, str]:
    """What is installed and answers; what is missing is added to the problems."""
    found = {"python": sys.version.split()[0]}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            problems.append(f"The Python package {package} is not installed: run `make setup`.")
    program = java()
    found["java"] = f"{program}: {java_version(program)}" if program else ""
    if program is None:
        problems.append("There is no Java; Spark needs 17 or 21. `make setup` installs it or says how.")
    if settings is None:
        return found
    jars = sorted(jar.name for jar in settings.jars_dir.glob("*.jar"))
    found["jars"] = ", ".join(jars)
    for wanted in ("iceberg-spark-runtime", "sqlite-jdbc"):
        if not any(wanted in jar for jar in jars):
            problems.append(f"ROADSIDE_JARS_DIR {settings.jars_dir} lacks {wanted}: run `make setup`.")
    found["redis server"] = _redis(settings, problems)
    folder = next((each for each in (settings.home, *settings.home.parents) if each.exists()), settings.home)
    if not os.access(folder, os.W_OK):
        problems.append(f"ROADSIDE_HOME {settings.home} cannot be written.")
    return found


def _redis(settings: Settings, problems: list[str]) -> str:
    from roadside.redis_standing import redis_found

    answer, problem = redis_found(settings)
    if problem:
        problems.append(problem)
    return answer


def env_export() -> None:
    """Shell lines that set the environment for plain `feast` commands; they may hold passwords."""
    from lakehouse.feast_cli import feature_store_file

    environ = completed(os.environ)
    settings = load_settings(environ)
    lines = {name: value for name, value in settings.environment().items() if value}
    lines["FEAST_FS_YAML_FILE_PATH"] = str(feature_store_file(settings))
    lines |= {"PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable, "TZ": "UTC"}
    if environ.get("JAVA_HOME"):
        lines["JAVA_HOME"] = environ["JAVA_HOME"]
    for name, value in lines.items():
        say(f"export {name}={shlex.quote(value)}")


def feast(context: typer.Context) -> None:
    """Feast's own command line over feature_repo/, with the environment set."""
    settings = settings_here()
    from lakehouse.feast_cli import feast_command, feast_environment
    from lakehouse.scratch import scratch_folder

    if _WRITES_ONLINE & set(context.args):
        from lakehouse.redis_server import ensure_redis

        ensure_redis(settings)
    if settings.is_embedded:
        scratch_folder(settings.home)  # Feast's own Spark store would leave it open to others
    command = [*feast_command(settings), *context.args]
    os.execvpe(command[0], command, completed(feast_environment(settings)))  # its signals and exit code


def compact(
    table: Annotated[list[str] | None, typer.Option(help="One table; repeatable. Default: all.")] = None,
    before: Annotated[
        str | None, typer.Option(help="Only days before this one. Default: the last closed tick's day.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be compacted.")] = False,
) -> None:
    """Rewrite small files of closed days, and expire old snapshots. Rows and digests stay.

    What dead runs left goes too: their branches, and once a day files that no snapshot names.

    A table that others work on, or that is broken, keeps none of the others back.
    """
    from lakehouse.ops import Ops
    from roadside.retention import closed_by_source
    from roadside.standing import has_ops
    from validation.clocks import known_date, parse_day

    wanted = [table_named(name) for name in table or ()] or list(TABLES)
    asked = parse_day(before, "--before") if before else None
    settings = settings_here()
    closed = closed_by_source(Ops(settings.ops_url)) if has_ops(settings) else {}
    if not closed:
        raise UserError("Nothing has been ingested yet.", "Run `roadside run --start DAY --end DAY` first.")
    open_day = known_date(max(closed.values()))
    day = asked or open_day
    if day > open_day:
        raise UserError(
            f"--before {day} would touch {open_day}, a day that is still open.",
            f"Only closed days are compacted: --before {open_day} at the latest.",
        )
    if dry_run:
        say(f"Dry run: days before {day} of {counted(len(wanted), 'table')} would be compacted.")
        return
    raise typer.Exit(_compact(settings, wanted, day))


def _compact(settings: Settings, wanted: Sequence[Table], before: date) -> int:
    """Each table compacted, whatever becomes of the others; the greatest exit code.

    Raises what nobody foresaw, the first of it, once every table was asked.
    """
    from datetime import UTC, datetime

    from lakehouse.branches import Moved
    from roadside.run_listeners import heard_of
    from roadside.spark_runner import open_runner
    from roadside.table_maintenance import Maintenance

    runner = open_runner(settings)
    maintenance = Maintenance(
        runner.lakehouse, runner.ops, lambda: datetime.now(UTC), heard=heard_of(settings)
    )
    rewritten: dict[str, int] = {}
    codes, unforeseen = [0], list[Exception]()
    for each in wanted:
        try:
            if not runner.lakehouse.exists(each):
                continue
            rewritten[each.name] = maintenance.compact(each, before)
        except Moved:
            notice(f"{each.name:<34} replaced meanwhile; the next compaction takes it", "yellow")
        except RoadsideError as error:
            codes.append(tell(error))
        except Exception as error:
            unforeseen.append(error)
            notice(f"{each.name:<34} {type(error).__name__}: not foreseen; the others go on", "bold red")
        else:
            notice(f"{each.name:<34} {rewritten[each.name]:>5} files rewritten", "dim")
    say(f"{counted(sum(rewritten.values()), 'file')} of {counted(len(rewritten), 'table')} rewritten.")
    if unforeseen:
        raise unforeseen[0]
    return max(codes)


def docs(
    check: Annotated[bool, typer.Option("--check", help="Only say which pages are stale; exit 1.")] = False,
) -> None:
    """Write docs/tables/, docs/declared.json and airflow/dags/road.json anew from the contracts."""
    from roadside import dag_road, declared
    from validation.table_docs import DOCS, stale_pages, write_pages

    names = [f"docs/tables/{name}" for name in (stale_pages() if check else write_pages())]
    if declared.is_stale() if check else declared.write():
        names.append(str(declared.PLACE))
    if dag_road.is_stale() if check else dag_road.write():
        names.append(str(dag_road.PLACE))
    for name in names:
        say(f"{name} {'is stale' if check else 'written'}")
    if not names:
        say(f"Every page of {DOCS} is current, and so are {declared.DECLARED} and {dag_road.PLACE}.")
    if check and names:
        notice("Run `roadside docs`.")
        raise typer.Exit(1)
