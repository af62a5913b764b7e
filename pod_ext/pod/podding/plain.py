"""Pods of ordinary objects: what they own is known before they are written.

The pickler asks for every object it meets, in Python, and among a million small lists and dicts
that takes several times as long as pickling them. Here a pod's objects are looked through level by
level, by functions of the interpreter's that take a whole level at once: are there nothing but
containers, atoms and instances without ways of their own, none of which the examination would have
a word to say about? Then the pod is pickled without asking about them, to the same bytes.

In doubt the answer is no. What another thread changes between the look and the writing is looked at
again at the next save, as whatever a thread can reach is.
"""

from __future__ import annotations

import copyreg
import datetime
import decimal
import enum
import gc
import math
import operator
import sys
import types
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from itertools import chain, repeat
from types import NoneType
from typing import Any, Protocol

from pod.podding.atoms import is_static
from pod.podding.policies import TEXT_BYTES, shallow_bytes
from pod.podding.progress import PodInProgress, TooLongError

_ATOMS: frozenset[type] = frozenset({int, float, bool, str, bytes, NoneType})
_OWNED: frozenset[type] = frozenset({list, dict, set, bytearray})
_MAYBE_CONSTANT: frozenset[type] = frozenset({tuple, frozenset})
PLAIN = _ATOMS | _OWNED | _MAYBE_CONSTANT
"""Exact types that the C pickler knows itself."""

DEEPEST = 200
"""Levels that are looked through."""

_THIN = 50, 16
"""After so many levels, fewer than so many objects to a level are not looked through any further:
that is no quicker than asking."""

LEAST = 1000
"""A policy that asks about fewer bytes than this asks about what reductions are made of, too."""


class Shape(enum.Enum):
    """What is known of all objects of a type."""

    ATOM = "an atom, made of atoms"
    ASKED = "a class or the like: the pickler is to ask about each"
    WITH_DICT = "an instance that is its dictionary"
    WITH_SLOTS = "an instance that is its slots"
    HOLDER = "a container that is reduced to its content, one by one"
    AS_ONE = "a container that is reduced to another one of its content"


class Known(Protocol):
    """What an examination knows: see `pod.podding.examination`."""

    def shape_of(self, sample: Any) -> Shape | None:
        """What all objects of its type are like; None if they have to be asked about."""

    def is_constant(self, obj: Any) -> bool:
        """Whether a tuple or frozenset counts as an atom."""

    def is_free(self, ids: dict[int, PodInProgress]) -> bool:
        """Whether no other pod has, or is to have, any object of these ids."""

    def singletons(self) -> tuple[float, float]:
        """Numbers that are compared with by `is`: they have to be the very same again."""


