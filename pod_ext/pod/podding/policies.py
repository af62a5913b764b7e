"""Where one pod ends and the next begins: one question, several ways of answering it.

The policies are those that the paper compares. Whatever a policy answers, what is restored is the
same; it decides only what is written again when something changes, and what a partial load reads.
"""

from __future__ import annotations

import itertools
import random
import sys
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

POD_OVERHEAD = 1200
"""Bytes that one more pod costs, everything counted: the paper's constant."""

REWRITTEN = 64 * 1024
"""Bytes of a pod that are written again when something small in it changes.

A pod is not written as a whole: its payload is cut into chunks, and only chunks that differ are.
"""

Place = int
"""Where in the object graph a pod is, the same from save to save: a hash of its path."""


def root_place(name: str, part: int = 0) -> Place:
    """The place of a variable, or of one part of a definition; the same in every process."""
    return hash((zlib.crc32(name.encode("utf-8", "surrogatepass")), part))


def place_within(pod: Place, number: int) -> Place:
    """The place of the n-th object in a pod that could have been split off."""
    return hash((pod, number))


class Policy(Protocol):
    """Decides, object by object, whether to split it off into a pod of its own."""

    smallest: int
    """Objects of fewer bytes (`shallow_bytes`) are bundled without asking."""

    def splits(
        self, size: int, place: Place, pod_size: int, pod_place: Place, settled: bool
    ) -> bool:
        """Whether an object of `size` bytes, met in a pod of `pod_size` so far, is split off.

        `settled`: its variable still has the object that it had at the last save. Then the answer
        must be the same as it was: podding what has not changed in another way would write it
        again, and call it changed.
        """

    def observe(self, place: Place, content: int) -> None:
        """Learn what the pod at `place` was at this save: a hash of its content."""

    def take_decisions(self) -> Mapping[Place, bool]:
        """What it has come to decide since the last call and means to abide by."""

    def adopt(self, decisions: Mapping[Place, bool]) -> None:
        """Abide by what a copy of it decided, in another process."""


def shallow_bytes(obj: Any) -> int:
    """Roughly what an object adds to its pod by itself, without what may be split off it.

    Never calls the object's own code (`__sizeof__` of a DataFrame walks all of it).
    """
    kind = type(obj)
    if kind is dict:
        return 16 * len(obj) + _sampled(obj.values(), len(obj))
    if kind in _SEQUENCES:
        return 8 * len(obj) + _sampled(obj, len(obj))
    if kind is bytearray:
        return len(obj)
    return shallow_bytes_of(kind) or 0


def shallow_bytes_of(kind: type) -> int | None:
    """The same for all objects of a type; None if it depends on the object."""
    if kind in _CONTAINERS:
        return None
    if str(kind.__module__).partition(".")[0] in _HEAVY_LIBRARIES:
        return 16 * 1024
    return 128


_SEQUENCES = frozenset({list, tuple, set, frozenset, deque})
_CONTAINERS = _SEQUENCES | {dict, bytearray}
_HEAVY_LIBRARIES = frozenset(
    {"pandas", "polars", "pyarrow", "scipy", "sklearn", "networkx", "torch", "xgboost", "lightgbm"}
)


def _sampled(values: Iterable[Any], count: int) -> int:
    """Bytes of the strings and numbers in a container, from its first few.

    Not by `sys.getsizeof`: it counts a string's UTF-8 once somebody has asked for that, as pickling
    does, and the same object would be of another size at the next save.
    """
    total = 0
    for value in islice(values, 4):
        kind = type(value)
        if kind is str or kind is bytes:
            total += len(value) + TEXT_BYTES
        elif kind is int:
            total += value.bit_length() // 8
    return total * count // min(count, 4) if total else 0


TEXT_BYTES = 17
"""What a string or bytes object counts for beside its length."""


