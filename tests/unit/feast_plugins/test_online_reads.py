"""What a read found, by view."""

from __future__ import annotations

from feast_plugins.online_reads import PRESENT, Asked, Found, rows_read
from feast_plugins.read_log import ABSENT, SERVED


def test_two_roles_of_a_view_are_logged_as_one_each_entity_once() -> None:
    incident, destination = (
        Asked("zones", role, ("requests",), keys, range(len(keys)), None)
        for role, keys in (("incident", [b"Z1", b"Z2"]), ("destination", [b"Z3", b"Z1"]))
    )
    old, new = (Found([b"1"], bytes([PRESENT]), moment, moment, b"") for moment in (1, 2))
    nothing = Found([b""], bytes([PRESENT]), None, None, b"")
    found = rows_read([incident, destination], [[old, new], [nothing, old]])
    assert {row: [*keys] for row, keys in found["zones"].items()} == {
        (SERVED, 1, 1): [b"Z1"],
        (SERVED, 2, 2): [b"Z2"],
        (ABSENT, None, None): [b"Z3"],
    }
