"""Warnings about what Pod does itself are not the user's, and never errors.

`warnings.catch_warnings` will not do: with it, Python forgets which warnings it has shown already,
and shows all of them again after each cell.
"""

from __future__ import annotations

import ast
import contextlib
import threading
import warnings
from collections.abc import Iterator
from typing import Any


class _Depth(threading.local):
    """How many blocks of `quiet` this thread is in."""

    value = 0


_DEPTH = _Depth()


class _InQuietThreads(type):
    def __subclasscheck__(cls, other: type) -> bool:
        return _DEPTH.value > 0


class _Anything(metaclass=_InQuietThreads):
    """Every class of warnings, in threads that are quiet, and none in others."""


_IGNORED = ("ignore", None, _Anything, None, 0)
"""A filter as those in `warnings.filters`."""


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No warning that comes up in this thread meanwhile is shown, raised or noted as shown.

    The list of filters is another one meanwhile, as somebody may hold the user's, and save it.
    """
    before: Any = warnings.filters
    meanwhile = [_IGNORED, *before]
    warnings.filters = meanwhile
    _DEPTH.value += 1
    try:
        yield
    finally:
        _DEPTH.value -= 1
        # Who enters `catch_warnings` meanwhile comes back to it.
        with contextlib.suppress(ValueError):  # all were removed
            meanwhile.remove(_IGNORED)
        if warnings.filters is meanwhile:
            if meanwhile != before:  # it was changed by code that ran, for good
                before[:] = meanwhile
            warnings.filters = before


def parse(source: str) -> ast.Module:
    """The syntax tree of code that the user has been warned about when it was run."""
    with quiet():
        return ast.parse(source)
