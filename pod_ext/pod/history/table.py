"""Variable tables: every name of a moment, stored so that a save writes only what it changed.

A table is cut into shards by the hash of the name, about as many as each has entries. A shard is a
blob; the commit lists their digests. A cell that changes one variable among 10,000 writes one shard
of about a hundred entries, and each commit stands on its own all the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import overload

from pod.errors import DamagedError, one_line
from pod.history.manifest import canonical
from pod.history.records import Variable
from pod.store.codec import digest

_BATCH = 64


@dataclass(frozen=True, slots=True)
class Table(Mapping[str, Variable]):
    """Names and what is known of each, in shards."""

    shards: Sequence[Mapping[str, Variable]] = ()
    digests: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Variable:
        if not self.shards:
            raise KeyError(name)
        return self.shards[_shard_of(name, len(self.shards))][name]

    def __iter__(self) -> Iterator[str]:
        for shard in self.shards:
            yield from shard

    def __len__(self) -> int:
        return sum(len(shard) for shard in self.shards)

    def __contains__(self, name: object) -> bool:
        if not self.shards or not isinstance(name, str):
            return False
        return name in self.shards[_shard_of(name, len(self.shards))]

    def entries(self) -> Iterator[Variable]:
        """The same as the values, without looking each one up by its name."""
        for shard in self.shards:
            yield from shard.values()

    def updated(
        self,
        changed: Iterable[Variable],
        removed: Iterable[str],
        put: Callable[[bytes], str],
    ) -> Table:
        """This table with some entries set and some gone; new shards are handed to `put`."""
        changed, removed = list(changed), set(removed)
        if not changed and not removed:
            return self
        added = sum(variable.name not in self for variable in changed)
        count = _shard_count(len(self) + added - len(removed))
        if count != len(self.shards):
            entries = {name: entry for name, entry in self.items() if name not in removed}
            entries |= {variable.name: variable for variable in changed}
            return _build(entries, count, put)
        shards, digests = list(self.shards), list(self.digests)
        touched: dict[int, dict[str, Variable]] = {}
        for name in removed:
            number = _shard_of(name, count)
            touched.setdefault(number, dict(shards[number])).pop(name, None)
        for variable in changed:
            number = _shard_of(variable.name, count)
            touched.setdefault(number, dict(shards[number]))[variable.name] = variable
        for number, shard in touched.items():
            shards[number], digests[number] = shard, put(_shard_bytes(shard))
        return Table(tuple(shards), tuple(digests))


Read = Callable[[Sequence[str]], Mapping[str, bytes]]
"""Gives the blobs of some digests; `PodError` if one is missing or damaged."""


def read_table(
    digests: tuple[str, ...], read: Read, what: str = "a table", like: Table | None = None
) -> Table:
    """The table whose shards are these blobs, each read when it is first needed: the others can be
    used if one is damaged. `DamagedError` then says what the table is. Shards that are in a table
    at hand, `like`, are not read."""
    shards = _StoredShards(digests, read, what)
    if like is not None and len(like.digests) == len(digests):
        pairs = enumerate(zip(digests, like.digests, like.shards, strict=True))
        shards.known.update({n: shard for n, (ours, its, shard) in pairs if ours == its})
    return Table(shards, digests)


class _StoredShards(Sequence[Mapping[str, Variable]]):
    def __init__(self, digests: tuple[str, ...], read: Read, what: str) -> None:
        self._digests = digests
        self._read = read
        self._what = what
        self.known: dict[int, Mapping[str, Variable]] = {}

    def __len__(self) -> int:
        return len(self._digests)

    @overload
    def __getitem__(self, index: int) -> Mapping[str, Variable]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Mapping[str, Variable]]: ...
    def __getitem__(
        self, index: int | slice
    ) -> Mapping[str, Variable] | Sequence[Mapping[str, Variable]]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        if index not in self.known:
            self._learn((range(len(self))[index],))
        return self.known[index]

    def __iter__(self) -> Iterator[Mapping[str, Variable]]:
        for start in range(0, len(self), _BATCH):  # all of them need not fit into memory
            batch = range(start, min(start + _BATCH, len(self)))
            self._learn([number for number in batch if number not in self.known])
            for number in batch:
                yield self.known[number]

    def _learn(self, numbers: Sequence[int]) -> None:
        try:
            blobs = self._read([self._digests[number] for number in numbers])
        except DamagedError as error:
            raise DamagedError(f"{self._what} is damaged: {error}") from error
        for number in numbers:
            name = self._digests[number]
            try:
                self.known[number] = _read_shard(blobs[name], number, len(self))
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
                raise DamagedError(
                    f"{self._what} is damaged: variable table {name[:12]} is not readable "
                    f"({one_line(error)})"
                ) from error


@lru_cache(maxsize=256)
def _read_shard(data: bytes, number: int, count: int) -> Mapping[str, Variable]:
    raw = json.loads(data)
    if not isinstance(raw, list):
        raise TypeError("it is not a list")
    shard = {entry.name: entry for entry in map(Variable.from_json, raw)}
    if len(shard) != len(raw) or any(_shard_of(name, count) != number for name in shard):
        raise ValueError("an entry is not where it belongs")
    return shard


def _build(entries: Mapping[str, Variable], count: int, put: Callable[[bytes], str]) -> Table:
    shards: list[dict[str, Variable]] = [{} for _ in range(count)]
    for name, entry in entries.items():
        shards[_shard_of(name, count)][name] = entry
    return Table(tuple(shards), tuple(put(_shard_bytes(shard)) for shard in shards))


def _shard_bytes(shard: Mapping[str, Variable]) -> bytes:
    return canonical([shard[name].to_json() for name in sorted(shard)])


def _shard_count(entries: int) -> int:
    """A power of two near the square root, so that shards and their list are equally short."""
    return 0 if entries == 0 else 1 << (entries.bit_length() // 2) if entries > 32 else 1


def _shard_of(name: str, count: int) -> int:
    return _name_hash(name) & (count - 1)


@lru_cache(maxsize=1 << 16)
def _name_hash(name: str) -> int:
    return int(digest(name.encode("utf-8", "surrogatepass"))[:8], 16)
