"""What Redis serves is what the point-in-time join reads at that moment: any rows, in any turns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import redis
from feast import FeatureStore
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakehouse.redis_server import RedisAddress
from support.offline_store import OURS_DUCKDB
from support.online_store import (
    FEATURES,
    HOUR,
    KEY,
    NOON,
    quiet,
    read,
    row,
    settings_of,
    store_of,
    view_of,
    write_rows,
)

pytestmark = pytest.mark.filterwarnings("ignore")  # Feast's own
PROVIDERS = ("P1", "P2", "P3")


@dataclass(frozen=True)
class Both:
    """One file behind both stores."""

    store: FeatureStore
    file: Path
    client: redis.Redis


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, redis_address: str) -> Iterator[Both]:
    folder = tmp_path_factory.mktemp("both")
    file = folder / "fleet.parquet"
    write_rows(file, row("P1", NOON, 1))
    with quiet():
        view = view_of(file, of_spark=True)
    store = store_of(settings_of(folder, redis_address, offline=OURS_DUCKDB), [view])
    with RedisAddress.parse(redis_address).client() as client:
        yield Both(store, file, client)


@st.composite
def turns(draw: st.DrawFn) -> list[list[dict[str, Any]]]:
    """The rows that are new at each writing: late ones, corrections and closing rows among them."""
    at = st.integers(0, 80).map(lambda hours: NOON + hours * HOUR)
    values = st.fixed_dictionaries(
        {
            "ratio": st.none() | st.floats(0, 1),
            "site": st.none() | st.sampled_from(["8728", ""]),
            "is_tow": st.none() | st.booleans(),
            "seen_at": st.none() | st.lists(at, max_size=2),
            "drivers": st.none() | st.lists(st.sampled_from(["D1", "D2"]), max_size=2),
        }
    )
    rows = draw(
        st.lists(
            st.tuples(
                st.sampled_from(PROVIDERS), at, st.none() | st.integers(0, 9), st.integers(0, 5), values
            ),
            min_size=1,
            max_size=15,
            unique_by=lambda each: (each[0], each[1], each[3]),
        )
    )
    made = [
        (each, draw(st.integers(0, 2)))
        for provider, moment, offers, later, more in rows
        for each in [
            row(provider, moment, offers, moment + later * HOUR, **(more if offers is not None else {}))
        ]
    ]
    return [[each for each, turn in made if turn == number] for number in range(3)]


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(turns=turns())
def test_redis_serves_what_the_join_reads(both: Both, turns: list[list[dict[str, Any]]]) -> None:
    both.client.flushdb()
    known: list[dict[str, Any]] = []
    for new in turns:
        known += new
        if not known:
            continue
        write_rows(both.file, *known)
        newest = max(each["available_at"] for each in known)
        with quiet():
            both.store.materialize(NOON - HOUR, newest)
        spine = pd.DataFrame({KEY: PROVIDERS, "event_timestamp": [newest] * len(PROVIDERS)})
        service = both.store.get_feature_service("board")
        joined = both.store.get_historical_features(spine, service, full_feature_names=True).to_arrow()
        served = read(both.store, *PROVIDERS)
        for name in FEATURES:
            column = f"fleet__{name}"
            assert [_plain(each) for each in served[column]] == joined[column].to_pylist(), column


def _plain(value: Any) -> Any:
    """Moments as the join has them: in UTC."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value.astimezone(UTC) if hasattr(value, "astimezone") else value
