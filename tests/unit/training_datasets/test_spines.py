from datetime import UTC, date, datetime

import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession

from support.ascii_tables import table, yes_no
from support.frames import frame_of
from training_datasets.known import Known
from training_datasets.specs.eta_v1 import ETA_V1
from training_datasets.spines import checked_spine, decided, decisions, spine, waterfall
from validation.contracts.silver.assignments import ASSIGNMENTS
from validation.errors import UserError

DAY = date(2026, 3, 10)


def march(text: str) -> datetime:
    """Cells like 10T07:00."""
    return datetime.fromisoformat(f"2026-03-{text}+00:00")


CHANGELOG = table(
    """
    | assignment_id | known_at | accepted_at       | is_immediate | job_kind   | is_backdated | service_type |
    |---------------|----------|-------------------|--------------|------------|--------------|--------------|
    | first         | 10T07:15 | 10T07:00          | yes          |            | no           | tow          |
    | before        | 10T07:15 | 10T06:59:59.99999 | yes          |            | no           | tow          |
    | last          | 11T07:15 | 11T06:59:59.99999 | yes          | accident   | no           | lockout      |
    | after         | 11T07:15 | 11T07:00          | yes          |            | no           | tow          |
    | booked        | 10T12:15 | 10T12:00          | no           | second_tow | yes          | tow          |
    | stored        | 10T12:15 | 10T12:00          | yes          | second_tow | yes          | tow          |
    | keyed         | 10T12:30 | 10T12:00          | yes          | roadside   | yes          | tow          |
    | revised       | 10T12:15 | 10T12:00          | yes          | second_tow | no           | tow          |
    | revised       | 12T07:00 | 10T12:00          | yes          |            | no           | winch_out    |
    | revised       | 12T07:15 | 10T12:00          | no           |            | no           | lockout      |
    | late          | 12T07:15 | 10T12:00          | yes          |            | no           | tow          |
    """,
    {
        "known_at": march,
        "accepted_at": march,
        "is_immediate": yes_no,
        "is_backdated": yes_no,
    },
    fill={"provider_id": "P1", "zone_id": "Z1"},
)


def decided_of(spark: SparkSession) -> DataFrame:
    known = Known({"assignments": frame_of(spark, ASSIGNMENTS, CHANGELOG)}, ETA_V1.close(DAY))
    return decided(ETA_V1, known, DAY)


def test_rows_are_the_business_days_decisions_as_known_at_its_close(spark: SparkSession) -> None:
    found = decisions(ETA_V1, decided_of(spark), DAY).collect()
    assert {row["row_key"]: row["left_out"] for row in found} == {
        "first": None,
        "last": None,
        "booked": "scheduled",
        "stored": "second_tow",
        "keyed": "backdated",
        "revised": None,
    }
    assert waterfall(ETA_V1, [row["left_out"] for row in found]) == {
        "accepted_offers": 6,
        "scheduled": 1,
        "second_tow": 1,
        "backdated": 1,
        "rows": 3,
    }
    (revised,) = [row for row in found if row["row_key"] == "revised"]
    assert (revised["service_type"], revised["incident_zone_id"]) == ("winch_out", "Z1")
    assert (revised["meta_decision_date_et"], revised["meta_weight"]) == (DAY, 1.0)


def test_a_spine_shows_keys_decision_and_slices_and_nothing_else(spark: SparkSession) -> None:
    assert spine(ETA_V1, decided_of(spark), DAY).columns == [
        "row_key",
        "group_key",
        "meta_decision_at",
        "meta_dispatch_channel",
        "meta_program_id",
        "provider_id",
        "incident_zone_id",
        "incident_area_id",
        "service_type",
        "meta_decision_date_et",
        "meta_weight",
    ]


def test_a_given_spine_may_not_bring_the_promise() -> None:
    given = pd.DataFrame({"provider_id": ["P1"], "promised_arrival_at": [None], "event_timestamp": [None]})
    with pytest.raises(UserError, match="promised_arrival_at is not an allowed input of eta_v1"):
        checked_spine(ETA_V1, given)


def test_a_given_spine_without_a_time_zone_is_refused() -> None:
    eight = datetime(2026, 3, 10, 8)  # noqa: DTZ001
    given = pd.DataFrame({"provider_id": ["P1"], "event_timestamp": [eight]})
    with pytest.raises(UserError, match=r"^event_timestamp has no time zone; say which \(UTC\?\)\."):
        checked_spine(ETA_V1, given)
    zoned = given.assign(event_timestamp=[eight.replace(tzinfo=UTC)])
    assert checked_spine(ETA_V1, zoned) is zoned