class Look:
    """Looks through what would be a pod's objects.

    Args:
        pod: the pod, which is what all of `owned` are mapped to.
        smallest: from so many bytes on, an object could be a pod of its own.
        most: so many objects may be on a level; `TooLongError` if there are more.
    """

    def __init__(
        self, pod: PodInProgress, smallest: int, known: Known, most: int = sys.maxsize
    ) -> None:
        self.owned: list[dict[int, PodInProgress]] = []
        """The objects that the pod owns, by id, mapped to the pod; its root may be among them."""
        self.shapes: dict[type, Shape] = {}
        """Types beside the plain ones."""
        self._pod = pod
        self._smallest = smallest
        self._known = known
        self._most = most
        self._atoms = _ATOMS
        self._seen: list[dict[int, PodInProgress]] = []
        """All that were met and hold others, by id."""

    def is_ordinary(self, root: Any) -> bool:
        """Whether nothing needs to be asked about what `root` holds, classes apart."""
        kind = type(root)
        if not self._knows({kind}, [root]):
            return False
        if kind in self._atoms or self.shapes.get(kind) is Shape.ASKED:
            return False
        self._seen.append({id(root): self._pod})
        level: dict[type, list[Any]] = {kind: [root]}
        for depth in range(DEEPEST):
            found: dict[type, list[Any]] = {}
            for kind, group in level.items():
                if not self._goes_on(kind, group, depth > 0, found):
                    return False
            if not found:
                self._seen.clear()
                return True
            if depth > _THIN[0] and sum(map(len, self._seen)) < _THIN[1] * depth:
                return False
            level = found
        return False

    def _goes_on(
        self, kind: type, group: list[Any], bundled: bool, found: dict[type, list[Any]]
    ) -> bool:
        """Looks at what objects of one type hold; adds those in it that are new, and hold others
        in turn, to `found`. Whether all is ordinary so far."""
        contents = self._contents(kind, group)
        if len(contents) > self._most:
            raise TooLongError
        kinds = set(map(type, contents))
        if not kinds <= PLAIN and not self._knows(kinds, contents):
            return False
        if float in kinds and self._has_singleton(contents, kinds):
            self.shapes[float] = Shape.ASKED
        if kind in _MAYBE_CONSTANT and bundled:
            group = self._not_constant(group, kinds)
            owned = dict.fromkeys(map(id, group), self._pod)
            if not self._known.is_free(owned):
                return False
            self.owned.append(owned)
        if self._has_large(kind, group, bundled, contents, kinds):
            return False
        return all(
            self._found(inner, contents, kinds, found)
            for inner in kinds - self._atoms
            if self.shapes.get(inner) is not Shape.ASKED
        )

    def _contents(self, kind: type, group: list[Any]) -> list[Any]:
        """What these hold; of dictionaries whose keys are all strings, perhaps without the keys."""
        shape = self.shapes.get(kind)
        if shape is Shape.WITH_DICT:
            return list(map(_DICTIONARY, group))
        if len(group) == 1 and kind in _ITERABLES:
            return list(group[0])
        if kind is dict and not _TOLD_OF_ALL:
            contents = list(chain.from_iterable(map(dict.values, group)))
            if not set(map(type, chain.from_iterable(group))) <= {str}:
                contents += chain.from_iterable(group)
            return contents
        return gc.get_referents(*group)

    def _knows(self, kinds: set[type], contents: list[Any]) -> bool:
        """Whether objects of all these types are like one another."""
        for kind in kinds - PLAIN - self.shapes.keys():
            sample = next(each for each in contents if type(each) is kind)
            shape = self._known.shape_of(sample) if self._smallest >= LEAST else None
            if shape is None:
                return False
            self.shapes[kind] = shape
            if shape is Shape.ATOM:
                self._atoms |= {kind}
        if datetime.datetime in kinds:
            zones = map(_ZONE, _of_type(datetime.datetime, contents, kinds))
            return set(map(type, zones)) <= {NoneType, datetime.timezone}
        return True

    def _has_singleton(self, contents: list[Any], kinds: set[type]) -> bool:
        """Whether one of the NaNs that are compared with by `is` is among these."""
        if len(kinds) == 1 and not math.isnan(sum(contents)):
            return False  # there is no NaN at all
        # By identity alone: the others could be asked for what they are equal to.
        numbers = set(self._known.singletons())
        return any(any(map(operator.is_, contents, repeat(number))) for number in numbers)

    def _not_constant(self, group: list[Any], kinds: set[type]) -> list[Any]:
        if kinds <= self._atoms:
            return []
        if kinds.isdisjoint(_MAYBE_CONSTANT):
            atoms = self._atoms
            return [each for each in group if not atoms.issuperset(map(type, each))]
        return [each for each in group if not self._known.is_constant(each)]

    def _has_large(
        self, kind: type, group: list[Any], bundled: bool, contents: list[Any], kinds: set[type]
    ) -> bool:
        """Whether a policy would be asked about one of these, or what it is reduced to."""
        smallest = self._smallest
        shape = self.shapes.get(kind)
        is_reduced = shape is Shape.AS_ONE or shape is Shape.WITH_SLOTS
        asked = is_reduced or (bundled and shape is not Shape.WITH_DICT)
        if not asked or not group or smallest == sys.maxsize:
            return False
        most = 16 + _largest(contents, kinds)  # bytes for each entry
        if shape is Shape.WITH_SLOTS:
            return len(_slots(kind)) * most >= smallest
        if max(map(len, group)) * most < smallest:
            return False
        return is_reduced or any(
            shallow_bytes(each) >= smallest for each in group if len(each) * most >= smallest
        )

    def _found(
        self, kind: type, contents: list[Any], kinds: set[type], found: dict[type, list[Any]]
    ) -> bool:
        """Adds the objects of this type that were not seen before. Whether no other pod has one
        of them."""
        group = _of_type(kind, contents, kinds)
        fresh = dict.fromkeys(map(id, group), self._pod)
        known = [seen for seen in self._seen if not seen.keys().isdisjoint(fresh.keys())]
        if known or len(fresh) < len(group):
            once = dict(zip(map(id, group), group, strict=True))
            for seen in known:
                for key in once.keys() & seen.keys():
                    del once[key]
            fresh = dict.fromkeys(once, self._pod)
            group = list(once.values())
        if kind not in _MAYBE_CONSTANT:
            if not self._known.is_free(fresh):
                return False
            self.owned.append(fresh)
        self._seen.append(fresh)
        if group:
            entry = _ENTRY.get(kind)
            if entry is not None and max(map(len, group)) * entry >= self._smallest:
                return False  # it is large, whatever it holds
            found[kind] = found[kind] + group if kind in found else group
        return True


