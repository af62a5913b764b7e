"""Exchanging a shell's user namespace for another dict, and back, in a running session.

Functions keep the globals they were defined with, and Python offers no way to change that. But a
function that goes on with the old namespace would see stale variables, silently. So the one pointer
is exchanged, after making sure that it is where it is believed to be; what cannot be moved
(generators already running, threads in the middle of a call) is reported.
"""

from __future__ import annotations

import ctypes
import gc
import sys
import types
from typing import TYPE_CHECKING, Any

from pod.jupyter.completion import look_at_namespace
from pod.threads import frames_of_others

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_retired: list[dict[str, Any]] = []
"""Namespaces that were in use once. Never freed: a suspended frame borrows its globals."""


class NamespaceModule(types.ModuleType):
    """`__main__` with a namespace that is not the module's own dictionary."""

    def __init__(self, name: str, namespace: dict[str, Any]) -> None:
        super().__init__(name)
        types.ModuleType.__setattr__(self, "_pod_namespace", namespace)

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
        return types.ModuleType.__getattribute__(self, "_pod_namespace")  # type: ignore[no-any-return]

    def __getattribute__(self, name: str) -> Any:
        namespace = types.ModuleType.__getattribute__(self, "_pod_namespace")
        if name != "__dict__" and name in namespace:
            return namespace[name]
        return types.ModuleType.__getattribute__(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name != "__dict__":
            self.__dict__[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self.__dict__[name]
        except KeyError:
            raise AttributeError(name) from None

    def __dir__(self) -> list[str]:
        return list(self.__dict__)


def swap(shell: InteractiveShell, module: types.ModuleType, namespace: dict[str, Any]) -> None:
    """Let the shell run its cells in `namespace`, which is `module.__dict__`."""
    shell.user_module = module
    shell.user_ns = namespace
    shell.ns_table["user_global"] = shell.ns_table["user_local"] = namespace
    sys.modules[module.__name__] = module
    look_at_namespace(shell, namespace)


def move_functions(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Give every function whose globals are `old` the globals `new`.

    Returns the names of functions that could not be moved, and of generators, coroutines and
    running calls that go on with `old`.
    """
    _retired.append(old)
    left = []
    for function in gc.get_referrers(old):
        is_user = type(function) is types.FunctionType and function.__globals__ is old
        if is_user and not _set_globals(function, new):
            left.append(f"function {function.__qualname__}")
    return sorted(set(left + _running_in(old)))


def _set_globals(function: types.FunctionType, namespace: dict[str, Any]) -> bool:
    """Exchange the first field of a function object: CPython 3.11 to 3.14 keep its globals there.

    Nothing is written unless that field holds exactly the current globals.
    """
    if sys.implementation.name != "cpython":
        return False
    field = ctypes.c_void_p.from_address(id(function) + object.__basicsize__)
    old = function.__globals__
    if field.value != id(old):
        return False
    reference = ctypes.py_object(namespace)
    ctypes.pythonapi.Py_IncRef(reference)
    field.value = id(namespace)
    ctypes.pythonapi.Py_DecRef(ctypes.py_object(old))
    # Makes the interpreter forget what it has specialised for this function.
    function.__code__ = function.__code__
    return function.__globals__ is namespace


_FRAME_OF = {
    types.GeneratorType: "gi_frame",
    types.CoroutineType: "cr_frame",
    types.AsyncGeneratorType: "ag_frame",
}


def _running_in(namespace: dict[str, Any]) -> list[str]:
    found = []
    for obj in gc.get_objects():
        attribute = _FRAME_OF.get(type(obj))
        frame = getattr(obj, attribute) if attribute else None
        if frame is not None and frame.f_globals is namespace and not _is_cell(frame.f_code):
            found.append(f"{type(obj).__name__} {obj.__qualname__}")
    for frame in (sys._getframe(1), *frames_of_others().values()):
        walk: types.FrameType | None = frame
        while walk is not None:
            if walk.f_globals is namespace and not _is_cell(walk.f_code):
                found.append(f"running call of {walk.f_code.co_qualname}")
            walk = walk.f_back
    return found


def _is_cell(code: types.CodeType) -> bool:
    """Cells themselves: whatever one still assigns is taken over when it ends."""
    return code.co_name == "<module>" or code.co_name.startswith("<cell line")
