"""The entities: what a feature row is about. An entity's join key is the key column's name."""

from feast import Entity, ValueType

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
