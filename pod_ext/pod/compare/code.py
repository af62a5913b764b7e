"""How two functions, classes or modules differ.

Source text is shown where there is some: in `linecache`, where notebooks put their cells, or in the
function's file. What decides is the code object, since a file may have been edited since.
"""

from __future__ import annotations

import inspect
import linecache
import types
from collections import Counter
from typing import Any

from pod.compare.describe import printable, short, type_name
from pod.compare.difference import Difference, Line
from pod.compare.objects import compare_attributes, step
from pod.compare.text import unified
from pod.compare.walk import ATOMS, Report, Walk, same_atom, same_type

CALLABLES = (types.FunctionType, types.MethodType, types.BuiltinFunctionType)

_CODE = (
    "co_code",
    "co_names",
    "co_varnames",
    "co_freevars",
    "co_cellvars",
    "co_argcount",
    "co_posonlyargcount",
    "co_kwonlyargcount",
    "co_flags",
    "co_name",
    "co_exceptiontable",
)
_MACHINERY = frozenset(
    {
        "__abstractmethods__",
        "__annotate__",
        "__annotate_func__",
        "__annotations_cache__",
        "__dataclass_params__",
        "__dict__",
        "__firstlineno__",
        "__match_args__",
        "__module__",
        "__qualname__",
        "__slots__",
        "__static_attributes__",
        "__weakref__",
        "_abc_impl",
    }
)
"""Names in a class's `__dict__` that follow from the rest of it."""


def functions(walk: Walk, old: Any, new: Any) -> Difference | None:
    """Compare two functions: code, defaults, closure, annotations and attributes."""
    lines = _code_lines(walk, old.__code__, new.__code__)
    report = Report(walk, "function")
    for name in ("__name__", "__defaults__", "__kwdefaults__", "__annotations__"):
        report.pair(f".{name}", getattr(old, name), getattr(new, name))
    if old.__doc__ != new.__doc__ and not lines:
        report.pair(".__doc__", old.__doc__, new.__doc__)
    compare_attributes(report, _closure(old), _closure(new))
    compare_attributes(report, vars(old), vars(new))
    shown = printable(f"{new.__name__}{_signature(new.__code__)}")
    if _signature(old.__code__) != _signature(new.__code__):
        shown = printable(f"{old.__name__}{_signature(old.__code__)} → {shown}")
    code = ", code changed" if lines else ""
    more = ", defaults or other attributes changed" if report.counts() else ""
    return report.difference(shown + code + more, *lines)


def bound(walk: Walk, old: types.MethodType, new: types.MethodType) -> Difference | None:
    """Compare two bound methods: the function and the object it is bound to."""
    report = Report(walk, "object")
    report.pair(".__func__", old.__func__, new.__func__)
    report.pair(".__self__", old.__self__, new.__self__)
    return report.difference("bound method changed")


def builtins(walk: Walk, old: Any, new: Any) -> Difference | None:
    """Compare two functions written in C: by name, and what they are bound to."""
    report = Report(walk, "object")
    report.pair(".__qualname__", old.__qualname__, new.__qualname__)
    report.pair(".__module__", old.__module__, new.__module__)
    if not isinstance(old.__self__, types.ModuleType):
        report.pair(".__self__", old.__self__, new.__self__)
    return report.difference(f"{printable(old.__qualname__)} → {printable(new.__qualname__)}")


def classes(walk: Walk, old: type, new: type) -> Difference | None:
    """Compare two classes, or two versions of one: bases, methods and attributes."""
    if not same_type(old, new):
        names = [type_name(cls) for cls in (old, new)]
        if names[0] == names[1]:
            names = [f"{cls.__dict__.get('__module__')}.{type_name(cls)}" for cls in (old, new)]
        return Difference("class", printable(f"class {names[0]} → class {names[1]}"))
    report = Report(walk, "class")
    bases = [", ".join(type_name(base) for base in cls.__bases__) for cls in (old, new)]
    if bases[0] != bases[1]:
        report.note(f"bases: {bases[0]} → {bases[1]}")
    before, after = _members(old), _members(new)
    for name in before.keys() | after.keys():
        if any(_generated(cls, name) for cls in (old, new)):
            before.pop(name, None)
            after.pop(name, None)
    for name, member in before.items():
        if name not in after:
            report.remove(step(name), member)
            continue
        ours, theirs = member, after[name]
        wrapped = _unwrapped(ours), _unwrapped(theirs)
        if type(ours) is not type(theirs) or wrapped[0] is None or wrapped[1] is None:
            report.pair(step(name), ours, theirs)
            continue
        for part, function in wrapped[0].items():
            report.pair(step(name) + part, function, wrapped[1].get(part))
    for name, member in after.items():
        if name not in before:
            report.add(step(name), member)
    counts = report.counts("member")
    return report.difference(", ".join([f"class {type_name(new)}", *counts]))


def modules(walk: Walk, old: Any, new: Any) -> Difference | None:
    """Compare two modules by name and version."""
    spaces = [object.__getattribute__(module, "__dict__") for module in (old, new)]
    names = [space.get("__name__") for space in spaces]
    if names[0] != names[1]:
        return Difference("module", f"{short(old)} → {short(new)}")
    versions = [space.get("__version__") for space in spaces]
    if versions[0] is not versions[1] and all(type(each) in ATOMS for each in versions):
        texts = [short(each) for each in versions]
        if texts[0] != texts[1]:
            return Difference("module", f"{short(new)}: version {texts[0]} → {texts[1]}")
    return None


