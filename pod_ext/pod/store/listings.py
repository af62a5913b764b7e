"""What is under a prefix of a storage, without listing it again as long as it is the same.

A save wants to know whether a pack was lost and whether anybody else has saved. A listing tells,
but takes as long as there are files. Where a storage can be marked (`Markable`), a listing that
began after the mark was set holds until the mark is gone, and looking for the mark costs next to
nothing.

What this process itself adds takes the mark away, too. The mark is then set anew and the listing
carried on, but what somebody else did in that very moment goes unseen. Such a listing is *assumed*:
it is used only where that is harmless, for a second after it was last made; see the architecture
page, "What a save asks of the directory".
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace

from pod.errors import StorageError
from pod.store.storage import Keys, Markable, Storage

ASSUMED_SECONDS = 1.0
"""How long after it was made a listing is carried on past additions of this process."""


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    mark: Hashable
    """What is found there as long as nothing changes."""
    keys: Keys
    listed: float
    """When the listing began, by the monotonic clock."""
    sure: bool
    """Whether nothing can have gone unseen since."""


class Listings:
    """Listings of one storage. Any thread may use it; the last listing wins."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._markable = storage if isinstance(storage, Markable) else None
        self._kept: dict[str, _Kept] = {}
        self._adding: dict[str, _Kept] = {}
        """What was kept when an addition began that goes on now."""

    def list(self, prefix: str, *, keep: bool) -> Keys:
        """As `Storage.list`; not to be altered. The same object as before, if nothing can have
        changed. With `keep` a mark is set, so that this can be told next time."""
        kept = self._kept.get(prefix)
        if kept is not None and kept.sure and self._found(prefix) == kept.mark:
            return kept.keys
        began = time.monotonic()
        mark = self._mark(prefix) if keep else None
        keys = self._storage.list(prefix)
        if mark is not None:
            self._kept[prefix] = _Kept(mark, keys, began, sure=True)
        return keys

    def is_same(self, prefix: str, keys: Keys | None, *, assume: bool = False) -> bool:
        """Whether `list` would give this very object. With `assume`, whether that is so but for
        what was added here since, as far as can be told."""
        kept = self._kept.get(prefix)
        if kept is None or kept.keys is not keys:
            return False
        in_between = self._adding.get(prefix) is kept
        is_assumed = in_between or not kept.sure
        if is_assumed and (not assume or time.monotonic() - kept.listed > ASSUMED_SECONDS):
            return False
        return in_between or self._found(prefix) == kept.mark

    @contextlib.contextmanager
    def adding(self, prefix: str) -> Iterator[None]:
        """While this process adds a key under a prefix."""
        before = self._kept.get(prefix)
        if before is None or not self.is_same(prefix, before.keys, assume=True):
            yield
            return
        self._adding[prefix] = before
        try:
            yield
            mark = self._mark(prefix)
            if mark is not None and self._kept.get(prefix) is before:
                self._kept[prefix] = replace(before, mark=mark, sure=False)
        finally:
            self._adding.pop(prefix, None)

    def _mark(self, prefix: str) -> Hashable | None:
        return self._markable.mark(prefix) if self._markable is not None else None

    def _found(self, prefix: str) -> Hashable | None:
        with contextlib.suppress(StorageError):
            return self._markable.found_mark(prefix) if self._markable is not None else None
        return None
