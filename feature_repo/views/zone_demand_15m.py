"""zone_demand_15m: who asked for help in and around a zone lately."""

from datetime import timedelta

from feast import FeatureView, Field
from feast.types import Int64, String, UnixTimestamp

from feature_repo.entities import zone
from feature_repo.sources import source_of

zone_demand_15m = FeatureView(
    name="zone_demand_15m",
    description="Who asked for help in and around a zone lately.",
    entities=[zone],
    ttl=timedelta(days=2),
    schema=[
        Field(name="zone_id", dtype=String, description="H3 r7 cell of the incident (about 5 km2)."),
        Field(
            name="tick_at",
            dtype=UnixTimestamp,
            description="The tick the values belong to; null on a closing row.",
        ),
        Field(
            name="requests_15m_count",
            dtype=Int64,
            description="Immediate roadside requests (15m window).",
        ),
        Field(
            name="requests_60m_count",
            dtype=Int64,
            description="Immediate roadside requests (60m window).",
        ),
        Field(
            name="requests_4h_count",
            dtype=Int64,
            description="Immediate roadside requests (4h window).",
        ),
        Field(
            name="tow_requests_60m_count",
            dtype=Int64,
            description="Immediate roadside tow requests in the zone (60m window).",
        ),
        Field(
            name="member_cancels_60m_count",
            dtype=Int64,
            description="Immediate roadside requests cancelled by the member, by cancel (60m window).",
        ),
        Field(
            name="open_unassigned_count",
            dtype=Int64,
            description="Requests waiting without a provider, at most 24 h.",
        ),
        Field(
            name="ring1_requests_60m_count",
            dtype=Int64,
            description="Requests in the zone and the cells around it (60m window).",
        ),
        Field(
            name="ring4_requests_60m_count",
            dtype=Int64,
            description="Requests within four cells (60m window).",
        ),
        Field(
            name="ring4_open_unassigned_count",
            dtype=Int64,
            description="Requests waiting without a provider within four cells.",
        ),
    ],
    source=source_of("zone_demand_15m"),
    tags={"cadence": "every 15 minutes"},
)
