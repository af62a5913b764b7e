"""How two versions of one variable's value differ, in the terms of its type.

`compare` is the way in. It walks both values side by side: containers here, everything else in the
module for its kind (`text`, `data`, `frames`, `code`,
`objects`). Values are never changed, and no `__eq__`, `__repr__` or property of the user's
is called; whatever is raised on the way becomes a remark in the result.
"""

from __future__ import annotations

import array
import types
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import Any

from pod.compare import code, data, frames, objects
from pod.compare.align import Keys, aligned
from pod.compare.describe import (
    describe,
    is_plain,
    is_sparse,
    library,
    printable,
    short,
    type_name,
)
from pod.compare.difference import Difference, Line, pruned
from pod.compare.text import binaries, change, texts
from pod.compare.walk import ATOMS, Report, Walk, same_atom, same_type

__all__ = ["Difference", "Line", "compare"]

_ABSENT = object()
_TRIALS = 30
"""Elements without a content key up to which a set's are tried one against the other."""
_TOTAL = 20
"""Times `limit`: differences reported over all levels."""


def compare(old: object, new: object, *, limit: int = 10) -> Difference | None:
    """How `new` differs from `old`; None when there is no difference that can be seen.

    `limit` bounds the details of each level of the result. Work is bounded too, and the result says
    when it stopped. Nothing is raised, whatever the values are, short of what interrupts a program.
    """
    limit = max(limit, 1)
    walk = Walk(limit, _between)
    found = walk.pair("", old, new)
    stopped = Line("note", "too large to compare in full: there may be more differences")
    if found is None:
        if not walk.stopped:
            return None
        name, summary = describe(new)
        return Difference("unknown", f"{name} {summary}, no difference found so far", (stopped,))
    found = pruned(found, _TOTAL * limit)
    if walk.stopped:
        return replace(found, lines=(*found.lines, stopped))
    return found


def _between(walk: Walk, old: Any, new: Any) -> Difference | None:
    before, after = type(old), type(new)
    if not same_type(before, after):
        return _retyped(old, new)
    if before in ATOMS:
        return _atoms(walk, old, new)
    if is_plain(before):
        same = before is after and repr(old) == repr(new)
        return None if same else Difference("value", f"{short(old)} → {short(new)}")
    comparer = _data(before) or _known(before, after)
    if comparer is not None:
        return comparer(walk, old, new)
    if objects.is_estimator(after):
        return objects.estimators(walk, old, new)
    return objects.instances(walk, old, new)


Comparer = Callable[[Walk, Any, Any], Difference | None]


def _known(before: type, after: type) -> Comparer | None:
    """What compares values of a type of the language's own, or of a subclass of one."""
    if before in (types.FunctionType, types.CodeType, types.MethodType, types.BuiltinFunctionType):
        return _CALLED[before]
    if objects.is_enumeration(before):
        return objects.enumerations
    if _is_named(before) and _is_named(after):
        return _named_tuples
    for base, comparer in _BASES:
        if issubclass(before, base) and issubclass(after, base):
            whole = before is base or base not in _BARE
            return comparer if whole else _derived(base, comparer)
    return None


def _data(cls: type) -> Comparer | None:
    """What compares values of a type of a library for data, if that library is loaded."""
    if (pandas := library("pandas")) is not None:
        if issubclass(cls, pandas.DataFrame):
            return frames.frames
        if issubclass(cls, (pandas.Series, pandas.Index)):
            return frames.series
        if issubclass(cls, pandas.api.extensions.ExtensionArray):
            return frames.extension_arrays
    if (numpy := library("numpy")) is not None:
        if issubclass(cls, numpy.ndarray):
            return data.arrays
        if issubclass(cls, numpy.generic):
            return data.scalars
    return data.sparse_matrices if is_sparse(cls) else None


def _derived(base: type, comparer: Comparer) -> Comparer:
    """Compare as `base`, then attributes, then what else such a value pickles as."""

    def compare_derived(walk: Walk, old: Any, new: Any) -> Difference | None:
        name = type_name(type(new))
        content = comparer(walk, *(_BARE[base](value) for value in (old, new)))
        report = Report(walk, "object")
        inside = (objects.attributes(value) for value in (old, new))
        objects.compare_attributes(report, *inside)
        beside = report.difference(f"{name}, {', '.join(report.counts('attribute'))}")
        if content is None:
            return beside or objects.built_from(walk, old, new)
        content = replace(content, headline=f"{name}: {content.headline}")
        if beside is None:
            return content
        return replace(
            content,
            lines=content.lines + beside.lines,
            children=content.children + beside.children,
            more=content.more + beside.more,
        )

    return compare_derived


