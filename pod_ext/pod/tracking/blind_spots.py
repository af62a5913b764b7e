"""Reads that a namespace does not see.

CPython looks names up in `globals()` past a dict subclass's `__getitem__` when the code that runs
has locals of another kind: in the body of a class, and under `exec` and `eval` with a mapping of
their own for locals. Both are found in the code instead. So are ways to objects by no name at all,
such as asking the garbage collector.
"""

from __future__ import annotations

import ast
import inspect
import re
import types
from collections.abc import Iterable
from functools import lru_cache

from pod.quiet import parse
from pod.tracking import Touched

REACHES_ANYTHING = frozenset(
    {
        "exec", "eval",  # code with locals of its own
        # The namespace as a whole, which may be handed on to such code.
        "globals", "user_ns", "user_global_ns", "f_globals", "__globals__",
        "get_objects", "get_referrers", "get_referents", "py_object",  # by no name at all
        "tb_frame", "f_locals", "f_back",  # what another frame holds
        "output_hist", "exec_result",  # the output cache past its names
        "breakpoint", "set_trace", "post_mortem",  # whoever sits at the debugger
    }
)  # fmt: skip
"""Names of functions and attributes by which code can reach objects unseen."""

_RUNNING_MAGICS = frozenset({"debug", "edit", "macro", "recall", "rep", "rerun", "run"})
"""Magics that run code which is not in the cell."""

_WORTH_PARSING = re.compile(
    "|".join(["class", "run_cell_magic", "run_line_magic", *map(re.escape, REACHES_ANYTHING)])
)


def in_cell(source: str) -> Touched:
    """What running this (already transformed) source may have touched unseen."""
    if _WORTH_PARSING.search(source) is None:
        return Touched()
    try:
        tree = parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Touched()  # then it did not run either
    found = Touched()
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            names = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
            found |= Touched(frozenset(names))
        elif isinstance(node, ast.Call):
            found |= _in_magic(node)
        name = getattr(node, "id", None) or getattr(node, "attr", None)
        if name in REACHES_ANYTHING:
            return Touched(everything=True)
    return found


def magics_in(source: str) -> list[tuple[str, str]]:
    """Kind and name of the magics that this (already transformed) source calls."""
    if "_magic" not in source:
        return []
    try:
        calls = [node for node in ast.walk(parse(source)) if isinstance(node, ast.Call)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    return [(magic[0], magic[1]) for magic in map(_magic, calls) if magic is not None]


def _magic(call: ast.Call) -> tuple[str, str, list[str]] | None:
    """`line` or `cell`, the magic's name, and the text that it was given."""
    called = getattr(call.func, "attr", "")
    if called not in ("run_line_magic", "run_cell_magic"):
        return None
    given = [each.value for each in call.args if isinstance(each, ast.Constant)]
    texts = [each for each in given if isinstance(each, str)]
    return (called[4:8], texts[0], texts[1:]) if texts else None


def _in_magic(call: ast.Call) -> Touched:
    magic = _magic(call)
    if magic is None:
        return Touched()
    _, name, texts = magic
    if name in _RUNNING_MAGICS:
        return Touched(everything=True)
    found = Touched()
    for text in texts:
        found |= in_cell(text) if _parses(text) else _in_words(text)
    return found


def _parses(text: str) -> bool:
    try:
        parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _in_words(text: str) -> Touched:
    """Of what may be code with other magics in it, or none at all."""
    words = frozenset(re.findall(r"[^\W\d]\w*", text))
    magics = frozenset(re.findall(r"%(\w+)", text))
    everything = bool(words & REACHES_ANYTHING or magics & _RUNNING_MAGICS)
    return Touched(words if magics or "class" in words else frozenset(), everything)


def in_values(values: Iterable[object]) -> Touched:
    """What calling these functions, or methods of these classes, may have touched unseen."""
    found = Touched()
    for value in values:
        for code in _code_of(value):
            found |= _in_code(code)
    return found


def _code_of(value: object) -> list[types.CodeType]:
    # By the very type: anything else of a user's objects, `__class__` even, may run code of theirs.
    if type(value) is types.FunctionType:
        return [value.__code__]
    if type(value) is type:
        methods = (
            each.__func__ if type(each) in (classmethod, staticmethod) else each
            for each in list(vars(value).values())
        )
        return [each.__code__ for each in methods if type(each) is types.FunctionType]
    return []


@lru_cache(maxsize=4096)
def _in_code(code: types.CodeType) -> Touched:
    names: set[str] = set()
    if not code.co_flags & inspect.CO_OPTIMIZED:  # the body of a class
        names.update(code.co_names)
    found = Touched(frozenset(names), not REACHES_ANYTHING.isdisjoint(code.co_names))
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= _in_code(constant)
    return found
