"""Publication to a bucket on loopback: who starts at the manifest finds all of one state, at any moment."""

from __future__ import annotations

import io
import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from lakehouse.ops import Ops
from lakehouse.run_ledger import Run, RunLedger, RunStatus
from lakehouse.run_search import Wanted, newest_runs
from lakehouse.sent_states import SentState, sent_by
from lakehouse.settings import Settings, load_settings
from roadside.publication import Published, publish
from roadside.publication_sources import sources_named
from support import feature_lake
from support.object_server import BUCKET, CREDENTIALS, ObjectServer, object_server
from support.publisher_process import publishers
from support.small_publications import DAY, build_eta_v1, put_features
from training_datasets.files import column_digests, digest_of
from validation.clocks import Interval
from validation.contracts.features.provider_activity_15m import PROVIDER_ACTIVITY_15M
from validation.contracts.features.provider_fleet_15m import PROVIDER_FLEET_15M
from validation.errors import Busy, CheckFailed, InputMissing, PermissionRefused, SettingError, Unreachable

DAYS = (DAY, DAY + timedelta(days=1))
PREFIX = "road"
DATASET = f"{PREFIX}/training/eta_v1"
MANIFEST = f"{DATASET}/_manifest.json"
TABLE = f"{PREFIX}/features/provider_activity_15m"


@dataclass
class Sending:
    """A home whose settings name the bucket, and nothing else to publish to."""

    server: ObjectServer
    settings: Settings

    def publish(self, name: str = "eta_v1", *, dry_run: bool = False) -> Published:
        """One dataset or table, to S3; what kept it from being published is raised."""
        (source,) = sources_named(self.settings, [name])
        done = publish(self.settings, source, "s3", dry_run=dry_run, progress=lambda _: None)
        if done.error:
            raise done.error
        return done

    def runs(self, table: str = "training.eta_v1") -> list[Run]:
        """What the ledger has of its publications, in order."""
        ops = Ops(self.settings.ops_url)
        return newest_runs(ops, Wanted(tables=(f"s3.{table}",)), 99)[::-1] if ops.is_there() else []

    def sent(self) -> list[str]:
        """The keys that were put since the server was watched, in order."""
        return [key for method, key in self.server.requests if method in ("PUT", "POST") and key]


@pytest.fixture(scope="module")
def server() -> Iterator[ObjectServer]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        with object_server() as running:
            yield running


@pytest.fixture
def there(server: ObjectServer, tmp_path: Path) -> Sending:
    """A home without data that publishes to the bucket, which is empty."""
    for key in server.listed():
        server.client().delete_object(Bucket=BUCKET, Key=key)
    (tmp_path / "home").mkdir()
    return Sending(server, settings_of(tmp_path / "home", server))


def settings_of(home: Path, server: ObjectServer) -> Settings:
    return load_settings(
        {
            "ROADSIDE_HOME": str(home),
            "ROADSIDE_PUBLISH_URI": f"s3://{BUCKET}/{PREFIX}/",
            "ROADSIDE_S3_ENDPOINT": server.endpoint,
        }
    )


def read_from_the_manifest(server: ObjectServer) -> str | None:
    """What a reader does; the digest of what it read, or None where nothing is published.

    Every day's manifest is the one that is named, and every value is what the day's manifest says.
    """
    if MANIFEST not in server.listed():
        return None
    manifest = json.loads(server.read(MANIFEST))
    for day, named in manifest["days"].items():
        of_day = json.loads(server.read(f"{DATASET}/{named['manifest']}"))
        assert digest_of({"inputs": of_day["inputs"], "content": of_day["content"]}) == named["digest"]
        rows = pq.read_table(io.BytesIO(server.read(f"{DATASET}/{named['object']}")), partitioning=None)
        found = column_digests(rows, "meta_row_id")
        assert found == {name: of_day["content"]["columns"][name] for name in found}, day
    return str(manifest["digest"])