_ITERABLES = frozenset({list, tuple, set, frozenset})
_ENTRY: dict[type, int] = {list: 8, dict: 16, set: 8, bytearray: 1}
"""Bytes that an entry adds to `shallow_bytes` in any case."""

_DICTIONARY = operator.attrgetter("__dict__")
_ZONE = operator.attrgetter("tzinfo")


def _of_type(kind: type, contents: list[Any], kinds: set[type]) -> list[Any]:
    if len(kinds) == 1:
        return contents
    return [each for each in contents if type(each) is kind]


def _largest(contents: list[Any], kinds: set[type]) -> int:
    """How many bytes one of these atoms can count for, in `shallow_bytes`."""
    largest = 0
    for kind in kinds & {str, bytes}:
        longest = max(map(len, _of_type(kind, contents, kinds)))
        largest = max(largest, longest + TEXT_BYTES)
    if int in kinds:
        bits = max(map(int.bit_length, _of_type(int, contents, kinds)))
        largest = max(largest, bits // 8)
    return largest


class _Instance:
    def __init__(self) -> None:
        self.attribute = math.nan


_instance = _Instance()
_TOLD_OF_ALL = bool(gc.get_referents(vars(_instance)))
"""Whether `gc.get_referents` tells of all values of a dictionary: in CPython 3.13 not of those that
an instance has in itself. It has to tell of what can be part of a cycle only. Beside this, and
keys where all are strings, it leaves nothing out; tests/podding/test_plain.py sees to that for each
interpreter."""


# --- types ----------------------------------------------------------------------------------------

_LEAVES = frozenset(
    {complex, datetime.date, datetime.datetime, datetime.timedelta, decimal.Decimal}
)
_HOLDERS = frozenset({deque, defaultdict, OrderedDict})
_OWN_WAYS = ("__getstate__", "__getnewargs__", "__getnewargs_ex__")
_WAYS_OF_TUPLES = (
    "__class__", "__getattr__", "__getattribute__", "__getnewargs_ex__", "__getstate__",
    "__reduce__", "__reduce_ex__", "__setstate__",
)  # fmt: skip
_ARGUMENTS_CODE = vars(namedtuple("_", ""))["__getnewargs__"].__code__


def shape_of(kind: type) -> Shape | None:
    """What all objects of a type are like that is reduced in the usual way; None if they may
    differ."""
    if issubclass(kind, type):
        return Shape.ASKED
    if kind in _LEAVES or _is_number(kind):
        return Shape.ATOM
    if kind in _HOLDERS:
        return Shape.HOLDER
    if kind is Counter or _is_namedtuple(kind):
        return Shape.AS_ONE
    if issubclass(kind, enum.Enum):
        return None if issubclass(kind, enum.Flag) else Shape.ATOM
    classes = kind.__mro__[:-1]
    if any(is_static(each) or not each.__dict__.keys().isdisjoint(_OWN_WAYS) for each in classes):
        return None
    if any(type(_found_in(kind, name)) is not types.MemberDescriptorType for name in _slots(kind)):
        return None
    if not kind.__dictoffset__:
        return Shape.WITH_SLOTS
    is_its_own = type(_found_in(kind, "__dict__")) is types.GetSetDescriptorType
    return Shape.WITH_DICT if is_its_own and not _slots(kind) else None


def _is_number(kind: type) -> bool:
    numpy = sys.modules.get("numpy")
    return (
        kind.__module__ == "numpy"
        and numpy is not None
        and is_static(kind)
        and issubclass(kind, (numpy.number, numpy.bool_))
    )


def _is_namedtuple(kind: type) -> bool:
    """Whether its objects are tuples, and nothing beside that."""
    arguments = kind.__dict__.get("__getnewargs__")
    return (
        kind.__bases__ == (tuple,)
        and not kind.__dictoffset__
        and type(arguments) is types.FunctionType
        and arguments.__code__ is _ARGUMENTS_CODE
        and kind.__dict__.keys().isdisjoint(_WAYS_OF_TUPLES)
    )


def _slots(kind: type) -> list[str]:
    """Names of all slots, as pickle's own reduction has them."""
    return copyreg._slotnames(kind)  # type: ignore[attr-defined, no-any-return]


def _found_in(kind: type, name: str) -> Any:
    return next((each.__dict__[name] for each in kind.__mro__ if name in each.__dict__), None)
