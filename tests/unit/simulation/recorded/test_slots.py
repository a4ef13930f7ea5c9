"""Five minutes of arrivals make one object."""

from __future__ import annotations

from simulation.landing import LandingWriter
from simulation.recorded.replay_summary import ReplayCounts, SourceCount
from simulation.recorded.slots import Arrival, Stream

NOON = 1_520_000_100  # 2018-03-02T14:15:00Z, a slot's first second


def written(tmp_path, arrivals, **options):
    counts = ReplayCounts()
    stream = Stream(LandingWriter(tmp_path), counts, "dispatch_events", "t", **options)
    stream.write_arrivals(arrivals)
    return counts.summary("test", ())


def test_silence_inside_a_push_feed_is_heartbeats_and_objects_are_in_arrival_order(tmp_path, landed):
    late = Arrival(NOON + 900, "a", b'{"n":3}\n')
    same_second = [Arrival(NOON, "c", b'{"n":2}\n'), Arrival(NOON, "b", b'{"n":1}\n')]
    summary = written(tmp_path, [late, *same_second])
    assert landed(tmp_path, "dispatch_events") == {
        "2018-03-02-14-19-59": [{"n": 1}, {"n": 2}],
        "2018-03-02-14-24-59": [],
        "2018-03-02-14-29-59": [],
        "2018-03-02-14-34-59": [{"n": 3}],
    }
    assert summary.sources == {"dispatch_events": SourceCount(records=3, objects=4, heartbeats=2)}


def test_a_feed_without_heartbeats_is_silent_when_it_was_silent(tmp_path, landed):
    lines = [Arrival(NOON, "a", b"{}\n"), Arrival(NOON + 900, "b", b"{}\n")]
    written(tmp_path, lines, has_heartbeats=False)
    assert list(landed(tmp_path, "dispatch_events")) == ["2018-03-02-14-19-59", "2018-03-02-14-34-59"]
