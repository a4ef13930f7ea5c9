"""training.row_index: what in the lake a dataset's row came from."""

from validation.columns import pick
from validation.contract import Table

ROW_INDEX = Table(
    name="training.row_index",
    grain="One row per dataset and row of it.",
    key=("dataset", "meta_row_id"),
    columns=pick("dataset", "meta_row_id", "row_key", "job_id", "meta_decision_date_et"),
    required=("job_id",),
    order=("dataset", "meta_row_id"),
    is_restricted=True,
    retention_months=12,
    partition="meta_decision_date_et",
    clock="meta_decision_date_et",
    notes="The only link from a dataset to the lake's keys; erasing a subject deletes its rows here.",
)
