"""Runs steps over intervals: read, transform, write to a branch, check, publish, record.

A run is looked up before it is done again: the same code over the same interval is skipped
unless forced. A step that fails stops only the steps that read it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial, reduce
from time import monotonic
from traceback import format_exception
from zlib import crc32

from py4j.protocol import Py4JError
from pyspark import StorageLevel
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from ingestion.bronze import bronze_rows, ingest_frame, object_outcomes, quarantine_rows
from ingestion.register import STRAGGLER_HORIZON, register_landed
from lakehouse.branches import Overtaken
from lakehouse.code_version import code_version
from lakehouse.landed_accounts import deleted_within
from lakehouse.landing_ledger import LandingLedger, LedgerEntry
from lakehouse.leases import PATIENCE, Lease, Leases
from lakehouse.log_folder import write_log
from lakehouse.ops import Ops
from lakehouse.quality_ledger import QualityLedger
from lakehouse.releases import Releases
from lakehouse.run_ledger import BLOCKED, Run, RunLedger
from lakehouse.settings import Settings
from lakehouse.table_notes import TableNotes
from lakehouse.tables import Heads, Lakehouse, Published
from lakehouse.vault import handle_of
from roadside.expired import lacking, rows_that_stand
from roadside.feature_releases import release_features
from roadside.feed_gate import by_tick, gated
from roadside.graph import STEPS, Edge, Frames, Step, downstream, sources_read, step_named
from roadside.holds import completeness_of
from roadside.locations import location_opener
from roadside.look_backs import require_look_back
from roadside.revising import DAILY_LOOK_BACK, LOOK_BACK, revised
from roadside.run_listeners import heard_of
from roadside.run_order import ChunkRun, RunOrder, carried
from roadside.step_results import StepResult as StepResult
from roadside.step_results import with_runs
from roadside.table_gate import copies_of
from roadside.table_publisher import PUBLISH_ATTEMPTS, Order, Readers, TablePublisher
from transforms.grid import HELD_MEMORY_DAILY
from validation.clocks import TICK, Interval
from validation.contract import Table
from validation.errors import (
    Busy,
    CheckFailed,
    Defect,
    InputMissing,
    RoadsideError,
    SettingError,
    Unreachable,
)
from validation.source import Source
from validation.sources import source_named

_RAISED_IN_TASKS = (InputMissing, SettingError, Unreachable)
# The grid looks back from the instant before an interval, which may be a business day before it.
_HELD_LOOK_BACK = HELD_MEMORY_DAILY + timedelta(hours=51)
_CODE = (
    "validation",
    "ingestion",
    "transforms",
    "roadside.graph",
    "roadside.locations",
    "roadside.revising",
    "lakehouse.completeness",
)


def wall_clock() -> datetime:
    """Now, UTC. Runs are stamped with it; no row of any table is."""
    return datetime.now(UTC)


def road_version() -> str:
    """Version of the code that decides what a table of the road holds."""
    return code_version(*_CODE)


def step_version(step: Step, settings: Settings) -> str:
    """Version of the code, and for features of the heartbeats that decide which ticks are held."""
    read = sources_read(step) if step.is_features else ()
    widened = sorted(f"{source}={each}" for source, each in settings.heartbeats.items() if source in read)
    if not widened:
        return road_version()
    return f"{road_version()}-{crc32(','.join(widened).encode()):08x}"


Progress = Callable[[StepResult], None]


class Watch:
    """Looks on while chunks are made; this one lets all of them begin."""

    def may_begin(self, _chunk: Interval) -> bool:
        """Whether the chunk may begin now; if not, it is asked again when a run has ended."""
        return True

    def broke(self, _chunk: Interval) -> None:
        """A run of the chunk is broken; told before another chunk begins."""

    def ended(self, _chunk: Interval, _results: Sequence[StepResult]) -> None:
        """The chunk's runs have ended, and what was made is released."""


UNWATCHED = Watch()


