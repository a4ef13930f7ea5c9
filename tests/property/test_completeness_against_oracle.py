"""Complete ticks against a naive loop over every object, slot and tick."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.completeness import Completeness, Stamp, incomplete_ticks
from lakehouse.landing_ledger import LandingLedger
from lakehouse.object_store import LandedObject
from lakehouse.ops import Ops
from validation.clocks import TICK, Interval, tick_end

SOURCE = "gps_pings"
START = datetime(2026, 3, 10, 12, tzinfo=UTC)
INTERVAL = Interval(START + 4 * TICK, START + 12 * TICK)
HEARTBEATS = st.sampled_from([1, 3, 5, 15, 20, 30, 47, 120]).map(lambda n: timedelta(minutes=n))
LANDED_AT = st.integers(0, 3 * 3600 - 1).map(lambda seconds: START + timedelta(seconds=seconds))


def naive(stamps: list[Stamp], heartbeat: timedelta, tick: datetime) -> bool:
    """Whether each slot before the tick holds a stamp known by then."""
    slots = [(tick - heartbeat, tick)]
    if heartbeat <= TICK:
        slots = [(tick - (n + 1) * heartbeat, tick - n * heartbeat) for n in range(TICK // heartbeat)]
    return all(
        any(start <= stamp.landed_at < end and stamp.known_at <= tick for stamp in stamps)
        for start, end in slots
    )


@st.composite
def many_stamps(draw: st.DrawFn) -> list[Stamp]:
    """A beat each few minutes with holes, some known late, beside strays."""
    step = draw(st.sampled_from([1, 2, 4, 5, 14]))
    beats = [START + timedelta(minutes=n) for n in range(0, 180, step) if draw(st.integers(0, 5))]
    return [
        Stamp(landed_at, tick_end(landed_at) + TICK * max(0, draw(st.integers(-9, 3))))
        for landed_at in beats + draw(st.lists(LANDED_AT, max_size=20))
    ]


@given(many_stamps(), HEARTBEATS)
def test_incomplete_ticks_are_those_of_a_naive_loop(stamps: list[Stamp], heartbeat: timedelta) -> None:
    found = [each.tick for each in incomplete_ticks(SOURCE, stamps, heartbeat, INTERVAL)]
    assert found == [tick for tick in INTERVAL.ticks() if not naive(stamps, heartbeat, tick)]


@given(many_stamps(), HEARTBEATS, st.integers(1, 7))
def test_an_interval_cut_in_two_gives_the_same_verdicts(
    stamps: list[Stamp], heartbeat: timedelta, cut: int
) -> None:
    middle = INTERVAL.start + cut * TICK
    parts = (Interval(INTERVAL.start, middle), Interval(middle, INTERVAL.end))
    cut_in_two = [each.tick for part in parts for each in incomplete_ticks(SOURCE, stamps, heartbeat, part)]
    assert cut_in_two == [each.tick for each in incomplete_ticks(SOURCE, stamps, heartbeat, INTERVAL)]


@settings(max_examples=10, deadline=None)
@given(
    st.lists(st.tuples(LANDED_AT, st.integers(1, 12)), min_size=1, max_size=60),
    HEARTBEATS,
    st.lists(LANDED_AT, max_size=20),
)
def test_the_ledger_is_judged_as_its_objects_are(
    appearing: list[tuple[datetime, int]], heartbeat: timedelta, archived: list[datetime]
) -> None:
    """Objects appear tick by tick, some late, and every tick is closed behind them; then an archive comes."""
    with TemporaryDirectory() as folder:
        ops = Ops(f"sqlite:///{folder}/ops.db")
        ledger = LandingLedger(ops)
        for number in range(1, 13):
            until = START + number * TICK
            objects = [
                LandedObject(f"landing/{SOURCE}/{index}", landed_at, 1)
                for index, (landed_at, appears) in enumerate(appearing)
                if appears <= number
            ]
            ledger.register(SOURCE, objects, until)
            ledger.close(SOURCE, until)
        entries = ledger.objects(SOURCE, Interval(START, START + 12 * TICK))
        stamps = [Stamp(entry.landed_at, entry.known_at) for entry in entries]
        first = min((stamp.known_at for stamp in stamps), default=INTERVAL.end + TICK)
        completeness = Completeness(ops, {SOURCE: heartbeat})
        found = completeness.held_ticks([SOURCE], INTERVAL)
        free = [stamp for stamp in archived if tick_end(stamp) not in {entry.known_at for entry in entries}]
        archive = [LandedObject(f"landing/{SOURCE}/old-{n}", stamp, 1) for n, stamp in enumerate(free)]
        ledger.register(SOURCE, archive, START + 12 * TICK, archive=True)
        assert completeness.held_ticks([SOURCE], INTERVAL) == found
    assert found == {
        tick for tick in INTERVAL.ticks() if first <= tick and not naive(stamps, heartbeat, tick)
    }
