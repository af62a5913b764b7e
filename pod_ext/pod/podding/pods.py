"""Pods and slots: the records that podding hands to the store, and gets back from it.

A payload holds slot *numbers* only; what is behind each number is the pod's list of slots. So equal
content has equal bytes wherever it comes from, and the wiring is plain data that can be read,
compared and verified without unpickling anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any, Literal, TypeAlias, cast

Bytes: TypeAlias = "bytes | bytearray | memoryview"

Kind = Literal[
    "pod", "namespace", "vars", "global", "dtype", "definition", "file", "opaque"
]  # fmt: skip
"""What a slot may refer to:

pod         (number, memo index or None for the root) an object in another pod of the component
namespace   () the namespace itself, as the globals of a function defined in it
vars        (module) the dictionary of an imported module
global      (module, name) a well-known singleton of a module
dtype       (name) a NumPy dtype without fields
definition  (token) a class or function defined in the session, resolved by the commit
file        (name, source) where code was compiled from, with its text
opaque      (type, reason, since, serial) an object that could not be saved
"""


@dataclass(frozen=True, slots=True)
class Slot:
    """A pod's numbered reference to something outside it."""

    kind: Kind
    args: tuple[Any, ...] = ()

    def to_json(self) -> list[Any]:
        return [self.kind, *self.args]

    @classmethod
    def from_json(cls, raw: Any, below: int) -> Slot:
        """Checks it: the file may come from anywhere. ValueError, also for a pod that is not below
        that number. A kind that only later versions know is left to whoever loads it."""
        if not isinstance(raw, list) or not raw or not isinstance(raw[0], str):
            raise ValueError("a slot is not a list with a kind")
        kind, *args = raw
        if kind == "pod":
            fits = len(args) == 2 and _is_number(args[0], below) and _is_memo_index(args[1])
        else:
            kinds = _ARGUMENTS.get(kind)
            fits = kinds is None or (
                len(args) == len(kinds)
                and all(type(arg) in allowed for arg, allowed in zip(args, kinds, strict=True))
            )
        if not fits:
            raise ValueError(f"a slot of kind {kind[:40]!r} has other arguments than it should")
        return cls(cast(Kind, kind), tuple(args))


_TEXT = (str,)
_ARGUMENTS: Mapping[str, tuple[tuple[type, ...], ...]] = {
    "namespace": (),
    "vars": (_TEXT,),
    "global": (_TEXT, _TEXT),
    "dtype": (_TEXT,),
    "definition": (_TEXT,),
    "file": (_TEXT, (str, NoneType)),
    "opaque": (_TEXT, _TEXT, (int,), _TEXT),
}
"""Types of the arguments, by kind."""
_MAX_MEMO_INDEX = 2**32 - 1


def _is_number(value: object, below: int) -> bool:
    return type(value) is int and 0 <= value < below


def _is_memo_index(value: object) -> bool:
    return value is None or _is_number(value, _MAX_MEMO_INDEX)


@dataclass(frozen=True, slots=True)
class Pod:
    """A group of objects serialised together."""

    payload: Bytes
    """Pickle bytes, protocol 5."""
    buffers: tuple[Bytes, ...]
    """Out-of-band buffers, in the order the payload asks for them."""
    slots: tuple[Slot, ...]
    modules: tuple[str, ...] = ()
    """Top-level modules that unpickling it imports."""
    place: int = 0
    """Where in the object graph it is, for the policy that learns; not written anywhere."""

    @property
    def nbytes(self) -> int:
        return len(self.payload) + sum(memoryview(b).nbytes for b in self.buffers)


@dataclass(frozen=True, slots=True)
class Component:
    """Pods connected with one another, children before parents, and which name is which object."""

    pods: tuple[Pod, ...]
    names: Mapping[str, Slot]
    """Variable -> its root."""
    definitions: Mapping[str, tuple[Slot, ...]]
    """Token of a class or function -> the root of each of its parts."""


def closure(slots_of: Sequence[Sequence[Slot]], roots: Iterable[Slot]) -> list[int]:
    """Numbers of the pods that `roots` need, children first."""
    todo = [slot.args[0] for slot in roots if slot.kind == "pod"]
    seen: set[int] = set()
    while todo:
        number = todo.pop()
        if number not in seen:
            seen.add(number)
            todo.extend(pod_children(slots_of[number]))
    # A pod's children are finished, and so numbered, before it.
    return sorted(seen)


def pod_children(slots: Iterable[Slot]) -> Iterator[int]:
    return (slot.args[0] for slot in slots if slot.kind == "pod")


def definitions_in(slots: Iterable[Slot]) -> set[str]:
    return {slot.args[0] for slot in slots if slot.kind == "definition"}
