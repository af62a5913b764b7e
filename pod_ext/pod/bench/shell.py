"""A shell that runs a notebook's cells in this process, and tells a cell's time from its hooks'."""

from __future__ import annotations

import contextlib
import cProfile
import sys
import threading
import time
from collections.abc import Callable
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
    cpu = 0.0
    """Processor time of this thread in hooks, so far."""
    profiler: cProfile.Profile | None = None
    """Is told what hooks do, where there is one."""
    ended = 0.0
    """When the last cell's own code had ended."""

    def trigger(self, event: str, *args: Any, **kwargs: Any) -> None:
        started, cpu = time.perf_counter(), time.thread_time()
        if event == "post_execute":
            self.ended = started
        try:
            with self.profiler or contextlib.nullcontext():
                super().trigger(event, *args, **kwargs)
        finally:
            self.seconds += time.perf_counter() - started
            self.cpu += time.thread_time() - cpu


class ThreadProfile(cProfile.Profile):
    """Of one thread. From Python 3.12 on, a profiler hears of all threads, and takes what one calls
    for what another has called."""

    def enable(self, *args: Any, **kwargs: Any) -> None:
        super().enable(*args, **kwargs)
        monitoring: Any = getattr(sys, "monitoring", None)
        if monitoring is None:
            return
        for name in _HEARD:
            event = getattr(monitoring.events, name)
            hear = monitoring.register_callback(monitoring.PROFILER_ID, event, None)
            if hear is not None:
                of_thread = _only_in(threading.get_ident(), hear)
                monitoring.register_callback(monitoring.PROFILER_ID, event, of_thread)


_HEARD = (
    "CALL", "C_RAISE", "C_RETURN",
    "PY_RESUME", "PY_RETURN", "PY_START", "PY_THROW", "PY_UNWIND", "PY_YIELD",
)  # fmt: skip
"""What `cProfile` listens to, by `sys.monitoring`."""


def _only_in(thread: int, hear: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *told: hear(*told) if threading.get_ident() == thread else None


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
    cpu: float
    """Processor time of the cell itself, in this thread."""
    hooks_cpu: float


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
        before, cpu_before = self.events.seconds, self.events.cpu
        started, cpu_started = time.perf_counter(), time.thread_time()
        result = self.run_cell(code, store_history=True)
        passed = time.perf_counter() - started
        cpu = time.thread_time() - cpu_started
        hooks, hooks_cpu = self.events.seconds - before, self.events.cpu - cpu_before
        error = result.error_before_exec or result.error_in_exec
        text = "" if error is None else f"{type(error).__name__}: {error}"
        return Ran(passed - hooks, hooks, self.events.ended, text, cpu - hooks_cpu, hooks_cpu)


def make_shell(config: dict[str, dict[str, Any]], profile: Path) -> MeasuredShell:
    """A shell with nobody's own configuration; `config` maps a class to its traits."""
    settings = Config(config)
    settings.HistoryManager.enabled = False
    settings.InteractiveShell.colors = "nocolor"
    settings.InteractiveShell.xmode = "Minimal"
    shell = MeasuredShell.instance(config=settings, ipython_dir=str(profile))
    assert isinstance(shell, MeasuredShell)
    return shell
