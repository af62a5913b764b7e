"""What `object.__reduce_ex__` and the interpreter's exceptions leave out, or get wrong."""

from __future__ import annotations

import contextlib
import copyreg
import types
from typing import Any

from pod.podding import models
from pod.podding.atoms import importable, is_static
from pod.podding.rebuild import (
    make_exception,
    new_instance,
    set_exception_links,
    set_exception_state,
    set_instance_state,
)
from pod.podding.reducers import saveables

_REDUCTION = ("__reduce__", "__reduce_ex__", "__getstate__", "__setstate__")
CALLING_NEW = getattr(copyreg, "__newobj__")  # noqa: B009  (a class would mangle the name)
"""What most reductions begin with."""


def completed(obj: Any, kind: type, reduced: Any) -> Any:
    """What an object's own reduction gave, so that it is restored as it is now."""
    if isinstance(reduced, str) or type(reduced) is not tuple:
        return reduced
    if issubclass(kind, BaseException):
        return _reduce_exception(obj, kind, reduced)
    if len(reduced) == 2 and models.is_struct(kind) and getattr(obj, "__dict__", None):
        return *reduced, obj.__dict__  # msgspec leaves it out
    if saveables.is_saveable(reduced):
        return saveables.with_own_parts(obj, reduced)
    if len(reduced) < 2 or reduced[0] is not CALLING_NEW:
        return reduced
    if _needs_new(kind) or _hides(obj, kind):
        # And pickle would insist on the class that the object claims.
        reduced = (new_instance, *reduced[1:])
    if len(reduced) > 2 and reduced[2] is not None and _answers_anything(kind):
        state, *items = reduced[2:]
        reduced = (*reduced[:2], state, *items, *(None,) * (2 - len(items)), set_instance_state)
    return reduced


def is_complete(kind: type) -> bool:
    """Whether `completed` leaves all as it is that begins with `CALLING_NEW`, for any object of
    this type."""
    ways = ("__class__", "__getattribute__", "__reduce__", "__reduce_ex__")
    return (
        all(name not in base.__dict__ for base in kind.__mro__[:-1] for name in ways)
        and not issubclass(kind, BaseException)
        and not _needs_new(kind)
        and not _answers_anything(kind)
    )


def by_value(obj: Any, kind: type) -> tuple[Any, ...]:
    """An object that says it is found by its name, which is a variable's: made of its state."""
    return new_instance, (kind,), object.__getstate__(obj), None, None, set_instance_state


def _needs_new(kind: type) -> bool:
    """Whether the class may be half made when its `__new__` is called, which may want other
    arguments."""
    return type(kind.__new__) is types.FunctionType and not importable(kind)


def _hides(obj: Any, kind: type) -> bool:
    """Whether an object claims to be of another class than it is."""
    try:
        return obj.__class__ is not kind
    except Exception:
        return True


def _answers_anything(kind: type) -> bool:
    """Whether unpickling would ask an empty instance's `__getattr__` for a `__setstate__`."""
    return _defined(kind, "__getattr__") and not _defined(kind, "__setstate__")


def _defined(kind: type, name: str) -> bool:
    return any(name in base.__dict__ for base in kind.__mro__)


# --- exceptions -----------------------------------------------------------------------------------


def _reduce_exception(error: BaseException, kind: type, reduced: tuple[Any, ...]) -> Any:
    """Without calling `__init__`, whose arguments need not be those that the exception has."""
    links = _links(error)
    own_classes = [base for base in kind.__mro__ if not is_static(base)]
    if any(name in base.__dict__ for base in own_classes for name in _REDUCTION):
        return _linked(reduced, links) if links else reduced
    fields = _fields(error, kind)
    arguments: tuple[Any, ...] = ()
    if issubclass(kind, BaseExceptionGroup):
        arguments = (fields.pop("message"), fields.pop("exceptions"))
    fields |= {"args": error.args, **links}
    return (
        make_exception,
        (kind, *arguments),
        (vars(error), fields),
        None,
        None,
        set_exception_state,
    )


def _fields(error: BaseException, kind: type) -> dict[str, Any]:
    """What it has beside its dictionary, such as an `OSError` its number."""
    found = {}
    for base in kind.__mro__:
        for name, descriptor in base.__dict__.items():
            if type(descriptor) is types.MemberDescriptorType and name != "__suppress_context__":
                with contextlib.suppress(AttributeError):  # not set
                    found[name] = descriptor.__get__(error, kind)
    return {name: value for name, value in found.items() if value is not None}


def _links(error: BaseException) -> dict[str, Any]:
    """What raising it has left, its traceback apart: that is made of frames."""
    cause, context = error.__cause__, error.__context__
    if cause is None and context is None and not error.__suppress_context__:
        return {}
    return {
        "__cause__": cause,  # first: setting it suppresses the context
        "__context__": context,
        "__suppress_context__": error.__suppress_context__,
    }


def _linked(reduced: tuple[Any, ...], links: dict[str, Any]) -> tuple[Any, ...]:
    padded: Any = (*reduced, *(None,) * (6 - len(reduced)))
    function, arguments, state, items, pairs, setter = padded
    return function, arguments, (state, setter, links), items, pairs, set_exception_links
