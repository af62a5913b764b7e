"""The tracker of a `TrackedNamespace`: the namespace itself records what is looked up in it."""

from __future__ import annotations

from pod.namespace import TrackedNamespace
from pod.tracking import Touched, Wait
from pod.tracking.blind_spots import in_values


class NamespaceTracker:
    """Reads and clears a tracked namespace's own record."""

    def __init__(self, namespace: TrackedNamespace) -> None:
        self._namespace = namespace

    def take(self) -> Touched:
        names, everything = self._namespace._take_touched()
        unseen = in_values(dict.get(self._namespace, name) for name in names)
        return Touched(frozenset(names), everything) | unseen

    def touch(self, touched: Touched) -> None:
        self._namespace._touch(touched.names, touched.everything)

    def hold(self, names: frozenset[str], wait: Wait) -> None:
        self._namespace._hold(names, wait)
