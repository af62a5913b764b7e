"""What is submitted is readable at once and becomes durable in order, whatever fails meanwhile."""

from __future__ import annotations

import errno
import gc
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pod.errors import PodError, StorageError
from pod.store import writer as writer_module
from pod.store.codec import digest
from pod.store.repository import Repository
from pod.store.storage import BytesLike, LocalStorage
from pod.store.writer import WriteJob, Writer
from support.memory_storage import MemoryStorage


class TroubledStorage(MemoryStorage):
    """Writes wait for ``open``, fail while ``full``, and are recorded in order."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()
        self.arrived = threading.Event()
        self.full: Callable[[str], bool] = lambda key: False
        self.message = "no space left on the disk"
        self.written: list[str] = []

    def put(self, key: str, parts: Iterable[BytesLike]) -> None:
        self._admit(key)
        super().put(key, parts)
        self.written.append(key)

    def put_if_absent(self, key: str, data: bytes, *, durable: bool = True) -> bool:
        self._admit(key)
        created = super().put_if_absent(key, data, durable=durable)
        if created:
            self.written.append(key)
        return created

    def _admit(self, key: str) -> None:
        self.arrived.set()
        assert self.gate.wait(30)
        if self.full(key):
            raise StorageError(self.message) from OSError(errno.ENOSPC, "full")


def job(t: int, *blobs: bytes) -> WriteJob:
    return WriteJob(
        t=t,
        blobs={digest(blob): blob for blob in blobs},
        commit=lambda pack_bytes: b"time %d, %s" % (t, b"packed" if pack_bytes else b"empty"),
    )


def commits(storage: TroubledStorage) -> list[str]:
    return [key for key in storage.written if key.startswith("commits/")]


@pytest.fixture
def storage() -> TroubledStorage:
    return TroubledStorage()


@pytest.fixture
def repository(storage: TroubledStorage) -> Repository:
    repository = Repository.open(storage)
    storage.arrived.clear()
    return repository


@pytest.fixture(params=[True, False], ids=["background", "inline"])
def background(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(autouse=True)
def nothing_is_left_over():
    yield
    for writer in list(writer_module._unfinished):
        writer_module._unfinished.discard(writer)


# In order


def test_what_is_flushed_is_durable_and_in_order(
    repository: Repository, storage: TroubledStorage, background: bool
) -> None:
    writer = Writer(repository, background=background)
    for t in range(1, 21):
        writer.submit(job(t, b"blob %d" % t))
    writer.flush()
    assert writer.pending_times() == []
    assert commits(storage) == [f"commits/{t}" for t in range(1, 21)]
    packs_before = [key.split("/")[0] for key in storage.written if key[0] in "pc"]
    assert packs_before == ["packs", "commits"] * 20
    fresh = Repository.open(storage)
    assert fresh.read(digest(b"blob 7")) == b"blob 7"
    assert fresh.read_commit(7) == b"time 7, packed"
    writer.close()


def test_a_save_without_new_blobs_writes_only_a_commit(
    repository: Repository, storage: TroubledStorage, background: bool
) -> None:
    writer = Writer(repository, background=background)
    writer.submit(job(1))
    writer.flush()
    assert repository.read_commit(1) == b"time 1, empty"
    assert storage.list("packs/") == []
    writer.close()


def test_the_claim_is_released_once_durable(repository: Repository, background: bool) -> None:
    writer = Writer(repository, background=background)
    writer.submit(job(repository.claim(), b"x"))
    writer.flush()
    assert (repository.times(), repository.claims()) == ([1], [])
    writer.close()


def test_submitting_does_not_wait_for_the_disk(
    repository: Repository, storage: TroubledStorage
) -> None:
    writer = Writer(repository)
    storage.gate.clear()
    writer.submit(job(1, b"a"))
    writer.submit(job(2, b"b"))
    assert storage.arrived.wait(30)
    assert writer.pending_times() == [1, 2]
    assert writer.pending_blob(digest(b"b")) == b"b"
    assert writer.pending_blob(digest(b"z")) is None
    assert writer.pending_commit(2) == b"time 2, empty"
    assert writer.pending_commit(3) is None
    assert repository.times() == []
    storage.gate.set()
    writer.flush()
    assert writer.pending_blob(digest(b"b")) is None
    assert writer.pending_commit(2) is None
    assert repository.read(digest(b"b")) == b"b"
    writer.close()


def test_a_flush_that_takes_too_long_says_so_and_loses_nothing(
    repository: Repository, storage: TroubledStorage
) -> None:
    writer = Writer(repository)
    storage.gate.clear()
    writer.submit(job(1, b"a"))
    with pytest.raises(StorageError, match="wait longer"):
        writer.flush(timeout=0.01)
    storage.gate.set()
    writer.flush(timeout=30)
    assert repository.times() == [1]
    writer.close()


# Failure


def test_after_a_failure_everything_is_kept_and_nothing_skipped(
    repository: Repository, storage: TroubledStorage, background: bool
) -> None:
    errors: list[StorageError] = []
    writer = Writer(repository, background=background, on_error=errors.append)
    writer.submit(job(1, b"a"))
    writer.flush()
    storage.full = lambda key: True
    for t in (2, 3, 4):
        writer.submit(job(t, b"blob %d" % t))
    with pytest.raises(StorageError, match="no space left"):
        writer.flush()
    assert isinstance(writer.error, StorageError)
    assert isinstance(writer.error.__cause__, OSError)
    assert writer.pending_times() == [2, 3, 4]
    assert writer.pending_blob(digest(b"blob 4")) == b"blob 4"
    assert repository.times() == [1]
    assert len(errors) == 1, "the same failure is reported once"
    storage.full = lambda key: False
    writer.submit(job(5, b"blob 5"))
    writer.flush()
    assert writer.error is None
    assert commits(storage) == [f"commits/{t}" for t in range(1, 6)]
    assert Repository.open(storage).check().ok
    writer.close()


def test_a_commit_that_fails_does_not_write_its_pack_again(
    repository: Repository, storage: TroubledStorage, background: bool
) -> None:
    writer = Writer(repository, background=background)
    storage.full = lambda key: key.startswith("commits/")
    writer.submit(job(1, b"a"))
    with pytest.raises(StorageError):
        writer.flush()
    storage.full = lambda key: False
    writer.flush()
    assert len([key for key in storage.written if key.startswith("packs/")]) == 1
    assert repository.read_commit(1) == b"time 1, packed"
    writer.close()


def test_each_distinct_failure_is_reported_once(
    repository: Repository, storage: TroubledStorage, background: bool
) -> None:
    errors: list[str] = []
    writer = Writer(
        repository, background=background, on_error=lambda error: errors.append(str(error))
    )
    storage.full = lambda key: True

    def fail() -> None:
        with pytest.raises(StorageError):
            writer.flush()

    writer.submit(job(1))
    fail(), fail()
    storage.message = "disk on fire"
    fail(), fail()
    storage.full = lambda key: False
    writer.flush()
    storage.full = lambda key: True
    writer.submit(job(2))
    fail()
    assert errors == ["no space left on the disk", "disk on fire", "disk on fire"]


def test_a_flush_is_not_told_of_attempts_begun_before_it(
    repository: Repository, storage: TroubledStorage
) -> None:
    writer = Writer(repository)
    attempts = iter([True, False, False])
    storage.full = lambda key: next(attempts)
    storage.gate.clear()
    writer.submit(job(1, b"a"))
    assert storage.arrived.wait(30)
    writer._ensure_thread = lambda: storage.gate.set() or True  # type: ignore[method-assign]
    writer.flush()
    assert repository.times() == [1]
    writer.close()


def test_a_flush_tries_again_without_a_new_save(
    repository: Repository, storage: TroubledStorage, background: bool
) -> None:
    writer = Writer(repository, background=background)
    storage.full = lambda key: True
    writer.submit(job(1, b"a"))
    for _ in range(3):
        with pytest.raises(StorageError):
            writer.flush()
    storage.full = lambda key: False
    writer.flush()
    assert (repository.times(), writer.error) == ([1], None)
    writer.close()


def test_an_unexpected_error_is_kept_like_any_other(
    repository: Repository, background: bool
) -> None:
    mended = False

    def commit(pack_bytes: int) -> bytes:
        if not mended:
            raise ZeroDivisionError("oops")
        return b"body"

    writer = Writer(repository, background=background)
    writer.submit(WriteJob(1, {}, commit))
    with pytest.raises(StorageError, match=r"time 1 .*ZeroDivisionError: oops") as caught:
        writer.flush()
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    mended = True
    writer.flush()
    assert repository.read_commit(1) == b"body"
    writer.close()


def test_a_failing_error_handler_stops_nothing(
    repository: Repository, storage: TroubledStorage, capsys: pytest.CaptureFixture[str]
) -> None:
    def handler(error: StorageError) -> None:
        raise RuntimeError("handler broke")

    writer = Writer(repository, on_error=handler)
    storage.full = lambda key: True
    writer.submit(job(1))
    with pytest.raises(StorageError):
        writer.flush()
    storage.full = lambda key: False
    writer.flush()
    writer.close()
    assert repository.times() == [1]
    assert "handler broke" in capsys.readouterr().err


def test_a_write_whose_outcome_is_unknown_is_repeated_safely(
    repository: Repository, storage: TroubledStorage, background: bool
) -> None:
    put_if_absent = MemoryStorage.put_if_absent
    answers_lost = 1

    def written_but_not_answered(key: str, data: bytes, *, durable: bool = True) -> bool:
        nonlocal answers_lost
        created = put_if_absent(storage, key, data, durable=durable)
        if key.startswith("commits/") and answers_lost:
            answers_lost -= 1
            raise StorageError("connection lost")
        return created

    storage.put_if_absent = written_but_not_answered  # type: ignore[method-assign]
    writer = Writer(repository, background=background)
    writer.submit(job(1, b"a"))
    writer.submit(job(2, b"b"))
    assert writer._wait_until(lambda: not writer.pending_times() or writer.error is not None, 30)
    writer.flush()
    assert repository.times() == [1, 2]
    writer.close()


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from(["save", "flush", "break packs", "break commits", "mend"])),
    st.booleans(),
)
def test_any_course_of_failures_ends_in_the_same_history(
    events: list[str], background: bool
) -> None:
    storage = TroubledStorage()
    repository = Repository.open(storage)
    writer = Writer(repository, background=background)
    saved = 0
    for event in [*events, "save", "mend"]:
        match event:
            case "save":
                saved += 1
                writer.submit(job(saved, b"blob %d" % saved, b"shared"))
            case "flush":
                try:
                    writer.flush()
                except StorageError:
                    assert writer.pending_times()
            case "mend":
                storage.full = lambda key: False
            case breaking:
                prefix = breaking.split()[1]
                storage.full = lambda key, prefix=prefix: key.startswith(prefix)
        done = [int(key.split("/")[1]) for key in commits(storage)]
        assert done == list(range(1, len(done) + 1))
    writer.close()
    assert commits(storage) == [f"commits/{t}" for t in range(1, saved + 1)]
    assert Repository.open(storage).read(digest(b"blob 1")) == b"blob 1"


# Memory


def test_submitting_waits_while_too_much_is_queued(
    repository: Repository, storage: TroubledStorage
) -> None:
    writer = Writer(repository, limit_bytes=100)
    storage.gate.clear()
    writer.submit(job(1, b"a" * 80))
    submitted = threading.Event()

    def submit() -> None:
        writer.submit(job(2, b"b" * 80))
        submitted.set()

    thread = threading.Thread(target=submit)
    thread.start()
    assert storage.arrived.wait(30)
    assert not submitted.wait(0.05)
    assert writer.pending_times() == [1]
    storage.gate.set()
    assert submitted.wait(30)
    thread.join()
    writer.close()
    assert repository.times() == [1, 2]


def test_a_job_larger_than_the_limit_still_goes_through(
    repository: Repository, background: bool
) -> None:
    writer = Writer(repository, background=background, limit_bytes=10)
    writer.submit(job(1, b"a" * 80))
    writer.submit(job(2, b"b" * 80))
    writer.close()
    assert repository.times() == [1, 2]


def test_a_failing_queue_never_blocks_the_user(
    repository: Repository, storage: TroubledStorage, background: bool
) -> None:
    writer = Writer(repository, background=background, limit_bytes=10)
    storage.full = lambda key: True
    writer.submit(job(1, b"a" * 80))
    with pytest.raises(StorageError):
        writer.flush()
    for t in range(2, 6):
        writer.submit(job(t, b"%d" % t * 80))
    assert writer.pending_times() == [1, 2, 3, 4, 5]
    storage.full = lambda key: False
    writer.flush()
    assert repository.times() == [1, 2, 3, 4, 5]
    writer.close()


def test_a_blocked_submit_is_freed_when_the_queue_starts_failing(
    repository: Repository, storage: TroubledStorage
) -> None:
    writer = Writer(repository, limit_bytes=10)
    storage.gate.clear()
    storage.full = lambda key: True
    writer.submit(job(1, b"a" * 80))
    assert storage.arrived.wait(30)
    thread = threading.Thread(target=writer.submit, args=(job(2, b"b" * 80),))
    thread.start()
    storage.gate.set()
    thread.join(30)
    assert not thread.is_alive()
    assert writer.pending_times() == [1, 2]


# Beginning and end


def test_a_closed_writer_takes_no_more(repository: Repository, background: bool) -> None:
    writer = Writer(repository, background=background)
    writer.submit(job(1))
    writer.close()
    writer.close()
    with pytest.raises(PodError, match="closed"):
        writer.submit(job(2))
    assert repository.times() == [1]


def test_closing_ends_the_thread(repository: Repository) -> None:
    writer = Writer(repository)
    writer.submit(job(1))
    thread = writer._thread
    assert thread is not None
    writer.close()
    assert not thread.is_alive()


def test_a_close_that_fails_can_be_tried_again(
    repository: Repository, storage: TroubledStorage, background: bool
) -> None:
    writer = Writer(repository, background=background)
    storage.full = lambda key: True
    writer.submit(job(1, b"a"))
    with pytest.raises(StorageError):
        writer.close()
    storage.full = lambda key: False
    writer.close()
    assert repository.times() == [1]


def test_an_idle_writer_can_be_collected_and_its_thread_ends(repository: Repository) -> None:
    writer = Writer(repository)
    writer.submit(job(1))
    writer.flush()
    thread = writer._thread
    reference = weakref.ref(writer)
    del writer
    assert thread is not None
    thread.join(30)
    gc.collect()
    assert not thread.is_alive()
    assert reference() is None


def test_a_writer_that_nobody_holds_finishes_its_work(
    repository: Repository, storage: TroubledStorage
) -> None:
    writer = Writer(repository)
    storage.gate.clear()
    writer.submit(job(1, b"a"))
    thread = writer._thread
    del writer
    gc.collect()
    storage.gate.set()
    assert thread is not None
    thread.join(30)
    assert repository.times() == [1]


def test_an_interrupted_inline_save_is_finished_by_the_next(
    repository: Repository, storage: TroubledStorage
) -> None:
    writer = Writer(repository, background=False)

    def interrupted(key: str) -> bool:
        raise KeyboardInterrupt

    for prefix in ("packs/", "commits/"):
        storage.full = lambda key, prefix=prefix: key.startswith(prefix) and interrupted(key)
        t = 1 + max([0, *repository.times(), *writer.pending_times()])
        with pytest.raises(KeyboardInterrupt):
            writer.submit(job(t, b"blob %d" % t))
        assert writer.pending_times() == [t]
        storage.full = lambda key: False
        writer.submit(job(t + 1, b"blob %d" % (t + 1)))
        assert writer.pending_times() == []
    assert commits(storage) == [f"commits/{t}" for t in range(1, 5)]


def test_an_interrupt_before_the_thread_is_woken_blocks_nobody_later(
    repository: Repository, background: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: Writer) -> None:
        raise KeyboardInterrupt

    writer = Writer(repository, background=background, limit_bytes=10)
    with monkeypatch.context() as patch:
        patch.setattr(Writer, "_set_going", interrupted)
        with pytest.raises(KeyboardInterrupt):
            writer.submit(job(1, b"a" * 80))
    assert writer.pending_times() == [1]
    writer.submit(job(2, b"b" * 80))
    writer.close()
    assert repository.times() == [1, 2]


def run(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
    )


SLOW = """if True:
    import sys, threading, time
    from pathlib import Path
    from pod.errors import StorageError
    from pod.store.repository import Repository
    from pod.store.storage import LocalStorage
    from pod.store.writer import Writer, WriteJob

    submitted = threading.Event()

    class Slow(LocalStorage):
        def put(self, key, parts):
            submitted.wait()
            super().put(key, parts)

    class Full(Slow):
        def put(self, key, parts):
            raise StorageError("no space left on the disk")

    kind = {"slow": Slow, "full": Full}[sys.argv[2]]
    repository = Repository.open(kind(Path(sys.argv[1])))
    writer = Writer(repository)
    from pod.store.codec import digest
    for t in range(1, 31):
        blob = b"%d" % t * 1000
        writer.submit(WriteJob(t, {digest(blob): blob}, lambda size, t=t: b"%d" % t))
    assert writer.pending_times() == list(range(1, 31))
    submitted.set()
