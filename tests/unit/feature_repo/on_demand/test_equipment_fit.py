"""equipment_fit: what is known of equipment and record, and what is not."""

import numpy as np

from support.ascii_tables import table, yes_no
from support.on_demand import answers

CASES = table(
    """
    | job_needs_tow | asked | tow_trucks | tows | done     | is_equipment_match | is_service_proven |
    | yes           | tow   | 2          | yes  | fuel tow | yes                | yes               |
    | yes           | tow   | 2          | no   | fuel     | yes                | no                |
    | yes           | tow   | 0          | yes  | fuel tow | no                 | yes               |
    | yes           | tow   |            | yes  | tow      | yes                | yes               |
    | yes           | tow   |            | no   |          | no                 | no                |
    | yes           | tow   |            |      |          |                    | no                |
    | no            | fuel  | 0          | no   | fuel     | yes                | yes               |
    | no            | fuel  |            |      | tow      | yes                | no                |
    |               |       | 2          | yes  | tow      |                    |                   |
    """,
    {
        "job_needs_tow": yes_no,
        "asked": str,
        "tow_trucks": float,
        "tows": yes_no,
        "done": str.split,
        "is_equipment_match": yes_no,
        "is_service_proven": yes_no,
    },
)


def test_equipment_and_record() -> None:
    rows = [
        {
            "job_needs_tow": case["job_needs_tow"],
            "job_service_type": case["asked"],
            "provider_fleet_15m__tow_drivers_available_count": case["tow_trucks"],
            "provider_profile_1d__is_tow_capable": case["tows"],
            "provider_profile_1d__service_types": case["done"],
        }
        for case in CASES
    ]
    assert answers("equipment_fit", rows) == [
        {name: case[name] for name in ("is_equipment_match", "is_service_proven")} for case in CASES
    ]


def test_of_nothing_asked_and_nothing_known_nothing_is_told() -> None:
    assert answers("equipment_fit", [{}]) == [{"is_equipment_match": None, "is_service_proven": None}]


def test_services_as_spark_and_arrow_hand_them_over() -> None:
    listed = {"job_service_type": "tow", "provider_profile_1d__service_types": np.array(["fuel", "tow"])}
    (found,) = answers("equipment_fit", [listed])
    assert found["is_service_proven"] is True
