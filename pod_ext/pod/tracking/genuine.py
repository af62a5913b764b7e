"""What can be known of live objects, classes and functions past all code of their own.

For the static check: whether a library's objects still do what the library has made them do, and
what is in an object that may only be looked at from outside.
"""

from __future__ import annotations

import collections
import sys
import types
from typing import Any

from pod.tracking.harmless import Kind
from pod.tracking.plain import (
    MAPPINGS,
    SCALARS,
    SEQUENCES,
    is_scalar,
    library,
    module_of,
    package_of,
)

NOTHING = object()
"""Instead of what is not there."""


def holds_scalars(value: object) -> bool:
    """Whether this is a container with nothing in it that can change."""
    kind = type(value)
    if kind in SEQUENCES:
        elements: list[Any] = [value]
    elif kind in MAPPINGS:
        elements = [value, dict.values(value)]  # type: ignore[arg-type]
    else:
        return False
    return all(len(each) <= 20_000 and set(map(type, each)) <= SCALARS for each in elements)


def in_class(cls: type, name: str) -> Any:
    """What a class has under a name, as it is there; else `NOTHING`."""
    for each in cls.__mro__:
        if name in vars(each):
            return vars(each)[name]
    return NOTHING


def in_instance(value: object, name: str) -> Any:
    """An attribute that is in the instance itself, or a constant of its class, of an object that
    looks for it there and does nothing else; else `NOTHING`."""
    constant = NOTHING
    for cls in _MRO_OF(type(value)):
        body = _BODY_OF(cls)
        if cls is not object and "__getattribute__" in body:
            return NOTHING
        if "__dict__" in body and type(body["__dict__"]) is not types.GetSetDescriptorType:
            return NOTHING
        if name in body and constant is NOTHING:
            if not is_scalar(body[name]):
                return NOTHING
            constant = body[name]
    try:
        attributes = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return NOTHING
    return attributes.get(name, constant) if type(attributes) is dict else NOTHING


_MRO_OF = type.__dict__["__mro__"].__get__
_BODY_OF = type.__dict__["__dict__"].__get__
"""Past what a class of classes may have to say."""


def pandas_classes() -> list[type]:
    """Frames, columns and indexes, once pandas has been imported."""
    names = (
        "DataFrame", "Series", "Index", "RangeIndex", "MultiIndex", "DatetimeIndex",
        "TimedeltaIndex", "CategoricalIndex", "PeriodIndex",
    )  # fmt: skip
    return [each for each in (library("pandas", name) for name in names) if each is not None]


def classes_of(kind: Kind) -> dict[str, list[type]]:
    """The classes of libraries that a value of a kind may be of, by package."""
    found = {}
    if kind in (Kind.PANDAS, Kind.PLAIN, Kind.GROUPS, Kind.PLOTTER, Kind.ACCESSOR):
        found["pandas"] = pandas_classes()
    if kind in (Kind.POLARS, Kind.PLAIN, Kind.LAZY):
        classes = [library("polars", name) for name in ("DataFrame", "Series", "LazyFrame")]
        found["polars"] = [each for each in classes if each is not None]
    return found


def is_data(name: str) -> bool:
    """Whether no object of pandas, and no other plain one, has an attribute of this name but those
    that are a column, a row's field or an element."""
    known = [list, dict, set, str, collections.deque, *pandas_classes()]
    known += [
        each
        for each in (
            library("numpy", "ndarray"),
            library("polars", "DataFrame"),
            library("polars", "Series"),
        )
        if each is not None
    ]
    return all(in_class(cls, name) is NOTHING for cls in known)


def comes_from(found: Any, *packages: str) -> bool:
    """Whether a function, class or descriptor is made by code of one of these packages."""
    kind = type(found)
    if kind in (classmethod, staticmethod):
        return comes_from(found.__func__, *packages)
    if kind is property:
        return comes_from(found.fget, *packages)
    if kind is types.FunctionType:
        return package_of(dict.get(found.__globals__, "__name__")) in packages
    if kind is types.BuiltinFunctionType or kind is type:
        return package_of(found.__module__) in packages
    if kind in _DESCRIPTORS:
        return package_of(found.__objclass__.__module__) in (*packages, "builtins")
    accessor = getattr(found, "_accessor", None) if kind.__name__ == "Accessor" else None
    if accessor is not None and package_of(module_of(accessor)) not in packages:
        return False
    package = package_of(module_of(kind))
    return package in packages or package.startswith("_cython") or kind in SCALARS


_DESCRIPTORS = (
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
)


def prints_by_itself() -> bool:
    """Whether no class of the notebook's takes what is printed."""
    return type(sys.stdout).__module__ != "__main__"


def formats_by_itself() -> bool:
    """Whether NumPy and pandas show numbers without code of the user's that does more than that."""
    options = library("pandas._config.config", "_global_config")
    if options is not None and not _only_formats(options["display"]["float_format"]):
        return False
    ask = library("numpy", "get_printoptions")
    return ask is None or not ask()["formatter"]


def _only_formats(formatter: Any) -> bool:
    if formatter is None or type(formatter) is types.BuiltinFunctionType:
        return True
    return type(formatter) is types.FunctionType and not (
        formatter.__code__.co_names or formatter.__closure__ or formatter.__defaults__
    )


def indexes_are_shared(value: object) -> bool:
    """Whether an object of pandas may have an index in common with another, of which the names can
    be changed, as before version 3."""
    version = library("pandas", "__version__")
    if type(version) is not str or int(version.partition(".")[0]) >= 3:
        return False
    return type(value) is not library("numpy", "ndarray") and type(value) not in _IMPORTED


_IMPORTED = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, type)
