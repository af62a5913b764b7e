"""Which process wrote something, and whether it still runs.

A process is known by more than its number: numbers are used again, and mean something only on one
machine, until it is started anew, and within one container.
"""

from __future__ import annotations

import functools
import os
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from blake3 import blake3

SYSTEM_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Process:
    """A process, as it writes itself down for others."""

    host: str
    """Name of the machine, for people."""
    system: str
    """Hex digits: within the same system, its number tells whether it runs."""
    pid: int
    born: int
    """When it was started, in a unit of its system's; 0 where the system does not tell."""

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Process:
        """ValueError or LookupError or TypeError for what is no process."""
        return cls(str(raw["host"]), str(raw["system"]), int(raw["pid"]), int(raw["born"]))


def current() -> Process:
    """This process; in a forked child, the child."""
    return _process(os.getpid())


def is_running(process: Process) -> bool | None:
    """Whether it runs; None where nobody here can tell."""
    if process.system != _system():
        return None
    return pid_is_running(process.pid, process.born)


def pid_is_running(pid: int, born: int = 0) -> bool:
    """Whether a process of this system runs that has this number, and was started then."""
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return not born or _born(pid) in {0, born}


def this_system() -> str:
    """The system of this process."""
    return _system()


@functools.lru_cache(maxsize=4)
def _process(pid: int) -> Process:
    return Process(socket.gethostname(), _system(), pid, _born(pid))


@functools.cache
def _system() -> str:
    """This machine, since it was started, as far as this process sees of its processes."""
    parts = [socket.gethostname(), _read(Path("/proc/sys/kernel/random/boot_id"))]
    try:
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    except OSError:
        parts.append("")
    return str(blake3("\n".join(parts).encode()).hexdigest()[:SYSTEM_DIGITS])


def _born(pid: int) -> int:
    # The name, second field, may hold anything, but no field after it has a parenthesis.
    fields = _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    try:
        return int(fields[19])
    except (IndexError, ValueError):
        return 0


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