class Lga:
    """Greedy on expected cost: bytes written again, and an overhead for each pod.

    Bundling object u into pod p makes every change of u rewrite p, and every change of p rewrite u;
    splitting it off costs a pod. With v the probability that a place changes between two saves:
    split when  rewritten(p) * v(u) + size(u) * v(p)  exceeds the overhead.
    v is learned from the place's history, and starts from a prior.
    """

    smallest = POD_OVERHEAD

    def __init__(self, volatility: float | None = None, overhead: int = POD_OVERHEAD) -> None:
        self._fixed = volatility
        self._overhead = overhead
        self._history: dict[Place, _History] = {}
        self._decided: dict[Place, bool] = {}
        self._news: dict[Place, bool] = {}

    def splits(
        self, size: int, place: Place, pod_size: int, pod_place: Place, settled: bool
    ) -> bool:
        known = self._decided.get(place)
        if known is not None and settled:
            return known
        again = min(pod_size, REWRITTEN) * self._volatility(place)
        answer = again + size * self._volatility(pod_place) > self._overhead
        if known is not None or len(self._decided) < _REMEMBERED_PLACES:
            self._decided[place] = self._news[place] = answer
        return answer

    def take_decisions(self) -> Mapping[Place, bool]:
        news, self._news = self._news, {}
        return news

    def adopt(self, decisions: Mapping[Place, bool]) -> None:
        room = max(0, _REMEMBERED_PLACES - len(self._decided))
        self._decided.update(itertools.islice(decisions.items(), room))

    def observe(self, place: Place, content: int) -> None:
        if self._fixed is not None:
            return
        known = self._history.get(place)
        if known is None:
            if len(self._history) < _REMEMBERED_PLACES:
                self._history[place] = _History(content)
            return
        known.seen += 1
        known.changed += known.content != content
        known.content = content

    def _volatility(self, place: Place) -> float:
        if self._fixed is not None:
            return self._fixed
        known = self._history.get(place)
        if known is None:
            return _PRIOR
        return (known.changed + _PRIOR * _PRIOR_WEIGHT) / (known.seen + _PRIOR_WEIGHT)


_PRIOR, _PRIOR_WEIGHT, _REMEMBERED_PLACES = 0.05, 4, 100_000


@dataclass(slots=True)
class _History:
    content: int
    seen: int = 0
    changed: int = 0


class _Unlearned:
    smallest = 0

    def observe(self, place: Place, content: int) -> None:
        pass

    def take_decisions(self) -> Mapping[Place, bool]:
        return {}

    def adopt(self, decisions: Mapping[Place, bool]) -> None:
        pass


class BundleAll(_Unlearned):
    """A pod per variable."""

    smallest = sys.maxsize

    def splits(
        self, size: int, place: Place, pod_size: int, pod_place: Place, settled: bool
    ) -> bool:
        return False


class SplitAll(_Unlearned):
    """A pod per object."""

    def splits(
        self, size: int, place: Place, pod_size: int, pod_place: Place, settled: bool
    ) -> bool:
        return True


class TypeHeuristic(_Unlearned):
    """By kind alone: long containers and objects of the heavy libraries are split off."""

    smallest = 8 * 128

    def splits(
        self, size: int, place: Place, pod_size: int, pod_place: Place, settled: bool
    ) -> bool:
        return True


class RandomSplits(_Unlearned):
    """Every object with even odds, the same at each save. For tests and as a baseline."""

    def __init__(self, seed: int = 0, share: float = 0.5) -> None:
        self._seed = seed
        self._share = share

    def splits(
        self, size: int, place: Place, pod_size: int, pod_place: Place, settled: bool
    ) -> bool:
        return random.Random(hash((self._seed, place))).random() < self._share


POLICIES: dict[str, Callable[[], Policy]] = {
    "lga": Lga,
    "lga-0": lambda: Lga(volatility=0.0),
    "lga-1": lambda: Lga(volatility=1.0),
    "tbh": TypeHeuristic,
    "bundle-all": BundleAll,
    "split-all": SplitAll,
    "random": RandomSplits,
}


def make_policy(name: str) -> Policy:
    try:
        return POLICIES[name]()
    except KeyError:
        raise ValueError(
            f"unknown podding policy {name!r}; choose one of {', '.join(POLICIES)}"
        ) from None
