"""The labels that follow from the truth of a simulated city: what happened, whatever the platform heard."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from validation.clocks import business_day_start

Row = dict[str, Any]

HEARD_AFTER = timedelta(hours=1)
"""What ended so long before a day closes was heard of by then."""
LOST = ("provider_gave_back", "agent_reassigned", "eta_rejected")
ANSWERED = ("accepted", "declined", "expired", "no_contact")


@dataclass(frozen=True)
class Truth:
    """The offers and assignments of each job, in order of time."""

    jobs: Mapping[str, Row]
    offers: Mapping[str, list[Row]]
    assignments: Mapping[str, list[Row]]

    @classmethod
    def of(cls, home: Path) -> Truth:
        """What was kept aside in the home."""

        def rows(table: str) -> list[Row]:
            found: list[Row] = pq.read_table(home / "truth" / f"{table}.parquet").to_pylist()
            return found

        def by_job(table: str, at: str) -> dict[str, list[Row]]:
            found = defaultdict(list)
            for row in sorted(rows(table), key=lambda row: row[at]):
                found[row["job_id"]].append(row)
            return dict(found)

        jobs = {row["job_id"]: row for row in rows("jobs")}
        return cls(jobs, by_job("offers", "offered_at"), by_job("assignments", "accepted_at"))

    def labels(self, dataset: str, row: Row) -> Row | None:
        """The labels of a dataset's row, which has job_id; None where the city knows no such job."""
        if row["job_id"] not in self.jobs:
            return None
        of_dataset = {
            "eta_v1": self._arrival,
            "eta_v2": self._remaining,
            "matching_acceptance_v1": self._answer,
            "matching_ranking_v1": self._gain,
        }
        return of_dataset[dataset](row)

    def _arrival(self, row: Row) -> Row:
        decision_at = row["meta_decision_at"]
        assignment = self._assignment(row)
        reported, end = assignment["on_scene_reported_at"], assignment["end_reason"]
        wanted: Row = {
            "label_status": _status(assignment),
            "label_arrival_minutes": None,
            "label_remaining_minutes": None,
            "label_wait_minutes": None,
            "label_is_on_time": None,
            "label_is_goa": None,
            "label_censor_reason": None if end == "arrived" else end,
            "label_promised_minutes": _minutes(
                assignment["accepted_at"], assignment["first_promised_arrival_at"]
            ),
        }
        if wanted["label_status"] == "observed" and reported is None:  # when nobody was found, is not kept
            return {"label_status": "observed", "label_is_goa": True}
        if wanted["label_status"] == "observed":
            minutes = _minutes(decision_at, reported)
            wanted |= {
                "label_arrival_minutes": minutes,
                "label_remaining_minutes": minutes,
                "label_wait_minutes": _minutes(self.jobs[row["job_id"]]["requested_at"], reported),
                "label_is_on_time": reported <= assignment["first_promised_arrival_at"],
                "label_is_goa": assignment["is_gone_on_arrival"],
            }
        return wanted

    def _remaining(self, row: Row) -> Row:
        """As the arrival; where pings contradict the driver, what he pressed is no answer."""
        wanted = self._arrival(row)
        if row["label_is_gps_apart"] is True:
            of_driver = ("label_arrival_minutes", "label_remaining_minutes", "label_wait_minutes")
            wanted = {name: wanted[name] for name in wanted if name not in (*of_driver, "label_is_on_time")}
        return wanted

    def _answer(self, row: Row) -> Row:
        (offer,) = (
            offer
            for offer in self.offers[row["job_id"]]
            if (offer["provider_id"], offer["offered_at"]) == (row["provider_id"], row["meta_decision_at"])
        )
        outcome, end = offer["outcome"], self._end_of(offer)
        if outcome not in ANSWERED:
            return {"label_status": "censored", "label_is_accepted": None, "label_outcome": "withdrawn"}
        is_refused = end is not None and end["end_reason"] == "eta_rejected"
        known: Row = {}
        if end is None or end["ended_at"] < _close(row) - HEARD_AFTER:
            known["label_was_given_back"] = end["end_reason"] == "provider_gave_back" if end else None
        return known | {
            "label_status": "observed",
            "label_is_accepted": outcome == "accepted",
            "label_outcome": "eta_rejected" if is_refused else outcome,
            "label_response_seconds": (offer["responded_at"] - offer["offered_at"]).total_seconds()
            if outcome in ("accepted", "declined")
            else None,
        }

    def _gain(self, row: Row) -> Row:
        offers = self._round(row["job_id"], row["meta_decision_at"])
        asked = [offer for offer in offers if offer["provider_id"] == row["provider_id"]]
        if not asked:
            return {"label_status": "unobserved", "label_gain": None, "label_offer_rank": None}
        answered = [offer for offer in asked if offer["outcome"] in ANSWERED]
        wanted: Row = {"label_offer_rank": offers.index(asked[0]) + 1}
        if not answered:
            return wanted | {"label_status": "censored", "label_gain": None}
        end = self._end_of(answered[-1])
        if end is None:
            return wanted | {"label_status": "observed", "label_gain": 0}
        if end["end_reason"] in LOST:
            return wanted | {"label_status": "observed", "label_gain": 1}
        if _status(end) != "observed":
            return wanted | {"label_status": _status(end), "label_gain": None}
        if end["on_scene_reported_at"] is None:
            return wanted | {"label_status": "observed"}
        is_on_time = end["on_scene_reported_at"] <= end["first_promised_arrival_at"]
        return wanted | {"label_status": "observed", "label_gain": 3 if is_on_time else 2}

    def _assignment(self, row: Row) -> Row:
        return [
            each
            for each in self.assignments[row["job_id"]]
            if each["provider_id"] == row["provider_id"] and each["accepted_at"] <= row["meta_decision_at"]
        ][-1]

    def _end_of(self, offer: Row) -> Row | None:
        """The assignment that the offer led to."""
        found = [
            each
            for each in self.assignments.get(offer["job_id"], [])
            if each["assignment_id"] == offer["offer_id"]
        ]
        return found[0] if found else None

    def _round(self, job_id: str, first_offered_at: datetime) -> list[Row]:
        """The offers from that one to the first yes; a yes ends a round."""
        offers = [offer for offer in self.offers[job_id] if offer["offered_at"] >= first_offered_at]
        yes = [offer["outcome"] == "accepted" for offer in offers]
        return offers[: yes.index(True) + 1] if True in yes else offers


def _close(row: Row) -> datetime:
    """When the acceptances of the row's day are mature."""
    return business_day_start(row["meta_decision_date_et"] + timedelta(days=1))


def _status(assignment: Row) -> str:
    if assignment["end_reason"] != "arrived":
        return "censored"
    is_told = assignment["on_scene_reported_at"] is not None or assignment["is_gone_on_arrival"]
    return "observed" if is_told else "missing_milestone"


def _minutes(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds() / 60
