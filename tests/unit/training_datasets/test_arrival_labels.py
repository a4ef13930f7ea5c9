"""Rows and labels of eta_v1 by Spark, against the naive oracle and the domain text's values."""

from datetime import timedelta
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from support.afternoon import AFTERNOON, expected, oracle_records
from support.dispatch_tables import dispatch_objects
from support.frames import frame_of
from support.oracle import Landed, Silver, eta_v1
from support.oracle_tables import assignment_rows, evidence_rows
from training_datasets.arrival_labels import arrival_labels
from training_datasets.known import Known
from training_datasets.specs.eta_v1 import ETA_V1
from training_datasets.spines import decided, decisions, waterfall
from validation.contracts.silver.arrival_evidence import ARRIVAL_EVIDENCE
from validation.contracts.silver.assignments import ASSIGNMENTS

CLOSE = ETA_V1.close(AFTERNOON)
ACCEPTED = """
| job | event     | t            | landed           | assignment | provider | promise | actor    |
|-----|-----------|--------------|------------------|------------|----------|---------|----------|
"""
ENDINGS = {  # what follows an acceptance at 12:02 with a promise of 12:45, one job each
    "gave_back": "unassigned | 12:20 | | {a} | | | provider",
    "taken_back": "unassigned | 12:20 | | {a} | | | agent",
    "by_nobody": "unassigned | 12:20 | | {a} | | |",
    "by_member": "cancelled | 12:20 | | {a} | | | member",
    "by_provider": "cancelled | 12:20 | | {a} | | | provider",
    "refused": "eta_rejected | 12:20 | | {a} | | | agent",
    "unsuccessful": "unsuccessful | 12:20 | | {a} | | |",
    "nobody_there": "gone_on_arrival | 12:40 | | {a} | P1 | |",
    "to_the_microsecond": "on_scene | 12:45:00.000001 | | {a} | P1 | |",
    "in_grace": "on_scene | 13:00 | | {a} | P1 | |",
    "too_soon": "on_scene | 12:02 | | {a} | P1 | |",
    "six_hours": "on_scene | 18:02 | | {a} | P1 | |",
    "too_long": "on_scene | 18:02:00.000001 | | {a} | P1 | |",
    "known_after_the_close": "on_scene | 12:40 | 2026-03-12T07:00 | {a} | P1 | |",
    "known_at_the_close": "on_scene | 12:40 | 2026-03-12T06:59 | {a} | P1 | |",
    "open": "en_route | 12:05 | | {a} | P1 | |",
    "pinged": "on_scene | 12:41 | | {a} | P7 | |",
}


def cases() -> str:
    lines = [
        line
        for name, ending in ENDINGS.items()
        for provider in ("P7" if name == "pinged" else "P1",)
        for line in (
            f"| {name} | requested | 12:00 | | | | | |",
            f"| {name} | offered | 12:01 | | | {provider} | | |",
            f"| {name} | accepted | 12:02 | | {name}#1 | {provider} | 12:45 | |",
            f"| {name} | {ending.format(a=f'{name}#1')} |",
        )
    ]
    return ACCEPTED + "\n".join(lines)


def a_ping(record: dict[str, Any]) -> Landed:
    """A ping of P7 where and when the job's driver arrived."""
    data = {
        "event_id": "ping",
        "provider_id": "P7",
        "driver_id": "D7",
        "latitude": record["latitude"],
        "longitude": record["longitude"],
        "event_timestamp": "2026-03-10T12:45:00Z",
    }
    return Landed("gps_pings", data, CLOSE - timedelta(days=1), "pings", 1)


@pytest.fixture(scope="module")
def silver() -> Silver:
    """The afternoon, and one job for each way an assignment can end."""
    objects = dispatch_objects(cases())
    return Silver([*oracle_records(), *oracle_records(objects), a_ping(dict(objects[0].records[0]))])


@pytest.fixture(scope="module")
def by_spark(silver: Silver, spark: SparkSession) -> dict[str, dict[str, Any]]:
    """Decisions with their labels, by assignment."""
    ticks = [CLOSE - timedelta(hours=24), CLOSE, CLOSE + timedelta(hours=1)]
    changelog = frame_of(spark, ASSIGNMENTS, assignment_rows(silver, ticks))
    evidence = frame_of(spark, ARRIVAL_EVIDENCE, evidence_rows(silver, CLOSE))
    known = Known({"assignments": changelog, "arrival_evidence": evidence}, CLOSE)
    decided_on = decided(ETA_V1, known, AFTERNOON)
    labels = arrival_labels(known, decided_on)
    rows = decisions(ETA_V1, decided_on, AFTERNOON).join(labels, "row_key", "left")
    as_utc = rows.withColumn("meta_decision_at", F.unix_micros("meta_decision_at"))
    return {
        row["row_key"]: {**row.asDict(), "assignment_id": row["row_key"], "job_id": row["group_key"]}
        for row in as_utc.collect()
    }


