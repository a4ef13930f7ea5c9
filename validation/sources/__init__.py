"""The five landing sources."""

from validation.errors import UnknownName
from validation.source import Source
from validation.sources.dispatch_events import DISPATCH_EVENTS
from validation.sources.gps_pings import GPS_PINGS
from validation.sources.provider_status import PROVIDER_STATUS
from validation.sources.service_outcomes import SERVICE_OUTCOMES
from validation.sources.traffic_speeds import TRAFFIC_SPEEDS

SOURCES: tuple[Source, ...] = (
    DISPATCH_EVENTS,
    PROVIDER_STATUS,
    GPS_PINGS,
    SERVICE_OUTCOMES,
    TRAFFIC_SPEEDS,
)


def source_named(name: str) -> Source:
    """The source of that name.

    Raises:
        UnknownName: there is none.
    """
    for source in SOURCES:
        if source.name == name:
            return source
    raise UnknownName("source", name, [source.name for source in SOURCES])
