"""How two instances differ: their attributes, and for types written in C what they pickle as.

Attributes are read past every property and `__getattr__`. The two exceptions that do call a class's
own code are `get_params` of estimators and the `__reduce_ex__` of types with state of their own,
which each save calls as well.
"""

from __future__ import annotations

import copyreg
import enum
import inspect
import types
import weakref
from collections.abc import Sequence
from itertools import islice
from typing import Any, NamedTuple

from pod.compare.describe import printable, short, type_name
from pod.compare.difference import Difference, Line
from pod.compare.walk import Report, Walk

_ABSENT = object()
_POINTER = 8
_ITEMS = 10_000
"""Items taken from the iterators of a `__reduce_ex__`."""


def attributes(value: object) -> dict[str, Any]:
    """What `value` holds in its `__dict__` and its slots, by name."""
    found: dict[str, Any] = {}
    for name, member in _layout(type(value)).slots:
        try:
            found[name] = member.__get__(value)
        except AttributeError:  # a slot that was never filled
            found.pop(name, None)
    try:
        inside = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return found
    return found | inside if type(inside) is dict else found


def has_hidden_state(cls: type) -> bool:
    """Whether values of `cls` may hold more than their `__dict__` and slots show."""
    return _layout(cls).hidden


class _Layout(NamedTuple):
    """Where instances of a class keep what they hold."""

    cls: weakref.ref[type]
    slots: tuple[tuple[str, Any], ...]
    hidden: bool


_layouts: dict[int, _Layout] = {}  # by the class's id: a metaclass may have a `__hash__` of its own


def _layout(cls: type) -> _Layout:
    key = id(cls)
    known = _layouts.get(key)
    if known is not None and known.cls() is cls:
        return known
    slots = tuple(
        (name, member)
        for base in reversed(cls.__mro__)
        for name, member in list(base.__dict__.items())
        if type(member) is types.MemberDescriptorType
    )
    places = len(slots) + (cls.__dictoffset__ > 0) + (cls.__weakrefoffset__ > 0)
    size = object.__basicsize__ + _POINTER * places
    hidden = bool(cls.__itemsize__) or cls.__basicsize__ > size
    forget = weakref.ref(cls, lambda _: _layouts.pop(key, None))
    _layouts[key] = _Layout(forget, slots, hidden)
    return _layouts[key]


def is_estimator(cls: type) -> bool:
    """Whether `cls` follows scikit-learn's convention of parameters and fitted attributes."""
    return isinstance(inspect.getattr_static(cls, "get_params", None), types.FunctionType)


def instances(walk: Walk, old: Any, new: Any) -> Difference | None:
    """Compare two instances of one class, or of two versions of it."""
    report = Report(walk, "object")
    compare_attributes(report, attributes(old), attributes(new))
    if not report.counts() and has_hidden_state(type(old)):
        return hidden_state(walk, old, new)
    return report.difference(", ".join([type_name(type(new)), *report.counts("attribute")]))


def estimators(walk: Walk, old: Any, new: Any) -> Difference | None:
    """Compare two estimators: their parameters, then what fitting them left behind."""
    report = Report(walk, "estimator")
    try:
        params = old.get_params(deep=False), new.get_params(deep=False)
    except Exception:  # a class that only looks like one
        params = {}, {}
    if not all(type(each) is dict for each in params):
        params = {}, {}
    compare_attributes(report, *params)
    headline = [type_name(type(new)), *report.counts("parameter")]
    told = report.added, report.removed, report.changed
    rest = [
        {name: item for name, item in attributes(value).items() if name not in known}
        for value, known in zip((old, new), params, strict=True)
    ]
    for fitted, noun in ((True, "fitted attribute"), (False, "attribute")):
        chosen = [{k: v for k, v in each.items() if k.endswith("_") is fitted} for each in rest]
        compare_attributes(report, chosen[0], chosen[1])
        now = report.added, report.removed, report.changed
        headline += _counted(told, now, noun)
        told = now
    if not report.counts() and has_hidden_state(type(old)):
        return hidden_state(walk, old, new)
    return report.difference(", ".join(headline))


