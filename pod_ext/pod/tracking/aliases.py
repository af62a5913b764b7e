"""Ways to a variable's object that do not go by its name, as far as they can be followed.

Tracking sees names. An object can also be reached by way of something outside the namespace that
holds it: a thread or task that is still running, a module, a library's list of open figures. What
is found here counts as touched, along with all that it hangs together with.
"""

from __future__ import annotations

import asyncio
import builtins
import functools
import os
import sys
import sysconfig
import threading
import types
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pod.referents import behind
from pod.threads import frames_of_others
from pod.tracking import Touched

_INFRASTRUCTURE = frozenset(
    {"IPython", "_pydevd_bundle", "debugpy", "ipykernel", "pod", "pydevd", "tornado", "tqdm", "zmq"}
)
"""Packages whose threads and tasks keep a kernel going and hold nothing of the user's."""

_CONSTANTS: frozenset[type] = frozenset(
    {int, float, complex, bool, str, bytes, type(None), tuple, frozenset, range, slice}
)
_PLAIN = _CONSTANTS | {bytearray, list, dict, set}
_BEHIND_RUNNERS = 2_000


Having = Callable[[Collection[int]], Iterable[str]]
"""Gives the variables whose objects have some ids."""


@dataclass(frozen=True, slots=True)
class _Runner:
    """A thread, task or timer that goes on after the cell that started it."""

    itself: Any
    holds: list[Any]
    runs_user_code: bool


class Aliases:
    """Finds, from save to save, variables that may have been reached without their names."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self._namespace = namespace
        self._noted: list[object] = []
        self._in_use: frozenset[str] = frozenset()
        """Variables within reach of what was running at the last save."""
        self._started: dict[int, tuple[object, frozenset[str]]] = {}
        """What runs code of the user's, by id, and what was touched when it was first seen."""
        self._figures = 0

    def note(self, holders: Iterable[object]) -> None:
        """Code that can reach what is behind these has run, or is about to."""
        self._noted += holders

    def runs_user_code(self) -> bool:
        """Whether code of the user's may have gone on in a thread or task since the last save."""
        return bool(self._started) or any(each.runs_user_code for each in _runners(self._namespace))

    def reached(
        self, touched: Touched, values: Mapping[str, Any], having: Having
    ) -> frozenset[str]:
        """Names of variables to be counted as touched along with those that were. `having` gives
        the variables whose objects have some ids."""
        noted, self._noted = self._noted, []
        before = self._in_use
        runners = _runners(self._namespace)
        direct, deep = _held_by_modules(touched, values)
        if not (runners or noted or direct or deep):
            self._in_use, self._started = frozenset(), {}
            return before

        def names_of(held: Iterable[object]) -> set[str]:
            objects = list(held)  # kept while their ids stand for them
            return set(having({id(each) for each in objects if type(each) not in _CONSTANTS}))

        now: set[str] = set()
        started: dict[int, tuple[object, frozenset[str]]] = {}
        for runner in runners:
            held = behind(runner.holds, self._namespace, _BEHIND_RUNNERS)
            now |= names_of(held)
            if runner.runs_user_code:
                # It can have got hold of any part of what was touched when it was started.
                key = id(runner.itself)
                started[key] = self._started.get(key, (runner.itself, touched.names))
                now |= started[key][1]
        self._in_use, self._started = frozenset(now), started
        held = behind([*noted, *deep], self._namespace)
        return before | self._in_use | names_of((*direct, *held))

    def figures_in_use(self, touched: Touched, values: Mapping[str, Any]) -> bool:
        """Whether code that ran may have drawn into a figure that `matplotlib.pyplot` keeps."""
        helpers = sys.modules.get("matplotlib._pylab_helpers")
        before, self._figures = self._figures, len(helpers.Gcf.figs) if helpers else 0
        return bool(before or self._figures) and any(
            type(values[name]) not in _PLAIN for name in touched.names if name in values
        )


def _runners(namespace: dict[str, Any]) -> list[_Runner]:
    return [*_threads(namespace), *_tasks(namespace)]


def threads_running(namespace: dict[str, Any]) -> list[str]:
    """Names of threads that run code whose globals are this namespace."""
    return [str(each.itself.name) for each in _threads(namespace) if each.runs_user_code]


