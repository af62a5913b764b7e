"""pandas: indexes as values, and what its classes share among all their objects.

An index is immutable, and pandas passes the same one, or its data, from frame to frame. If that
connected components, every frame derived from another would be looked at with it. So an index is
pickled by itself, with buffers out of band as ever, into each pod that refers to it.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from pandas.core.internals import blocks, managers

from pod.podding.atoms import SINGLETONS
from pod.podding.memory import register_private_parts
from pod.podding.rebuild import make_index
from pod.podding.reducers import reducer_for

COPIES_ON_WRITE = int(pd.__version__.partition(".")[0]) >= 3
"""Whether frames that share memory never see each other's changes."""

_NESTED = (
    pd.Index, pd.RangeIndex, pd.MultiIndex, pd.DatetimeIndex, pd.TimedeltaIndex, pd.PeriodIndex,
    pd.CategoricalIndex, pd.IntervalIndex,
)  # fmt: skip
_HOLDING_ARRAYS = (managers.SingleBlockManager, blocks.Block)
_OBJECTS_THAT_ARE_VALUES = frozenset({"string", "empty", "boolean", "integer", "floating", "date"})


def reduce_index(index: pd.Index) -> Any:
    """As `__reduce_ex__`. An index that holds objects of other kinds takes pandas' own way."""
    if not _holds_values(index):
        return index.__reduce__()
    buffers: list[pickle.PickleBuffer] = []
    payload = io.BytesIO()
    _IndexPickler(payload, buffers.append).dump(index)
    return make_index, (payload.getvalue(), tuple(buffers))


class _IndexPickler(pickle.Pickler):
    """Pickles an index by itself."""

    def __init__(self, payload: io.BytesIO, buffer_callback: Callable[[Any], None]) -> None:
        super().__init__(payload, 5, buffer_callback=buffer_callback)

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, pd.Index):
            rebuild, (kind, parts), *rest = obj.__reduce__()
            return rebuild, (kind, {name[:1] + name[1:]: parts[name] for name in parts}), *rest
        reducer = None if isinstance(obj, np.ndarray) else reducer_for(type(obj))
        return NotImplemented if reducer is None else reducer(obj)


def without_cache(obj: Any) -> Any:
    """As `__reduce_ex__`, without what the object has worked out of its other attributes: it will
    do so again, and to have looked at it is no change."""
    reduced = obj.__reduce_ex__(5)
    if len(reduced) < 3:
        return reduced
    state = reduced[2]
    if type(state) is tuple:  # of a dtype, data, and a dictionary if there are attributes
        parts = (_without_cache(each) for each in state)
        state = tuple(each for each in parts if type(each) is not dict or each)
    return (*reduced[:2], _without_cache(state), *reduced[3:])


def _without_cache(state: Any) -> Any:
    if type(state) is not dict:
        return state
    kept = {name: value for name, value in state.items() if name != "_cache"}
    if kept.get("_readonly") is False:  # as its class says; pandas does not restore it
        del kept["_readonly"]
    return kept


def _with_caches() -> set[type]:
    """The classes whose objects keep a dictionary `_cache` of pandas' `cache_readonly`."""
    found = [*vars(pd.arrays).values(), *vars(pd.api.typing).values()]
    found += [type(pd.array(["a"], dtype="str"))]
    return {each for each in found if isinstance(each, type)} - {*_NESTED, pd.DataFrame, pd.Series}


def _holds_values(index: pd.Index) -> bool:
    if isinstance(index, pd.MultiIndex):
        return all(_holds_values(level) for level in index.levels)
    if isinstance(index.dtype, pd.CategoricalDtype):
        return _holds_values(index.dtype.categories)
    return index.dtype != object or index.inferred_type in _OBJECTS_THAT_ARE_VALUES


def _take_apart(block: Any) -> tuple[Any, list[object]]:
    """The reduction of a block, and what in it is its own.

    In place of the arrays stand views of them: the very arrays may belong to somebody else, too."""
    own: dict[int, Any] = {}

    def owned(part: Any) -> Any:
        if type(part) is np.ndarray:
            return own.setdefault(id(part), part.view())
        if isinstance(part, pd.api.extensions.ExtensionArray):
            inside = (getattr(part, name, None) for name in ("_ndarray", "_data", "_mask"))
            own.update((id(each), each) for each in (part, *inside) if each is not None)
        if type(part) in (tuple, list):
            return type(part)(map(owned, part))
        if type(part) is dict:
            return {key: owned(value) for key, value in part.items()}
        return part

    function, *rest = block.__reduce_ex__(5)
    return (function, *map(owned, rest)), list(own.values())


def register() -> dict[type, Any]:
    """Reducers by type; also makes known the lists that frames refer to by way of their class."""
    for name in ("DataFrame", "Series"):
        metadata = getattr(getattr(pd, name), "_metadata", None)
        if isinstance(metadata, list):
            SINGLETONS[id(metadata)] = ("pandas", f"{name}._metadata")
    if COPIES_ON_WRITE:
        for kind in (managers.SingleBlockManager, *vars(blocks).values()):
            if isinstance(kind, type) and issubclass(kind, _HOLDING_ARRAYS):
                register_private_parts(kind, _take_apart)
    return dict.fromkeys(_with_caches(), without_cache) | dict.fromkeys(_NESTED, reduce_index)
