"""For every operation on the storage: it fails, or the process ends there. What was acknowledged
before is whole, nothing that is there is not, and work goes on."""

from __future__ import annotations

import contextlib
import gc
import os
import types
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pod
import pytest
from pod.errors import PodError
from pod.session import Session
from pod.store import processes, writer
from pod.store.codec import digest
from pod.store.repository import Repository
from pod.store.storage import LocalStorage, Storage
from support.faulty_storage import FAULTS, SCALE, STOPS, FaultyStorage, StoppedError, copy_of
from support.isomorphism import difference
from support.memory_storage import MemoryStorage

CLASS = """
class Counter:
    step = 1
    def __init__(self): self.n = 0
    def count(self): self.n += self.step; return self
"""


def plain(namespace: Any) -> list[tuple[str, Any]]:
    """Everything in a namespace that can be compared, as an independent copy."""
    return [
        (name, _copied(value))
        for name, value in sorted(dict.items(namespace))
        if not isinstance(value, type | types.FunctionType) and not name.startswith("__")
    ]


def _copied(value: Any) -> Any:
    if isinstance(value, list):
        return [_copied(each) for each in value]
    if isinstance(value, dict):
        return {key: _copied(each) for key, each in value.items()}
    if type(value).__name__ == "Counter":  # with a class of its own, and working
        return ["Counter", value.n, type(value)().count().n]
    return value.copy() if isinstance(value, np.ndarray) else value


class Process:
    """One process that works in a pod directory, until it is stopped."""

    def __init__(self, storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
        self.storage = storage
        self._monkeypatch = monkeypatch
        self.store: pod.PodStore | None = None
        self.namespace = pod.new_managed_namespace(__name__="__main__")
        self.tried: dict[int, list[tuple[str, Any]]] = {}
        """What was handed to a save, by the time id that it got."""
        self.durable: set[int] = set()
        self.removable: set[int] = set()
        """Times that garbage collection may have removed."""
        self.tags: dict[str, set[int | None]] = {}
        """What each tag may name."""

    def open(self) -> pod.PodStore:
        if self.store is None or self.store._writer._closed:
            self._monkeypatch.setattr("pod.library.LocalStorage", lambda _: self.storage)
            self.store = pod.open(f"/nowhere/{id(self.storage)}", background=False)
        return self.store

    def save(self) -> int:
        store = self.open()
        t = store.save(self.namespace)
        store.flush()
        self.durable |= self.tried.keys()
        return t

    def note(self, session: Session, t: int) -> None:
        """Called before anything is saved as time `t`."""
        self.tried[t] = plain(session.namespace)

    def tag(self, name: str, t: int) -> None:
        self.tags[name] = {
            t,
            Repository(getattr(self.storage, "real", self.storage)).tags().get(name),
        }
        self.open().tag(name, t)
        self.tags[name] = {t}

    def bury(self) -> None:
        """The process is gone, without any of its last words."""
        if isinstance(self.storage, FaultyStorage):
            self.storage.dead = True
        if self.store is not None:
            self.store._writer._queue = ()
            writer._unfinished.discard(self.store._writer)
        self.store = None
        self.namespace = pod.new_managed_namespace()


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Storage], Process]]:
    made: list[Process] = []
    save = Session._save

    def noting(self: Session, t: int, *rest: Any) -> Any:
        made_by = [each for each in made if each.store and each.store.history is self.history]
        made_by[0].note(self, t)
        saved = save(self, t, *rest)
        if saved is None:
            del made_by[0].tried[t]
        return saved

    monkeypatch.setattr(Session, "_save", noting)

    def make(storage: Storage) -> Process:
        made.append(Process(storage, monkeypatch))
        return made[-1]

    yield make
    for each in made:
        each.bury()
    gc.collect()


# What a process may be doing. Each leaves the namespace as it would be after cells that went well.


def first_cell(work: Process) -> None:
    namespace = work.namespace
    exec(CLASS, namespace)
    namespace["counter"] = namespace["Counter"]()
    namespace["shared"] = shared = [1, 2]
    namespace["holds"] = {"it": shared, "text": "t" * 300}
    namespace["data"] = np.random.default_rng(0).random(2000)
    work.save()


def save(work: Process) -> None:
    work.open()
    work.namespace["new"] = list(range(200))
    work.save()


def series(work: Process) -> None:
    first_cell(work)
    namespace = work.namespace
    namespace["shared"].append(3)
    namespace["counter"].count()
    work.save()
    namespace["data"][17] = -1
    del namespace["holds"]
    work.save()
    work.save()


def tagging(work: Process) -> None:
    work.tag("old", 2)
    work.tag("fresh", 1)
    work.open().untag("gone")


def loading(work: Process) -> None:
    store = work.open()
    for t in (1, 2, 3):
        store.load(t)
    store.load(2, {"data"})


def checkout(work: Process) -> None:
    work.namespace = work.open().load(3)
    work.namespace["more"] = [4]
    work.open()._session_of(work.namespace)
    work.namespace.origin.checkout(1)
    work.namespace["shared"].append("from 1")
    work.save()
    work.namespace.origin.checkout(3, ["data"])
    work.save()


def collecting(work: Process) -> None:
    work.open().gc(patience=0)