def test_rows_and_labels_equal_the_oracles_to_the_bit(
    silver: Silver, by_spark: dict[str, dict[str, Any]]
) -> None:
    oracle = eta_v1(silver, AFTERNOON)
    found = [row["left_out"] for row in by_spark.values()]
    assert waterfall(ETA_V1, found) == oracle.waterfall
    kept = {key: row for key, row in by_spark.items() if row["left_out"] is None}
    for row in oracle.rows:
        mine = kept.pop(row["assignment_id"])
        decided = row["meta_decision_at"].timestamp() * 1_000_000
        assert {**row, "meta_decision_at": decided} == {name: mine[name] for name in row}
        assert {name for name in ETA_V1.table.column_names if name.startswith("label_")} <= set(row)
    assert kept == {}


def test_the_cases_reach_every_status_and_reason(by_spark: dict[str, dict[str, Any]]) -> None:
    told = {
        name: (row["label_status"], row["label_censor_reason"], row["label_arrival_evidence"])
        for name in ENDINGS
        for row in (by_spark[f"{name}#1"],)
    }
    censored = {
        "gave_back": "provider_gave_back",
        "taken_back": "agent_reassigned",
        "by_nobody": "agent_reassigned",
        "by_member": "member_cancelled",
        "by_provider": "provider_gave_back",
        "refused": "eta_rejected",
        "open": "open_at_close",
        "known_after_the_close": "open_at_close",
    }
    assert told == {
        **{name: ("censored", reason, None) for name, reason in censored.items()},
        "unsuccessful": ("missing_milestone", None, None),
        "too_soon": ("invalid_arrival", None, None),
        "too_long": ("invalid_arrival", None, None),
        "nobody_there": ("observed", None, "goa"),
        "pinged": ("observed", None, "status_and_gps"),
        **dict.fromkeys(
            ("to_the_microsecond", "in_grace", "six_hours", "known_at_the_close"),
            ("observed", None, "status_only"),
        ),
    }


def test_promise_and_grace_are_kept_to_the_microsecond(by_spark: dict[str, dict[str, Any]]) -> None:
    for name, on_time, grace in (
        ("known_at_the_close", True, True),
        ("to_the_microsecond", False, True),
        ("in_grace", False, True),
        ("six_hours", False, False),
    ):
        row = by_spark[f"{name}#1"]
        assert (row["label_is_on_time"], row["label_is_on_time_grace15"]) == (on_time, grace), name


def test_the_afternoon_gives_the_seven_rows_of_the_domain_text(by_spark: dict[str, dict[str, Any]]) -> None:
    for row in expected("eta_v1"):
        mine = by_spark[row["assignment"]]
        assert (mine["label_status"], mine["label_censor_reason"]) == (
            row["label_status"],
            row["label_censor_reason"],
        )
        for name, label in (
            ("arrival_minutes", "label_arrival_minutes"),
            ("observed_minutes", "label_observed_minutes"),
            ("lower_bound", "label_lower_bound_minutes"),
            ("upper_bound", "label_upper_bound_minutes"),
        ):
            assert (mine[label] is None) == (row[name] is None)
            assert mine[label] is None or round(mine[label], 2) == row[name]
        assert (mine["label_is_goa"], mine["label_is_on_time"]) == (row["is_goa"], row["on_time"])
        assert mine["label_arrival_evidence"] == row["evidence"]


def test_an_arrival_belongs_to_who_arrived(by_spark: dict[str, dict[str, Any]]) -> None:
    gave_back, arrived = by_spark["J3#2"], by_spark["J3#3"]
    assert (gave_back["provider_id"], gave_back["label_observed_minutes"]) == ("P1", 11.5)
    assert (arrived["provider_id"], round(arrived["label_arrival_minutes"], 2)) == ("P2", 23.33)
    assert 36.5 not in [row["label_arrival_minutes"] for row in by_spark.values()]
