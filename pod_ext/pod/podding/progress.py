"""A pod while it is written: what the examination that writes it knows of it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, TypeAlias

from pod.podding.pods import Slot
from pod.podding.policies import Place

if TYPE_CHECKING:
    import pickle

Target: TypeAlias = "Slot | tuple[PodInProgress, int | None]"
"""What a slot refers to while its examination lasts: pods have no numbers yet."""


class ClosesCycle(Exception):
    """Writing this pod on would close a cycle through `target`, a pod still being written."""

    def __init__(self, target: PodInProgress) -> None:
        self.target = target


class TooLongError(BaseException):
    """An examination was given up since it takes longer than it may. Nothing that it runs is to
    mistake this for an error of its own."""


class PodInProgress:
    """A pod while its examination lasts."""

    __slots__ = (
        "_stand_ins", "abandoned", "buffers", "candidates", "finished", "indexes", "modules",
        "number", "payload", "pickler", "place", "size", "slot_numbers", "slots",
    )  # fmt: skip

    def __init__(self, place: Place) -> None:
        self.place = place
        self.finished = self.abandoned = False
        self.number = -1
        self.payload = io.BytesIO()
        self.buffers: list[memoryview] = []
        self.slots: list[Target] = []
        self.slot_numbers: dict[Any, int] = {}
        self._stand_ins: dict[int, int] = {}
        self.modules: set[str] = set()
        self.candidates = 0
        self.size = 0
        self.pickler: pickle.Pickler | None = None
        self.indexes: dict[int, int] | None = None

    def slot(self, target: Target) -> int:
        """The number of the slot that refers to `target`, a new one at first."""
        number = self.slot_numbers.setdefault(target, len(self.slots))
        if number == len(self.slots):
            self.slots.append(target)
        return number

    def stand_in(self, key: int, slot: Slot) -> int:
        """The number of the slot that stands for the object of this id everywhere."""
        number = self._stand_ins.get(key)  # hashing a slot takes as long as pickling an object
        if number is None:
            number = self._stand_ins[key] = self.slot(slot)
        return number

    def index_of(self, obj: object) -> int | None:
        """Where the finished pod's pickle memo, and so its unpickler's, holds `obj`."""
        if self.indexes is None:
            assert self.pickler is not None
            memo = self.pickler.memo.copy()
            self.indexes = {key: index for key, (index, _) in memo.items()}
        return self.indexes.get(id(obj))


ATOM = PodInProgress(0)  # "owner" of what is pickled wherever it is met
ATOM.finished = True
