"""NumPy arrays: those that have their memory through zero-copy buffers, and views as views.

NumPy's own reduction restores an array as a view of the buffer it was read from: such an array can
not be resized, and its base shows. Ours differs from what was saved in neither. And it restores
every view with memory of its own; ours is a view of the same object again.
"""

from __future__ import annotations

import pickle
from typing import Any, TypeAlias, cast

import numpy as np

from pod.podding.memory import SharedMemory, holder_of, holds_bytes
from pod.podding.rebuild import (
    Order,
    in_order_of_memory,
    make_array,
    make_array_of_kind,
    make_text_array,
    make_view,
    set_attributes,
)
from pod.podding.reducers.texts import reduce_text

Array: TypeAlias = "np.ndarray[Any, Any]"


def reduce_array(array: Array) -> Any:
    """As `__reduce_ex__`, with memory of its own. Arrays of nothing, and of objects that are not
    text, take NumPy's way."""
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


def reduce_kind(array: Array, plain: Array) -> Any:
    """As `__reduce_ex__`, for an array of a plain subclass: `plain` is a view of it as an array.

    NumPy's own way forgets the attributes of the instance."""
    rebuild: Any = make_array_of_kind
    arguments: tuple[Any, ...] = (plain, type(array))
    if array.base is None and not array.dtype.hasobject and array.dtype.itemsize:
        rebuild, arguments = reduce_array(plain)
        arguments = (*arguments, type(array))
    attributes = getattr(array, "__dict__", None) or None
    return rebuild, arguments, attributes, None, None, set_attributes


def is_plain(kind: type) -> bool:
    """Whether arrays of this class are nothing but an array, a class and attributes."""
    if kind not in _plain:
        same = all(getattr(kind, way) is getattr(np.ndarray, way) for way in _WAYS)
        # What a masked array is lies in its attributes, too; its own way copies the mask.
        _plain[kind] = (same and not issubclass(kind, np.memmap)) or kind is np.ma.MaskedArray
    return _plain[kind]


_plain: dict[type, bool] = {}
_WAYS = ("__reduce__", "__reduce_ex__", "__setstate__")


def reduce_view(array: Array, memory: SharedMemory) -> Any | None:
    """As `__reduce_ex__`, for an array over memory that another object of the graph has; None for
    one that is to be saved by itself."""
    if array.base is None or array.size == 0:
        return None
    holder = holder_of(array)
    bounds = _bounds_within(array, holder)
    if bounds is None:
        return None
    if isinstance(holder, np.ndarray) and memory.is_alone(holder, bounds[1] - bounds[0]):
        return None
    start = _address(array) - _address_of(holder)
    writeable = array.flags.writeable
    return make_view, (holder, array.dtype, start, array.shape, array.strides, writeable)


def _bounds_within(array: Array, holder: Any) -> tuple[int, int] | None:
    """The bytes of a holder that an array is over, from and up to; None for a holder of another
    kind, or one that has not all of them."""
    if isinstance(holder, np.ndarray):
        if not is_plain(type(holder)) or not holder.flags.owndata or order_of(holder) is None:
            return None
        if (array.dtype.hasobject or holder.dtype.hasobject) and not (
            array.dtype == holder.dtype and array.dtype.char == "O"
        ):
            return None
    elif not holds_bytes(holder) or array.dtype.hasobject:
        return None
    first = last = _address(array) - _address_of(holder)
    for length, stride in zip(array.shape, array.strides, strict=True):
        if stride < 0:
            first += (length - 1) * stride
        else:
            last += (length - 1) * stride
    last += array.itemsize
    return (first, last) if first >= 0 and last <= _nbytes(holder) else None


def _nbytes(holder: Any) -> int:
    return holder.nbytes if isinstance(holder, np.ndarray) else memoryview(holder).nbytes


def _address(array: Array) -> int:
    return int(array.__array_interface__["data"][0])


def _address_of(holder: Any) -> int:
    if not isinstance(holder, np.ndarray):
        holder = np.frombuffer(holder, np.uint8)
    return _address(holder)


def order_of(array: Array) -> Order | None:
    """How the elements lie in memory: `C`, `F`, the axes from the slowest to the fastest, or None
    where they do not lie together."""
    if array.flags.c_contiguous:
        return "C"
    if array.flags.f_contiguous:
        return "F"
    axes = sorted(range(array.ndim), key=lambda axis: -array.strides[axis])
    return tuple(axes) if array.transpose(axes).flags.c_contiguous else None


def _flat(array: Array) -> tuple[Order, Array]:
    """The elements in the order of memory, without a copy where they lie together."""
    order = order_of(array)
    if order is None:
        return "C", np.ascontiguousarray(array).reshape(-1)
    return order, in_order_of_memory(array, order)
