"""Reads that a namespace does not see.

CPython looks names up in `globals()` past a dict subclass's `__getitem__` when the code that runs
has locals of another kind: in the body of a class, and under `exec` and `eval` with a mapping of
their own for locals. Both are found in the code instead.
"""

from __future__ import annotations

import ast
import inspect
import types
from collections.abc import Iterable
from functools import lru_cache

from pod.tracking import Touched

_RUNS_CODE = frozenset({"exec", "eval"})


def in_cell(source: str) -> Touched:
    """What running this (already transformed) source may have touched unseen."""
    if "class" not in source and "exec" not in source and "eval" not in source:
        return Touched()
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Touched()  # then it did not run either
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in _RUNS_CODE:
            return Touched(everything=True)
        if isinstance(node, ast.ClassDef):
            names |= {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    return Touched(frozenset(names))


def in_values(values: Iterable[object]) -> Touched:
    """What calling these functions, or methods of these classes, may have touched unseen."""
    found = Touched()
    for value in values:
        for code in _code_of(value):
            found |= _in_code(code)
    return found


def _code_of(value: object) -> list[types.CodeType]:
    if isinstance(value, types.FunctionType):
        return [value.__code__]
    if type(value) is type:
        methods = (getattr(each, "__func__", each) for each in vars(value).values())
        return [each.__code__ for each in methods if isinstance(each, types.FunctionType)]
    return []


@lru_cache(maxsize=4096)
def _in_code(code: types.CodeType) -> Touched:
    names: set[str] = set()
    if not code.co_flags & inspect.CO_OPTIMIZED:  # the body of a class
        names.update(code.co_names)
    found = Touched(frozenset(names), not _RUNS_CODE.isdisjoint(code.co_names))
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= _in_code(constant)
    return found
