from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from training_datasets.spec import Filter
from training_datasets.specs import SPECS, spec_named
from training_datasets.specs.eta_v1 import ETA_V1
from validation.contracts.training.dataset_table import REQUEST
from validation.errors import UnknownName, UserError


def test_a_spine_that_asks_for_the_promise_does_not_load() -> None:
    with pytest.raises(UserError, match=r"^promised_arrival_at is not an allowed input of eta_v1"):
        replace(ETA_V1, spine={**ETA_V1.spine, "meta_promise": "promised_arrival_at"})


def test_a_filter_that_reads_the_future_does_not_load() -> None:
    peeking = Filter("cancelled", "end_reason <> 'member_cancelled'", "Drops the long waits.")
    with pytest.raises(UserError, match="end_reason is not an allowed input of eta_v1"):
        replace(ETA_V1, filters=(*ETA_V1.filters, peeking))


def test_no_allowed_input_tells_what_came_after_the_decision() -> None:
    after = {"promised", "ended", "end_reason", "arrived", "en_route", "on_scene", "completed", "driver"}
    assert [name for name in ETA_V1.allowed_inputs for word in after if word in name] == []


@pytest.mark.parametrize(
    ("day", "close"),
    [
        (date(2026, 3, 10), datetime(2026, 3, 12, 7, tzinfo=UTC)),
        (date(2026, 3, 7), datetime(2026, 3, 9, 7, tzinfo=UTC)),  # clocks go forward on the 8th
        (date(2026, 3, 5), datetime(2026, 3, 7, 8, tzinfo=UTC)),
    ],
)
def test_a_day_closes_at_three_in_the_morning_two_days_later(day: date, close: datetime) -> None:
    assert ETA_V1.close(day) == close
    assert (ETA_V1.promised_at(day) - close).total_seconds() == 3 * 3600


def test_every_dataset_is_found_by_its_name_and_an_unknown_one_is_told() -> None:
    assert [spec_named(spec.name) for spec in SPECS] == list(SPECS)
    with pytest.raises(UnknownName, match=r"no dataset named 'eta_v3'\.\nDid you mean eta_v2 or eta_v1\?"):
        spec_named("eta_v3")


def test_every_spec_gives_its_contract_the_columns_it_wants() -> None:
    for spec in SPECS:
        wanted = {
            name for name in spec.table.column_names if "__" not in name and not name.startswith("label_")
        }
        made = {"meta_row_id", "meta_group", "meta_decision_date_et", "meta_weight"}
        assert wanted == {*spec.spine, *made, *(set(REQUEST) & wanted)}
