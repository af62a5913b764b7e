"""How objects that pickle cannot take, or takes wrongly, are taken apart.

A reducer is a function from an object to what `object.__reduce_ex__` may return. It is looked up by
the object's exact type, before anything pickle knows itself.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

Reducer = Callable[[Any], Any]

_by_type: dict[type, Reducer] = {}
_libraries_done: set[str] = set()


def register_reducer(kind: type, reducer: Reducer) -> None:
    """Save objects of exactly this type by `reducer` from now on, in every namespace.

    `reducer(obj)` returns a tuple as `object.__reduce_ex__` does. What it names (the function that
    rebuilds, above all) must be importable wherever the object is to be loaded.
    """
    _by_type[kind] = reducer


def reducer_for(kind: type) -> Reducer | None:
    """The reducer registered for exactly this type."""
    library = kind.__module__.partition(".")[0]
    if library not in _libraries_done and library in sys.modules:
        _libraries_done.add(library)
        _register_library(library)
    return _by_type.get(kind)


def _register_library(library: str) -> None:
    """Reducers of our own for a library are made known when its first object is met."""
    if library == "numpy":
        from pod.podding.reducers import arrays

        register_reducer(sys.modules["numpy"].ndarray, arrays.reduce_array)


def _register_builtin() -> None:
    from pod.podding.reducers import python

    for kind, reducer in python.REDUCERS.items():
        register_reducer(kind, reducer)


_register_builtin()
