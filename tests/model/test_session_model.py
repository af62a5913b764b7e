"""Sessions against a naive twin that deep-copies the whole namespace at every save."""

from __future__ import annotations

import os
import random
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pod.history.moments import History
from pod.history.restore import choose, restore
from pod.namespace import TrackedNamespace
from pod.podding import examination, memory
from pod.podding.pickler import DeepPodPickler
from pod.podding.policies import POLICIES, make_policy
from pod.session import Session
from pod.store.repository import Repository
from pod.store.writer import Writer
from pod.tracking import EverythingTracker
from pod.tracking.namespace import NamespaceTracker
from support.copies import deep_copy
from support.graphs import NAMES, change
from support.isomorphism import difference
from support.memory_storage import MemoryStorage

SCALE = int(os.environ.get("POD_TEST_SCALE", "1"))


class Twin:
    """A session, and beside it a deep copy of what it saved at every time."""

    def __init__(self, policy: str, tracked: bool = True) -> None:
        repository = Repository.open(MemoryStorage())
        writer = Writer(repository, background=False)
        self.history = History(repository, writer)
        self.namespace = TrackedNamespace()
        self.tracked = tracked
        tracker = NamespaceTracker(self.namespace) if tracked else EverythingTracker()
        self.session = Session(self.namespace, self.history, writer, tracker, make_policy(policy))
        self.copies: dict[int, dict[str, Any]] = {}

    def save(self) -> None:
        saved = self.session.save()
        assert saved is not None and not saved.failures
        self.copies[saved.t] = self.copy()

    def copy(self) -> dict[str, Any]:
        return deep_copy(dict(dict.items(self.namespace)))

    def check_load(self, t: int, names: list[str] | None) -> None:
        commit = self.history.commit(t)
        then = self.history.variables(commit)
        target: dict[str, Any] = {}
        restored = restore(self.history, commit, choose(then, names, t), target)
        assert not restored.failures
        expected = self.copies[t]
        if names is not None:
            expected = {name: expected[name] for name in names}
        assert difference(sorted_items(expected), sorted_items(restored.values)) is None, t

    def check_checkout(self, t: int, names: list[str] | None) -> None:
        before = dict(dict.items(self.namespace))
        expected = dict(self.copies[t])
        done = self.session.checkout(t, names)
        if done.saved is not None:
            self.copies[done.saved] = deep_copy(before)
        assert not done.failures
        now = dict(dict.items(self.namespace))
        for name in done.kept:
            assert now[name] is before[name]
        if names is None:
            assert difference(sorted_items(expected), sorted_items(now)) is None, t
            assert self.session.head == t
        else:
            for name in names:
                assert difference(expected[name], now[name]) is None, (t, name)
            assert all(now[name] is before[name] for name in before.keys() - set(names))


def sorted_items(namespace: dict[str, Any]) -> list[tuple[str, Any]]:
    return sorted(namespace.items())


def some(rng: random.Random, names: list[str]) -> list[str] | None:
    return None if rng.random() < 0.5 else [name for name in names if rng.random() < 0.5]


def play(seed: int, policy: str, steps: int = 14) -> None:
    rng = random.Random(seed)
    # Views of arrays as small as these are saved by themselves, too, where nobody can tell.
    with mock.patch.object(memory, "SMALL_BYTES", rng.choice([0, 64, memory.SMALL_BYTES])):
        play_on(rng, policy, steps)


def play_on(rng: random.Random, policy: str, steps: int) -> None:
    twin = Twin(policy, tracked=rng.random() < 0.8)
    for _ in range(steps):
        for _ in range(rng.randrange(4)):
            change(rng, twin.namespace)
        twin.save()
        if rng.random() < 0.3:
            t = rng.choice(list(twin.copies))
            twin.check_checkout(t, some(rng, sorted(twin.copies[t])))
    for t in list(twin.copies):
        twin.check_load(t, None)
        twin.check_load(t, [n for n in NAMES if n in twin.copies[t] and rng.random() < 0.5])


@pytest.mark.parametrize("policy", POLICIES)
@settings(
    max_examples=400 * SCALE,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
    print_blob=True,
)
@given(seed=st.integers(0, 2**48))
def test_every_time_is_restored_as_a_deep_copy_taken_then(policy: str, seed: int) -> None:
    play(seed, policy)


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
    print_blob=True,
)
@given(seed=st.integers(0, 2**48))
def test_the_pickler_that_does_not_recurse_writes_what_the_other_does(seed: int) -> None:
    with mock.patch.object(examination, "PodPickler", DeepPodPickler):
        play(seed, random.Random(seed).choice(list(POLICIES)))
