"""Which candidates lie where nobody said yes: an ETA learned of acceptances tells nothing there (T10)."""

from __future__ import annotations

import pandas as pd

OUTSIDE = "meta_is_outside_accepted_support"
DISTANCES = ("trip_geometry__nearest_available_driver_km", "trip_geometry__site_to_job_km")
"""The first that is known counts, as in the rule of candidates."""
WILLINGNESS = "provider_performance_1d__offer_accept_ratio_28d"
SHARE = 0.99
"""Of those that said yes in train so many lie within."""


def outside_accepted_support(inputs: pd.DataFrame, gains: pd.Series, is_train: pd.Series) -> pd.Series:
    """Per candidate whether it is farther, or of a less willing provider, than 99 of 100 that said yes.

    Those that said yes are the rows of train with a gain of 1 or more. Null where neither the distance nor
    the provider's acceptance ratio is known of the candidate, or of nobody that said yes.
    """
    said_yes = (is_train & (gains >= 1)).fillna(False).astype(bool)
    distance = inputs[DISTANCES[0]].fillna(inputs[DISTANCES[1]]).astype("Float64")
    is_far = _beyond(distance, said_yes)
    is_unwilling = _beyond(-inputs[WILLINGNESS].astype("Float64"), said_yes)
    return (is_far.fillna(False) | is_unwilling.fillna(False)).mask(is_far.isna() & is_unwilling.isna())


def _beyond(values: pd.Series, said_yes: pd.Series) -> pd.Series:
    """Whether a value is greater than SHARE of the known ones of those that said yes; null where unknown."""
    known = values[said_yes].dropna()
    if not len(known):
        return pd.Series(pd.NA, index=values.index, dtype="boolean")
    return values > float(known.quantile(SHARE, interpolation="higher"))
