"""The dataset card: one page that needs nothing else, whatever the dataset lacks."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import training_datasets
from support.made_dataset import (
    AREA_MEDIAN,
    FIRST,
    days_from,
    decision_rows,
    eta_dataset,
    eta_rows,
    write_dataset,
)
from training_datasets import dataset_folder
from training_datasets.card import drawn
from training_datasets.card_facts import Facts
from training_datasets.loading import Dataset
from validation.contract import Column, Table, Type
from validation.contracts.training.eta_v1 import ETA_V1
from validation.contracts.training.eta_v2 import ETA_V2
from validation.contracts.training.matching_acceptance_v1 import MATCHING_ACCEPTANCE_V1
from validation.contracts.training.matching_ranking_v1 import MATCHING_RANKING_V1

OFFERS = "provider_activity_15m__offers_60m_count"
VOID = {"meta", "br", "wbr"}


class Page(HTMLParser):
    """What a browser makes of a page: whether its elements are nested, and the text it shows."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.shown: list[str] = []
        self.figures: list[list[str]] = []
        self.feed(text)
        self.close()
        assert self.open == []
        assert len(self.ids) == len(set(self.ids))

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.shown)).replace("_ ", "_")  # where a name may break

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag == "figure":
            self.figures.append([])
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ("rect", "line", "path")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.shown.append(data)
        if "figcaption" in self.open:
            self.figures[-1].append(data)


def page_of(dataset: Dataset) -> Page:
    """The card, after what holds of every card."""
    text = drawn(dataset).html
    assert text.startswith("<!DOCTYPE html>")
    assert not re.search(r"https?:|<script|<link|<img|url\(|@import|nan%|inf%|>nan<", text)
    page = Page(text)
    for caption in page.figures:
        assert re.search(r"n = [\d,]+", "".join(caption)), caption
    return page


def made(tmp_path: Path, frame: pd.DataFrame, days: int = 30, table: Table = ETA_V1) -> Dataset:
    """The frame as a dataset, loaded."""
    write_dataset(tmp_path / table.short_name, table, frame, days_from(FIRST, days))
    return training_datasets.load(tmp_path / table.short_name)


def test_a_card_tells_the_whole_story_with_its_numbers(tmp_path: Path) -> None:
    dataset = training_datasets.load(eta_dataset(tmp_path / "eta_v1", days=30, per_day=100))
    page = page_of(dataset)
    labelled, cut = dataset.y["label_arrival_minutes"].notna().sum(), dataset.y["label_is_censored"].sum()
    for told in (
        "A provider accepted: minutes to arrival?",
        "One row per assignment accepted on the business day",
        "n = 3,210 decisions",
        "-120 (3.7 %)",
        f"n = {labelled:,} rows with a label of 3,000",
        f"{cut} of 3,000 rows were cut off",
        "member cancelled",
        "2026-01-05 to 2026-01-13 (9)",
        "24 h after each",
        "Median of area and service, 28 days",
        "arrived by the first promise plus 15 minutes",
        "Provider's first promise",
        "fuel_delivery",
        "area density",
        "T16 passed",
        "No leak report was made",
        "against the 23 before (n = 2,300)",
        "30 of 30 days",
        dataset.manifest["digest"],
    ):
        assert told in page.text, told
    assert "Every input" in page.text
    assert all(name.rpartition("__")[2] in page.text for name in dataset.X)


def test_the_same_dataset_gives_the_same_bytes(tmp_path: Path) -> None:
    folders = [eta_dataset(tmp_path / name / "eta_v1", days=10, per_day=50) for name in ("a", "b")]
    one, other = (training_datasets.load(folder).card for folder in folders)
    assert one == other
    assert str(tmp_path) not in one


def test_a_dataset_without_rows_says_so(tmp_path: Path) -> None:
    days = days_from(FIRST, 3)
    page = page_of(made(tmp_path, eta_rows(days, 0), days=3))
    for told in (
        "The dataset has no rows.",
        "No row has a label",
        "No rows, so no shares.",
        "n = 21 decisions",
    ):
        assert told in page.text, told


@pytest.mark.parametrize(("days", "per_day"), [(1, 1), (1, 3), (2, 1), (4, 2), (8, 5)])
def test_a_tiny_dataset_is_drawn_without_making_up_figures(tmp_path: Path, days: int, per_day: int) -> None:
    page = page_of(made(tmp_path, eta_rows(days_from(FIRST, days), per_day), days=days))
    assert "Not computed" in page.text
    assert "Drift compares days" in page.text or "Too few rows to compare" in page.text
    assert "Splits are shortened" in page.text


