"""As published: a row is read from the first release that held it on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.pinning import NEVER, Publications, as_published

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NUMBERS = st.integers(0, 6)


def moment(number: int) -> datetime:
    return EPOCH + timedelta(microseconds=number)


@given(
    releases=st.lists(st.tuples(NUMBERS, NUMBERS), max_size=5),
    rows=st.lists(st.tuples(NUMBERS, NUMBERS, st.integers(0, 2)), min_size=1, max_size=8),
)
def test_a_row_is_read_from_the_first_release_that_held_it(
    releases: list[tuple[int, int]], rows: list[tuple[int, int, int]]
) -> None:
    published = Publications(tuple((moment(tick), moment(out)) for tick, out in releases))
    ticks, revised, revisions = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    expected = [
        min((out for of, out in releases if (out >= made if revision else of >= tick)), default=NEVER)
        for tick, made, revision in rows
    ]
    assert published.first_read(ticks, revised, revisions).tolist() == expected


def test_only_features_are_read_as_published() -> None:
    came_out = [(moment(1), moment(2))]
    pin = as_published({"features.zone_demand_15m": came_out, "training.eta_v1": came_out})
    assert pin.published == {"zone_demand_15m": Publications(tuple(came_out))}
    assert pin.published_of("lake.features.zone_demand_15m") is not None
    assert pin.published_of("lake.features.job_state_15m") is None
