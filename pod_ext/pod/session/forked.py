"""Work on a copy of this process, in a forked child, while this one goes on.

A fork gives the child all objects as they are at that moment, so nothing has to be locked or
copied. What the child finds out comes back by a pipe. The child is nobody's child for long: it is
forked twice, so that no `os.wait()` of the user's code ever meets it, and no zombie is left.

A child inherits what threads were in the middle of, and not the threads: a lock that one of them
held is never released there. So a child can hang, and is watched: one that has neither used the
processor nor waited for a disk for a while is killed. Whoever waits then gets `ChildLostError`.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import random
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pod.errors import one_line

STUCK_SECONDS = 5.0
"""A child that has done nothing for so long is taken for stuck."""

_TICK = 0.25
_NICENESS = 5
"""The user's own code goes first."""
_NUMBER = 8
"""Bytes of a number in the pipe."""
_PATIENCE_MS = 60_000
_UNSURE_SECONDS = 600.0
"""How long a child may take where nobody can tell whether it is at work."""

_UNSAFE_MODULES = frozenset(
    {"cudf", "cupy", "grpc", "jax", "jaxlib", "pyspark", "ray", "rmm", "tensorflow"}
)
"""Libraries whose threads and devices do not stand a fork of the process, or warn of any."""


class ChildLostError(Exception):
    """A child ended, or was ended, without giving its result."""


def can_fork() -> bool:
    """Whether this system has forks that give a consistent copy at once, and this process may be
    forked now."""
    if not sys.platform.startswith("linux") or not hasattr(os, "fork"):
        return False
    if not _UNSAFE_MODULES.isdisjoint(sys.modules):
        return False
    cuda = sys.modules.get("torch.cuda")
    return not getattr(cuda, "_initialized", False)


class Child:
    """A forked child at work. Its result can be waited for by several threads."""

    def __init__(self, reader: int, middle: int) -> None:
        self.reader = reader
        """Readable, or hung up, once the child is done: for a later child to wait for it."""
        self.over = False
        """Whether it has given its result, or cannot any more."""
        self._middle = middle
        self._received = bytearray()
        self._result: Any = None
        self._why = ""
        self._watch: _Watch | None = None
        self._stepping = threading.Lock()

    @property
    def pid(self) -> int:
        """Its process number, 0 as long as that is not known."""
        return 0 if self._watch is None else self._watch.pid

    def wait(self) -> None:
        """Until it is over; kills it if it is stuck."""
        while not self.over:
            with self._stepping:
                self._step(_TICK)

    def result(self) -> Any:
        """What it found out. `ChildLostError` if that cannot be had."""
        self.wait()
        if self._why:
            raise ChildLostError(self._why)
        return self._result

    def kill(self) -> None:
        """End it, whatever it is doing."""
        if self._watch is not None:
            self._watch.kill()

    def _step(self, timeout: float) -> None:
        if self.over:
            return
        try:
            ready, _, _ = select.select([self.reader], [], [], timeout)
            if not ready:
                if self._watch is not None and self._watch.is_stuck():
                    self.kill()
                    self._end("it did nothing any more")
                return
            data = os.read(self.reader, 1 << 20)
            self._received += data
            if self._watch is None and len(self._received) >= _NUMBER:
                self._is_there()
            if not data or self._is_complete():
                self._take()
        except OSError as error:
            self._end(one_line(error))

    def _is_there(self) -> None:
        """The first that comes is the number of its process; the one between has ended then."""
        self._watch = _Watch(int.from_bytes(self._received[:_NUMBER], "little"))
        del self._received[:_NUMBER]
        self._bury()

    def _bury(self) -> None:
        middle, self._middle = self._middle, 0
        if middle:
            with contextlib.suppress(ChildProcessError):  # other code waited for it
                os.waitpid(middle, 0)

    def _is_complete(self) -> bool:
        data = self._received
        return (
            self._watch is not None
            and len(data) >= _NUMBER
            and len(data) - _NUMBER == int.from_bytes(data[:_NUMBER], "little")
        )

    def _take(self) -> None:
        """There is no more to come."""
        self._bury()
        if not self._is_complete():
            forked = self._watch is not None
            self._end("it ended before it was done" if forked else "it could not be forked")
            return
        good, value = pickle.loads(memoryview(self._received)[_NUMBER:])
        self._result = value if good else None
        self._end("" if good else str(value))

    def _end(self, why: str) -> None:
        self._why = why
        self.over = True  # before it is closed: see `wait_for`
        self._received = bytearray()
        with contextlib.suppress(OSError):
            os.close(self.reader)


