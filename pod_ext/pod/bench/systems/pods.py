"""Pod itself, as a notebook's user has it: `%load_ext pod`, and traits that are set.

Its variants are switches of the same code. One whose switch the running Pod does not have is
reported as not available.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pod import PodError, PodStore
from pod.bench.records import Unavailable
from pod.bench.shell import MeasuredShell
from pod.bench.systems.base import Reference

AUTO: Mapping[str, Any] = {"podding": "lga", "background": True, "snapshot": "auto"}
INLINE: Mapping[str, Any] = {**AUTO, "background": False, "snapshot": "inline"}
THREAD: Mapping[str, Any] = {**AUTO, "snapshot": "thread"}
LOCK_ALL: Mapping[str, Any] = {**THREAD, "variable_locks": False}
NO_CHECK: Mapping[str, Any] = {"static_check": False}

VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "pga": AUTO,
    "pgl": INLINE,
    "pfa": {**AUTO, "podding": "tbh"},
    "pfl": {**INLINE, "podding": "tbh"},
    "pg0": {**AUTO, "podding": "lga-0"},
    "pg1": {**AUTO, "podding": "lga-1"},
    "pnb": {**AUTO, "podding": "bundle-all"},
    "pnv": {**AUTO, "podding": "split-all"},
    "prand": {**AUTO, "podding": "random"},
    "pgt": THREAD,
    "pgf": {**AUTO, "snapshot": "fork"},
    "pgnoavf": {**AUTO, "active_filter": False},
    "pgnoavl": LOCK_ALL,
    "pgnostatic": {**AUTO, **NO_CHECK},
    "pgnoavlstatic": {**LOCK_ALL, **NO_CHECK},
    "pglnostatic": {**INLINE, **NO_CHECK},
    "pglnoavlstatic": {**INLINE, **NO_CHECK, "variable_locks": False},
    "pgcache0noavf": {**AUTO, "known_bytes": 0, "active_filter": False},
    "pganamespace": {**AUTO, "tracking": "namespace"},
}
"""Variant -> its traits of `PodExtension`. `pgcacheN` is one for each N."""
CACHE = "pgcache"
EXTENSION = "PodExtension"
MAY_LACK = {"snapshot": ("auto", "inline")}
"""Values that say what a Pod without the trait does, so that it need not have it."""


def traits_of(name: str) -> Mapping[str, Any] | None:
    """Of a variant; None for a name that is none."""
    if name in VARIANTS:
        return VARIANTS[name]
    limit = name.removeprefix(CACHE)
    return {**AUTO, "known_bytes": int(limit)} if name != limit and limit.isdigit() else None


class Pod:
    """One variant of Pod."""

    _extension: Any
    """The `PodExtension` of the shell."""

    def __init__(self, directory: Path, traits: Mapping[str, Any]) -> None:
        self.directory = directory / ".pod"
        self._traits = traits

    def configuration(self) -> dict[str, dict[str, Any]]:
        return {
            EXTENSION: {**self._traits, "pod_dir": str(self.directory), "verbosity": 0},
        }

    def attach(self, shell: MeasuredShell) -> None:
        shell.run_line_magic("load_ext", "pod")
        found: list[Any] = [
            each for each in shell.configurables if type(each).__name__ == "PodExtension"
        ]
        if not found:
            raise Unavailable("%load_ext pod did not work")
        self._extension = found[0]
        self._require()
        self._told: Reference | None = self._extension.session.head

    def _require(self) -> None:
        """Traits that this Pod does not have are passed over, and something else is measured."""
        for name, value in self._traits.items():
            if not self._extension.has_trait(name) and value not in MAY_LACK.get(name, ()):
                raise Unavailable(f"not available in this Pod, which has no switch {name!r}")

    def reference(self) -> Reference | None:
        trouble = self._extension.save_trouble
        if trouble:
            raise PodError(trouble)
        head: int | None = self._extension.session.head
        if head == self._told:
            return None
        self._told = head
        return head

    def is_durable(self, reference: Reference) -> bool:
        history = self._extension.store.history
        # Out of the waiting ones first: one that is written meanwhile is in neither.
        return reference not in history.pending_times() and history.repository.exists(reference)

    def held(self) -> float:
        return float(self._extension.session.under_way.held_seconds)

    def unsaved(self) -> Iterable[str]:
        return ()

    def finish(self) -> None:
        self._extension.store.flush()

    def load(self, reference: Reference, names: set[str] | None) -> dict[str, Any]:
        with PodStore(self.directory, create=False) as store:
            return dict(dict.items(store.load(int(reference), names)))
