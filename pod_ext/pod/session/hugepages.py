"""This process's memory in huge pages, so that a fork stays short however much there is.

A fork copies the tables of all pages that are not a file's: 20 to 200 ns for each 4 KB, which a
person waits for who has gigabytes of small objects. Of a huge page, 2 MB, it copies one entry, and
where some of it was written to since, its entries still go by in one piece. Memory that is
allocated in small pieces is not in huge pages by itself.

Moving 2 MB takes 1 to 6 ms, and the process gets no memory meanwhile. So it is done while nothing
runs, in a thread, and ends with the piece at hand as soon as something begins.
"""

from __future__ import annotations

import array
import contextlib
import ctypes
import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pod.session import forked

WORTH_SECONDS = 0.004
"""A fork that takes no longer is short enough."""

QUIET_SECONDS = 0.5
"""Nothing has run for so long: what comes next is not about to begin, as with Run All."""

_PAUSE = 0.1
_FULL = 7 / 8
"""A range that has less of its memory is left as it is: a huge page would take all of it."""
_MOST_REFUSED = 8
"""So many refusals in a row, and it is given up: the system has no huge page left, or has none."""
_MOST_BYTES = 4 << 20
"""Of a huge page. Moving a larger one takes too long to wait for."""

_COLLAPSE = 25
"""`MADV_COLLAPSE`, of Linux 6.1 and later."""
_SETTINGS = Path("/sys/kernel/mm/transparent_hugepage")
_PRESENT = 63
"""The bit of an entry in `/proc/self/pagemap` that says that the page is in memory."""


class HugePages:
    """Moves what can be moved, once forks take long, and again when they take twice as long.

    `is_quiet` says whether nothing runs that would be kept waiting, nor a child that would keep
    what was moved in memory a second time.
    """

    def __init__(self, is_quiet: Callable[[], bool]) -> None:
        self._is_quiet = is_quiet
        self._size = huge_size()
        self._usual: float | None = 0.0
        """What a fork has taken since all was moved; None as long as that is not known."""
        self._resting = threading.Event()
        self._since = 0.0
        self._closed = False
        self._thread: threading.Thread | None = None

    def rest_begins(self) -> None:
        """Nothing runs any more: move what is there, soon, if that is worth it."""
        if self._size and not self._is_running() and self._is_worth_it():
            thread = threading.Thread(target=self._run, name="pod-pages", daemon=True)
            with contextlib.suppress(RuntimeError):  # the interpreter is ending
                thread.start()
                self._thread = thread
        self._since = time.monotonic()
        self._resting.set()

    def rest_ends(self) -> None:
        """Something is about to run."""
        self._resting.clear()

    def close(self) -> None:
        """Move nothing any more."""
        self._closed = True
        self._resting.set()

    def _is_running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _is_worth_it(self) -> bool:
        recent = tuple(forked.recent_seconds)
        if len(recent) < forked.RECENT:
            return False
        usual = sorted(recent)[len(recent) // 2]
        if self._usual is None:
            self._usual = usual
        return usual > max(WORTH_SECONDS, 2 * self._usual)

    def _run(self) -> None:
        if self._moves():
            self._usual = None
            forked.recent_seconds.clear()
        else:
            self._size = 0

    def _moves(self) -> bool:
        """Move all there is, whenever there is a rest; whether that can be done here at all."""
        moved = refused = 0
        with contextlib.suppress(OSError):  # the system does not tell about memory
            for start in _ranges(self._size):
                self._await_rest()
                if self._closed or refused >= _MOST_REFUSED:
                    break
                if not _is_full(start, self._size):
                    continue
                why = _move(start, self._size)
                moved += not why
                refused = refused + 1 if why in (errno.EINVAL, errno.ENOMEM) else 0
        return moved > 0 or refused < _MOST_REFUSED

    def _await_rest(self) -> None:
        while not self._closed:
            self._resting.wait()
            for_so_long = time.monotonic() - self._since
            if for_so_long >= QUIET_SECONDS and self._is_quiet() and self._resting.is_set():
                return
            time.sleep(_PAUSE)


def huge_size() -> int:
    """Bytes of a huge page; 0 where there are none, or none are wanted."""
    try:
        if "[never]" in (_SETTINGS / "enabled").read_text():
            return 0
        size = int((_SETTINGS / "hpage_pmd_size").read_text())
    except (OSError, ValueError):
        return 0
    return size if size <= _MOST_BYTES else 0


def _ranges(size: int) -> Iterator[int]:
    """Where each huge page could begin, in memory of this process's own that is no file's."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        place, rights, _, _, inode, *name = line.split(maxsplit=5)
        if rights != "rw-p" or inode != "0":
            continue
        if name and not (name[0] == "[heap]" or name[0].startswith("[anon")):
            continue
        start, end = (int(number, 16) for number in place.split("-"))
        first = -(-start // size) * size
        yield from range(first, end // size * size, size)


def _is_full(start: int, size: int) -> bool:
    """Whether nearly all of it is in memory."""
    page = os.sysconf("SC_PAGE_SIZE")
    entries = array.array("Q")
    with Path("/proc/self/pagemap").open("rb", buffering=0) as file:
        file.seek(start // page * entries.itemsize)
        entries.frombytes(file.read(size // page * entries.itemsize))
    return sum(entry >> _PRESENT for entry in entries) >= _FULL * (size // page)


def _move(start: int, size: int) -> int:
    """Move it into a huge page, if it is not in one; the system's error, 0 if there is none."""
    madvise = ctypes.CDLL(None, use_errno=True).madvise
    if madvise(ctypes.c_void_p(start), ctypes.c_size_t(size), _COLLAPSE) == 0:
        return 0
    return ctypes.get_errno()
