"""Arrays of Python strings as two buffers: all the text in one, and how long each string is.

This is how text columns of pandas and object arrays of NumPy usually look, and a pickler that goes
through a million strings one by one is what a save of such a table would mostly wait for. Strings
that occur many times as one object (categories, repeated keys) are stored once and restored as one
object again.
"""

from __future__ import annotations

import ctypes
import importlib
import itertools
import pickle
import sys
from typing import Any

import numpy as np

FEWEST = 256
"""Shorter arrays are left to the pickler."""

_SAMPLE = 1024
_MISSING = 0xFFFF_FFFF


def reduce_text(flat: np.ndarray[Any, Any]) -> tuple[Any, ...] | None:
    """Arguments for `make_text`, or None where a flat array of objects is not (just) strings."""
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


def make_text(data: Any, lengths: Any, codes: Any, missing: str) -> list[Any]:
    """The strings again, and what stands for a missing one where there was none."""
    text = bytes(data).decode("utf-8", "surrogatepass")
    counts = np.frombuffer(lengths, np.uint32).astype(np.int64)
    absent = counts == _MISSING
    counts[absent] = 0
    ends = np.cumsum(counts).tolist()
    values: list[Any] = [
        text[start:end] for start, end in zip(itertools.chain((0,), ends), ends, strict=False)
    ]
    if missing:
        if missing == "NA":
            importlib.import_module("pandas")
        stands_for = _missing_values()[missing]
        for position in np.flatnonzero(absent).tolist():
            values[position] = stands_for
    if codes is None:
        return values
    return [values[code] for code in np.frombuffer(codes, np.uint32).tolist()]


def _missing_values() -> dict[str, Any]:
    """Objects that may stand for a missing string; libraries compare them by identity."""
    pandas = sys.modules.get("pandas")
    found = {"None": None, "nan": np.nan}
    return found if pandas is None else found | {"NA": pandas.NA}


def _missing_name(values: list[Any], kinds: set[type]) -> str | None:
    """Name of the one object that stands for a missing string, if all that is not one is that."""
    if str not in kinds:
        return None
    others = {id(value) for value in values if type(value) is not str}
    if len(others) > 1:
        return None
    return next((name for name, each in _missing_values().items() if id(each) in others), None)


def _lengths(values: list[Any], some_missing: bool) -> np.ndarray[Any, Any]:
    if not some_missing:
        return np.fromiter(map(len, values), np.uint32, len(values))
    each = (len(value) if type(value) is str else _MISSING for value in values)
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
