"""Which elements of two collections are the same ones: keys for content, and what they align.

A content key is a hashable stand-in for a value: two values with one key have no difference that a
comparison would find. It is made without any code of the user's; what has none is left to be
compared in place.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from difflib import SequenceMatcher
from itertools import islice
from typing import Any, Literal, NamedTuple

from pod.compare.describe import is_plain, library, type_name
from pod.compare.objects import attributes, has_hidden_state
from pod.compare.walk import ATOM, ATOMS, NODE, Walk, same_atom

ALIGNED = 200
"""Elements, after what is equal at both ends, up to which two sequences are aligned."""
_NODES = 400
"""Nodes a value may have to be given a key."""
_LEVELS = 12
_BYTES = 4096


class NoKey(Exception):
    """The value is too large, too deep, or of a type whose content cannot be known for sure."""


class Keys:
    """Makes content keys, at the cost of one walk's allowance."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self._nodes = 0

    def of(self, value: Any) -> Hashable | None:
        """The value's content key, None where it has none."""
        self._nodes = 0
        try:
            return self._key(value, 0)
        except NoKey:
            return None

    def settle(self, old: Any, new: Any) -> bool:
        """Whether two values are known, without a comparison, to be the same."""
        if old is new:
            return True
        cls = type(old)
        if cls is not type(new):
            return False
        if cls in ATOMS:
            return bool(old and old == new) or same_atom(old, new)
        key = self.of(old)
        return key is not None and key == self.of(new)

    def _key(self, value: Any, level: int) -> Hashable:
        self._nodes += 1
        if self._nodes > _NODES or level > _LEVELS or not self._walk.spend(NODE):
            raise NoKey
        cls = type(value)
        if cls in ATOMS:
            return _atom_key(cls, value)
        deeper = level + 1
        if cls is list or cls is tuple:
            if len(value) > _NODES:
                raise NoKey
            return cls, tuple([self._key(item, deeper) for item in value])
        if cls is dict:
            if len(value) > _NODES:
                raise NoKey
            return cls, tuple(
                [(self._key(k, deeper), self._key(v, deeper)) for k, v in value.items()]
            )
        if cls is set or cls is frozenset:
            if len(value) > _NODES:
                raise NoKey
            return cls, frozenset(Counter(self._key(item, deeper) for item in value).items())
        return self._rarer_key(cls, value, deeper)

    def _rarer_key(self, cls: type, value: Any, level: int) -> Hashable:
        if is_plain(cls):
            return cls, repr(value)
        numpy = library("numpy")
        if numpy is not None:
            if cls is numpy.ndarray and value.nbytes <= _BYTES and value.dtype.kind in "biufcmM":
                return cls, value.dtype.str, value.shape, value.tobytes()
            if issubclass(cls, numpy.generic) and value.dtype.kind in "biufcmMSU":
                return cls, value.dtype.str, value.tobytes()
        if has_hidden_state(cls):
            raise NoKey
        inside = attributes(value)
        return (
            cls.__dict__.get("__module__"),
            type_name(cls),
            frozenset((name, self._key(item, level)) for name, item in inside.items()),
        )


class Span(NamedTuple):
    """A stretch of the old sequence and what stands for it in the new one."""

    tag: Literal["equal", "replace", "delete", "insert"]
    old: range
    new: range


def aligned(walk: Walk, old: Sequence[Any], new: Sequence[Any]) -> list[Span]:
    """Pair off two sequences so that what was inserted or removed reads as that.

    What is equal at the beginning and at the end is set aside first. A middle that is still long is
    paired by position. Elements of an "equal" span may have no key and still have to be compared.
    """
    keys = Keys(walk)
    most = min(len(old), len(new))
    start = _equal_run(keys, walk, islice(zip(old, new, strict=False), most))
    end = _equal_run(
        keys, walk, islice(zip(reversed(old), reversed(new), strict=False), most - start)
    )
    last, final = len(old) - end, len(new) - end
    lengths = last - start, final - start
    if not min(lengths) or max(lengths) > ALIGNED or not walk.spend(lengths[0] * lengths[1] * ATOM):
        return _by_position(range(start, last), range(start, final))
    ours = [_token(keys, item) for item in old[start:last]]
    theirs = [_token(keys, item) for item in new[start:final]]
    matcher = SequenceMatcher(None, ours, theirs, autojunk=False)
    codes = matcher.get_opcodes()
    in_place = sum(one != other for one, other in zip(ours, theirs, strict=False))
    shifted = sum(j - i + m - k for tag, i, j, k, m in codes if tag != "equal")
    if len(ours) == len(theirs) and in_place <= shifted:
        return _by_position(range(start, last), range(start, final))
    spans = []
    for tag, i, j, k, m in codes:
        before, after = range(start + i, start + j), range(start + k, start + m)
        spans += [Span(tag, before, after)] if tag == "equal" else _by_position(before, after)
    return spans


def _by_position(old: range, new: range) -> list[Span]:
    most = min(len(old), len(new))
    spans = [
        Span("replace", old[:most], new[:most]),
        Span("delete", old[most:], new[:0]),
        Span("insert", old[:0], new[most:]),
    ]
    return [span for span in spans if span.old or span.new]


def _equal_run(keys: Keys, walk: Walk, pairs: Iterable[tuple[Any, Any]]) -> int:
    """How many pairs are equal before the first that is not, or is not known to be."""
    number = 0
    for old, new in pairs:
        if not keys.settle(old, new):
            break
        number += 1
        if not number % 1000 and not walk.spend(1000 * ATOM):
            break
    return number


def _token(keys: Keys, value: Any) -> Hashable:
    """The value's key; for one without, its type, so that it meets one of its kind."""
    key = keys.of(value)
    return ("no key", type_name(type(value))) if key is None else key


def _atom_key(cls: type, value: Any) -> Hashable:
    if cls is str:
        return str(value)
    if cls is float:
        return (cls, "nan") if value != value else (cls, value, math.copysign(1, value))
    if cls is complex:
        return cls, _atom_key(float, value.real), _atom_key(float, value.imag)
    return cls, value
