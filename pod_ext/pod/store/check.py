"""Reading everything in a pod directory once more to find what is damaged.

A program of its own: it trusts no cache, never unpickles, and holds the indexes, one span of a pack
at a time, and a few bases of deltas. It finds files whose bytes are wrong; whether commits miss
blobs that are nowhere is for the layer that can read commit bodies.
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pod.errors import DamagedError, FormatError, StorageError
from pod.store import files, pack
from pod.store.copies import Copies
from pod.store.pack import PackEntry
from pod.store.reading import read_any
from pod.store.storage import MissingKeyError, Storage

_BASES_BYTES = 8 << 20
"""Bases that are kept for the next deltas."""


@dataclass(frozen=True, slots=True)
class StoreCheck:
    """What a check found."""

    packs: int
    """Packs looked at, damaged ones included."""
    blobs: int
    """Blobs re-hashed."""
    commits: int
    """Commits looked at."""
    tags: int
    """Tags looked at."""
    bytes_read: int
    """Bytes of encoded blobs, commits and tags read."""
    damaged_packs: dict[str, str]
    """Key of a pack: what is wrong with it, or with how many of its blobs."""
    damaged_blobs: dict[str, str]
    """Digest: what is wrong. Only blobs without an intact copy in another pack."""
    stranded_blobs: dict[str, str]
    """Digest: why it cannot be decoded, though its own bytes may be right: what it is a delta
    against is damaged, or in no pack. That is no damage unless somebody needs the blob: garbage
    collection leaves such ones."""
    damaged_commits: dict[int, str]
    """Time id: what is wrong with its commit."""
    damaged_tags: dict[str, str]
    """Tag: what is wrong with its file."""
    damaged_format: str | None
    """What is wrong with format.json, if anything is."""

    @property
    def ok(self) -> bool:
        """Whether nothing is damaged."""
        return not (
            self.damaged_packs
            or self.damaged_blobs
            or self.damaged_commits
            or self.damaged_tags
            or self.damaged_format
        )


Progress = Callable[[int, int], None]
"""Called with the number of files done and of all files, after each file."""


def check_storage(storage: Storage, progress: Progress | None = None) -> StoreCheck:
    """Re-read and re-hash every pack, commit and tag. Files deleted meanwhile are skipped."""
    checker = _Checker(storage)
    # A directory in place of a file is looked at like the file.
    keys = [key.removesuffix("/") for prefix in _CHECKS for key in storage.list(prefix)]
    checker.check_format()
    checker.look_for_copies(keys)
    for done, key in enumerate(keys, 1):
        prefix = key[: key.index("/") + 1]
        with contextlib.suppress(MissingKeyError):
            _CHECKS[prefix](checker, key)
        if progress is not None:
            progress(done, len(keys))
    checker.find_copies()
    return checker.result()


class _Checker:
    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._packs = 0
        self._blobs = 0
        self._commits = 0
        self._tags = 0
        self._bytes_read = 0
        self._damaged_packs: dict[str, str] = {}
        self._damaged_blobs: dict[str, str] = {}
        self._stranded_blobs: dict[str, str] = {}
        self._copies = Copies()
        self._bases: OrderedDict[str, bytes] = OrderedDict()
        self._damaged_commits: dict[int, str] = {}
        self._damaged_tags: dict[str, str] = {}
        self._damaged_format: str | None = None

    def result(self) -> StoreCheck:
        return StoreCheck(
            packs=self._packs,
            blobs=self._blobs,
            commits=self._commits,
            tags=self._tags,
            bytes_read=self._bytes_read,
            damaged_packs=self._damaged_packs,
            damaged_blobs=self._damaged_blobs,
            stranded_blobs=self._stranded_blobs,
            damaged_commits=self._damaged_commits,
            damaged_tags=self._damaged_tags,
            damaged_format=self._damaged_format,
        )

    def check_format(self) -> None:
        try:
            data = files.read_bounded(self._storage, files.FORMAT_KEY, files.MAX_SMALL_BYTES)
            files.check_format(data, f"{files.FORMAT_KEY} in {self._storage}")
        except (DamagedError, FormatError, StorageError) as error:
            self._damaged_format = str(error)

    def look_for_copies(self, keys: Iterable[str]) -> None:
        """Learn where blobs are, since deltas may need others from any pack."""
        for key in keys:
            if key.endswith(pack.SUFFIX):
                # What is wrong with it is found when it is its turn.
                with contextlib.suppress(DamagedError, StorageError):
                    self._copies.add(key, pack.read_index(self._storage, key))

    def check_pack(self, key: str) -> None:
        if not key.endswith(pack.SUFFIX):
            return
        damaged = 0
        try:
            # The index may vouch for blobs although the first bytes are gone.
            begins_well = self._storage.get_range(key, 0, len(pack.MAGIC)) == pack.MAGIC
            self._packs += 1
            entries = pack.read_index(self._storage, key)
            has_more = bool(self._storage.get_range(key, pack.total_bytes(entries), 1))
            for entry, blob in pack.read_blobs(self._storage, key, entries, self._base):
                self._blobs += 1
                self._bytes_read += entry.stored_bytes
                if not isinstance(blob, DamagedError):
                    continue
                if self._is_stranded(entry):
                    self._stranded_blobs[entry.digest] = str(blob)
                else:
                    damaged += 1
                    self._damaged_blobs[entry.digest] = str(blob)
        except MissingKeyError:
            raise
        except (DamagedError, StorageError) as error:
            self._damaged_packs[key] = str(error)
            return
        if damaged:
            self._damaged_packs[key] = f"{damaged} of its {len(entries)} blobs are damaged"
        elif has_more:
            self._damaged_packs[key] = "it has more bytes than were written; its blobs are intact"
        elif not begins_well:
            self._damaged_packs[key] = "its beginning is not that of a pack; its blobs are intact"

    def _base(self, digest: str) -> bytes:
        base = self._bases.get(digest)
        if base is None:
            base = read_any(self._storage, self._copies, digest)
            self._bases[digest] = base
            while len(self._bases) > 1 and sum(map(len, self._bases.values())) > _BASES_BYTES:
                self._bases.popitem(last=False)
        return base

    def _is_stranded(self, entry: PackEntry) -> bool:
        """Whether all that is known to be wrong with a blob is that its base cannot be had."""
        if entry.base is not None:
            try:
                self._base(entry.base)
            except (DamagedError, StorageError):
                return True
        return False

    def find_copies(self) -> None:
        """Strike out blobs that can be had from other packs, intact."""
        for digest in {*self._damaged_blobs, *self._stranded_blobs}:
            with contextlib.suppress(DamagedError, StorageError):
                read_any(self._storage, self._copies, digest)
                self._damaged_blobs.pop(digest, None)
                self._stranded_blobs.pop(digest, None)

    def check_commit(self, key: str) -> None:
        t = files.key_time(files.COMMITS, key)
        if t is None:
            return
        try:
            data = files.read_bounded(self._storage, key, files.MAX_COMMIT_BYTES)
            self._bytes_read += len(data)
            files.commit_body(data, f"{key} in {self._storage}")
        except MissingKeyError:
            raise
        except (DamagedError, FormatError, StorageError) as error:
            self._damaged_commits[t] = str(error)
        self._commits += 1

    def check_tag(self, key: str) -> None:
        name = files.key_tag(key)
        if name is None:
            return
        try:
            data = files.read_bounded(self._storage, key, files.MAX_SMALL_BYTES)
            self._bytes_read += len(data)
            files.tag_time(data, f"{key} in {self._storage}")
        except MissingKeyError:
            raise
        except (DamagedError, StorageError) as error:
            self._damaged_tags[name] = str(error)
        self._tags += 1


_CHECKS: dict[str, Callable[[_Checker, str], None]] = {
    pack.PREFIX: _Checker.check_pack,
    files.COMMITS: _Checker.check_commit,
    files.TAGS: _Checker.check_tag,
}
