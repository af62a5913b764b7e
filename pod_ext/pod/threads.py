"""Whether other threads of this process are doing something just now."""

from __future__ import annotations

import platform
import sys
import threading
import types
from pathlib import Path

_WAITING = frozenset(
    {
        ("threading", "wait"), ("threading", "join"), ("threading", "_wait_for_tstate_lock"),
        ("concurrent.futures.thread", "_worker"),
    }
)  # fmt: skip
"""Functions, with their modules, that wait for locks. A thread whose innermost frame is any other
function's, even of these modules, may be in the middle of something: what `Thread.run` calls may be
C code. Whether it is asleep, the system knows, but for waits for locks."""
_INFRASTRUCTURE = frozenset({"IPython", "ipykernel", "pod", "tornado", "zmq"})


def frames_of_others() -> dict[int, types.FrameType]:
    """The innermost frame of each thread, by its identifier, but for the one that asks: a frame
    that refers to itself would be kept, and with it all objects of those who called it."""
    frames = sys._current_frames()
    del frames[threading.get_ident()]
    return frames


def others_at_work() -> bool:
    """Whether another thread may be in the middle of something, as far as its innermost frame, or
    the system, tells."""
    places = {
        ident: (str(frame.f_globals.get("__name__")), frame.f_code.co_name)
        for ident, frame in frames_of_others().items()
    }
    busy = {
        ident
        for ident, (module, function) in places.items()
        if (module, function) not in _WAITING and module.partition(".")[0] not in _INFRASTRUCTURE
    }
    if not busy:
        return False
    system = {thread.ident: thread.native_id for thread in threading.enumerate()}
    return not all(_is_asleep(system.get(ident)) for ident in busy)


_SLEEPING = {
    "x86_64": frozenset({0, 7, 23, 35, 43, 45, 47, 61, 230, 232, 270, 271, 281, 288}),
    "aarch64": frozenset({22, 63, 72, 73, 101, 115, 202, 207, 212, 242, 260}),
}.get(platform.machine(), frozenset[int]())
"""Numbers of the system's calls that wait for a time, a file, a connection or a process: a thread
in one of them runs nothing, and has to wait for this one before it runs any Python."""


def _is_asleep(thread: int | None) -> bool:
    try:
        return int(Path(f"/proc/self/task/{thread}/syscall").read_text().split()[0]) in _SLEEPING
    except (OSError, ValueError, IndexError):  # it is running, or the system does not tell
        return False
