"""What is promised at Snowflake and in S3, by what their own records say."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from lakehouse.releases import Release, ReleaseKind
from roadside.commands.promise import print_check
from roadside.promise_check import Kept, PromiseKept, State
from roadside.promise_publications import Shipped, from_audit, from_manifest, reached, shipped_at
from support.promised_nights import minutes, utc
from validation.contracts import table_named
from warehouse.audit import Issued

DAY, CUT, SIX = date(2026, 3, 11), utc("2026-03-11 07:00"), utc("2026-03-11 10:00")
ETA_DAY = date(2026, 3, 9)
VIEW = Kept("view", "area_hour_1d", CUT, SIX, utc("2026-03-11 08:00"), State.KEPT)
ETA = Kept("dataset", "eta_v1", ETA_DAY, SIX, utc("2026-03-11 08:30"), State.KEPT)
AREA_HOUR, ETA_V1 = table_named("features.area_hour_1d"), table_named("training.eta_v1")


def release(cut: datetime, snapshot_id: int) -> Release:
    name = f"daily-{cut:%Y%m%dT%H%MZ}-1"
    return Release(
        name, ReleaseKind.DAILY, cut, 1, cut + minutes(180), cut, {"features.area_hour_1d": snapshot_id}
    )


RELEASES = [release(CUT - timedelta(days=1), 5), release(CUT, 6)]


def shipped(thing: Kept, states: list[Shipped], at: datetime) -> Kept | None:
    found = PromiseKept(DAY, at, SIX, (thing,))
    return next(iter(shipped_at("snowflake", found, lambda _thing, _table: states)), None)


def test_a_day_of_a_dataset_is_published_by_the_first_publication_that_holds_it() -> None:
    issued = [
        Issued("2026-03-01..2026-03-08", None, utc("2026-03-10 09:00")),
        Issued("2026-03-01..2026-03-09", None, utc("2026-03-11 09:40")),
        Issued("2026-03-01..2026-03-09, release 2", None, utc("2026-03-11 12:00")),
    ]
    states = list(from_audit(ETA, ETA_V1, issued, RELEASES))
    assert [each.through for each in states] == [date(2026, 3, 8), ETA_DAY, ETA_DAY]
    kept = shipped(ETA, states, SIX + minutes(180))
    assert kept is not None
    assert (kept.kind, kept.state, kept.published_at) == ("snowflake", "kept", utc("2026-03-11 09:40"))


def test_what_is_released_and_not_published_is_missing_at_six() -> None:
    yesterday = Shipped(date(2026, 3, 8), "2026-03-01..2026-03-08", utc("2026-03-10 09:00"))
    early = shipped(ETA, [yesterday], SIX - minutes(1))
    lost = shipped(ETA, [yesterday], SIX)
    assert early is not None
    assert early.state == "not due yet"
    assert lost is not None
    assert (lost.state, lost.late_by) == ("missing", None)
    assert lost.because is not None
    assert lost.because.why == "it is released, and not published"
    assert lost.because.next_step == "roadside publish eta_v1 --to snowflake"
    assert lost.readers_have is not None
    assert lost.readers_have.what == date(2026, 3, 8)


def test_a_table_is_known_by_its_release_or_by_its_state() -> None:
    issued = [
        Issued("daily-20260310T0700Z-1", 5, utc("2026-03-10 09:00")),
        Issued("snapshot 6", 6, utc("2026-03-11 10:12")),
        Issued("snapshot 7", 7, utc("2026-03-11 13:00")),
    ]
    states = list(from_audit(VIEW, AREA_HOUR, issued, RELEASES))
    assert [each.through for each in states] == [CUT - timedelta(days=1), CUT, None]
    late = shipped(VIEW, states, SIX + minutes(60))
    assert late is not None
    assert (late.state, late.late_by) == ("late", minutes(12))


def test_what_never_went_there_is_not_promised_there() -> None:
    assert shipped(ETA, [], SIX) is None


def test_a_bucket_tells_what_was_put_by_six_and_not_what_it_replaced() -> None:
    days = {"days": {"2026-03-08": {}, "2026-03-09": {}}}
    of_today = from_manifest(ETA, ETA_V1, days, {"_manifest.json": utc("2026-03-11 09:50")}, RELEASES)
    assert of_today == [Shipped(ETA_DAY, "2026-03-09", utc("2026-03-11 09:50"), hides_earlier=True)]
    kept = shipped(ETA, of_today, SIX)
    assert kept is not None
    assert kept.state == "kept"
    tomorrow = {"days": days["days"] | {"2026-03-10": {}}}
    replaced = from_manifest(ETA, ETA_V1, tomorrow, {"_manifest.json": utc("2026-03-12 09:50")}, RELEASES)
    unknown = shipped(ETA, replaced, utc("2026-03-12 10:00"))
    assert unknown is not None
    assert unknown.state == "unknown"
    assert shipped(ETA, replaced, SIX) == unknown, "an earlier moment cannot be told either"


def in_bucket(
    thing: Kept,
    manifest: dict[str, Any],
    put_at: datetime,
    releases: list[Release] = RELEASES,
    **files: datetime,
) -> Kept:
    """What is told an hour after the promise of what the bucket holds since then."""
    table = AREA_HOUR if thing.kind == "view" else ETA_V1
    states = from_manifest(thing, table, manifest, {"_manifest.json": put_at, **files}, releases)
    told = shipped(thing, states, SIX + minutes(60))
    assert told is not None
    return told


def test_a_state_holds_what_came_out_before_the_release_that_names_it() -> None:
    """A replay ends in the night: its last release is of the cut before, and of the table's newest state."""
    replay = replace(RELEASES[0], release_id="daily-20260310T0700Z-2", revision=2)
    replay = replace(replay, published_at=CUT + minutes(60), tables={"features.area_hour_1d": 7})
    manifest = {"release": "daily-20260310T0700Z-2", "snapshot_id": 7}
    kept = in_bucket(VIEW, manifest, CUT + minutes(70), [*RELEASES, replay])
    assert (kept.state, kept.published_at) == ("kept", CUT + minutes(70))
    older = {"release": "daily-20260310T0700Z-1", "snapshot_id": 5}
    assert in_bucket(VIEW, older, CUT + minutes(70), [*RELEASES, replay]).state == "missing"


