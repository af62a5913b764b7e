"""A pod directory as blobs, commits and tags over one Storage.

Any number of processes may use the same directory: packs are named by their content, time ids are
claimed before use, and readers need no lock, since nothing is changed in place.

Within a process no lock is needed either: every change of the in-memory index is a single dict
operation and may as well happen twice. So a background thread can write while others read, and a
forked child finds nothing held by a thread it does not have.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Self

from pod.errors import DamagedError, FormatError, PodError, StorageError
from pod.store import files, leases, pack
from pod.store.check import Progress, StoreCheck, check_storage
from pod.store.codec import digest as digest_of
from pod.store.pack import PackEntry
from pod.store.storage import BytesLike, MissingKeyError, Storage
from pod.store.trust import Keyring

# What may lie in a directory without making it somebody else's.
_HARMLESS = {files.IGNORE_KEY, ".DS_Store", "lost+found/"}
# What only Pod makes.
_TELLTALE = {pack.PREFIX, files.COMMITS}
_OURS = {*_TELLTALE, files.CLAIMS, files.TAGS, leases.PREFIX}


class TakenError(StorageError):
    """A time id exists with another commit."""


@dataclass(frozen=True, slots=True)
class _Place:
    pack: str
    entry: PackEntry


class Repository:
    """Blobs by digest, commit bodies by time id, time ids by tag. Use ``Repository.open``."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.keyring = Keyring()
        self._loaded = False
        self._packs: dict[str, list[PackEntry]] = {}
        self._blobs: dict[str, _Place] = {}
        self._unreadable: dict[str, str] = {}
        self._highest = 0
        """The newest time id seen: never given out again, even if its commit is deleted."""
        self._unsure: set[int] = set()
        """Time ids whose claim failed halfway: it may be there, and ours, all the same."""
        self.losses = 0
        """Grows whenever blobs are found to be gone that were known to be stored."""
        self.lost: set[str] = set()
        """Those blobs, as far as they were not stored again."""

    @classmethod
    def open(cls, storage: Storage, *, create: bool = True) -> Self:
        """Open a pod directory; with ``create``, make an empty or absent one into a pod directory.

        FormatError if it is newer than this version of Pod, DamagedError if its format.json is
        not readable, StorageError if there is no pod directory, or something else is there.
        ``create=False`` writes nothing, so it works on read-only media.
        """
        data = _format(storage)
        if data is None:
            if not create:
                _check_vacant(storage)
                raise StorageError(f"there is no pod directory at {storage}; nothing was saved yet")
            data = _create(storage)
        files.check_format(data, f"{files.FORMAT_KEY} in {storage}")
        return cls(storage)

    def renew(self) -> None:
        """Make the pod directory anew if it was deleted, and find out which blobs are gone (see
        ``losses``), for whatever reason. StorageError if the directory cannot be reached."""
        if _format(self.storage) is None:
            # What else is there of a pod directory is ours, since this one was open.
            _create(self.storage, _HARMLESS | _OURS)
        if self._loaded:
            self.refresh()

    def reconcile(self) -> None:
        """Find out which blobs are gone. StorageError if all is, or the directory is another one
        for now: what is not there may come back."""
        if _format(self.storage) is None:
            raise StorageError(
                f"the pod directory {self.storage} is gone, or its {files.FORMAT_KEY}; put it "
                "back where it was, or the next save begins a new one there"
            )
        self.refresh()

    # Blobs

    def has(self, digest: str) -> bool:
        """Whether a blob is known to be stored. Packs written by other processes since the last
        ``refresh`` are not counted."""
        self._load()
        return digest in self._blobs

    @property
    def unreadable(self) -> Mapping[str, str]:
        """Packs whose index could not be read at the last ``refresh``: key, and why."""
        return self._unreadable

    def read(self, digest: str) -> bytes:
        """One blob, verified by its hash. DamagedError if it is missing or damaged."""
        return self.read_many([digest])[digest]

    def read_many(self, digests: Iterable[str]) -> dict[str, bytes]:
        """Blobs by digest, each verified by its hash; reads are grouped by pack and place.

        All of them are in memory at once. DamagedError names the first that is missing or
        damaged in every pack that should hold it.
        """
        wanted = list(dict.fromkeys(digests))
        self._load()
        if any(digest not in self._blobs for digest in wanted):
            self.refresh()
        by_pack: dict[str, list[PackEntry]] = {}
        for digest in wanted:
            place = self._blobs.get(digest)
            if place is not None:
                by_pack.setdefault(place.pack, []).append(place.entry)
        found: dict[str, bytes] = {}
        for key, entries in by_pack.items():
            try:
                for entry, blob in pack.read_blobs(self.storage, key, entries):
                    if isinstance(blob, bytes):
                        found[entry.digest] = blob
            except StorageError:
                continue  # The pack may be gone for a newer one; else this comes up again below.
        return {
            digest: found[digest] if digest in found else self._read_anywhere(digest)
            for digest in wanted
        }

    def refresh(self) -> None:
        """Learn of packs that other processes wrote or deleted; reads only the new indexes.

        A pack whose index cannot be read is left out and tried again at the next refresh.
        """
        # Known before listing: a pack that a thread adds meanwhile has not vanished.
        known = set(self._packs)
        present = self._present()
        unreadable = self._read_indexes(present - known)
        gone = known - present
        if gone:
            # Whoever repacks writes the new pack first, so it may have been missed above, but not
            # by a listing that begins now.
            unreadable |= self._read_indexes(self._present() - known - present)
        self._forget(gone)
        self._unreadable = unreadable
        self._loaded = True

    def write_pack(self, blobs: Mapping[str, BytesLike], level: int) -> int:
        """Store blobs, named by their digests, in one pack compressed at a zstd level; durable on
        return. The number of bytes written, 0 for no blobs.

        Blobs that are stored already are stored again: leaving them out is the caller's choice.
        """
        if not blobs:
            return 0
        writer = pack.PackWriter(blobs, level)
        key = pack.pack_key(writer.name)
        self.storage.put(key, writer.parts())
        self._learn(key, writer.entries)
        return writer.total_bytes

    # Commits

    def exists(self, t: int) -> bool:
        """Whether there is a commit of that time id, whatever is in it."""
        try:
            self.storage.get_range(files.time_key(files.COMMITS, t), 0, 1)
        except MissingKeyError:
            return False
        return True

    def claim(self, at_least: int = 1) -> int:
        """Reserve the next time id: above ``at_least - 1`` and every commit and claim there is.

        No other process gets it until ``write_commit`` or ``release``.
        """
        t = at_least
        while True:
            t = max(t, 1 + max([self._highest, *self.times(), *self.claims()]))
            if t > files.MAX_TIME:
                # Not a StorageError, which would have saves go on in memory under higher ones.
                raise PodError(
                    f"{self.storage} has no time ids left: look in commits/ and claims/ for a file "
                    f"named {t - 1}, which Pod did not make, and remove it"
                )
            # Its last owner may have committed and released it since we looked.
            if self.take(t):
                return t
            t += 1

    def take(self, t: int) -> bool:
        """Reserve this very time id; False if it is another process's, or was."""
        taken = t in self._unsure
        self._unsure.add(t)
        key = files.time_key(files.CLAIMS, t)
        taken = self.storage.put_if_absent(key, b"", durable=False) or taken
        if taken and self.exists(t):
            self.release(t)
            taken = False
        self._unsure.discard(t)
        return taken

    def next_time(self, at_least: int) -> int:
        """The time id that ``claim`` would probably give, for when it cannot."""
        return max(at_least, self._highest + 1)

    def claims(self) -> list[int]:
        """Time ids reserved and not committed, ascending; also those of sessions that crashed."""
        return self._times(files.CLAIMS)

    def release(self, t: int) -> None:
        """Give a claimed time id back; fine if it is not claimed."""
        self.storage.delete(files.time_key(files.CLAIMS, t))

    def write_commit(self, t: int, body: bytes) -> None:
        """Make time ``t`` exist, durably, and release its claim.

        StorageError if it exists with another body; the same body again is fine, so that a write
        whose outcome is unknown can be repeated.
        """
        key = files.time_key(files.COMMITS, t)
        data = files.commit_bytes(body, self.keyring.sign(digest_of(body)))
        if not self.storage.put_if_absent(key, data) and not self._is_committed(t, body):
            raise TakenError(
                f"time id {t} exists already in {self.storage} and is never overwritten; "
                "save under a new one"
            )
        self._highest = max(self._highest, t)
        with contextlib.suppress(StorageError):
            # The commit exists, so a claim left behind is only a stray file.
            self.release(t)

    def withdraw(self, t: int) -> None:
        """Undo a claim, and a commit that turned out to lack what it needs."""
        self.storage.delete(files.time_key(files.COMMITS, t))
        self.release(t)

    def read_commit(self, t: int) -> bytes:
        """The body of a commit, verified. MissingKeyError for an unknown time id, DamagedError
        for a damaged file."""
        return self.read_signed(t).body

    def read_signed(self, t: int) -> files.SignedCommit:
        """A commit's body as `read_commit` gives it, and what it is signed with."""
        key = files.time_key(files.COMMITS, t)
        try:
            data = files.read_bounded(self.storage, key, files.MAX_COMMIT_BYTES)
        except MissingKeyError as error:
            raise MissingKeyError(f"there is no time {t} in {self.storage}") from error
        return files.signed_commit(data, f"{key} in {self.storage}")

    def is_trusted(self, digest: str, signature: str) -> bool:
        """Whether objects may be loaded from a commit whose body has this digest: this user signed
        it, or chose to trust it."""
        return self.keyring.is_own(digest, signature) or self.keyring.trusts(digest)

    def times(self) -> list[int]:
        """The time ids of all commits, ascending."""
        times = self._times(files.COMMITS)
        if times and times[-1] < files.MAX_TIME:  # nothing follows that one: not Pod's, or removed
            self._highest = max(self._highest, times[-1])
        return times

    # Tags

    def set_tag(self, name: str, t: int) -> None:
        """Name a time id, replacing what the tag named before. TimeReferenceError for a name that
        cannot be a tag; whether ``t`` exists is not looked at."""
        files.time_key(files.COMMITS, t)
        self.storage.put(files.tag_key(name), [files.tag_bytes(t)])

    def tags(self) -> dict[str, int]:
        """Time ids by tag; tags whose files are damaged are left out."""
        tags: dict[str, int] = {}
        for key in self.storage.list(files.TAGS):
            name = files.key_tag(key)
            if name is None:
                continue
            try:
                data = files.read_bounded(self.storage, key, files.MAX_SMALL_BYTES)
                tags[name] = files.tag_time(data, key)
            except (DamagedError, StorageError):
                continue
        return tags

    def delete_tag(self, name: str) -> None:
        """Remove a tag; an absent one is fine."""
        self.storage.delete(files.tag_key(name))

    # Verification

    def check(self, progress: Progress | None = None) -> StoreCheck:
        """Re-read and re-hash everything; see ``pod.store.check``."""
        return check_storage(self.storage, progress)

    # The rest is for this class alone.

    def _load(self) -> None:
        if not self._loaded:
            self.refresh()

    def _present(self) -> set[str]:
        return {key for key in self.storage.list(pack.PREFIX) if key.endswith(pack.SUFFIX)}

    def _read_indexes(self, keys: set[str]) -> dict[str, str]:
        """Learn what these packs hold; what is wrong with those that cannot be read."""
        unreadable: dict[str, str] = {}
        for key in sorted(keys):
            try:
                self._learn(key, pack.read_index(self.storage, key))
            except MissingKeyError:
                continue
            except (DamagedError, StorageError) as error:
                unreadable[key] = str(error)
        return unreadable

    def _learn(self, key: str, entries: list[PackEntry]) -> None:
        # The newest pack wins, so that writing a blob again mends a damaged one.
        self._blobs.update({entry.digest: _Place(key, entry) for entry in entries})
        self._packs[key] = entries
        if self.lost:
            self.lost.difference_update(entry.digest for entry in entries)

    def _forget(self, keys: set[str]) -> None:
        if not keys:
            return
        gone = {entry.digest for key in keys for entry in self._packs.get(key, [])}
        for digest in gone:
            self._blobs.pop(digest, None)
        # Other packs may hold some of the same blobs.
        for key, entries in list(self._packs.items()):
            if key not in keys:
                for entry in entries:
                    self._blobs.setdefault(entry.digest, _Place(key, entry))
        gone.difference_update(self._blobs)
        self.lost |= gone
        self.losses += bool(gone)
        # Last: who was interrupted before that begins again at the next refresh.
        for key in keys:
            self._packs.pop(key, None)

    def _read_anywhere(self, digest: str) -> bytes:
        """A blob that was not where the index said, from any pack that has it."""
        self.refresh()
        reason: PodError | None = None
        for key, cached in list(self._packs.items()):
            if not any(entry.digest == digest for entry in cached):
                continue
            try:
                # The pack may have been written again with other offsets.
                entries = pack.read_index(self.storage, key)
                self._learn(key, entries)
                copies = [entry for entry in entries if entry.digest == digest]
                for _, blob in pack.read_blobs(self.storage, key, copies):
                    if isinstance(blob, bytes):
                        return blob
                    reason = reason or blob
            except MissingKeyError:
                continue
            except (DamagedError, StorageError) as error:
                reason = reason or error
        if isinstance(reason, StorageError):
            raise reason
        if reason is not None:
            raise DamagedError(f"{reason}; 'pod verify' tells which times need it") from reason
        unreadable = f", and {len(self._unreadable)} packs are damaged" if self._unreadable else ""
        raise DamagedError(
            f"blob {digest} is in no pack of {self.storage}{unreadable}; "
            "'pod verify' tells which times need it"
        )

    def _is_committed(self, t: int, body: bytes) -> bool:
        """Whether the commit there is, is this one; its signature may be another one."""
        try:
            return self.read_commit(t) == body
        except (DamagedError, FormatError):
            return False

    def _times(self, prefix: str) -> list[int]:
        # A directory in place of a commit is a damaged commit: it takes up that time id.
        keys = (key.removesuffix("/") for key in self.storage.list(prefix))
        times = (files.key_time(prefix, key) for key in keys)
        return sorted(t for t in times if t is not None)


