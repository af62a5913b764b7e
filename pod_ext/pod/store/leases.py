"""Who is at work in a pod directory: leases, and the owners that claims name.

A lease is there for as long as its owner has the directory open for saving, or collects garbage in
it. Both it and a claim say which process they are of, so that what a dead one left behind counts
for nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import uuid
import weakref
from dataclasses import dataclass

from pod.errors import PodError
from pod.store import files, processes
from pod.store.processes import Process
from pod.store.storage import Housekeeping, MissingKeyError, Storage

PREFIX = "leases/"
SESSION_DIGITS = 6
"""The ids of a lease's sessions begin with as many digits of its own."""
FORGOTTEN_SECONDS = 24 * 3600.0
"""Where nobody can ask whether a process runs, what it left counts this long."""
_RENEWED_SECONDS = 3600.0

SAVING, COLLECTING, FINISHING = "saving", "collecting", "finishing"


def new_id() -> str:
    """What a lease may be called that is made later."""
    return uuid.uuid4().hex


class Lease:
    """This process's sign in one pod directory; gone when it is released, or at exit."""

    def __init__(self, storage: Storage, work: str = SAVING, id: str = "") -> None:
        self.id = id or new_id()
        self.key = f"{PREFIX}{self.id}"
        self._storage = storage
        self._work = work
        self._written = time.monotonic()
        storage.put_if_absent(self.key, _record(work), durable=False)
        self.release = weakref.finalize(self, _remove, storage, self.key, os.getpid())

    def take_over(self) -> None:
        """In a forked child that goes on in its parent's place: be the child's."""
        self._work = FINISHING
        self._storage.put(self.key, [_record(self._work)])
        self.release = weakref.finalize(self, _remove, self._storage, self.key, os.getpid())

    def leave(self) -> None:
        """To such a child: it takes it down."""
        self.release.detach()

    def renew(self, *, lost: bool = False) -> None:
        """Keep it from being forgotten; quick, and to be called now and then."""
        if self.release.alive and (lost or time.monotonic() - self._written > _RENEWED_SECONDS):
            self._written = time.monotonic()
            with contextlib.suppress(PodError):
                self._storage.put(self.key, [_record(self._work)])


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a lease or claim is."""

    process: Process | None
    """None where that cannot be read."""
    work: str
    gone: bool
    """Whether it certainly does nothing any more."""

    def __str__(self) -> str:
        return str(self.process) if self.process else "somebody unknown"


def signature(work: str = SAVING) -> bytes:
    """What a claim of this process says."""
    return _record(work)


def owner(storage: Storage, key: str) -> Owner | None:
    """Whose a lease or claim is; None if it is not there any more."""
    try:
        raw = json.loads(files.read_bounded(storage, key, files.MAX_SMALL_BYTES))
        process, work = Process.from_json(raw), str(raw.get("work", SAVING))
        since = float(raw["since"])
    except MissingKeyError:
        return None
    except (
        PodError, ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError
    ):  # fmt: skip
        return Owner(None, SAVING, _is_forgotten(storage, key, None))
    running = processes.is_running(process)
    gone = _is_forgotten(storage, key, since) if running is None else not running
    return Owner(process, work, gone)


def owners(storage: Storage) -> dict[str, Owner]:
    """Whose the leases are, by their ids."""
    found = {key.removeprefix(PREFIX): owner(storage, key) for key in storage.list(PREFIX)}
    return {lease: one for lease, one in found.items() if one is not None}


def remove(storage: Storage, lease: str) -> None:
    """Take down what somebody left behind."""
    storage.delete(f"{PREFIX}{lease}")


def _record(work: str) -> bytes:
    record = processes.current().to_json() | {"work": work, "since": round(time.time(), 3)}
    return json.dumps(record).encode()


def _is_forgotten(storage: Storage, key: str, since: float | None) -> bool:
    """Whether a sign is so old that it counts for nothing: by the storage's own clock if it has
    one, since clocks of two machines differ."""
    if isinstance(storage, Housekeeping):
        age = storage.age(key)
        return age is not None and age > FORGOTTEN_SECONDS
    return since is not None and time.time() - since > FORGOTTEN_SECONDS


def _remove(storage: Storage, key: str, pid: int) -> None:
    if os.getpid() == pid:  # a forked child takes its parent's sign down for nobody
        with contextlib.suppress(PodError):
            storage.delete(key)