def start(work: Callable[[], Any]) -> Child:
    """Run `work` in a forked child; its result has to be picklable. `OSError` if the system has no
    memory or process left."""
    reader, writer = os.pipe()
    # A signal that comes right after the fork is the parent's business alone.
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    numbers = random.getstate()
    try:
        middle = os.fork()
        if middle == 0:
            _in_the_middle(work, numbers, reader, writer)
    except BaseException:
        os.close(reader)
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)
        os.close(writer)
    return Child(reader, middle)


def wait_for(child: Child) -> None:
    """In a child that was forked later: until that one has ended, or has begun to give its
    result."""
    if child.over:  # then its end of the pipe was closed, and may be another one's by now
        return
    # What it says first is its number, which is not read here: the parent may not have come to it.
    with contextlib.suppress(OSError):
        poll = select.poll()
        poll.register(child.reader, select.POLLHUP)
        poll.poll(_PATIENCE_MS)


def _in_the_middle(work: Callable[[], Any], numbers: Any, reader: int, writer: int) -> None:
    """Never returns: forks once more and ends."""
    try:
        os.close(reader)
        if os.fork() == 0:
            _in_the_child(work, numbers, writer)
    finally:
        os._exit(0)


def _in_the_child(work: Callable[[], Any], numbers: Any, writer: int) -> None:
    """Never returns."""
    try:
        _send(writer, os.getpid().to_bytes(_NUMBER, "little"))
        _settle_in(numbers)
        try:
            message = pickle.dumps((True, work()), protocol=5)
        except BaseException as error:
            message = pickle.dumps((False, f"{type(error).__name__}: {one_line(error)}"[:500]))
        _send(writer, len(message).to_bytes(_NUMBER, "little") + message)
    finally:
        os._exit(0)  # nothing of the parent's is closed, flushed or finalised here


def _settle_in(numbers: Any) -> None:
    """Be no trouble to the parent."""
    gc.disable()  # finalisers of the user's objects are the parent's to run
    with contextlib.suppress(ValueError, OSError):
        signal.set_wakeup_fd(-1)  # shared with the parent's event loop
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    with contextlib.suppress(OSError):
        os.nice(_NICENESS)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123
    sys.settrace(None)
    sys.setprofile(None)
    random.setstate(numbers)  # Python seeds it anew in each child, and it may be saved


def _send(writer: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(writer, view) :]


class _Watch:
    """Says whether a process is at work, as the system counts it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._began = time.monotonic()
        self._moved = self._began
        self._used = -1
        self._handle = -1
        with contextlib.suppress(OSError, AttributeError):
            # Names this very process, also when its number is given to another one.
            self._handle = os.pidfd_open(pid)

    def __del__(self) -> None:
        if self._handle >= 0:
            with contextlib.suppress(OSError):
                os.close(self._handle)

    def is_stuck(self) -> bool:
        now = time.monotonic()
        try:
            state, used = _state_of(self.pid)
        except (OSError, ValueError, IndexError):
            # It has ended, which the pipe tells; or there is no /proc.
            return now - self._began > _UNSURE_SECONDS
        if used != self._used or state in "RD":
            self._used = used
            self._moved = now
        return now - self._moved > STUCK_SECONDS

    def kill(self) -> None:
        with contextlib.suppress(OSError, ProcessLookupError):
            if self._handle >= 0:
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
            else:
                os.kill(self.pid, signal.SIGKILL)


def _state_of(pid: int) -> tuple[str, int]:
    """State letter, and ticks of the processor used, of a process."""
    text = Path(f"/proc/{pid}/stat").read_text()
    fields = text[text.rindex(")") + 2 :].split()
    return fields[0], int(fields[11]) + int(fields[12])
