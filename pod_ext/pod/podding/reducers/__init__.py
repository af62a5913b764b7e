"""How objects that pickle cannot take, or takes wrongly, are taken apart.

A reducer is a function from an object to what `object.__reduce_ex__` may return. It is looked up by
the object's exact type, before anything pickle knows itself.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from pod.podding.atoms import SINGLETONS

Reducer = Callable[[Any], Any]

_by_type: dict[type, Reducer] = {}
_libraries_known: set[str] = set()


def register_reducer(kind: type, reducer: Reducer) -> None:
    """Save objects of exactly this type by `reducer` from now on, in every namespace.

    `reducer(obj)` returns a tuple as `object.__reduce_ex__` does. What it names (the function that
    rebuilds, above all) must be importable wherever the object is to be loaded.
    """
    _by_type[kind] = reducer


def reducer_for(kind: type) -> Reducer | None:
    """The reducer registered for exactly this type."""
    return _by_type.get(kind)


def know_libraries() -> None:
    """Make our own reducers known for libraries that have been imported since."""
    if "numpy" in sys.modules and "numpy" not in _libraries_known:
        _libraries_known.add("numpy")
        from pod.podding.reducers import arrays

        register_reducer(sys.modules["numpy"].ndarray, arrays.reduce_array)
        SINGLETONS[id(sys.modules["numpy"].nan)] = ("numpy", "nan")
    if "pandas" in sys.modules and "pandas" not in _libraries_known:
        _libraries_known.add("pandas")
        from pod.podding.reducers import frames

        for kind, reducer in frames.register().items():
            register_reducer(kind, reducer)


def _register_builtin() -> None:
    from pod.podding.reducers import python

    for kind, reducer in python.REDUCERS.items():
        register_reducer(kind, reducer)


_register_builtin()
