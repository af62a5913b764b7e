"""Views of memory: `memoryview` objects, of the whole of an object or of a part of it."""

from __future__ import annotations

import ctypes
from typing import Any

from pod.podding.rebuild import make_memoryview


class _Buffer(ctypes.Structure):
    """The interpreter's `Py_buffer`, as its stable ABI lays it out."""

    _fields_ = [
        ("buf", ctypes.c_void_p), ("obj", ctypes.c_void_p), ("len", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t), ("readonly", ctypes.c_int), ("ndim", ctypes.c_int),
        ("format", ctypes.c_char_p), ("shape", ctypes.c_void_p), ("strides", ctypes.c_void_p),
        ("suboffsets", ctypes.c_void_p), ("internal", ctypes.c_void_p),
    ]  # fmt: skip


_FULL_READ_ONLY = 0x011C


def reduce_memoryview(view: memoryview) -> tuple[Any, ...]:
    """By the object it is a view of, so that both go on to share its memory."""
    base: Any = view.obj
    if view.format == "B" and view.strides == (1,) and view.nbytes == len(base):
        whole = memoryview(base)
        if whole.format == "B" and whole.readonly == view.readonly:
            return memoryview, (base,)
    start = _address(view) - _address(memoryview(base)) if view.nbytes else 0
    arguments: Any = (
        base,
        start,
        view.shape,
        (view.strides or (1,))[0],
        view.format,
        not view.readonly,
    )
    if not _is_same(make_memoryview(*arguments), view):
        raise TypeError("cannot pickle a memoryview of this shape")
    return make_memoryview, arguments


def _is_same(made: memoryview, view: memoryview) -> bool:
    def form(each: memoryview) -> tuple[Any, ...]:
        return each.format, each.shape, each.strides, each.readonly, each.nbytes

    return form(made) == form(view) and (not view.nbytes or _address(made) == _address(view))


def _address(view: memoryview) -> int:
    buffer = _Buffer()
    if ctypes.pythonapi.PyObject_GetBuffer(
        ctypes.py_object(view), ctypes.byref(buffer), _FULL_READ_ONLY
    ):
        raise TypeError("cannot pickle a memoryview of an object that gives no memory")
    try:
        return buffer.buf or 0
    finally:
        ctypes.pythonapi.PyBuffer_Release(ctypes.byref(buffer))
