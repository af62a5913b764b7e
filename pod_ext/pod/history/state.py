"""What a session knows of its namespace between two saves, and how two such states compare."""

from __future__ import annotations

import contextlib
import operator
import weakref
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, compress, repeat
from typing import Any

from pod.history.records import Variable
from pod.history.snapshot import Group
from pod.history.table import Table
from pod.podding.memory import is_array, may_be_resized


class Values(dict[str, Any]):
    """The variables that are in a namespace at one moment; made once, never altered.

    `left_out` tells, of what was found in the namespace, the names that are no variables.
    """

    __slots__ = ("_places", "compared", "ids", "names")

    def __init__(
        self,
        found: Mapping[str, Any] | Iterable[tuple[str, Any]],
        left_out: Callable[[Mapping[Any, Any]], Iterable[Any]] = lambda _: (),
        places: Places | None = None,
    ) -> None:
        super().__init__(found)
        for name in left_out(self):
            del self[name]
        self.names = list(self)
        self.ids = list(map(id, self.values()))
        """Of the objects, in the order of the names."""
        self.compared: tuple[Objects, tuple[set[str], set[str]]] | None = None
        """What these were compared with last, and the outcome."""
        self._places = places.of(self.names, self.ids) if places is not None else ()

    def having(self, ids: Collection[int]) -> Iterable[str]:
        """The variables whose objects have one of these ids."""
        if not self._places or len(ids) > len(self.ids):
            return compress(self.names, map(ids.__contains__, self.ids))
        return chain.from_iterable(
            map(each.__getitem__, each.keys() & ids) for each in self._places
        )


