"""pyarrow: arrays as what they hold, whatever was asked of them before.

An array counts its missing values when it is first asked for them, and says so when it is pickled.
That would be a change to whoever compares bytes. Types and schemas are values.
"""

from __future__ import annotations

import importlib
from typing import Any

from pod.podding.atoms import ATOMIC_TYPES_OF_LIBRARIES

lib: Any = importlib.import_module("pyarrow.lib")

_UNKNOWN = -1


def reduce_array(array: Any) -> Any:
    """As `__reduce_ex__`: pyarrow's own way, but for the counts."""
    restore, arguments = array.__reduce__()
    if len(arguments) != 1 or not _is_data(arguments[0]):
        return restore, arguments
    return restore, (_without_counts(arguments[0]),)


def _without_counts(data: Any) -> Any:
    kind, length, nulls, offset, buffers, children, dictionary = data
    if buffers and buffers[0] is not None:
        nulls = _UNKNOWN
    elif nulls == _UNKNOWN:
        nulls = 0
    children = [_without_counts(each) if _is_data(each) else each for each in children]
    if _is_data(dictionary):
        dictionary = _without_counts(dictionary)
    return kind, length, nulls, offset, buffers, children, dictionary


def _is_data(data: Any) -> bool:
    return type(data) is tuple and len(data) == 7


def _kinds(base: str) -> set[type]:
    above = getattr(lib, base)
    return {
        each for each in vars(lib).values() if isinstance(each, type) and issubclass(each, above)
    }


def register() -> dict[type, Any]:
    """Reducers by type; also makes known which of its types are values."""
    ATOMIC_TYPES_OF_LIBRARIES.update(_kinds("DataType"), {lib.Field, lib.Schema})
    return dict.fromkeys(_kinds("Array"), reduce_array)
