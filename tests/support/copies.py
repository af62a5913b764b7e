"""Deep copies in which arrays share memory as their originals do, and a method that the very object
it is bound to holds is one method still: `copy.deepcopy` forgets both."""

from __future__ import annotations

import copy
import types
from typing import Any
from unittest import mock

import numpy as np


def deep_copy(graph: Any) -> Any:
    dispatch = getattr(copy, "_deepcopy_dispatch")  # noqa: B009
    with mock.patch.dict(dispatch, {np.ndarray: _copy_array, types.MethodType: _copy_method}):
        return copy.deepcopy(graph)


def _copy_method(x: types.MethodType, memo: dict[int, Any]) -> types.MethodType:
    owner = copy.deepcopy(x.__self__, memo)
    met: types.MethodType | None = memo.get(id(x))  # on the way through its own object
    return met or types.MethodType(x.__func__, owner)


def _copy_array(x: np.ndarray[Any, Any], memo: dict[int, Any]) -> np.ndarray[Any, Any]:
    holder = x
    while holder.base is not None:
        holder = holder.base
    if holder is not x and isinstance(holder, np.ndarray):
        start = _address(x) - _address(holder)
        return _at(copy.deepcopy(holder, memo), start, x)
    y = x.copy(order="K")
    memo[id(x)] = y
    if x.dtype.hasobject:
        y.flat[:] = [copy.deepcopy(each, memo) for each in x.flat]
    return y


def _at(
    holder: np.ndarray[Any, Any], start: int, like: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """A view of `holder` where, in the original of `holder`, `like` is."""
    if like.size == 0:
        return holder.reshape(-1)[:0].reshape(like.shape)
    whole = holder.reshape(-1, order="A")
    assert holder.size == 0 or np.shares_memory(whole, holder)
    return np.lib.stride_tricks.as_strided(
        whole[start // like.itemsize :], like.shape, like.strides
    )


def _address(x: np.ndarray[Any, Any]) -> int:
    return int(x.__array_interface__["data"][0])
