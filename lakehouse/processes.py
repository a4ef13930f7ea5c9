"""Who a process is, and whether it still lives.

A pid alone is not enough: it is given again. A process is a host, a pid and a start token (the
boot and the start time that the kernel records), so that a stranger under an old pid is told apart.
"""

from __future__ import annotations

import os
import socket
import subprocess
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Process:
    """One process on one host, for ever."""

    host: str
    pid: int
    started: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"

    @property
    def folder_name(self) -> str:
        """What a folder of its own is called; no other process's ever is."""
        return f"{self.host}-{self.pid}-{sha256(self.started.encode()).hexdigest()[:16]}"


def this_process() -> Process:
    """The process that asks."""
    return Process(socket.gethostname(), os.getpid(), _start_token(os.getpid()) or "")


def is_local(process: Process) -> bool:
    """Whether the process belongs to this host, so that its death can be seen."""
    return process.host == socket.gethostname()


def is_dead(process: Process) -> bool:
    """Whether the process surely runs no more; of another host's process that is never sure."""
    return is_local(process) and _start_token(process.pid) != process.started


def lives(folder_name: str) -> bool | None:
    """Whether the process that the folder is named after runs; None of another host's, and of no process."""
    host_and_pid, _, _ = folder_name.rpartition("-")
    host, _, pid = host_and_pid.rpartition("-")
    if host != socket.gethostname() or not pid.isdecimal():
        return None
    started = _start_token(int(pid))
    return started is not None and Process(host, int(pid), started).folder_name == folder_name


def _start_token(pid: int) -> str | None:
    """What tells this process from others of its pid; None when there is none, or a zombie."""
    return _linux_token(pid) if _BOOT_ID.exists() else _portable_token(pid)


def _linux_token(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *rest = stat.rpartition(")")[2].split()  # the name in brackets may hold anything
    return None if state in "ZX" else f"{_BOOT_ID.read_text().strip()}:{rest[18]}"


def _portable_token(pid: int) -> str | None:
    answer = subprocess.run(
        ["ps", "-o", "state=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, started = answer.stdout.strip().partition(" ")
    return started.strip() if started and not state.startswith("Z") else None
