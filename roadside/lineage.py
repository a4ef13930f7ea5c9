"""What runs tell to OpenLineage: each run's tables and columns, by graph, contracts and lineage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from lakehouse.expiries import LANDED
from lakehouse.lineage import Dataset, Lineage
from lakehouse.run_ledger import S3, SNOWFLAKE, Heard, Run, unheard
from lakehouse.settings import Settings, masked
from roadside.handling import LEDGER, handled_table
from roadside.rendering import notice
from roadside.run_inputs import inputs_of, step_of
from roadside.run_names import ONLINE
from validation.contracts import TABLES

_PRIVATE_REDIS = "redis://private"


def lineage_of(settings: Settings, more: Mapping[str, Sequence[str]] | None = None) -> Heard:
    """What the ledger of runs calls when one begins or ends; nothing is told unless ROADSIDE_LINEAGE is set.

    `more` names what tables read that the graph does not know: those of datasets.
    """
    if settings.lineage is None:
        return unheard
    reads = partial(_reads, settings, more or {})
    return Lineage(settings.lineage, reads, partial(_written, settings), notice).heard


def _reads(settings: Settings, more: Mapping[str, Sequence[str]], run: Run) -> list[Dataset]:
    """What the run reads; a table's snapshot as soon as the run is kept with it."""
    step = step_of(run)
    if step is not None and step.build is None:
        return [Dataset(_place(settings.landing_uri), f"landing/{step.name.partition('.')[2]}")]
    lake = _place(settings.warehouse_uri)
    if not run.makes_rows:
        return [Dataset(lake, name, snapshot) for name, snapshot in _worked_on(run).items()]
    if run.table in more and run.inputs is None:
        return [Dataset(lake, name) for name in more[run.table]]
    return [Dataset(lake, each.table, each.snapshot_id) for each in inputs_of(run)]


def _worked_on(run: Run) -> Mapping[str, int | None]:
    """The table at its snapshot, as the run is kept with it; a dataset that is sent, which has none."""
    layer, _, name = run.table.partition(".")
    return run.inputs or ({name: None} if layer in (S3, SNOWFLAKE) else {})


def _written(settings: Settings, run: Run) -> Dataset:
    if not run.makes_rows:
        return _handled(settings, run)
    from roadside.column_lineage import lineages

    lineage = lineages().get(run.table)
    layer, _, view = run.table.partition(".")
    if layer == ONLINE:
        redis = _PRIVATE_REDIS if settings.redis is None else f"redis://{settings.redis.partition(',')[0]}"
        return Dataset(redis, view, lineage=lineage)
    table = next((each for each in TABLES if each.name == run.table), None)
    return Dataset(_place(settings.warehouse_uri), run.table, table=table, lineage=lineage)


def _handled(settings: Settings, run: Run) -> Dataset:
    """What is sent, at its target; what is rewritten or dropped, in the lake, the ledgers or the landing.

    A table of Snowflake is its three names in snowflake://<account>: https://openlineage.io/docs/spec/naming.
    """
    layer, _, name = run.table.partition(".")
    table = handled_table(run)
    if layer == S3:
        return Dataset(_place(settings.publish_uri or "s3://private"), name.replace(".", "/"), table=table)
    if layer == SNOWFLAKE:
        from warehouse.connection import account_named  # brings Snowflake's connector
        from warehouse.places import place_of

        database = settings.snowflake_database
        named = name if table is None or database is None else str(place_of(table, database))
        return Dataset(f"snowflake://{account_named(settings)}", named, table=table)
    if name.startswith(LANDED):
        return Dataset(_place(settings.landing_uri), name.replace(".", "/"))
    lake = settings.ops_url if name == LEDGER else settings.warehouse_uri
    return Dataset(_place(lake), name, table=table)


def _place(uri: str) -> str:
    """A root without the options of whoever reads it.

    >>> _place("s3://bucket/lake?region=us-east-1")
    's3://bucket/lake'
    """
    return masked(uri.partition("?")[0].rstrip("/"))