def enumerations(walk: Walk, old: Any, new: Any) -> Difference | None:
    """Compare two members of an enumeration, by name and then by value."""
    before, after = (attributes(value) for value in (old, new))
    if before.get("_name_") != after.get("_name_"):
        return Difference("enum", f"{short(old)} → {short(new)}")
    report = Report(walk, "enum")
    report.pair(".value", before.get("_value_"), after.get("_value_"))
    return report.difference(f"{short(new)} has another value")


def compare_attributes(report: Report, old: dict[str, Any], new: dict[str, Any]) -> None:
    """Compare by name; names of attributes that a restored class no longer has count as removed."""
    for name, before in old.items():
        after = new.get(name, _ABSENT)
        if after is _ABSENT:
            report.remove(step(name), before)
        else:
            report.pair(step(name), before, after)
    for name, after in new.items():
        if name not in old:
            report.add(step(name), after)


def step(name: Any) -> str:
    """The attribute's part of a path."""
    return f".{name}" if type(name) is str and name.isidentifier() else f".{short(name)}"


def hidden_state(walk: Walk, old: Any, new: Any) -> Difference | None:
    """Compare what two values pickle as. What cannot be pickled can only be said to be another."""
    parts = _reduced(old), _reduced(new)
    if parts[0] is None or parts[1] is None:
        return unreadable(walk, old)
    before, after = ((*part[:2], *_taken(walk, part)) for part in parts if part)
    return _parts(walk, new, before, after)


def built_from(walk: Walk, old: Any, new: Any) -> Difference | None:
    """Compare two containers of one content by the arguments and state they pickle as.

    Sets are left out: they pickle as a list of their items in no order of meaning.
    """
    if issubclass(type(old), set | frozenset):
        return None
    parts = _reduced(old), _reduced(new)
    if parts[0] is None or parts[1] is None:
        return None
    return _parts(walk, new, parts[0][:2], parts[1][:2])


def _parts(
    walk: Walk, new: Any, old_parts: Sequence[Any], new_parts: Sequence[Any]
) -> Difference | None:
    report = Report(walk, "object")
    for name, before, after in zip(_PARTS, old_parts, new_parts, strict=False):
        if type(before) is dict and type(after) is dict and name == "":
            compare_attributes(report, before, after)
        else:
            report.pair(name, before, after)
    return report.difference(", ".join([type_name(type(new)), *report.counts("part")]))


def unreadable(walk: Walk, value: Any) -> Difference | None:
    """The answer for two values of one type into which there is no looking.

    Inside something else it is None: two locks are always two, and say nothing about what changed.
    """
    if not walk.at_root:
        return None
    note = Line("note", "changed, but its content has no readable form")
    return Difference("opaque", printable(type_name(type(value))), (note,))


_PARTS = (" as built from", "", " items", " pairs")


def _reduced(value: Any) -> tuple[Any, Any, Any, Any] | None:
    """Arguments, state, items and pairs; None if there is no more than a name, or nothing."""
    reduce = copyreg.dispatch_table.get(type(value))
    try:
        parts = reduce(value) if reduce is not None else value.__reduce_ex__(4)
    except Exception:
        return None
    if type(parts) is not tuple or not 2 <= len(parts) <= 6:
        return None
    arguments, state, items, pairs = (*parts[1:5], None, None, None)[:4]
    if type(arguments) is tuple and arguments and issubclass(type(arguments[0]), type):
        arguments = arguments[1:]  # the class itself, for copyreg's __newobj__
    return arguments, state, items, pairs


def _taken(walk: Walk, parts: tuple[Any, Any, Any, Any]) -> list[Any]:
    """The items and pairs, from their iterators, as far as they are looked at."""
    taken = [None if each is None else list(islice(each, _ITEMS)) for each in parts[2:]]
    walk.stopped |= any(each is not None and len(each) == _ITEMS for each in taken)
    return taken


def _counted(before: tuple[int, ...], now: tuple[int, ...], noun: str) -> list[str]:
    changes = zip(("added", "removed", "changed"), before, now, strict=True)
    return [f"{b - a:,} {noun}{'s' * (b - a != 1)} {word}" for word, a, b in changes if b > a]


def is_enumeration(cls: type) -> bool:
    """Whether values of `cls` are members of an `enum.Enum`."""
    return issubclass(cls, enum.Enum)
