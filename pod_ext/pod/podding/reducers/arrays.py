"""NumPy arrays through zero-copy buffers, rebuilt as arrays that own their memory.

NumPy's own reduction restores an array as a view of the buffer it was read from: such an array can
not be resized, and its base shows. Ours differs from what was saved in neither.
"""

from __future__ import annotations

import pickle
from typing import Any, cast

import numpy as np

from pod.podding.rebuild import make_array, make_text_array
from pod.podding.reducers.texts import reduce_text


def reduce_array(array: np.ndarray[Any, Any]) -> Any:
    """As `__reduce_ex__`. Arrays of nothing, and of objects that are not text, take NumPy's way."""
    dtype = array.dtype
    order, flat = _flat(array)
    if dtype.char == "O":
        text = reduce_text(flat)
        if text is None:
            return array.__reduce__()
        return make_text_array, (*text, array.shape, order, array.flags.writeable)
    if dtype.hasobject or dtype.itemsize == 0:
        return array.__reduce__()
    # As plain bytes, since the buffer protocol knows no dates, among others.
    buffer = pickle.PickleBuffer(cast(Any, flat.view(np.uint8)))
    return make_array, (buffer, dtype, array.shape, order, array.flags.writeable)


def _flat(array: np.ndarray[Any, Any]) -> tuple[str, np.ndarray[Any, Any]]:
    """The elements in the order of memory, without a copy where they lie together."""
    if array.flags.c_contiguous:
        return "C", array.reshape(-1)
    if array.flags.f_contiguous:
        return "F", array.T.reshape(-1)
    return "C", np.ascontiguousarray(array).reshape(-1)
