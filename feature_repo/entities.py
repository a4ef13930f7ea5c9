"""The entities: what a feature row is about. An entity's join key is the key column's name."""

from feast import Entity, ValueType

driver = Entity(
    name="driver",
    join_keys=["driver_id"],
    value_type=ValueType.STRING,
    description="Token of the person on duty, salted per driver.",
)
provider = Entity(
    name="provider",
    join_keys=["provider_id"],
    value_type=ValueType.STRING,
    description="A contracted company.",
)
zone = Entity(
    name="zone",
    join_keys=["zone_id"],
    value_type=ValueType.STRING,
    description="H3 r7 cell of the incident (about 5 km2).",
)
area = Entity(
    name="area",
    join_keys=["area_id"],
    value_type=ValueType.STRING,
    description="H3 r6 cell, parent of the zone.",
)
market = Entity(
    name="market",
    join_keys=["market_id"],
    value_type=ValueType.STRING,
    description="H3 r4 cell, parent of the area.",
)
program = Entity(
    name="program",
    join_keys=["program_id"],
    value_type=ValueType.STRING,
    description="The client's contract.",
)
service = Entity(
    name="service",
    join_keys=["service_type"],
    value_type=ValueType.STRING,
    description="Service asked for, as last stated at or before the row's moment.",
)
hour_of_week = Entity(
    name="hour_of_week",
    join_keys=["local_hour_of_week"],
    value_type=ValueType.STRING,
    description="Hour of the week in New York, the business day's clock: 0 is Monday at 00:00.",
)
job = Entity(
    name="job",
    join_keys=["job_id"],
    value_type=ValueType.STRING,
    description="One request for service; may have several rounds of offers.",
)
