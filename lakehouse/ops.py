"""The operational database: what landed, what ran, what was published, who publishes now.

The ledgers over it are `landing_ledger`, `quarantine_ledger`, `quality_ledger`, `run_ledger`,
`sent_states`, `step_timings`, `leases`, `releases`, `expiries`, `table_notes` and `access_log`.
Lost, it can be rebuilt from bronze (`LandingLedger.rebuild`) and from snapshots' properties; what checks of
feeds counted, found and what was accepted or refused is not, nor how long steps took: their past begins anew.
"""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, Float, Index, Integer, MetaData, String, Table

from lakehouse.database import Database, UtcTime

SCHEMA_VERSION = 1

metadata = MetaData()

landing_objects = Table(
    "landing_objects",
    metadata,
    Column("object_key", String(512), primary_key=True),
    Column("source", String(64), nullable=False),
    Column("landed_at", UtcTime, nullable=False),
    Column("known_at", UtcTime, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("is_archive", Boolean, nullable=False),
    Column("deleted_at", UtcTime),
    Index("landing_objects_by_known_at", "source", "known_at", "object_key"),
)

landing_outcomes = Table(
    "landing_outcomes",
    metadata,
    Column("object_key", String(512), primary_key=True),
    Column("status", String(16), nullable=False),
    Column("lines", BigInteger, nullable=False),
    Column("bronze_rows", BigInteger, nullable=False),
    Column("quarantined_rows", BigInteger, nullable=False),
    Column("reasons", JSON, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("contract_version", Integer, nullable=False),
)

quarantine_answers = Table(
    "quarantine_answers",
    metadata,
    Column("answer_id", String(32), primary_key=True),
    Column("source", String(64), nullable=False),
    Column("object_key", String(512)),
    Column("principal", String(255), nullable=False),
    Column("why", String, nullable=False),
    Column("answered_at", UtcTime, nullable=False),
    Column("is_done", Boolean, nullable=False),
)

answered_lines = Table(
    "answered_lines",
    metadata,
    Column("source_object", String(512), primary_key=True),
    Column("source_line", BigInteger, primary_key=True),
    Column("answer_id", String(32), nullable=False),
)

feed_counts = Table(
    "feed_counts",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("known_at", UtcTime, primary_key=True),
    Column("checks", String(16), nullable=False),
    Column("counts", JSON, nullable=False),
)

quality_findings = Table(
    "quality_findings",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("known_at", UtcTime, primary_key=True),
    Column("check_name", String(128), primary_key=True),
    Column("group_name", String(128), primary_key=True),
    Column("severity", String(16), nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("found", Float, nullable=False),
    Column("usual", Float, nullable=False),
    Column("text", String, nullable=False),
    Column("run_id", String(32), nullable=False),
    Column("acceptance_id", String(32)),
    Index("quality_findings_by_run", "run_id"),
)

quality_acceptances = Table(
    "quality_acceptances",
    metadata,
    Column("acceptance_id", String(32), primary_key=True),
    Column("source", String(64), nullable=False),
    Column("check_name", String(128), nullable=False),
    Column("group_name", String(128), nullable=False),
    Column("start", UtcTime, nullable=False),
    Column("end", UtcTime, nullable=False),
    Column("most", Float, nullable=False),
    Column("run_id", String(32), nullable=False),
    Column("principal", String(255), nullable=False),
    Column("why", String, nullable=False),
    Column("accepted_at", UtcTime, nullable=False),
    Index("quality_acceptances_by_source", "source"),
)

refused_objects = Table(
    "refused_objects",
    metadata,
    Column("object_key", String(512), primary_key=True),
    Column("source", String(64), nullable=False),
    Column("run_id", String(32), nullable=False),
    Column("principal", String(255), nullable=False),
    Column("why", String, nullable=False),
    Column("refused_at", UtcTime, nullable=False),
)

closed_ticks = Table(
    "closed_ticks",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("closed_through", UtcTime),
)

runs = Table(
    "runs",
    metadata,
    Column("run_id", String(32), primary_key=True),
    Column("table_name", String(128), nullable=False),
    Column("interval_start", UtcTime, nullable=False),
    Column("interval_end", UtcTime, nullable=False),
    Column("code_version", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("publishing_at", UtcTime),
    Column("finished_at", UtcTime),
    Column("snapshot_id", BigInteger),
    Column("rows", BigInteger),
    Column("counts", JSON, nullable=False),
    Column("inputs", JSON(none_as_null=True)),
    Column("sent", JSON(none_as_null=True)),
    Column("files", Integer),
    Column("size_bytes", BigInteger),
    Column("error_kind", String(64)),
    Column("revision", String(64)),
    Column("host", String(255), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("process_started", String(128), nullable=False),
    Index("runs_by_interval", "table_name", "status", "interval_start", "interval_end"),
    Index("runs_by_beginning", "started_at"),
    Index("runs_by_known_time", "interval_start", "interval_end"),
    Index("runs_by_status_and_beginning", "status", "started_at"),
    Index("runs_by_table_and_beginning", "table_name", "started_at"),
    Index("runs_by_table_and_ending", "table_name", "finished_at"),
)

step_timings = Table(
    "step_timings",
    metadata,
    Column("step", String(128), primary_key=True),
    Column("finished_at", UtcTime, primary_key=True),
    Column("interval_start", UtcTime, nullable=False),
    Column("interval_end", UtcTime, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("cores", Integer, nullable=False),
    Column("is_first", Boolean),
)

leases = Table(
    "leases",
    metadata,
    Column("table_name", String(128), primary_key=True),
    Column("token", String(32), nullable=False),
    Column("host", String(255), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("process_started", String(128), nullable=False),
    Column("acquired_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
)

releases = Table(
    "releases",
    metadata,
    Column("release_id", String(128), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("tick", UtcTime, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("promised_at", UtcTime, nullable=False),
    Column("published_at", UtcTime, nullable=False),
    Column("tables", JSON, nullable=False),
    Index("releases_by_tick", "kind", "tick", "revision", unique=True),
)

release_tables = Table(
    "release_tables",
    metadata,
    Column("table_name", String(128), primary_key=True),
    Column("release_id", String(128), primary_key=True),
)

expiries = Table(
    "expiries",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("before", UtcTime, nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
)

table_notes = Table(
    "table_notes",
    metadata,
    Column("table_name", String(128), primary_key=True),
    Column("subject", String(255), primary_key=True),
    Column("text", String, nullable=False),
    Column("noted_at", UtcTime, nullable=False),
)

access_log = Table(
    "access_log",
    metadata,
    Column("access_id", String(128), primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("principal", String(255), nullable=False),
    Column("decision", String(255), nullable=False),
    Column("purpose", String(255), nullable=False),
    Column("service", String(128), nullable=False),
    Column("views", JSON, nullable=False),
    Column("decided_at", UtcTime),
    Column("answers", JSON(none_as_null=True)),
    Index("access_log_by_time", "at"),
    Index("access_log_by_decision", "decision"),
    Index("access_log_by_instant", "service", "decided_at"),
)


class Ops(Database):
    """The operational database at a SQLAlchemy URL; its tables are made on first use."""

    def __init__(self, url: str) -> None:
        super().__init__(url, metadata, SCHEMA_VERSION)
