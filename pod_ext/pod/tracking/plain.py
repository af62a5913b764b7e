"""Which objects are plain: of types known by name, and made of nothing that has code of anyone's.

Whatever reads, compares, counts, sorts or shows a plain object runs code of the interpreter and of
known libraries only. This is found out by looking at exact types. Nothing is asked of an object
whose type is not known, and no library is imported.
"""

from __future__ import annotations

import collections
import datetime
import decimal
import functools
import sys
import types
import uuid
import weakref
import zoneinfo
from collections.abc import Iterable
from typing import Any

from pod.tracking.kinds import types_in

SCALARS: frozenset[type] = frozenset(
    {
        int, float, complex, bool, str, bytes, range,
        type(None), type(Ellipsis), type(NotImplemented),
        decimal.Decimal, datetime.date, datetime.timedelta, uuid.UUID,
    }
)  # fmt: skip
"""Types of the interpreter's whose objects cannot change, all of whose methods only read."""

SEQUENCES: frozenset[type] = frozenset({list, tuple, set, frozenset, collections.deque})
MAPPINGS: frozenset[type] = frozenset({dict, collections.Counter, collections.OrderedDict})

_TIMED = (datetime.datetime, datetime.time)
_TIME_ZONES = frozenset({datetime.timezone, zoneinfo.ZoneInfo})
_ZONE_PACKAGES = frozenset({"pytz", "dateutil"})
_NUMPY_CODES = "?bhilqpBHILQPefdgFDGSUmM"
_PANDAS_DTYPES = frozenset({"BooleanDtype", "Float32Dtype", "Float64Dtype", "PeriodDtype"}) | {
    f"{sign}Int{bits}Dtype" for sign in ("", "U") for bits in (8, 16, 32, 64)
}
"""Of pandas' own dtypes, those whose arrays hold numbers."""

_DEPTH = 6
_IN_CONTAINERS = 20_000
"""How many objects are looked at in lists, dictionaries and their kin: about 1 ms."""
_IN_ARRAYS = 20_000_000
"""How many Python objects are looked at in arrays: 10 to 20 ns each."""


def library(module: str, name: str) -> Any:
    """A class or function of a library that has been imported by now; None if it has not."""
    return vars(sys.modules[module]).get(name) if module in sys.modules else None


def is_scalar(value: object) -> bool:
    """Whether this object cannot change, whoever calls its methods."""
    kind = type(value)
    if kind in SCALARS or kind in _numpy_scalars():
        return True
    if kind in _TIMED:
        return _is_plain_zone(value.tzinfo)  # type: ignore[attr-defined]
    if _package(kind) == "pandas":
        if kind is library("pandas", "Timestamp"):
            return _is_plain_zone(value.tzinfo)  # type: ignore[attr-defined]
        return kind is library("pandas", "Timedelta") or (
            value is library("pandas", "NaT") or value is library("pandas", "NA")
        )
    return False


def _is_plain_zone(zone: object) -> bool:
    kind = type(zone)
    return zone is None or kind in _TIME_ZONES or _package(kind) in _ZONE_PACKAGES


_MODULE_OF = type.__dict__["__module__"].__get__
"""Past what a class of classes may have to say."""


def module_of(cls: type) -> str:
    """The module that a class says it comes from."""
    module = _MODULE_OF(cls)
    return module if type(module) is str else ""


def package_of(module: object) -> str:
    """The package at the top of a module's name, '' for what is no name."""
    return module.partition(".")[0] if type(module) is str else ""


def _package(cls: type) -> str:
    return package_of(module_of(cls))


def is_known(cls: type) -> bool:
    """Whether a class is where it says that it comes from."""
    return library(module_of(cls), cls.__name__) is cls


def _numpy_scalars() -> frozenset[type]:
    return _scalars_of(sys.modules["numpy"]) if "numpy" in sys.modules else frozenset()


@functools.lru_cache(maxsize=1)
def _scalars_of(numpy: types.ModuleType) -> frozenset[type]:
    return frozenset(numpy.dtype(code).type for code in _NUMPY_CODES)


class Plain:
    """Says of objects whether they are plain.

    It remembers which arrays of Python objects were, until told that something may have changed.
    """

    def __init__(self) -> None:
        self._arrays: dict[int, weakref.ref[Any]] = {}

    def forget(self) -> None:
        """Something may have changed since."""
        self._arrays.clear()

    def is_plain(self, value: object) -> bool:
        """Whether an object and everything in it is plain, as far as that is soon found out."""
        return _Look(self._arrays).at(value, _DEPTH)

    def may_be_plain(self, value: object) -> bool:
        """The same, large arrays of Python objects not looked through."""
        return _Look(self._arrays, in_arrays=False).at(value, _DEPTH)


