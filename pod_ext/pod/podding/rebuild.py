"""The functions that payloads name: what saved objects are rebuilt by.

Their names are part of the on-disk format, so they stay here whatever is moved about elsewhere, and
so do their arguments. What calls them when saving is in `pod.podding.reducers`.
"""

from __future__ import annotations

import functools
import importlib.util
import itertools
import pickle
import sys
import types
import typing
from typing import TYPE_CHECKING, Any

from pod.errors import RestoreError

if TYPE_CHECKING:
    import numpy as np

BYTECODE = importlib.util.MAGIC_NUMBER.hex()
PYTHON = ".".join(map(str, sys.version_info[:2]))
MISSING_LENGTH = 0xFFFF_FFFF


# --- the language ---------------------------------------------------------------------------------


def unwrap(placeholder: object) -> object:
    """An opaque object: the slot's placeholder is the object."""
    return placeholder


def make_code(python: str, bytecode: str, *arguments: Any) -> types.CodeType:
    """Code runs only on the interpreter it was compiled by; another one would crash on it."""
    if bytecode != BYTECODE:
        raise RestoreError(
            f"it holds code compiled by Python {python}, which Python {PYTHON} cannot run; "
            "load it with that Python, or run the cell that defines it again"
        )
    return types.CodeType(*arguments)


def make_function(
    code: types.CodeType, namespace: dict[str, Any], name: str, cells: tuple[Any, ...] | None
) -> types.FunctionType:
    return types.FunctionType(code, namespace, name, None, cells)


def set_function_state(function: types.FunctionType, state: dict[str, Any]) -> None:
    state = dict(state)
    for cell, *contents in state.pop("cells", ()):
        if contents:
            cell.cell_contents = contents[0]
    function.__dict__.update(state.pop("__dict__", {}))
    # A missing docstring means it was deleted: code made from constants alone would bring it back.
    function.__doc__ = state.pop("__doc__", None)
    for name, value in state.items():
        setattr(function, name, value)


def set_cell(cell: types.CellType, contents: tuple[Any, ...]) -> None:
    cell.cell_contents = contents[0]


def make_property(fget: Any, fset: Any, fdel: Any, doc: str | None) -> property:
    return property(fget, fset, fdel, doc)


def make_cached_property(function: Any, name: str | None, doc: str | None) -> Any:
    made: functools.cached_property[Any] = functools.cached_property(function)
    made.attrname = name
    made.__doc__ = doc
    return made


def make_cache(function: Any, maxsize: int | None, typed: bool, attributes: dict[str, Any]) -> Any:
    wrapper = functools.lru_cache(maxsize=maxsize, typed=typed)(function)
    vars(wrapper).update(attributes)
    return wrapper


def make_type_var(
    name: str, bound: Any, constraints: tuple[Any, ...], flags: dict[str, bool], module: str
) -> typing.TypeVar:
    variable = typing.TypeVar(name, *constraints, bound=bound, **flags)  # type: ignore[misc]
    variable.__module__ = module
    return variable


# --- NumPy and pandas -----------------------------------------------------------------------------


def make_array(
    buffer: Any, dtype: np.dtype[Any], shape: tuple[int, ...], order: Any, writeable: bool
) -> np.ndarray[Any, Any]:
    import numpy as np

    array = np.empty(shape, dtype, order)
    _flat(array).view(np.uint8)[:] = np.frombuffer(buffer, np.uint8)
    if not writeable:
        array.flags.writeable = False
    return array


def make_text_array(
    data: Any,
    lengths: Any,
    codes: Any,
    missing: str,
    shape: tuple[int, ...],
    order: Any,
    writeable: bool,
) -> np.ndarray[Any, Any]:
    import numpy as np

    array = np.empty(shape, object, order)
    _flat(array)[:] = _strings(data, lengths, codes, missing)
    array.flags.writeable = writeable
    return array


def _flat(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The elements in the order of memory; the array is contiguous in one order or the other."""
    return (array if array.flags.c_contiguous else array.T).reshape(-1)


def _strings(data: Any, lengths: Any, codes: Any, missing: str) -> list[Any]:
    import numpy as np

    text = bytes(data).decode("utf-8", "surrogatepass")
    counts = np.frombuffer(lengths, np.uint32).astype(np.int64)
    absent = counts == MISSING_LENGTH
    counts[absent] = 0
    ends = np.cumsum(counts).tolist()
    values: list[Any] = [
        text[start:end] for start, end in zip(itertools.chain((0,), ends), ends, strict=False)
    ]
    if missing:
        stands_for = missing_value(missing)
        for position in np.flatnonzero(absent).tolist():
            values[position] = stands_for
    if codes is None:
        return values
    return [values[code] for code in np.frombuffer(codes, np.uint32).tolist()]


def missing_value(name: str) -> Any:
    """The object that stands for a missing string; libraries compare it by identity."""
    if name == "NA":
        return importlib.import_module("pandas").NA
    return None if name == "None" else importlib.import_module("numpy").nan


def make_index(payload: bytes, buffers: tuple[Any, ...]) -> Any:
    """An index that was pickled by itself."""
    return pickle.loads(payload, buffers=buffers)