def test_where_every_label_is_censored_the_curve_is_there_and_the_histogram_is_not(tmp_path: Path) -> None:
    dataset = made(tmp_path, eta_rows(days_from(FIRST, 30), 40, censored_share=1.0))
    page = page_of(dataset)
    assert "No row has a label" in page.text
    assert "n = 1,200 rows, of which 1,200 were cut off" in page.text
    assert "only those seen to the end - - 0" in page.text
    assert "100 %" in page.text


def test_a_label_that_slipped_in_trips_the_wire(tmp_path: Path) -> None:
    frame = eta_rows(days_from(FIRST, 30), 100)
    leak = "incident_area_service_1d__goa_ratio_28d"
    frame[leak] = -np.sqrt(frame["label_arrival_minutes"])
    dataset = made(tmp_path, frame)
    assert [each.name for each in Facts(dataset).tripped] == [leak]
    assert drawn(dataset).findings[0] == f"Tripwire T16: {leak}."
    assert "T16 FAILED: 1 above 0.9" in page_of(dataset).text


def test_a_feature_that_changed_in_the_last_week_has_drifted(tmp_path: Path) -> None:
    days = days_from(FIRST, 30)
    frame = eta_rows(days, 100)
    recent = frame["meta_decision_date_et"].isin(days[-7:])
    frame[OFFERS] = frame[OFFERS].where(~recent, frame[OFFERS] + 4)
    facts = Facts(made(tmp_path, frame))
    assert [each.name for each in facts.drifted] == [OFFERS]
    assert facts.drift_days == (tuple(days[:-7]), tuple(days[-7:]))


def test_figures_are_those_of_the_rows(tmp_path: Path) -> None:
    frame = eta_rows(days_from(FIRST, 30), 100)
    facts = Facts(made(tmp_path, frame))
    assert facts.waterfall == {
        "accepted_offers": 3210, "scheduled": 120, "second_tow": 30, "backdated": 60, "rows": 3000
    }  # fmt: skip
    assert sum(told.rows for told in facts.splits.values()) == 3000
    assert sum(facts.statuses.values()) == 3000
    by_name = {each.name: each for each in facts.features}
    assert by_name[OFFERS].nulls == pytest.approx(frame[OFFERS].isna().mean())
    constant, promise, area, _ = facts.scores
    test = facts.dataset.of("test")
    error = (test.X[AREA_MEDIAN] - test.y["label_arrival_minutes"]).abs().dropna()
    assert (area.scored, area.measures["mean error"]) == (len(error), pytest.approx(error.mean()))
    assert constant.measures["mean error"] > area.measures["mean error"]
    off = facts.dataset.of("test").y
    late = (off["label_promised_minutes"] - off["label_arrival_minutes"]).abs().dropna()
    assert (promise.scored, promise.measures["mean error"]) == (len(late), pytest.approx(late.mean()))
    curve, seen = facts.survival or (None, None)
    assert curve is not None
    assert seen is not None
    assert (curve.quantile(0.5) or 0) > (seen.quantile(0.5) or 0)


def test_the_leak_report_beside_the_dataset_is_drawn(tmp_path: Path) -> None:
    folder = eta_dataset(tmp_path / "eta_v1", days=3, per_day=20)
    shares = [
        {"feature": OFFERS, "ignoring_available_at": 0.067, "ignoring_landing": 0.01},
        {"feature": "request_time__is_night", "ignoring_available_at": 0.5, "ignoring_landing": None},
        {
            "feature": "provider_fleet_15m__drivers_on_duty_count",
            "ignoring_available_at": 0,
            "ignoring_landing": 0,
        },
    ]
    (folder / "_leaks.json").write_text(json.dumps({"cells": 4080, "features": shares}))
    page = page_of(training_datasets.load(folder))
    assert "n = 4,080 cells" in page.text
    assert "6.7 %, 1.0 %" in page.text
    assert "50.0 %, -" in page.text
    (folder / "_leaks.json").write_text(json.dumps({"cells": 4080, "rows": 60, "features": shares[2:]}))
    page = page_of(training_datasets.load(folder))
    assert "No cell would differ, whichever rule is ignored (n = 4,080 cells of 60 rows)." in page.text


def test_what_the_data_say_is_no_markup(tmp_path: Path) -> None:
    frame = eta_rows(days_from(FIRST, 3), 30)
    frame["service_type"] = "<script>alert('&')</script>"
    page = page_of(made(tmp_path, frame, days=3))
    assert "<script>alert('&')</script>" in page.text


def test_a_part_of_the_days_is_told_as_one(tmp_path: Path) -> None:
    folder = eta_dataset(tmp_path / "eta_v1", days=30, per_day=20)
    dataset = training_datasets.load(folder, through=days_from(FIRST, 25)[-1])
    assert "Only 25 of 30 days were loaded." in drawn(dataset).findings
    assert "n = 675 decisions" in page_of(dataset).text


