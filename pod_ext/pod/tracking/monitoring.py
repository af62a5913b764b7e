"""The tracker of a plain dict that code runs in: the interpreter says which code ran.

`sys.monitoring` (Python 3.12 and later) reports each piece of code when it starts, or goes on, for
the first time after a save, and what global names are in its bytecode counts as touched. The
namespace stays an exact dict, so that nothing in it is looked up any slower.

Names that no bytecode shows are reached by way of a few others: `globals`, frames, IPython's output
cache. Code that has one of these touches everything.
"""

from __future__ import annotations

import dis
import inspect
import re
import sys
import threading
import types
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pod.tracking import Touched, Wait
from pod.tracking.blind_spots import REACHES_ANYTHING

_monitoring: Any = getattr(sys, "monitoring", None)

_REACHING_NAMES = frozenset({"globals", "locals", "vars"})
_MAIN = "__main__"
_REACHING_ANYWHERE = (REACHES_ANYTHING - {"exec", "eval"}) | {
    _MAIN, "user_module", "gi_frame", "cr_frame", "ag_frame", "_getframe", "currentframe",
}  # fmt: skip
"""Names, attributes and imports by which code can get hold of a namespace as a whole, or of objects
by no name. (Code that is executed is monitored like any other.)"""

_FORMULA = re.compile(r"[@~(]")
_WORD = re.compile(r"[^\W\d]\w*")


class MonitoringTracker:
    """Touched names of one namespace, from the code that ran with it as its globals.

    Raises `RuntimeError` where the interpreter has no monitoring, or no tool id is free.
    `watched`: names through which any object may be reached, such as those of an output cache.
    """

    def __init__(self, namespace: dict[str, Any], watched: Callable[[str], bool]) -> None:
        self._namespace = namespace
        self._watched = watched
        self._given = Touched()
        self._ran: dict[int, types.CodeType] = {}
        self._files: set[str] = set()
        self._lock = threading.Lock()
        self._held: frozenset[str] = frozenset()
        self._wait: Wait = _no_wait
        self._tool = _take_tool()
        self._start()
        self.close = weakref.finalize(self, _give_back, self._tool)
        """Stop listening, for good."""

    def take(self) -> Touched:
        """What was touched since the last call; collecting starts anew."""
        ran, self._ran = self._ran, {}
        # What is running goes on unannounced.
        self._ran.update((id(code), code) for code in self._running())
        given, self._given = self._given, Touched()
        _monitoring.restart_events()
        names, everything = set(given.names), given.everything
        for code in ran.values():
            reach = reach_of(code)
            names |= reach.names
            everything = everything or reach.everything or any(map(self._watched, reach.loads))
        return Touched(frozenset(names), everything)

    def touch(self, touched: Touched) -> None:
        """Count these as touched, as when a save that took them has failed."""
        with self._lock:
            self._given |= touched

    def hold(self, names: frozenset[str], wait: Wait) -> None:
        """Code that has one of these names waits before it starts or goes on."""
        self._wait = wait
        self._held = names

    def _wait_for(self, code: types.CodeType) -> None:
        reach = reach_of(code)
        if reach.everything or any(map(self._watched, reach.loads)):
            self._wait(None)
        elif not self._held.isdisjoint(reach.names):
            self._wait(reach.names)

    def _running(self) -> Iterator[types.CodeType]:
        frames: list[types.FrameType | None] = list(sys._current_frames().values())
        while frames:
            # No frame may be left in a variable: this one is among them, and would keep itself.
            frame = frames.pop()
            while frame is not None:
                if frame.f_globals is self._namespace:
                    yield frame.f_code
                frame = frame.f_back

    def _start(self) -> None:
        # Closures over what they need: the callbacks must not keep this tracker alive.
        namespace, files = self._namespace, self._files
        tracker = weakref.ref(self)
        disable, get_frame = _monitoring.DISABLE, sys._getframe

        def started(code: types.CodeType, _: int, *, depth: int = 1) -> Any:
            space = get_frame(depth).f_globals
            if space is namespace:
                listener = tracker()
                if listener is not None:
                    listener._ran[id(code)] = code
                    if listener._held:
                        listener._wait_for(code)
                files.add(code.co_filename)
                return disable
            # The same code can run with other globals first: a function made anew from another's
            # code, or code that is executed in several dictionaries.
            is_function = code.co_flags & inspect.CO_OPTIMIZED
            if code.co_filename in files or not (is_function or _is_module(space)):
                return None
            return disable

        def thrown(code: types.CodeType, offset: int, _: BaseException) -> None:
            started(code, offset, depth=2)  # this event cannot be disabled

        events = _monitoring.events
        for event, callback in (
            (events.PY_START, started),
            (events.PY_RESUME, started),
            (events.PY_THROW, thrown),
        ):
            _monitoring.register_callback(self._tool, event, callback)
        _monitoring.set_events(self._tool, events.PY_START | events.PY_RESUME | events.PY_THROW)


