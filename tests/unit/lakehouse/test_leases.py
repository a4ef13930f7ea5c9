from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from subprocess import Popen
from threading import Thread

import pytest
from sqlalchemy import select, update

from lakehouse.leases import Leases
from lakehouse.ops import Ops, leases
from support.waiting import within
from validation.errors import Busy

TABLE = "features.provider_activity_15m"
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


def at(ops: Ops, passed: timedelta = timedelta(0)) -> Leases:
    return Leases(ops, lambda: NOW + passed)


def test_a_second_publisher_is_told_who_holds_the_table(ops: Ops) -> None:
    with (
        at(ops).publishing(TABLE),
        pytest.raises(Busy, match=rf"{TABLE}: process \d+ on .* since 2026-03-10T12:00:00Z"),
        at(ops).publishing(TABLE),
    ):
        pass


def test_another_table_is_free(ops: Ops) -> None:
    with at(ops).publishing(TABLE), at(ops).publishing("features.zone_demand_15m"):
        pass


def test_the_table_is_free_again_after_success_and_after_failure(ops: Ops) -> None:
    with pytest.raises(ZeroDivisionError), at(ops).publishing(TABLE):
        _ = 1 / 0
    with at(ops).publishing(TABLE):
        pass
    with at(ops).publishing(TABLE):
        pass


def test_a_live_holder_on_this_host_keeps_its_lease_however_long_it_works(ops: Ops) -> None:
    with at(ops).publishing(TABLE), pytest.raises(Busy), at(ops, timedelta(days=3)).publishing(TABLE):
        pass


def test_a_lease_of_another_host_is_taken_over_when_it_ran_out_and_its_holder_notices(ops: Ops) -> None:
    with at(ops).publishing(TABLE) as lease:
        with ops.write() as connection:
            connection.execute(update(leases).values(host="elsewhere"))
        with pytest.raises(Busy, match="on elsewhere"), at(ops, timedelta(minutes=4)).publishing(TABLE):
            pass
        at(ops).renew(lease)
        with at(ops, timedelta(minutes=5)).publishing(TABLE) as successor:
            with pytest.raises(Busy, match="ran out"):
                at(ops).renew(lease)
            at(ops).renew(successor)


def test_a_holder_that_lives_on_another_host_keeps_its_lease(ops: Ops) -> None:
    lasts, wall = timedelta(seconds=0.4), [NOW]

    def brief() -> Leases:
        return Leases(ops, lambda: wall[0], lasts=lasts)

    def end() -> datetime:
        with ops.read() as connection:
            return connection.execute(select(leases.c.expires_at)).scalar_one()

    with brief().publishing(TABLE):
        with ops.write() as connection:
            connection.execute(update(leases).values(host="elsewhere"))
        for _ in range(3):
            wall[0] += timedelta(seconds=0.3)
            assert within(20, lambda: end() == wall[0] + lasts)
        with pytest.raises(Busy, match="on elsewhere"), brief().publishing(TABLE):
            pass
    with brief().publishing(TABLE):
        pass


def test_a_beat_that_raises_does_not_end_the_renewing(ops: Ops) -> None:
    moments: list[datetime] = []

    def now() -> datetime:
        moments.append(NOW)
        if len(moments) == 2:
            raise ZeroDivisionError
        return NOW

    with Leases(ops, now, lasts=timedelta(seconds=0.2)).publishing(TABLE):
        assert within(20, lambda: len(moments) > 2), "asked again behind the one that raised"


def test_a_lease_whose_renewing_cannot_begin_is_given_back(ops: Ops, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_thread: Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(Thread, "start", start)
        with pytest.raises(RuntimeError), at(ops).publishing(TABLE):
            pass
    with at(ops).publishing(TABLE):
        pass


def test_a_patient_publisher_waits_until_the_table_is_free(ops: Ops) -> None:
    patient = Leases(ops, lambda: NOW, patience=timedelta(seconds=30))
    order = []
    with ThreadPoolExecutor(1) as pool:

        def wait() -> None:
            with patient.publishing(TABLE):
                order.append("waited")

        with at(ops).publishing(TABLE):
            waiting = pool.submit(wait)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.3)
            order.append("held")
        waiting.result(timeout=10)
    assert order == ["held", "waited"]


def test_patience_ends(ops: Ops) -> None:
    impatient = Leases(ops, lambda: NOW, patience=timedelta(seconds=0.2))
    with at(ops).publishing(TABLE), pytest.raises(Busy), impatient.publishing(TABLE):
        pass


HOLD = """
import sys, time
from datetime import UTC, datetime
from lakehouse.leases import Leases
from lakehouse.ops import Ops
with Leases(Ops(sys.argv[1]), lambda: datetime(2026, 3, 10, 12, tzinfo=UTC)).publishing(sys.argv[2]):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_lease_of_a_killed_process_is_taken_over_at_once(
    ops: Ops, start_python: Callable[..., "Popen[str]"]
) -> None:
    holder = start_python(HOLD, ops.url, TABLE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(Busy, match=f"process {holder.pid} on"), at(ops).publishing(TABLE):
        pass
    holder.kill()
    holder.wait()
    with at(ops).publishing(TABLE):
        pass


def test_a_stranger_under_an_old_pid_does_not_keep_the_lease(ops: Ops) -> None:
    with at(ops).publishing(TABLE):
        with ops.write() as connection:
            connection.execute(update(leases).values(process_started="an earlier boot:1"))
        with at(ops).publishing(TABLE):
            pass