def test_a_manifest_put_again_after_six_does_not_tell_whether_it_was_there_before() -> None:
    """An older day had a new release, or a view's history changed: the newest is what it was."""
    today = {"release": "daily-20260311T0700Z-1", "snapshot_id": 6}
    again = in_bucket(VIEW, today, SIX + minutes(50))
    assert (again.state, again.late_by, again.published_at) == ("unknown", None, None)
    day = {"days": {"2026-03-09": {"object": "file", "release_number": 1}}}
    put_before, put_after = {"file": SIX - minutes(60)}, {"file": SIX + minutes(40)}
    assert in_bucket(ETA, day, SIX + minutes(50), **put_before).state == "unknown"
    changed = {"days": {"2026-03-09": {"object": "file", "release_number": 2}}}
    assert in_bucket(ETA, changed, SIX + minutes(50), **put_after).state == "unknown"


def test_what_cannot_have_been_in_a_bucket_by_six_is_late() -> None:
    """The file of the day's first release came after it, or the view itself did."""
    day = {"days": {"2026-03-09": {"object": "file", "release_number": 1}}}
    late = in_bucket(ETA, day, SIX + minutes(50), file=SIX + minutes(40))
    assert (late.state, late.late_by) == ("late", minutes(50))
    late_view = replace(VIEW, published_at=SIX + minutes(20), state=State.LATE)
    today = {"release": "daily-20260311T0700Z-1", "snapshot_id": 6}
    assert in_bucket(late_view, today, SIX + minutes(50)).state == "late"


def test_of_a_state_that_no_release_names_nobody_can_tell_what_it_holds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A compaction's, say. Put there before the cut it holds none of it."""
    compacted = {"release": "snapshot 9", "snapshot_id": 9}
    for since in (CUT + minutes(70), SIX + minutes(50)):
        assert in_bucket(VIEW, compacted, since).state == "unknown"
    lost = in_bucket(VIEW, compacted, CUT - minutes(70))
    assert (lost.state, lost.readers_have and lost.readers_have.release_id) == ("missing", "snapshot 9")
    print_check(PromiseKept(DAY, SIX, SIX, (lost,)))
    assert "snapshot 9 " in capsys.readouterr().out


def test_a_publication_that_no_release_names_may_have_been_in_time() -> None:
    issued = [Issued("daily-20260310T0700Z-1", 5, utc("2026-03-10 09:00"))]
    unnamed = Issued("snapshot 9", 9, CUT + minutes(70))
    in_time = [unnamed, Issued("daily-20260311T0700Z-1", 6, CUT + minutes(80))]
    too_late = [unnamed, Issued("daily-20260311T0700Z-1", 6, SIX + minutes(30))]
    for more, state in (([unnamed], "unknown"), (in_time, "kept"), (too_late, "unknown")):
        told = shipped(VIEW, list(from_audit(VIEW, AREA_HOUR, [*issued, *more], RELEASES)), SIX + minutes(60))
        assert told is not None
        assert told.state == state


def test_a_bucket_s_table_is_known_by_the_release_of_its_manifest() -> None:
    told = {"release": "snapshot 6", "snapshot_id": 6}
    (state,) = from_manifest(VIEW, AREA_HOUR, told, {"_manifest.json": SIX}, RELEASES)
    assert state.through == CUT
    assert reached(VIEW, AREA_HOUR, "snapshot 9", 9, RELEASES) is None
