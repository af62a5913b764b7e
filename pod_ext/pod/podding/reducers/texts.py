"""Arrays of Python strings as two buffers: all the text in one, and how long each string is.

This is how text columns of pandas and object arrays of NumPy usually look, and a pickler that goes
through a million strings one by one is what a save of such a table would mostly wait for. Strings
that occur many times as one object (categories, repeated keys) are stored once and restored as one
object again.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Collection, Iterable
from typing import Any

import numpy as np

from pod.podding.rebuild import MISSING_LENGTH, missing_value
from pod.referents import addresses_in

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
    found = _joined(flat)
    if found is None:
        return None
    data, lengths, missing = found
    return (
        pickle.PickleBuffer(data),
        _buffer(lengths),
        None if codes is None else _buffer(codes),
        missing,
    )


def _buffer(array: Any) -> pickle.PickleBuffer:
    return pickle.PickleBuffer(array)


def _joined(flat: np.ndarray[Any, Any]) -> tuple[bytes, np.ndarray[Any, Any], str] | None:
    """All text, the length of each string, and the name of what stands for missing ones, if any.

    Block by block, so that the objects of a block, which may lie anywhere in memory, are in the
    processor's cache from the first look at them to the last.
    """
    parts = []
    lengths = np.empty(flat.size, np.uint32)
    missing: dict[int, Any] = {}
    for start in range(0, flat.size, _BLOCK):
        values = flat[start : start + _BLOCK].tolist()
        strings = values
        if set(map(type, values)) == {str}:
            each: Iterable[int] = map(len, values)
        else:
            strings = [value for value in values if type(value) is str]
            missing.update((id(value), value) for value in values if type(value) is not str)
            if len(missing) > 1:
                return None
            each = (len(value) if type(value) is str else MISSING_LENGTH for value in values)
        lengths[start : start + _BLOCK] = np.fromiter(each, np.uint32, len(values))
        parts.append("".join(strings).encode("utf-8", "surrogatepass"))
    name = _missing_name(missing) if missing else ""
    # Missing ones alone are no text.
    if name is None or (missing and not (lengths != MISSING_LENGTH).any()):
        return None
    return b"".join(parts), lengths, name


_BLOCK = 4096
"""Strings. With 100 bytes for each, a block is in the second cache of any processor."""


def _missing_name(missing: Collection[int]) -> str | None:
    """Name of the one object, by its `id`, that stands for a missing string."""
    names = ("None", "nan", "NA") if "pandas" in sys.modules else ("None", "nan")
    return next((name for name in names if id(missing_value(name)) in missing), None)


def _often_the_same(flat: np.ndarray[Any, Any]) -> bool:
    sample = addresses_in(flat)[:: max(1, flat.size // _SAMPLE)]
    return len(np.unique(sample)) < len(sample) // 2


def _distinct(flat: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Each object once, in the order of first occurrence (addresses differ from run to run), and
    for every element which of them it is."""
    _, first, inverse = np.unique(addresses_in(flat), return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return flat[first[order]], rank[inverse.reshape(-1)].astype(np.uint32)
