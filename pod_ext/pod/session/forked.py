"""Work on a copy of this process, in a forked child, while this one goes on.

A fork gives the child all objects as they are at that moment, so nothing has to be locked or
copied. What the child finds out comes back in a file in memory, and a pipe closes when it ends. The
child is nobody's child for long: it is forked twice, so that no `os.wait()` of the user's code ever
meets it, and no zombie is left. It ends as soon as nobody is there any more to hear of it.

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
import stat
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Set
from pathlib import Path
from typing import Any

from pod.errors import one_line
from pod.podding.atoms import keep_streams
from pod.quiet import quiet
from pod.session.openmp import compute_alone
from pod.threads import others_at_work

STUCK_SECONDS = 5.0
"""A child that has done nothing for so long is taken for stuck."""

_TICK = 0.25
_SHORT_TICK = 0.01
_MOMENT = 0.002
_LONG = 1000.0
_TRIES = 5
_WHILE = 0.001
_NICENESS = 10
"""The user's own code goes first: a child has a tenth of a core that both want. A higher one (15,
19) makes no wait shorter, and leaves a child next to nothing beside code that uses all cores."""
_NUMBER = 8
"""Bytes of a number that is passed on."""
_UNSURE_SECONDS = 600.0
"""How long a child may take where nobody can tell whether it is at work."""

_UNSAFE_MODULES = frozenset(
    {"cudf", "cupy", "grpc", "jax", "jaxlib", "pyspark", "ray", "rmm", "tensorflow"}
)
"""Libraries whose threads and devices do not stand a fork of the process, or warn of any."""


RECENT = 3
recent_seconds: deque[float] = deque(maxlen=RECENT)
"""What the last forks have taken."""

_reading: set[int] = set()
"""Pipes that children say their numbers by; those that are forked later look at them as well."""

_stuck_forks = 0
"""Forks of which no child came, as what some library does in each fork (`os.register_at_fork`)
hung."""
_MOST_STUCK = 2
"""So many of them, and there are no more."""

_middles: set[int] = set()
"""Processes between this one and its children: they end at once, and are to be waited for."""


class ChildLostError(Exception):
    """A child ended, or was ended, without giving its result."""


def has_forks() -> bool:
    """Whether this system has forks that give a consistent copy at once."""
    return sys.platform.startswith("linux") and hasattr(os, "memfd_create")


def can_fork() -> bool:
    """Whether it has, and nothing in this process keeps it from being forked, now and again."""
    if not has_forks():
        return False
    if any(name in sys.modules for name in _UNSAFE_MODULES):  # they are few, modules are many
        return False
    if _stuck_forks >= _MOST_STUCK:
        return False
    cuda = sys.modules.get("torch.cuda")
    return not getattr(cuda, "_initialized", False)


class Child:
    """A forked child at work. Its result can be waited for by several threads."""

    def __init__(self, middle: int, reader: int, results: int, words: int) -> None:
        self.over = False
        """Whether it has given its result, or cannot any more."""
        self.hung = False
        """Whether it was ended because it did nothing any more."""
        self._reader = reader
        _reading.add(reader)
        self._results = results
        self._words = words
        self._word: Any = None
        self._said = b""
        self._result: Any = None
        self._why = ""
        self._watch = _Watch(middle)
        self._is_there = False
        """Whether it is watched itself, and not the process between that is to fork it."""
        self._stepping = threading.Lock()
        self._closing = threading.Lock()
        """Held for no longer than it takes to read what is there."""

    @property
    def pid(self) -> int:
        """Its process number, 0 as long as that is not known."""
        return self._watch.pid if self._is_there else 0

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

    def take_over(self) -> None:
        """In a child that goes on in the parent's place: other threads may have held these."""
        self._stepping, self._closing = threading.Lock(), threading.Lock()

    def result_for_sibling(self) -> Any:
        """In a child that was forked later: what this one finds out, waited for."""
        if self.over:  # at the time of the fork; what it was read from may be something else now
            return self.result()
        self.take_over()
        poll = select.poll()
        poll.register(self._reader, select.POLLHUP)
        while not self._is_complete():
            # What it says first is its number, which is the parent's to read.
            if poll.poll(_TICK * 1000) and not self._is_complete():
                raise ChildLostError("an earlier one ended before it was done")
        self._take()
        return self.result()

    def word(self) -> Any:
        """What it had to say before it is done, None as long as that is nothing."""
        with self._closing:
            if self._word is None and not self.over:
                self._word = _said(self._words)
            return self._word

    def await_word(self) -> None:
        """Until it has said something, or is over."""
        while not self.over and self.word() is None:
            with self._stepping:
                self._step(_MOMENT)

    def word_for_sibling(self) -> Any:
        """In a child that was forked later: the same, waited for; None if it ended without."""
        if self.over or self._word is not None:
            return self._word
        poll = select.poll()
        poll.register(self._reader, select.POLLHUP)
        while (word := _said(self._words)) is None:
            if poll.poll(_SHORT_TICK * 1000):
                return _said(self._words)
        return word

    def give_up(self) -> None:
        """End it, whatever it is doing: nobody wants to hear of it any more."""
        with self._stepping:
            self._step(0)  # which one it is may not be known yet
            if not self.over:
                self._watch.kill()
                self._end("it was given up")

    def _step(self, timeout: float) -> None:
        if self.over:
            return
        _bury()
        try:
            timeout = min(timeout, _SHORT_TICK) if _middles else timeout
            ready, _, _ = select.select([self._reader], [], [], timeout)
            data = os.read(self._reader, _NUMBER) if ready else b""
            self._said += data
            if not self._is_there and len(self._said) >= _NUMBER:
                # The first that comes is the number of its process.
                self._watch = _Watch(int.from_bytes(self._said[:_NUMBER], "little"))
                self._is_there = True
            if self._is_complete():
                self._take()
            elif ready and not data:
                there = self._is_there
                self._end("it ended before it was done" if there else "it could not be forked")
            elif not ready and self._watch.is_stuck():
                self._end_stuck()
        except OSError as error:
            self._end(one_line(error))

    def _end_stuck(self) -> None:
        global _stuck_forks
        self._watch.kill()
        self.hung = True
        if not self._is_there:
            _stuck_forks += 1
        self._end("it did nothing any more" if self._is_there else "it hung as it was forked")

    def _is_complete(self) -> bool:
        return _size(self._results) > 0

    def _take(self) -> None:
        self._word = self._word or _said(self._words)
        good, value = _said(self._results)
        self._result = value if good else None
        self._end("" if good else str(value))

    def _end(self, why: str) -> None:
        _bury()
        self._why = why
        self.over = True  # before they are closed: see `result_for_sibling`
        with self._closing:
            _reading.discard(self._reader)
            for number in (self._reader, self._results, self._words):
                with contextlib.suppress(OSError):
                    os.close(number)


