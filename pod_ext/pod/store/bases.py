"""Which blob a new one is stored as a delta against, given what it was probably made from.

Chains of deltas stay short, so that whoever reads a blob reads few others for it.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from pod.store.codec import MAX_BASE_BYTES
from pod.store.copies import Chain, Copies
from pod.store.pack import Base
from pod.store.reading import read
from pod.store.storage import Storage

MAX_DELTAS = 8
"""Deltas from a blob down to a whole one, as they are written."""

Unwritten: TypeAlias = "Callable[[str], tuple[bytes, str] | None]"
"""Gives a blob that is to be written yet, and which one it may become a delta against or ''; None
if there is no such blob."""


def all_is_written(digest: str) -> tuple[bytes, str] | None:
    """There is none."""
    return None


@dataclass(frozen=True, slots=True)
class Bases:
    """Gives, for blobs of one pack, what each may be stored as a delta against."""

    storage: Storage
    copies: Copies
    condemned: Container[str]
    named: Mapping[str, str]
    """For some of the blobs, which one they were probably made from."""
    unwritten: Unwritten

    def __call__(self, digest: str) -> Base | None:
        """The blob named for it, or what that one goes back to if it is many deltas away from it.
        None if it cannot be had, which no write fails for."""
        name = self.named.get(digest, "")
        chain = self._chain(name)
        base = self._unwritten(name, digest) if chain is None else self._stored(chain)
        return None if base is None or base.digest == digest else base

    def _chain(self, name: str) -> Chain | None:
        return self.copies.chain(name, self.condemned)

    def _stored(self, chain: Chain) -> Base | None:
        if len(chain) > MAX_DELTAS:
            chain = chain[-1:]
        entry = chain[0].entry
        if entry.raw_bytes > MAX_BASE_BYTES:
            return None
        raw = read(self.storage, {entry.digest: chain}).get(entry.digest)
        return None if raw is None else Base(entry.digest, bytes(raw))

    def _unwritten(self, name: str, digest: str) -> Base | None:
        """It may become a delta itself, against what may be unwritten too, down to a stored one."""
        base: Base | None = None
        for before in range(MAX_DELTAS):
            if name == digest:  # what became that one's base must not come to need it
                return None
            found = self.unwritten(name)
            if found is None:
                chain = self._chain(name)
                return base if chain is not None and before + len(chain) <= MAX_DELTAS else None
            base = base or Base(name, found[0])
            name = found[1]
            if not name:
                return base
        return None
