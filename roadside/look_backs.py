"""Nothing is made of a history with holes."""

from __future__ import annotations

from lakehouse.run_ledger import RunLedger
from roadside.graph import Step, step_named
from validation.clocks import Interval
from validation.errors import NotReady


def require_look_back(runs: RunLedger, step: Step, interval: Interval) -> None:
    """What the step reads of the interval was made without a hole, from where its history begins.

    A step that failed leaves a hole when ticks go on without it: what is made of the rest would be
    published as if nothing had happened there.

    Raises:
        NotReady: there is a hole.
    """
    holes = [
        (name, hole)
        for name, look_back in step.reads.items()
        for hole in runs.holes(name, interval.widened(look_back))
        if step_named(name).due(hole)
    ]
    if holes:
        (table, hole), *others = holes
        more = f" (and {len(others)} more holes)" if others else ""
        raise NotReady(
            f"{step.name}: {table} was never made over {hole}{more}, and {interval} looks back to it.",
            f"Make it first: roadside run --start {hole.start:%Y-%m-%dT%H:%MZ} --end "
            f"{hole.end:%Y-%m-%dT%H:%MZ}.",
        )
