"""Sessions, garbage collections, tags and readers over one storage, interleaved at every operation.

Each actor is a process of its own, as far as Pod can tell, and may be killed at any operation. What
the test remembers is simple: what each save acknowledged, and which times a collection said that it
removed.
"""

from __future__ import annotations

import copy
import os
import random
import secrets
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from pod.errors import TimeReferenceError
from pod.history import collection
from pod.history.collection import collect_garbage
from pod.history.moments import History
from pod.history.restore import choose, restore
from pod.history.retention import Retention
from pod.history.verify import verify
from pod.namespace import TrackedNamespace
from pod.podding.policies import make_policy
from pod.session import Session
from pod.store import generations, leases, processes
from pod.store import repository as repositories
from pod.store import writer as writers
from pod.store.leases import SESSION_DIGITS, Lease
from pod.store.processes import Process
from pod.store.repository import Repository
from pod.store.writer import Writer
from pod.tracking.namespace import NamespaceTracker
from support.schedule import Actor, Schedule, ScheduledStorage
from support.seeds import by_seed

SCALE = int(os.environ.get("POD_TEST_SCALE", "1"))
# Few and large enough to be blobs, so that what one save stores is what another relies on; and
# alike, so that it is stored as a delta against what it took the place of.
NOISE = random.Random(0).randbytes(600)
VALUES = [NOISE[:300] + f"{number} ".encode() * 5 + NOISE[300:] for number in range(5)]
NAMES = ["a", "b", "c"]


