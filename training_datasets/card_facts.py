"""Everything a card says, as numbers: worked out of a loaded dataset and its manifests, drawn elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from training_datasets.baselines import (
    Score,
    ordered_pairs,
    score_of_answers,
    score_of_minutes,
    weighted_quantile,
)
from training_datasets.card_profiles import LabelKind, Profile, profile_of
from training_datasets.feature_statistics import (
    DRIFTED,
    LEAST_LABELLED,
    Values,
    null_share,
    population_stability_index,
    told_alone,
    too_much,
    values_of,
)
from training_datasets.files import read_json
from training_datasets.splits import SPLITS, TEST, TRAIN
from training_datasets.survival import Survival, kaplan_meier

if TYPE_CHECKING:
    from training_datasets.loading import Dataset

DRIFT_DAYS = 7
LEAKS = "_leaks.json"
LATE_RELEASE = "late_release"


@dataclass(frozen=True)
class FeatureFacts:
    """One input: share of nulls, PSI of the recent days, and what it tells of the label by itself.

    Attributes:
        psi: None with too few rows on a side, or no value at all.
        alone: share of the label's variance, or AUC of a yes or no; None with too few labels, or no value.
    """

    name: str
    nulls: float
    psi: float | None
    alone: float | None


@dataclass(frozen=True)
class RowsFacts:
    """Some of the rows: how many, and what their labels are like.

    Attributes:
        labelled: rows with a label; typical: its median, or the share of yes, or the mean gain.
        censored: None where the dataset has no censoring.
    """

    rows: int
    groups: int
    weight: float
    labelled: int
    typical: float | None
    censored: int | None


class Facts:
    """What the card of a dataset tells; each is worked out once, when it is asked for."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.profile: Profile = profile_of(dataset.folder.table)

    @property
    def rows(self) -> int:
        """Rows of the dataset that were loaded."""
        return len(self.dataset)

    @cached_property
    def label(self) -> np.ndarray:
        """The label of each row, NaN where it has none."""
        found: np.ndarray = self.dataset.y[self.profile.label].to_numpy(dtype=float, na_value=np.nan)
        return found

    @cached_property
    def labelled(self) -> np.ndarray:
        """Whether each row has a label."""
        found: np.ndarray = ~np.isnan(self.label)
        return found

    @property
    def unit(self) -> str:
        """Unit of the label, as a word."""
        unit = self.dataset.folder.table.column(self.profile.label).unit
        return {"min": "minutes", "s": "seconds"}.get(unit, unit)

    @cached_property
    def censored(self) -> np.ndarray | None:
        """Whether each row was cut off; None where the dataset does not say."""
        if "label_is_censored" not in self.dataset.y:
            return None
        told = self.dataset.y["label_is_censored"]
        return told.fillna(False).to_numpy(dtype=bool)

    @cached_property
    def manifests(self) -> dict[date, dict[str, Any]]:
        """The manifest of each day."""
        return {day: self.dataset.folder.day_manifest(day) for day in self.dataset.days}

    @cached_property
    def waterfall(self) -> dict[str, int]:
        """How the decisions of these days became the rows, step by step."""
        steps: dict[str, int] = {}
        for manifest in self.manifests.values():
            for step, count in manifest["content"]["waterfall"]:
                steps[step] = steps.get(step, 0) + count
        if self.dataset.dropped_late:
            rows = steps.pop("rows")
            steps |= {LATE_RELEASE: self.dataset.dropped_late, "rows": rows - self.dataset.dropped_late}
        return steps

    @cached_property
    def checks(self) -> dict[str, dict[str, list[date]]]:
        """Check or gate -> result -> the days it had it on."""
        found: dict[str, dict[str, list[date]]] = {}
        for day, manifest in self.manifests.items():
            evidence = manifest["evidence"]
            for check, result in {**evidence.get("checks", {}), **evidence.get("gates", {})}.items():
                found.setdefault(check, {}).setdefault(str(result), []).append(day)
        return dict(sorted(found.items()))

    @cached_property
    def statuses(self) -> dict[str, int]:
        """Rows by label_status, most first."""
        return self.counts("label_status")

    @cached_property
    def censor_reasons(self) -> dict[str, int]:
        """Rows that were cut off by reason, most first."""
        return self.counts("label_censor_reason")

    def counts(self, label: str) -> dict[str, int]:
        """Rows by a label's value, most first; none where the dataset has no such label."""
        if label not in self.dataset.y:
            return {}
        found = self.dataset.y[label].dropna().astype(str).value_counts()
        return dict(
            sorted(((str(name), int(n)) for name, n in found.items()), key=lambda each: (-each[1], each))
        )

    @cached_property
    def survival(self) -> tuple[Survival, Survival] | None:
        """The Kaplan-Meier curve of all rows that were watched, and that of those seen to the end alone."""
        if self.censored is None or "label_observed_minutes" not in self.dataset.y:
            return None
        watched = self.dataset.y["label_observed_minutes"].to_numpy(dtype=float, na_value=np.nan)
        known = ~np.isnan(watched)
        seen = known & ~self.censored
        if not known.any():
            return None
        return kaplan_meier(watched[known], seen[known]), kaplan_meier(watched[seen], seen[seen])

    @cached_property
    def drift_days(self) -> tuple[tuple[date, ...], tuple[date, ...]]:
        """The days before and the recent ones: the last 7; of fewer than 14 days the later half."""
        days = self.dataset.days
        recent = min(DRIFT_DAYS, len(days) // 2)
        return days[: len(days) - recent], days[len(days) - recent :]

    @cached_property
    def drift_rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Whether each row is of the days before, and of the recent ones."""
        recent = self.dataset.meta["meta_decision_date_et"].isin(self.drift_days[1]).to_numpy(dtype=bool)
        return ~recent, recent

    @cached_property
    def features(self) -> list[FeatureFacts]:
        """Every input, in the contract's order."""
        decided = self.dataset.meta["meta_decision_at"]
        return [
            self._feature(name, values_of(self.dataset.X[name], decided)) for name in self.dataset.X.columns
        ]

    @property
    def is_answer(self) -> bool:
        """Whether the label is a yes or no."""
        return self.profile.kind is LabelKind.ANSWER

    @property
    def too_much(self) -> float:
        """What no single feature may tell of the label."""
        return too_much(is_answer=self.is_answer)

    @cached_property
    def tripped(self) -> list[FeatureFacts]:
        """Features that tell too much by themselves."""
        may_tell = self.profile.may_tell
        told = [each for each in self.features if each.alone is not None and each.name not in may_tell]
        return [each for each in told if (each.alone or 0) > self.too_much]

    @cached_property
    def drifted(self) -> list[FeatureFacts]:
        """Features whose recent values are distributed otherwise than before, worst first."""
        found = [each for each in self.features if each.psi is not None and each.psi > DRIFTED]
        return sorted(found, key=lambda each: (-(each.psi or 0), each.name))

    @cached_property
    def scored_rows(self) -> tuple[str, np.ndarray]:
        """The rows the baselines are scored on: those of test that have a label; all, if that is too few."""
        of_test = self.labelled & self._is_split(TEST)
        is_enough = of_test.sum() >= LEAST_LABELLED
        return ("test rows", of_test) if is_enough else ("rows of all splits", self.labelled)

    @cached_property
    def scores(self) -> list[Score]:
        """Every baseline's score, that of a constant first."""
        constant = self._constant()
        return [*([] if constant is None else [constant]), *(self._score(each) for each in self.foretold)]

    @cached_property
    def foretold(self) -> list[tuple[str, str, np.ndarray | None]]:
        """Every baseline: title, what to say where it is lacking, and what it foretells of each row."""
        return [
            (
                each.title + (" (in hindsight)" if each.is_in_hindsight else ""),
                each.lacking or f"The dataset has no {each.column}.",
                each.foretold(self.dataset),
            )
            for each in self.profile.baselines
        ]

    @cached_property
    def leaks(self) -> Mapping[str, Any] | None:
        """The leak report beside the dataset, if one was made."""
        found: Mapping[str, Any] | None = read_json(self.dataset.folder.path / LEAKS)
        return found

    @cached_property
    def splits(self) -> dict[str, RowsFacts]:
        """What each split holds."""
        return {split: self.of_rows(self._is_split(split)) for split in SPLITS}

    def of_rows(self, chosen: np.ndarray) -> RowsFacts:
        """What the rows chosen hold."""
        meta = self.dataset.meta[chosen]
        labels = self.label[chosen & self.labelled]
        return RowsFacts(
            len(meta),
            int(meta["meta_group"].nunique()),
            float(meta["meta_weight"].sum()),
            len(labels),
            self._typical(chosen & self.labelled),
            None if self.censored is None else int(self.censored[chosen].sum()),
        )

    @cached_property
    def first_baseline(self) -> tuple[str, np.ndarray] | None:
        """The first baseline with values, and what it foretells of each row; None without, and of a gain."""
        if self.profile.kind is LabelKind.GAIN:
            return None
        known = (
            (title, told) for title, _, told in self.foretold if told is not None and not np.isnan(told).all()
        )
        return next(known, None)

    def error_of_first(self, chosen: np.ndarray) -> tuple[float | None, int]:
        """Mean error (Brier score) of the first baseline among the rows chosen, and on how many of them."""
        if self.first_baseline is None:
            return None, 0
        foretold = self.first_baseline[1]
        rows = chosen & self.labelled & ~np.isnan(foretold)
        off = foretold[rows] - self.label[rows]
        if not len(off):
            return None, 0
        return float(np.average(off**2 if self.is_answer else np.abs(off), weights=self._weight(rows))), len(
            off
        )

    @cached_property
    def is_weighted(self) -> bool:
        """Whether rows count by a weight, those of one assignment as one."""
        return bool((self.dataset.meta["meta_weight"] != 1).any())

    def _weight(self, rows: np.ndarray) -> np.ndarray | None:
        """The weights of the rows; None where all count alike."""
        if not self.is_weighted:
            return None
        found: np.ndarray = self.dataset.meta["meta_weight"].to_numpy(dtype=float)[rows]
        return found

    def _typical(self, rows: np.ndarray) -> float | None:
        """The median label of the rows, or its mean."""
        labels = self.label[rows]
        if not len(labels):
            return None
        if self.profile.kind is LabelKind.MINUTES:
            return weighted_quantile(labels, 0.5, self._weight(rows))
        return float(labels.mean())

    def _is_split(self, split: str) -> np.ndarray:
        found: np.ndarray = (self.dataset.meta["meta_split"] == split).to_numpy(dtype=bool)
        return found

    def _feature(self, name: str, values: Values) -> FeatureFacts:
        nulls = null_share(values)
        if nulls == 1:
            return FeatureFacts(name, nulls, None, None)
        before, recent = self.drift_rows
        label, known = self.label[self.labelled], values.where(self.labelled)
        return FeatureFacts(
            name,
            nulls,
            population_stability_index(values.where(before), values.where(recent)),
            told_alone(known, label, is_answer=self.is_answer),
        )

    def _constant(self) -> Score | None:
        """What always saying the train rows' typical label scores."""
        typical = self._typical(self.labelled & self._is_split(TRAIN))
        if typical is None or self.profile.kind is LabelKind.GAIN:
            return None
        what = "Share of yes in train" if self.is_answer else "Median of train"
        return self._score((f"{what}, a constant", "", np.full(self.rows, typical)))

    def _score(self, baseline: tuple[str, str, np.ndarray | None]) -> Score:
        title, lacking, foretold = baseline
        asked = self.scored_rows[1]
        if foretold is None:
            return Score(title, 0, int(asked.sum()), {}, lacking)
        rows = asked & ~np.isnan(foretold)
        if self.profile.kind is LabelKind.GAIN:
            return self._score_of_order(title, foretold, rows)
        if not rows.any():
            return Score(title, 0, int(asked.sum()), {}, "It has no value on any of these rows.")
        said, came = foretold[rows], self.label[rows]
        measures = (
            score_of_answers(said, came)
            if self.is_answer
            else score_of_minutes(said, came, self._weight(rows))
        )
        return Score(title, int(rows.sum()), int(asked.sum()), measures)

    def _score_of_order(self, title: str, foretold: np.ndarray, rows: np.ndarray) -> Score:
        meta, asked = self.dataset.meta, self.scored_rows[1]
        rounds = meta[self.profile.rounds if self.profile.rounds in meta else "meta_group"]
        of, _ = ordered_pairs(np.zeros(int(asked.sum())), self.label[asked], rounds[asked])
        pairs, share = ordered_pairs(foretold[rows], self.label[rows], rounds[rows])
        if not pairs:
            return Score(title, 0, of, {}, "No two candidates of a round have unlike gains and a value each.")
        return Score(title, pairs, of, {"pairs in order": share})


def is_passed(result: str) -> bool:
    """Whether a check's outcome, as a build tells it, is nothing to look at: passed, or a count reported."""
    return result.startswith(("passed", "reported"))


def is_warning(result: str) -> bool:
    """Whether somebody should look."""
    return result.startswith("warned")


def is_failure(result: str) -> bool:
    """Whether it neither passed nor warned, and was asked."""
    return not result.startswith(("passed", "reported", "warned", "not asked"))


def of_views(features: Sequence[FeatureFacts]) -> dict[str, list[FeatureFacts]]:
    """The features by the view they come from; the request's and the keys under the name `request`."""
    found: dict[str, list[FeatureFacts]] = {}
    for each in features:
        view, separator, _ = each.name.partition("__")
        found.setdefault(view if separator else "request", []).append(each)
    return found
