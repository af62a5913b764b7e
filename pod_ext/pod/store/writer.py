"""Makes saves durable, in order, while the user goes on: one background thread per session.

Submitted jobs wait in a queue. For each the thread writes the pack, then the commit, so that a
crash leaves at most an orphan pack. A job that fails stays at the head with all later ones behind
it, because they may rely on its blobs; the next ``submit`` or ``flush`` tries again.

A job relies on blobs that were stored before it. If some of those are found to be gone, it is left
out: there is never a commit without its data.

The queue is a tuple replaced as a whole: readers, also those in a forked child, need no lock.
Waiting is built on plain locks and not on threading.Condition, whose methods are Python code and
can, interrupted at the wrong place, leave their lock held; a user interrupts at any place.
"""

from __future__ import annotations

import atexit
import os
import queue
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from pod.errors import DamagedError, PodError, StorageError
from pod.store.pack import new_name
from pod.store.repository import Repository, TakenError

DEFAULT_LEVEL = 3
DEFAULT_LIMIT_BYTES = 1 << 30
_IDLE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class WriteJob:
    """One save, ready to be written."""

    t: int
    """Its time id, claimed from the repository."""
    blobs: dict[str, bytes]
    """New blobs by digest."""
    commit: Callable[[int], bytes]
    """The commit's body, given how many bytes the pack took. Called from the writer's thread."""
    claimed: bool = True
    """False if the pod directory could not be written to: the time id is claimed when it can."""
    losses: int | None = None
    """The repository's ``losses`` when the job was made; None if it relies on nothing stored."""
    needs: Callable[[], Iterable[str]] = tuple
    """Every blob that the commit needs, as far as that can be known. Called only after losses."""
    bases: Mapping[str, str] = field(default_factory=dict)
    """For some of the new blobs the one that each may be stored as a delta against."""


class Deferred(Protocol):
    """A save that is still being looked at somewhere else, in its place among the others."""

    t: int
    """Its time id."""
    claimed: bool
    """As of a job."""
    done: WriteJob | None
    """The job, once it is known."""

    def wait(self) -> None:
        """Returns when ``job`` has its answer at hand, or somebody else asked for it."""

    def job(self) -> WriteJob | None:
        """The job, waited for; None if it came to nothing and is made again as another one."""


@dataclass(slots=True, eq=False)
class _Pending:
    """A job and how far it has come, so that trying again repeats nothing that succeeded."""

    job: WriteJob | None
    deferred: Deferred | None
    """Where the job comes from, as long as that is to be asked."""
    t: int
    blob_bytes: int
    pack: str = field(default_factory=new_name)
    body: bytes | None = None
    claimed: bool = False
    done: bool = False
    dropped: DamagedError | None = None

    @classmethod
    def of(cls, job: WriteJob | Deferred) -> _Pending:
        if isinstance(job, WriteJob):
            return cls(job, None, job.t, _blob_bytes(job))
        return cls(None, job, job.t, 0)

    def known(self) -> WriteJob | None:
        """The job, if there is one yet."""
        deferred = self.deferred
        return self.job if deferred is None else deferred.done

    def settled(self) -> WriteJob | None:
        """The job, waited for if it has to be; None if it came to nothing."""
        deferred = self.deferred
        if deferred is not None:
            job = deferred.job()
            if job is not None:
                self.blob_bytes = _blob_bytes(job)
            # In this order: whoever reads meanwhile asks again at worst.
            self.job = job
            self.deferred = None
        return self.job


def _blob_bytes(job: WriteJob) -> int:
    return sum(map(len, job.blobs.values()))


# Writers with something to write are kept alive here until they have, even if nobody else holds
# them; one that has nothing to write can be collected, and its thread then ends.
_unfinished: set[Writer] = set()
_is_ending = False


def _may_end_at_once() -> bool:
    """Whether nothing waits for threads in the background: the interpreter is ending, or this is a
    worker of `multiprocessing`, which ends without the functions of `atexit`, or is terminated."""
    process = sys.modules.get("multiprocessing.process")
    return _is_ending or (process is not None and process.parent_process() is not None)