def digest_at_home(settings: Settings) -> str:
    manifest = json.loads((settings.datasets_dir / "eta_v1" / "_manifest.json").read_text())
    return str(manifest["digest"])


def test_files_come_first_then_the_days_manifests_then_the_dataset_s(there: Sending) -> None:
    build_eta_v1(there.settings, DAYS)
    with there.server.watched_by():
        published = there.publish()
    assert (published.status, published.rows, published.files) == ("created", 10, 2)
    assert published.where == f"s3://{BUCKET}/{PREFIX}/training/eta_v1/"
    sent = there.sent()
    assert [Path(key).suffix for key in sent] == [".parquet"] * 2 + [".json"] * 3
    assert sent[-1] == MANIFEST
    assert all("/_manifests/2026-03-1" in key for key in sent[2:4])
    assert read_from_the_manifest(there.server) == digest_at_home(there.settings)


def test_the_manifest_says_what_the_home_s_says_and_where_each_object_is(there: Sending) -> None:
    folder = build_eta_v1(there.settings, DAYS)
    there.publish()
    manifest = json.loads(there.server.read(MANIFEST))
    for named in manifest["days"].values():
        assert f"{DATASET}/{named.pop('object')}" in there.server.listed()
        assert f"{DATASET}/{named.pop('manifest')}" in there.server.listed()
    assert manifest == json.loads((folder / "_manifest.json").read_text())


def test_published_twice_sends_nothing(there: Sending) -> None:
    build_eta_v1(there.settings, DAYS)
    there.publish()
    with there.server.watched_by():
        assert there.publish().status == "unchanged"
        assert {method for method, _ in there.server.requests} == {"GET"}


def test_one_more_day_sends_that_day_alone(there: Sending) -> None:
    build_eta_v1(there.settings, DAYS[:1])
    there.publish()
    build_eta_v1(there.settings, DAYS[1:])
    with there.server.watched_by():
        assert there.publish().files == 1
    assert [key.removeprefix(f"{DATASET}/")[:32] for key in there.sent()] == [
        "meta_decision_date_et=2026-03-11",
        there.sent()[1].removeprefix(f"{DATASET}/")[:32],
        "_manifest.json",
    ]
    assert read_from_the_manifest(there.server) == digest_at_home(there.settings)


def test_a_reader_finds_the_old_release_or_the_new_one_at_every_request(there: Sending) -> None:
    build_eta_v1(there.settings, DAYS)
    there.publish()
    old = digest_at_home(there.settings)
    build_eta_v1(there.settings, DAYS[:1], seed=2, rows=6, release=2)
    read: list[str | None] = []
    with there.server.watched_by(lambda *_: read.append(read_from_the_manifest(there.server))):
        assert there.publish().status == "replaced"
    new = digest_at_home(there.settings)
    assert read == sorted(read, key=[old, new].index)
    assert set(read) == {old, new}
    days = [key for key in there.server.listed() if key.endswith(".parquet")]
    assert len(days) == 2, "what no manifest names any more is removed, so a folder reads as one release"
    assert f"{DATASET}/_manifests/2026-03-10.1.json" in there.server.listed()


def test_killed_at_every_request_the_next_run_sends_what_is_missing(there: Sending) -> None:
    build_eta_v1(there.settings, DAYS)
    there.publish()
    build_eta_v1(there.settings, DAYS[:1], seed=2, release=2)
    with there.server.watched_by():
        there.publish()
    count = len(there.server.requests)
    named = {name: value for name, value in there.settings.environment().items() if value}
    with publishers(named) as processes:
        for last in range(1, count + 1):
            old = digest_at_home(there.settings)
            build_eta_v1(there.settings, DAYS[:1], seed=last + 2, release=last + 2)
            new = digest_at_home(there.settings)

            def watch(number: int, _method: str, _key: str, last: int = last) -> None:
                if number == last:
                    processes.kill()
                    there.server.is_broken = True

            with there.server.watched_by(watch):
                assert processes.publish("eta_v1", "s3") == -signal.SIGKILL
            killed = there.runs()[-1]
            assert killed.is_running
            assert read_from_the_manifest(there.server) in (old, new)
            there.publish()
            *_, dead, done = there.runs()
            assert (dead.run_id, dead.error_kind) == (killed.run_id, "ProcessDied")
            assert done.status is RunStatus.PUBLISHED
            assert read_from_the_manifest(there.server) == new
            assert len([key for key in there.server.listed() if key.endswith(".parquet")]) == 2


