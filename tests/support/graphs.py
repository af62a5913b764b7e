"""Random object graphs that change step by step: one random source drives everything."""

from __future__ import annotations

import copy
import functools
import math
import random
import types
import weakref
from collections import deque
from collections.abc import MutableMapping
from typing import Any

import numpy as np

NAMES = ("a", "b", "c", "d", "_e")


class Node:
    """An ordinary instance."""

    def __init__(self) -> None:
        self.value = 0
        self.links: list[Any] = []

    def poke(self) -> int:
        """What bound methods are of."""
        return self.value


class Slotted:
    """An instance without a dictionary."""

    __slots__ = ("left", "right")

    def __init__(self) -> None:
        self.left: Any = None
        self.right: Any = None


class Reduced:
    """Rebuilt by calling it with what it holds, and given its state afterwards."""

    def __init__(self, fixed: Any) -> None:
        self.fixed = fixed
        self.link: Any = None

    def __reduce__(self) -> tuple[Any, ...]:
        return Reduced, (self.fixed,), {"link": self.link}


class Failure(Exception):
    """An exception that its arguments do not make again."""

    def __init__(self, code: int, *, detail: Any) -> None:
        super().__init__(f"code {code}")
        self.detail = detail

    def __deepcopy__(self, memo: dict[int, Any]) -> Failure:
        made = memo[id(self)] = Failure.__new__(Failure)
        made.args = copy.deepcopy(self.args, memo)
        made.__dict__.update(copy.deepcopy(self.__dict__, memo))
        made.__cause__ = copy.deepcopy(self.__cause__, memo)
        made.__context__ = copy.deepcopy(self.__context__, memo)
        made.__suppress_context__ = self.__suppress_context__
        return made


class Watching:
    """Refers to something weakly."""

    def __init__(self, target: Any) -> None:
        self.ref = weakref.ref(target)
        self.table = weakref.WeakValueDictionary({"k": target})

    def __deepcopy__(self, memo: dict[int, Any]) -> Watching:
        made = memo[id(self)] = Watching.__new__(Watching)
        target = copy.deepcopy(self.ref(), memo)
        made.__init__(Node() if target is None else target)  # type: ignore[misc]
        return made


class Window:
    """A part of the memory of an object."""

    def __init__(self, base: Any, start: int, step: int) -> None:
        self.base, self.start, self.step = base, start, step
        self.view = memoryview(base)[start::step]

    def __deepcopy__(self, memo: dict[int, Any]) -> Window:
        made = memo[id(self)] = Window.__new__(Window)
        made.__init__(copy.deepcopy(self.base, memo), self.start, self.step)  # type: ignore[misc]
        return made


def called(*args: Any, **options: Any) -> Any:
    """What partial objects call."""
    return args, options


def atom(rng: random.Random) -> Any:
    return rng.choice(
        [0, 1, -7, 2**70, 0.5, float("nan"), "", "text", "t" * 70, b"", b"bytes" * 20, None, True,
         1j, "x" * rng.randrange(2000)]
    )  # fmt: skip


def fresh(rng: random.Random) -> Any:
    """A new object that holds nothing but atoms."""
    kind = rng.randrange(17)
    if kind == 13:
        return Failure(rng.randrange(9), detail=[atom(rng)])
    if kind == 14:
        return Window(bytearray(b"0123456789"), rng.randrange(10), rng.choice([1, 2, -1]))
    if kind == 15:
        return functools.partial(called, [atom(rng)], option=Node())
    if kind == 16:
        return rng.choice([math.nan, np.nan, iter([1, [2], 3])])
    if kind == 0:
        return atom(rng)
    if kind == 1:
        return tuple(atom(rng) for _ in range(rng.randrange(3)))
    if kind == 2:
        return {rng.randrange(9), rng.choice("xyz")}
    if kind == 3:
        return frozenset({rng.randrange(9), "f"})
    if kind == 4:
        return bytearray(b"abc" * rng.randrange(4))
    if kind == 5:
        return np.arange(rng.choice([0, 3, 700])).astype(rng.choice(["i8", "f4", "M8[s]"]))
    if kind == 6:
        return np.zeros((3, 4), order=rng.choice("CF"))[:: rng.choice([1, 2])]
    if kind == 7:
        return deque([atom(rng)])
    if kind in (8, 9):
        return rng.choice([Node, Slotted, lambda: Reduced(atom(rng))])()
    if kind == 10:
        return {atom(rng): atom(rng) for _ in range(rng.randrange(4))}
    return [atom(rng) for _ in range(rng.choice([0, 2, 3, 200]))]


