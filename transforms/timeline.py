"""Which values are asked for: as they were served, or as they turned out to be."""

from enum import Enum


class Timeline(Enum):
    """As served is stored; as corrected is a query over the tiles, for reports.

    As corrected, an event counts from its own time on, and what describes a job or a claim (kind,
    program, amount) is what was stated in the end, also where that was stated after the instant: a
    report of March says what March turned out to be.
    """

    AS_SERVED = "what was known at the instant"
    AS_CORRECTED = "what was true at the instant, whenever it was known"
