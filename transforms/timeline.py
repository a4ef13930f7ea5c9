"""Which values are asked for: as they were served, or as they turned out to be."""

from enum import Enum


class Timeline(Enum):
    """As served is stored; as corrected is a query over the tiles, for reports."""

    AS_SERVED = "what was known at the instant"
    AS_CORRECTED = "what was true at the instant, whenever it was known"
