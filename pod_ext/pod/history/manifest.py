"""Manifests: the pods of one component, how they are wired, and which name is which object.

A manifest is plain data in a canonical form, so equal components have equal manifests and equal
digests. It is stored as a blob like any other.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from pod.errors import DamagedError, one_line
from pod.podding.pods import Bytes, Component, Pod, Slot, closure, definitions_in
from pod.store.codec import chunks, digest
from pod.store.files import is_digest

INLINE_BYTES = 64
"""Payloads up to this long are in the manifest itself: naming a blob would take as much."""

_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes of a pod, as the blobs they are cut into."""

    nbytes: int
    chunks: tuple[str, ...] = ()
    inline: bytes | None = None

    def to_json(self) -> list[Any]:
        if self.inline is not None:
            return [self.nbytes, "=" + base64.b64encode(self.inline).decode()]
        return [self.nbytes, *self.chunks]

    @classmethod
    def from_json(cls, raw: Any) -> Content:
        if not isinstance(raw, list) or len(raw) < 2 or type(raw[0]) is not int or raw[0] < 0:
            raise ValueError("a content is not a number of bytes and what they are")
        nbytes, *rest = raw
        if len(rest) == 1 and isinstance(rest[0], str) and rest[0].startswith("="):
            inline = base64.b64decode(rest[0][1:], validate=True)
            if len(inline) != nbytes:
                raise ValueError("a content has another number of bytes than it says")
            return cls(nbytes, inline=inline)
        if len(rest) > nbytes or nbytes > _LARGEST or not all(map(is_digest, rest)):
            raise ValueError("a content is not made of chunks")
        return cls(nbytes, tuple(rest))


@dataclass(frozen=True, slots=True)
class StoredPod:
    """A pod whose bytes are in the store."""

    payload: Content
    buffers: tuple[Content, ...]
    slots: tuple[Slot, ...]
    modules: tuple[str, ...]

    def to_json(self) -> list[Any]:
        return [
            self.payload.to_json(),
            [buffer.to_json() for buffer in self.buffers],
            [slot.to_json() for slot in self.slots],
            list(self.modules),
        ]

    @classmethod
    def from_json(cls, raw: Any, number: int) -> StoredPod:
        """The pod of this number, which may refer to smaller ones only."""
        if not isinstance(raw, list) or len(raw) != 4:
            raise ValueError(f"pod {number} is not a list of four")
        payload, buffers, slots, modules = raw
        if not all(isinstance(each, list) for each in (buffers, slots, modules)):
            raise ValueError(f"pod {number} has something else than lists")
        if not all(isinstance(module, str) for module in modules):
            raise ValueError(f"pod {number} names a module that is no string")
        return cls(
            Content.from_json(payload),
            tuple(Content.from_json(buffer) for buffer in buffers),
            tuple(Slot.from_json(slot, number) for slot in slots),
            tuple(modules),
        )

    @property
    def nbytes(self) -> int:
        return self.payload.nbytes + sum(buffer.nbytes for buffer in self.buffers)

    def blobs(self) -> Iterator[str]:
        for content in (self.payload, *self.buffers):
            yield from content.chunks


