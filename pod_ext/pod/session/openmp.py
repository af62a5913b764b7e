"""Computing without the threads of OpenMP, in a process that was forked and has none of them."""

from __future__ import annotations

import contextlib
import ctypes
import os

_GNU = b"gomp"
"""Part of the names of GNU's runtime. Others (LLVM's, Intel's) notice themselves that they were
forked."""


def compute_alone() -> None:
    """Have each loop that OpenMP would run in parallel be run by this thread alone, however many
    threads it asks for. To be called in the child: this cannot be undone.

    GNU's runtime keeps the threads it has begun, takes them for there after a fork, and waits for
    them without end. Libraries bring copies of it under names of their own.
    """
    with contextlib.suppress(AttributeError, OSError, MemoryError):  # as for other C libraries
        for path in _loaded(_GNU):
            library = ctypes.CDLL(path, mode=os.RTLD_NOLOAD | os.RTLD_NOW)
            library.omp_set_max_active_levels(0)


class _Library(ctypes.Structure):
    """The beginning of the system's `dl_phdr_info`."""

    _fields_ = (("address", ctypes.c_void_p), ("path", ctypes.c_char_p))


_Visit = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Library), ctypes.c_size_t, ctypes.c_void_p)


def _loaded(part: bytes) -> list[str]:
    """Paths of the libraries in this process with this in their names. Asking the loader takes a
    millisecond, reading `/proc/self/maps` five."""
    found = []

    def visit(library: ctypes._Pointer[_Library], _size: int, _data: int | None) -> int:
        path = library.contents.path
        if path and part in path.rpartition(b"/")[2]:
            found.append(os.fsdecode(path))
        return 0

    ctypes.CDLL(None).dl_iterate_phdr(_Visit(visit), None)
    return found