class Places:
    """Which names an id has, as long as it is the same objects that all names have. Between two
    cells it mostly is, and a pass over all of them saved. Keeps no object alive."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._ids: list[int] = []
        self._found: Sequence[Mapping[int, str]] | None = None

    def of(self, names: list[str], ids: list[int]) -> Sequence[Mapping[int, str]]:
        """By id; the second name of an object is in the second mapping, and so on. None at all if
        these are others than the last time, or some object has many names: not worth it then."""
        if ids != self._ids or names != self._names:
            self._names, self._ids, self._found = names, ids, None
            return ()
        if self._found is None:
            found: list[dict[int, str]] = []
            while names and len(found) <= _NAMES_OF_ONE:
                found.append(dict(zip(ids, names, strict=True)))
                others = list(map(operator.is_not, map(found[-1].__getitem__, ids), names))
                names, ids = list(compress(names, others)), list(compress(ids, others))
            self._found = () if names else found
        return self._found


_NAMES_OF_ONE = 4


_WEAK_OFFSET_OF = type.__dict__["__weakrefoffset__"].__get__
"""Not 0 for types whose objects can be referred to weakly."""


@dataclass(frozen=True, slots=True)
class Objects:
    """Which object each variable has. Keeps none alive for which that can be helped.

    An id says which object it is for as long as that object lives. So those that cannot be
    referred to weakly are kept, and of the others it is asked first whether they are still there.
    Of arrays that can be resized there is only the id, as NumPy does not resize what somebody
    refers to: that another one took the place of such an array, without its name being touched,
    would not be noticed.
    All of it by loops of the interpreter's own, since a save asks for every name there is.
    """

    names: list[str] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    """In the order of the names."""
    weak: dict[str, weakref.ref[Any]] = field(default_factory=dict)
    strong: dict[str, Any] = field(default_factory=dict)
    loose: dict[str, int] = field(default_factory=dict)
    """Ids of the arrays."""

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Objects:
        return cls().updated(Values(values), values, ())

    def is_held(self, name: str, value: object) -> bool:
        """Whether a variable has this very object."""
        reference = self.weak.get(name)
        if reference is not None:
            return reference() is value and value is not None
        if name in self.strong:
            return self.strong[name] is value
        return self.loose.get(name) == id(value)

    def changes(self, values: Values) -> tuple[set[str], set[str]]:
        """Variables that are new or have another object now; and those that are gone."""
        if values.compared is None or values.compared[0] is not self:
            # It stays so: what is the same object now lives as long as `values` does.
            values.compared = self, self._changes(values)
        return values.compared[1]

    def _changes(self, values: Values) -> tuple[set[str], set[str]]:
        count = len(self.names)
        rebound: set[str] = set()
        gone: set[str] = set()
        names, ids = values.names, values.ids
        if len(names) > count:
            names, ids = names[:count], ids[:count]
        if names == self.names:
            rebound.update(values.names[count:])
            if ids != self.ids:
                rebound.update(compress(self.names, map(operator.ne, self.ids, values.ids)))
        else:
            known = dict(zip(self.names, self.ids, strict=True))
            now = zip(values.names, values.ids, strict=True)
            rebound.update(name for name, key in now if known.get(name) != key)
            gone.update(known.keys() - values.keys())
        found = map(operator.call, self.weak.values())
        dead = compress(self.weak, map(operator.is_, found, repeat(None)))
        rebound.update(name for name in dead if name in values)
        return rebound, gone

    def updated(self, values: Values, rebound: Iterable[str], gone: Iterable[str]) -> Objects:
        """These, once some variables have other objects and some are gone."""
        rebound, gone = list(rebound), list(gone)
        if not rebound and not gone:
            if self.names == values.names:
                return self
            return Objects(values.names, values.ids, self.weak, self.strong, self.loose)
        weak, strong = self.weak.copy(), self.strong.copy()  # quicker than `dict`, if some went
        loose = self.loose.copy()
        for name in (*gone, *rebound):
            weak.pop(name, None)
            strong.pop(name, None)
            loose.pop(name, None)
        arrays = {kind for kind in set(map(type, map(values.get, rebound))) if is_array(kind)}
        for name in rebound:
            value = values[name]
            if type(value) in arrays and may_be_resized(value):  # there may be very many others
                loose[name] = id(value)
                continue
            if _WEAK_OFFSET_OF(type(value)):  # asking first is quicker than what it raises
                try:
                    weak[name] = weakref.ref(value)
                    continue
                except TypeError:
                    pass
            strong[name] = value
        return Objects(values.names, values.ids, weak, strong, loose)

    def joined(self, names: Iterable[str], others: Mapping[str, Any]) -> Objects:
        """Of these, what is known of some names; and what others have."""
        chosen = set(names)
        here = [pair for pair in zip(self.names, self.ids, strict=True) if pair[0] in chosen]
        there = Objects.of(others)
        return Objects(
            [*(name for name, _ in here), *there.names],
            [*(key for _, key in here), *there.ids],
            {name: self.weak[name] for name, _ in here if name in self.weak} | there.weak,
            {name: self.strong[name] for name, _ in here if name in self.strong} | there.strong,
            {name: self.loose[name] for name, _ in here if name in self.loose} | there.loose,
        )


@dataclass(frozen=True, slots=True)
class State:
    """What a session knows of its namespace at HEAD. Replaced as a whole, never altered."""

    variables: Table = field(default_factory=Table)
    definitions: Table = field(default_factory=Table)
    groups: dict[str, Group] = field(default_factory=dict)
    """By variable."""
    definition_groups: dict[str, Group] = field(default_factory=dict)
    """By token."""
    objects: Objects = field(default_factory=Objects)
    random: tuple[tuple[str, str], ...] = ()
    """As in a commit."""
    users: Mapping[str, int] | None = None
    """Token -> how many variables refer to that definition themselves; None for not counted."""
    closures: dict[Group | None, tuple[frozenset[str], frozenset[str]]] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )
    """Of groups that were asked for: variables and tokens of all that hangs together with each."""

    def with_random(self, random: tuple[tuple[str, str], ...]) -> State:
        return replace(self, random=random)

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
        self._kinds: set[str] = set()
        """Names of types of which an object was told."""
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
            self._kinds.add(kind)
            if len(self._told) < _REMEMBERED:
                self._told[key] = (kind, t)

    def foresee(self, objects: Collection[Any], t: int) -> None:
        """Take note of those of these objects that are likely to be opaque, by their types, before
        they are looked at in a copy of this process, so that each is known by more than its
        address."""
        since = self.at(t)
        for kind in set(map(type, objects)):
            if kind.__qualname__ in self._kinds:
                for each in objects:
                    if type(each) is kind:
                        self._told.pop(id(each), None)  # of another one, that was there before
                        since(each)

    def _told_of(self, obj: object) -> int | None:
        kind, t = self._told.pop(id(obj), ("", 0))
        return t if kind == type(obj).__qualname__ else None


_REMEMBERED = 10_000


def count_users(groups: Mapping[str, Group]) -> Counter[str]:
    """What `State.users` has, counted anew."""
    return Counter(token for group in groups.values() for token in group.uses)


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
