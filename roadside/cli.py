"""`roadside`: everything a user types. Each command imports what it needs when it runs.

Exit codes: 0 done; 1 something due is missing; 2 yours to mend (a name, a date, a setting); 3 a
check failed; 4 busy; 5 refused; 6 unreachable; 70 ours to fix. The tree is in `validation.errors`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from roadside.commands import (
    backfill,
    contracts,
    datasets,
    demo,
    features,
    freshness,
    landing,
    lineage,
    online,
    plan,
    promise,
    publish,
    quality,
    quarantine,
    retention,
    road,
    runs,
    skew,
    standing,
    upkeep,
)
from roadside.failures import INTERRUPTED, tell, tell_interrupted, tell_unexpected
from validation.errors import RoadsideError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes: 0 done, 1 something due is missing, 2 yours to mend, 3 a check failed, 4 busy, "
    "5 refused, 6 unreachable, 70 ours to fix.",
)
_FEATURE = typer.Typer(no_args_is_help=True, help="The catalogue of features: list, show, preview.")
_DATASET = typer.Typer(
    no_args_is_help=True, help="Training datasets: build, rebuild, list, show, card, diff, leaks, spine."
)
_ONLINE = typer.Typer(no_args_is_help=True, help="Read what Redis serves.")
_QUALITY = typer.Typer(
    no_args_is_help=True,
    help="Checks of data: what alarmed or drifted; accept or refuse it on record; a page of it all.",
)
_PROMISE = typer.Typer()
_CONTRACTS = typer.Typer(no_args_is_help=True, help="Contracts of sources: infer what a feed became.")
_QUARANTINE = typer.Typer(no_args_is_help=True, help="Refused lines: list, show, replay, settle.")
_RUNS = typer.Typer(help="What ran over which interval, with which code, and how it ended: list, show.")
_ENV = typer.Typer(no_args_is_help=True, help="Settings and what is installed.")
_REDIS = typer.Typer(no_args_is_help=True, help="The private Redis of the embedded platform.")


@app.callback()
def roadside(
    debug: Annotated[
        bool, typer.Option("--debug", help="Print an unforeseen error whole, the values it quotes included.")
    ] = False,
) -> None:
    """Raw roadside feeds in; features that are exactly what was known when they were used, out."""


def _examples(*lines: str) -> str:
    return "\n\n".join(("Examples:" if len(lines) > 1 else "Example:", *(f"  {line}" for line in lines)))


_TRY = "Try it"
_LAND = "Land objects"
_ROAD = "Carry them along the road"
_USE = "Use what is made"
_MIND = "Mind the platform"

app.command("demo", rich_help_panel=_TRY, epilog=_examples("roadside demo"))(demo.demo)

app.command(
    "simulate",
    rich_help_panel=_LAND,
    epilog=_examples(
        "roadside simulate --start 2026-03-01 --days 12 --pings-days 2 --afternoon",
        "roadside simulate --days 1 --providers 400 --jobs-per-day 3000 --ping-seconds 15 --to /tmp/city",
    ),
)(landing.simulate)
app.command(
    "replay",
    rich_help_panel=_LAND,
    epilog=_examples(
        "roadside replay san-francisco --data ~/recorded --start 2018-05-19 --end 2018-05-22",
        "roadside replay canberra --data ~/recorded --dry-run",
    ),
)(landing.replay)

app.command(
    "run",
    rich_help_panel=_ROAD,
    epilog=_examples(
        "roadside run --start 2026-03-01 --end 2026-03-13",
        "roadside run --start 2026-03-01 --end 2026-04-01 --chunk-days 7",
        "roadside run --start 2026-03-10T17:00Z --end 2026-03-10T17:15Z --force",
    ),
)(road.run)
app.command(
    "tick",
    rich_help_panel=_ROAD,
    epilog=_examples("roadside tick --until now", "roadside tick --until 2026-03-10T18:00Z --no-online"),
)(road.tick)
app.command(
    "ingest",
    rich_help_panel=_ROAD,
    epilog=_examples(
        "roadside ingest --start 2026-03-01 --end 2026-03-02",
        "roadside ingest --start 2026-03-01 --end 2026-03-02 --source gps_pings --dry-run",
        "roadside ingest --start 2026-03-10T17:00Z --end 2026-03-10T17:15Z --look-back-hours 96",
    ),
)(road.ingest)
app.command(
    "build",
    rich_help_panel=_ROAD,
    epilog=_examples(
        "roadside build --start 2026-03-01 --end 2026-03-02",
        "roadside build --start 2026-03-01 --end 2026-03-08 --table features.zone_demand_15m --force",
    ),
)(road.build)
app.command(
    "backfill",
    rich_help_panel=_ROAD,
    epilog=_examples(
        "roadside backfill --from 2026-03-01 --to 2026-04-01 --deadline 36h",
        "roadside backfill --from 2026-03-01 --to 2026-04-01 --view zone_demand_15m --keep-bronze --json",
        "roadside backfill --from 2026-03-01 --to 2026-04-01 --chunk-days 7 --execute --stop-after 2h",
    ),
)(backfill.backfill)
app.command(
    "materialize",
    rich_help_panel=_ROAD,
    epilog=_examples("roadside materialize", "roadside materialize --until 2026-03-10T18:00Z --dry-run"),
)(online.materialize)

_FEATURE.command("list", epilog=_examples("roadside feature list", "roadside feature list --matrix --json"))(
    features.list_features
)
_FEATURE.command(
    "show",
    epilog=_examples(
        "roadside feature show zone_demand_15m",
        "roadside feature show provider_activity_15m.offer_accept_ratio_4h --json",
    ),
)(features.show)
_FEATURE.command(
    "preview",
    epilog=_examples(
        "roadside feature preview zone_supply_15m",
        "roadside feature preview provider_activity_15m --key provider_id=P1 --at 2026-03-10T18:00Z",
    ),
)(features.preview)
app.add_typer(_FEATURE, name="feature", rich_help_panel=_USE)
_DATASET.command(
    "build",
    epilog=_examples(
        "roadside dataset build eta_v1 --start 2026-03-10 --end 2026-03-11",
        "roadside dataset build eta_v1 --start 2026-03-01 --end 2026-03-08 --force",
    ),
)(datasets.build)
_DATASET.command(
    "rebuild",
    epilog=_examples(
        "roadside dataset rebuild eta_v1 --verify",
        "roadside dataset rebuild eta_v1 --verify --start 2026-03-10 --end 2026-03-11 --json",
    ),
)(datasets.rebuild)
_DATASET.command(
    "leaks", epilog=_examples("roadside dataset leaks eta_v1 --start 2026-03-10 --end 2026-03-11")
)(datasets.leaks)
_DATASET.command("spine", epilog=_examples("roadside dataset spine matching_acceptance_v1 --day 2026-03-10"))(
    datasets.spine
)
_DATASET.command("list", epilog=_examples("roadside dataset list --json"))(datasets.list_datasets)
_DATASET.command("show", epilog=_examples("roadside dataset show eta_v1"))(datasets.show)
_DATASET.command(
    "card",
    epilog=_examples(
        "roadside dataset card eta_v1",
        "roadside dataset card eta_v1 --through 2026-03-31 --out /tmp/eta_v1.html",
    ),
)(datasets.card)
_DATASET.command(
    "diff",
    epilog=_examples(
        "roadside dataset diff eta_v1@1 eta_v1@2",
        "roadside dataset diff eta_v1@2026-03-10 /mnt/copy/eta_v1@2026-03-10 --json",
    ),
)(datasets.diff)
app.add_typer(_DATASET, name="dataset", rich_help_panel=_USE)
app.command(
    "publish",
    rich_help_panel=_USE,
    epilog=_examples(
        "roadside publish eta_v1 --dry-run",
        "roadside publish eta_v1 features.provider_activity_15m --to snowflake",
        "roadside publish --all --to s3 --json",
    ),
)(publish.publish)
_ONLINE.command(
    "get",
    epilog=_examples(
        "roadside online get eta_v1 provider_id=P1 incident_zone_id=87288439cffffff "
        "incident_area_id=86288439fffffff service_type=tow --json",
        "roadside online get matching_acceptance_v1 provider_id=P1 incident_zone_id=87288439cffffff "
        "incident_area_id=86288439fffffff service_type=tow local_hour_of_week=38 job_latitude=37.8 "
        "job_longitude=-122.27 job_needs_tow=yes job_decision_at=2026-03-10T18:56Z",
    ),
)(online.get)
app.add_typer(_ONLINE, name="online", rich_help_panel=_USE)
app.command(
    "feast",
    rich_help_panel=_USE,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    epilog=_examples(
        "roadside feast feature-views list", "roadside feast plan", "roadside feast serve --port 6566"
    ),
)(upkeep.feast)

app.command(
    "status",
    rich_help_panel=_MIND,
    epilog=_examples("roadside status", "roadside status --at now --json"),
)(standing.status)
_RUNS.callback(
    invoke_without_command=True,
    epilog=_examples(
        "roadside runs --status failed",
        "roadside runs --table silver.offers --start 2026-03-10 --end 2026-03-11",
        "roadside runs --since 2026-03-12T05:00Z --limit 200 --json",
        "roadside runs show 3f9a0c12d4e5",
    ),
)(runs.list_runs)
_RUNS.command(
    "show", epilog=_examples("roadside runs show 3f9a0c12d4e5", "roadside runs show 3f9a0c12d4e5 --json")
)(runs.show)
app.add_typer(_RUNS, name="runs", rich_help_panel=_MIND)
app.command(
    "freshness",
    rich_help_panel=_MIND,
    epilog=_examples(
        "roadside freshness",
        "roadside freshness --at now --json",
        "roadside freshness --view zone_demand_15m --budget online=2 --budget hold=60",
        "roadside freshness --at now --layer source --layer bronze --no-online",
    ),
)(freshness.freshness)
_PROMISE.callback(
    invoke_without_command=True,
    epilog=_examples(
        "roadside promise", "roadside promise --at now --json", "roadside promise --date 2026-03-11"
    ),
)(promise.promise)
_PROMISE.command(
    "check",
    epilog=_examples(
        "roadside promise check --at now",
        "roadside promise check --date 2026-03-10 --json",
        "roadside promise check --as-if-due --no-publication",
        "roadside promise check --at 2026-03-10T10:00Z --dataset eta_v1 --no-publication",
    ),
)(promise.check)
app.add_typer(_PROMISE, name="promise", rich_help_panel=_MIND)
app.command(
    "skew",
    rich_help_panel=_MIND,
    epilog=_examples(
        "roadside skew eta_v1 --day 2026-03-10",
        "roadside skew matching_acceptance_v1 --day 2026-03-10 --examples 20 --json",
    ),
)(skew.skew)
_CONTRACTS.command(
    "infer",
    epilog=_examples(
        "roadside contracts infer gps_pings",
        "roadside contracts infer dispatch_events --last 6h --json",
        "roadside contracts infer gps_pings --start 2026-03-10T17:00Z --end 2026-03-10T19:00Z "
        "--baseline-start 2026-03-03T17:00Z --baseline-end 2026-03-03T19:00Z",
    ),
)(contracts.infer)
app.add_typer(_CONTRACTS, name="contracts", rich_help_panel=_MIND)
_QUARANTINE.command(
    "list",
    epilog=_examples("roadside quarantine list", "roadside quarantine list --source gps_pings --json"),
)(quarantine.list_waiting)
_QUARANTINE.command(
    "show",
    epilog=_examples(
        "roadside quarantine show dispatch_events --reason wrong_type",
        "roadside quarantine show dispatch_events --limit 1 --open --purpose 'ticket 123'",
    ),
)(quarantine.show)
_QUARANTINE.command(
    "replay",
    epilog=_examples(
        "roadside quarantine replay dispatch_events --dry-run",
        "roadside quarantine replay dispatch_events --reason wrong_type --why 'contract version 2'",
    ),
)(quarantine.replay)
_QUARANTINE.command(
    "settle",
    epilog=_examples(
        "roadside quarantine settle gps_pings --object landing/gps_pings/... --why 'landed again whole'"
    ),
)(quarantine.settle)
app.add_typer(_QUARANTINE, name="quarantine", rich_help_panel=_MIND)
_QUALITY.command(
    "list",
    epilog=_examples(
        "roadside quality list --stopping",
        "roadside quality list --source gps_pings --start 2026-03-10 --end 2026-03-11 --json",
    ),
)(quality.list_findings)
_QUALITY.command(
    "accept",
    epilog=_examples(
        "roadside quality accept 3f9a0c12d4e5 --dry-run",
        "roadside quality accept 3f9a0c12d4e5 --why 'the program sends no place' --until 2026-04-15",
    ),
)(quality.accept)
_QUALITY.command(
    "refuse",
    epilog=_examples(
        "roadside quality refuse 3f9a0c12d4e5 --dry-run",
        "roadside quality refuse 3f9a0c12d4e5 --why 'the producer left the service out'",
    ),
)(quality.refuse)
_QUALITY.command(
    "drift",
    epilog=_examples(
        "roadside quality drift",
        "roadside quality drift --view zone_demand_15m --day 2026-03-10 --all --json",
    ),
)(quality.drift_of_features)
_QUALITY.command(
    "references",
    epilog=_examples(
        "roadside quality references",
        "roadside quality references --table silver.service_outcomes --day 2026-03-10 --json",
    ),
)(quality.references_of_rows)
_QUALITY.command(
    "report",
    epilog=_examples(
        "roadside quality report --html quality.html",
        "roadside quality report --start 2026-03-10 --end 2026-03-11 --source gps_pings --json",
    ),
)(quality.report)
app.add_typer(_QUALITY, name="quality", rich_help_panel=_MIND)
app.command(
    "lineage",
    rich_help_panel=_MIND,
    epilog=_examples(
        "roadside lineage provider_activity_15m.offers_60m_count",
        "roadside lineage member.phone",
        "roadside lineage 'tiles.dispatch_15m.amount[on_time]' --indirect --json",
        "roadside lineage silver.jobs",
    ),
)(lineage.lineage)
app.command(
    "plan",
    rich_help_panel=_MIND,
    epilog=_examples(
        "roadside plan",
        "roadside plan --against main --json",
        "roadside plan --against /tmp/declared.json",
    ),
)(plan.plan)
app.command("tables", rich_help_panel=_MIND, epilog=_examples("roadside tables"))(standing.tables)
app.command(
    "digest",
    rich_help_panel=_MIND,
    epilog=_examples(
        "roadside digest silver.offers silver.jobs",
        "roadside digest silver.offers --start 2026-03-10 --end 2026-03-11",
    ),
)(standing.digest)
app.command(
    "compact",
    rich_help_panel=_MIND,
    epilog=_examples("roadside compact", "roadside compact --table silver.offers --before 2026-03-10"),
)(upkeep.compact)
app.command(
    "retention",
    rich_help_panel=_MIND,
    epilog=_examples(
        "roadside retention",
        "roadside retention --execute --json",
        "roadside retention --table landing.gps_pings --table silver.gps_pings --at now",
    ),
)(retention.retention)
_ENV.command("check", epilog=_examples("roadside env check"))(upkeep.env_check)
_ENV.command("export", epilog=_examples('eval "$(roadside env export)" && feast -c feature_repo plan'))(
    upkeep.env_export
)
app.add_typer(_ENV, name="env", rich_help_panel=_MIND)
_REDIS.command("start", epilog=_examples("roadside redis start"))(online.start_redis)
_REDIS.command("stop", epilog=_examples("roadside redis stop"))(online.stop_redis)
app.add_typer(_REDIS, name="redis", rich_help_panel=_MIND)
app.command("docs", rich_help_panel=_MIND, epilog=_examples("roadside docs --check"))(upkeep.docs)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; the exit code. Nothing is raised but by --debug."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        app(args=given, prog_name="roadside")
    except SystemExit as ended:
        if ended.code == INTERRUPTED:  # typer makes that of an interrupt
            return tell_interrupted()
        return ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    except RoadsideError as error:
        return tell(error)
    except KeyboardInterrupt:
        return tell_interrupted()
    except Exception as error:
        if "--debug" in given[:1]:
            raise
        home = os.environ.get("ROADSIDE_HOME", "").strip() or ".roadside"
        return tell_unexpected(error, Path(home).expanduser().absolute())
    return 0


if __name__ == "__main__":
    sys.exit(main())
