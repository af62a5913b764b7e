"""Arrays of Python strings as two buffers: all the text in one, and how long each string is.

This is how text columns of pandas and object arrays of NumPy usually look, and a pickler that goes
through a million strings one by one is what a save of such a table would mostly wait for. Strings
that occur many times as one object (categories, repeated keys) are stored once and restored as one
object again.
"""

from __future__ import annotations

import ctypes
import pickle
import sys
from typing import Any

import numpy as np

from pod.podding.rebuild import MISSING_LENGTH, missing_value

FEWEST = 256
"""Shorter arrays are left to the pickler."""

_SAMPLE = 1024


def reduce_text(flat: np.ndarray[Any, Any]) -> tuple[Any, ...] | None:
    """Arguments for `make_text_array`; None where a flat array of objects is not just strings."""
    if flat.size < FEWEST:
        return None
    codes = None
    if _often_the_same(flat):
        flat, codes = _distinct(flat)
    values = flat.tolist()
    kinds = set(map(type, values))
    missing = "" if kinds == {str} else _missing_name(values, kinds)
    if missing is None:
        return None
    strings = [value for value in values if type(value) is str] if missing else values
    data = "".join(strings).encode("utf-8", "surrogatepass")
    return (
        pickle.PickleBuffer(data),
        _buffer(_lengths(values, bool(missing))),
        None if codes is None else _buffer(codes),
        missing,
    )


def _buffer(array: Any) -> pickle.PickleBuffer:
    return pickle.PickleBuffer(array)


def _missing_name(values: list[Any], kinds: set[type]) -> str | None:
    """Name of the one object that stands for a missing string, if all that is not one is that."""
    if str not in kinds:
        return None
    others = {id(value) for value in values if type(value) is not str}
    if len(others) > 1:
        return None
    names = ("None", "nan", "NA") if "pandas" in sys.modules else ("None", "nan")
    return next((name for name in names if id(missing_value(name)) in others), None)


def _lengths(values: list[Any], some_missing: bool) -> np.ndarray[Any, Any]:
    if not some_missing:
        return np.fromiter(map(len, values), np.uint32, len(values))
    each = (len(value) if type(value) is str else MISSING_LENGTH for value in values)
    return np.fromiter(each, np.uint32, len(values))


def _addresses(flat: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Which object each element is: the array's own memory, read as numbers."""
    pointer = flat.__array_interface__["data"][0]
    memory = (ctypes.c_uint64 * flat.size).from_address(pointer)
    return np.asarray(memory)


def _often_the_same(flat: np.ndarray[Any, Any]) -> bool:
    sample = _addresses(flat)[:: max(1, flat.size // _SAMPLE)]
    return len(np.unique(sample)) < len(sample) // 2


def _distinct(flat: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Each object once, in the order of first occurrence (addresses differ from run to run), and
    for every element which of them it is."""
    _, first, inverse = np.unique(_addresses(flat), return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return flat[first[order]], rank[inverse.reshape(-1)].astype(np.uint32)
