"""Code objects: what functions are made of beside their own attributes."""

from __future__ import annotations

import types
from typing import Any

from pod.podding.rebuild import BYTECODE, PYTHON, make_code


class FileName(str):
    """A code object's file name on its way into a slot."""


class Members:
    """A set among a code object's constants, on its way into a pickle: in an order that does not
    depend on how it was made, nor on the process."""

    def __init__(self, members: frozenset[Any]) -> None:
        self._members = tuple(sorted(map(_owned, members), key=_looks))

    def __reduce__(self) -> tuple[Any, ...]:
        return frozenset, (self._members,)


def reduce_code(code: types.CodeType) -> tuple[Any, ...]:
    return make_code, (
        PYTHON, BYTECODE,
        code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_nlocals,
        code.co_stacksize, code.co_flags, code.co_code, _own(code.co_consts), _own(code.co_names),
        _own(code.co_varnames), FileName(code.co_filename), own_text(code.co_name),
        own_text(code.co_qualname), code.co_firstlineno, own_bytes(code.co_linetable),
        own_bytes(code.co_exceptiontable), _own(code.co_freevars), _own(code.co_cellvars),
    )  # fmt: skip


# A pickle refers back to what it has seen as the same object. The compiler lets pieces of code and
# much else share equal constants, and code that is made anew shares others, so the bytes would say
# "changed" of what was only loaded. Hence every piece of code has its strings and tuples to itself.


def own_text(text: str) -> str:
    """An equal string that nothing else has, one of the interpreter's single characters apart."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "surrogatepass")


def own_bytes(data: bytes) -> bytes:
    return bytes(bytearray(data))


def _own(constants: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple([_owned(each) for each in constants])


def _owned(constant: Any) -> Any:
    kind = type(constant)
    if kind is str:
        return own_text(constant)
    if kind is bytes:
        return own_bytes(constant)
    if kind is frozenset:
        return Members(constant)
    return _own(constant) if kind is tuple else constant


def _looks(constant: Any) -> tuple[str, str]:
    return type(constant).__name__, repr(constant)
