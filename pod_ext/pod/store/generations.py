"""What garbage collections write down: which packs nobody may rely on any more, and which times
are gone.

A collection announces the packs it is about to delete before it looks a last time whether anyone
needs them. Whoever begins to save after that sees the record and relies on none of them; whoever
began before has a claim, which the collection waits for. A record is written once, under a name
that is never used again, so whether there is news is told by a look at the names alone.
"""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pod.errors import DamagedError, FormatError, PodError
from pod.store.codec import digest
from pod.store.files import MAX_COMMIT_BYTES, MAX_TIME, is_digest, read_bounded
from pod.store.storage import MissingKeyError, Storage

PREFIX = "gc/"
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Generation:
    """One record of a garbage collection."""

    packs: frozenset[str] = frozenset()
    """Names of the packs that it condemned: as long as they exist, nothing new may rely on them."""
    removing: frozenset[int] = frozenset()
    """Time ids that it was about to remove when it wrote this."""
    removed: tuple[tuple[int, int], ...] = ()
    """Ranges, both ends included, of all time ids removed so far."""
    bridges: Mapping[int, int | None] = field(default_factory=dict)
    """For a removed time that one still there came from: the nearest before it that was still
    there, None if there was none."""

    def has_removed(self, t: int) -> bool:
        return t in self.removing or any(first <= t <= last for first, last in self.removed)

    def to_bytes(self) -> bytes:
        body = {
            "packs": sorted(self.packs),
            "removing": sorted(self.removing),
            "removed": [list(one) for one in self.removed],
            "bridges": {str(t): ancestor for t, ancestor in sorted(self.bridges.items())},
        }
        data = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
        header = {"pod-gc": _FORMAT, "blake3": digest(data)}
        return json.dumps(header, separators=(",", ":")).encode() + b"\n" + data

    @classmethod
    def from_bytes(cls, data: bytes, where: str) -> Generation:
        """DamagedError naming `where` for bytes that were not written so."""
        head, _, body = data.partition(b"\n")
        try:
            header = json.loads(head)
            if _number(header["pod-gc"]) > _FORMAT:
                raise FormatError(
                    f"{where} has format {header['pod-gc']}, and this version of Pod reads up to "
                    f"{_FORMAT}; upgrade pod-ext"
                )
            if header["blake3"] != digest(body):
                raise DamagedError(f"{where} is damaged: its bytes do not match its hash")
            raw = json.loads(body)
            return cls(
                frozenset(map(_name, raw["packs"])),
                frozenset(map(_number, raw["removing"])),
                tuple((_number(first), _number(last)) for first, last in raw["removed"]),
                dict(_bridge(int(t), ancestor) for t, ancestor in raw["bridges"].items()),
            )
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            raise DamagedError(
                f"{where} is damaged: it is no record of a garbage collection"
            ) from error


def _name(value: object) -> str:
    if not isinstance(value, str) or not is_digest(value):
        raise ValueError("a pack has another name")
    return value


def _number(value: object) -> int:
    if type(value) is not int or not 1 <= value <= MAX_TIME:
        raise ValueError("a number is out of range")
    return value


def _bridge(t: int, ancestor: object) -> tuple[int, int | None]:
    if ancestor is not None and _number(ancestor) >= _number(t):
        raise ValueError("a bridge leads forward")
    return _number(t), None if ancestor is None else _number(ancestor)


def announce(storage: Storage, generation: Generation) -> str:
    """Write a record down, durably; its key."""
    key = f"{PREFIX}{uuid.uuid4().hex}"
    storage.put(key, [generation.to_bytes()])
    return key


def read(storage: Storage) -> dict[str, Generation]:
    """All records by their keys. A damaged one says nothing: what it announced is over, since
    records are written whole or not at all."""
    while True:
        found = {}
        try:
            for key in storage.list(PREFIX):
                found[key] = Generation()
                with contextlib.suppress(DamagedError):
                    found[key] = Generation.from_bytes(
                        read_bounded(storage, key, MAX_COMMIT_BYTES), f"{key} in {storage}"
                    )
        except MissingKeyError:
            continue  # It went for a newer one.
        return found


def was_removed(storage: Storage, t: int) -> bool:
    """Whether a garbage collection removed a time, as far as can be told."""
    with contextlib.suppress(PodError):
        return any(one.has_removed(t) for one in read(storage).values())
    return False


def ranges(times: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Numbers as ranges."""
    found: list[tuple[int, int]] = []
    for t in sorted(set(times)):
        if found and found[-1][1] == t - 1:
            found[-1] = found[-1][0], t
        else:
            found.append((t, t))
    return tuple(found)


def joined(many: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Ranges without overlaps, in order."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(many):
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(last, found[-1][1])
        else:
            found.append((first, last))
    return tuple(found)
