"""A shell that runs a notebook's cells in this process, and tells a cell's time from its hooks'."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from IPython.core.events import EventManager
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config


class TimedEvents(EventManager):
    """Hooks that are timed. Whoever waits for a cell's result, or for the next cell to begin,
    waits for these."""

    seconds = 0.0
    """In hooks, so far."""
    ended = 0.0
    """When the last cell's own code had ended."""

    def trigger(self, event: str, *args: Any, **kwargs: Any) -> None:
        started = time.perf_counter()
        if event == "post_execute":
            self.ended = started
        try:
            super().trigger(event, *args, **kwargs)
        finally:
            self.seconds += time.perf_counter() - started


@dataclass(frozen=True, slots=True)
class Ran:
    """One cell that ran."""

    seconds: float
    """The cell itself."""
    hooks: float
    """All hooks around it."""
    ended: float
    """When its code had ended, of `time.perf_counter`."""
    error: str


class MeasuredShell(InteractiveShell):
    """What a kernel's shell does with a cell, without a kernel around it."""

    events: TimedEvents

    def init_events(self) -> None:
        super().init_events()
        timed = TimedEvents(self, ())
        timed.callbacks = self.events.callbacks
        self.events = timed

    def showtraceback(self, *args: Any, **kwargs: Any) -> None:
        """Not shown: what a cell raised is in its result."""

    def run(self, code: str) -> Ran:
        """Run one cell as a front end would have it run."""
        before = self.events.seconds
        started = time.perf_counter()
        result = self.run_cell(code, store_history=True)
        passed = time.perf_counter() - started
        hooks = self.events.seconds - before
        error = result.error_before_exec or result.error_in_exec
        text = "" if error is None else f"{type(error).__name__}: {error}"
        return Ran(passed - hooks, hooks, self.events.ended, text)


def make_shell(config: dict[str, dict[str, Any]], profile: Path) -> MeasuredShell:
    """A shell with nobody's own configuration; `config` maps a class to its traits."""
    settings = Config(config)
    settings.HistoryManager.enabled = False
    settings.InteractiveShell.colors = "nocolor"
    settings.InteractiveShell.xmode = "Minimal"
    shell = MeasuredShell.instance(config=settings, ipython_dir=str(profile))
    assert isinstance(shell, MeasuredShell)
    return shell
