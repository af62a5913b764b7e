"""How the namespace that a shell runs its cells in is followed: exchanged for one that records what
is looked up in it, or left as it is while the interpreter says which code ran."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Protocol

from pod.jupyter.completion import look_at_copies, look_at_namespace
from pod.jupyter.names import output_names
from pod.jupyter.swap import NamespaceModule, move_functions, swap
from pod.namespace import TrackedNamespace
from pod.tracking import Touched, Tracker
from pod.tracking.blind_spots import in_cell
from pod.tracking.monitoring import MonitoringTracker
from pod.tracking.namespace import NamespaceTracker

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


class Followed(Protocol):
    """A shell's namespace, while Pod is loaded."""

    way: str
    """As `PodExtension.tracking` calls it."""

    @property
    def namespace(self) -> dict[str, Any]: ...

    @property
    def tracker(self) -> Tracker: ...

    def begin(self) -> list[str]:
        """Begin to follow; what goes on with the namespace as it was, in words."""

    def end(self) -> list[str]:
        """Give the shell its own namespace back, with everything in it; likewise."""

    def before_cell(self) -> None: ...

    def after_cell(self, ran: str, number: int | None) -> None:
        """A cell has run: its code as Python, and its number among the shell's."""


class ExchangedNamespace:
    """A `TrackedNamespace` in place of the shell's own dictionary."""

    way = "namespace"

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        self._module, self._old = shell.user_module, shell.user_ns
        self._moved: dict[str, Any] | None = dict(self._old)
        self._stale: list[str] = []
        tracked = self.namespace = TrackedNamespace(self._old)
        self.tracker = NamespaceTracker(tracked)

    def begin(self) -> list[str]:
        module = NamespaceModule(self._module.__name__, self.namespace)
        swap(self._shell, module, self.namespace)
        look_at_copies(self._shell, self.namespace)
        # It looks whether the first word of each line is a macro, before the cell runs.
        self.namespace._overlook("IPython.core.prefilter")
        self._stale = move_functions(self._old, self.namespace)
        self._watch(output_names(dict.get(self.namespace, "_oh", {})))
        return self._stale

    def end(self) -> list[str]:
        self._old.clear()
        self._old.update(dict(dict.items(self.namespace)))
        swap(self._shell, self._module, self._old)
        return move_functions(self.namespace, self._old)

    def before_cell(self) -> None:
        look_at_namespace(self._shell, self.namespace)

    def after_cell(self, ran: str, number: int | None) -> None:
        self._take_over_stragglers()
        self.tracker.touch(in_cell(ran))
        self._watch(output_names(()) if number is None else {*output_names(()), f"_{number}"})

    def _watch(self, names: set[str]) -> None:
        self.namespace._watch(names, "IPython.core.displayhook")

    def _take_over_stragglers(self) -> None:
        """What a cell that was running while Pod was loaded went on to assign in the old place."""
        if self._moved is None:
            return
        old, moved = self._old, self._moved
        self._moved = None
        for name in moved.keys() - old.keys():
            self.namespace.pop(name, None)
        for name, value in list(old.items()):
            if name not in moved or moved[name] is not value:
                self.namespace[name] = value
        if not self._stale:
            old.clear()  # else it would keep alive what the user deletes from now on


_OUTPUT_NAME = re.compile(r"_{1,3}|_\d+|_oh|Out")


class MonitoredNamespace:
    """The shell's own dictionary. Raises `RuntimeError` where code cannot be monitored."""

    way = "monitoring"

    def __init__(self, shell: InteractiveShell) -> None:
        self.namespace: dict[str, Any] = shell.user_ns
        self.tracker = MonitoringTracker(self.namespace, _is_output)
        self.tracker.touch(Touched(everything=True))

    def begin(self) -> list[str]:
        return []

    def end(self) -> list[str]:
        self.tracker.close()
        return []

    def before_cell(self) -> None:
        pass

    def after_cell(self, ran: str, number: int | None) -> None:
        pass


def _is_output(name: str) -> bool:
    """Whether any earlier output can be reached by this name."""
    return _OUTPUT_NAME.fullmatch(name) is not None


def follow(shell: InteractiveShell, way: str) -> Followed:
    """Follow a shell's namespace in this way; `auto` is the best that can be had here. Raises
    `RuntimeError` for one that cannot."""
    if way != "namespace":
        try:
            return MonitoredNamespace(shell)
        except RuntimeError:
            if way != "auto":
                raise
    return ExchangedNamespace(shell)
