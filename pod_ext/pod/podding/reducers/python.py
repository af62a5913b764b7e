"""Reducers for objects of the language itself that pickle refuses, or makes something else of."""

from __future__ import annotations

import functools
import gc
import importlib
import inspect
import io
import sys
import types
import typing
from typing import Any

from pod.podding.atoms import importable, imported_module
from pod.podding.rebuild import (
    make_cache,
    make_cached_property,
    make_module,
    make_property,
    make_type_var,
    make_typing,
    method_of,
    set_module_state,
)
from pod.podding.reducers import weak
from pod.podding.reducers.code import own_text
from pod.podding.reducers.views import reduce_memoryview


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
        return method_of, (owner, own_text(name))
    return types.MethodType, (obj.__func__, owner)


def _reduce_mapping_proxy(obj: Any) -> tuple[Any, ...]:
    [mapping] = gc.get_referents(obj)
    for found in (mapping.get(name) for name in ("__dict__", "__weakref__")):
        cls = getattr(found, "__objclass__", None)
        if isinstance(cls, type) and gc.get_referents(vars(cls))[0] is mapping:
            return vars, (cls,)
    return types.MappingProxyType, (mapping,)


def _reduce_super(obj: Any) -> tuple[Any, ...]:
    # Not by `obj.__self__`, which could be an attribute of the object's own classes.
    return super, (_part_of_super["__thisclass__"](obj), _part_of_super["__self__"](obj))


_part_of_super = {name: vars(super)[name].__get__ for name in ("__thisclass__", "__self__")}


def _reduce_comparison(obj: Any) -> tuple[Any, ...]:
    """`functools.cmp_to_key(...)`, and not what calling that gives, which holds an object too."""
    [compare] = [each for each in gc.get_referents(obj) if each is not type(obj)]
    return functools.cmp_to_key, (compare,)


def _reduce_module(obj: types.ModuleType) -> tuple[Any, ...]:
    if not imported_module(obj):
        state = dict(vars(obj))
        name = state.get("__name__", "")
        return make_module, (str(name),), state, None, None, set_module_state
    return importlib.import_module, (obj.__name__,)


class ModuleVars:
    """Stands for the dictionary of a module made by hand, as a function's globals."""

    def __init__(self, module: types.ModuleType) -> None:
        self.module = module


def module_vars(namespace: dict[str, Any]) -> ModuleVars | None:
    """For the dictionary of a module that is not found by importing it, None for other ones."""
    if type(namespace) is dict and "__spec__" in namespace and "__loader__" in namespace:
        for found in gc.get_referrers(namespace):
            if type(found) is types.ModuleType and vars(found) is namespace:
                return ModuleVars(found)
    return None


def _reduce_module_vars(obj: ModuleVars) -> tuple[Any, ...]:
    return vars, (obj.module,)


def _reduce_cache(obj: Any) -> tuple[Any, ...]:
    """An `lru_cache` starts empty again: what it holds cannot be read, and is remade on demand."""
    options = obj.cache_parameters()
    attributes = {k: v for k, v in vars(obj).items() if k != "cache_parameters"}
    return make_cache, (obj.__wrapped__, options["maxsize"], options["typed"], attributes)


def _in_its_module(obj: Any) -> bool:
    """Whether importing its module finds it, as the ones of `typing` itself."""
    name = obj.__module__
    found = sys.modules.get(name) if name not in ("__main__", "__mp_main__") else None
    return found is not None and getattr(found, obj.__name__, None) is obj


def _variance(obj: Any) -> dict[str, Any]:
    flags = {"covariant": obj.__covariant__, "contravariant": obj.__contravariant__}
    if getattr(obj, "__infer_variance__", False):
        flags["infer_variance"] = True
    return flags | _default(obj)


def _default(obj: Any) -> dict[str, Any]:
    return {"default": obj.__default__} if sys.version_info >= (3, 13) and obj.has_default() else {}


def _reduce_type_var(obj: typing.TypeVar) -> Any:
    if _in_its_module(obj):
        return obj.__name__
    flags = _variance(obj)
    return make_type_var, (obj.__name__, obj.__bound__, obj.__constraints__, flags, obj.__module__)


def _reduce_param_spec(obj: typing.ParamSpec) -> Any:
    if _in_its_module(obj):
        return obj.__name__
    options = _variance(obj) | {"bound": obj.__bound__}
    return make_typing, ("ParamSpec", obj.__module__, (obj.__name__,), options)


def _reduce_type_var_tuple(obj: Any) -> Any:
    if _in_its_module(obj):
        return obj.__name__
    return make_typing, ("TypeVarTuple", obj.__module__, (obj.__name__,), _default(obj))


def _reduce_new_type(obj: Any) -> Any:
    if importable(obj):
        return obj.__qualname__
    arguments = (obj.__qualname__, obj.__supertype__)
    return make_typing, ("NewType", obj.__module__, arguments, {})


def _reduce_type_alias(obj: Any) -> Any:
    if _in_its_module(obj):
        return obj.__name__
    if _refers_to(obj.__value__, obj, set()):
        raise TypeError("a type alias that refers to itself cannot be made again")
    arguments = (obj.__name__, obj.__value__)
    return make_typing, (
        "TypeAliasType", obj.__module__, arguments, {"type_params": obj.__type_params__},
    )  # fmt: skip


def _refers_to(value: Any, alias: Any, seen: set[int]) -> bool:
    if value is alias:
        return True
    if id(value) in seen:
        return False
    seen.add(id(value))
    inside = [*getattr(value, "__args__", ()), getattr(value, "__origin__", None)]
    if type(value) is type(alias):
        inside.append(value.__value__)
    return any(_refers_to(each, alias, seen) for each in inside)


def _reduce_cached_property(obj: Any) -> tuple[Any, ...]:
    name = obj.attrname and own_text(obj.attrname)
    return make_cached_property, (obj.func, name, obj.__doc__)


def _reduce_lazily_attributed(obj: Any) -> Any:
    """As `__reduce_ex__`; but whoever looks at its attributes, as `vars` does and Pod's guess of
    how long a look takes, gives it a dictionary by that, which is no change."""
    function, arguments, (*content, attributes), *rest = obj.__reduce_ex__(5)
    return function, arguments, (*content, attributes or None), *rest


_ALIAS = getattr(typing, "TypeAliasType", None)

REDUCERS: dict[Any, Any] = {
    io.BytesIO: _reduce_lazily_attributed,
    io.StringIO: _reduce_lazily_attributed,
    functools.partial: _reduce_lazily_attributed,
    property: _reduce_property,
    classmethod: _reduce_wrapped,
    staticmethod: _reduce_wrapped,
    types.MethodType: _reduce_method,
    types.MappingProxyType: _reduce_mapping_proxy,
    types.ModuleType: _reduce_module,
    functools._lru_cache_wrapper: _reduce_cache,
    functools.cached_property: _reduce_cached_property,
    typing.TypeVar: _reduce_type_var,
    typing.ParamSpec: _reduce_param_spec,
    typing.TypeVarTuple: _reduce_type_var_tuple,
    typing.NewType: _reduce_new_type,
    type(functools.cmp_to_key(max)): _reduce_comparison,
    super: _reduce_super,
    memoryview: reduce_memoryview,
    ModuleVars: _reduce_module_vars,
    **({_ALIAS: _reduce_type_alias} if _ALIAS else {}),
    **weak.REDUCERS,
}
