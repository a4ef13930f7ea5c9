"""Drawn lags have the shape of the measured ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from simulation.recorded.arrival_lags import LAG_DIVISOR, MEASURED_LAG_SECONDS, arrival_lags
from simulation.recorded.local_times import utc_from_local


def test_drawn_quantiles_are_the_measured_ones_divided():
    drawn = arrival_lags(np.arange(400_000, dtype=np.uint64))
    for probability, seconds in MEASURED_LAG_SECONDS[4:11]:
        assert np.quantile(drawn, probability) == pytest.approx(seconds / LAG_DIVISOR, rel=0.03, abs=1)
    assert drawn.min() >= 1
    assert drawn.max() <= MEASURED_LAG_SECONDS[-1][1] / LAG_DIVISOR


def test_a_record_has_the_same_lag_whoever_is_drawn_with_it():
    keys = np.arange(1_000, dtype=np.uint64)
    assert (arrival_lags(keys)[::7] == arrival_lags(keys[::7])).all()


def test_the_table_is_what_the_recording_says(recorded_data):
    path = recorded_data / "esa-act-feed" / "esa_act_2024-03_2025-03.parquet"
    rows = pd.read_parquet(path, columns=["observed_at", "change", "updated"])
    rows = rows[(rows["change"] != "gone") & rows["updated"].fillna("").ne("")]
    local = pd.to_datetime(rows["updated"].str.split(".").str[0], format="%d %b %Y %H:%M:%S")
    lags = (rows["observed_at"] - utc_from_local(local, "Australia/Canberra")).dt.total_seconds()
    for probability, seconds in MEASURED_LAG_SECONDS:
        assert lags.quantile(probability) == pytest.approx(seconds, abs=1)