class _Look:
    """One look at one object, which ends when it has seen too much."""

    def __init__(self, arrays: dict[int, weakref.ref[Any]], *, in_arrays: bool = True) -> None:
        self._arrays = arrays
        self._in_arrays = in_arrays
        self._left = _IN_CONTAINERS

    def at(self, value: Any, depth: int) -> bool:
        if is_scalar(value):
            return True
        kind = type(value)
        if depth == 0:
            return False
        if kind in SEQUENCES:
            return self._all(value, depth - 1)
        if kind in MAPPINGS:
            # No instance has code; a `Counter` can have attributes, which nobody reads.
            return self._all(value, depth - 1) and self._all(dict.values(value), depth - 1)
        if kind is collections.defaultdict and depth == _DEPTH:
            # Not inside others: whoever is handed it may ask it for what it has not got.
            made_by = value.default_factory
            return type(made_by) in (type, types.FunctionType, type(None)) and (
                self._all(value, depth - 1) and self._all(dict.values(value), depth - 1)
            )
        if kind is slice:
            return self._all((value.start, value.stop, value.step), depth - 1)
        return self._at_library_s(value, kind, depth - 1)

    def _all(self, values: Iterable[Any], depth: int) -> bool:
        size = len(values)  # type: ignore[arg-type]
        if size > self._left:
            return False
        self._left -= size
        kinds = set(map(type, values))
        return kinds <= SCALARS or all(self.at(each, depth) for each in list(values))

    def _at_library_s(self, value: Any, kind: type, depth: int) -> bool:
        package = _package(kind)
        if package == "numpy":
            if kind is library("numpy", "ndarray"):
                return self._array(value, is_user_s=True)
            return issubclass(kind, library("numpy", "dtype"))
        if package == "pandas":
            if kind is library("pandas", "DataFrame") or kind is library("pandas", "Series"):
                return self._frame(value, depth)
            return self._index(value) or self._extension(value)
        if package == "polars":
            return _is_plain_polars(value, kind)
        return False

    def _array(self, array: Any, *, is_user_s: bool = False) -> bool:
        if not array.dtype.hasobject:
            return True
        known = self._arrays.get(id(array))
        if known is not None and known() is array:
            return True
        if array.dtype.names is not None:
            return False
        if not self._in_arrays:
            return True
        if array.size > _IN_ARRAYS:
            return False
        if not types_in(array) <= set(map(id, SCALARS | _numpy_scalars())):
            # Times have zones, and need to be looked at one by one.
            if array.size > self._left or not all(map(is_scalar, array.flat)):
                return False
            self._left -= array.size
        # NumPy does not resize what somebody refers to; those inside of frames nobody resizes.
        if not (is_user_s and array.flags.owndata):
            self._arrays[id(array)] = weakref.ref(array)
        return True

    # pandas: what frames are made of, past all that could run code.

    def _frame(self, frame: Any, depth: int) -> bool:
        attributes = vars(frame)
        manager = attributes["_mgr"]
        return (
            (not attributes.get("_attrs") or self.at(attributes["_attrs"], depth))
            and is_label(attributes.get("_name"))
            and all(map(self._index, manager.axes))
            and all(self._values(block.values) for block in manager.blocks)
        )

    def _index(self, index: Any) -> bool:
        kind = type(index)
        attributes = vars(index) if hasattr(kind, "__dict__") else {}
        if kind is library("pandas", "RangeIndex"):
            return is_label(attributes.get("_name"))
        if kind is library("pandas", "MultiIndex"):
            return all(map(is_label, index._names)) and all(map(self._index, index._levels))
        names = ("Index", "DatetimeIndex", "TimedeltaIndex", "CategoricalIndex", "PeriodIndex")
        return any(kind is library("pandas", name) for name in names) and (
            is_label(attributes.get("_name")) and self._values(attributes["_data"])
        )

    def _values(self, values: Any) -> bool:
        if type(values) is library("numpy", "ndarray"):
            return self._array(values)
        return self._extension(values)

    def _extension(self, values: Any) -> bool:
        """One of pandas' own arrays of another kind than NumPy's."""
        kind = type(values)
        if _package(kind) != "pandas" or not is_known(kind):
            return False
        dtype = values.dtype
        name = type(dtype).__name__
        if _package(type(dtype)) == "numpy":  # times without a zone
            return kind.__name__ in ("DatetimeArray", "TimedeltaArray")
        if name == "StringDtype":
            return dtype.storage == "pyarrow" or self._array(values._ndarray)
        if name == "CategoricalDtype":
            return self._index(dtype._categories)
        if name == "DatetimeTZDtype":
            return _is_plain_zone(dtype._tz)
        return name in _PANDAS_DTYPES and is_known(type(dtype))


def is_label(name: object) -> bool:
    """Whether a row's or column's name is a scalar, or a tuple of scalars."""
    return is_scalar(name) or (type(name) is tuple and all(map(is_scalar, name)))


def _is_plain_polars(value: Any, kind: type) -> bool:
    """Frames and columns without Python objects. What is lazy may hold functions, and cannot be
    looked into."""
    if kind is library("polars", "DataFrame"):
        dtypes = value.dtypes
    elif kind is library("polars", "Series"):
        dtypes = [value.dtype]
    else:
        return False
    return not any("Object" in str(dtype) for dtype in dtypes)