def _threads(namespace: dict[str, Any]) -> list[_Runner]:
    found = []
    frames: dict[int, types.FrameType] = {}
    for thread in threading.enumerate():
        if thread in (threading.current_thread(), threading.main_thread()):
            continue
        if _package(getattr(thread, "_target", None) or thread) in _INFRASTRUCTURE:
            continue
        frames = frames or frames_of_others()
        holds: list[Any] = [thread]
        users = _is_of(
            namespace, getattr(thread, "_target", None), getattr(thread, "function", None)
        )
        frame = frames.get(thread.ident or 0)
        while frame is not None:
            users = users or frame.f_globals is namespace
            if frame.f_code.co_flags & _OPTIMIZED:  # else its locals are a module's
                holds += list(frame.f_locals.values())
            frame = frame.f_back
        found.append(_Runner(thread, holds, users))
    return found


def _tasks(namespace: dict[str, Any]) -> list[_Runner]:
    try:
        loop = asyncio.get_running_loop()
        tasks = asyncio.all_tasks(loop) - {asyncio.current_task(loop)}
    except RuntimeError:
        return []
    found = []
    for task in tasks:
        coroutine = task.get_coro()
        frame = getattr(coroutine, "cr_frame", None)
        if frame is not None:
            module = str(dict.get(frame.f_globals, "__name__", ""))
            if module.partition(".")[0] not in _INFRASTRUCTURE:
                found.append(_Runner(task, [task, coroutine], frame.f_globals is namespace))
    for handle in [*getattr(loop, "_scheduled", ()), *getattr(loop, "_ready", ())]:
        callback = getattr(handle, "_callback", None)
        if callback is not None and _package(callback) not in _INFRASTRUCTURE | {"asyncio"}:
            holds = [callback, getattr(handle, "_args", ())]
            found.append(_Runner(handle, holds, _is_of(namespace, callback)))
    return found


def is_users_code(namespace: dict[str, Any], function: Any) -> bool:
    """Whether what is called is the user's own, of this namespace or of a module."""
    package = _package(function)
    if package in _INFRASTRUCTURE:
        return False
    return _is_of(namespace, function) or package == "__main__" or is_users(package)


_OPTIMIZED = 0x0001


def _is_of(namespace: dict[str, Any], *callables: Any) -> bool:
    return any(getattr(_innermost(each), "__globals__", None) is namespace for each in callables)


def _innermost(function: Any) -> Any:
    while isinstance(function, functools.partial):
        function = function.func
    return function


def _package(obj: Any) -> str:
    """The package that an instance's class, a function, or a method's object comes from."""
    obj = _innermost(obj)
    owner = getattr(obj, "__self__", None)
    if owner is not None and not isinstance(owner, types.ModuleType):
        obj = owner
    if not issubclass(type(obj), _NAMED):
        obj = type(obj)
    return str(getattr(obj, "__module__", None)).partition(".")[0]


# --- modules


def _held_by_modules(
    touched: Touched, values: Mapping[str, Any]
) -> tuple[list[object], list[object]]:
    """What modules have that were touched, by name or by something of theirs: of modules of the
    user's own all that is behind them, of any other only what is an attribute of it."""
    direct: list[object] = []
    deep: list[object] = []
    for name in touched.names:
        if name not in values:
            if type(name) is str and name in _builtins:
                direct.append(_builtins[name])
            continue
        value = values[name]
        if type(value) in _PLAIN:
            continue
        # By their types, here and below: a user's object may answer `__class__` as it likes.
        is_module = issubclass(type(value), types.ModuleType)
        module = value if is_module else sys.modules.get(_module_of(value))
        if module is None or module.__name__ == "__main__":
            continue
        if is_users(module.__name__):
            deep += _attributes(module)
        elif module is value:
            direct += _attributes(module)
    return direct, deep


_builtins = vars(builtins)
_NAMED = (type, types.FunctionType, types.BuiltinFunctionType)


def _module_of(value: object) -> str:
    module = getattr(value if issubclass(type(value), _NAMED) else type(value), "__module__", None)
    return module if isinstance(module, str) else ""


def _attributes(module: types.ModuleType) -> list[object]:
    found = []
    for value in list(vars(module).values()):
        if issubclass(type(value), type):
            if value.__module__ == module.__name__:
                found += list(vars(value).values())
        elif type(value) not in _CONSTANTS:
            found.append(value)
    return found


@functools.lru_cache(maxsize=4096)
def is_users(name: str) -> bool:
    """Whether a module is the user's own: a file that is in no installed package."""
    file = getattr(sys.modules.get(name), "__file__", None)
    if not isinstance(file, str) or name.partition(".")[0] in sys.stdlib_module_names:
        return False
    file = os.path.realpath(file)
    installed = {
        sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")
    }
    return "site-packages" not in file and not any(
        file.startswith(os.path.realpath(each) + os.sep) for each in installed
    )
