"""Memory that several objects are over, though none of them may refer to another.

Writing through one array changes what another over the same memory holds. So they belong to one
component, and a view is saved as a view: with the object that has the memory, its *holder*, as an
object of the graph like any other. Then sharing survives because the holder is shared.

Where only a small part of a holder is looked at, by one array alone, and nothing else that is saved
refers to the holder, nobody could tell the difference; such a view is saved by itself, so that ten
numbers of a gigabyte do not cost a gigabyte. Whether it is alone is known at the end of an
examination only; if it was not, `Holders` remembers it, and the examination is made again.
"""

from __future__ import annotations

import array
import sys
from collections.abc import Callable, Iterable
from typing import Any

from pod.podding.progress import PodInProgress

SMALL_BYTES = 64 * 1024
"""A holder up to this size is always saved with its views."""

_REMEMBERED = 10_000

TakeApart = Callable[[Any], tuple[Any, Iterable[object]]]
"""Gives an object's reduction, and those objects in it that it owns."""

_apart: dict[type, TakeApart] = {}


def register_private_parts(kind: type, take_apart: TakeApart) -> None:
    """Objects of this type own some parts of theirs: the memory may be shared, but whoever writes
    copies it first, so nobody sees it through another."""
    _apart.setdefault(kind, take_apart)


def has_private_parts(kind: type) -> bool:
    return kind in _apart


def taken_apart(obj: object) -> tuple[Any, Iterable[object]]:
    """The reduction of an object of such a type, and the parts that it owns."""
    return _apart[type(obj)](obj)


class Holders:
    """Arrays that are to be saved whole, since more than one saved object is over their memory.

    They are known by their ids, see `may_be_resized`. One that took the place of another costs no
    more than that it is saved whole.
    """

    def __init__(self) -> None:
        self._known: set[int] = set()

    def __contains__(self, holder: object) -> bool:
        return id(holder) in self._known

    def add(self, holder: object) -> None:
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known.add(id(holder))


class SharedMemory:
    """Which arrays over the same memory were met, in one examination."""

    def __init__(self, whole: Holders, is_known: Callable[[object], bool]) -> None:
        self._whole = whole
        self._is_known = is_known
        self._pods: dict[int, list[tuple[PodInProgress, bool]]] = {}
        self._views: dict[int, tuple[Any, set[int]]] = {}
        self._alone: set[int] = set()

    def met(self, array: Any, pod: PodInProgress, private: bool) -> None:
        """An array was pickled into `pod`."""
        holder = holder_of(array)
        key = id(holder)
        self._pods.setdefault(key, []).append((pod, private))
        if not private:
            self._views.setdefault(key, (holder, set()))[1].add(id(array))

    def is_alone(self, holder: Any, used_bytes: int) -> bool:
        """Whether a view that looks at so many bytes of an array is to be saved without it."""
        small = holder.nbytes <= SMALL_BYTES or 2 * used_bytes >= holder.nbytes
        if small or holder in self._whole or self._is_known(holder):
            return False
        self._alone.add(id(holder))
        return True

    def was_wrong(self) -> bool:
        """Whether a view was saved by itself although it was not alone; then the holder is
        remembered, and the next examination gets it right."""
        wrong = [
            holder
            for key, (holder, views) in self._views.items()
            if key in self._alone and (len(views) > 1 or self._is_known(holder))
        ]
        for holder in wrong:
            self._whole.add(holder)
        return bool(wrong)

    def clear(self) -> None:
        self._pods.clear()
        self._views.clear()
        self._alone.clear()

    def links(
        self, owner: Callable[[int], object]
    ) -> Iterable[tuple[PodInProgress, PodInProgress]]:
        """Pairs of pods to be connected. Arrays that are all private do not connect with each
        other, but each does with one that anybody may write to."""
        for key, met in self._pods.items():
            pods = [(pod, private) for pod, private in met if not pod.abandoned]
            holder = owner(key)
            if isinstance(holder, PodInProgress) and holder.number >= 0:  # finished, and no ATOM
                pods.append((holder, False))
            open_to_all = next((pod for pod, private in pods if not private), None)
            if open_to_all is not None:
                for pod, _ in pods:
                    if pod is not open_to_all:
                        yield pod, open_to_all


def is_array(kind: type) -> bool:
    """Whether objects of this type are NumPy arrays."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and issubclass(kind, numpy.ndarray)


def may_be_resized(obj: object) -> bool:
    """Whether this is an array that has its memory itself. `ndarray.resize` raises while anybody
    refers to it once more, weakly or not; so nobody may, between two saves."""
    kind = type(obj)
    return is_array(kind) and bool(sys.modules["numpy"].ndarray.flags.__get__(obj).owndata)


def holds_bytes(holder: object) -> bool:
    """Whether this is a mutable object, other than an array of NumPy's, that views can be over."""
    return type(holder) in (bytearray, array.array)


def holder_of(array: Any) -> Any:
    """The object that has the memory an array is over."""
    here = array
    while True:
        base = here.obj if isinstance(here, memoryview) else getattr(here, "base", None)
        if base is None or base is here:  # as an array of Cython's says that has its memory itself
            return here
        here = base
