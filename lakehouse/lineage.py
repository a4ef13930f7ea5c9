"""OpenLineage events of runs: into a file, a JSON document a line, or to a server over HTTP.

A run's START and its COMPLETE or FAIL name the job, the tables it reads and the one it writes, and of each
column written the columns that it is made of, as whoever tells of the run declares them. No event holds a
row's values or an error's message.

Telling never fails a run, nor holds it up: what cannot be delivered is counted, and said once on stderr.
https://openlineage.io/docs/spec/object-model
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from lakehouse.column_facet import column_lineage_facet
from lakehouse.lineage_channel import channel_to
from lakehouse.run_ledger import Run, RunStatus
from validation.column_lineage import TableLineage
from validation.contract import Table

if TYPE_CHECKING:
    from openlineage.client.event_v2 import InputDataset, OutputDataset, RunEvent

PRODUCER = "urn:roadside-feature-platform"
JOBS = "roadside"
"""The namespace of the jobs; a job is named after the table that it writes."""


@dataclass(frozen=True)
class Dataset:
    """A table, a view online or a source's landed objects, as OpenLineage names it.

    Attributes:
        snapshot_id: the state of a table; None where it has none, or it is not known.
        table: the contract of what is written, whose columns are told.
        lineage: what these columns are made of.
    """

    namespace: str
    name: str
    snapshot_id: int | None = None
    table: Table | None = None
    lineage: TableLineage | None = None


class Lineage:
    """Tells an address of runs. One per process; threads may share it.

    Args:
        address: a file, or a server by its http(s) URL; events go to its /api/v1/lineage.
        reads: the datasets that a run reads.
        writes: the dataset that it writes.
        note: says a sentence to whoever watches, when the process ends.
    """

    def __init__(
        self,
        address: str,
        reads: Callable[[Run], Sequence[Dataset]],
        writes: Callable[[Run], Dataset],
        note: Callable[[str], None],
    ) -> None:
        self._address = address
        self._reads, self._writes, self._note = reads, writes, note
        channel_to(address, note)  # made before threads could make two of it

    def heard(self, run: Run) -> None:
        """Tell of a run that began or ended just now; never raises, nor waits for a server.

        The event is made at once, of what the run says.
        """
        channel = channel_to(self._address, self._note)
        try:
            channel.emit(event_of(run, self._reads(run), self._writes(run)))
        except Exception as error:  # whatever lineage meets, the run goes on
            channel.lose(type(error).__name__)

    def close(self) -> None:
        """Send what still waits, for five seconds at most, and say what was lost; no event is told then.

        The end of the process does the same.
        """
        channel_to(self._address, self._note).close()


def event_of(run: Run, reads: Sequence[Dataset], writes: Dataset) -> RunEvent:
    """START of a run that runs, COMPLETE of one that published, FAIL of one that failed."""
    from openlineage.client import event_v2

    ended = event_v2.RunState.FAIL if run.status is RunStatus.FAILED else event_v2.RunState.COMPLETE
    return event_v2.RunEvent(
        eventType=event_v2.RunState.START if run.is_running else ended,
        eventTime=(run.finished_at or run.started_at).isoformat(),
        run=event_v2.Run(run_uuid(run.run_id), facets=_run_facets(run)),
        job=event_v2.Job(JOBS, run.table, facets=_job_facets()),
        inputs=[_input(each) for each in reads],
        outputs=[_output(run, reads, writes)],
        producer=PRODUCER,
    )


def run_uuid(run_id: str) -> str:
    """The run's id in OpenLineage, which wants a UUID; the same for every event of the run.

    >>> run_uuid("3f9a0c12d4e5")
    '3cc25d2b-c5eb-5a50-9db1-6c90c21dcb7d'
    """
    return str(uuid5(NAMESPACE_URL, f"{PRODUCER}/runs/{run_id}"))


def _run_facets(run: Run) -> dict[str, Any]:
    from openlineage.client.facet_v2 import RunFacet, error_message_run, nominal_time_run

    start, end = run.interval.start.isoformat(), run.interval.end.isoformat()
    of_ours = RunFacet(producer=PRODUCER).with_additional_properties(
        runId=run.run_id,
        codeVersion=run.code_version,
        status=run.status.value,
        rows=run.rows,
        warnings=dict(run.warnings),
        **({} if run.makes_rows else {"did": dict(run.counts)}),
    )
    facets: dict[str, Any] = {
        "nominalTime": nominal_time_run.NominalTimeRunFacet(start, end, producer=PRODUCER),
        "roadside": of_ours,
    }
    if run.error_kind is not None:
        facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(
            run.error_kind, "python", producer=PRODUCER
        )
    return facets


def _job_facets() -> dict[str, Any]:
    from openlineage.client.facet_v2 import job_type_job

    return {"jobType": job_type_job.JobTypeJobFacet("BATCH", "ROADSIDE", "STEP", producer=PRODUCER)}


def _input(read: Dataset) -> InputDataset:
    from openlineage.client.event_v2 import InputDataset

    return InputDataset(read.namespace, read.name, facets=_version(read.snapshot_id))


def _output(run: Run, reads: Sequence[Dataset], written: Dataset) -> OutputDataset:
    """What it writes: columns by contract, each with the columns read that it is made of; the snapshot and
    the rows of the interval once published."""
    from openlineage.client.event_v2 import OutputDataset
    from openlineage.client.facet_v2 import output_statistics_output_dataset, schema_dataset

    facets = _version(run.snapshot_id)
    if written.table is not None:
        fields = [
            schema_dataset.SchemaDatasetFacetFields(column.name, column.type.value, column.meaning)
            for column in written.table.columns
        ]
        facets["schema"] = schema_dataset.SchemaDatasetFacet(fields, producer=PRODUCER)
    if written.lineage is not None:
        places = {each.name: (each.namespace, each.name) for each in reads}
        facets["columnLineage"] = column_lineage_facet(written.lineage, places, PRODUCER)
    of_output: dict[str, Any] = {}
    if run.rows is not None:
        of_output["outputStatistics"] = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
            run.rows, run.size_bytes, run.files, producer=PRODUCER
        )
    return OutputDataset(written.namespace, written.name, facets=facets, outputFacets=of_output)


def _version(snapshot_id: int | None) -> dict[str, Any]:
    from openlineage.client.facet_v2 import dataset_version_dataset

    if snapshot_id is None:
        return {}
    version = dataset_version_dataset.DatasetVersionDatasetFacet(str(snapshot_id), producer=PRODUCER)
    return {"version": version}