def reachable(rng: random.Random, start: Any) -> Any:
    """An object some random steps away."""
    here = start
    for _ in range(rng.randrange(6)):
        inside = _inside(here)
        if not inside:
            break
        here = rng.choice(inside)
    return here


def _inside(x: Any) -> list[Any]:
    if isinstance(x, dict):
        return list(x.values())
    if isinstance(x, list | tuple | deque):
        return list(x)
    if isinstance(x, Node):
        return [x.links]
    if isinstance(x, Slotted):
        return [x.left, x.right]
    if isinstance(x, Reduced):
        return [x.fixed, x.link]
    if isinstance(x, Failure):
        return [x.detail, x.__cause__, x.__context__]
    if isinstance(x, Window):
        return [x.base]
    if isinstance(x, functools.partial):
        return [x.args[0], x.keywords["option"]]
    if isinstance(x, types.MethodType):
        return [x.__self__]
    return []


def derived(rng: random.Random, x: Any) -> Any:
    """Another object that depends on this one."""
    if isinstance(x, Node):
        return rng.choice([x.poke, Watching(x), functools.partial(called, x, option=x)])
    if isinstance(x, bytearray):
        return Window(x, rng.randrange(len(x) + 1), rng.choice([1, 2, -1]))
    if isinstance(x, list):
        return functools.partial(called, x, option=x)
    if isinstance(x, np.ndarray):
        return view(rng, x)
    return x


def view(rng: random.Random, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Another array over some of the same memory."""
    if array.ndim == 0 or array.size == 0:
        return array.reshape(-1)
    start = rng.randrange(array.shape[0])
    return rng.choice(
        [
            array.T,
            array[start:],
            array[: start + 1],
            array[:: rng.choice([1, 2, -1])],
            array[start],
            array.reshape(-1, order="A") if array.flags.forc else array[::-1],
        ][: 4 if array.ndim == 1 else 6]
    )


def put(rng: random.Random, holder: Any, value: Any) -> None:
    """Change `holder` in place, with `value` in it where it can hold one."""
    if isinstance(holder, list | deque):
        if holder and rng.random() < 0.4:
            if rng.random() < 0.3:
                holder.pop()
            else:
                holder[rng.randrange(len(holder))] = value
        else:
            holder.append(value)
    elif isinstance(holder, dict):
        if holder and rng.random() < 0.3:
            holder.pop(rng.choice(list(holder)))
        else:
            holder[rng.choice(["k", 1, "m", (1, 2)])] = value
    elif isinstance(holder, set):
        holder.symmetric_difference_update({rng.randrange(9)})
    elif isinstance(holder, bytearray):
        try:
            holder.append(rng.randrange(256))
        except BufferError:  # a window is open on it
            if holder:
                holder[rng.randrange(len(holder))] = rng.randrange(256)
    elif isinstance(holder, memoryview):
        if holder:
            holder[rng.randrange(len(holder))] = rng.randrange(256)
    elif isinstance(holder, Failure):
        if isinstance(value, Failure):
            setattr(holder, rng.choice(["__cause__", "__context__"]), value)
        else:
            holder.detail = value
    elif isinstance(holder, functools.partial):
        holder.keywords["option"] = value
    elif isinstance(holder, np.ndarray):
        if holder.size:
            holder.flat[rng.randrange(holder.size)] = rng.randrange(99)
    elif isinstance(holder, Node):
        holder.value += 1
        holder.links.append(value)
    elif isinstance(holder, Slotted):
        setattr(holder, rng.choice(["left", "right"]), value)
    elif isinstance(holder, Reduced):
        holder.link = value


def change(rng: random.Random, namespace: MutableMapping[str, Any]) -> None:
    """One random statement of a random cell. Reads and writes names as running code would."""
    name = rng.choice(NAMES)
    kind = rng.random()
    if name not in namespace or kind < 0.15:
        namespace[name] = fresh(rng)
    elif kind < 0.25:
        del namespace[name]
    else:
        holder = reachable(rng, namespace[name])
        others = [other for other in NAMES if other in namespace]
        source = rng.random()
        value = fresh(rng) if source < 0.4 else reachable(rng, namespace[rng.choice(others)])
        if rng.random() < 0.6:
            value = derived(rng, value)
        if source > 0.9:
            value = (value, [value])
        elif source > 0.85:
            namespace[rng.choice(NAMES)] = value
            return
        put(rng, holder, value)
