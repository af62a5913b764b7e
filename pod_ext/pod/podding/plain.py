"""Pods of plain containers: what they own is known before they are written.

The pickler asks for every object it meets, in Python, and among a million small lists and dicts
that takes several times as long as pickling them. Here a pod's objects are looked through level by
level, by functions of the interpreter's that take a whole level at once: are there nothing but
containers and atoms of basic builtin types, none of which the examination would have a word to say
about? Then the pod is pickled without asking, to the same bytes.

In doubt the answer is no. What another thread changes between the look and the writing is looked at
again at the next save, as whatever a thread can reach is.
"""

from __future__ import annotations

import gc
import math
import pickle
import sys
from collections.abc import Callable, Iterable
from types import NoneType
from typing import Any, NoReturn

from pod.podding.policies import ATOM_BYTES, shallow_bytes
from pod.podding.progress import PodInProgress

_ATOMS: frozenset[type] = frozenset({int, float, bool, str, bytes, NoneType})
_OWNED: frozenset[type] = frozenset({list, dict, set, bytearray})
_MAYBE_CONSTANT: frozenset[type] = frozenset({tuple, frozenset})
CONTAINERS = frozenset({list, dict, set, tuple, frozenset})
"""Exact types of roots that are worth a look."""
_PLAIN = _ATOMS | _OWNED | _MAYBE_CONSTANT

DEEPEST = 50
"""Levels that are looked through. Deeper ones are few objects each, and no quicker this way."""


class NotPlain(Exception):
    """Something else was met: another thread has put it there since the look."""


class PlainPickler(pickle.Pickler):
    """Writes a pod that was looked through."""

    def __init__(self, pod: PodInProgress) -> None:
        super().__init__(pod.payload, protocol=5)

    def reducer_override(self, obj: Any) -> NoReturn:
        """Called by the pickler for every object that is not of a basic builtin type."""
        raise NotPlain


class Look:
    """Looks through what would be a pod's objects.

    Args:
        pod: the pod, which is what all of `owned` are mapped to.
        smallest: from so many bytes on, an object could be a pod of its own.
        is_constant: whether a tuple or frozenset counts as an atom.
        is_free: whether no other pod has, or is to have, any object of these ids.
        singletons: numbers that are not like others.
    """

    def __init__(
        self,
        pod: PodInProgress,
        smallest: int,
        is_constant: Callable[[Any], bool],
        is_free: Callable[[dict[int, PodInProgress]], bool],
        singletons: Iterable[float],
    ) -> None:
        self.owned: dict[int, PodInProgress] = {}
        """The objects that the pod owns, by id, its root apart."""
        self._pod = pod
        self._smallest = smallest
        self._is_constant = is_constant
        self._is_free = is_free
        self._singletons = singletons
        self._undecided: dict[int, PodInProgress] = {}
        """Tuples and frozensets, constant or not, by id."""

    def is_plain(self, root: Any) -> bool:
        """Whether nothing needs to be asked about what `root` holds."""
        if not _SEES_ALL:
            return False
        seen = self.owned if type(root) in _OWNED else self._undecided
        seen[id(root)] = self._pod
        level: dict[type, list[Any]] = {type(root): [root]}
        for depth in range(DEEPEST):
            found: dict[type, list[Any]] = {}
            for kind, group in level.items():
                if not self._goes_on(kind, group, depth > 0, found):
                    return False
            if not found:
                self.owned.pop(id(root), None)
                return True
            level = found
        return False

    def _goes_on(
        self, kind: type, group: list[Any], bundled: bool, found: dict[type, list[Any]]
    ) -> bool:
        """Looks at what containers of one type hold; adds the containers in it that are new to
        `found`. Whether all is plain so far."""
        contents = gc.get_referents(
            *group
        )  # of a dict whose keys are all strings, without the keys
        kinds = set(map(type, contents))
        if not kinds <= _PLAIN:
            return False
        if float in kinds and any(number in contents for number in self._singletons):
            return False  # `in` finds it by identity alone, since it is equal to nothing
        if bundled:
            if kind in _MAYBE_CONSTANT:
                group = self._not_constant(group, kinds)
                owned = dict.fromkeys(map(id, group), self._pod)
                if not self._is_free(owned):
                    return False
                self.owned.update(owned)
            if self._has_large(group, contents, kinds):
                return False
        return all(self._found(inner, contents, kinds, found) for inner in kinds - _ATOMS)

    def _not_constant(self, group: list[Any], kinds: set[type]) -> list[Any]:
        if kinds <= _ATOMS:
            return []
        if kinds.isdisjoint(_MAYBE_CONSTANT):
            return [each for each in group if not _OWNED.isdisjoint(map(type, each))]
        return [each for each in group if not self._is_constant(each)]

    def _has_large(self, group: list[Any], contents: list[Any], kinds: set[type]) -> bool:
        """Whether a policy would be asked about one of these."""
        smallest = self._smallest
        if not group or smallest == sys.maxsize:
            return False
        most = 16 + _largest(contents, kinds)  # bytes for each entry
        if max(map(len, group)) * most < smallest:
            return False
        return any(
            shallow_bytes(each) >= smallest for each in group if len(each) * most >= smallest
        )

    def _found(
        self, kind: type, contents: list[Any], kinds: set[type], found: dict[type, list[Any]]
    ) -> bool:
        """Adds the containers of this type that were not seen before. Whether no other pod has
        one of them."""
        group = _of_type(kind, contents, kinds)
        fresh = dict.fromkeys(map(id, group), self._pod)
        seen = self._undecided if kind in _MAYBE_CONSTANT else self.owned
        if len(fresh) < len(group) or not seen.keys().isdisjoint(fresh.keys()):
            once = dict(zip(map(id, group), group, strict=True))
            fresh = dict.fromkeys(once.keys() - seen.keys(), self._pod)
            group = [once[key] for key in fresh]
        if seen is self.owned and not self._is_free(fresh):
            return False
        seen.update(fresh)
        if group:
            found[kind] = found[kind] + group if kind in found else group
        return True


def _of_type(kind: type, contents: list[Any], kinds: set[type]) -> list[Any]:
    if len(kinds) == 1:
        return contents
    return [each for each in contents if type(each) is kind]


def _largest(contents: list[Any], kinds: set[type]) -> int:
    """How many bytes one of these atoms can count for, in `shallow_bytes`."""
    return max(
        (
            ATOM_BYTES[kind](max(_of_type(kind, contents, kinds), key=_LENGTH[kind]))
            for kind in kinds & _LENGTH.keys()
        ),
        default=0,
    )


_LENGTH: dict[type, Callable[[Any], int]] = {str: len, bytes: len, int: int.bit_length}
"""What `ATOM_BYTES` grow with."""

_SEES_ALL = all(
    any(each is math.nan for each in gc.get_referents(holder))
    for holder in (
        [math.nan], (math.nan,), {math.nan}, frozenset({math.nan}),
        {math.nan: 1}, {1: math.nan}, {"a": math.nan},
    )
)  # fmt: skip
"""Whether the interpreter tells of atoms, too. It does; it has not promised to."""
