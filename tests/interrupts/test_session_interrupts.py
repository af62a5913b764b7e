"""The stop button at every moment of a save, a checkout, and all else that Pod does.

After it the namespace is wholly as before or wholly as after, the next save is complete, every time
can be loaded, no lock is held and the handler of the signal is the one that was there.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from pod.history import generators
from pod.history.moments import History
from pod.history.restore import restore
from pod.history.verify import verify
from pod.namespace import TrackedNamespace
from pod.podding.policies import make_policy
from pod.session import Session
from pod.store.repository import Repository
from pod.store.writer import Writer
from pod.tracking.namespace import NamespaceTracker
from support.interrupting import moments, strike
from support.memory_storage import MemoryStorage
from support.portrait import portrait

SCALE = int(os.environ.get("POD_TEST_SCALE", "1"))
SAMPLE = 10 * SCALE
"""Moments tried of each action, with POD_TEST_SCALE=1000 all of them."""

PATIENCE = 60.0
VERBOSE = os.environ.get("V")

FIRST = """
import random
import numpy as np
class Base:
    made = []
    def __init__(self, n):
        self.n = n
class Item(Base):
    def __setstate__(self, state):
        self.__dict__.update(state)
        assert twice(self.n) == self.n * 2
def twice(n):
    return n * factor
factor = 2
shared = [1]
pair = {"shared": shared}
item = Item(shared)
items = [Item(n) for n in range(3)]
del item.n
item.n = 5
array = np.arange(1000)
texts = np.array([f"text {i}" for i in range(300)], dtype=object)
kept = ["kept"]
gone = [None]
np.random.seed(1)
random.seed(1)
random.gauss(0, 1)
"""
LAST = """
class Item:
    newer = True
class Other(Item):
    newest = True
latest = [Item(), Other()]
"""
SECOND = """
shared.append(2)
del gone
items.append(Item.__new__(Item))
items[-1].n = 7
class Item(Base):
    pass
new = Item(items)
Base.made.append(1)
np.random.rand()
"""
THIRD = """
shared.append(new)
array[3] = -1
del pair
class Other:
    def me(self):
        return __class__
class Second(Other):
    pass
other = [Other(), Second()]
texts = texts[:260]
def late():
    return shared
np.random.rand()
"""


class World:
    """A namespace with a past, two times and changes that are not saved."""

    def __init__(
        self,
        *,
        background: bool = False,
        limit_bytes: int = 1 << 30,
        storage: MemoryStorage | None = None,
    ) -> None:
        self.storage = storage or MemoryStorage()
        repository = Repository.open(self.storage)
        writer = Writer(repository, background=background, limit_bytes=limit_bytes)
        self.writer = writer
        self.history = History(repository, writer)
        self.namespace = TrackedNamespace(__name__="__main__")
        self.session = Session(
            self.namespace,
            self.history,
            writer,
            NamespaceTracker(self.namespace),
            make_policy("lga"),
            versioned=lambda name, _: not name.startswith("__"),
        )
        self.session.track_random = True
        self.times: dict[int, Any] = {}
        self.run(FIRST)

    def run(self, source: str) -> None:
        exec(compile(source, "<a cell>", "exec"), self.namespace)

    def save(self) -> int:
        saved = self.session.save()
        assert saved is not None
        self.times[saved.t] = self.portrait()
        return saved.t

    def portrait(self) -> Any:
        return portrait(variables(self.namespace), self.namespace)

    def identities(self) -> dict[str, int]:
        return {name: id(value) for name, value in variables(self.namespace).items()}


def variables(namespace: dict[str, Any]) -> dict[str, Any]:
    return {name: v for name, v in dict.items(namespace) if not name.startswith("__")}


def with_a_past() -> World:
    world = World()
    world.save()
    world.run(SECOND)
    world.save()
    world.run(THIRD)
    return world


def deleted() -> World:
    """Somebody has removed the pod directory."""
    world = with_a_past()
    world.storage.values.clear()
    world.times.clear()
    return world


def damaged() -> World:
    """Somebody has removed the data of the last time."""
    world = with_a_past()
    [*_, pack] = (key for key in world.storage.values if key.startswith("packs/"))
    del world.storage.values[pack]
    del world.storage.values[f"commits/{max(world.times)}"]
    del world.times[max(world.times)]
    return world


def with_a_full_queue() -> World:
    world = World(background=True, limit_bytes=1)
    world.save()
    world.run(SECOND)
    return world


def unchanged() -> World:
    world = with_a_past()
    world.save()
    return world


def saved_and_started_over() -> World:
    """As in a new kernel: nothing in the namespace, and a past to go back to."""
    old = with_a_past()
    old.save()
    world = World(storage=old.storage)
    world.times = old.times
    world.namespace.clear()
    return world


@dataclass(frozen=True)
class Scenario:
    make: Callable[[], World]
    act: Callable[[World], Any]


SCENARIOS = {
    "the first save": Scenario(World, lambda world: world.session.save()),
    "a save": Scenario(with_a_past, lambda world: world.session.save()),
    "a look at everything": Scenario(with_a_past, lambda world: world.session.save_missed()),
    "a save of nothing": Scenario(unchanged, lambda w: w.session.save(only_if_changed=True)),
    "a save to a full queue": Scenario(with_a_full_queue, lambda world: world.session.save()),
    "a save after the directory was deleted": Scenario(deleted, lambda w: w.session.save()),
    "a save after a pack was deleted": Scenario(damaged, lambda w: w.session.save()),
    "a checkout": Scenario(with_a_past, lambda world: world.session.checkout(1)),
    "a checkout in a new session": Scenario(
        saved_and_started_over, lambda world: world.session.checkout(1)
    ),
    "a checkout of some variables": Scenario(
        with_a_past, lambda world: world.session.checkout(1, ["items", "pair", "array"])
    ),
}


@pytest.fixture(autouse=True)
def _python_s_own_handler() -> Iterator[None]:
    """Where tests run in the background of a shell, the signal is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@dataclass
