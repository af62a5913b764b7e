"""Where blobs are: every copy of each, and by way of which others it can be decoded.

A copy is whole, or a delta against a base, which may be in any pack, whole or a delta itself. So a
blob is there if a *chain* is: a copy of it, a copy of that one's base, and so on to a whole one.

Nothing here needs a lock: every change is a single operation on a dict, and may happen twice.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from pod.store.pack import PackEntry

MAX_CHAIN = 64
"""Copies in a chain that is still read. Writers make much shorter ones, which grow only where
garbage collections take each other's copies away."""

# Directories that came from elsewhere may hold copies that lead anywhere.
_MOST_LOOKED_AT = 1000


@dataclass(frozen=True, slots=True)
class Place:
    """Where a copy of a blob is."""

    pack: str
    entry: PackEntry


Chain: TypeAlias = "tuple[Place, ...]"
"""Copies of a blob, of its base, and so on; the last one is whole."""


class Copies:
    """The copies that some packs hold."""

    def __init__(self, packs: Mapping[str, Iterable[PackEntry]] | None = None) -> None:
        self._first: dict[str, Place] = {}
        self._more: dict[str, dict[str, Place]] = {}
        """Of the few blobs that are in several packs, those beside the first, by pack."""
        self._deltas: set[str] = set()
        """Blobs that were ever seen as deltas."""
        for key, entries in (packs or {}).items():
            self.add(key, entries)

    def add(self, key: str, entries: Iterable[PackEntry]) -> None:
        """Learn what a pack holds."""
        for entry in entries:
            place = Place(key, entry)
            first = self._first.setdefault(entry.digest, place)
            if first.pack != key:
                self._more.setdefault(entry.digest, {})[key] = place
            elif first is not place:
                self._first[entry.digest] = place
            if entry.base is not None:
                self._deltas.add(entry.digest)

    def drop(self, key: str, entries: Iterable[PackEntry]) -> None:
        """Forget what a pack held."""
        for entry in entries:
            more = self._more.get(entry.digest)
            if more is not None:
                more.pop(key, None)
            first = self._first.get(entry.digest)
            if first is not None and first.pack == key:
                self._first.pop(entry.digest, None)
                if more:
                    self._first.setdefault(entry.digest, next(iter(more.values())))
            if more is not None and len(more) < 2 and more.keys() <= {self._pack(entry.digest)}:
                self._more.pop(entry.digest, None)

    def _pack(self, digest: str) -> str | None:
        first = self._first.get(digest)
        return None if first is None else first.pack

    def of(self, digest: str) -> list[Place]:
        """Every copy of a blob, the newest first."""
        first = self._first.get(digest)
        more = self._more.get(digest)
        if more is None:
            return [] if first is None else [first]
        newest = list(reversed(more.values()))
        return newest if first is None or first.pack in more else [*newest, first]

    def chain(self, digest: str, without: Container[str] = ()) -> Chain | None:
        """The shortest chain to a blob, with the newest copies, that needs none of the packs
        `without`; None if there is none."""
        if digest not in self._more:
            first = self._first.get(digest)
            if first is None or first.pack in without:
                return None
            if first.entry.base is None:
                return (first,)
        # Breadth first. What has been met needs no second look: another way to it is no shorter.
        met = {digest}
        ends: list[tuple[str, Chain]] = [(digest, ())]
        for _ in range(MAX_CHAIN):
            further: list[tuple[str, Chain]] = []
            for end, chain in ends:
                for place in self.of(end):
                    base = place.entry.base
                    if place.pack in without:
                        continue
                    if base is None:
                        return (*chain, place)
                    if base not in met and len(met) < _MOST_LOOKED_AT:
                        met.add(base)
                        further.append((base, (*chain, place)))
            ends = further
        return None

    def broken(self) -> Iterator[str]:
        """Blobs of which there are copies and no chain."""
        for digest in tuple(self._deltas):
            if digest in self._first and self.chain(digest) is None:
                yield digest
