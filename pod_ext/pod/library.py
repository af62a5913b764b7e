"""Pod as a library: a pod directory as an object, and module-level functions on the default one."""

from __future__ import annotations

import atexit
import contextlib
import os
import shlex
import signal
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pod.errors import PodError, RestoreError, StorageError, TimeReferenceError
from pod.history import trust as trusting
from pod.history.collection import PATIENCE, GcReport, collect_garbage
from pod.history.diff import Diff, diff
from pod.history.log import Log, select
from pod.history.moments import History
from pod.history.restore import choose, restore, with_definitions
from pod.history.retention import retention
from pod.history.verify import Verification, verify
from pod.history.versions import differing
from pod.namespace import TrackedNamespace
from pod.podding.policies import make_policy
from pod.session import WAYS, Cell, Session, Versioned, every_name, forked
from pod.store.leases import SESSION_DIGITS, Lease, new_id
from pod.store.repository import Repository
from pod.store.storage import LocalStorage
from pod.store.trust import DATA_VARIABLE
from pod.store.writer import Writer
from pod.tracking import EverythingTracker, Tracker
from pod.tracking.namespace import NamespaceTracker


class VersionWarning(UserWarning):
    """A variable was saved with another version of Python, or of a package, than is here now."""


class UnsignedWarning(UserWarning):
    """What is saved cannot be signed with a key of the user's, so only this process can load it."""


DEFAULT_SNAPSHOT = "auto"
_MOMENT = 1.0
"""Seconds: nobody who has a lock that is wanted at the end keeps it so long, but who is stuck."""
_LAST_SECONDS = 3600
"""How long a child may take that goes on in a process's place."""

TimeReference = int | str
"""A time id, `HEAD`, `HEAD~n`, or a tag."""


