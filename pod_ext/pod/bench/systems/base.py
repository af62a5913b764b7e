"""What the benchmark asks of a system that saves a notebook's variables."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

from pod.bench.shell import MeasuredShell

Reference = str | int
"""What a system calls the moment after a cell."""


class System(Protocol):
    """One way to save a namespace after each cell, into one directory.

    In the process that runs the cells: `configuration` before there is a shell, `attach` once,
    `reference` and `is_durable` after each cell, `finish` once. In another, later process: `load`.
    Saving is done in the shell's hooks, where it is timed.
    """

    def configuration(self) -> dict[str, dict[str, Any]]:
        """Traits for the shell and its extensions."""

    def attach(self, shell: MeasuredShell) -> None:
        """Begin to save after each cell. Raises `Unavailable` when that is not possible here."""

    def reference(self) -> Reference | None:
        """Of the moment after the last cell; None if it was not saved. Raises what went wrong."""

    def is_durable(self, reference: Reference) -> bool:
        """Whether that moment can be loaded by a later process whatever becomes of this one. May be
        called by another thread."""

    def held(self) -> float:
        """How many seconds cells have been held up so far, in the midst of their own code."""

    def unsaved(self) -> Iterable[str]:
        """Variables that could not be saved at some time."""

    def finish(self) -> None:
        """Return when everything is durable."""

    def load(self, reference: Reference, names: set[str] | None) -> dict[str, Any]:
        """The variables of that moment, or those asked for, where they could be restored."""


def user_variables(shell: MeasuredShell) -> dict[str, Any]:
    """What a notebook's author would call their variables: no modules, nothing of IPython's and
    nothing private. Read past any tracking."""
    hidden = shell.user_ns_hidden
    return {
        name: value
        for name, value in dict.items(shell.user_ns)
        if name not in hidden
        and not name.startswith("_")
        and not isinstance(value, types.ModuleType)
    }


class Baseline:
    """What those systems have in common that save by a hook after each cell, before the next."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._count = 0
        self._trouble: BaseException | None = None
        self._unsaved: set[str] = set()

    def configuration(self) -> dict[str, dict[str, Any]]:
        return {}

    def attach(self, shell: MeasuredShell) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self._shell = shell
        self.open()
        shell.events.register("post_run_cell", self._after_cell)

    def open(self) -> None:
        """Make the store."""

    def save(self, number: int, variables: dict[str, Any]) -> None:
        """Save these variables as this moment."""
        raise NotImplementedError

    def _after_cell(self, _result: Any) -> None:
        self._count += 1
        self._trouble = None
        try:
            self.save(self._count, user_variables(self._shell))
        except Exception as error:
            self._trouble = error

    def reference(self) -> Reference | None:
        if self._trouble is not None:
            raise self._trouble
        return self._count

    def is_durable(self, reference: Reference) -> bool:
        return True

    def held(self) -> float:
        return 0.0

    def unsaved(self) -> Iterable[str]:
        return sorted(self._unsaved)

    def finish(self) -> None:
        """Nothing is left to do."""

    def savable(self, variables: dict[str, Any], dump: Callable[[Any], object]) -> dict[str, Any]:
        """Those of these variables that `dump` takes, found by trying each. Called once saving all
        of them has failed: that is what a person would have to find out, too."""
        good = {}
        for name, value in variables.items():
            try:
                dump(value)
            except Exception:
                self._unsaved.add(name)
            else:
                good[name] = value
        return good
