"""Warnings about what Pod does itself are not the user's, and never errors.

`warnings.catch_warnings` will not do: with it, Python forgets which warnings it has shown already,
and shows all of them again after each cell.
"""

from __future__ import annotations

import ast
import contextlib
import os
import threading
import warnings
from collections.abc import Iterator
from typing import Any

_quiet: dict[int, int] = {}
"""How many blocks of `quiet` threads are in, by what identifies them."""


class _InQuietThreads(type):
    def __subclasscheck__(cls, other: type) -> bool:
        return _quiet.get(threading.get_ident(), 0) > 0


class _Anything(metaclass=_InQuietThreads):
    """Every class of warnings, in threads that are quiet, and none in others."""


_IGNORED = ("ignore", None, _Anything, None, 0)
"""A filter as those in `warnings.filters`."""

_lock = threading.Lock()
_swapped: tuple[Any, list[Any]] | None = None
"""The list of filters that was there, and the one that is there while any thread is quiet."""


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No warning that comes up in this thread meanwhile is shown, raised or noted as shown.

    The list of filters is another one meanwhile, as somebody may hold the user's, and save it.
    """
    me = threading.get_ident()
    entered = False
    try:
        with _lock:
            _quiet[me] = _quiet.get(me, 0) + 1
            entered = True
            _come_first()
        yield
    finally:
        if entered:
            _quiet[me] -= 1  # first, and no call: nothing can interrupt that
        with _lock:
            if not any(_quiet.values()):
                _quiet.clear()
                _leave()


def _come_first() -> None:
    global _swapped
    filters: Any = warnings.filters
    if filters and filters[0] is _IGNORED:
        return
    if _swapped is None:
        _swapped = filters, [_IGNORED, *filters]
        warnings.filters = _swapped[1]
    else:  # another one has been set since, as in `catch_warnings`
        filters.insert(0, _IGNORED)


def _leave() -> None:
    global _swapped
    if _swapped is not None:
        before, meanwhile = _swapped
        # Who has entered `catch_warnings` meanwhile comes back to it.
        _drop(meanwhile)
        if warnings.filters is meanwhile:
            if meanwhile != before:  # it was changed by code that ran, for good
                before[:] = meanwhile
            warnings.filters = before
        _swapped = None  # last: what is interrupted is done again when the next block ends
    _drop(warnings.filters)


def _drop(filters: Any) -> None:
    for number in reversed(range(len(filters))):
        if filters[number] is _IGNORED:
            del filters[number]


def _be_alone() -> None:
    """In a forked child, where no other thread leaves its block, or the lock."""
    global _lock
    _lock = threading.Lock()
    me = threading.get_ident()
    for other in _quiet.keys() - {me}:
        del _quiet[other]


os.register_at_fork(after_in_child=_be_alone)


def parse(source: str) -> ast.Module:
    """The syntax tree of code that the user has been warned about when it was run."""
    with quiet():
        return ast.parse(source)