def test_a_yes_or_no_is_drawn_as_one(tmp_path: Path) -> None:
    table = MATCHING_ACCEPTANCE_V1
    frame = decision_rows(table, days_from(FIRST, 30), 100)
    chance = np.random.default_rng(5)
    ratio = "provider_performance_1d__offer_accept_ratio_28d"
    frame[ratio] = chance.beta(4, 2, len(frame))
    said_yes, withdrawn = chance.random(len(frame)) < frame[ratio], chance.random(len(frame)) < 0.05
    frame["label_is_accepted"] = pd.array(said_yes, dtype="boolean")
    frame.loc[withdrawn, "label_is_accepted"] = pd.NA
    frame["label_is_censored"] = pd.array(withdrawn, dtype="boolean")
    frame["label_outcome"] = np.where(withdrawn, "withdrawn", np.where(said_yes, "accepted", "declined"))
    dataset = made(tmp_path, frame, table=table)
    assert "local_hour_of_week" in dataset.X
    page = page_of(dataset)
    for told in ("share of yes", "withdrawn", "Brier", "AUC", "not tracked", "T16 passed", "3 h after each"):
        assert told in page.text, told
    assert "No row tells how long it was watched" in page.text
    constant, provider = Facts(dataset).scores
    assert (constant.measures["AUC"], provider.measures["AUC"] > 0.6) == (0.5, True)
    assert provider.measures["log loss"] < constant.measures["log loss"]


def test_a_gain_is_scored_by_pairs_of_a_round(tmp_path: Path) -> None:
    table = MATCHING_RANKING_V1
    frame = decision_rows(table, days_from(FIRST, 30), 100)
    chance = np.random.default_rng(6)
    frame["meta_round"] = [f"r{number // 4}" for number in range(len(frame))]
    frame["label_gain"] = pd.array(chance.integers(0, 4, len(frame)), dtype="Int64")
    frame["trip_geometry__nearest_available_driver_km"] = 9.0 - frame["label_gain"].astype(float)
    frame.loc[chance.random(len(frame)) < 0.4, "label_gain"] = pd.NA
    dataset = made(tmp_path, frame, table=table)
    nearest, asked = Facts(dataset).scores
    assert nearest.measures == {"pairs in order": 1.0}
    assert 0 < nearest.scored == nearest.of
    assert asked.lacking.startswith("No two candidates")
    page = page_of(dataset)
    for told in ("mean gain", "100 %", "Order of the offers (in hindsight)", "that was never asked"):
        assert told in page.text, told


def test_minutes_to_go_are_foretold_by_the_promise_and_by_what_is_left_of_the_median(tmp_path: Path) -> None:
    table = ETA_V2
    frame = decision_rows(table, days_from(FIRST, 30), 90).sort_values("meta_decision_at", ignore_index=True)
    places = np.arange(len(frame)) % 3  # three decisions of a job, ten minutes apart
    frame["meta_group"] = [f"g{number // 3}" for number in range(len(frame))]
    frame["provider_id"] = "P1"
    frame["meta_decision_at"] = frame["meta_decision_at"].where(places == 0).ffill() + pd.to_timedelta(
        10.0 * places, "min"
    )
    frame["label_remaining_minutes"] = 35.0 - 10 * places
    frame[AREA_MEDIAN] = pd.array([35] * len(frame), dtype=frame[AREA_MEDIAN].dtype)
    frame["promise_context__promised_minutes_remaining"] = 40.0 - 10 * places
    frame["label_is_censored"] = pd.array([False] * len(frame), dtype="boolean")
    frame["label_observed_minutes"] = frame["label_remaining_minutes"]
    facts = Facts(made(tmp_path, frame, table=table))
    _, promise, median = facts.scores
    assert (promise.measures["bias"], median.measures["mean error"]) == (5, 0)
    assert "minutes left of the promise" in page_of(facts.dataset).text.lower()


def test_any_contract_with_a_label_can_be_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    label = Column("label_minutes", Type.DOUBLE, "Minutes.", "min")
    inputs = (column for column in ETA_V1.columns if not column.name.startswith("label_"))
    table = replace(ETA_V1, name="training.something_v1", columns=(*inputs, label), checks=(), required=())
    monkeypatch.setattr(dataset_folder, "table_named", lambda _name: table)
    frame = decision_rows(table, days_from(FIRST, 30), 20)
    frame["label_minutes"] = np.random.default_rng(7).normal(0, 5, len(frame))
    page = page_of(made(tmp_path, frame, table=table))
    assert "No row of this dataset says whether it was cut off." in page.text
    assert "label_minutes, n = 600 rows with a label of 600" in page.text