def test_a_dry_run_says_what_would_be_sent(there: Sending) -> None:
    build_eta_v1(there.settings, DAYS)
    dry = there.publish(dry_run=True)
    assert (dry.status, dry.files, there.server.listed()) == ("would be created", 2, [])
    assert dry.bytes == sum(path.stat().st_size for path in there.settings.datasets_dir.rglob("*.parquet"))
    assert not (there.settings.home / "ops.db").exists()


def test_a_features_table_is_one_state_of_the_lake(there: Sending) -> None:
    name = "features.provider_activity_15m"
    put_features(there.settings, PROVIDER_ACTIVITY_15M)
    assert there.publish(name).rows == 4
    manifest = json.loads(there.server.read(f"{TABLE}/_manifest.json"))
    assert (manifest["rows"], manifest["table"], len(manifest["files"])) == (4, name, 1)
    rows = pq.read_table(io.BytesIO(there.server.read(f"{TABLE}/{manifest['files'][0]}")))
    assert rows.column_names == list(PROVIDER_ACTIVITY_15M.column_names)
    with there.server.watched_by():
        assert there.publish(name).status == "unchanged"
    feature_lake.put(there.settings, PROVIDER_ACTIVITY_15M)  # a snapshot without a row
    assert there.publish(name, dry_run=True).status == "would be replaced"
    assert there.publish(name).status == "unchanged"
    put_features(there.settings, PROVIDER_ACTIVITY_15M, seed=2)
    assert there.publish(name).rows == 8
    assert len([key for key in there.server.listed() if key.startswith(TABLE)]) == 2


def test_a_publication_is_a_run_with_what_was_sent(there: Sending) -> None:
    build_eta_v1(there.settings, DAYS)
    there.publish(dry_run=True)
    assert there.runs() == []
    sent = there.publish()
    there.publish()
    first, again = there.runs()
    assert (first.rows, first.files, first.size_bytes) == (10, 2, sent.bytes)
    assert (first.inputs, first.snapshot_id) == (None, None), "a dataset is no snapshot of a table"
    state = SentState(f"{DAYS[0]}..{DAYS[1]}", digest_at_home(there.settings))
    assert [sent_by(Ops(there.settings.ops_url), run.run_id) for run in (first, again)] == [state, state]
    assert (again.status, again.rows, again.files, again.size_bytes) == (RunStatus.PUBLISHED, 10, 0, 0)
    assert sent.bytes


def test_a_publication_of_a_table_names_its_state_and_the_known_time_that_the_ledger_has(
    there: Sending,
) -> None:
    name = "features.provider_activity_15m"
    put_features(there.settings, PROVIDER_ACTIVITY_15M)
    march = Interval(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 11, tzinfo=UTC))
    runs = RunLedger(Ops(there.settings.ops_url), lambda: datetime(2026, 3, 11, tzinfo=UTC))
    runs.finish(runs.begin(name, march, "code").run_id, snapshot_id=1, rows=4)
    there.publish(name)
    manifest = json.loads(there.server.read(f"{TABLE}/_manifest.json"))
    (run,) = there.runs(name)
    assert (run.interval, run.rows, run.files) == (march, 4, 1)
    assert run.inputs == {name: manifest["snapshot_id"]}
    assert run.snapshot_id == manifest["snapshot_id"]


