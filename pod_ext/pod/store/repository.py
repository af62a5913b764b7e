"""A pod directory as blobs, commits and tags over one Storage.

Any number of processes may use the same directory: no two packs have the same name, time ids are
claimed before use, and readers need no lock, since nothing is changed in place. What garbage
collection is about to delete is known before anything new may rely on it (``claim``).

Within a process no lock is needed either: every change of the in-memory index is a single dict
operation and may as well happen twice. So a background thread can write while others read, and a
forked child finds nothing held by a thread it does not have.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

from pod.errors import DamagedError, FormatError, PodError, StorageError, TimeReferenceError
from pod.store import files, generations, leases, pack
from pod.store.bases import Bases, Unwritten, all_is_written
from pod.store.check import Progress, StoreCheck, check_storage
from pod.store.codec import digest as digest_of
from pod.store.codec import is_possible
from pod.store.copies import Chain, Copies, Place
from pod.store.generations import Generation
from pod.store.listings import Listings
from pod.store.pack import PackEntry
from pod.store.reading import read, read_any
from pod.store.storage import BytesLike, Keys, MissingKeyError, Storage
from pod.store.trust import Keyring

# What may lie in a directory without making it somebody else's.
_HARMLESS = {files.IGNORE_KEY, ".DS_Store", "lost+found/"}
# What only Pod makes.
_TELLTALE = {pack.PREFIX, files.COMMITS}
_OURS = {*_TELLTALE, files.CLAIMS, files.TAGS, leases.PREFIX, generations.PREFIX}
_SAMPLE = 100
_SLOW_SECONDS = 0.0003
_READERS = 8
"""Threads that read packs, where one takes longer than that."""
_LOOKS = 5
"""How often a blob is looked for that moves from pack to pack meanwhile."""
_REMOVAL_SECONDS = 2.0
"""How long a tag waits for a garbage collection that may be removing its time."""


_NO_BASES: Mapping[str, str] = MappingProxyType({})


class TakenError(StorageError):
    """A time id exists with another commit."""


@dataclass(frozen=True, slots=True)
class Written:
    """A pack that was written."""

    name: str
    entries: list[PackEntry]
    nbytes: int


class Repository:
    """Blobs by digest, commit bodies by time id, time ids by tag. Use ``Repository.open``."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.keyring = Keyring()
        self._listings = Listings(storage)
        self._loaded = False
        self._refreshed: Keys | None = None
        """The listing of packs that the index is as of."""
        self._timed: Keys | None = None
        """The listing of commits that these are as of:"""
        self._known_times: list[int] = []
        self._packs: dict[str, list[PackEntry]] = {}
        self._copies = Copies()
        self._unreadable: dict[str, str] = {}
        self._highest = 0
        """The newest time id seen: never given out again, even if its commit is deleted."""
        self._unsure: dict[int, bytes] = {}
        """Time ids whose claim failed halfway, with what it says: it may be there all the same."""
        self.losses = 0
        """Grows whenever blobs are found to be gone that were known to be stored."""
        self.lost: set[str] = set()
        """Those blobs, as far as they were not stored again."""
        self._condemned: frozenset[str] = frozenset()
        self._records: frozenset[str] = frozenset()
        self._generations: tuple[Generation, ...] = ()
        self._catching_up = threading.Lock()
        self.generation = object()
        """Another one after ``claim`` or ``catch_up`` learned of another garbage collection."""
        self._tag_keys: list[str] = []
        self._tag_times: tuple[int, ...] = ()
        self.lease: leases.Lease | None = None
        """What says that this process is alive, if it means to save."""
        self._pid = os.getpid()

    def check_process(self) -> None:
        """PodError in a forked child: what its parent began, only its parent can go on with."""
        if self.is_inherited:
            raise PodError(
                "this process is a fork of the one that saves, and only that one writes to "
                f"{self.storage}; save there, or open the pod directory here anew"
            )

    @property
    def is_inherited(self) -> bool:
        """Whether it was opened by another process, of which this one is a forked child."""
        return os.getpid() != self._pid

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
        self.check_process()
        if _format(self.storage) is None:
            # What else is there of a pod directory is ours, since this one was open.
            _create(self.storage, _HARMLESS | _OURS)
            if self.lease is not None:
                self.lease.renew(lost=True)
        self._refresh_if_changed()

    def reconcile(self) -> None:
        """Find out which blobs are gone. StorageError if all is, or the directory is another one
        for now: what is not there may come back."""
        if _format(self.storage) is None:
            raise StorageError(
                f"the pod directory {self.storage} is gone, or its {files.FORMAT_KEY}; put it "
                "back where it was, or the next save begins a new one there"
            )
        self._load()
        self._refresh_if_changed()

    def settle(self) -> None:
        """Make sure of what was only assumed since this process last wrote, while nobody waits."""
        if self._keeps_listings:
            with contextlib.suppress(PodError):
                if self._loaded:
                    self.refresh()
                self.times()

    # Blobs

    def has(self, digest: str) -> bool:
        """Whether a blob is known to be stored, with all bases that it needs, so that a save may
        rely on it. Packs written by other processes since the last ``refresh`` are not counted,
        condemned ones neither."""
        self._load()
        return self._copies.chain(digest, self._condemned) is not None

    def is_condemned(self, digest: str) -> bool:
        """Whether a blob is stored only where nothing new may rely on it, or a base of it is."""
        return not self.has(digest) and self._copies.chain(digest) is not None

    def holds(self, digest: str) -> bool:
        """Whether a blob is in any pack, and its bases are, looked for anew if it was in none; the
        packs may go."""
        self._load()
        if self._copies.chain(digest) is None:
            self.refresh()
        return self._copies.chain(digest) is not None

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
        return {digest: bytes(blob) for digest, blob in self.read_views(digests).items()}

    def read_views(self, digests: Iterable[str]) -> dict[str, BytesLike]:
        """``read_many`` with as little copying as can be: some may share a larger piece of
        memory, which stays as long as one of them does."""
        wanted = list(dict.fromkeys(digests))
        self._load()
        chains = self._chains(wanted)
        if len(chains) < len(wanted):
            self.refresh()
            chains = self._chains(wanted)
        found = read(self.storage, chains, alone=self.is_inherited)
        return {
            digest: found[digest] if digest in found else self._read_anywhere(digest)
            for digest in wanted
        }

    def nbytes(self, digest: str) -> int:
        """How many bytes a blob has, without reading it; what takes as little as it does in a pack
        may have so many. DamagedError if it is missing, or cannot be so large."""
        self._load()
        chain = self._copies.chain(digest)
        if chain is None:
            self.refresh()
            chain = self._copies.chain(digest)
        if chain is None:
            raise self._in_no_pack(digest)
        nbytes = 0
        for place in reversed(chain):
            one = place.entry
            if not is_possible(one.method, one.stored_bytes, one.raw_bytes, nbytes):
                error = DamagedError(f"{one.stored_bytes} bytes must not become {one.raw_bytes}")
                raise pack.damage(self.storage, place.pack, one, error)
            nbytes = one.raw_bytes
        return nbytes

    def _chains(self, digests: Iterable[str]) -> dict[str, Chain]:
        chains = ((digest, self._copies.chain(digest)) for digest in digests)
        return {digest: chain for digest, chain in chains if chain is not None}

    def refresh(self) -> None:
        """Learn of packs that other processes wrote or deleted; reads only the new indexes.

        A pack whose index cannot be read is left out and tried again at the next refresh.
        """
        if self._is_refreshed():
            return
        # Known before listing: a pack that a thread adds meanwhile has not vanished.
        known = set(self._packs)
        listed = self._list_packs()
        present = _packs_in(listed)
        unreadable = self._read_indexes(present - known)
        gone = known - present
        if gone:
            # Whoever repacks writes the new pack first, so it may have been missed above, but not
            # by a listing that begins now.
            unreadable |= self._read_indexes(_packs_in(self._list_packs()) - known - present)
        self._forget(gone)
        self._unreadable = unreadable
        self._loaded = True
        self._refreshed = listed  # last: who was interrupted before that begins again

    def packs(self) -> dict[str, list[PackEntry]]:
        """What is in each pack, as of the last ``refresh``; packs that are damaged left out."""
        self._load()
        return dict(self._packs)

    def write_pack(
        self,
        blobs: Mapping[str, BytesLike],
        level: int,
        name: str | None = None,
        bases: Mapping[str, str] = _NO_BASES,
    ) -> int:
        """Store blobs, named by their digests, in one pack compressed at a zstd level; durable on
        return. The number of bytes written, 0 for no blobs.

        Blobs that are stored already are stored again: leaving them out is the caller's choice.
        A ``name`` from ``pack.new_name`` lets a write whose outcome is unknown be repeated.

        ``bases`` says, for some blobs, which other one may be their base. Of these, blobs are used
        that ``has`` counts, and only where that pays.
        """
        return self._write(blobs, level, name, bases).nbytes

    def _write(
        self,
        blobs: Mapping[str, BytesLike],
        level: int,
        name: str | None,
        bases: Mapping[str, str],
        unwritten: Unwritten = all_is_written,
    ) -> Written:
        self.check_process()
        name = name or pack.new_name()
        if not blobs:
            return Written(name, [], 0)
        if bases:
            self._load()
        base_of: pack.BaseOf = pack.no_base
        if bases:
            base_of = Bases(self.storage, self._copies, self._condemned, bases, unwritten)
        writer = pack.PackWriter(blobs, level, base_of)
        with self._listings.adding(pack.PREFIX):
            self.storage.put(pack.pack_key(name), writer.parts())
        written = Written(name, writer.entries, writer.total_bytes)
        self.learn(written)
        return written

    def learn(self, written: Written) -> None:
        """Count a pack as stored that was written for this process."""
        if written.entries:
            self._learn(pack.pack_key(written.name), written.entries)

    def write_for_parent(
        self,
        blobs: Mapping[str, BytesLike],
        level: int,
        name: str,
        bases: Mapping[str, str],
        unwritten: Unwritten,
    ) -> Written:
        """In a forked child that this process's own code made: `write_pack`, in its name. The
        parent has then to be told (`learn`); its claim keeps the pack from being collected.

        Bases may be ``unwritten`` too: the parent writes those before any commit that needs what
        is written here, or no such commit.
        """
        self._pid = os.getpid()
        self.reconcile()  # nothing is put where somebody else's directory is now
        return self._write(blobs, level, name, bases, unwritten)

    def take_over(self, claimed: Iterable[int]) -> None:
        """In a forked child that this process's own code made, and that goes on in its place: the
        process is about to end, and writes nothing any more. The times are those it claimed."""
        self._pid = os.getpid()
        self._catching_up = threading.Lock()
        if self.lease is not None:
            self.lease.take_over()
        sign = leases.signature(leases.FINISHING)
        for t in set(claimed).intersection(self.claims()):
            self.storage.put(files.time_key(files.CLAIMS, t), [sign])

    def being_finished(self) -> dict[int, str]:
        """Times that are not there yet, as the process that claimed them has ended: and the one
        that writes them in its place."""
        keys = {t: files.time_key(files.CLAIMS, t) for t in self.claims()}
        found = {t: leases.owner(self.storage, key) for t, key in keys.items()}
        return {
            t: str(owner)
            for t, owner in found.items()
            if owner is not None and owner.work == leases.FINISHING and not owner.gone
        }

    # Garbage collections of others

    def catch_up(self) -> None:
        """Learn which packs are condemned, if there is news: ``has`` counts them out from then on.

        Costs a look at a handful of names when there is none.
        """
        if self._loaded and self._records.issuperset(self.storage.list(generations.PREFIX)):
            return
        with self._catching_up:  # an older look must not undo what a newer one found
            records = generations.read(self.storage)
            self._condemned = frozenset(
                pack.pack_key(name) for record in records.values() for name in record.packs
            )
            # What was deleted goes from the index, what moved is found in its new place.
            self.refresh()
            self.generation = object()
            self._generations = tuple(records.values())
            self._records = frozenset(records)

    def was_removed(self, t: int) -> bool:
        """Whether garbage collection removed a time, as far as can be told."""
        return generations.was_removed(self.storage, t)

    # Commits

    def exists(self, t: int) -> bool:
        """Whether there is a commit of that time id, whatever is in it."""
        try:
            self.storage.get_range(files.time_key(files.COMMITS, t), 0, 1)
        except MissingKeyError:
            return False
        self._has_seen(t)
        return True

    def claim(self, at_least: int = 1) -> int:
        """Reserve the next time id: above ``at_least - 1`` and every commit, claim and tag there
        is. No other process gets it until ``write_commit`` or ``release``.

        From here until then, nothing is deleted that ``has`` says is stored.
        """
        self.check_process()
        if self.lease is not None:
            self.lease.renew()
        t = at_least
        while True:
            # A tag outlives its commit if that is lost, and must not come to name another one.
            known = [self._highest, self._newest(), *self.claims(), *self._tagged()]
            t = max(t, 1 + max(known))
            if t > files.MAX_TIME:
                # Not a StorageError, which would have saves go on in memory under higher ones.
                raise PodError(
                    f"{self.storage} has no time ids left: look in commits/ and claims/ for a file "
                    f"named {t - 1}, which Pod did not make, and remove it"
                )
            if self.take(t):
                self._release_unsure()
                return t
            t += 1

    def take(self, t: int) -> bool:
        """Reserve this very time id; False if it is another process's, or was."""
        self.check_process()
        key = files.time_key(files.CLAIMS, t)
        sign = self._unsure.pop(t, None) or leases.signature()
        try:
            taken = self.storage.put_if_absent(key, sign, durable=False) or self._reads(key, sign)
            if taken:
                # Its last owner may have committed and released it since we looked. Where that
                # commit is removed again, a record says so first: so this must be asked first.
                was_there = self.exists(t)
                self.catch_up()
                if was_there or any(one.has_removed(t) for one in self._generations):
                    self.release(t)
                    taken = False
        except BaseException:
            self._unsure[t] = sign
            raise
        return taken

    def _reads(self, key: str, value: bytes) -> bool:
        try:
            return self.storage.get_range(key, 0, len(value) + 1) == value
        except MissingKeyError:
            return False

    def _release_unsure(self) -> None:
        """Give back what was reserved, as it turns out, when that had seemed to fail: garbage
        collection would wait for it."""
        for t, sign in list(self._unsure.items()):
            with contextlib.suppress(StorageError):
                if self._reads(files.time_key(files.CLAIMS, t), sign):
                    self.release(t)
                self._unsure.pop(t, None)

    def next_time(self, at_least: int) -> int:
        """The time id that ``claim`` would probably give, for when it cannot."""
        return max(at_least, self._highest + 1)

    def claims(self) -> list[int]:
        """Time ids reserved and not committed, ascending; also those of sessions that crashed."""
        return self._times_of(files.CLAIMS, self.storage.list(files.CLAIMS))

    def release(self, t: int) -> None:
        """Give a claimed time id back; fine if it is not claimed."""
        self.check_process()
        self.storage.delete(files.time_key(files.CLAIMS, t))

    def write_commit(self, t: int, body: bytes) -> None:
        """Make time ``t`` exist, durably, and release its claim.

        StorageError if it exists with another body; the same body again is fine, so that a write
        whose outcome is unknown can be repeated.
        """
        self.check_process()
        key = files.time_key(files.COMMITS, t)
        data = files.commit_bytes(body, self.keyring.sign(digest_of(body)))
        with self._listings.adding(files.COMMITS):
            is_new = self.storage.put_if_absent(key, data)
        if not is_new and not self._is_committed(t, body):
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
        self.check_process()
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
        self._has_seen(t)
        return files.signed_commit(data, f"{key} in {self.storage}")

    def is_trusted(self, digest: str, signature: str) -> bool:
        """Whether objects may be loaded from a commit whose body has this digest: this user signed
        it, or chose to trust it."""
        return self.keyring.is_own(digest, signature) or self.keyring.trusts(digest)

    def times(self) -> list[int]:
        """The time ids of all commits, ascending."""
        keys = self._listings.list(files.COMMITS, keep=self._keeps_listings)
        if keys is not self._timed:
            self._known_times = self._times_of(files.COMMITS, keys)
            self._timed = keys
        if self._known_times:
            self._has_seen(self._known_times[-1])
        return list(self._known_times)

    def _has_seen(self, t: int) -> None:
        """A time that exists is not given out again, nor one before it, which could not come from
        it."""
        if t < files.MAX_TIME:  # nothing follows that one: not Pod's, or removed
            self._highest = max(self._highest, t)

    def _newest(self) -> int:
        """The newest time, as far as that is known without listing them all again; others may have
        saved at the very moment when this process last did."""
        if self._listings.is_same(files.COMMITS, self._timed, assume=True):
            return max([self._highest, *self._known_times[-1:]])
        return max(self.times(), default=0)

    def delete_commit(self, t: int) -> None:
        """Make time ``t`` no longer exist; its packs stay. For garbage collection."""
        self.check_process()
        self.storage.delete(files.time_key(files.COMMITS, t))

    # Tags

    def set_tag(self, name: str, t: int) -> None:
        """Name a time id, replacing what the tag named before. TimeReferenceError for a name that
        cannot be a tag; whether ``t`` exists is not looked at."""
        self.check_process()
        files.time_key(files.COMMITS, t)
        self.storage.put(files.tag_key(name), [files.tag_bytes(t)])

    def tag(self, name: str, t: int) -> None:
        """``set_tag`` for a time that exists, and that garbage collection then leaves alone.
        TimeReferenceError if it has just been removed, or is being removed; the tag is then as
        it was."""
        before = self.tags().get(name)
        self.set_tag(name, t)
        # A collection says which times it will remove, then looks at the tags: either it sees
        # ours, or we see what it said.
        deadline = time.monotonic() + _REMOVAL_SECONDS
        while self._is_being_removed(t) and self.exists(t) and time.monotonic() < deadline:
            time.sleep(0.02)
        gone = not self.exists(t)
        if not gone and not self._is_being_removed(t):
            return
        if before is None:
            self.delete_tag(name)
        else:
            self.set_tag(name, before)
        raise TimeReferenceError(
            f"time {t} was removed by garbage collection, so {name} cannot name it"
            if gone
            else f"time {t} is being removed by a garbage collection that has not ended; "
            "if none is running, 'pod gc' ends it: then tag again"
        )

    def _is_being_removed(self, t: int) -> bool:
        return any(t in one.removing for one in generations.read(self.storage).values())

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
        self.check_process()
        self.storage.delete(files.tag_key(name))

    # Verification

    def check(self, progress: Progress | None = None) -> StoreCheck:
        """Re-read and re-hash everything; see ``pod.store.check``."""
        return check_storage(self.storage, progress)

    # The rest is for this class alone.

    def _load(self) -> None:
        if not self._loaded:
            self.refresh()

    @property
    def _keeps_listings(self) -> bool:
        """Whoever only reads sets no marks."""
        return self.lease is not None and not self.is_inherited

    def _list_packs(self) -> Keys:
        return self._listings.list(pack.PREFIX, keep=self._keeps_listings)

    def _is_refreshed(self, *, assume: bool = False) -> bool:
        same = self._listings.is_same(pack.PREFIX, self._refreshed, assume=assume)
        return same and self._loaded and not self._unreadable

    def _refresh_if_changed(self) -> None:
        """For a save: that a pack is gone may come to light a moment later."""
        if self._loaded and not self._is_refreshed(assume=True):
            self.refresh()

    def _read_indexes(self, keys: set[str]) -> dict[str, str]:
        """Learn what these packs hold; what is wrong with those that cannot be read."""
        unreadable: dict[str, str] = {}
        for key, found in self._indexes(sorted(keys)):
            if isinstance(found, list):
                self._learn(key, found)
            elif not isinstance(found, MissingKeyError):
                unreadable[key] = str(found)
        return unreadable

    def _indexes(self, keys: Keys) -> Iterator[tuple[str, list[PackEntry] | PodError]]:
        """The indexes of these packs, each as it comes, or why it cannot be read."""

        def index(key: str) -> tuple[str, list[PackEntry] | PodError]:
            try:
                return key, pack.read_index(self.storage, key)
            except (DamagedError, StorageError) as error:
                return key, error

        started = time.monotonic()
        yield from map(index, keys[:_SAMPLE])
        rest = keys[_SAMPLE:]
        if time.monotonic() - started < _SAMPLE * _SLOW_SECONDS or len(rest) < _SAMPLE:
            yield from map(index, rest)
            return
        # It is the medium that is waited for, then: a disk that has not been read yet, a network.
        pool = ThreadPoolExecutor(_READERS, "pod-reader")
        try:
            yield from pool.map(index, rest)
        finally:
            pool.shutdown(cancel_futures=True)

    def _learn(self, key: str, entries: list[PackEntry]) -> None:
        self._copies.add(key, entries)
        self._packs[key] = entries
        if self.lost and not self.lost.isdisjoint(entry.digest for entry in entries):
            # Deltas against what is there again are there again, too.
            back = [digest for digest in tuple(self.lost) if self._copies.chain(digest) is not None]
            self.lost.difference_update(back)

    def _forget(self, keys: set[str]) -> None:
        if not keys:
            return
        gone: set[str] = set()
        for key in keys:
            entries = self._packs.get(key, [])
            self._copies.drop(key, entries)
            gone.update(entry.digest for entry in entries)
        # Other packs may hold some of the same blobs.
        gone = {digest for digest in gone if self._copies.chain(digest) is None}
        if gone:
            self.lost |= gone
            self.lost.update(self._copies.broken())
        self.losses += bool(gone)
        # Last: who was interrupted before that begins again at the next refresh.
        for key in keys:
            self._packs.pop(key, None)

    def _read_anywhere(self, digest: str) -> bytes:
        """A blob that was not where the index said, from any packs that have it and its bases."""
        reason: PodError | None = None
        for _ in range(_LOOKS):
            self.refresh()
            try:
                return read_any(self.storage, self._copies, digest, self._confirmed)
            except MissingKeyError as error:
                reason = error  # garbage collection moved it once more
            except (DamagedError, StorageError) as error:
                reason = error
                break
        if isinstance(reason, MissingKeyError) or not self._copies.of(digest):
            raise self._in_no_pack(digest)
        if isinstance(reason, StorageError):
            raise reason
        raise DamagedError(f"{reason}; 'pod verify' tells which times need it") from reason

    def _in_no_pack(self, digest: str) -> DamagedError:
        unreadable = f", and {len(self._unreadable)} packs are damaged" if self._unreadable else ""
        return DamagedError(
            f"blob {digest} is in no pack of {self.storage}{unreadable}; "
            "'pod verify' tells which times need it"
        )

    def _confirmed(self, place: Place) -> Place:
        """A copy where it is now: a pack that was written again may have other offsets."""
        entries = pack.read_index(self.storage, place.pack)
        self._learn(place.pack, entries)
        name = place.entry.digest
        return next((Place(place.pack, each) for each in entries if each.digest == name), place)

    def _is_committed(self, t: int, body: bytes) -> bool:
        """Whether the commit there is, is this one; its signature may be another one."""
        try:
            return self.read_commit(t) == body
        except (DamagedError, FormatError):
            return False

    @staticmethod
    def _times_of(prefix: str, keys: Keys) -> list[int]:
        # A directory in place of a commit is a damaged commit: it takes up that time id.
        times = (files.key_time(prefix, key.removesuffix("/")) for key in keys)
        return sorted(t for t in times if t is not None)

    def _tagged(self) -> Iterable[int]:
        """Times that tags name. Read again only when there are other tags than before: what counts
        is the rare one whose commit was lost while nobody was saving."""
        keys = self.storage.list(files.TAGS)
        if keys != self._tag_keys:
            self._tag_times = tuple(self.tags().values())
            self._tag_keys = keys
        return self._tag_times


def _packs_in(keys: Keys) -> set[str]:
    return {key for key in keys if key.endswith(pack.SUFFIX)}


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
    return files.read_bounded(storage, files.FORMAT_KEY, files.MAX_SMALL_BYTES)


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
