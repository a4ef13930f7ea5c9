import os
import subprocess
import sys
from dataclasses import replace

from lakehouse.processes import Process, _portable_token, is_dead, is_local, this_process


def test_this_process_lives() -> None:
    assert this_process().pid == os.getpid()
    assert is_local(this_process())
    assert not is_dead(this_process())


def test_a_killed_process_is_dead_even_before_its_parent_noticed() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    found = replace(this_process(), pid=child.pid, started="")
    assert _portable_token(child.pid)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert is_dead(found)
    assert _portable_token(child.pid) is None
    child.communicate()
    assert is_dead(found)


def test_another_process_under_the_same_pid_is_not_the_one_recorded() -> None:
    assert is_dead(replace(this_process(), started="an earlier boot:1"))


def test_of_another_host_nothing_is_sure() -> None:
    assert not is_dead(Process("elsewhere", 1, ""))
