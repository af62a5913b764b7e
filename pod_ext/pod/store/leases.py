"""Who is writing to a pod directory now, so that garbage collection leaves their packs alone.

A save writes its pack before the commit that makes it reachable. In between, only the lease of the
session tells that the pack is wanted.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
import uuid
import weakref

from pod.errors import PodError
from pod.store import files
from pod.store.storage import Storage

PREFIX = "leases/"
FORGOTTEN_SECONDS = 24 * 3600.0
"""A lease of another machine, where nobody can ask whether its process lives, counts this long."""


class Lease:
    """This process's sign in one pod directory; gone when it is released, or at exit."""

    def __init__(self, storage: Storage) -> None:
        self.key = f"{PREFIX}{uuid.uuid4().hex}"
        record = {"host": socket.gethostname(), "pid": os.getpid(), "since": time.time()}
        storage.put_if_absent(self.key, json.dumps(record).encode(), durable=False)
        self.release = weakref.finalize(self, _remove, storage, self.key, os.getpid())


def _remove(storage: Storage, key: str, pid: int) -> None:
    if os.getpid() == pid:  # a forked child takes its parent's sign down for nobody
        with contextlib.suppress(PodError):
            storage.delete(key)


def others(storage: Storage, own: str | None = None, *, clean: bool) -> list[str]:
    """Who else is writing, one line each; with `clean`, leases of processes that are gone are
    removed."""
    found = []
    for key in storage.list(PREFIX):
        if key == own:
            continue
        with contextlib.suppress(
            PodError, ValueError, LookupError, TypeError, OverflowError, RecursionError
        ):
            record = json.loads(files.read_bounded(storage, key, files.MAX_SMALL_BYTES))
            if (record["host"], record["pid"]) == (socket.gethostname(), os.getpid()):
                continue  # this process flushes all it has before it collects
            if _is_alive(record["host"], int(record["pid"]), float(record["since"])):
                found.append(f"process {record['pid']} on {record['host']}")
            elif clean:
                storage.delete(key)
    return found


def _is_alive(host: str, pid: int, since: float) -> bool:
    if host != socket.gethostname():
        return time.time() - since < FORGOTTEN_SECONDS
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
