"""The slices every dataset is reported by, as far as its own columns tell them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from training_datasets.accepted_support import OUTSIDE

if TYPE_CHECKING:
    from collections.abc import Callable

    from training_datasets.loading import Dataset

MOST_VALUES = 12
NONE = "not known"
REST = "others"
NOT_ALWAYS_TOLD = ("new provider", "storm")
"""Slices that only some datasets have a column for."""
_NEW_FOR_DAYS, _STORM = 27, 2.0

_TRACKED = ("provider_profile_1d__is_location_tracked", "provider_fleet_15m__is_location_tracked")
_FLEET = "provider_fleet_15m__drivers_on_duty_count"
_TENURE = "provider_profile_1d__tenure_days"
_AGAINST_USUAL = "incident_area_dispatch_15m__requests_60m_vs_baseline_ratio"
_REQUESTS = "incident_area_service_1d__requests_28d_count"


def slices_of(dataset: Dataset) -> dict[str, pd.Series]:
    """Slice -> its value for each row, as text; values beyond the dozen most frequent are `others`."""
    found = {title: told for title, slice_of in _SLICES.items() if (told := slice_of(dataset)) is not None}
    return {title: _lumped(values) for title, values in found.items() if values.nunique() > 0}


def _service(dataset: Dataset) -> pd.Series | None:
    return _text(dataset.X, "service_type")


def _channel(dataset: Dataset) -> pd.Series | None:
    return _text(dataset.meta, "meta_dispatch_channel")


def _program(dataset: Dataset) -> pd.Series | None:
    return _text(dataset.meta, "meta_program_id")


def _stage(dataset: Dataset) -> pd.Series | None:
    return _text(dataset.meta, "meta_stage")


def _candidate_source(dataset: Dataset) -> pd.Series | None:
    return _text(dataset.meta, "meta_candidate_source")


def _tracked(dataset: Dataset) -> pd.Series | None:
    """By the provider's profile; else by whether its fleet was seen at all in the 24 h before."""
    for name in _TRACKED:
        if name in dataset.X:
            told = dataset.X[name].map({True: "tracked", False: "not tracked"})
            return told.astype(object).where(told.notna(), NONE)
    if _FLEET not in dataset.X:
        return None
    seen = dataset.X[_FLEET].notna()
    return pd.Series(np.where(seen, "drivers seen in 24 h", "no driver seen"), index=seen.index)


def _density(dataset: Dataset) -> pd.Series | None:
    """Thirds of the rows by the requests of the area and service in 28 days."""
    if _REQUESTS not in dataset.X:
        return None
    requests = dataset.X[_REQUESTS].to_numpy(dtype=float, na_value=np.nan)
    known = requests[~np.isnan(requests)]
    if not len(known):
        return None
    low, high = np.quantile(known, (1 / 3, 2 / 3))
    if low == high:
        return None
    third = np.where(requests <= low, "sparse", np.where(requests <= high, "middle", "dense"))
    told = np.where(np.isnan(requests), NONE, third)
    return pd.Series(told, index=dataset.X.index, dtype=object)


def _accepted_support(dataset: Dataset) -> pd.Series | None:
    if OUTSIDE not in dataset.meta or dataset.meta[OUTSIDE].isna().all():
        return None
    told = dataset.meta[OUTSIDE].map({True: "outside", False: "within"})
    return told.astype(object).where(told.notna(), NONE)


def _new_provider(dataset: Dataset) -> pd.Series | None:
    return _above(dataset, _TENURE, _NEW_FOR_DAYS, "28 days or more", "first seen in the last 28 days")


def _storm(dataset: Dataset) -> pd.Series | None:
    return _above(dataset, _AGAINST_USUAL, _STORM, "requests above twice the usual", "no storm")


def _above(dataset: Dataset, name: str, bound: float, above: str, below: str) -> pd.Series | None:
    if name not in dataset.X or dataset.X[name].isna().all():
        return None
    value = dataset.X[name].to_numpy(dtype=float, na_value=np.nan)
    told = np.where(np.isnan(value), NONE, np.where(value > bound, above, below))
    return pd.Series(told, index=dataset.X.index, dtype=object)


_SLICES: dict[str, Callable[[Dataset], pd.Series | None]] = {
    "service": _service,
    "stage": _stage,
    "channel": _channel,
    "tracked": _tracked,
    "area density": _density,
    "program": _program,
    "candidate": _candidate_source,
    "support of acceptances": _accepted_support,
    "new provider": _new_provider,
    "storm": _storm,
}


def _text(frame: pd.DataFrame, name: str) -> pd.Series | None:
    if name not in frame or frame[name].isna().all():
        return None
    return frame[name].astype(object).where(frame[name].notna(), NONE).astype(str)


def _lumped(values: pd.Series) -> pd.Series:
    counts = values.value_counts()
    kept = sorted(counts.index, key=lambda value: (-counts[value], value))[:MOST_VALUES]
    return values.where(values.isin(kept), REST)
