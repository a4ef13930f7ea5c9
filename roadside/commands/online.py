"""Commands around Redis: write the views, read a service, start and stop the private server."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roadside.installation import settings_here
from roadside.rendering import notice, print_json, print_table, say
from roadside.time_ranges import tick_of
from validation.clocks import EASTERN, TICK_DELAY, business_day_start
from validation.errors import InputMissing, UnknownName, Unreachable, UserError

if TYPE_CHECKING:
    from lakehouse.feast_edge import OnlineCell
    from lakehouse.settings import Settings
    from roadside.materialization import Written

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def materialize(
    view: Annotated[list[str] | None, typer.Option(help="One view; repeatable. Default: all.")] = None,
    until: Annotated[
        str | None, typer.Option(help="Last tick to write; or `now`. Default: the last one made.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write a whole time to live again.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be written.")] = False,
) -> None:
    """Write the feature views to Redis, from where the last writing ended."""
    settings = settings_here()
    require_ledger(settings)
    end = tick_of(until, "--until") if until else None
    from roadside.materialization import spans_due, view_names

    names = view_names(view or ())
    if dry_run:
        spans = spans_due(settings, names, end, served=_markers_here(settings), force=force)
        print_table(
            ("view", "would write ticks"), [(each, span or "nothing") for each, span in spans.items()]
        )
        say("Dry run: nothing was written.")
        return
    write_views(settings, until=end, names=names, force=force)


def _markers_here(settings: Settings) -> dict[str, datetime] | None:
    """What the Redis that serves says of the views; None where none answers, and said so."""
    from lakehouse import feast_edge
    from roadside.online_state import markers
    from roadside.redis_standing import require_redis

    try:
        require_redis(settings)
        return markers(feast_edge.feature_store(settings))
    except Unreachable as error:
        notice(f"{error.what} What is due is told by the run ledger alone.")
        return None


def write_views(
    settings: Settings, until: datetime | None = None, names: list[str] | None = None, *, force: bool = False
) -> list[Written]:
    """Start the private Redis if need be, register the definitions once, and write the views."""
    from lakehouse.redis_server import ensure_redis
    from roadside.feast_registry import open_store
    from roadside.materialization import materialize as write
    from roadside.materialization import spans_due, view_names
    from roadside.online_state import keep_reads
    from roadside.spark_runner import open_spark

    names = names or view_names()
    spans_due(settings, names, until, force=force)
    ensure_redis(settings)
    store = open_store(settings)
    open_spark(settings)
    written = write(settings, store, names, until, force=force, heard=_tell_written)
    keep_reads(settings, store)
    return written


def _tell_written(written: Written) -> None:
    through = f"through {written.through:%Y-%m-%dT%H:%MZ}" if written.through else ""
    notice(f"{'online.' + written.view:<34} {written.status} {through} {written.seconds:7.1f} s")


def get(
    service: Annotated[str, typer.Argument(help="A feature service, eta_v1 say.")],
    keys: Annotated[
        list[str], typer.Argument(metavar="KEY=VALUE...", help="Keys of the service, fields of the request.")
    ],
    purpose: Annotated[str, typer.Option(help="What it is read for, for the access log.")] = "look",
    as_json: AsJson = False,
) -> None:
    """Read what Redis serves now of a feature service, for one set of keys.

    Each feature comes with its status (present, null_value, not_found, outside_max_age) and the tick it
    came from. A service with on-demand features is asked with a request: job_latitude=37.8 and so on; a field
    that is not given is null.
    """
    row = _keys(keys)
    settings = settings_here()
    from roadside.redis_standing import require_redis

    require_redis(settings)
    from feast_plugins.read_log import reading
    from lakehouse import feast_edge

    store = feast_edge.feature_store(settings)
    known = {each.name: each for each in store.list_feature_services()}
    asked: dict[str, Any] = dict(row)
    if service in known:
        request = feast_edge.request_types(store, known[service])
        wanted = [*feast_edge.join_keys(store, known[service]), *request]
        for name in row:
            if name not in wanted:
                raise UnknownName(f"key of {service}", name, wanted)
        stated = {name: feast_edge.stated(name, row[name], request[name]) for name in row if name in request}
        asked = dict.fromkeys(request) | asked | stated
    with reading(principal=settings.principal, purpose=purpose):
        (cells,) = feast_edge.online_cells(store, service, [asked])
    if as_json:
        print_json(row | {f"{cell.view}__{cell.feature}": cell for cell in cells})
        return
    print_features(row, cells)


def print_features(row: dict[str, str], cells: Sequence[OnlineCell]) -> None:
    """One online row as a table: a line per feature, with its status and the tick it came from."""
    print_table(
        ("view", "feature", "value", "status", "tick"),
        [
            (
                cell.view,
                cell.feature,
                cell.value,
                cell.status.lower(),
                tick_behind(cell.view, cell.available_at),
            )
            for cell in cells
        ],
        ", ".join(f"{k}={v}" for k, v in row.items()),
        ["value"],
    )
    if all(cell.value is None for cell in cells):
        say("Every feature is null: the keys are unknown, or nothing of them is within its time to live.")


def tick_behind(view: str, available_at: datetime | None) -> datetime | None:
    """The tick, or the business-day cut, whose values could be read from then on.

    >>> from datetime import UTC
    >>> print(tick_behind("zone_demand_15m", datetime(2026, 3, 10, 18, 5, tzinfo=UTC)))
    2026-03-10 18:00:00+00:00
    >>> print(tick_behind("area_hour_1d", datetime(2026, 3, 10, 10, 0, tzinfo=UTC)))
    2026-03-10 07:00:00+00:00
    """
    if available_at is None:
        return None
    if view.endswith("_1d"):
        return business_day_start(available_at.astimezone(EASTERN).date())
    return available_at - TICK_DELAY


def _keys(texts: list[str]) -> dict[str, str]:
    wrong = [text for text in texts if not text.partition("=")[0] or not text.partition("=")[2]]
    if wrong:
        raise UserError(f"'{wrong[0]}' is no KEY=VALUE.", "Write provider_id=P1 incident_zone_id=8728...")
    return dict(text.split("=", 1) for text in texts)


def start_redis() -> None:
    """Start the private Redis, unless it runs or ROADSIDE_REDIS names another."""
    from lakehouse.redis_server import ensure_redis

    say(f"Redis runs at {ensure_redis(settings_here())}.")


def stop_redis() -> None:
    """Stop the private Redis; it saves its data first."""
    from lakehouse.redis_server import stop_redis as stop

    settings = settings_here()
    if settings.redis is not None:
        raise UserError("ROADSIDE_REDIS names a Redis that is not ours to stop.", "Stop it where it runs.")
    say("The private Redis has ended." if stop(settings) else "No private Redis was running.")


def require_ledger(settings: Settings) -> None:
    """Nothing, where something was made.

    Raises:
        InputMissing: nothing was.
    """
    from lakehouse.ops import Ops

    if not Ops(settings.ops_url).is_there():
        raise InputMissing(
            f"Nothing was made in {settings.home} yet.", "Run `roadside run --start DAY --end DAY` first."
        )