def _bury() -> None:
    """Not only of the child that somebody waits for: whoever ends this process may look for
    children of it first, and take their time over it, as IPython's kernel does."""
    for middle in tuple(_middles):
        try:
            if os.waitpid(middle, os.WNOHANG)[0] == 0:
                continue
        except ChildProcessError:  # other code waited for it
            pass
        _middles.discard(middle)


Say = Callable[[Any], None]
"""Gives the parent a word, once, before the work is done; it has to be picklable and not None."""


def start(work: Callable[[Say], Any], *, outlives: bool = False) -> Child:
    """Run `work` in a forked child; its result has to be picklable. `OSError` if the system has no
    memory or process left, or other threads are at work. Unless it `outlives` those who can hear of
    it, it ends with the last of them; one that does is forked whatever others are at, since this
    process is about to end, and has nothing to lose.

    OpenBLAS waits, before each fork, for its own threads: while one computes for another thread of
    Python's, the process hangs in `os.fork` and never comes back. So there is no fork then.
    """
    for patience in range(_TRIES, -1, -1):
        interval = sys.getswitchinterval()
        # No other thread begins anything between the look and the fork.
        sys.setswitchinterval(_LONG)
        try:
            if not others_at_work() or (outlives and not patience):
                return _start(work, interval, outlives)
        finally:
            sys.setswitchinterval(interval)
        if patience:
            time.sleep(_WHILE)  # most are soon done, such as one that looks at something at times
    raise OSError("other threads are at work")


def _start(work: Callable[[Say], Any], interval: float, outlives: bool) -> Child:
    _bury()
    reader, writer = os.pipe()
    files: list[int] = []
    # A signal that comes right after the fork is the parent's business alone.
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    numbers = random.getstate()
    try:
        # Children that are forked later can read it as well.
        for name in ("pod-look", "pod-word"):
            files.append(os.memfd_create(name))
        started = time.perf_counter()
        with quiet():  # that there are other threads is known, see `start`
            middle = os.fork()
        if middle == 0:
            sys.setswitchinterval(interval)
            _in_the_middle(work, numbers, outlives, reader, writer, files[0], files[1])
    except BaseException:
        for file in (reader, *files):
            os.close(file)
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)
        os.close(writer)
    recent_seconds.append(time.perf_counter() - started)
    _middles.add(middle)
    results, words = files
    return Child(middle, reader, results, words)


