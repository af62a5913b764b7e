"""Reducers for objects of the language itself that pickle refuses, or makes something else of."""

from __future__ import annotations

import functools
import importlib
import inspect
import types
import typing
from typing import Any

from pod.podding.atoms import imported_module
from pod.podding.rebuild import make_cache, make_cached_property, make_property, make_type_var


def _reduce_property(obj: property) -> tuple[Any, ...]:
    return make_property, (obj.fget, obj.fset, obj.fdel, obj.__doc__)


def _reduce_wrapped(obj: Any) -> tuple[Any, ...]:
    # The instance dictionary of a classmethod only mirrors its function's.
    return type(obj), (obj.__func__,)


def _reduce_method(obj: types.MethodType) -> tuple[Any, ...]:
    """By its name where that finds it: the function then stays the class's, which has to be whole
    before its instances are."""
    owner, name = obj.__self__, obj.__func__.__name__
    found = inspect.getattr_static(owner if isinstance(owner, type) else type(owner), name, None)
    if getattr(found, "__func__", found) is obj.__func__:
        return getattr, (owner, name)
    return types.MethodType, (obj.__func__, owner)


def _reduce_mapping_proxy(obj: Any) -> tuple[Any, ...]:
    return types.MappingProxyType, (dict(obj),)


def _reduce_module(obj: types.ModuleType) -> tuple[Any, ...]:
    if not imported_module(obj):
        raise TypeError("a module that was made by hand is found by no name")
    return importlib.import_module, (obj.__name__,)


def _reduce_cache(obj: Any) -> tuple[Any, ...]:
    """An `lru_cache` starts empty again: what it holds cannot be read, and is remade on demand."""
    options = obj.cache_parameters()
    attributes = {k: v for k, v in vars(obj).items() if k != "cache_parameters"}
    return make_cache, (obj.__wrapped__, options["maxsize"], options["typed"], attributes)


def _reduce_type_var(obj: typing.TypeVar) -> tuple[Any, ...]:
    flags = {
        "covariant": obj.__covariant__,
        "contravariant": obj.__contravariant__,
    }
    return make_type_var, (obj.__name__, obj.__bound__, obj.__constraints__, flags, obj.__module__)


def _reduce_cached_property(obj: Any) -> tuple[Any, ...]:
    return make_cached_property, (obj.func, obj.attrname, obj.__doc__)


def _reduce_memoryview(obj: memoryview) -> tuple[Any, ...]:
    base: Any = obj.obj
    if obj.format == "B" and obj.ndim == 1 and obj.contiguous and obj.nbytes == len(base):
        return memoryview, (base,)
    raise TypeError("cannot pickle a memoryview of a part of its object")


REDUCERS = {
    property: _reduce_property,
    classmethod: _reduce_wrapped,
    staticmethod: _reduce_wrapped,
    types.MethodType: _reduce_method,
    types.MappingProxyType: _reduce_mapping_proxy,
    types.ModuleType: _reduce_module,
    functools._lru_cache_wrapper: _reduce_cache,
    functools.cached_property: _reduce_cached_property,
    typing.TypeVar: _reduce_type_var,
    memoryview: _reduce_memoryview,
}
