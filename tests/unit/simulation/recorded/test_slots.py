"""Five minutes of arrivals make one object."""

from __future__ import annotations

from simulation.landing import LandingWriter
from simulation.recorded.replay_summary import ReplayCounts, SourceCount
from simulation.recorded.slots import Arrival, Stream, write_heartbeats_between

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


def test_a_source_beats_while_any_recording_of_a_run_of_days_goes_on(tmp_path, landed):
    counts, writer = ReplayCounts(), LandingWriter(tmp_path)
    calls = Stream(writer, counts, "dispatch_events", "calls")
    two_days_later = NOON + 2 * 86_400
    calls.has_heartbeats = False
    calls.write_arrivals([Arrival(at, "a", b"{}\n") for at in (NOON, NOON + 900, two_days_later)])
    Stream(writer, counts, "gps_pings", "cabs").write_arrivals([Arrival(NOON + 300, "b", b"{}\n")])
    write_heartbeats_between(writer, counts, ("dispatch_events", "gps_pings"), "heartbeat")
    first_run = [f"2018-03-02-14-{minute}-59" for minute in (19, 24, 29, 34)]
    for source, records in (("dispatch_events", [1, 0, 0, 1, 1]), ("gps_pings", [0, 1, 0, 0, 0])):
        objects = landed(tmp_path, source)
        assert list(objects) == [*first_run, "2018-03-04-14-19-59"]
        assert [len(each) for each in objects.values()] == records
    assert counts.summary("test", ()).sources["gps_pings"] == SourceCount(1, 5, 4)
