"""Plots and pictures: what their own way of being pickled changes, or forgets to make good."""

from __future__ import annotations

import copy
import io
from typing import Any


def reduce_callbacks(registry: Any) -> Any:
    """As `__reduce_ex__`, for matplotlib's `CallbackRegistry`: it takes the next of its numbers
    each time it is pickled, which would make every figure that was saved another one. And loading
    puts its attributes in another order."""
    numbers = registry._cid_gen
    registry._cid_gen = copy.copy(numbers)
    try:
        rebuild, arguments, state, *rest = registry.__reduce_ex__(5)
    finally:
        registry._cid_gen = numbers
    return rebuild, arguments, {name: state[name] for name in sorted(state)}, *rest


def reduce_font(font: Any) -> Any:
    """As `__reduce_ex__`, for Pillow's `FreeTypeFont`: one that was read from memory is read again
    from the beginning of that, not from where reading ended."""
    reduced = font.__reduce_ex__(5)
    state = reduced[2]
    if type(state) is not list or not isinstance(state[0], io.BytesIO):
        return reduced
    return (*reduced[:2], [io.BytesIO(state[0].getvalue()), *state[1:]])


def reduce_list(values: Any) -> Any:
    """As `__reduce_ex__`, for a list of a Bokeh model: it cannot take anything in before it knows
    whom to tell."""
    return type(values), (list(values),), _owners(values)


def reduce_dict(values: Any) -> Any:
    """The same for a dictionary."""
    return type(values), (dict(values),), _owners(values)


def reduce_set(values: Any) -> Any:
    """The same for a set."""
    return type(values), (set(values),), _owners(values)


def _owners(values: Any) -> dict[str, Any]:
    # Sets have no order of their own, and a pickle of one no lasting one.
    return {"_owners": values._owners}