class Writer:
    """Writes jobs to a repository in the order of their submission.

    In the background by default; with ``background=False``, and in any process that may end at
    once, in the thread that submits, with the same behaviour on failure. ``on_error`` is called
    from the writing thread: with a StorageError once per distinct failure, with a DamagedError for
    each job that is left out. A forked child can read what is pending but never writes.
    """

    def __init__(
        self,
        repository: Repository,
        *,
        level: int = DEFAULT_LEVEL,
        background: bool = True,
        limit_bytes: int = DEFAULT_LIMIT_BYTES,
        on_error: Callable[[PodError], None] | None = None,
    ) -> None:
        self.error: StorageError | None = None
        """Why the head of the queue could not be written; None once it was."""
        self._repository = repository
        self.level = level
        """Of zstd."""
        self._background = background
        self._limit_bytes = limit_bytes
        self._on_error = on_error
        self._pid = os.getpid()
        # Held for a few statements at a time, never while waiting or writing.
        self._lock = threading.RLock()
        # Whoever holds this is the one that writes.
        self._writing = threading.Lock()
        # Each is released once when the queue changes.
        self._waiters: list[threading.Lock] = []
        # Each entry makes the thread look whether there is something to do.
        self._wakeups: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._queue: tuple[_Pending, ...] = ()
        self._thread: threading.Thread | None = None
        self._attempt_wanted = False
        # Attempts to write a job are numbered, so that a waiter knows whether a failure is news.
        self._attempts = 0
        self._failed_attempt = 0
        self._reported: str | None = None
        self._dropped: frozenset[int] = frozenset()
        self._closed = False

    @property
    def background(self) -> bool:
        """Whether writing happens in a thread of its own."""
        return self._background and not _may_end_at_once()

    def submit(self, job: WriteJob) -> None:
        """Queue a job. From here on ``pending_blob`` and the like serve its content.

        Blocks while the queued blobs exceed the limit, unless the queue is failing. Raises
        PodError after ``close`` and in a forked child, never for a failing write (see ``error``).
        When interrupted, the job is either queued or not, as ``pending_times`` tells.
        """
        self.make_room(job)
        self.enqueue(job)
        self.start()

    def make_room(self, job: WriteJob) -> None:
        """The first step of ``submit``, which may block and may be interrupted."""
        self._repository.check_process()
        self._check_open()
        blob_bytes = _blob_bytes(job)
        if self._is_too_much(blob_bytes):
            # An interrupt may have come between queueing a job and having it written.
            self._set_going()
            self._wait_until(lambda: not self._is_too_much(blob_bytes))

    def enqueue(self, job: WriteJob | Deferred) -> None:
        """The second step: after it the job counts as saved. Never blocks."""
        with self._lock:
            self._check_open()
            _unfinished.add(self)
            self._queue = (*self._queue, _Pending.of(job))

    def start(self) -> None:
        """The third step: have what is queued written; with ``background=False``, write it here.
        An interrupt leaves it queued."""
        self._set_going()

    def flush(self, timeout: float | None = None) -> None:
        """Wait until everything submitted so far is durable.

        Tries again if the queue is failing. Raises the StorageError if that attempt fails too, or
        one that says so after ``timeout`` seconds; everything then stays queued. DamagedError if a
        job had to be left out. PodError in a forked child.
        """
        self._repository.check_process()
        with self._lock:
            if not self._queue:
                return
            waiting = self._queue
            last = waiting[-1]
            attempts = self._attempts
        self._set_going()
        failure: StorageError | None = None

        def settled() -> bool:
            nonlocal failure
            if self._failed_attempt > attempts:
                # None again if somebody else's attempt has succeeded since.
                failure = self.error
            return last.done or failure is not None

        if not self._wait_until(settled, timeout):
            raise StorageError(
                f"{len(self._queue)} saves are not on disk after {timeout} s; they are "
                "still being written, wait longer"
            )
        if failure is not None and not last.done:
            raise failure
        for pending in waiting:
            if pending.dropped is not None:
                raise pending.dropped

    def close(self) -> None:
        """Flush and end the thread. Raises like ``flush``, and then stays open. Nothing happens in
        a forked child or the second time."""
        if self._closed or os.getpid() != self._pid:
            return
        while not self._closed:
            self.flush()
            with self._lock:
                # Another thread may have submitted more since.
                self._closed = not self._queue
        self._wakeups.put(None)
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    @property
    def still(self) -> threading.RLock:
        """To be held while nothing may be altered here; for no longer than a moment."""
        return self._lock

    def take_over(self) -> None:
        """In a forked child that goes on in its parent's place: write what is queued, as the parent
        will not. What other threads held is held no more."""
        global _is_ending
        _is_ending = True
        self._pid = os.getpid()
        self._lock, self._writing = threading.RLock(), threading.Lock()
        self._waiters = []
        queued = [pending.deferred or pending.job for pending in self._queue]
        self._repository.take_over([job.t for job in queued if job is not None and job.claimed])

    def leave(self) -> None:
        """In the parent, which is about to end: forget what is queued, for the child has it."""
        with self._lock:
            self._queue = ()
            _unfinished.discard(self)
        self._release_waiters()

    def pending_blob(self, digest: str) -> bytes | None:
        """A blob that is not durable yet; None if it is, or was never submitted."""
        found = self.pending_base(digest)
        return None if found is None else found[0]

    def pending_base(self, digest: str) -> tuple[bytes, str] | None:
        """The same, with the one that it may be stored as a delta against; '' if there is none."""
        for pending in self._queue:
            job = pending.known()
            if job is not None and digest in job.blobs:
                return job.blobs[digest], job.bases.get(digest, "")
        return None

    def pending_commit(self, t: int) -> bytes | None:
        """The body of a commit that is not durable yet, as if its pack took 0 bytes. Waits for a
        save that is still being looked at."""
        for pending in self._queue:
            # One that came to nothing is followed by the same time id, made again.
            if pending.t == t and (job := pending.settled()) is not None:
                return job.commit(0)
        return None

    def pending_times(self) -> list[int]:
        """Time ids that are not durable yet, in the order in which they will be."""
        return [pending.t for pending in self._queue]

    def pending_bases(self) -> set[str]:
        """Blobs that those not durable yet may be stored as deltas against: they are to stay."""
        jobs = [pending.known() for pending in self._queue]
        return {base for job in jobs if job is not None for base in job.bases.values()}

    def was_dropped(self, t: int) -> bool:
        """Whether this time was submitted, and left out since what it relied on was gone."""
        return t in self._dropped

    def _check_open(self) -> None:
        if self._closed:
            raise PodError(
                f"the writer for {self._repository.storage} is closed; open the pod directory anew"
            )

    def _is_too_much(self, blob_bytes: int) -> bool:
        """Whether that many bytes more have to wait for those that are queued."""
        waiting = self._queue
        pending_bytes = sum(pending.blob_bytes for pending in waiting)
        full = pending_bytes + blob_bytes > self._limit_bytes
        return full and bool(waiting) and self.error is None

    def _wait_until(self, ready: Callable[[], bool], timeout: float | None = None) -> bool:
        """Wait for the queue to change until something holds; False if it does not in time."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while not ready():
            waiter = threading.Lock()
            waiter.acquire()
            with self._lock:
                self._waiters.append(waiter)
            # It may have come true just before the waiter was there to be released.
            if ready():
                break
            left = -1.0 if deadline is None else max(0.0, deadline - time.monotonic())
            if not waiter.acquire(timeout=left):
                return ready()
        return True

    def _release_waiters(self) -> None:
        with self._lock:
            waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.release()

    def _set_going(self) -> None:
        """Have the queue written: by the thread, or here and now."""
        self._attempt_wanted = True
        if self.background and self._ensure_thread():
            self._wakeups.put(None)
        else:
            self._drain()

    def _ensure_thread(self) -> bool:
        """Whether there is a thread other than this one to do the writing."""
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                return self._thread is not threading.current_thread()
            # The thread must not keep an idle writer alive, nor outlive it.
            wakeups = self._wakeups
            reference = weakref.ref(self, lambda _: wakeups.put(None))
            thread = threading.Thread(
                target=_work, args=(reference, wakeups), name="pod-writer", daemon=True
            )
            try:
                thread.start()
            except RuntimeError:
                # No new threads once the interpreter is ending, or when the system has no more.
                return False
            self._thread = thread
            return True

    def _drain(self) -> None:
        """Write from the head of the queue until it is empty or a job fails."""
        with self._writing:
            news = self._write_queue()
        # Outside the lock, since the handler may well call us.
        for error in news:
            try:
                if self._on_error is not None:
                    self._on_error(error)
            except Exception:
                # Nobody above us could catch it, and the queue matters more.
                sys.excepthook(*sys.exc_info())

    def _write_queue(self) -> list[PodError]:
        """News to report: jobs that were left out, and a failure that stopped it."""
        news: list[PodError] = []
        while True:
            with self._lock:
                self._attempt_wanted = False
                if not self._queue:
                    return news
                head = self._queue[0]
                self._attempts += 1
                attempt = self._attempts
            try:
                if head.deferred is not None:
                    head.deferred.wait()  # nothing else is held meanwhile
                job = head.settled()
                if job is not None:
                    self._write(head, job)
            except _LeftOutError as left_out:
                head.dropped = left_out.error
                news.append(left_out.error)
            except Exception as error:
                failure = self._failed(_explained(head.t, error), attempt)
                return news if failure is None else [*news, failure]
            self._settled(head)

    def _write(self, pending: _Pending, job: WriteJob) -> None:
        repository = self._repository
        while True:
            if job.losses is not None:
                repository.reconcile()
            taken = job.claimed or pending.claimed or repository.take(job.t)
            pending.claimed = taken
            self._write_pack(pending, job)
            if not taken:
                raise _LeftOutError(job.t, "another process took that number meanwhile")
            losses = repository.losses
            if not self._has_all(job, losses):
                repository.withdraw(job.t)
                raise _LeftOutError(job.t, f"what it relies on is gone from {repository.storage}")
            assert pending.body is not None
            try:
                repository.write_commit(job.t, pending.body)
            except TakenError as error:
                raise _LeftOutError(job.t, str(error).partition(";")[0]) from error
            # Else the directory was deleted, and made anew, in the very moment between.
            if job.losses is None or losses == repository.losses:
                return

    def _write_pack(self, pending: _Pending, job: WriteJob) -> None:
        """Also when it was written and is gone: later jobs may rely on it, even if this one is
        left out."""
        repository = self._repository
        if pending.body is None or not all(map(repository.has, job.blobs)):
            if pending.body is not None:
                pending.pack = new_name()  # the other one may be about to be deleted
            nbytes = repository.write_pack(job.blobs, self.level, pending.pack, job.bases)
            pending.body = job.commit(nbytes)

    def _has_all(self, job: WriteJob, losses: int) -> bool:
        """Whether all is there, and stays, that a job relies on."""
        if job.losses not in (None, losses) and self._lacks_blobs(job):
            return False
        if job.claimed:
            return True
        # Garbage collection did not know of it until now.
        doomed = [digest for digest in job.needs() if self._repository.is_condemned(digest)]
        try:
            self._repository.write_pack(self._repository.read_many(doomed), self.level)
        except DamagedError:
            return False
        return True

    def _lacks_blobs(self, job: WriteJob) -> bool:
        lost = self._repository.lost
        if lost.isdisjoint(job.needs()):
            return False
        self._repository.reconcile()  # it may have been written again just now
        return not lost.isdisjoint(job.needs())

    def _settled(self, head: _Pending) -> None:
        with self._lock:
            head.done = True
            if head.dropped is not None:
                self._dropped |= {head.t}
            self._queue = self._queue[1:]
            self.error = None
            self._reported = None
            if not self._queue:
                _unfinished.discard(self)
        self._release_waiters()

    def _failed(self, error: StorageError, attempt: int) -> StorageError | None:
        with self._lock:
            self.error = error
            self._failed_attempt = attempt
            news = self._reported != str(error)
            self._reported = str(error)
        self._release_waiters()
        return error if news else None


class _LeftOutError(Exception):
    """A job can never be written."""

    def __init__(self, t: int, why: str) -> None:
        self.error = DamagedError(
            f"time {t} was not on disk yet and is lost: {why}; the next save holds everything"
        )


def _work(reference: weakref.ref[Writer], wakeups: queue.SimpleQueue[None]) -> None:
    """The thread: drains the queue whenever an attempt is wanted, until closed or collected. Once
    it has been idle for a moment, the repository may look at what it only assumed."""
    settled = True
    while True:
        try:
            wakeups.get(timeout=None if settled else _IDLE_SECONDS)
            settled = False
        except queue.Empty:
            settled = True
        writer = reference()
        if writer is None or writer._closed:
            # An interrupt while a thread was started may have left two.
            wakeups.put(None)
            return
        if writer._attempt_wanted:
            writer._drain()
        elif settled:
            writer._repository.settle()
        del writer


def _explained(t: int, error: Exception) -> StorageError:
    if isinstance(error, StorageError):
        return error
    explained = StorageError(
        f"time {t} could not be written ({type(error).__name__}: {error}); "
        "it is kept in memory and tried again at the next save"
    )
    explained.__cause__ = error
    return explained


@atexit.register
def _finish_all() -> None:
    """At interpreter exit: write what is pending, and say what could not be. What is still saved
    after this is written at once: there may be other functions of `atexit`, and daemon threads."""
    global _is_ending
    _is_ending = True
    for writer in list(_unfinished):
        if writer._pid != os.getpid():
            continue  # the parent's, in a forked child
        try:
            writer.flush()
        except PodError as error:
            times = writer.pending_times()
            # A kernel's own sys.stderr leads nowhere by now; this one is in its server's log.
            print(f"pod: times {times} are lost: {error}", file=sys.__stderr__ or sys.stderr)