def _retyped(old: Any, new: Any) -> Difference:
    names = [type_name(type(value)) for value in (old, new)]
    if type(old) in ATOMS and type(new) in ATOMS:
        kinds = "" if old is None or new is None else f" ({names[0]} → {names[1]})"
        return Difference("type", f"{short(old)} → {short(new)}{kinds}")
    if names[0] == names[1]:
        modules = [type(value).__dict__.get("__module__") for value in (old, new)]
        names = [printable(f"{m}.{n}") for m, n in zip(modules, names, strict=True)]
    lines = Line("removed", short(old)), Line("added", short(new))
    return Difference("type", f"{names[0]} → {names[1]}", lines)


def _atoms(walk: Walk, old: Any, new: Any) -> Difference | None:
    """Two atoms of one type; only those that differ get here, save from subclasses of atoms."""
    kind = type(old)
    if kind is str:
        return texts(old, new, walk.limit) if old != new else None
    if kind is bytes:
        return binaries(old, new) if old != new else None
    if same_atom(old, new):
        return None
    if kind not in (int, float, complex):
        return Difference("value", f"{old!r} → {new!r}")
    return Difference("number", f"{short(old)} → {short(new)}{_apart(old, new)}")


def _apart(old: Any, new: Any) -> str:
    """` (+1, +25%)`, or '' where that says nothing."""
    try:
        apart = new - old
        if type(apart) is complex or apart != apart or abs(apart) == float("inf") or not apart:
            return ""
        text = f"{apart:+,}" if type(apart) is int and abs(apart) < 1 << 64 else f"{apart:+.6g}"
        return f" ({text}, {100 * (apart / abs(old)):+.3g}%)" if old else f" ({text})"
    except (OverflowError, ValueError):  # integers beyond what a float holds
        return ""


def _sequences(walk: Walk, old: Any, new: Any) -> Difference | None:
    before, after = list(old), list(new)
    report = Report(walk, "sequence")
    keys = Keys(walk)
    for span in aligned(walk, before, after):
        if span.tag == "delete":
            for i in span.old:
                report.remove(f"[{i}]", before[i])
        elif span.tag == "insert":
            for i in span.new:
                report.add(f"[{i}]", after[i])
        else:
            _in_place(walk, report, keys, (before, span.old), (after, span.new))
    size = change(len(before), len(after), "item")
    return report.difference(", ".join([size, *report.counts()]))


def _by_trial(
    walk: Walk, old: dict[Hashable, Any], new: dict[Hashable, Any]
) -> list[tuple[Hashable, Hashable]]:
    """Tokens of elements that have no content key and turn out to be the same, two by two.

    The order in which a set gives its elements says nothing about which is which.
    """
    free = [token for token in new if type(token) is _Unknown][:_TRIALS]
    pairs: list[tuple[Hashable, Hashable]] = []
    for token in [token for token in old if type(token) is _Unknown][:_TRIALS]:
        for other in free:
            trial = walk.scratch()
            if trial.pair("", old[token], new[other]) is None and not trial.stopped:
                pairs.append((token, other))
                free.remove(other)
                break
    return pairs


def _deques(walk: Walk, old: Any, new: Any) -> Difference | None:
    found = _sequences(walk, old, new)
    if old.maxlen == new.maxlen:
        return found
    found = found or Difference("sequence", change(len(old), len(new), "item"))
    note = Line("note", f"maxlen: {short(old.maxlen)} → {short(new.maxlen)}")
    return replace(found, headline=f"{found.headline}, maxlen changed", lines=(*found.lines, note))


def _in_place(
    walk: Walk,
    report: Report,
    keys: Keys,
    old: tuple[Sequence[Any], range],
    new: tuple[Sequence[Any], range],
) -> None:
    """Compare two stretches of sequences element by element."""
    for i, j in zip(old[1], new[1], strict=True):
        before, after = old[0][i], new[0][j]
        if keys.settle(before, after):
            continue
        if not walk.spend(1):
            report.note(f"compared the first {j:,} of {len(new[0]):,} items")
            return
        report.pair(f"[{j}]", before, after)


def _named_tuples(walk: Walk, old: Any, new: Any) -> Difference | None:
    """Named tuples of one class, or of two versions of it: by field."""
    fields = [type(value).__dict__["_fields"] for value in (old, new)]
    items = [list(tuple.__iter__(value)) for value in (old, new)]
    report = Report(walk, "object")
    named = (dict(zip(*each, strict=True)) for each in zip(fields, items, strict=True))
    objects.compare_attributes(report, *named)
    if fields[0] != fields[1] and set(fields[0]) == set(fields[1]):
        report.note("fields in another order")
    return report.difference(", ".join([type_name(type(new)), *report.counts("field")]))


