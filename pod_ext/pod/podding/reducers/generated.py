"""Functions that libraries write for the user's classes."""

from __future__ import annotations

import re
import types
from collections.abc import Iterator
from typing import Any

from pod.podding.reducers.code import own_text

_ATTRS = "<attrs generated "
_KEPT = ("__name__", "__builtins__")
_NAME = re.compile(r"[^\W\d]\w*")


def globals_of_generated(function: types.FunctionType) -> dict[str, Any] | None:
    """What a method that attrs has written needs of its globals; None for other functions.

    attrs gives them a copy of all of the module's, so that names in annotations are found. In a
    notebook these are all variables of that moment, which then would be part of the class.
    """
    if not function.__code__.co_filename.startswith(_ATTRS):
        return None
    needed = {*_KEPT, *_names_in(function.__code__)}
    for annotation in function.__annotations__.values():
        if type(annotation) is str:
            needed.update(_NAME.findall(annotation))
    return {own_text(name): value for name, value in function.__globals__.items() if name in needed}


def _names_in(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if type(constant) is types.CodeType:
            yield from _names_in(constant)
