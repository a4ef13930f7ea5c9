"""A round of offers becomes a set of candidates: those that the rule names, and those that were asked.

What the rule reads are features as they could be read at the decision, by the same point-in-time join
that gives a row its features.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse.spark import frame_of_arrow
from training_datasets.candidates import REFERENCES, candidates
from training_datasets.known import Known
from training_datasets.round_decisions import BY_RULE, OUTSIDE_RULE, asked_in
from transforms.positions import zone_of
from transforms.zones import with_disk, with_market
from validation.errors import CheckFailed

FeaturesOf = Callable[[pd.DataFrame, Sequence[str]], pd.DataFrame]
"""(spine, references) -> the spine, in its order, with `view__feature` columns as they could be read."""

CHOICE = ("candidate_source", "candidates_count")
"""What a candidate has beside its round's columns."""
LEAST_RECALL, GOOD_RECALL = 0.95, 0.98
"""Fails below the first, warns below the second (DOMAIN 4)."""

HELD_TO_ALL = 5
"""Rounds of a day whose candidates are looked for among all providers as well."""

_PAIR = ["round_key", "provider_id"]
_MARKETS_AROUND = 2
"""Steps of H3 r4 cells: all places within 50 km of a cell lie in its disk of two (a cell is 39 km across)."""


@dataclass(frozen=True)
class Recall:
    """How many of the providers asked the rule names, before they are added to its candidates."""

    named: int
    asked: int

    @property
    def share(self) -> float:
        """1 where nobody was asked."""
        return self.named / self.asked if self.asked else 1.0


def checked_recall(dataset: str, day: date, recall: Recall) -> str:
    """The check's outcome, in words.

    Raises:
        CheckFailed: the rule names too few of those who were asked.
    """
    counts = f"{recall.named} of {recall.asked} providers asked are candidates by the rule"
    if recall.share < LEAST_RECALL:
        raise CheckFailed(
            f"{dataset}: rule recall {recall.share:.3f} on {day} is below {LEAST_RECALL}: {counts}.",
            "Territory, capability or duty of the others was not known at the decision. Nothing was "
            "published: look whether a source was silent, or what the rule cannot know.",
        )
    return f"{'passed' if recall.share >= GOOD_RECALL else 'warned'}: {counts}"


def choice_sets(
    known: Known,
    rounds: DataFrame,
    provider_area_1d: DataFrame,
    provider_fleet_15m: DataFrame,
    features_of: FeaturesOf,
) -> tuple[DataFrame, Recall]:
    """One row per round and candidate: the round's columns, provider_id and CHOICE; and the rule's recall.

    Args:
        known: silver as known at the close.
        rounds: one row per round, with its request.
        provider_area_1d, provider_fleet_15m: rows that could be read at any of the decisions.
        features_of: the point-in-time join.

    Raises:
        CheckFailed: in one of a few rounds the rule, asked of every provider, names other ones.
    """
    stated = rounds.select(
        "round_key",
        "area_id",
        "service_type",
        "is_immediate",
        "job_latitude",
        "job_longitude",
        "job_needs_tow",
        F.col("decision_at").alias("event_timestamp"),
    )
    pairs = pool(rounds, provider_area_1d, provider_fleet_15m).withColumn("is_pooled", F.lit(True))
    held = rounds.select("round_key").distinct().orderBy(F.xxhash64("round_key"), "round_key")
    everyone = provider_area_1d.select("provider_id").union(provider_fleet_15m.select("provider_id"))
    of_all = held.limit(HELD_TO_ALL).crossJoin(everyone.distinct()).withColumn("is_held", F.lit(True))
    both = pairs.join(of_all, _PAIR, "full_outer")
    spine = both.join(stated, "round_key").orderBy(*_PAIR).toArrow().to_pandas()
    named = _named(spine, features_of) if len(spine) else spine[_PAIR]
    asked = asked_in(known, rounds).toArrow().to_pandas()
    chosen = asked.merge(named, how="outer", on=_PAIR, indicator="side")
    is_asked, is_named = chosen["side"] != "right_only", chosen["side"] != "left_only"
    chosen["candidate_source"] = is_named.map({True: BY_RULE, False: OUTSIDE_RULE})
    chosen["candidates_count"] = chosen.groupby("round_key")["provider_id"].transform("size").astype("int64")
    waits = stated.where("is_immediate").select("round_key").toArrow().to_pandas()["round_key"]
    counted = chosen["round_key"].isin(waits) & is_asked
    recall = Recall(int((counted & is_named).sum()), int(counted.sum()))
    rows = pa.Table.from_pandas(chosen[[*_PAIR, *CHOICE]], preserve_index=False)
    of_nobody = rounds.drop("row_key", "provider_id")
    return of_nobody.join(frame_of_arrow(rounds.sparkSession, rows), "round_key"), recall


def _named(spine: pd.DataFrame, features_of: FeaturesOf) -> pd.DataFrame:
    """The pairs that the rule names among those pooled; of the rounds held to all providers, the same."""
    flags = spine[["is_pooled", "is_held"]].notna()
    found = features_of(spine.drop(columns=[*flags]), REFERENCES)
    named = candidates(found[flags["is_pooled"]])
    of_all = candidates(found[flags["is_held"]])
    held = spine.loc[flags["is_held"], "round_key"].unique()
    of_pool = named[named["round_key"].isin(held)]
    other = of_pool.merge(of_all, how="outer", on=_PAIR, indicator="side").query("side != 'both'")
    if len(other):
        raise CheckFailed(
            f"The candidates of {other['round_key'].nunique()} of {len(held)} rounds are not those that the "
            f"rule names among all providers ({len(other)} differ).",
            "training_datasets.choice_sets.pool leaves out who might be a candidate: ours to mend.",
        )
    return named


def pool(rounds: DataFrame, provider_area_1d: DataFrame, provider_fleet_15m: DataFrame) -> DataFrame:
    """Pairs of a round and a provider that the rule might name, no fewer: round_key and provider_id.

    Providers with a row in the area, and those with an available driver in the markets around it.
    """
    areas = provider_area_1d.select("area_id", "provider_id").distinct()
    markets = with_market(rounds.select("round_key", "zone_id").where("zone_id IS NOT NULL"))
    around = with_disk(markets.select(F.col("market_id").alias("zone_id")), _MARKETS_AROUND)
    place = F.explode(F.arrays_zip("available_latitude", "available_longitude")).alias("place")
    zone = zone_of(F.col("place.available_latitude"), F.col("place.available_longitude"))
    drivers = (
        provider_fleet_15m.select("provider_id", place)
        .select("provider_id", zone.alias("zone_id"))
        .distinct()
        .transform(with_market)
        .select("provider_id", F.col("market_id").alias("ring_zone_id"))
        .distinct()
    )
    near = (
        markets.drop("zone_id")
        .join(around.withColumnRenamed("zone_id", "market_id"), "market_id")
        .join(drivers, "ring_zone_id")
    )
    by_area = rounds.select("round_key", "area_id").join(areas, "area_id")
    return by_area.select(*_PAIR).union(near.select(*_PAIR)).distinct()
