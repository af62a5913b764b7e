"""What a namespace looks like: types, values, sharing, classes and functions by their content.

Two namespaces with the same portrait cannot be told apart by a cell, other than by `id`.
"""

from __future__ import annotations

import types
from typing import Any

import numpy as np


def portrait(variables: dict[str, Any], namespace: dict[str, Any]) -> Any:
    """A plain value to be compared. `namespace` is what functions must have as their globals."""
    return _Portrait(namespace).of(dict(sorted(variables.items())))


_LEFT_OUT = ("__dict__", "__weakref__", "__doc__", "__firstlineno__", "__slotnames__")
"""Attributes of classes that Python makes, at their first use or anew."""


class _Portrait:
    def __init__(self, namespace: dict[str, Any]) -> None:
        self._seen: dict[int, int] = {id(namespace): -1}
        self._keep: list[Any] = []

    def of(self, value: Any) -> Any:
        if isinstance(value, int | float | complex | str | bytes | type(None) | types.ModuleType):
            return repr(value)
        if isinstance(value, type) and value.__module__ != "__main__":
            return repr(value)
        if isinstance(value, types.BuiltinFunctionType | types.GetSetDescriptorType):
            return repr(value.__qualname__)
        number = self._seen.get(id(value))
        if number is not None:
            return ("seen", number)
        self._seen[id(value)] = len(self._seen)
        self._keep.append(value)
        return (type(value).__name__, *self._inside(value))

    def _inside(self, value: Any) -> list[Any]:
        if isinstance(value, dict):
            return [(self.of(key), self.of(each)) for key, each in value.items()]
        if isinstance(value, list | tuple):
            return [self.of(each) for each in value]
        if isinstance(value, np.ndarray):
            return [str(value.dtype), value.shape, value.tolist()]
        if isinstance(value, types.FunctionType):
            return [
                value.__qualname__,
                value.__code__.co_code,
                self.of(value.__globals__),
                [self.of(cell.cell_contents) for cell in value.__closure__ or ()],
            ]
        if isinstance(value, type):
            own = {name: each for name, each in vars(value).items() if name not in _LEFT_OUT}
            return [value.__qualname__, self.of(value.__bases__), self.of(own)]
        return [self.of(type(value)), self.of(vars(value))]