def _format(storage: Storage) -> bytes | None:
    try:
        return files.read_bounded(storage, files.FORMAT_KEY, files.MAX_SMALL_BYTES)
    except MissingKeyError:
        return None


def _create(storage: Storage, harmless: AbstractSet[str] = _HARMLESS) -> bytes:
    """Make a pod directory; the content of its format.json."""
    _check_vacant(storage, harmless)
    # Before anything else of ours is here, so that a crash cannot leave a directory without it.
    storage.put_if_absent(files.IGNORE_KEY, b"*\n")
    # Before the rest: whoever finds anything else here then finds this too.
    storage.put_if_absent(files.FORMAT_KEY, files.format_bytes())
    return storage.get(files.FORMAT_KEY)


def _check_vacant(storage: Storage, harmless: AbstractSet[str] = _HARMLESS) -> None:
    """Refuse a directory that holds files and is not a pod directory."""
    present = set(storage.list("")) - harmless
    # Asked again, since another process may have made the pod directory between our two looks.
    if not present or _format(storage) is not None:
        return
    if present >= _TELLTALE:
        raise DamagedError(
            f"{storage} looks like a pod directory whose {files.FORMAT_KEY} is missing; "
            f"restore it from a copy, or write {files.format_bytes().decode()!r} to it"
        )
    raise StorageError(
        f"{storage} is not a pod directory and has other files in it, such as {min(present)!r}; "
        "choose an empty or new directory for Pod"
    )
