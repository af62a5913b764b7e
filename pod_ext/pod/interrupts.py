"""Steps that an interrupt must not tear apart."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self


class Gate:
    """Holds keyboard interrupts back until its block is done, except while it is open. What runs
    while it is closed must take no time.

    An interrupt that comes in closes it, so that what has to be cleaned up then is not interrupted
    again. To close it is to set an attribute, and no call: Python looks for interrupts at every
    call. Python runs signal handlers in the main thread only, so elsewhere it does nothing.
    """

    __slots__ = ("_came", "_previous", "open")

    def __init__(self) -> None:
        self.open = False
        self._previous: Any = None
        self._came: tuple[int, FrameType | None] | None = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            # None is a handler that was not installed by Python code, and could not be put back.
            self._previous = signal.getsignal(signal.SIGINT)
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.open = False
        if self._previous is None:
            return
        signal.signal(signal.SIGINT, self._previous)
        if self._came is not None and callable(self._previous):
            self._previous(*self._came)

    def let_in(self) -> None:
        """Open it, also for an interrupt that was held back before."""
        self.open = True
        if self._came is not None:
            self._handle(*self._came)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        """The handler of the signal while there is a gate."""
        if not self.open or self._is_leaving(frame):
            self._came = number, frame
            return
        self.open = False
        self._came = None
        if callable(self._previous):
            self._previous(number, frame)
        self.open = True  # it was not one that raises

    def _is_leaving(self, frame: FrameType | None) -> bool:
        """Whether its block is done, at the one moment before it can close itself."""
        return (
            frame is not None
            and frame.f_code is Gate.__exit__.__code__
            and frame.f_locals.get("self") is self
        )


def uninterrupted() -> Gate:
    """A gate, to be used in a `with` statement."""
    return Gate()
