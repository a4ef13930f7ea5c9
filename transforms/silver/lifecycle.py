"""The lifecycle tables together: one pass over the jobs' histories makes all five."""

from __future__ import annotations

from pyspark.sql import DataFrame

from transforms.silver.assignments import assignments
from transforms.silver.histories import LOOK_BACK, Fold, changes
from transforms.silver.job_milestones import job_milestones
from transforms.silver.job_waits import job_waits
from transforms.silver.jobs import jobs
from transforms.silver.offers import offers
from validation.clocks import Interval
from validation.contract import Table
from validation.contracts.silver.assignments import ASSIGNMENTS
from validation.contracts.silver.job_milestones import JOB_MILESTONES
from validation.contracts.silver.job_waits import JOB_WAITS
from validation.contracts.silver.jobs import JOBS
from validation.contracts.silver.offers import OFFERS

__all__ = ["FOLDS", "LOOK_BACK", "lifecycle"]

FOLDS: dict[Table, Fold] = {
    OFFERS: offers,
    ASSIGNMENTS: assignments,
    JOB_MILESTONES: job_milestones,
    JOBS: jobs,
    JOB_WAITS: job_waits,
}


def lifecycle(dispatch_events: DataFrame, interval: Interval) -> DataFrame:
    """The interval's rows of silver.offers, assignments, job_milestones, jobs and job_waits (`rows_of`)."""
    return changes(dispatch_events, interval, FOLDS)