def _silent(_result: StepResult) -> None:
    return None


class Runner:
    """Carries data along the road. One per process; owns the Spark session's tables.

    `look_back` says how far behind the last closed tick it looks for landed objects.
    """

    def __init__(
        self,
        settings: Settings,
        spark: SparkSession,
        progress: Progress = _silent,
        now: Callable[[], datetime] = wall_clock,
        look_back: timedelta = STRAGGLER_HORIZON,
    ) -> None:
        self.settings = settings
        self.lakehouse = Lakehouse(spark)
        self.ops = Ops(settings.ops_url)
        self.ledger = LandingLedger(self.ops)
        self.runs = RunLedger(self.ops, now, heard_of(settings))
        self.releases = Releases(self.ops, now)
        self.notes = TableNotes(self.ops, now)
        self._completeness = completeness_of(settings, self.ops)
        self._leases = Leases(self.ops, now, patience=PATIENCE)
        self._publisher = TablePublisher(self.ops, self.lakehouse, self.runs, self._leases)
        self._now = now
        self._look_back = look_back
        self._progress = progress
        self._edge = Edge(location_of=location_opener(handle_of(settings)))
        self._prepared = False

    def prepare(self) -> None:
        """Create every table that a step writes, or bring it up to its contract."""
        if not self._prepared:
            tables = [table for step in STEPS for table in step.tables]
            self.lakehouse.create(*tables, at_once=self.settings.steps_at_once)
            self._prepared = True

    def run(
        self, interval: Interval, steps: Sequence[Step] = STEPS, *, force: bool = False
    ) -> list[StepResult]:
        """Every step over the interval, in the order of the road, then a release of what it published.

        A failed step blocks those that read it; the others run. Done already with this code, a
        step is skipped unless `force`.
        """
        return self.backfill([interval], steps, force=force)

    def backfill(
        self,
        chunks: Iterable[Interval],
        steps: Sequence[Step] = STEPS,
        *,
        force: bool = False,
        only_lacking: bool = False,
        parallel: int | None = None,
        watch: Watch = UNWATCHED,
    ) -> list[StepResult]:
        """As `run`, over all chunks (in any order), each released when it is made.

        Runs go side by side as `roadside.run_order` has it: no chunk reads a gap. A run of which a step that
        it reads is broken, over its chunk or an earlier one, is blocked.

        Args:
            only_lacking: of a chunk each step makes what it lacks when it begins: `roadside.expired.lacking`.
            parallel: how many chunks may be begun and not ended; the chunks then go in order of time.
            watch: is asked before a chunk begins, and told when a run of it breaks and when it has ended.
        """
        self.prepare()
        listed = sorted(chunks) if parallel else list(chunks)
        of_name = {step.name: step for step in steps}
        reads = {step.name: [step_named(name).name for name in step.reads] for step in steps}
        runs = [ChunkRun(number, name) for number in range(len(listed)) for name in of_name]
        order = RunOrder(listed, runs, reads.__getitem__, parallel, lambda n: watch.may_begin(listed[n]))
        results: dict[ChunkRun, StepResult] = {}
        broken: list[ChunkRun] = []

        def broken_for(chunk: Interval) -> set[str]:
            return {each.step for each in broken if listed[each.chunk].start < chunk.end}

        def begin(run: ChunkRun) -> Callable[[], StepResult]:
            step, chunk = of_name[run.step], listed[run.chunk]
            if broken_for(chunk) & set(reads[run.step]):
                return partial(StepResult, step.name, chunk, "blocked")
            return partial(self._run_step, step, chunk, force=force, only_lacking=only_lacking)

        def ended(run: ChunkRun, result: StepResult) -> None:
            results[run] = result
            chunk, is_over = listed[run.chunk], order.is_over(run.chunk)
            if result.is_broken:
                broken.append(run)
                watch.broke(chunk)
            if is_over:  # released before it is told: what the telling raises costs no release
                whole = [step for name, step in of_name.items() if name not in broken_for(chunk)]
                release_features(self.lakehouse, self._completeness, self.releases, self.runs, chunk, whole)
            self._progress(result)
            if is_over:
                watch.ended(chunk, [results[each] for each in runs if each.chunk == run.chunk])

        carried(order, begin, self.settings.steps_at_once, ended)
        return [results[run] for run in runs if run in results]

    def _run_step(self, step: Step, chunk: Interval, *, force: bool, only_lacking: bool) -> StepResult:
        if not step.due(chunk):
            return StepResult(step.name, chunk, "not due")
        started, interval, made = monotonic(), chunk, [StepResult(step.name, chunk, "skipped")]
        try:
            version = step_version(step, self.settings)
            for interval in lacking(self.ops, step, version, chunk) if only_lacking else [chunk]:
                made.append(self._made(step, interval, force=force))
            result = reduce(StepResult.then, made[1:] or made)
        except RoadsideError as error:
            result = StepResult(step.name, interval, "failed", error=error)
        except (PySparkException, Py4JError) as error:
            told = self._spark_failure(step, interval, error)
            result = StepResult(step.name, interval, "failed", error=told)
        if result.status != "published":
            result = with_runs(result, step.writes, self.runs, step_version(step, self.settings))
        return result if result.status == "skipped" else replace(result, seconds=monotonic() - started)

    def _made(self, step: Step, interval: Interval, *, force: bool) -> StepResult:
        """The step published over the interval, or skipped because it is already."""
        if step.build is None:
            self._register(step, interval)
        version = step_version(step, self.settings)
        standing = rows_that_stand(self.ops, self.runs, step, interval, version, force=force)
        if standing is not None:
            return StepResult(step.name, interval, "skipped", standing)
        require_look_back(self.runs, step, interval)
        is_new = any(self.runs.never_made(name, interval) for name in step.writes)
        readers = Readers(partial(self._outdate_downstream, step, interval), is_new)
        published = self._published_tables(step, interval, version, readers)
        return StepResult(
            step.name,
            interval,
            "published",
            {name: each.rows for name, each in published.items()},
            warnings={
                f"{name}.{check}": count
                for name, each in published.items()
                for check, count in each.warnings.items()
            },
            runs={name: (each.run_id, each.snapshot_id) for name, each in published.items()},
        )

    def _outdate_downstream(self, step: Step, interval: Interval) -> None:
        """What was made of the interval, however far behind it, is to be made again."""
        self.runs.supersede(
            {
                name: Interval(interval.start, interval.end + -(-reach // TICK) * TICK)  # in whole ticks
                for later, reach in downstream(step)
                for name in later.writes
            }
        )

    def _register(self, step: Step, interval: Interval) -> None:
        source = source_named(step.name.partition(".")[2])
        found = register_landed(self.settings, source, interval.end, look_back=self._look_back)
        self.ledger.close(source.name, interval.end)
        for each in found.misnamed:
            self.notes.note(f"bronze.{source.name}", f"misnamed object {each.key}", each.reason)

    def _published_tables(
        self, step: Step, interval: Interval, version: str, readers: Readers
    ) -> dict[str, Published]:
        """The step's tables published over the interval; begun anew where what they are made of is no more.

        Raises:
            Overtaken: others published again and again meanwhile.
            Moved: so did others of one table.
        """
        for attempt in range(PUBLISH_ATTEMPTS):
            try:
                with ExitStack() as alone:
                    leases = {
                        name: alone.enter_context(self._leases.publishing(name))
                        for name in (step.writes if attempt else ())
                    }
                    return self._attempt(step, interval, version, readers, leases)
            except Overtaken as error:
                came_between = error
        raise came_between

    def _attempt(
        self, step: Step, interval: Interval, version: str, readers: Readers, leases: Mapping[str, Lease]
    ) -> dict[str, Published]:
        """A run of each table. All begin before anything is read: what is replaced after outdates them.

        Without leases nobody is kept from publishing the tables meanwhile.
        """
        open_runs = {run.table: run for run in self.runs.begin_all(step.writes, interval, version)}
        published: dict[str, Published] = {}
        try:
            with self._orders(step, interval, dict(open_runs), readers) as orders:
                for order in orders:
                    if published:
                        self.runs.at_work(order.run.run_id)
                    published[order.table.name] = self._publisher.publish(order, leases.get(order.table.name))
                    del open_runs[order.table.name]
        except BaseException as error:
            # None of them is left where all are out, and what is cleared up behind them breaks.
            left = [run.run_id for run in open_runs.values()]
            self.runs.fail_open(
                {**dict.fromkeys(left, BLOCKED), **dict.fromkeys(left[:1], type(error).__name__)}
            )
            raise
        return published

    @contextmanager
    def _orders(
        self, step: Step, interval: Interval, begun: Mapping[str, Run], readers: Readers
    ) -> Iterator[Iterator[Order]]:
        """What is to stand in each of the step's tables, worked out as it is asked for."""
        if step.build is None:
            with self._ingested(step, interval, begun, readers) as orders:
                yield orders
            return
        heads = self.lakehouse.heads(_tables(step.reads))
        self.runs.read([run.run_id for run in begun.values()], heads)
        with self._inputs(step, interval, heads) as inputs:
            yield self._orders_of(step, begun, inputs, heads, readers)

    def _orders_of(
        self, step: Step, begun: Mapping[str, Run], inputs: Frames, heads: Heads, readers: Readers
    ) -> Iterator[Order]:
        interval, version = begun[step.writes[0]].interval, begun[step.writes[0]].code_version
        edge = replace(self._edge, held=self._held(step, interval))
        assert step.build is not None
        frames = step.build(inputs, interval, edge)
        is_empty = step.rests and self._rested(step.reads, interval, version)
        for table in step.tables:
            new = self.runs.never_made(table.name, interval) if table.layer == "features" else [interval]
            frame: DataFrame | None = frames[table.name]
            if new != [interval]:
                frame = self._revised(step, table, interval, frames[table.name], new, heads)
            copies = copies_of(step, inputs, interval) if table is step.tables[0] else None
            yield Order(begun[table.name], table, frame, readers, is_empty, copies)

    @contextmanager
    def _inputs(self, step: Step, interval: Interval, heads: Heads) -> Iterator[dict[str, DataFrame]]:
        """The step's input frames for an interval, as of these heads, with what its tables share."""
        inputs = {
            table.name: self._read(table, interval.widened(step.reads[table.name]), heads[table.name])
            for table in _tables(step.reads)
        }
        shared: DataFrame | None = None
        if step.share is not None:
            shared = step.share(inputs, interval).persist(StorageLevel.MEMORY_AND_DISK)
            inputs["shared"] = shared
        try:
            yield inputs
        finally:
            if shared is not None:
                shared.unpersist()

    def _read(self, table: Table, interval: Interval, head: int | None) -> DataFrame:
        rows = self.lakehouse.read_known(table, interval, at=head)
        return rows if head is not None else rows.where(F.lit(False))  # it may have rows by now

    def _held(self, step: Step, interval: Interval) -> frozenset[datetime]:
        """Ticks at which features may not be written, with those before that may be compared with."""
        if not step.is_features:
            return frozenset()
        return self._completeness.held_ticks(sources_read(step), interval.widened(_HELD_LOOK_BACK))

    def _revised(
        self,
        step: Step,
        table: Table,
        interval: Interval,
        frame: DataFrame,
        new: Sequence[Interval],
        heads: Heads,
    ) -> DataFrame | None:
        """What is to stand in an interval of which other parts than the `new` were published before."""

        def made_wider(wide: Interval) -> DataFrame:
            assert step.build is not None
            edge = replace(self._edge, held=self._held(step, wide))
            with self._inputs(step, wide, heads) as inputs:
                return step.build(inputs, wide, edge)[table.name]

        published = self.lakehouse.read_known(table, interval)
        look_back = DAILY_LOOK_BACK if step.is_daily else LOOK_BACK
        return revised(table, interval, new, published, frame, made_wider, look_back, self._now)

    @contextmanager
    def _ingested(
        self, step: Step, interval: Interval, begun: Mapping[str, Run], readers: Readers
    ) -> Iterator[Iterator[Order]]:
        source = source_named(step.name.partition(".")[2])
        entries = self.ledger.objects(source.name, interval)
        if deleted_within(self.ops, source.name, interval) is not None:  # marked since the step was looked at
            raise Busy(f"{step.name}: landed objects of {interval} are being deleted.", "Run it again.")
        frame = ingest_frame(
            self.lakehouse.spark, source, entries, self.settings.landing_uri, handle_of(self.settings)
        ).persist(StorageLevel.MEMORY_AND_DISK)
        try:
            yield self._orders_of_landed(source, step, interval, begun, readers, entries, frame)
        finally:
            frame.unpersist()

    def _orders_of_landed(
        self,
        source: Source,
        step: Step,
        interval: Interval,
        begun: Mapping[str, Run],
        readers: Readers,
        entries: Sequence[LedgerEntry],
        frame: DataFrame,
    ) -> Iterator[Order]:
        bronze, quarantine = step.tables
        outcomes = object_outcomes(frame)
        unbalanced = [outcome for outcome in outcomes if not outcome.is_balanced]
        if unbalanced or len(outcomes) != len(entries):
            raise CheckFailed(
                f"{step.name}: {len(unbalanced)} of {len(entries)} objects have lines neither in "
                f"bronze nor in quarantine, interval {interval}.",
                "Nothing was published. Run again with --force; if it stays, it is ours to mend.",
            )
        stopped = partial(str, begun[bronze.name].run_id)
        warnings = gated(QualityLedger(self.ops), source, interval, by_tick(entries, outcomes), stopped)
        if self.ledger.objects(source.name, interval) != entries:
            raise Busy(
                f"{step.name}: an object of {interval} was refused while it was read.", "Run it again."
            )
        records = sum(outcome.bronze_rows for outcome in outcomes)
        refused = sum(outcome.quarantined_rows for outcome in outcomes)
        rows = bronze_rows(frame, source)
        yield Order(begun[bronze.name], bronze, rows, readers, records == 0, warnings=warnings)
        self.ledger.record_outcome(*outcomes)
        rows = quarantine_rows(frame, source)
        yield Order(begun[quarantine.name], quarantine, rows, readers, refused == 0)

    def _rested(self, reads: Iterable[str], interval: Interval, version: str) -> bool:
        """Whether no input has a row known in the interval, as their runs over it tell."""
        runs = [self.runs.published(name, interval, version) for name in reads]
        return all(run is not None and run.rows == 0 for run in runs)

    def _spark_failure(self, step: Step, interval: Interval, error: Exception) -> RoadsideError:
        """Spark's failure as an error of ours; its text, which may quote a value, goes to the log folder."""
        name = f"{step.name}-{interval.start:%Y%m%dT%H%M}.log"
        try:
            log = write_log(self.settings.home, name, "".join(format_exception(error)))
            words = f"are in {log} (restricted: they may quote data)"
        except OSError as unwritten:  # a full disk may be what Spark failed for
            words = f"could not be kept ({type(unwritten).__name__})"
        known = next((kind for kind in _RAISED_IN_TASKS if kind.__name__ in str(error)), Defect)
        return known(
            f"{step.name}: Spark failed over {interval} ({type(error).__name__}).",
            f"Its own words {words}.",
        )


def _tables(names: Iterable[str]) -> list[Table]:
    by_name = {table.name: table for step in STEPS for table in step.tables}
    return [by_name[name] for name in names]