class PodStore:
    """A pod directory: saves namespaces into it, and reads what was saved.

    Args:
        path: the pod directory; made if it is not there.
        create: with False, only an existing directory is opened, and nothing is written to it.
        background: write in a background thread (`flush` waits for it), else before `save` returns.
            Never in workers of `multiprocessing`, which end without waiting for it.
        podding: name of the podding policy.
        snapshot: where looks at a namespace are made: `inline`, while `save` is waited for; `fork`,
            in a forked child; `thread`, in a thread, while nothing that is looked at may be
            changed; `auto` (the default), inline if it is short, else in a child if this system
            has forks.
        active_filter: with False, every save looks at every variable.
        known_bytes: at most so much memory for knowing what is stored; what is forgotten is stored
            again. For experiments.
        compression_level: of zstd.
        on_error: called with a `StorageError` when the background cannot write; what it was about
            to write is kept, and tried again at the next save or flush.

    A store is a context manager that flushes at its end. All verbs may be called from any thread.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        create: bool = True,
        background: bool = True,
        podding: str = "lga",
        compression_level: int = 3,
        snapshot: str | None = None,
        active_filter: bool = True,
        known_bytes: int | None = None,
        on_error: Callable[[PodError], None] | None = None,
    ) -> None:
        snapshot = snapshot or DEFAULT_SNAPSHOT
        if snapshot not in WAYS:
            raise ValueError(f"unknown snapshot {snapshot!r}; choose one of {', '.join(WAYS)}")
        self.path = absolute(Path(path))
        self._snapshot = snapshot
        self._active_filter = active_filter
        self._known_bytes = known_bytes
        self._policy = make_policy(podding)
        self._repository = Repository.open(LocalStorage(self.path), create=create)
        self._writer = Writer(
            self._repository,
            level=compression_level,
            background=background,
            on_error=on_error,
        )
        self._history = History(self._repository, self._writer)
        self._lock = threading.RLock()
        self._last: int | None = None
        """The time id last saved or loaded here."""
        self._lease_id = new_id()
        self._told_unsigned = False
        self._plain_id = ""
        """The session of all commits of plain dicts."""
        self._sessions: weakref.WeakSet[Session] = weakref.WeakSet()
        _opened.add(self)

    def __repr__(self) -> str:
        return f"PodStore({str(self.path)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        # In a namespace that is saved, a store is the directory it has open.
        return open, (str(self.path),)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def history(self) -> History:
        """What has been saved, for reading."""
        return self._history

    def _catch_up(self) -> None:
        """Let other stores of this process on the same directory finish what they are writing."""
        for other in list(_opened):
            if other is not self and other.path == self.path:
                with contextlib.suppress(PodError):
                    other.flush()

    @property
    def head(self) -> int | None:
        """The time id last saved or loaded here, else the newest in the directory."""
        if self._last is not None:
            return self._last
        times = self._history.times()
        return times[-1] if times else None

    # --- saving

    def session(
        self,
        namespace: dict[str, Any],
        tracker: Tracker,
        *,
        versioned: Versioned | None = None,
        notebook: str = "",
    ) -> Session:
        """A session of its own for one namespace, as the kernel extension has."""
        self._begin_to_write()
        return self._session(namespace, tracker, versioned=versioned, notebook=notebook)

    def _begin_to_write(self) -> None:
        if self._repository.lease is None and not self._repository.is_inherited:
            with contextlib.suppress(StorageError):  # read-only, or full: tried again by a save
                self._repository.lease = Lease(self._repository.storage, id=self._lease_id)
            self._repository.refresh()
            # So that a time id can be found even while nothing can be read.
            self._repository.times()

    def _session(
        self,
        namespace: dict[str, Any],
        tracker: Tracker,
        *,
        versioned: Versioned | None = None,
        notebook: str = "",
    ) -> Session:
        """One that may come to save: not before `_begin_to_write`."""
        session = Session(
            namespace,
            self._history,
            self._writer,
            tracker,
            self._policy,
            notebook=notebook,
            prefix=self._lease_id[:SESSION_DIGITS],
            snapshot=self._snapshot,
            known_bytes=self._known_bytes,
            keeper=self,
            versioned=versioned or every_name,
        )
        session.active_filter = self._active_filter
        self._sessions.add(session)
        return session

    def save(self, namespace: dict[str, Any], *, message: str = "", code: str = "") -> int:
        """Save a namespace as a new time id, which is returned.

        A managed namespace is saved incrementally. Of a plain dict nothing is known, so all of it
        is looked at; only what is new is stored all the same.
        """
        if not isinstance(message, str) or not isinstance(code, str):
            raise PodError("message and code must be strings")
        unnamed = [name for name in namespace if type(name) is not str]
        if unnamed:
            raise PodError(f"names of variables must be strings, and {unnamed[0]!r} is not")
        self._warn_if_unsigned()
        with self._lock:
            session = self._session_of(namespace)
            saved = session.save(Cell(code=code, message=message))
            assert saved is not None
            self._last = saved.t
        return saved.t

    def _session_of(self, namespace: dict[str, Any]) -> Session:
        self._begin_to_write()
        if not isinstance(namespace, TrackedNamespace):
            session = self._session(namespace, EverythingTracker())
            session.id = self._plain_id = self._plain_id or session.id
            session.head = self._last
            return session
        session = namespace.origin
        if not isinstance(session, Session) or session.history is not self._history:
            session = self._session(namespace, NamespaceTracker(namespace))
            namespace._touch((), everything=True)
            namespace.origin = session
        return session

    def signing_trouble(self) -> str:
        """Why what is saved cannot be signed with a key of the user's, '' when it can."""
        trouble = self._repository.keyring.prepare()
        if not trouble:
            return ""
        return (
            f"there is no key of yours to sign with: {trouble.rstrip('.')}. What is saved now can "
            f"be loaded by this process; a later one has to be told first (pod trust "
            f"{shlex.quote(str(self.path))}). ${DATA_VARIABLE} names another place for the key"
        )

    def _warn_if_unsigned(self) -> None:
        trouble = self.signing_trouble()
        if trouble and not self._told_unsigned:
            self._told_unsigned = True
            warnings.warn(trouble, UnsignedWarning, stacklevel=3)

    # --- trust

    def trust(self, references: Iterable[TimeReference] | None = None) -> trusting.TrustChange:
        """Allow objects to be loaded from times that somebody else saved: from these, or from all
        there are, as they are now. Says so in the user's own data directory only."""
        return trusting.trust(self._history, self._durable(references))

    def distrust(self, references: Iterable[TimeReference] | None = None) -> trusting.TrustChange:
        """Take that back."""
        return trusting.distrust(self._history, self._durable(references))

    def standing(self) -> trusting.Standing:
        """Which times this user saved, which others are trusted, and which are not."""
        self._catch_up()
        return trusting.standing(self._history)

    def trusted(self) -> trusting.TrustList:
        """The same, and what else is trusted in other directories."""
        self._catch_up()
        return trusting.listed(self._history)

    def _looked_at(self, reference: TimeReference) -> int:
        """The time id of a moment that is to be read. If it is not on disk yet, and the look that
        it waits for comes to nothing, that is made again first."""
        self._catch_up()
        with contextlib.suppress(TimeReferenceError):
            t = self._history.resolve(reference, self.head)
            if self._repository.exists(t):
                return t
        for session in list(self._sessions):
            session.settle()
        while self._redo_lost():
            pass
        return self._history.resolve(reference, self.head)

    def _durable(self, references: Iterable[TimeReference] | None) -> list[int] | None:
        self._catch_up()
        if self._writer.pending_times():
            self.flush()
        if references is None:
            return None
        return [self._history.resolve(each, self.head) for each in references]

    # --- reading

    def load(
        self, reference: TimeReference = "HEAD", names: Iterable[str] | None = None
    ) -> TrackedNamespace:
        """The namespace of a moment, or only some of its variables, as a new managed namespace.

        Alters nothing live. Raises `RestoreError` naming the variables that cannot be restored;
        load the others by name. Unpickles, that is, runs code from the directory: `UntrustedError`
        if neither this user saved that moment, nor it is trusted.
        """
        with self._lock:
            t = self._looked_at(reference)
            commit = self._history.commit(t)
            with self._history.reading(t):
                wanted = choose(self._history.variables(commit), names, t)
                namespace = TrackedNamespace()
                restored = restore(self._history, commit, wanted, namespace)
            if restored.failures:
                raise RestoreError(_failed(t, restored.failures))
            for what, affected in differing(
                with_definitions(self._history, commit, wanted)
            ).items():
                warnings.warn(f"{what}: {', '.join(affected)}", VersionWarning, stacklevel=2)
            # Reading writes nothing, so that it works where nobody may write.
            session = self._session(namespace, NamespaceTracker(namespace))
            if names is None:
                session.adopt(commit, restored)
            else:
                dict.update(namespace, restored.values)
                session.head = t
            namespace.origin = session
            namespace._take_touched()
            self._last = t
            return namespace

    def log(
        self,
        names: Iterable[str] = (),
        *,
        limit: int | None = None,
        head: int | None = None,
        note: str = "",
        keep: Callable[[Any], bool] = lambda _: True,
    ) -> Log:
        """The history, newest first: all of it, or the moments that touched one of `names`."""
        names = list(names)
        self._catch_up()
        commits, damaged = self._history.commits()
        parents = self._history.bridges() | {commit.t: commit.parent for commit in commits}
        shown = [commit for commit in commits if keep(commit)]
        shown = list(select(shown, names)) if names else shown
        if damaged:
            note = "\n".join([*(f"✗ {why}" for why in damaged.values()), note]).strip()
        return Log(
            tuple(shown if limit is None else shown[:limit]),
            head=self.head if head is None else head,
            tags=self._history.repository.tags(),
            total=len(shown),
            pending=self._history.pending_times(),
            note=note,
            parents=parents,
        )

    def diff(
        self,
        a: TimeReference = "HEAD~1",
        b: TimeReference = "HEAD",
        names: Iterable[str] | None = None,
        *,
        values: bool = True,
    ) -> Diff:
        """What differs between two moments, variable by variable. Alters nothing live.

        Loads both versions of the variables that differ, and so runs code from the directory, as
        `load` does; without `values` it only says which ones differ.
        """
        return diff(self._history, self._looked_at(a), self._looked_at(b), names, values=values)

    def verify(self, progress: Callable[[int, int], None] | None = None) -> Verification:
        """Re-hash everything; names each damaged pod and each time id it affects. Unpickles
        nothing."""
        self._catch_up()
        if self._writer.pending_times():
            self.flush()
        # A history of its own, which remembers nothing of what it has read before.
        return verify(History(self._repository), progress)

    def tag(self, name: str, reference: TimeReference = "HEAD") -> int:
        """Give a moment a name that is a time reference from now on; its time id is returned."""
        self._catch_up()
        t = self._history.resolve(reference, self.head)
        if t in self._history.pending_times():
            self.flush()
        self._repository.tag(name, t)
        return t

    def untag(self, name: str) -> None:
        """Remove a tag; its moment stays."""
        if name not in self._repository.tags():
            known = ", ".join(sorted(self._repository.tags())) or "none"
            raise TimeReferenceError(f"there is no tag {name}; tags: {known}")
        self._repository.delete_tag(name)

    def gc(
        self,
        *,
        keep_last: int | None = None,
        keep_tagged: bool | None = None,
        keep_since: str | datetime | timedelta | None = None,
        max_size: int | str | None = None,
        dry_run: bool = False,
        patience: float = PATIENCE,
    ) -> GcReport:
        """Remove times by a rule, then what no other time needs; without a rule only what a crash
        left behind. Others may save meanwhile.

        A time stays if any of these keeps it: the newest `keep_last`; those tagged (with
        `keep_tagged=False` tags protect nothing); those saved since `keep_since`, a date or how
        long ago (`7d`). Of what stays, the oldest untagged ones go until the rest fits into
        `max_size` (`2GB`). The newest time, and where sessions that are alive are at, always stay.

        With `dry_run` it only says what would go. Saves that do not end within `patience` seconds
        leave packs to the next garbage collection.
        """
        self._repository.check_process()
        rule = retention(
            keep_last=keep_last, keep_tagged=keep_tagged, keep_since=keep_since, max_size=max_size
        )
        stores = [self, *(one for one in _opened if one is not self and one.path == self.path)]
        for each in stores:
            with contextlib.suppress(PodError):  # a full disk is what it may be called for
                each.flush(patience)
        return collect_garbage(
            [store._history for store in stores],
            rule,
            heads=[t for store in stores for t in store._heads()],
            dry_run=dry_run,
            patience=patience,
        )

    def _heads(self) -> list[int]:
        """Time ids that a namespace goes on from, or that HEAD is a name of."""
        return [t for t in (self._last, *(s.head for s in list(self._sessions))) if t]

    def flush(self, timeout: float | None = None) -> None:
        """Wait until everything saved is durable; raises the `StorageError` that prevents it."""
        self._writer.flush(timeout)
        while self._redo_lost():
            self._writer.flush(timeout)

    def _redo_lost(self) -> bool:
        """Save once more what a look was to save that came to nothing, where that may be now."""
        found = [session.redo() for session in list(self._sessions) if session.may_redo()]
        return any(saved is not None for saved in found)

    def leave(self, patience: float) -> None:
        """At the end of a process that may be killed soon, as a kernel is that takes some seconds:
        what is not on disk after so many seconds is left to a forked child, which goes on in its
        place. Where that cannot be, as where nothing can be written, it stays with this process."""
        with contextlib.suppress(PodError):
            self._writer.flush(patience)
        if self._is_done() or self._writer.error is not None or not forked.has_forks():
            return
        # Libraries do not stand a fork with which both go on; but here nothing is lost by one.
        # RuntimeError: at the very end Python does not fork any more.
        with contextlib.ExitStack() as held, contextlib.suppress(OSError, RuntimeError):
            # Nobody is in the midst of anything then, but for writing, which is begun again.
            for lock in (self._lock, *(s.still for s in list(self._sessions)), self._writer.still):
                if not lock.acquire(timeout=_MOMENT):
                    return
                held.callback(lock.release)
            child = forked.start(self._go_on, outlives=True)
            child.await_word()
            if child.word() is not None:
                self._writer.leave()
                if self._repository.lease is not None:
                    self._repository.lease.leave()

    def _is_done(self) -> bool:
        return not (self._writer.pending_times() or any(s.lost for s in list(self._sessions)))

    def _go_on(self, say: forked.Say) -> None:
        """In that child."""
        signal.alarm(_LAST_SECONDS)
        self._lock = threading.RLock()
        self._writer.take_over()
        for session in list(self._sessions):
            session.take_over()
        say("it is mine")
        forked.give_way()
        try:
            self.flush()
        finally:
            if self._repository.lease is not None:
                self._repository.lease.release()

    def close(self) -> None:
        """Flush, and end the background thread."""
        if not self._repository.is_inherited:
            self.flush()
        self._writer.close()
        if self._repository.lease is not None:
            self._repository.lease.release()


