"""What a value is, in a few words, made from its type and size alone.

`describe` runs for every changed variable of every save, so it looks at nothing that grows with
the value and never calls a user's code: no `__repr__`, no `__len__`, no property. Libraries are
looked up in `sys.modules`, because a value of their types can only exist where they are loaded.
"""

from __future__ import annotations

import array
import datetime
import decimal
import enum
import fractions
import functools
import inspect
import pathlib
import sys
import types
import uuid
import zoneinfo
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any

TEXT = 40
"""Characters of a string that a summary shows."""
BITS = 256
"""Integers of more bits than this are summed up, not written out."""

_qualname = type.__dict__["__qualname__"].__get__


def describe(value: object) -> tuple[str, str]:
    """`value`'s type name and a summary of a few words, '' where there is none to be had safely."""
    cls = type(value)
    try:
        return type_name(cls), _summary(cls, value)
    except Exception:  # a half-imported library, an object torn down: its type still says something
        return type_name(cls), ""


def short(value: object) -> str:
    """`value` as one short phrase: a literal where that is safe, else its type and its summary.

    `isinstance` is only asked once the type is known: it would read the user's `__class__`.
    """
    cls = type(value)
    if cls in (str, bytes) and isinstance(value, str | bytes):
        return _literal(value)
    if cls in _SMALL and isinstance(value, _SMALL) and len(value) <= 4:
        inside = [*value, *value.values()] if isinstance(value, dict) else [*value]
        if all(type(item) in _WORDS and len(describe(item)[1]) <= TEXT for item in inside):
            text = repr(value)
            if len(text) <= TEXT:
                return text
    name, summary = describe(value)
    if summary and (
        cls in _WORDS or is_plain(cls) or issubclass(cls, type | enum.Enum | types.ModuleType)
    ):
        return summary
    if summary and _is_scalar(cls):
        return summary
    return f"{name} ({summary})" if summary else name


def type_name(cls: type) -> str:
    """The qualified name of `cls`, without the function it was defined in."""
    name = printable(_qualname(cls).rpartition("<locals>.")[2])
    return name if len(name) <= 80 else name[:79] + "…"


def printable(text: str) -> str:
    """`text` with what cannot be printed on one line, or not encoded, written as an escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def count(number: int, noun: str) -> str:
    """`3 items`, `1 item`, `1,000 items`; the plural is the noun with an s."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def dimensions(shape: tuple[int, ...]) -> str:
    """A shape as `1,000 x 10`, with a proper sign for times; `()` for no dimensions."""
    return " \N{MULTIPLICATION SIGN} ".join(f"{side:,}" for side in shape) or "()"


def dtype_name(dtype: Any) -> str:
    """A short name of a NumPy or pandas dtype."""
    names = getattr(dtype, "names", None)
    if names:
        return count(len(names), "field")
    text = printable(str(dtype))
    return text if len(text) <= 40 else text[:39] + "…"


def library(name: str) -> Any:
    """The module of that name if something has loaded it, else None."""
    return sys.modules.get(name)


def is_plain(cls: type) -> bool:
    """Whether values of exactly this type have a faithful `repr` that runs no user's code."""
    if cls in _PLAIN:
        return True
    pandas = library("pandas")
    kinds = ("Timestamp", "Timedelta", "Period", "Interval")
    return pandas is not None and any(cls is getattr(pandas, kind, None) for kind in kinds)


def is_sparse(cls: type) -> bool:
    """Whether this is one of SciPy's sparse matrix or array types."""
    sparse = library("scipy.sparse")
    return sparse is not None and any(
        issubclass(cls, getattr(sparse, name, ())) for name in ("sparray", "spmatrix")
    )


def _summary(cls: type, value: Any) -> str:
    literal = _LITERALS.get(cls)
    if literal is not None:
        return literal(value)
    if issubclass(cls, enum.Enum):
        name = object.__getattribute__(value, "__dict__").get("_name_")
        return f"{type_name(cls)}.{name}" if type(name) is str else ""
    for base, size in _SIZES:
        # SciPy's `dok_array` is a dict, and keeps its items elsewhere.
        if issubclass(cls, base) and inspect.getattr_static(cls, "__len__") is size:
            return count(size(value), "item") if size(value) else "empty"
    if issubclass(cls, type):
        return f"class {type_name(value)}"
    if issubclass(cls, types.ModuleType):
        name = object.__getattribute__(value, "__dict__").get("__name__")
        return printable(name) if type(name) is str else ""
    return _data_summary(cls, value)


