"""features.program_dispatch_15m: how dispatch goes for a client's program."""

from validation.contracts.features.dispatch_family import DISPATCH_COLUMNS
from validation.contracts.features.feature_table import feature_table

PROGRAM_DISPATCH_15M = feature_table(
    "program_dispatch_15m",
    grain="One row per program and tick at which a value changed, plus one a day and a closing row.",
    entities=("program_id",),
    features=DISPATCH_COLUMNS,
    notes="Null throughout: no job in 28 days.",
)
