"""How long a look at some variables is likely to take: from the last time, or from their sizes.

A wrong guess costs a wait and nothing else: a look that takes longer than it was thought to is
given up and made elsewhere.
"""

from __future__ import annotations

import array
import ctypes
import io
import sys
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import chain, islice
from typing import Any

from pod.compare.describe import type_name
from pod.tracking.plain import library, module_of, package_of

_PER_BYTE = 1e-9
"""Seconds to hash and copy a byte of a buffer."""
_PER_TABLE_BYTE = 3e-9
"""Seconds to have Polars write a byte of a column, and to hash it."""
_PER_OBJECT = 5e-7
"""Seconds to examine a small object."""
_PER_ATOM = 1e-7
_PER_VARIABLE = 1e-5
"""Seconds to examine the smallest one."""
_AT_LEAST = 2e-6
_UNKNOWN = 0.1
"""Seconds for what is in memory whose size nothing tells, such as a model of XGBoost's. Like all
that a library writes in one go, it cannot be given up."""
_SAMPLE = 4
_NODES = 60
_DEPTH = 6
_REMEMBERED = 100_000

_CONTAINERS = frozenset({list, tuple, set, frozenset, deque, dict})
_ATOMS = frozenset({int, float, complex, bool, type(None)})
_WELL_KNOWN = _CONTAINERS | _ATOMS | {str, bytes, bytearray}
_bases = vars(type)["__mro__"].__get__
"""The classes that a class is made of, whatever its metaclass says."""
_SHORT = 0.003
"""Seconds of a look at which no type in it can be to blame."""


class Effort:
    """What looks at variables have cost, by name."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._slow: set[str] = set()
        """Names of types of which an object was in a look that took too long."""

    def exceeds(self, roots: Mapping[str, Any], rebound: Collection[str], limit: float) -> bool:
        """Whether looking at these probably takes more than so many seconds."""
        total = len(roots) * _PER_VARIABLE
        if total > limit:
            return True
        for name, value in roots.items():
            known = self._seconds.get(name)
            if known is None or name in rebound:
                if self._slow and type_name(type(value)) in self._slow:
                    return True
                total += max(known or 0.0, guess(value))
            else:
                total += known
            if total > limit:
                return True
        return False

    def note_too_long(self, roots: Mapping[str, Any], rebound: Collection[str]) -> None:
        """A look at these was thought to be short, and was not: one of these types is to blame,
        unless a look at an object of it turns out to be short."""
        for name in rebound & roots.keys():
            kind = type(roots[name])
            if kind not in _WELL_KNOWN and _of_library(kind) is None:
                self._slow.add(type_name(kind))

    def note(self, nbytes: Mapping[str, int], types: Collection[str], seconds: float) -> None:
        """A look at these, of these types, took so long, shared among them by their size."""
        if seconds < _SHORT:
            self._slow.difference_update(types)
        total = sum(nbytes.values()) or 1
        if len(self._seconds) > _REMEMBERED:
            self._seconds.clear()
        for name, size in nbytes.items():
            self._seconds[name] = seconds * size / total


def guess(value: Any) -> float:
    """Seconds that a look at an object takes, roughly, from a sample of what it is made of. Calls
    no code of the object's."""
    return _Guess().seconds(value, _DEPTH)


class _Guess:
    def __init__(self) -> None:
        self._left = _NODES
        self._of_kind: dict[type, tuple[Callable[[Any], float] | None, Any]] = {}
        """What guesses for a type's objects, and the container that they are."""

    def seconds(self, value: Any, depth: int) -> float:
        kind = type(value)
        if kind in _ATOMS:
            return _PER_ATOM
        if kind in (str, bytes, bytearray):
            return _PER_ATOM + len(value) * _PER_BYTE
        self._left -= 1
        if depth == 0 or self._left < 0:
            return _AT_LEAST
        if kind in _CONTAINERS:
            return _PER_OBJECT + self._held(value, kind, depth)
        if kind not in self._of_kind:
            self._of_kind[kind] = _of_library(kind), _container_in(kind)
        guesses, container = self._of_kind[kind]
        if guesses is not None:
            return _guessed_by(guesses, value)
        attributes = _attributes(value)
        inside = sum(self.seconds(each, depth - 1) for each in islice(attributes.values(), _NODES))
        held = 0.0 if container is None else self._held(value, container, depth)
        return _AT_LEAST + inside + held

    def _held(self, value: Any, container: Any, depth: int) -> float:
        """For what it holds as a container, by that one's own methods."""
        values = dict.values(value) if container is dict else container.__iter__(value)
        return self._sampled(values, container.__len__(value), depth)

    def _sampled(self, values: Iterable[Any], count: int, depth: int) -> float:
        sample = list(islice(values, _SAMPLE))
        if not sample:
            return 0.0
        return sum(self.seconds(each, depth - 1) for each in sample) * count / len(sample)


