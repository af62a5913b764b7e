"""What an object holds, for code that only asks which objects hang behind it.

Asks the garbage collector, so it sees into what cannot be pickled (generators, threads, queues) and
runs no code of the objects'.
"""

from __future__ import annotations

import contextvars
import gc
import sys
import threading
import types
import weakref
from collections.abc import Iterable, Iterator
from typing import Any

LIMIT = 10_000
"""How many objects are looked at behind some roots, before it would be felt."""

_EMPTY: frozenset[type] = frozenset(
    {
        int, float, complex, bool, str, bytes, bytearray, range, type(None), type(Ellipsis),
        type(NotImplemented), types.CodeType, types.ModuleType, types.GetSetDescriptorType,
        types.MemberDescriptorType, types.MethodDescriptorType, types.WrapperDescriptorType,
    }
)  # fmt: skip
"""Exact types behind which nothing can be that somebody could change."""

_HOSTS = frozenset({"traitlets.config.configurable.Configurable"})
"""Classes whose instances run the kernel itself: behind them is every variable."""


def behind(
    roots: Iterable[object], namespace: object = None, limit: int = LIMIT
) -> Iterator[object]:
    """The roots, and the objects that they hold, directly or by way of others: nearest first.

    Stops at `namespace`, modules, classes, and at what runs the kernel. A function holds what its
    closure and its attributes do, and not its globals.
    """
    todo = [root for root in roots if type(root) not in _EMPTY]
    seen = {id(todo), id(namespace)}
    passed: dict[type, bool] = {}
    for number, obj in enumerate(todo):  # grows while it is walked over
        if number >= limit:
            return
        kind = type(obj)
        if kind not in passed:
            passed[kind] = issubclass(kind, (type, types.ModuleType)) or _is_host(kind)
        if id(obj) in seen or passed[kind]:
            continue
        seen.add(id(obj))
        yield obj
        todo += [each for each in _held(obj, kind) if type(each) not in _EMPTY]


def addresses_in(array: Any) -> Any:
    """Which object each element of an array of NumPy's is, of dtype `object`: its memory, read as
    numbers. No reference is counted. What is not there yet is 0."""
    return words_at(array.__array_interface__["data"][0], array.shape, array.strides)


def words_at(address: int, shape: tuple[int, ...], strides: tuple[int, ...] | None = None) -> Any:
    """Words of eight bytes in the memory of this process, as an array over that memory."""
    return sys.modules["numpy"].asarray(_Memory(address, shape, strides))


class _Memory:
    """For NumPy to read where it is told to."""

    def __init__(
        self, address: int, shape: tuple[int, ...], strides: tuple[int, ...] | None
    ) -> None:
        self.__array_interface__ = {
            "data": (address, True),
            "shape": shape,
            "strides": strides,
            "typestr": "<u8" if sys.byteorder == "little" else ">u8",
            "version": 3,
        }


def _is_host(kind: type) -> bool:
    names = {f"{base.__module__}.{base.__qualname__}" for base in kind.__mro__}
    return not names.isdisjoint(_HOSTS)


def _held(obj: Any, kind: type) -> list[Any]:
    if kind is types.FunctionType:
        return [obj.__closure__, obj.__defaults__, obj.__kwdefaults__, obj.__dict__]
    if kind is contextvars.ContextVar:
        return [obj.get(None)]
    held = gc.get_referents(obj)
    if issubclass(kind, weakref.ref):
        held.append(weakref.ref.__call__(obj))
    elif issubclass(kind, threading.local):
        held.append(dict(threading.local.__getattribute__(obj, "__dict__")))
    return held
