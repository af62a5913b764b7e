"""What a session knows of its namespace between two saves, and how two such states compare."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pod.history.records import Variable
from pod.history.snapshot import Group
from pod.history.table import Table


@dataclass(frozen=True, slots=True)
class State:
    """What a session knows of its namespace at HEAD. Replaced as a whole, never altered."""

    variables: Table = field(default_factory=Table)
    definitions: Table = field(default_factory=Table)
    groups: Mapping[str, Group] = field(default_factory=dict)
    """By variable."""
    definition_groups: Mapping[str, Group] = field(default_factory=dict)
    """By token."""
    objects: Mapping[str, Callable[[], object]] = field(default_factory=dict)
    """Variable -> gives the object it had, or None if that is gone."""
    random: tuple[tuple[str, str], ...] = ()
    """As in a commit."""

    def same_as(self, other: State) -> bool:
        """Whether a commit of this state would say nothing that one of the other does not."""
        return (self.variables.digests, self.definitions.digests, self.random) == (
            other.variables.digests,
            other.definitions.digests,
            other.random,
        )

    def blobs(self, without: Collection[str] = ()) -> set[str]:
        """All that a commit of this state relies on; leave out components that hold only variables
        of `without`."""
        needed = {*self.variables.digests, *self.definitions.digests}
        for group in {*self.groups.values(), *self.definition_groups.values()}:
            if not (without and group.names and group.names <= set(without)):
                needed.add(group.manifest)
                needed |= group.blobs
        return needed


class FirstSeen:
    """Since which time id an opaque object has been seen."""

    def __init__(self) -> None:
        self._since: dict[int, tuple[weakref.ref[Any], int]] = {}
        self._told: dict[int, tuple[str, int]] = {}
        self.noted: list[tuple[int, str, int]] = []
        """Objects that were new: `id`, type and time id."""

    def at(self, t: int) -> Callable[[object], int]:
        def since(obj: object) -> int:
            known = self._since.get(id(obj))
            if known is not None and known[0]() is obj:
                return known[1]
            first = self._told_of(obj) or t
            self.noted.append((id(obj), type(obj).__qualname__, first))
            with contextlib.suppress(TypeError):  # not every object can be referred to weakly
                self._since[id(obj)] = (weakref.ref(obj), first)
            return first

        self.noted = []
        return since

    def hear(self, noted: Iterable[tuple[int, str, int]]) -> None:
        """What a copy of this process noted. Which object each was is known by its address only,
        so that one of the same type that took its place would be mistaken for it."""
        for key, kind, t in noted:
            if len(self._told) < _REMEMBERED:
                self._told[key] = (kind, t)

    def _told_of(self, obj: object) -> int | None:
        kind, t = self._told.pop(id(obj), ("", 0))
        return t if kind == type(obj).__qualname__ else None


_REMEMBERED = 10_000


def is_held(reference: Callable[[], object] | None, value: object) -> bool:
    """Whether a reference is to this very object. (A dead one gives None, like one to None.)"""
    return (
        reference is not None
        and reference() is value
        and (value is not None or type(reference) is not weakref.ref)
    )


def reference_to(value: object) -> Callable[[], object]:
    """Gives the object back as long as it lives, without keeping it alive where that can be."""
    try:
        return weakref.ref(value)
    except TypeError:
        return lambda: value


def needed_definitions(tokens: Iterable[str], definition_groups: Mapping[str, Group]) -> set[str]:
    """These definitions and all that they use, by way of others too."""
    todo = list(tokens)
    needed: set[str] = set()
    while todo:
        token = todo.pop()
        if token not in needed:
            needed.add(token)
            if token in definition_groups:
                todo.extend(definition_groups[token].uses)
    return needed


def differences(before: Table, after: Table) -> tuple[tuple[str, ...], ...]:
    """Names added, changed and removed between two tables, looking only at shards that differ."""
    if len(before.digests) == len(after.digests):
        pairs: Iterator[tuple[Mapping[str, Variable], Mapping[str, Variable]]] = (
            (old, new)
            for old, new, a, b in zip(
                before.shards, after.shards, before.digests, after.digests, strict=True
            )
            if a != b
        )
    else:
        pairs = iter([(before, after)])
    added: list[str] = []
    changed: list[str] = []
    removed: list[str] = []
    for old, new in pairs:
        added += new.keys() - old.keys()
        removed += old.keys() - new.keys()
        changed += [
            name
            for name, variable in new.items()
            if name in old and old[name].fingerprint != variable.fingerprint
        ]
    return tuple(sorted(added)), tuple(sorted(changed)), tuple(sorted(removed))