def give_way() -> None:
    """In a child: let the user's own code go first from now on."""
    with contextlib.suppress(OSError):
        os.nice(_NICENESS)


def _in_the_middle(
    work: Callable[[Say], Any],
    numbers: Any,
    outlives: bool,
    reader: int,
    writer: int,
    results: int,
    words: int,
) -> None:
    """Never returns: forks once more, says who the child is, and ends."""
    try:
        os.close(reader)
        _hold_nothing(_reading | {writer})
        if not outlives:  # that one is waited for, by a process that may be killed soon
            give_way()  # from here on: the second fork takes as long as the first
        child = os.fork()
        if child == 0:
            _in_the_child(work, numbers, outlives, writer, results, words)
        # Said here, so that one that hangs before any code of ours runs in it is known.
        os.write(writer, child.to_bytes(_NUMBER, "little"))
    finally:
        os._exit(0)


def _in_the_child(
    work: Callable[[Say], Any], numbers: Any, outlives: bool, writer: int, results: int, words: int
) -> None:
    """Never returns."""
    try:
        _settle_in(numbers)
        if not outlives:
            with contextlib.suppress(RuntimeError):  # the system has no more threads
                threading.Thread(target=_end_when_unheard, args=(writer,), daemon=True).start()

        def say(word: Any) -> None:
            with _without_limit():
                _say(words, pickle.dumps(word, protocol=5))

        try:
            message = pickle.dumps((True, work(say)), protocol=5)
        except BaseException as error:
            message = pickle.dumps((False, f"{type(error).__name__}: {one_line(error)}"[:500]))
        with _without_limit():
            _say(results, message)
    finally:
        os._exit(0)  # nothing of the parent's is closed, flushed or finalised here


def _settle_in(numbers: Any) -> None:
    """Be no trouble to the parent."""
    # What is sent to the parent and those it started is not meant for this one. In a session of its
    # own, Linux would have it share the processor as the parent's equal, however nice it is.
    os.setpgrp()
    gc.disable()  # finalisers of the user's objects are the parent's to run
    with contextlib.suppress(ValueError, OSError):
        signal.set_wakeup_fd(-1)  # shared with the parent's event loop
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    keep_streams()  # objects of the user's may have them
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123
    sys.settrace(None)
    sys.setprofile(None)
    random.setstate(numbers)  # Python seeds it anew in each child, and it may be saved
    compute_alone()


def _end_when_unheard(writer: int) -> None:
    poll = select.poll()
    poll.register(writer, 0)  # errors only: nobody has the other end
    poll.poll()
    os._exit(0)


def _hold_nothing(needed: Set[int]) -> None:
    """Close pipes and connections: as long as they are open anywhere, whoever is at the other end
    is not told that the user has closed them, and a port stays taken. Their numbers stay taken, so
    that what an object of the user's closes here is not what has been opened since."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    with contextlib.suppress(OSError):  # without /proc, it cannot be known what is open
        for number in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
            with contextlib.suppress(OSError):
                mode = os.fstat(number).st_mode
                if number not in needed and (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
                    os.dup2(nowhere, number, inheritable=False)


@contextlib.contextmanager
def _without_limit() -> Iterator[None]:
    """A limit on files holds for files in memory, too, and is not meant for these."""
    import resource  # which only systems with forks have

    limit, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    try:
        yield
    finally:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, most))


def _say(file: int, message: bytes) -> None:
    _write(file, _NUMBER, message)
    _write(file, 0, len(message).to_bytes(_NUMBER, "little"))  # last: now it is complete


def _size(file: int) -> int:
    """Bytes of what was said, 0 as long as that is not all."""
    return int.from_bytes(os.pread(file, _NUMBER, 0), "little")


def _said(file: int) -> Any:
    """What was said, None as long as that is not all."""
    size = _size(file)
    # It is this process's own, written by a copy of itself.
    return pickle.loads(_read(file, _NUMBER, size)) if size else None


def _write(file: int, offset: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        done = os.pwrite(file, view, offset)
        offset, view = offset + done, view[done:]


def _read(file: int, offset: int, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        more = os.pread(file, size - len(data), offset + len(data))
        if not more:
            raise OSError("the result of a child is cut short")
        data += more
    return bytes(data)


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
