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
    """Make our own reducers known for libraries that have been imported since. What a user has
    registered stays."""
    for library, reducers in _LIBRARIES.items():
        if library not in _libraries_known and _is_imported(library):
            _libraries_known.add(library)
            for kind, reducer in reducers().items():
                _by_type.setdefault(kind, reducer)


def _numpy() -> dict[type, Reducer]:
    from pod.podding.reducers import arrays, functions

    numpy = sys.modules["numpy"]
    SINGLETONS[id(numpy.nan)] = ("numpy", "nan")
    return {numpy.ndarray: arrays.reduce_array, numpy.vectorize: functions.reduce_vectorize}


def _pandas() -> dict[type, Reducer]:
    from pod.podding.reducers import frames

    return frames.register()


def _polars() -> dict[type, Reducer]:
    from pod.podding.reducers import columns

    polars = sys.modules["polars"]
    return {polars.Series: columns.reduce_column, polars.DataFrame: columns.reduce_frame}


def _pyarrow() -> dict[type, Reducer]:
    from pod.podding.reducers import arrow

    return arrow.register()


def _torch() -> dict[type, Reducer]:
    from pod.podding.reducers import tensors

    return tensors.register()


def _matplotlib() -> dict[type, Reducer]:
    from pod.podding.reducers import figures

    return {sys.modules["matplotlib.cbook"].CallbackRegistry: figures.reduce_callbacks}


def _pillow() -> dict[type, Reducer]:
    from pod.podding.reducers import figures

    return {sys.modules["PIL.ImageFont"].FreeTypeFont: figures.reduce_font}


def _msgspec() -> dict[type, Reducer]:
    from pod.podding import models

    return {sys.modules["msgspec"].Meta: models.reduce_meta}


def _bokeh() -> dict[type, Reducer]:
    from pod.podding.reducers import figures

    wrappers = sys.modules["bokeh.core.property.wrappers"]
    return {
        wrappers.PropertyValueList: figures.reduce_list,
        wrappers.PropertyValueDict: figures.reduce_dict,
        wrappers.PropertyValueColumnData: figures.reduce_dict,
        wrappers.PropertyValueSet: figures.reduce_set,
    }


_LIBRARIES = {
    "numpy": _numpy,
    "pandas": _pandas,
    "polars": _polars,
    "pyarrow": _pyarrow,
    "torch": _torch,
    "matplotlib.cbook": _matplotlib,
    "PIL.ImageFont": _pillow,
    "bokeh.core.property.wrappers": _bokeh,
    "msgspec": _msgspec,
}
"""The library -> what makes ours known, and gives reducers by type."""


def _is_imported(library: str) -> bool:
    """Not while another thread is importing it."""
    spec = getattr(sys.modules.get(library), "__spec__", None)
    return spec is not None and not getattr(spec, "_initializing", False)


def _register_builtin() -> None:
    from pod.podding.reducers import python

    for kind, reducer in python.REDUCERS.items():
        register_reducer(kind, reducer)


_register_builtin()