class Clock:
    """Time that passes only by being asked for, so that waiting ends however slow the test is."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        self.now += 0.01
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class World:
    """A storage, those who use it, and what must be true of it."""

    def __init__(self, seed: int) -> None:
        self.ids = random.Random(seed)
        self.rng = random.Random(seed)
        self.schedule = Schedule(self.rng)
        self.storage = ScheduledStorage(self.schedule)
        self.actors: dict[int, Actor] = {}
        self.acknowledged: dict[int, dict[str, Any]] = {}
        self.removed: set[int] = set()
        self.deltas: set[str] = set()
        self.tagged: dict[str, int] = {}
        self.keyring = Repository.open(self.storage).keyring

    # --- what the actors are

    def process(self) -> Process:
        actor = self.schedule.current()
        number = next((n for n, one in self.actors.items() if one is actor), 1)
        return Process("here", "0" * 12, number, 0)

    def is_running(self, process: Process) -> bool | None:
        actor = self.actors.get(process.pid)
        return actor is not None and not actor.dead and not actor.done

    def open(self) -> tuple[Repository, Writer, History]:
        repository = Repository.open(self.storage)
        repository.keyring = self.keyring
        writer = Writer(repository, background=False)
        return repository, writer, History(repository, writer)

    def add(self, name: str, run: Any) -> None:
        seed = self.rng.randrange(2**32)
        dies = self.rng.randrange(150) if self.rng.random() < 0.25 else None
        number = 1000 + len(self.actors)
        self.actors[number] = self.schedule.add(
            f"{name}{number}", lambda: run(random.Random(seed)), dies
        )

    # --- what they do

    def save(self, rng: random.Random) -> None:
        repository, writer, history = self.open()
        repository.lease = Lease(self.storage)
        namespace = TrackedNamespace()
        session = Session(
            namespace,
            history,
            writer,
            NamespaceTracker(namespace),
            make_policy("split-all"),
            prefix=repository.lease.id[:SESSION_DIGITS],
        )
        for _ in range(rng.randrange(2, 6)):
            for name in NAMES:
                if rng.random() < 0.6:
                    namespace[name] = [rng.choice(VALUES) for _ in range(rng.randrange(1, 3))]
            now = copy.deepcopy(dict(dict.items(namespace)))
            saved = session.save()
            assert saved is not None and not history.pending_times(), writer.error
            assert saved.t not in self.acknowledged, f"time {saved.t} twice"
            self.acknowledged[saved.t] = now
            if rng.random() < 0.4:
                self.check_out(session, rng)

    def check_out(self, session: Session, rng: random.Random) -> None:
        times = session.history.times()
        t = rng.choice(times)
        try:
            done = session.checkout(t)
        except TimeReferenceError as error:
            assert "was removed by garbage collection" in str(error)
            return
        assert not done.failures, done.failures
        if t in self.acknowledged:
            assert dict(dict.items(session.namespace)) == self.acknowledged[t]

    def collect(self, rng: random.Random) -> None:
        for _ in range(rng.randrange(1, 4)):
            _, _, history = self.open()
            rule = rng.choice(
                [
                    Retention(),
                    Retention(keep_last=rng.randrange(1, 4)),
                    Retention(keep_tagged=True),
                    Retention(max_size=rng.randrange(500, 6000)),
                ]
            )
            report = collect_garbage([history], rule, patience=rng.choice((0.1, 5.0, 100.0)))
            self.removed |= set(report.times)
            self.look_for_deltas(history)

    def look_for_deltas(self, history: History) -> None:
        entries = [one for each in history.repository.packs().values() for one in each]
        self.deltas |= {one.digest for one in entries if one.base is not None}

    def tag(self, rng: random.Random) -> None:
        repository, _, history = self.open()
        for _ in range(3):
            times = history.times()
            if not times:
                continue
            name, t = rng.choice(("x", "y", "z")), rng.choice(times)
            self.tagged.pop(name, None)  # from here on it may name either
            try:
                repository.tag(name, t)
            except TimeReferenceError as error:
                assert "removed" in str(error)
            else:
                self.tagged[name] = t

    def read(self, rng: random.Random) -> None:
        _, _, history = self.open()
        for _ in range(3):
            if rng.random() < 0.5:
                found = verify(history)
                assert found, str(found)
                continue
            times = history.times()
            if times:
                self.load(history, rng.choice(times))

    def load(self, history: History, t: int) -> None:
        try:
            commit = history.commit(t)
            with history.reading(t):
                table = history.variables(commit)
                restored = restore(history, commit, choose(table, None, t), {})
        except TimeReferenceError as error:
            assert f"time {t} was removed by garbage collection" in str(error)
            return
        assert not restored.failures, (t, restored.failures)
        if t in self.acknowledged:
            assert restored.values == self.acknowledged[t], t

    # --- what must be true

    def check(self) -> None:
        """Once everybody has ended, some of them by being killed."""
        _, _, history = self.open()
        for _ in range(2):
            times = set(history.times())
            found = verify(history)
            assert found, str(found)
            gone = self.acknowledged.keys() - times
            announced = generations.read(self.storage).values()
            unexplained = {
                t for t in gone - self.removed if not any(one.has_removed(t) for one in announced)
            }
            assert not unexplained, f"times {unexplained} are lost"
            for name, t in self.tagged.items():
                if history.repository.tags().get(name) == t:
                    assert t in times, f"tag {name} names time {t}, which is gone"
            for t in sorted(times):
                self.load(history, t)
            if times:
                assert max(times) == max(self.acknowledged.keys() | times)
            # And once more after a collection with nobody in its way.
            collect_garbage([history], Retention(keep_last=2), patience=0.1)
            self.removed |= times - set(history.times())
            claims = [t for t in history.repository.claims() if t <= max(times, default=0)]
            assert not claims


@pytest.fixture(autouse=True)
def in_one_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every actor passes for a process, and time passes as told."""
    clock = Clock()
    monkeypatch.setattr(collection, "time", clock)
    monkeypatch.setattr(repositories, "time", clock)
    monkeypatch.setattr(processes, "current", lambda: WORLD[0].process())
    monkeypatch.setattr(processes, "is_running", lambda process: WORLD[0].is_running(process))
    # Names that are drawn decide what comes first in a list.
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=WORLD[0].ids.getrandbits(128)))
    monkeypatch.setattr(secrets, "token_hex", lambda nbytes: WORLD[0].ids.randbytes(nbytes).hex())
    monkeypatch.setattr(leases, "_is_forgotten", lambda *_: False)
    # A lease that is dropped must not be an operation of whoever happens to collect it.
    monkeypatch.setattr(leases, "_remove", lambda *_: None)
    yield


WORLD: list[World] = []


def play(seed: int) -> World:
    world = World.__new__(World)
    WORLD[:] = [world]
    world.__init__(seed)  # type: ignore[misc]
    for _ in range(world.rng.randrange(1, 4)):
        world.add("save", world.save)
    for _ in range(world.rng.randrange(1, 3)):
        world.add("collect", world.collect)
    if world.rng.random() < 0.5:
        world.add("tag", world.tag)
    if world.rng.random() < 0.5:
        world.add("read", world.read)
    try:
        world.schedule.run()
        world.check()
    except BaseException:
        print("\n".join(world.schedule.trace))
        raise
    finally:
        writers._unfinished.clear()  # of those that were killed
    return world


@by_seed(60 * SCALE)
def test_nothing_acknowledged_is_lost_or_changed(seed: int) -> None:
    play(seed)


def test_the_schedule_brings_about_what_it_is_for() -> None:
    """Else the test above could pass for want of anything to find."""
    removed = kept = killed = deltas = 0
    for seed in range(30):
        world = play(seed)
        removed += len(world.removed)
        kept += len(world.acknowledged.keys() - world.removed)
        killed += sum(actor.dead for actor in world.actors.values())
        deltas += len(world.deltas)
    assert removed > 50 and kept > 30 and killed > 3, (removed, kept, killed)
    assert deltas > 50, deltas
