"""The children that are forked to look, while a test runs."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from pod.session import forked

from support.kernels import PodKernel


def recorded(monkeypatch: pytest.MonkeyPatch) -> list[forked.Child]:
    """A list that each of them is added to."""
    children: list[forked.Child] = []
    start = forked.start

    def started(work: Any) -> forked.Child:
        children.append(start(work))
        return children[-1]

    monkeypatch.setattr(forked, "start", started)
    return children


def command(kernel: PodKernel) -> bytes:
    """Of this kernel and its copies alone: there is a file's name in it."""
    return Path(f"/proc/{kernel.pid}/cmdline").read_bytes()


def parent_of(process: Path) -> int:
    return int((process / "stat").read_text().rpartition(")")[2].split()[1])


def looks(kernel: PodKernel, own: bytes = b"") -> list[int]:
    """Processes that are copies of the kernel's and not its children, found by the file that their
    findings go to; by the command `own` if the kernel itself is there no more."""
    own = own or command(kernel)
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != kernel.pid:
            with contextlib.suppress(OSError):
                links = [str(file.readlink()) for file in (entry / "fd").iterdir()]
                is_look = any("memfd:pod-look" in link for link in links)
                is_copy = (entry / "cmdline").read_bytes() == own
                if is_look and is_copy and parent_of(entry) != kernel.pid:
                    found.append(int(entry.name))
    return found


def children(kernel: PodKernel) -> list[int]:
    """All processes that it is the parent of."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                if parent_of(entry) == kernel.pid:
                    found.append(int(entry.name))
    return found