def _data_summary(cls: type, value: Any) -> str:
    if (numpy := library("numpy")) is not None:
        if issubclass(cls, numpy.ndarray):
            shape = numpy.ndarray.shape.__get__(value)
            return f"{_array_dtype(numpy.ndarray.dtype.__get__(value))} {dimensions(shape)}"
        if _is_scalar(cls):
            item = value.item()
            literal = _LITERALS.get(type(item))
            return literal(item) if literal is not None else printable(str(value))[:TEXT]
    if (pandas := library("pandas")) is not None:
        if issubclass(cls, pandas.DataFrame):
            return dimensions(pandas.DataFrame.shape.fget(value))
        if issubclass(cls, (pandas.Series, pandas.Index)):
            return f"{dtype_name(value.dtype)} {len(value):,}"
        if is_plain(cls):
            return printable(str(value))
    if is_sparse(cls):
        return f"{_array_dtype(value.dtype)} {dimensions(value.shape)}"
    return ""


@functools.lru_cache(maxsize=256)
def _array_dtype(dtype: Any) -> str:
    return dtype_name(dtype)


def _is_scalar(cls: type) -> bool:
    """NumPy's own scalar types; a user's subclass of one may have code of its own."""
    numpy = library("numpy")
    return numpy is not None and issubclass(cls, numpy.generic) and cls.__module__ == "numpy"


def _literal(value: str | bytes) -> str:
    if len(value) <= TEXT:
        return repr(value)
    text = repr(value[: TEXT - 1])
    return f"{text[:-1]}…{text[-1]}"


def _text(value: str) -> str:
    return _literal(value) + _length(value, "character")


def _bytes(value: bytes) -> str:
    return _literal(value) + _length(value, "byte")


def _length(value: str | bytes, noun: str) -> str:
    return f" ({count(len(value), noun)})" if len(value) > TEXT else ""


def _integer(value: int) -> str:
    return repr(value) if value.bit_length() <= BITS else f"integer of {value.bit_length():,} bits"


def _fraction(value: fractions.Fraction) -> str:
    return f"{_integer(value.numerator)}/{_integer(value.denominator)}"


def _decimal(value: decimal.Decimal) -> str:
    return str(value) if sys.getsizeof(value) <= BITS else ""


def _moment(value: datetime.datetime | datetime.time) -> str:
    known = value.tzinfo is None or type(value.tzinfo) in (datetime.timezone, zoneinfo.ZoneInfo)
    return str(value) if known else ""


def _range(value: range) -> str:
    return f"{_integer(value.start)} to {_integer(value.stop)} by {_integer(value.step)}"


def _path(value: pathlib.PurePath) -> str:
    return _literal(str(value))


def _items(value: Any) -> str:
    return count(len(value), "item") if value else "empty"


def _buffer(value: bytearray) -> str:
    return count(len(value), "byte")


def _function(value: types.FunctionType) -> str:
    code = value.__code__
    names = list(code.co_varnames[: min(code.co_argcount + code.co_kwonlyargcount, 6)])
    if code.co_argcount + code.co_kwonlyargcount > 6:
        names.append("…")
    return printable(f"{value.__name__}({', '.join(names)})")


def _called(value: types.BuiltinFunctionType) -> str:
    return printable(value.__name__)


_LITERALS: dict[type, Callable[[Any], str]] = {
    type(None): repr,
    type(...): repr,
    type(NotImplemented): repr,
    bool: repr,
    int: _integer,
    float: repr,
    complex: repr,
    str: _text,
    bytes: _bytes,
    decimal.Decimal: _decimal,
    fractions.Fraction: _fraction,
    datetime.date: str,
    datetime.datetime: _moment,
    datetime.time: _moment,
    datetime.timedelta: str,
    uuid.UUID: str,
    pathlib.PosixPath: _path,
    pathlib.PurePosixPath: _path,
    pathlib.WindowsPath: _path,
    pathlib.PureWindowsPath: _path,
    range: _range,
    types.FunctionType: _function,
    types.BuiltinFunctionType: _called,
}
_WORDS = frozenset(_LITERALS)
_SMALL = (list, tuple, dict, set)
for _exact in (list, tuple, dict, set, frozenset, OrderedDict, defaultdict, Counter, deque):
    _LITERALS[_exact] = _items
_LITERALS[array.array] = _items
_LITERALS[bytearray] = _buffer

_PLAIN = {
    decimal.Decimal,
    fractions.Fraction,
    datetime.date,
    datetime.datetime,
    datetime.time,
    datetime.timedelta,
    datetime.timezone,
    zoneinfo.ZoneInfo,
    uuid.UUID,
    pathlib.PosixPath,
    pathlib.PurePosixPath,
    pathlib.WindowsPath,
    pathlib.PureWindowsPath,
    range,
}

_SIZES: tuple[tuple[type, Callable[[Any], int]], ...] = (
    (dict, dict.__len__),
    (list, list.__len__),
    (tuple, tuple.__len__),
    (set, set.__len__),
    (frozenset, frozenset.__len__),
    (deque, deque.__len__),
)