def _attributes(value: Any) -> Mapping[str, Any]:
    try:
        found = object.__getattribute__(value, "__dict__")
    except Exception:  # it has none
        return {}
    return found if type(found) is dict else {}


def _container_in(kind: type) -> Any:
    """The type of containers that this one is derived from, None if it is from none."""
    return next((base for base in _bases(kind) if base in _CONTAINERS), None)


def _of_library(kind: type) -> Callable[[Any], float] | None:
    """What guesses for objects of this very type, as far as its library is imported."""
    if kind in _STANDARD:
        return _STANDARD[kind]
    for module, names, guesses in _LIBRARIES.get(package_of(module_of(kind)), ()):
        if any(kind is library(module, name) for name in names):
            return guesses
    for module, name, guesses in _FAMILIES:
        base = library(module, name)
        if base is not None and any(each is base for each in _bases(kind)):
            return guesses
    return None


def _guessed_by(guesses: Callable[[Any], float], value: Any) -> float:
    try:
        return float(guesses(value))
    except Exception:  # another version of the library than those known
        return _AT_LEAST


def _array(values: Any) -> float:
    has_objects = values.dtype.hasobject
    return _PER_OBJECT + float(
        values.size * _PER_ATOM if has_objects else values.nbytes * _PER_BYTE
    )


def _frame(frame: Any) -> float:
    try:
        blocks = [block.values for block in frame._mgr.blocks]
    except Exception:  # another pandas than the ones known
        return _AT_LEAST + float(frame.size * _PER_ATOM)
    return sum(map(_column, blocks), 100 * _AT_LEAST)


def _column(values: Any) -> float:
    if hasattr(values, "dtype") and type(values).__module__ == "numpy":
        return _array(values)
    return _AT_LEAST + int(getattr(values, "nbytes", 0)) * _PER_BYTE


def _shapes(frame: Any) -> float:
    return _frame(frame) + len(frame) * _PER_OBJECT


def _extension(values: Any) -> float:
    return _array(values._ndarray)


def _memory(value: Any) -> float:
    return _AT_LEAST + sys.getsizeof(value) * _PER_BYTE


def _view(view: Any) -> float:
    return _AT_LEAST + int(view.nbytes) * _PER_BYTE


def _unknown(_: Any) -> float:
    return _UNKNOWN


def _image(image: Any) -> float:
    width, height = vars(image)["_size"]
    return _AT_LEAST + int(width) * int(height) * 4 * _PER_TABLE_BYTE


def _polars(table: Any) -> float:
    return _AT_LEAST + int(table.estimated_size()) * _PER_TABLE_BYTE


def _arrow(table: Any) -> float:
    # `nbytes` looks at each piece, which takes longer than to hash it where there are many.
    return _AT_LEAST + int(table.get_total_buffer_size()) * _PER_BYTE


def _tensor(tensor: Any) -> float:
    return _AT_LEAST + int(tensor.untyped_storage().nbytes()) * _PER_BYTE


_LIBRARIES: Mapping[str, tuple[tuple[str, tuple[str, ...], Callable[[Any], float]], ...]] = {
    "numpy": (("numpy", ("ndarray",), _array),),
    "pandas": (
        ("pandas", ("DataFrame", "Series"), _frame),
        ("pandas", ("Categorical",), _extension),
        (
            "pandas.arrays",
            ("DatetimeArray", "NumpyExtensionArray", "PeriodArray", "StringArray",
             "TimedeltaArray"),
            _extension,
        ),
    ),
    "geopandas": (("geopandas", ("GeoDataFrame", "GeoSeries"), _shapes),),
    "polars": (("polars", ("DataFrame", "Series"), _polars),),
    "pyarrow": (("pyarrow", ("Table", "RecordBatch", "ChunkedArray"), _arrow),),
    "torch": (("torch", ("Tensor",), _tensor), ("torch.nn", ("Parameter",), _tensor)),
}  # fmt: skip
"""By the package: module, types, and what guesses for them; a look at one is not interrupted in the
middle."""

_FAMILIES: tuple[tuple[str, str, Callable[[Any], float]], ...] = (
    ("PIL.Image", "Image", _image),
    ("keras", "Model", _unknown),
)
"""Module, type, and what guesses for all that are derived from it."""

_STANDARD: dict[type, Callable[[Any], float]] = {
    array.array: _memory,
    io.BytesIO: _memory,
    io.StringIO: _unknown,  # what was written at last is in no size it tells
    memoryview: _view,
    ctypes.c_void_p: _unknown,
}
"""The same for types of the standard library's."""


def total_bytes(components: Iterable[Any]) -> int:
    """Bytes of payloads and buffers of components."""
    return sum(pod.nbytes for pod in chain.from_iterable(each.pods for each in components))
