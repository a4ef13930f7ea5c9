"""What became of a step, with the runs in the ledger that say so."""

from __future__ import annotations

from dataclasses import dataclass, field

from validation.clocks import Interval
from validation.errors import RoadsideError

RunAndSnapshot = tuple[str, int | None]
"""The id of a run in the ledger, and of the snapshot it left its table at."""


@dataclass(frozen=True)
class StepResult:
    """What became of one step over one interval."""

    step: str
    interval: Interval
    status: str  # published | skipped | failed | blocked | not due
    rows: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    warnings: dict[str, int] = field(default_factory=dict)
    error: RoadsideError | None = None
    runs: dict[str, RunAndSnapshot] = field(default_factory=dict)  # by table; of a failed step, what failed

    @property
    def is_broken(self) -> bool:
        """Whether what it should have written is missing."""
        return self.status in {"failed", "blocked"}
