"""Where a job is, opened from its sealed payload inside the executor that needs it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pandas as pd
from pyspark.sql import Column
from pyspark.sql.pandas.functions import pandas_udf

from ingestion.rows import payload_context
from lakehouse.vault import VaultHandle, vault_of
from validation.errors import InputMissing

PLACES = ("latitude", "longitude", "destination_latitude", "destination_longitude")


def location_opener(handle: VaultHandle) -> Callable[[Column], Column]:
    """A function from a sealed dispatch payload to the places it holds, in degrees.

    struct<latitude, longitude, destination_latitude, destination_longitude>, null where the payload
    does not say, or its subject was erased. The plan holds where the vault is; keys stay in the process
    that opens them.
    """
    context = payload_context("dispatch_events")

    def opened(payloads: pd.Series) -> pd.DataFrame:
        vault = vault_of(handle)
        places = []
        for payload in payloads:
            try:
                fields = {} if payload is None else json.loads(vault.open(bytes(payload), context))
            except InputMissing:
                fields = {}
            of = (fields, fields.get("destination") or {})
            places.append([each.get(name) for each in of for name in ("latitude", "longitude")])
        return pd.DataFrame(places, columns=[*PLACES], dtype="float64")

    opener: Callable[[Column], Column] = pandas_udf(  # type: ignore[call-overload]
        opened, ", ".join(f"{name} double" for name in PLACES)
    )
    return opener