def test_a_publication_that_fails_is_a_failed_run_and_what_may_not_leave_none(there: Sending) -> None:
    with pytest.raises(InputMissing):
        there.publish()
    with pytest.raises(PermissionRefused):
        there.publish(PROVIDER_FLEET_15M.name)
    assert there.runs() == there.runs(PROVIDER_FLEET_15M.name) == []
    folder = build_eta_v1(there.settings, DAYS)
    elsewhere = Sending(there.server, replace(there.settings, publish_uri="s3://lost/road"))
    with pytest.raises(InputMissing):
        elsewhere.publish()
    (folder / "_manifests" / f"{DAY}.json").unlink()
    with pytest.raises(CheckFailed):
        there.publish()
    lost, broken = there.runs()
    assert [(each.status, each.error_kind) for each in (lost, broken)] == [
        (RunStatus.FAILED, "InputMissing"),
        (RunStatus.FAILED, "CheckFailed"),
    ]
    assert broken.inputs is None


def test_an_object_that_went_missing_is_sent_again(there: Sending) -> None:
    build_eta_v1(there.settings, DAYS)
    there.publish()
    lost = next(key for key in there.server.listed() if key.endswith(".parquet"))
    there.server.client().delete_object(Bucket=BUCKET, Key=lost)
    assert there.publish().files == 1
    assert lost in there.server.listed()


def test_a_file_that_is_not_what_its_manifest_says_is_not_sent(there: Sending) -> None:
    folder = build_eta_v1(there.settings, DAYS)
    files = sorted(folder.glob("*/part-0.parquet"))
    files[0].write_bytes(files[1].read_bytes())
    with pytest.raises(CheckFailed, match="files are not what their manifest says, in 2026-03-10"):
        there.publish()
    assert there.server.listed() == []


def test_restricted_tables_are_refused_before_anything_is_asked(there: Sending) -> None:
    with there.server.watched_by(), pytest.raises(PermissionRefused, match="it has available_latitude"):
        there.publish(PROVIDER_FLEET_15M.name)
    assert there.server.requests == []


def test_of_two_at_once_the_one_that_comes_late_is_refused(there: Sending, tmp_path: Path) -> None:
    build_eta_v1(there.settings, DAYS)
    (tmp_path / "other").mkdir()
    other = Sending(there.server, settings_of(tmp_path / "other", there.server))
    build_eta_v1(other.settings, DAYS, seed=2)

    def watch(_number: int, method: str, key: str) -> None:
        if method == "PUT" and key == MANIFEST:
            other.publish()

    with there.server.watched_by(watch), pytest.raises(Busy, match="ended while this one was sent"):
        there.publish()
    assert read_from_the_manifest(there.server) == digest_at_home(other.settings)
    assert there.publish().status == "replaced"
    assert read_from_the_manifest(there.server) == digest_at_home(there.settings)


def test_a_bucket_a_caller_or_a_server_that_is_not_there_is_named(
    there: Sending, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_eta_v1(there.settings)
    elsewhere = Sending(there.server, replace(there.settings, publish_uri="s3://lost/road"))
    with pytest.raises(InputMissing, match="There is no bucket of s3://lost/road"):
        elsewhere.publish()
    nowhere = Sending(there.server, replace(there.settings, s3_endpoint="http://127.0.0.1:1"))
    with pytest.raises(Unreachable, match=f"S3 at s3://{BUCKET}/{PREFIX} does not answer"):
        nowhere.publish()
    for name in CREDENTIALS:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    with pytest.raises(SettingError, match="S3 does not know who publishes"):
        there.publish()


def test_a_server_that_fails_half_way_leaves_the_old_release(there: Sending) -> None:
    build_eta_v1(there.settings, DAYS)
    there.publish()
    old = digest_at_home(there.settings)
    build_eta_v1(there.settings, DAYS, seed=2)

    def watch(_number: int, method: str, key: str) -> None:
        there.server.is_broken = there.server.is_broken or (method == "PUT" and "/_manifests/" in key)

    with there.server.watched_by(watch), pytest.raises(Unreachable, match="does not answer"):
        there.publish()
    assert read_from_the_manifest(there.server) == old
    there.publish()
    assert read_from_the_manifest(there.server) == digest_at_home(there.settings)
