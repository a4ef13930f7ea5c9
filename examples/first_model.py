"""A first arrival-time model: load eta_v1, fit gradient boosting, hold it against what is there already.

    roadside dataset build eta_v1 --start 2026-03-03 --end 2026-03-11    # once, after `make demo`
    python examples/first_model.py                # or: python examples/first_model.py FOLDER

Runs as a script or cell by cell (# %%) in an editor. Needs neither Java nor Spark. The baselines are the
provider's own promise and the median of area and service; the model sees neither the promise nor anything
that was not usable at the decision. Errors are over arrivals that were seen: waits that were cut off have
no arrival, and they are the long ones.
"""

# %% Load: every value is held to the digest in the dataset's manifest.
from __future__ import annotations

import sys

import numpy as np
import pandas as pd

import training_datasets
from training_datasets.baselines import score_of_minutes
from training_datasets.card_profiles import LabelKind
from training_datasets.small_model import fit, inputs_as_numbers
from training_datasets.splits import TEST, TRAIN, VALIDATION
from validation.errors import RoadsideError

LABEL = "label_arrival_minutes"
BASELINES = {
    "provider's promise": ("y", "label_promised_minutes"),
    "median of area and service": ("X", "incident_area_service_1d__arrival_minutes_p50_28d"),
}
RESAMPLED = 1000


def main(place: str = "eta_v1") -> pd.DataFrame:
    """Scores on the test rows of a dataset or the folder of one, a line each; printed as well.

    Raises:
        RoadsideError: the dataset was not built, or is not what its manifest says.
    """
    dataset = training_datasets.load(place)
    label = dataset.y[LABEL].to_numpy(dtype=float, na_value=np.nan)
    split = dataset.meta["meta_split"].to_numpy()
    seen = ~np.isnan(label)
    train, test = seen & np.isin(split, (TRAIN, VALIDATION)), seen & (split == TEST)
    print(f"{dataset.name}: {len(dataset):,} rows of {dataset.days[0]} to {dataset.days[-1]}")
    print(f"{train.sum():,} arrivals to train on, {test.sum():,} later ones to test\n")
    if not train.any() or not test.any():
        print("Too few days to split: build more of them.")
        return pd.DataFrame()

    # %% Fit: the validation days are train here, for nothing is tuned.
    inputs = inputs_as_numbers(dataset.X, dataset.meta["meta_decision_at"])
    model = fit(inputs[train], label[train], LabelKind.MINUTES)

    # %% Score: each baseline where it has a value, the model on the very same rows.
    said = {"model": model.says(inputs[test])}
    said["constant: median of train"] = np.full(int(test.sum()), np.median(label[train]))
    for name, (part, column) in BASELINES.items():
        said[name] = getattr(dataset, part)[column].to_numpy(dtype=float, na_value=np.nan)[test]
    scores = pd.DataFrame(
        {
            name: {"rows": int((~np.isnan(each)).sum()), **score_of_minutes(*_known(each, label[test]))}
            for name, each in said.items()
            if not np.isnan(each).all()
        }
    ).T
    print(scores.round(2).to_string(), "\n")

    # %% Lift: how much less the model is off, with what resampling the jobs leaves of it.
    jobs = dataset.meta["meta_group"].to_numpy()[test]
    for name, each in said.items():
        if name != "model" and name in scores.index:
            print(f"{name:>28}: {_lift(said['model'], each, label[test], jobs)}")
    return scores


def _known(said: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    known = ~np.isnan(said)
    return said[known], label[known]


def _lift(model: np.ndarray, baseline: np.ndarray, label: np.ndarray, jobs: np.ndarray) -> str:
    """Minutes less of error than the baseline, and the middle 95 % of it over resampled jobs."""
    known = ~np.isnan(baseline)
    gained = pd.DataFrame({"job": jobs, "less": np.abs(baseline - label) - np.abs(model - label)})[known]
    by_job = gained.groupby("job")["less"].agg(["sum", "size"]).to_numpy(dtype=float)
    chosen = np.random.default_rng(0).integers(0, len(by_job), (RESAMPLED, len(by_job)))
    resampled = by_job[chosen].sum(axis=1)
    low, high = np.quantile(resampled[:, 0] / resampled[:, 1], [0.025, 0.975])
    share = gained["less"].mean() / np.abs(baseline - label)[known].mean()
    verdict = "better" if low > 0 else "worse" if high < 0 else "no clear difference"
    return (
        f"the model is {gained['less'].mean():+.2f} minutes less off "
        f"({share:+.0%}; {low:+.2f} to {high:+.2f}), n = {int(known.sum()):,}: {verdict}"
    )


# %%
if __name__ == "__main__":
    try:
        main(*sys.argv[1:2])
    except RoadsideError as error:
        sys.exit(str(error))
