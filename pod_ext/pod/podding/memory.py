"""Arrays whose memory overlaps are connected, though none of them refers to the other.

Writing through one changes what the other holds, so they belong to one component. They are told by
the object at the end of the chain of bases, which is the one that has the memory.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

from pod.podding.progress import PodInProgress

PrivateParts = Callable[[Any], Iterable[object]]

_private_parts: dict[type, PrivateParts] = {}


def register_private_parts(kind: type, parts: PrivateParts) -> None:
    """Objects of this type own these parts of theirs: the memory may be shared, but whoever writes
    copies it first, so nobody sees it through another."""
    _private_parts.setdefault(kind, parts)


def has_private_parts(kind: type) -> bool:
    return kind in _private_parts


def private_parts(obj: object) -> Iterable[object]:
    """The parts that an object of such a type owns."""
    return _private_parts[type(obj)](obj)


class SharedMemory:
    """Which pods hold arrays over the same memory, in one examination."""

    def __init__(self) -> None:
        self._pods: dict[int, list[tuple[PodInProgress, bool]]] = {}

    def met(self, array: Any, pod: PodInProgress, private: bool) -> None:
        """An array was pickled into `pod`."""
        self._pods.setdefault(id(_holder(array)), []).append((pod, private))

    def clear(self) -> None:
        self._pods.clear()

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


def _holder(array: Any) -> object:
    """The object that has the memory an array is over."""
    here = array
    while True:
        base = here.obj if isinstance(here, memoryview) else getattr(here, "base", None)
        if base is None:
            return here
        here = base
