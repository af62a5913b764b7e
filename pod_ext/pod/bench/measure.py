"""Time, memory and disk, as this machine tells them."""

from __future__ import annotations

import contextlib
import datetime
import importlib.metadata
import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from pod.bench.records import Machine

PACKAGES = (
    "blake3", "cloudpickle", "dill", "ipykernel", "ipython", "kishu", "lightgbm", "matplotlib",
    "networkx", "numpy", "pandas", "pyarrow", "scikit-learn", "zodb", "zstandard",
)  # fmt: skip
"""Whose versions are told."""

POLL = 0.002
"""Seconds between two looks of a `Watcher`."""


def peak_memory(pid: int | str = "self") -> int:
    """Most bytes that were ever resident in a process."""
    return _status(pid, "VmHWM")


def resident(pid: int | str = "self") -> int:
    """Bytes resident in a process."""
    return _status(pid, "VmRSS")


def _status(pid: int | str, field: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    return 0  # a process that has ended has none


def own_memory(pid: int) -> int:
    """Bytes resident in a process that no other one shares with it."""
    total = 0
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(("Private_Clean:", "Private_Dirty:")):
            total += int(line.split()[1]) * 1024
    return total


MARK = "POD_BENCH_PROCESS"
"""A variable of the environment that a process has, and all that it starts."""


def others_marked(mark: str, but: int) -> list[int]:
    """Processes whose environment has the mark, but one: what that one has started, and what these
    have, also where nobody is their parent any more and their group is their own."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdigit() and int(path.name) != but:
            with contextlib.suppress(OSError):
                if wanted in (path / "environ").read_bytes().split(b"\0"):
                    found.append(int(path.name))
    return found


def memory_of_others(mark: str, but: int) -> int:
    """Bytes that these processes have for themselves. A forked child shares what it has not written
    to with its parent, so that this is what it adds."""
    total = 0
    for other in others_marked(mark, but):
        with contextlib.suppress(OSError):
            total += own_memory(other)
    return total


def stored_bytes(directory: Path) -> int:
    """Length of all files under a directory."""
    total = 0
    pending = [str(directory)]
    while pending:
        with contextlib.suppress(FileNotFoundError), os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                else:
                    with contextlib.suppress(FileNotFoundError):
                        total += entry.stat(follow_symlinks=False).st_size
    return total


class Watcher:
    """Notes when something comes to be so, in a thread that is at rest while nothing is awaited.

    It looks every `POLL` seconds, which takes some microseconds of the interpreter.
    """

    def __init__(self) -> None:
        self._awaited: list[tuple[Callable[[], bool], Callable[[float], None]]] = []
        self._changed = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._watch, name="bench-watcher", daemon=True)
        self._thread.start()

    def when(self, so: Callable[[], bool], note: Callable[[float], None]) -> None:
        """Call `note` with the time at which `so` was first seen to be so."""
        if so():
            note(time.perf_counter())
            return
        with self._changed:
            self._awaited.append((so, note))
            self._changed.notify()

    def end(self, timeout: float) -> None:
        """Wait until nothing is awaited any more, at most so many seconds."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join(timeout)

    def _watch(self) -> None:
        while True:
            with self._changed:
                while not self._awaited and not self._ended:
                    self._changed.wait()
                if not self._awaited:
                    return
                awaited = list(self._awaited)
            seen = [each for each in awaited if each[0]()]
            now = time.perf_counter()
            for each in seen:
                each[1](now)
            with self._changed:
                self._awaited = [each for each in self._awaited if each not in seen]
            time.sleep(POLL)


def machine(commit: str | None = None) -> Machine:
    """This machine and this Python."""
    now = datetime.datetime.now(datetime.UTC)
    return Machine(
        id=f"{platform.node()}-{now:%Y%m%dT%H%M%S}-{os.getpid()}",
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)),
        memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        kernel=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        packages=versions(),
        commit=_commit() if commit is None else commit,
        date=f"{now:%Y-%m-%d %H:%M} UTC",
        argv=tuple(sys.argv[1:]),
    )


def versions() -> dict[str, str]:
    """Of the packages that matter, those that are installed."""
    found = {}
    for name in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def _cpu() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _commit() -> str:
    """Of the working tree that this code lies in, '' if it lies in none."""
    directory = Path(__file__).parent
    command = ["git", "-C", str(directory), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