def open(path: str | os.PathLike[str] | None = None, **options: Any) -> PodStore:
    """The pod directory at `path` (default: `$POD_DIR`, else `.pod` in the current directory)."""
    return PodStore(default_path() if path is None else path, **options)


def absolute(path: Path) -> Path:
    """The path from the root, with `~` for a home directory."""
    try:
        return path.expanduser().absolute()
    except RuntimeError as error:
        raise StorageError(f"{path} is not a path: {error}") from None


def default_path() -> Path:
    """`$POD_DIR`, else `.pod` in the current directory."""
    return Path(os.environ.get("POD_DIR") or ".pod")


def new_managed_namespace(*args: Any, **kwargs: Any) -> TrackedNamespace:
    """A dict, made as `dict(*args, **kwargs)`, that knows which of its names were touched."""
    return TrackedNamespace(*args, **kwargs)


_opened: weakref.WeakSet[PodStore] = weakref.WeakSet()
_stores: dict[Path, PodStore] = {}
_stores_lock = threading.Lock()


def _default_store() -> PodStore:
    path = absolute(default_path())
    with _stores_lock:
        if path not in _stores:
            _stores[path] = PodStore(path)
        return _stores[path]


def save(namespace: dict[str, Any], *, message: str = "") -> int:
    """`PodStore.save` on the default pod directory."""
    return _default_store().save(namespace, message=message)


def load(reference: TimeReference = "HEAD", names: Iterable[str] | None = None) -> TrackedNamespace:
    """`PodStore.load` from the default pod directory."""
    return _default_store().load(reference, names)


@atexit.register
def _save_what_was_lost() -> None:
    """At the end of the interpreter, before the writers finish: a look that is lost only now is
    made again."""
    for store in list(_opened):
        if not store._repository.is_inherited:
            with contextlib.suppress(PodError):  # the writer says what is lost for good
                store.flush()


def leave_all(patience: float) -> None:
    """`PodStore.leave` of all stores of this process; they share these seconds."""
    until = time.monotonic() + patience
    for store in list(_opened):
        if not store._repository.is_inherited:
            store.leave(max(0.0, until - time.monotonic()))


def _forget_stores() -> None:
    """In a forked child the parent's background threads do not exist."""
    with contextlib.suppress(Exception):
        _stores.clear()


os.register_at_fork(after_in_child=_forget_stores)


def _failed(t: int, failures: dict[str, str]) -> str:
    listed = "; ".join(f"{name}: {why}" for name, why in sorted(failures.items()))
    return f"not all of time {t} can be restored. {listed}. Load the other variables by name."