class Expected:
    """What may be there afterwards."""

    before: Any
    before_ids: dict[str, int]
    before_random: dict[str, bytes]
    after: Any
    after_random: dict[str, bytes]


def in_time(action: Callable[[], Any]) -> Any:
    """The value of an action in another thread, which no lock may keep waiting."""
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(action())
        except BaseException as error:
            found.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert found, "something waits for ever: a lock is held"
    if isinstance(found[0], BaseException):
        raise found[0]
    return found[0]


def read_back(storage: MemoryStorage) -> dict[int, Any]:
    """Every time as a reader finds it who knows nothing but the directory."""
    history = History(Repository.open(storage))
    found = {}
    for t in history.times():
        commit = history.commit(t)
        target: dict[str, Any] = {}
        restored = restore(history, commit, history.variables(commit).values(), target)
        assert not restored.failures, (t, restored.failures)
        target.update(restored.values)
        found[t] = portrait(target, target)
    assert verify(history)
    return found


def check(world: World, kept: list[str], expected: Expected) -> None:
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    now, ids, drawn = world.portrait(), world.identities(), generators.states()
    if now == expected.before:
        assert ids == expected.before_ids
        assert expected.before == expected.after or drawn == expected.before_random
    else:
        assert now == expected.after
        assert {name: ids[name] for name in kept} == {
            name: expected.before_ids[name] for name in kept
        }
    assert drawn in (expected.before_random, expected.after_random)

    saved = in_time(world.session.save)
    assert world.session.head == saved.t
    assert world.portrait() == now
    world.times[saved.t] = now
    world.run(LAST)  # classes of the same names, which must get tokens of their own
    saved = in_time(world.session.save)
    in_time(world.writer.flush)
    world.times[saved.t] = world.portrait()
    found = read_back(world.storage)
    for t, then in world.times.items():
        assert found[t] == then, t
    for t in sorted({min(found), saved.t}):
        done = in_time(lambda t=t: world.session.checkout(t))
        assert not done.failures
        assert world.portrait() == found[t], t


def draw_from_the_start() -> None:
    random.seed(0)
    np.random.seed(0)


def expected_of(scenario: Scenario) -> tuple[list[str], Expected]:
    draw_from_the_start()
    world = scenario.make()
    before, ids, drawn = world.portrait(), world.identities(), generators.states()
    done = scenario.act(world)
    world.writer.flush()
    expected = Expected(before, ids, drawn, world.portrait(), generators.states())
    return getattr(done, "kept", []), expected


@pytest.mark.parametrize("name", SCENARIOS)
def test_an_interrupt_at_any_moment(name: str) -> None:
    scenario = SCENARIOS[name]
    kept, expected = expected_of(scenario)
    draw_from_the_start()
    world = scenario.make()
    chance = random.Random(name)
    all_moments = moments(lambda: scenario.act(world), chance)
    tried = sorted(chance.sample(all_moments, min(SAMPLE, len(all_moments))))
    trouble = []
    for at in tried:
        draw_from_the_start()
        world = scenario.make()
        here = replace(expected, before_ids=world.identities())
        outcome = strike(at, lambda world=world: scenario.act(world))
        try:
            check(world, kept, here)
        except Exception as error:
            if VERBOSE:
                traceback.print_exc()
            trouble.append(f"{at}: {outcome.struck}: {error!r:.300}")
            print(trouble[-1], flush=True)
    print(name, len(all_moments), len(tried), len(trouble))
    assert not trouble, "\n".join(trouble)
