"""Whether two object graphs are the same: types, values, order, and what is shared with what."""

from __future__ import annotations

import functools
import types
import weakref
from collections import deque
from typing import Any

import numpy as np

ATOMS = (int, float, complex, str, bytes, bool, type(None), range, type)


def difference(a: object, b: object) -> str | None:
    """Where two graphs first differ, or None. Identity counts: what is one object in `a` must be
    one in `b`, and what is two must be two."""
    forth: dict[int, int] = {}
    back: dict[int, int] = {}
    keep: list[Any] = []
    arrays: list[tuple[str, Any, Any]] = []
    todo: deque[tuple[str, Any, Any]] = deque([("", a, b)])
    while todo:
        path, x, y = todo.popleft()
        if type(x) is not type(y):
            return f"{path}: {type(x).__name__} is not {type(y).__name__}"
        if isinstance(x, weakref.ref):
            # Whether one is dead yet depends on when garbage was collected.
            if (p := x()) is not None and (q := y()) is not None:
                todo.append((f"{path}()", p, q))
            continue
        if isinstance(x, ATOMS):
            if x is not y and x != y and not (x != x and y != y):
                return f"{path}: {x!r} is not {y!r}"
            continue
        if not (_is_constant(x) and _is_constant(y)):
            if forth.get(id(x), id(y)) != id(y) or back.get(id(y), id(x)) != id(x):
                return f"{path}: shared differently"
            if id(x) in forth:
                continue
            forth[id(x)], back[id(y)] = id(y), id(x)
        if isinstance(x, np.ndarray):
            where = _memory_differs([each[1:] for each in arrays], (x, y))
            if where is not None:
                return f"{path}: memory shared differently with {arrays[where][0]}"
            arrays.append((path, x, y))
        inside_x, inside_y = _inside(x), _inside(y)
        keep.append((inside_x, inside_y))
        if len(inside_x) != len(inside_y):
            return f"{path}: {len(inside_x)} parts are not {len(inside_y)}"
        for (step, p), (other, q) in zip(inside_x, inside_y, strict=True):
            if step != other:
                return f"{path}: {step!r} is not {other!r}"
            todo.append((f"{path}{step}", p, q))
    return None


def _memory_differs(known: list[tuple[Any, ...]], new: tuple[Any, Any]) -> int | None:
    """The first known pair of arrays whose memory lies otherwise to the new one's in `a` than in
    `b`."""
    for number, pair in enumerate(known):
        shared = [np.may_share_memory(old, each) for old, each in zip(pair, new, strict=True)]
        apart = [_address(each) - _address(old) for old, each in zip(pair, new, strict=True)]
        if shared[0] != shared[1] or (shared[0] and apart[0] != apart[1]):
            return number
    return None


def _address(x: Any) -> int:
    return int(x.__array_interface__["data"][0])


def _is_constant(x: Any) -> bool:
    """Tuples and frozensets of atoms have no identity, as atoms have none."""
    return type(x) in (tuple, frozenset) and all(
        isinstance(each, ATOMS) or _is_constant(each) for each in x
    )


def _inside(x: Any) -> list[tuple[str, Any]]:
    if isinstance(x, dict):
        parts = []
        for number, (key, value) in enumerate(x.items()):
            parts += [(f".key{number}", key), (f"[{number}]", value)]
        return parts
    if isinstance(x, list | tuple | deque):
        return [(f"[{number}]", value) for number, value in enumerate(x)]
    if isinstance(x, set | frozenset):
        return [("{}", value) for value in sorted(x, key=repr)]
    if isinstance(x, bytearray):
        return [("bytes", bytes(x))]
    if isinstance(x, memoryview):
        form = f"{x.format} {x.shape} {x.strides} {x.readonly}"
        return [("form", form), ("bytes", x.tobytes()), (".obj", x.obj)]
    if isinstance(x, functools.partial):
        return [(".func", x.func.__name__), (".args", x.args), (".keywords", x.keywords)]
    if isinstance(x, types.MethodType):
        return [(".function", x.__func__.__qualname__), (".self", x.__self__)]
    if type(x) is type(iter([])):
        return [("rest", list(x.__reduce__()[1])), ("at", x.__reduce__()[-1])]
    if isinstance(x, BaseException):
        links = [("cause", x.__cause__), ("context", x.__context__)]
        return [("args", x.args), *links, ("state", x.__dict__)]
    if isinstance(x, weakref.WeakValueDictionary):
        return []
    if isinstance(x, np.ndarray):
        values = x.tolist() if not x.dtype.hasobject else list(x.ravel())
        return [("dtype", str(x.dtype)), ("shape", repr(x.shape)), ("values", repr(values))]
    parts = [(f".{name}", getattr(x, name)) for name in _slots(type(x)) if hasattr(x, name)]
    return parts + [(f".{name}", value) for name, value in getattr(x, "__dict__", {}).items()]


def _slots(kind: type) -> list[str]:
    return [name for base in kind.__mro__ for name in base.__dict__.get("__slots__", ())]
