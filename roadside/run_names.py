"""The tables and runs that a person names: found, or told what is near."""

from __future__ import annotations

from difflib import get_close_matches

from lakehouse.ops import Ops
from lakehouse.run_ledger import Run
from lakehouse.run_search import has_run, ids_near, run_named
from roadside.handling import handling_names
from validation.contracts import FEATURES, TABLES
from validation.errors import UnknownName, UserError

ONLINE = "online"
"""The layer under which the ledger has what was written to Redis: online.<view>."""


def require_table(ops: Ops, name: str) -> str:
    """The name, if it is a table's, of a view online, or of what is done with a table; or if it ever ran.

    Raises:
        UnknownName: neither.
    """
    known = {table.name for table in TABLES} | {f"{ONLINE}.{table.short_name}" for table in FEATURES}
    known.update(handling_names())
    if name not in known and not has_run(ops, name):
        raise UnknownName("table", name, known)
    return name


def run_of_id(ops: Ops, run_id: str) -> Run:
    """The run of that id.

    Raises:
        UnknownName: there is none, but ids near it.
        UserError: there is none, nor any near it.
    """
    run = run_named(ops, run_id)
    if run is not None:
        return run
    near = get_close_matches(run_id, sorted(ids_near(ops, run_id)), n=3, cutoff=0.5)
    if near:
        raise UnknownName("run", run_id, near)
    raise UserError(f"There is no run named '{run_id}'.", "`roadside runs` lists the newest.")