def collecting_by_rule(work: Process) -> None:
    work.removable = {2, 3}  # 1 is tagged, 4 the newest
    work.open().gc(keep_last=1, patience=0)
    save(work)


def collecting_and_saving(work: Process) -> None:
    save(work)
    work.open().gc(patience=0)
    work.namespace["later"] = [7]
    work.save()


def closing(work: Process) -> None:
    save(work)
    work.open().close()


WORK = [
    first_cell,
    save,
    series,
    tagging,
    loading,
    checkout,
    collecting,
    collecting_by_rule,
    collecting_and_saving,
    closing,
]
EMPTY = {first_cell, series}


def before(work: Callable[[Process], None], storage: Storage, process: Any) -> Process:
    """A process that made the history in which this work begins: three times, two tags, and an
    orphan pack."""
    earlier: Process = process(storage)
    if work in EMPTY:
        return earlier
    series(earlier)
    earlier.tag("old", 1)
    earlier.tag("gone", 1)
    earlier.tags["gone"] = {1, None}
    store = earlier.open()
    orphan = os.urandom(500)
    store.history.repository.write_pack({digest(orphan): orphan}, 3)
    store.close()
    return earlier


def count_deltas(storage: Storage) -> int:
    packs = Repository.open(storage, create=False).packs().values()
    return sum(entry.base is not None for entries in packs for entry in entries)


def must_be_whole(storage: Storage, processes: list[Process], process: Any) -> None:
    """A new process finds all that was acknowledged, nothing that is broken, and can go on."""
    again: Process = process(storage)
    store = again.open()
    tried = {t: value for each in processes for t, value in each.tried.items()}
    durable = {t for each in processes for t in each.durable}
    durable -= {t for each in processes for t in each.removable}
    assert durable <= set(store.history.times())
    found = store.verify()
    assert found, found
    for t in store.history.times():
        assert difference(plain(store.load(t)), tried[t]) is None
    tags = store.history.repository.tags()
    expected = {name: times for each in processes for name, times in each.tags.items()}
    assert all(tags.get(name) in times for name, times in expected.items())
    again.namespace = store.load() if store.history.times() else again.namespace
    again.namespace["after"] = ["the crash"]
    there = store.history.times()
    t = again.save()
    assert store.history.times() == [*there, t]
    assert difference(plain(store.load(t)), again.tried[t]) is None
    store.gc(patience=0)
    assert store.verify()
    assert difference(plain(store.load(t)), again.tried[t]) is None
    store.close()


def operations(work: Callable[[Process], None], base: Storage, where: Path, process: Any) -> int:
    """How many it takes."""
    counting = FaultyStorage(copy_of(base, where))
    work(process(counting))
    return counting.count


def points(count: int, kinds: tuple[str, ...], base: Storage) -> list[tuple[int, str]]:
    """Every operation with every kind when there is time; else with one, in turn, and over the
    local directory every fifth operation."""
    if SCALE > 1:
        return [(at, kind) for at in range(count) for kind in kinds]
    step = 5 if isinstance(base, LocalStorage) else 1
    return [(at, kinds[at // step % len(kinds)]) for at in range(0, count, step)]


@pytest.fixture(params=["memory", "local"])
def base(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    return MemoryStorage() if request.param == "memory" else LocalStorage(tmp_path / "base")


def test_there_are_deltas_in_what_these_tests_look_at(base: Storage, process: Any) -> None:
    before(collecting_by_rule, base, process)
    assert count_deltas(base) > 0
    again = process(base)
    collecting_by_rule(again)
    assert again.open().verify()


@pytest.mark.parametrize("work", WORK)
def test_a_process_that_ends_at_any_operation_costs_nothing_acknowledged(
    base: Storage,
    work: Callable[[Process], None],
    process: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    earlier = before(work, base, process)
    count = operations(work, base, tmp_path, process)
    me = processes.current()
    assert count > 5
    for at, kind in points(count, STOPS, base):
        print(f"{kind} at operation {at} of {count}")
        storage = copy_of(base, tmp_path)
        dying = process(FaultyStorage(storage, kind, at))
        with pytest.raises(StoppedError), monkeypatch.context() as patch:
            # For whoever asks later, it does not run any more.
            patch.setattr(processes, "current", lambda: replace(me, born=me.born + 1))
            work(dying)
        dying.bury()
        must_be_whole(storage, [earlier, dying], process)


@pytest.mark.parametrize("work", WORK)
def test_an_operation_that_fails_costs_nothing_at_all(
    base: Storage, work: Callable[[Process], None], process: Any, tmp_path: Path
) -> None:
    earlier = before(work, base, process)
    count = operations(work, base, tmp_path, process)
    for at, kind in points(count, FAULTS, base):
        print(f"{kind} at operation {at} of {count}")
        storage = copy_of(base, tmp_path)
        faulty = FaultyStorage(storage, kind, at)
        going_on = process(faulty)
        with contextlib.suppress(PodError):
            work(going_on)
        faulty.heal()
        # The very same session goes on as if nothing had been.
        going_on.namespace["resumed"] = [at]
        going_on.save()
        assert going_on.tried.keys() <= set(going_on.open().history.times())
        going_on.open().close()
        must_be_whole(storage, [earlier, going_on], process)