def codes(walk: Walk, old: types.CodeType, new: types.CodeType) -> Difference | None:
    """Compare two code objects."""
    lines = _code_lines(walk, old, new)
    return Difference("code", printable(f"{new.co_name}, code changed"), lines) if lines else None


def _members(cls: type) -> dict[str, Any]:
    return {
        name: member
        for name, member in list(cls.__dict__.items())
        if name not in _MACHINERY and type(member) is not types.GetSetDescriptorType
    }


def _generated(cls: type, name: str) -> bool:
    """Methods that dataclasses and named tuples write, and what repeats a dataclass's fields."""
    if "__dataclass_fields__" not in cls.__dict__ and "_fields" not in cls.__dict__:
        return False
    member = cls.__dict__.get(name)
    if name == "__annotations__":
        return "__dataclass_fields__" in cls.__dict__
    code = getattr(member, "__code__", None) if type(member) is types.FunctionType else None
    return code is not None and code.co_filename == "<string>"


def _unwrapped(member: Any) -> dict[str, Any] | None:
    """The functions inside a descriptor of the language's own, by their part of a path."""
    if type(member) in (staticmethod, classmethod):
        return {"": member.__func__}
    if type(member) is property:
        return {"": member.fget, ".setter": member.fset, ".deleter": member.fdel}
    return None


def _closure(function: Any) -> dict[str, Any]:
    found = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    return found


def _signature(code: types.CodeType) -> str:
    plain, keywords = code.co_argcount, code.co_kwonlyargcount
    names = list(code.co_varnames)
    rest = names[plain + keywords :]
    shown = names[:plain]
    if code.co_flags & inspect.CO_VARARGS:
        shown.append("*" + rest.pop(0))
    elif keywords:
        shown.append("*")
    shown += names[plain : plain + keywords]
    if code.co_flags & inspect.CO_VARKEYWORDS:
        shown.append("**" + rest.pop(0))
    return f"({', '.join(shown)})"


def _code_lines(walk: Walk, old: types.CodeType, new: types.CodeType) -> tuple[Line, ...]:
    """A diff of the sources of two pieces of code that differ, else of what they are made of."""
    before, after = _source(old), _source(new)
    if _same_code(old, new):
        if before is None or after is None or before == after:
            return ()
        lines = unified(before, after, 4 * walk.limit)[0]
        return (*lines, Line("note", "only comments or layout changed"))
    if before is not None and after is not None and before != after:
        return unified(before, after, 4 * walk.limit)[0]
    parts: list[Line] = []
    for what, ours, theirs in (
        ("arguments", [_signature(old)], [_signature(new)]),
        ("constants", _constants(old), _constants(new)),
        ("names used", list(old.co_names), list(new.co_names)),
        ("variables", list(old.co_varnames), list(new.co_varnames)),
    ):
        gone, come = Counter(ours) - Counter(theirs), Counter(theirs) - Counter(ours)
        for each in list(gone)[: walk.limit]:
            parts.append(Line("removed", printable(f"{what}: {each}")))
        for each in list(come)[: walk.limit]:
            parts.append(Line("added", printable(f"{what}: {each}")))
    sizes = [len(code.co_code) // 2 for code in (old, new)]
    parts.append(Line("note", f"source not at hand; instructions: {sizes[0]:,} → {sizes[1]:,}"))
    return tuple(parts)


def _source(code: types.CodeType) -> list[str] | None:
    """The lines `code` was made from, if what stands there is the definition of that name."""
    lines = linecache.getlines(code.co_filename)[code.co_firstlineno - 1 :]
    if not lines or code.co_firstlineno < 1:
        return None
    try:
        block = inspect.getblock(lines)
    except Exception:  # the file is another one by now, and no longer Python from there on
        return None
    text = inspect.cleandoc("\n" + "".join(block))
    mark = "lambda" if code.co_name == "<lambda>" else f"def {code.co_name}"
    return text.split("\n") if mark in text else None


def _same_code(old: types.CodeType, new: types.CodeType) -> bool:
    if any(getattr(old, name) != getattr(new, name) for name in _CODE):
        return False
    return _same_constants(old.co_consts, new.co_consts)


def _same_constants(old: Any, new: Any) -> bool:
    if type(old) is not type(new):
        return False
    if type(old) is types.CodeType:
        return _same_code(old, new)
    if type(old) is tuple:
        return len(old) == len(new) and all(map(_same_constants, old, new))
    if type(old) in ATOMS:
        return same_atom(old, new)
    if type(old) is frozenset:
        return {(type(item), item) for item in old} == {(type(item), item) for item in new}
    return bool(old == new)  # whatever else the compiler makes, such as a slice


def _constants(code: types.CodeType) -> list[str]:
    return [
        f"code of {each.co_name}" if isinstance(each, types.CodeType) else _constant(each)
        for each in code.co_consts
    ]


def _constant(value: Any) -> str:
    return short(value) if type(value) in ATOMS else repr(value)[:80]
