"""The traps of DOMAIN 2.4: each leak is planted, and the guard named for it finds it.

T5 and T6 are found by the leak report, over a city (`integration/test_datasets.py`); T15 by the verdict on
a silent source (`spec/test_silence_is_not_zero.py`).
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from support.frames import frame_of
from support.made_dataset import FIRST, days_from, decision_rows, eta_rows
from training_datasets.accepted_support import DISTANCES, WILLINGNESS, outside_accepted_support
from training_datasets.arrival_labels import arrival_labels
from training_datasets.card_profiles import profile_of
from training_datasets.computing import Computing
from training_datasets.feature_service import ServiceDefinition
from training_datasets.gates import Day, asked
from training_datasets.known import Known
from training_datasets.spec import DatasetSpec, Filter
from training_datasets.specs import SPECS, spec_named
from training_datasets.specs.eta_v1 import ETA_V1
from training_datasets.specs.eta_v2 import ETA_V2
from training_datasets.spines import decided, decisions
from training_datasets.splits import split_days, split_of_rows
from validation.contract import Check, Column, Table, Type
from validation.contracts.features.provider_activity_15m import PROVIDER_ACTIVITY_15M
from validation.contracts.silver.arrival_evidence import ARRIVAL_EVIDENCE
from validation.contracts.silver.assignments import ASSIGNMENTS
from validation.errors import CheckFailed, Defect, UserError
from validation.spark_schema import struct_of

DAY = date(2026, 3, 10)
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
each_dataset = pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)


def shows(spec: DatasetSpec, column: str) -> DatasetSpec:
    """The dataset with a further column of its rows."""
    return replace(spec, spine={**spec.spine, "meta_planted": column})


def in_hand(spec: DatasetSpec, rows: pd.DataFrame, before: pd.DataFrame | None = None) -> Day:
    before = rows.iloc[:0] if before is None else before
    return Day(spec.table, DAY, rows, before)


def broken_checks(spark: SparkSession, table: Table, **values: Any) -> list[str]:
    """Checks of the contract that a row with these values breaks."""
    names = [column.name for column in table.columns if column.name in values]
    schema = ", ".join(
        f"{each.name} {each.dataType.simpleString()}" for each in struct_of(table) if each.name in names
    )
    frame = spark.createDataFrame([tuple(values[name] for name in names)], schema)
    checks = [check for check in table.checks if isinstance(check, Check) and asks_for(check) <= {*names}]
    held = frame.select(*(F.expr(check.holds).alias(check.name) for check in checks)).collect()[0]
    return [check.name for check in checks if held[check.name] is False]


def asks_for(check: Check) -> set[str]:
    """The columns that a check reads, of those in its text."""
    return {word for word in re.findall(r"[a-z_0-9]+", check.holds) if word.startswith(READ)}


READ = ("label_", "meta_", "available_at", "event_timestamp")


def assignment(**of: Any) -> dict[str, Any]:
    """A job accepted at noon and reached at 12:40, known a little later."""
    return {
        "assignment_id": "A1",
        "job_id": "J1",
        "known_at": NOON + 60 * MINUTE,
        "provider_id": "P1",
        "is_immediate": True,
        "accepted_at": NOON,
        "requested_at": NOON - 5 * MINUTE,
        "ended_at": NOON + 40 * MINUTE,
        "arrived_at": NOON + 40 * MINUTE,
        "end_reason": "arrived",
        "is_gone_on_arrival": False,
        "is_backdated": False,
        **of,
    }


def known_of(spark: SparkSession, *rows: dict[str, Any]) -> Known:
    tables = {
        "assignments": frame_of(spark, ASSIGNMENTS, rows),
        "arrival_evidence": frame_of(spark, ARRIVAL_EVIDENCE, []),
    }
    return Known(tables, ETA_V1.close(DAY))


@each_dataset
@pytest.mark.parametrize("promise", ["promised_arrival_at", "first_promised_arrival_at"])
def test_t1_a_promise_is_no_input_of_a_row(spec: DatasetSpec, promise: str) -> None:
    with pytest.raises(UserError, match=f"{promise} is not an allowed input of {spec.name}"):
        shows(spec, promise)


def test_t1_a_promise_among_the_features_of_eta_v1_stops_the_day() -> None:
    planted = Column("job_state_15m__promised_arrival_at", Type.TIMESTAMP, "Planted.")
    table = replace(ETA_V1.table, columns=(*ETA_V1.table.columns, planted))
    rows = eta_rows([DAY], 60).assign(job_state_15m__promised_arrival_at=NOON)
    with pytest.raises(CheckFailed, match="no_promise_among_inputs: job_state_15m__promised_arrival_at"):
        asked(ETA_V1.all_gates, Day(table, DAY, rows, rows.iloc[:0]))


@each_dataset
@pytest.mark.parametrize("final", ["completed_at", "final_service_type", "destination_zone_id"])
def test_t2_how_the_job_ended_up_is_no_input(spec: DatasetSpec, final: str) -> None:
    with pytest.raises(UserError, match="not an allowed input"):
        shows(spec, final)


@pytest.mark.parametrize("spec", [spec for spec in SPECS if spec.name != "eta_v2"], ids=lambda s: s.name)
def test_t3_a_driver_named_on_the_way_is_no_input(spec: DatasetSpec) -> None:
    with pytest.raises(UserError, match="driver_id is not an allowed input"):
        shows(spec, "driver_id")


def test_t3_eta_v2_joins_by_the_driver_and_shows_no_driver() -> None:
    assert "driver_id" in ETA_V2.hidden_keys
    assert "driver_id" not in ETA_V2.table.column_names


def test_t4_no_row_of_features_may_be_read_at_its_own_tick(spark: SparkSession) -> None:
    at_once = {"event_timestamp": NOON, "available_at": NOON}
    assert "usable_after_tick" in broken_checks(spark, PROVIDER_ACTIVITY_15M, **at_once)


@each_dataset
@pytest.mark.parametrize("outcome", ["rating", "nps", "billed_usd", "tow_km", "outcome"])
def test_t7_what_the_claim_said_is_no_input(spec: DatasetSpec, outcome: str) -> None:
    with pytest.raises(UserError, match="not an allowed input"):
        shows(spec, outcome)


def test_t8_a_filter_of_cancelled_waits_does_not_load() -> None:
    peeking = Filter("cancelled", "end_reason <> 'member_cancelled'", "Drops the long waits.")
    with pytest.raises(UserError, match="end_reason is not an allowed input of eta_v1"):
        replace(ETA_V1, filters=(*ETA_V1.filters, peeking))


def test_t8_censored_rows_that_vanish_are_told() -> None:
    frame = eta_rows(days_from(FIRST, 10), 300).assign(row_key="A1", provider_id="P1")
    today = frame["meta_decision_date_et"] == days_from(FIRST, 10)[-1]
    rows = frame[today & ~frame["label_is_censored"]]
    told = asked(ETA_V1.all_gates, in_hand(ETA_V1, rows, frame[~today]))
    assert told["censored_share_by_provider_id"] == "warned: 1 of 1 provider_id"


def test_t9_finding_nobody_is_an_arrival(spark: SparkSession) -> None:
    nobody = assignment(is_gone_on_arrival=True, on_scene_at=None)
    row = arrival_labels(known_of(spark, nobody), decided(ETA_V1, known_of(spark, nobody), DAY)).collect()[0]
    assert (row["label_status"], row["label_arrival_minutes"], row["label_is_goa"]) == ("observed", 40, True)
    assert row["label_arrival_evidence"] == "goa"


@pytest.mark.parametrize("name", ["eta_v1", "eta_v2"])
def test_t10_the_card_says_that_only_yes_was_seen(name: str) -> None:
    caveats = " ".join(profile_of(spec_named(name).table).caveats)
    assert "Only pairs that said yes have rows" in caveats
    assert "trap T10" in caveats


def test_t10_a_candidate_unlike_all_that_said_yes_is_marked() -> None:
    count = 1000
    gains = pd.Series([3, 2, 1, 0, None] * (count // 5), dtype="Int64")
    rows = pd.DataFrame(
        {
            DISTANCES[0]: pd.Series(np.arange(count) / 100, dtype="Float64"),
            DISTANCES[1]: pd.Series([4.0] * count, dtype="Float64"),
            WILLINGNESS: pd.Series(0.2 + np.arange(count) / 2000, dtype="Float64"),
        }
    )
    asked_of = {  # yes in train up to 9.97 km, 99 of 100 to 9.90; from 0.2 on, 99 of 100 from 0.2035
        "within": (5.0, None, 0.5, False),
        "at the bound": (9.90, None, 0.5, False),
        "too far": (9.91, None, 0.5, True),
        "no driver, the site too far": (None, 30.0, 0.5, True),
        "no driver, the site near": (None, 3.0, None, False),
        "least willing": (5.0, None, 0.2034, True),
        "willing enough": (5.0, None, 0.2 + 7 / 2000, False),
        "nothing known": (None, None, None, None),
    }
    planted = pd.DataFrame([each[:3] for each in asked_of.values()], columns=rows.columns).astype("Float64")
    is_train = pd.Series([True] * count + [False] * len(planted))
    told = outside_accepted_support(
        pd.concat([rows, planted], ignore_index=True),
        pd.concat([gains, pd.Series([3] * len(planted), dtype="Int64")], ignore_index=True),
        is_train,
    )
    found = [None if each is pd.NA else bool(each) for each in told[count:]]
    assert dict(zip(asked_of, found, strict=True)) == {name: each[3] for name, each in asked_of.items()}
    nobody = outside_accepted_support(rows, gains.where(gains < 1), pd.Series([True] * count))
    assert nobody.isna().all()


def test_t11_a_candidate_never_asked_with_a_gain_breaks_the_contract(spark: SparkSession) -> None:
    table = spec_named("matching_ranking_v1").table
    as_no = {"label_status": "observed", "label_gain": 0, "label_offer_rank": None}
    assert broken_checks(spark, table, **as_no) == ["never_offered_is_unobserved"]
    as_unknown = {"label_status": "unobserved", "label_gain": 0, "label_offer_rank": None}
    assert broken_checks(spark, table, **as_unknown) == ["gain_if_observed"]
    right = {"label_status": "unobserved", "label_gain": None, "label_offer_rank": None}
    assert broken_checks(spark, table, **right) == []


def test_t12_long_waits_that_count_for_more_stop_the_day() -> None:
    waits = pd.DataFrame({"assignment": ["A1", *["A2"] * 4], "seq": [1, 1, 2, 3, 4]})
    rows = decision_rows(ETA_V2.table, [DAY], len(waits)).assign(
        row_key=waits["assignment"] + "|" + waits["seq"].astype(str),
        meta_decision_at=[NOON + 15 * MINUTE * n for n in waits["seq"]],
        label_remaining_minutes=[100.0 - 15 * n for n in waits["seq"]],
        meta_weight=[1.0, *[0.25] * 4],
    )
    assert asked(ETA_V2.gates, in_hand(ETA_V2, rows))["weights_sum_to_the_assignments"] == "passed"
    by_tick = rows.assign(meta_weight=1.0)
    with pytest.raises(CheckFailed, match="the weights of 1 of 2 assignments do not sum to 1"):
        asked(ETA_V2.gates, in_hand(ETA_V2, by_tick))
    other_arrival = rows.assign(label_remaining_minutes=rows["label_remaining_minutes"] + [0, 0, 0, 7, 7])
    with pytest.raises(CheckFailed, match="remaining_shrinks_with_time: 1 of 5 rows"):
        asked(ETA_V2.gates, in_hand(ETA_V2, other_arrival))


def test_t13_offers_of_one_job_are_never_on_both_sides() -> None:
    days = days_from(FIRST, 40)
    plan = split_days(days, timedelta(hours=3))
    start = plan.starts[-1][1]
    decided_at = pd.Series([start - 10 * MINUTE, start + 10 * MINUTE, start + 600 * MINUTE])
    split = split_of_rows(plan, decided_at, pd.Series(["J1", "J1", "J1"]))
    assert split.tolist() == ["validation", "embargo", "embargo"], "by row, the later two were in test"
    alone = split_of_rows(plan, decided_at, pd.Series(["J1", "J2", "J3"]))
    assert alone.tolist() == ["validation", "embargo", "test"]


def test_t14_what_no_feature_view_gives_cannot_be_a_column() -> None:
    """An encoding fitted on all dates would be made here, for every feature comes of the service."""
    encoding = Column("provider_encoding__mean_arrival_minutes", Type.DOUBLE, "Planted.")
    planted = replace(ETA_V1, table=replace(ETA_V1.table, columns=(*ETA_V1.table.columns, encoding)))
    columns = tuple(name for name in ETA_V1.table.column_names if "__" in name)
    served: Any = SimpleNamespace(columns=columns)
    computing = Computing(None, None, None, planted, None)  # type: ignore[arg-type]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("training_datasets.computing.service_definition", lambda *_: served)
        with pytest.raises(Defect, match=r"disagree on provider_encoding__mean_arrival_minutes"):
            _: ServiceDefinition = computing.service


@each_dataset
def test_t16_a_leak_nobody_thought_of_trips_the_wire(spec: DatasetSpec) -> None:
    profile = profile_of(spec.table)
    chance = np.random.default_rng(5)
    label = chance.integers(0, 2, 200).astype(float)
    if profile.kind == "minutes":
        label = label * 30 + chance.lognormal(3, 0.5, 200)
    feature = next(
        name for name, column in zip(spec.table.column_names, spec.table.columns, strict=True)
        if "__" in name and column.type is Type.DOUBLE
    )  # fmt: skip
    rows = decision_rows(spec.table, [DAY], 200).assign(row_key=[f"A{n}|1" for n in range(200)])
    rows[profile.label] = pd.array(label, dtype=rows[profile.label].dtype)
    tripwire = [gate for gate in spec.all_gates if gate.name == "tripwire"]
    assert asked(tripwire, in_hand(spec, rows)) == {"tripwire": "passed"}
    rows[feature] = np.sqrt(label) + chance.normal(0, 0.05, 200)
    with pytest.raises(CheckFailed, match=f"tripwire: {feature}"):
        asked(tripwire, in_hand(spec, rows))


def test_t17_an_acceptance_keyed_in_late_is_left_out_and_counted(spark: SparkSession) -> None:
    known = known_of(spark, assignment(), assignment(assignment_id="A2", is_backdated=True))
    found = decisions(ETA_V1, decided(ETA_V1, known, DAY), DAY).collect()
    assert {row["row_key"]: row["left_out"] for row in found} == {"A1": None, "A2": "backdated"}
