"""Weak references and the collections made of them.

What is referred to is saved with the reference, and so is in its component. It lives on after
loading if anything else that was loaded holds it; otherwise the reference comes back dead, as it
would be if its target had only been held from outside.
"""

from __future__ import annotations

import weakref
from typing import Any

from pod.podding.rebuild import fill_weak_set, make_dead_reference, make_weak_proxy

_SOURCES = ("__dir__", "__repr__", "__str__", "__hash__")


def reduce_reference(obj: Any) -> tuple[Any, ...]:
    """Any kind of `weakref.ref`."""
    if obj.__callback__ is not None:
        raise TypeError("a weak reference with a callback, which loading could set off")
    target = obj()
    attributes = getattr(obj, "__dict__", None)
    if target is None:
        return make_dead_reference, (type(obj),), attributes
    return type(obj), (target,), attributes


def reduce_method_reference(obj: Any) -> tuple[Any, ...]:
    method = obj()
    if method is None:
        return make_dead_reference, (weakref.WeakMethod,)
    return weakref.WeakMethod, (method,)


def _reduce_proxy(obj: Any) -> tuple[Any, ...]:
    return make_weak_proxy, (_target(obj),)


def _target(proxy: Any) -> Any:
    """What a proxy stands for; any method that it passes on is bound to it."""
    for name in _SOURCES:
        target = getattr(getattr(proxy, name), "__self__", None)
        if any(each is proxy for each in weakref.getweakrefs(target)):
            return target
    raise TypeError("a weak proxy whose object cannot be told")


def _reduce_mapping(obj: Any) -> tuple[Any, ...]:
    return type(obj), (), None, None, iter(list(obj.items()))


def _reduce_set(obj: Any) -> tuple[Any, ...]:
    return type(obj), (), list(obj), None, None, fill_weak_set


def _reduce_finalizer(obj: Any) -> Any:
    if obj.alive:
        raise TypeError("a finalizer, which the interpreter would run for its copy too")
    return obj.__reduce_ex__(5)


REDUCERS = {
    weakref.ReferenceType: reduce_reference,
    weakref.WeakMethod: reduce_method_reference,
    weakref.ProxyType: _reduce_proxy,
    weakref.CallableProxyType: _reduce_proxy,
    weakref.WeakKeyDictionary: _reduce_mapping,
    weakref.WeakValueDictionary: _reduce_mapping,
    weakref.WeakSet: _reduce_set,
    weakref.finalize: _reduce_finalizer,
}
