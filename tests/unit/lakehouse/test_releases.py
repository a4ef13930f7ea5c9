from datetime import UTC, datetime, timedelta

from lakehouse.ops import Ops
from lakehouse.releases import Release, ReleaseKind, Releases

TICK = datetime(2026, 3, 10, 18, 30, tzinfo=UTC)
PROMISE = TICK + timedelta(minutes=5)
ZONES = "features.zone_demand_15m"
PROVIDERS = "features.provider_activity_15m"


def publish(
    ops: Ops, tables: dict[str, int], minutes: int = 4, tick: datetime = TICK, kind: str = "tick"
) -> Release:
    now = TICK + timedelta(minutes=minutes)
    return Releases(ops, lambda: now).publish(ReleaseKind(kind), tick, tick + timedelta(minutes=5), tables)


def reader(ops: Ops) -> Releases:
    return Releases(ops, lambda: TICK)


def test_a_release_pins_the_snapshots_published_together(ops: Ops) -> None:
    release = publish(ops, {ZONES: 11, PROVIDERS: 12})
    assert release.tables == {PROVIDERS: 12, ZONES: 11}
    assert (release.promised_at, release.published_at) == (PROMISE, PROMISE - timedelta(minutes=1))
    assert not release.is_late
    assert reader(ops).latest(ReleaseKind.TICK) == release == reader(ops).for_table(ZONES)


def test_publishing_the_same_again_keeps_the_first_publication_time(ops: Ops) -> None:
    first = publish(ops, {ZONES: 11})
    assert publish(ops, {ZONES: 11}, minutes=60) == first


def test_other_snapshots_of_a_tick_are_its_next_revision(ops: Ops) -> None:
    publish(ops, {ZONES: 11})
    second = publish(ops, {ZONES: 13}, minutes=6)
    back = publish(ops, {ZONES: 11}, minutes=7)
    assert (second.revision, back.revision) == (2, 3)
    assert second.is_late
    assert reader(ops).latest(ReleaseKind.TICK) == back


def test_two_datasets_of_one_cut_stand_beside_each_other(ops: Ops) -> None:
    eta = publish(ops, {"training.eta_v1": 1}, kind="dataset")
    acceptance = publish(ops, {"training.matching_acceptance_v1": 2}, kind="dataset")
    assert publish(ops, {"training.eta_v1": 1}, minutes=60, kind="dataset") == eta
    assert reader(ops).for_table("training.matching_acceptance_v1") == acceptance


def test_the_newest_tick_is_latest_but_a_table_is_read_at_its_last_publication(ops: Ops) -> None:
    newest = publish(ops, {ZONES: 21})
    replayed = publish(ops, {ZONES: 22}, minutes=9, tick=TICK - timedelta(minutes=15))
    assert reader(ops).latest(ReleaseKind.TICK) == newest
    assert reader(ops).for_table(ZONES) == replayed


def test_what_was_published_by_a_moment_can_be_asked(ops: Ops) -> None:
    first = publish(ops, {ZONES: 11}, minutes=4)
    publish(ops, {ZONES: 12}, minutes=9)
    by = TICK + timedelta(minutes=5)
    assert reader(ops).latest(ReleaseKind.TICK, published_by=by) == first
    assert reader(ops).for_table(ZONES, published_by=by) == first
    assert reader(ops).for_table(ZONES, published_by=TICK) is None


def test_what_came_out_when_is_told_by_table(ops: Ops) -> None:
    later = TICK + timedelta(minutes=15)
    publish(ops, {ZONES: 11, PROVIDERS: 5}, minutes=4)
    publish(ops, {ZONES: 12}, minutes=21, tick=later)
    came_out = (TICK, TICK + timedelta(minutes=4)), (later, TICK + timedelta(minutes=21))
    assert reader(ops).by_table() == {ZONES: list(came_out), PROVIDERS: [came_out[0]]}
    assert reader(ops).by_table(after=TICK) == {ZONES: [came_out[1]]}


def test_kinds_are_apart_and_nothing_is_none(ops: Ops) -> None:
    publish(ops, {ZONES: 11})
    assert reader(ops).latest(ReleaseKind.DAILY) is None
    assert reader(ops).for_table(PROVIDERS) is None


def test_a_table_s_newest_tick_is_no_matter_of_what_was_published_last(ops: Ops) -> None:
    publish(ops, {ZONES: 11, PROVIDERS: 12})
    publish(ops, {ZONES: 13}, minutes=60, tick=TICK - timedelta(minutes=15))
    publish(ops, {PROVIDERS: 14}, minutes=61, tick=TICK + timedelta(minutes=15))
    assert reader(ops).newest_ticks() == {ZONES: TICK, PROVIDERS: TICK + timedelta(minutes=15)}
