"""NumPy arrays through zero-copy buffers, rebuilt as arrays that own their memory.

NumPy's own reduction restores an array as a view of the buffer it was read from: such an array can
not be resized, and its base shows. Ours differs from what was saved in neither.
"""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np


def reduce_array(array: np.ndarray[Any, Any]) -> Any:
    """As `__reduce_ex__`; arrays of objects, and of nothing, take NumPy's own way."""
    if array.dtype.hasobject or array.dtype.itemsize == 0:
        return array.__reduce__()
    if array.flags.c_contiguous:
        order, flat = "C", array.reshape(-1)
    elif array.flags.f_contiguous:
        order, flat = "F", array.T.reshape(-1)
    else:
        order, flat = "C", np.ascontiguousarray(array).reshape(-1)
    # As plain bytes, since the buffer protocol knows no dates, among others.
    buffer = pickle.PickleBuffer(flat.view(np.uint8))
    return make_array, (buffer, array.dtype, array.shape, order, array.flags.writeable)


def make_array(
    buffer: Any, dtype: np.dtype[Any], shape: tuple[int, ...], order: Any, writeable: bool
) -> np.ndarray[Any, Any]:
    array = np.empty(shape, dtype, order)
    flat = (array.T if order == "F" else array).reshape(-1)
    flat.view(np.uint8)[:] = np.frombuffer(buffer, np.uint8)
    if not writeable:
        array.flags.writeable = False
    return array
