"""Reading blobs: neighbours together, chains of deltas, and with several threads where it pays.

Hashing, decompressing and reading files leave Python to other threads. Threads are made for one act
of reading and end with it, so nothing is left of them in a forked child.
"""

from __future__ import annotations

import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TypeAlias

from pod.errors import DamagedError, PodError, StorageError
from pod.store import pack
from pod.store.codec import decode
from pod.store.codec import digest as digest_of
from pod.store.copies import MAX_CHAIN, Chain, Copies, Place
from pod.store.pack import PackEntry
from pod.store.storage import BytesLike, MissingKeyError, Storage

_THREADS = min(4, os.cpu_count() or 1)
_FEW_BYTES = 8 * 1024 * 1024
"""So much is read sooner than threads are made."""
_BATCH_BYTES = 4 * 1024 * 1024


def read(
    storage: Storage, chains: Mapping[str, Chain], *, alone: bool = True
) -> dict[str, BytesLike]:
    """Blobs by digest, verified by their hashes, as far as these chains lead to them: what is
    damaged or gone is left out. What is stored as it is, is not copied: it is a part of what was
    read. Unless `alone`, several threads read where there is much."""
    reading = _Reading(storage, chains)
    nbytes = sum(place.entry.raw_bytes for chain in chains.values() for place in chain)
    threads = 1 if alone or nbytes < _FEW_BYTES else _THREADS
    _run_all(reading.spans(), threads)
    _run_all(reading.deltas(), threads)
    return reading.found


def read_any(
    storage: Storage,
    copies: Copies,
    digest: str,
    confirm: Callable[[Place], Place] = lambda place: place,
) -> bytes:
    """One blob, from whichever of its copies, and those of its bases, are whole.

    `confirm` looks once more where a copy is, and may raise what reading may. If there is no way,
    raises the first thing that is wrong; but MissingKeyError if a pack is gone.
    """
    search = _Search(storage, copies, confirm)
    found = search.find(digest)
    if found is not None:
        return found
    if search.vanished is not None:
        raise search.vanished
    raise search.reason or DamagedError(f"blob {digest} is in no pack of {storage}")


_Spot: TypeAlias = "tuple[str, int]"
"""A pack, and where in it."""


def _spot(place: Place) -> _Spot:
    return place.pack, place.entry.offset


class _Reading:
    """One act of reading; `found` is complete when the tasks of `spans` and `deltas` have run."""

    def __init__(self, storage: Storage, chains: Mapping[str, Chain]) -> None:
        self._storage = storage
        self._chains = chains
        self._whole = {_spot(chain[0]) for chain in chains.values() if len(chain) == 1}
        self._parts = {_spot(each) for chain in chains.values() if len(chain) > 1 for each in chain}
        # Encoded, since deltas take little so.
        self._encoded: dict[_Spot, BytesLike] = {}
        self.found: dict[str, BytesLike] = {}

    def spans(self) -> Iterable[Callable[[], None]]:
        by_pack: dict[str, list[PackEntry]] = {}
        places = {_spot(each): each for chain in self._chains.values() for each in chain}
        for place in places.values():
            by_pack.setdefault(place.pack, []).append(place.entry)
        for key, entries in by_pack.items():
            for span in pack.spans(entries):
                yield partial(self._read_span, key, span)

    def deltas(self) -> Iterable[Callable[[], None]]:
        batch: list[Chain] = []
        nbytes = 0
        for chain in self._chains.values():
            if len(chain) > 1:
                batch.append(chain)
                nbytes += sum(place.entry.raw_bytes for place in chain)
                if nbytes >= _BATCH_BYTES:
                    yield partial(self._decode_all, batch)
                    batch, nbytes = [], 0
        if batch:
            yield partial(self._decode_all, batch)

    def _read_span(self, key: str, span: Sequence[PackEntry]) -> None:
        try:
            for entry, data in pack.read_span(self._storage, key, span):
                spot = key, entry.offset
                if spot in self._parts:
                    self._encoded[spot] = data
                if spot in self._whole:
                    blob = pack.verified(self._storage, key, entry, data)
                    if not isinstance(blob, DamagedError):
                        self.found[entry.digest] = blob
        except StorageError:
            return  # the pack may be gone for a newer one

    def _decode_all(self, chains: Iterable[Chain]) -> None:
        for chain in chains:
            try:
                raw: BytesLike = b""
                for place in reversed(chain):
                    entry = place.entry
                    raw = decode(entry.method, self._encoded[_spot(place)], entry.raw_bytes, raw)
            except (DamagedError, KeyError):
                continue
            if digest_of(raw) == chain[0].entry.digest:
                self.found[chain[0].entry.digest] = raw


class _Search:
    """Looks for one blob that can be decoded somehow. Each blob on the way is looked for once:
    one that needs what is being looked for cannot help to find it."""

    def __init__(self, storage: Storage, copies: Copies, confirm: Callable[[Place], Place]) -> None:
        self._storage = storage
        self._copies = copies
        self._confirm = confirm
        self._known: dict[str, bytes | None] = {}
        self.reason: PodError | None = None
        self.vanished: MissingKeyError | None = None

    def find(self, digest: str, depth: int = 0) -> bytes | None:
        if digest in self._known or depth >= MAX_CHAIN:
            return self._known.get(digest)
        self._known[digest] = None
        whole_first = sorted(self._copies.of(digest), key=lambda each: each.entry.base is not None)
        for place in whole_first:
            try:
                found = self._read(self._confirm(place), depth)
            except MissingKeyError as error:
                self.vanished = error
            except (DamagedError, StorageError) as error:
                self.reason = self.reason or error
            else:
                if found is not None:
                    self._known[digest] = found
                    return found
        return None

    def _read(self, place: Place, depth: int) -> bytes | None:
        """One copy; None if its base cannot be had, for the reason that is noted."""
        entry = place.entry
        base: bytes | None = b""
        if entry.base is not None:
            base = self.find(entry.base, depth + 1)
        if base is None:
            if not isinstance(self.reason, StorageError):
                why = self.reason or "that one is in no pack"
                error = DamagedError(f"it is a delta against blob {entry.base}, and {why}")
                self.reason = pack.damage(self._storage, place.pack, entry, error)
            return None
        [(_, data)] = pack.read_span(self._storage, place.pack, [entry])
        found = pack.verified(self._storage, place.pack, entry, data, base)
        if isinstance(found, DamagedError):
            raise found
        return bytes(found)


def _run_all(tasks: Iterable[Callable[[], None]], threads: int) -> None:
    """Run tasks in this thread, and with others if there are to be several."""
    if threads == 1:
        for task in tasks:
            task()
        return
    todo = deque(tasks)
    done: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
    helpers = sum(_start(todo, done) for _ in range(min(threads, len(todo)) - 1))
    try:
        _work_off(todo)
        # An interrupt leaves the others to end by themselves, with no more to do.
        failures = [done.get() for _ in range(helpers)]
    finally:
        todo.clear()
    for failure in failures:
        if failure is not None:
            raise failure


def _start(todo: deque[Callable[[], None]], done: queue.SimpleQueue[BaseException | None]) -> bool:
    def help_out() -> None:
        failure: BaseException | None = None
        try:
            _work_off(todo)
        except BaseException as error:
            failure = error
        done.put(failure)

    try:
        threading.Thread(target=help_out, name="pod-reader", daemon=True).start()
    except RuntimeError:  # no threads any more, or no new ones once the interpreter is ending
        return False
    return True


def _work_off(todo: deque[Callable[[], None]]) -> None:
    while True:
        try:
            task = todo.popleft()
        except IndexError:
            return
        task()