def _mappings(walk: Walk, old: Any, new: Any) -> Difference | None:
    keys = Keys(walk)
    before, names = _by_token(keys, list(old), list(old.values()))
    after, new_names = _by_token(keys, list(new), list(new.values()))
    report = Report(walk, "mapping")
    in_order = list(before) == list(after)
    theirs = after.values() if in_order else (after.get(token, _ABSENT) for token in before)
    for done, ((token, value), other) in enumerate(zip(before.items(), theirs, strict=True)):
        if other is _ABSENT:
            report.remove(f"[{short(names.get(token, token))}]", value)
        elif not keys.settle(value, other):
            if not walk.spend(1):
                report.note(f"compared the first {done:,} of {len(before):,} items")
                break
            report.pair(f"[{short(names.get(token, token))}]", value, other)
    for token, value in () if in_order else after.items():
        if token not in before:
            report.add(f"[{short(new_names.get(token, token))}]", value)
    for token, key in names.items():
        if type(token) is _Unknown and token in after:
            report.pair(f" key [{short(key)}]", key, new_names[token])
    size = change(len(before), len(after), "item")
    if not in_order and [t for t in before if t in after] != [t for t in after if t in before]:
        report.note("order changed")
    counts = report.counts() or ["order changed"]
    return report.difference(", ".join([size, *counts]))


class _Unknown(tuple[str, int]):
    """The token of a key that has no content key: its type, and which of those it is."""

    __slots__ = ()


def _by_token(
    keys: Keys, names: list[Any], values: list[Any]
) -> tuple[dict[Hashable, Any], dict[Hashable, Any]]:
    """The values, and the names that are not strings, by what stands for the name's content."""
    if all(type(name) is str for name in names):
        return dict(zip(names, values, strict=True)), {}
    found: dict[Hashable, Any] = {}
    real: dict[Hashable, Any] = {}
    unknown = 0
    for name, value in zip(names, values, strict=True):
        token = keys.of(name)
        while token is None or token in found:  # two names of one content are told apart by order
            unknown += 1
            token = _Unknown((type_name(type(name)), unknown))
        found[token] = value
        real[token] = name
    return found, real


def _sets(walk: Walk, old: Any, new: Any) -> Difference | None:
    keys = Keys(walk)
    (before, _), (after, _) = (_by_token(keys, list(value), list(value)) for value in (old, new))
    report = Report(walk, "set")
    size = change(len(before), len(after), "element")
    for token, item in _by_trial(walk, before, after):
        del before[token], after[item]
    before, after = _renumbered(before), _renumbered(after)
    for token, item in before.items():
        if token not in after:
            report.remove("", item)
        elif type(token) is _Unknown:
            report.pair(f" element {short(item)}", item, after[token])
    for token, item in after.items():
        if token not in before:
            report.add("", item)
    return report.difference(", ".join([size, *report.counts()]))


def _renumbered(elements: dict[Any, Any]) -> dict[Any, Any]:
    """Those told apart by order alone are numbered anew, by type: which of them are left over, and
    pair with which, does not depend on where a set happened to have them."""
    found: dict[Any, Any] = {}
    count: Counter[str] = Counter()
    for token, item in elements.items():
        known = token
        if type(token) is _Unknown:
            count[token[0]] += 1
            known = _Unknown((token[0], count[token[0]]))
        found[known] = item
    return found


def _buffers(walk: Walk, old: Any, new: Any) -> Difference | None:
    return _atoms(walk, bytes(old), bytes(new))


def _is_named(cls: type) -> bool:
    return issubclass(cls, tuple) and type(cls.__dict__.get("_fields")) is tuple


_maxlen = deque.__dict__["maxlen"].__get__

_CALLED: dict[type, Comparer] = {
    types.FunctionType: code.functions,
    types.CodeType: code.codes,
    types.MethodType: code.bound,
    types.BuiltinFunctionType: code.builtins,
}
_BASES: tuple[tuple[type, Comparer], ...] = (
    (OrderedDict, _mappings),
    (dict, _mappings),
    (list, _sequences),
    (tuple, _sequences),
    (deque, _deques),
    (array.array, _sequences),
    (set, _sets),
    (frozenset, _sets),
    (bytearray, _buffers),
    (type, code.classes),
    (types.ModuleType, code.modules),
    (str, _atoms),
    (bytes, _atoms),
    (int, _atoms),
    (float, _atoms),
    (complex, _atoms),
)
_BARE: dict[type, Callable[[Any], Any]] = {
    OrderedDict: lambda value: OrderedDict(OrderedDict.items(value)),
    dict: dict.copy,
    list: list.copy,
    tuple: lambda value: tuple.__getitem__(value, slice(None)),
    deque: lambda value: deque(deque.__iter__(value), _maxlen(value)),
    set: lambda value: list(set.__iter__(value)),
    frozenset: lambda value: list(frozenset.__iter__(value)),
    bytearray: lambda value: bytearray.__getitem__(value, slice(None)),
    str: str.__str__,
    bytes: lambda value: bytes.__getitem__(value, slice(None)),
    int: int.__int__,
    float: float.__float__,
    complex: complex.__complex__,
}
"""How to see a value of a subclass as its base, past what the subclass overrides."""
