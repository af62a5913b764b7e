"""Code objects and cells: what functions are made of beside their own attributes."""

from __future__ import annotations

import importlib.util
import sys
import types
from typing import Any

from pod.errors import RestoreError


class FileName(str):
    """A code object's file name on its way into a slot."""


def set_cell(cell: types.CellType, contents: tuple[Any, ...]) -> None:
    cell.cell_contents = contents[0]


_BYTECODE = importlib.util.MAGIC_NUMBER.hex()
_PYTHON = ".".join(map(str, sys.version_info[:2]))


def make_code(python: str, bytecode: str, *arguments: Any) -> types.CodeType:
    """Code runs only on the interpreter it was compiled by; another one would crash on it."""
    if bytecode != _BYTECODE:
        raise RestoreError(
            f"it holds code compiled by Python {python}, which Python {_PYTHON} cannot run; "
            "load it with that Python, or run the cell that defines it again"
        )
    return types.CodeType(*arguments)


def reduce_code(code: types.CodeType) -> tuple[Any, ...]:
    return make_code, (
        _PYTHON, _BYTECODE,
        code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_nlocals,
        code.co_stacksize, code.co_flags, code.co_code, code.co_consts, code.co_names,
        code.co_varnames, FileName(code.co_filename), sys.intern(code.co_name),
        sys.intern(code.co_qualname), code.co_firstlineno, code.co_linetable,
        code.co_exceptiontable, code.co_freevars,
        code.co_cellvars,
    )  # fmt: skip