@dataclass(frozen=True)
class Manifest:
    """One component as stored."""

    pods: tuple[StoredPod, ...]
    names: Mapping[str, Slot]
    definitions: Mapping[str, tuple[Slot, ...]]

    def to_bytes(self) -> bytes:
        return canonical(
            {
                "pods": [pod.to_json() for pod in self.pods],
                "names": {name: slot.to_json() for name, slot in self.names.items()},
                "definitions": {
                    token: [slot.to_json() for slot in slots]
                    for token, slots in self.definitions.items()
                },
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Manifest:
        """Checks all of it: the blob may come from anywhere. `DamagedError`."""
        try:
            raw = json.loads(data)
            pods = tuple(StoredPod.from_json(pod, n) for n, pod in enumerate(raw["pods"]))
            return cls(
                pods,
                {name: Slot.from_json(slot, len(pods)) for name, slot in raw["names"].items()},
                {token: _parts(slots, len(pods)) for token, slots in raw["definitions"].items()},
            )
        except (
            ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError,
        ) as error:  # fmt: skip
            raise DamagedError(f"it is no manifest ({one_line(error)})") from error

    def root(self, name: str) -> Slot:
        """Where a variable is; `DamagedError` for one that is not here, whatever a table says."""
        if name not in self.names:
            raise DamagedError(f"its manifest does not hold {name}")
        return self.names[name]

    def parts(self, token: str) -> tuple[Slot, ...]:
        """Where the parts of a definition are; likewise."""
        if token not in self.definitions:
            raise DamagedError(f"its manifest does not hold {token}")
        return self.definitions[token]

    @cached_property
    def slots(self) -> Sequence[tuple[Slot, ...]]:
        return [pod.slots for pod in self.pods]

    @cached_property
    def interior(self) -> frozenset[int]:
        """Pods with an object, other than their root, that something refers to."""
        everything = (*self.slots, tuple(self.names.values()), *self.definitions.values())
        return frozenset(
            slot.args[0]
            for slots in everything
            for slot in slots
            if slot.kind == "pod" and slot.args[1] is not None
        )

    @cached_property
    def uses(self) -> frozenset[str]:
        """Tokens of the definitions that its objects refer to."""
        own = definitions_in(slot for slots in self.slots for slot in slots)
        return frozenset(own | definitions_in(self.names.values()))

    def needed(self, roots: Iterable[Slot]) -> list[int]:
        """Numbers of the pods that these roots need, children first."""
        return closure(self.slots, roots)

    def tokens(self, roots: Sequence[Slot]) -> set[str]:
        """Tokens of the definitions that these roots refer to, by way of pods."""
        slots = [slot for number in self.needed(roots) for slot in self.slots[number]]
        return definitions_in((*roots, *slots))

    def nbytes(self, roots: Iterable[Slot]) -> int:
        return sum(self.pods[number].nbytes for number in self.needed(roots))

    def modules(self, roots: Iterable[Slot]) -> set[str]:
        """Top-level modules that loading these roots imports."""
        return {module for number in self.needed(roots) for module in self.pods[number].modules}

    def opaque(self, roots: Sequence[Slot]) -> tuple[str, ...]:
        """What could not be saved behind these roots, one line each."""
        slots = [*roots]
        for number in self.needed(roots):
            slots.extend(self.pods[number].slots)
        return tuple(f"{slot.args[0]} ({slot.args[1]})" for slot in slots if slot.kind == "opaque")

    def without_serials(self) -> Manifest:
        """The same, opaque objects not told apart by when they were examined."""

        def plain(slot: Slot) -> Slot:
            return Slot("opaque", slot.args[:2]) if slot.kind == "opaque" else slot

        return Manifest(
            tuple(replace(pod, slots=tuple(map(plain, pod.slots))) for pod in self.pods),
            {name: plain(slot) for name, slot in self.names.items()},
            {token: tuple(map(plain, slots)) for token, slots in self.definitions.items()},
        )

    def fingerprint(self, roots: Sequence[Slot], definition: Callable[[str], str]) -> str:
        """Digest of what is behind these roots alone, with its inner sharing.

        Pods are numbered anew, so that what else the component holds makes no difference. A root
        that is a definition stands for that definition's own fingerprint.
        """
        numbers = {old: new for new, old in enumerate(self.needed(roots))}

        def renumbered(slot: Slot) -> list[Any]:
            if slot.kind == "pod":
                return ["pod", numbers[slot.args[0]], slot.args[1]]
            return slot.to_json()

        return digest(
            canonical(
                [
                    [
                        [
                            pod.payload.to_json(),
                            [buffer.to_json() for buffer in pod.buffers],
                            [renumbered(slot) for slot in pod.slots if slot.kind != "file"],
                        ]
                        for pod in (self.pods[number] for number in numbers)
                    ],
                    [
                        definition(root.args[0]) if root.kind == "definition" else renumbered(root)
                        for root in roots
                    ],
                ]
            )
        )


def _parts(raw: Any, below: int) -> tuple[Slot, ...]:
    if not isinstance(raw, list) or not raw:
        raise ValueError("a definition has no parts")
    return tuple(Slot.from_json(slot, below) for slot in raw)


def canonical(value: Any) -> bytes:
    """The one JSON form of a value: keys sorted, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def store_component(component: Component, put: Callable[[Bytes], str]) -> Manifest:
    """Cut a component's pods into blobs, hand each to `put`, and keep their digests."""
    return Manifest(
        tuple(_store_pod(pod, put) for pod in component.pods),
        dict(component.names),
        dict(component.definitions),
    )


def _store_pod(pod: Pod, put: Callable[[Bytes], str]) -> StoredPod:
    return StoredPod(
        _store_bytes(pod.payload, put),
        tuple(_store_bytes(buffer, put) for buffer in pod.buffers),
        pod.slots,
        pod.modules,
    )


def _store_bytes(data: Bytes, put: Callable[[Bytes], str]) -> Content:
    view = memoryview(data)
    if view.nbytes <= INLINE_BYTES:
        return Content(view.nbytes, inline=bytes(view))
    return Content(view.nbytes, tuple(put(chunk) for chunk in chunks(view)))