def _no_wait(names: object) -> None:
    pass


def is_available() -> bool:
    """Whether this interpreter can say which code ran."""
    return _monitoring is not None


def _take_tool() -> int:
    if not is_available():
        raise RuntimeError("this Python has no sys.monitoring; it came with 3.12")
    for tool in (3, 4, 5, 2, 1):  # 0 is for debuggers; 1, 2 and 5 have uses of their own
        if _monitoring.get_tool(tool) is None:
            _monitoring.use_tool_id(tool, "pod")
            return tool
    raise RuntimeError("no tool id of sys.monitoring is free")


def _give_back(tool: int) -> None:
    monitoring = _monitoring
    monitoring.set_events(tool, 0)
    for event in (monitoring.events.PY_START, monitoring.events.PY_RESUME):
        monitoring.register_callback(tool, event, None)
    monitoring.register_callback(tool, monitoring.events.PY_THROW, None)
    monitoring.free_tool_id(tool)


def _is_module(space: dict[str, Any]) -> bool:
    module = sys.modules.get(space.get("__name__", ""))
    return getattr(module, "__dict__", None) is space


# --- what a piece of code can reach ---------------------------------------------------------------

_LOADS = frozenset({"LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS"})
_WRITES = frozenset({"STORE_NAME", "STORE_GLOBAL", "DELETE_NAME", "DELETE_GLOBAL"})
_OPCODES = {number: name for name, number in dis.opmap.items() if name in _LOADS | _WRITES}


@dataclass(frozen=True, slots=True)
class Reach:
    """What one piece of code can touch."""

    names: frozenset[str]
    """Global names that it reads, writes or deletes."""
    loads: frozenset[str]
    """Those of them that it reads."""
    everything: bool
    """Whether it may get hold of any object, in ways that do not tell which."""


@lru_cache(maxsize=4096)
def reach_of(code: types.CodeType) -> Reach:
    """By the bytecode of one piece of code alone, without that of others inside it."""
    loads, writes = set[str](), set[str]()
    for operation, name in _names_in(code):
        (loads if operation in _LOADS else writes).add(name)
    everything = (
        not loads.isdisjoint(_REACHING_NAMES)
        or not _REACHING_ANYWHERE.isdisjoint(code.co_names)
        or _MAIN in code.co_consts
    )
    names = frozenset({*loads, *writes, *_in_formulas(code)})
    return Reach(names, frozenset(loads), everything)


def _in_formulas(code: types.CodeType) -> Iterator[str]:
    """Words of strings that a library may evaluate: what `frame.query("x > @limit")` or the formula
    of a model says is looked up in the frame of whoever calls, where no bytecode shows it."""
    for text in code.co_consts:
        if type(text) is str and _FORMULA.search(text):
            yield from _WORD.findall(text)


def _names_in(code: types.CodeType) -> Iterator[tuple[str, str]]:
    extended = 0
    bytecode = code.co_code
    for position in range(0, len(bytecode), 2):
        opcode, argument = bytecode[position], bytecode[position + 1] | extended
        extended = argument << 8 if opcode == dis.EXTENDED_ARG else 0
        operation = _OPCODES.get(opcode)
        if operation is not None:
            # The lowest bit of this one says something else.
            index = argument >> 1 if operation == "LOAD_GLOBAL" else argument
            yield operation, code.co_names[index]