"""


def test_interpreter_exit_writes_what_is_pending(tmp_path: Path) -> None:
    done = run(SLOW, tmp_path, "slow")
    assert (done.returncode, done.stderr) == (0, "")
    repository = Repository.open(LocalStorage(tmp_path), create=False)
    assert repository.times() == list(range(1, 31))
    assert repository.check().ok


def test_interpreter_exit_says_what_could_not_be_written(tmp_path: Path) -> None:
    done = run(SLOW, tmp_path, "full")
    assert done.stderr.startswith("pod: times [1, 2, 3,")
    assert "no space left" in done.stderr and "Traceback" not in done.stderr


FORK = """if True:
    import os, sys, threading, warnings
    # Python 3.12 warns of any fork with threads around, and that is the point here.
    warnings.simplefilter("ignore", DeprecationWarning)
    from pathlib import Path
    from pod.errors import PodError
    from pod.store.codec import digest
    from pod.store.repository import Repository
    from pod.store.storage import LocalStorage
    from pod.store.writer import Writer, WriteJob

    forked, arrived = threading.Event(), threading.Event()

    class Slow(LocalStorage):
        def put(self, key, parts):
            arrived.set()
            forked.wait()
            super().put(key, parts)

    repository = Repository.open(Slow(Path(sys.argv[1])))
    writer = Writer(repository)
    writer.submit(WriteJob(1, {digest(b"a"): b"a"}, lambda size: b"one"))
    arrived.wait()
    # The worst moment: the fork finds the locks of the writer held.
    writer._lock.acquire()
    child = os.fork()
    if child == 0:
        assert writer.pending_blob(digest(b"a")) == b"a"
        assert writer.pending_commit(1) == b"one"
        assert not repository.has(digest(b"b"))
        for use in (lambda: writer.submit(WriteJob(2, {}, lambda size: b"")), writer.flush):
            try:
                use()
            except PodError as error:
                assert "fork" in str(error)
            else:
                sys.exit("the child was allowed to write")
        writer.close()
        del writer, use
        sys.exit(0)  # with exit handlers, unlike os._exit
    writer._lock.release()
    _, status = os.waitpid(child, 0)
    assert repository.times() == []
    forked.set()
    writer.close()
    assert repository.times() == [1]
    sys.exit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_reads_what_is_pending_and_never_writes(tmp_path: Path) -> None:
    done = run(FORK, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


INTERRUPT = """if True:
    import os, signal, sys, threading
    from pathlib import Path
    from pod.store.codec import digest
    from pod.store.repository import Repository
    from pod.store.storage import LocalStorage
    from pod.store.writer import Writer, WriteJob

    gate, interrupted_once = threading.Event(), threading.Event()

    def interrupt(*_):
        if not interrupted_once.is_set():
            interrupted_once.set()
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)

    class Slow(LocalStorage):
        def put(self, key, parts):
            # Again and again, since a signal that comes just before the main thread begins to
            # wait does not wake it.
            while not interrupted_once.wait(0.01):
                os.kill(os.getpid(), signal.SIGINT)
            gate.wait()
            super().put(key, parts)

    def interrupted(call):
        try:
            call()
        except KeyboardInterrupt:
            return
        sys.exit("not interrupted")

    def job(t):
        blob = b"%d" % t * 50
        return WriteJob(t, {digest(blob): blob}, lambda size: b"body")

    repository = Repository.open(Slow(Path(sys.argv[1])))
    writer = Writer(repository, limit_bytes=10)

    def first():
        writer.submit(job(1))
        if sys.argv[2] == "flush":
            writer.flush()
        else:
            writer.submit(job(2))

    interrupted(first)
    assert writer.pending_times() == [1]
    gate.set()
    writer.submit(job(2))
    writer.close()
    assert repository.times() == [1, 2]
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals work differently")
@pytest.mark.parametrize("where", ["flush", "submit"])
def test_an_interrupted_wait_leaves_the_queue_as_it_was(tmp_path: Path, where: str) -> None:
    done = run(INTERRUPT, tmp_path, where)
    assert (done.returncode, done.stderr) == (0, "")
