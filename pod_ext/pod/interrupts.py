"""Steps that an interrupt must not tear apart."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any


class Gate:
    """Whether an interrupt may come in. It closes by itself when one does, so that what has to be
    cleaned up then is not interrupted again.

    To close it is to set an attribute, and no call: Python looks for interrupts at every call.
    """

    __slots__ = ("_came", "_previous", "open")

    def __init__(self, previous: Any) -> None:
        self.open = False
        self._previous = previous
        self._came: tuple[Any, ...] | None = None

    def let_in(self) -> None:
        """Open it, also for an interrupt that was held back before."""
        self.open = True
        if self._came is not None:
            self._handle(*self._came)

    def _handle(self, *arguments: Any) -> None:
        """The handler of the signal while there is a gate."""
        if not self.open:
            self._came = arguments
            return
        self.open = False
        self._came = None
        if callable(self._previous):
            self._previous(*arguments)
        self.open = True  # it was not one that raises


@contextlib.contextmanager
def uninterrupted() -> Iterator[Gate]:
    """Hold keyboard interrupts back until the block is done, except while the gate is open. What
    runs with the gate closed must take no time.

    Python runs signal handlers in the main thread only, so elsewhere there is nothing to hold back.
    """
    previous = signal.getsignal(signal.SIGINT)
    gate = Gate(previous)
    # None is a handler that was not installed by Python code, and could not be put back.
    if threading.current_thread() is not threading.main_thread() or previous is None:
        yield gate
        return
    signal.signal(signal.SIGINT, gate._handle)
    try:
        yield gate
    finally:
        gate.open = False
        signal.signal(signal.SIGINT, previous)
        if gate._came is not None and callable(previous):
            previous(*gate._came)
