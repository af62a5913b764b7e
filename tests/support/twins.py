"""A session and its naive twin, which deep-copies the whole namespace at every save."""

from __future__ import annotations

from typing import Any

from pod.history.moments import History
from pod.history.restore import choose, restore
from pod.namespace import TrackedNamespace
from pod.podding.policies import make_policy
from pod.session import Session
from pod.store.repository import Repository
from pod.store.storage import Storage
from pod.store.writer import Writer
from pod.tracking import EverythingTracker
from pod.tracking.namespace import NamespaceTracker

from support.copies import deep_copy
from support.isomorphism import difference
from support.memory_storage import MemoryStorage


class Twin:
    """A session, and beside it a deep copy of what it saved at every time."""

    def __init__(
        self,
        policy: str,
        tracked: bool = True,
        snapshot: str = "inline",
        storage: Storage | None = None,
    ) -> None:
        repository = Repository.open(storage or MemoryStorage())
        writer = self.writer = Writer(repository, background=snapshot != "inline")
        self.history = History(repository, writer)
        self.namespace = TrackedNamespace()
        self.tracked = tracked
        tracker = NamespaceTracker(self.namespace) if tracked else EverythingTracker()
        self.session = Session(
            self.namespace,
            self.history,
            writer,
            tracker,
            make_policy(policy),
            snapshot=snapshot,
        )
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
