"""Code objects: what functions are made of beside their own attributes."""

from __future__ import annotations

import sys
import types
from typing import Any

from pod.podding.rebuild import BYTECODE, PYTHON, make_code


class FileName(str):
    """A code object's file name on its way into a slot."""


def reduce_code(code: types.CodeType) -> tuple[Any, ...]:
    return make_code, (
        PYTHON, BYTECODE,
        code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_nlocals,
        code.co_stacksize, code.co_flags, code.co_code, code.co_consts, code.co_names,
        code.co_varnames, FileName(code.co_filename), sys.intern(code.co_name),
        sys.intern(code.co_qualname), code.co_firstlineno, code.co_linetable,
        code.co_exceptiontable, code.co_freevars, code.co_cellvars,
    )  # fmt: skip
