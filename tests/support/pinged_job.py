"""One job accepted at 12:02, as a table, and pings beside it."""

from support.afternoon import AFTERNOON, oracle_records
from support.dispatch_tables import dispatch_objects
from support.oracle import Silver, eta_v2
from support.road_tables import ping_objects

ACCEPTED = """
| event     | t     | offer | provider | driver | landed | actor |
|-----------|-------|-------|----------|--------|--------|-------|
| requested | 12:00 |       |          |        |        |       |
| offered   | 12:01 | o1    | P1       |        |        |       |
| accepted  | 12:02 | o1    | P1       |        |        |       |
"""
ARRIVED = ACCEPTED + "| on_scene | 12:52 | | P1 | | | |\n"  # known at tick 13:00


def pinged(table: str, *pings: str) -> Silver:
    """The table's events, and pings at the job's place: "12:43", or "12:43 | 13:05" if it landed then.

    "12:43 | | Z1+1" is one at the next zone.
    """
    rows = [ping + " |" * (2 - ping.count("|")) for ping in pings]
    at_job = "\n".join(["| t | landed | zone |", "|---|---|---|", *(f"| {row} |" for row in rows)])
    return Silver(oracle_records([*dispatch_objects(table), *ping_objects(at_job)]))


def points_and_minutes(silver: Silver) -> dict[str, float]:
    """The rows' clocks, and their minutes to go."""
    rows = eta_v2(silver, AFTERNOON).rows
    assert {row["meta_weight"] for row in rows} == {1 / len(rows)}
    return {f"{row['meta_decision_at']:%H:%M}": row["label_remaining_minutes"] for row in rows}
