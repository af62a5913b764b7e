"""The stop button at exactly the n-th moment at which Python would notice it."""

from __future__ import annotations

import contextlib
import ctypes
import dis
import random
import signal
import sys
import threading
import types
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pod

# Python looks for signals after a call, at the start of a function, and when a loop goes round. A
# signal raised before one of these instructions is noticed in it.
_MOMENTS = {
    dis.opmap[name]
    for name in ("CALL", "CALL_KW", "CALL_FUNCTION_EX", "JUMP_BACKWARD")
    if name in dis.opmap
}


@dataclass(slots=True)
class _Plan:
    at: int = 0
    seen: int = 0
    struck: str = ""
    trail: list[tuple[types.CodeType, int]] | None = None
    """The place of each moment, where that is wanted."""


_plan = _Plan()
_bytecode: dict[types.CodeType, bytes] = {}


class _Frame:
    """Turns the frame that is traced into the number of the signal to raise: mostly 0, for none."""

    @staticmethod
    def from_param(frame: types.FrameType) -> ctypes.c_int:
        code = frame.f_code
        bytecode = _bytecode.get(code)
        if bytecode is None:
            bytecode = _bytecode[code] = code.co_code
        if bytecode[frame.f_lasti] not in _MOMENTS:
            return ctypes.c_int(0)
        _plan.seen += 1
        if _plan.trail is not None:
            _plan.trail.append((code, frame.f_lasti))
        if _plan.seen != _plan.at:
            return ctypes.c_int(0)
        _plan.struck = f"{code.co_filename}:{frame.f_lineno} {code.co_qualname}"
        sys.settrace(None)
        return ctypes.c_int(signal.SIGINT)


class _Ignored:
    @staticmethod
    def from_param(_: object) -> ctypes.c_int:
        return ctypes.c_int(0)


# What C's handler of the signal does, called by the interpreter itself: if Python code called it,
# Python would notice the signal in that code, and not where a real one is noticed.
_raise: Any = ctypes.pythonapi.PyErr_SetInterruptEx
_raise.argtypes = [_Frame, _Ignored, _Ignored]
_raise.restype = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an action during which the stop button was pressed."""

    moments: int
    """Up to the press, or in all if there was none."""
    struck: str
    """Where it was pressed: file, line and function; empty if the action was over before."""
    interrupted: bool
    """Whether the action ended in a KeyboardInterrupt."""
    value: Any = None


SOURCE = str(Path(pod.__file__).parent)
_HELPERS = {contextlib.__file__, threading.__file__, weakref.__file__}
"""What Pod's own steps are made of."""


def strike(at: int, action: Callable[[], Any], also: str = "") -> Outcome:
    """Run an action, and press the stop button at its `at`-th moment in Pod's code, or in the file
    `also`; with 0 never."""
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    _plan.at, _plan.seen, _plan.struck = at, 0, ""

    def trace(frame: types.FrameType, event: str, _: Any) -> Any:
        file = frame.f_code.co_filename
        if not file.startswith(SOURCE) and file not in _HELPERS and file != also:
            return None
        frame.f_trace = _raise
        frame.f_trace_lines = False
        frame.f_trace_opcodes = True
        return _raise

    value = None
    interrupted = False
    # Python 3.12 traces opcodes only if some frame has asked for it before tracing begins.
    sys._getframe().f_trace_opcodes = True
    try:
        sys.settrace(trace)
        try:
            value = action()
        finally:
            sys.settrace(None)
    except KeyboardInterrupt:
        interrupted = True
    return Outcome(_plan.seen, _plan.struck, interrupted, value)


def moments(action: Callable[[], Any], chance: random.Random) -> list[int]:
    """One moment for every place in Pod's code that an action comes by, in any of its rounds."""
    _plan.trail = []
    try:
        strike(0, action)
        trail = _plan.trail
    finally:
        _plan.trail = None
    found: dict[tuple[types.CodeType, int], list[int]] = {}
    for number, place in enumerate(trail, 1):
        found.setdefault(place, []).append(number)
    return sorted(map(chance.choice, found.values()))
