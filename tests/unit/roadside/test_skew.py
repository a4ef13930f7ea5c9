"""Why a read was served what it was: one reason per read."""

from __future__ import annotations

import pytest

from feast_plugins.as_served import Clocks
from feast_plugins.read_log import ABSENT, OUTLIVED, SERVED
from roadside.skew import Cause, Read, Reason, reason_of

TTL = 100
READ_AT = 1_000
STANDINGS = {"served": SERVED, "outlived": OUTLIVED, "absent": ABSENT}

TABLE = """
standing  row        through  expected   reason
served    990/990    990      990/990    SAME_ROW
served    900/900    990      900/900    SAME_ROW
absent    -          990      -          NO_ROW
absent    -          -        -          NO_ROW
outlived  700/700    990      -          NO_ROW
served    980/980    980      990/990    OLDER_TICK
served    980/980    990      990/990    OLDER_TICK
served    990/990    990      990/1500   OLDER_REVISION
absent    -          980      990/990    FIRST_ROW
absent    -          -        990/990    FIRST_ROW
absent    -          990      990/990    NOT_WRITTEN
served    1005/1005  1005     990/990    BEFORE_PROMISE
served    1005/1005  1005     -          BEFORE_PROMISE
outlived  700/700    980      990/990    OUTLIVED_ONLINE
served    899/899    990      -          OUTLIVED_OFFLINE
served    900/900    990      -          NOT_KEPT
served    995/995    995      990/990    NOT_KEPT
served    990/1500   990      990/990    NOT_KEPT
served    990/-      990      990/990    NO_REVISION
served    980/-      990      990/990    OLDER_TICK
"""


def clocks(text: str) -> Clocks | None:
    if text == "-":
        return None
    moment, created = text.split("/")
    return int(moment), None if created == "-" else int(created)


@pytest.mark.parametrize("line", TABLE.strip().splitlines()[1:])
def test_every_read_has_one_reason(line: str) -> None:
    standing, row, through, expected, reason = line.split()
    complete = None if through == "-" else int(through)
    read = Read("fleet", "mark", "D1", READ_AT, STANDINGS[standing], clocks(row), complete)
    assert reason_of(read, clocks(expected), TTL) is Reason[reason]


def test_every_reason_but_those_of_unmatched_reads_is_in_the_table() -> None:
    told = {line.split()[-1] for line in TABLE.strip().splitlines()[1:]}
    assert {each.name for each in Reason} - told == {"NO_ENTITIES", "NO_VIEW"}
    assert {each.cause for each in Reason} == set(Cause)


def test_what_lives_for_ever_is_never_too_old() -> None:
    read = Read("fleet", "mark", "D1", READ_AT, SERVED, (1, 1), READ_AT)
    assert reason_of(read, None, None) is Reason.NOT_KEPT
