"""Reading history: commits, tables, manifests and pods of one store, durable or still on their way.

Nothing here unpickles anything.
"""

from __future__ import annotations

import contextlib
import json
import re
import shlex
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from pod.errors import (
    DamagedError,
    FormatError,
    PodError,
    StorageError,
    TimeReferenceError,
    UntrustedError,
    one_line,
)
from pod.history.manifest import Content, Manifest, StoredPod
from pod.history.records import Commit
from pod.history.table import Table, read_table
from pod.podding.pods import Pod, Slot
from pod.store import generations
from pod.store.codec import CHUNK_BYTES
from pod.store.repository import Repository
from pod.store.storage import BytesLike, MissingKeyError

_REFERENCE = re.compile(r"(?P<base>[0-9]{1,20}|[A-Za-z][A-Za-z0-9._-]*)(?P<back>~[0-9]{0,18})?")
_CACHED_MANIFESTS = 256
"""So many at least, however large."""
_CACHED_PODS = 50_000
"""More than that, as long as they have no more pods than this."""
_BATCH_BYTES = 16 << 20
"""Of blobs that are read together, beside what is made of them."""


class Pending(Protocol):
    """What has been saved but is not durable yet."""

    def pending_blob(self, digest: str) -> bytes | None: ...
    def pending_commit(self, t: int) -> bytes | None: ...
    def pending_times(self) -> Sequence[int]: ...
    def pending_bases(self) -> set[str]: ...


class _Nothing:
    def pending_blob(self, digest: str) -> bytes | None:
        return None

    def pending_commit(self, t: int) -> bytes | None:
        return None

    def pending_times(self) -> Sequence[int]:
        return ()

    def pending_bases(self) -> set[str]:
        return set()


@dataclass(frozen=True, slots=True)
class _Read:
    """A commit, and what vouches for the very bytes that it was read from: exchanging the file
    later makes nothing trusted."""

    commit: Commit
    signed: tuple[str, str] | None
    """Digest of the body, and its signature. None for a commit of this very process that is not in
    any file yet."""


class History:
    """All moments of one store."""

    def __init__(self, repository: Repository, pending: Pending | None = None) -> None:
        self.repository = repository
        self._pending: Pending = pending or _Nothing()
        self._known: dict[int, _Read] = {}
        self._manifests: OrderedDict[str, Manifest] = OrderedDict()
        self._cached_pods = 0

    def forget(self, times: Iterable[int] | None = None) -> None:
        """Read everything anew, as when something was deleted from the pod directory; or only
        these times, as when they were removed."""
        if times is not None:
            for t in times:
                self._known.pop(t, None)
            return
        self._known.clear()
        self._manifests.clear()
        self._cached_pods = 0

    # --- commits

    def times(self) -> list[int]:
        """Every time id, ascending."""
        pending = self._pending.pending_times()  # first: one that is written meanwhile is in both
        return sorted({*self.repository.times(), *pending})

    def pending_times(self) -> frozenset[int]:
        return frozenset(self._pending.pending_times())

    def pending_bases(self) -> set[str]:
        """Stored blobs that pending ones may be stored as deltas against."""
        return self._pending.pending_bases()

    def commit(self, t: int) -> Commit:
        """The commit of one time id; `DamagedError` if its file is not what was written."""
        return self._read(t).commit

    def _read(self, t: int) -> _Read:
        known = self._known.get(t)
        if known is not None:
            return known
        pending = self._pending.pending_commit(t)
        if pending is not None:
            return _Read(self._parsed(t, pending), None)
        try:
            stored = self.repository.read_signed(t)
        except MissingKeyError:
            raise self._unknown(str(t)) from None
        signature = stored.digest, stored.signature
        self._known[t] = read = _Read(self._parsed(t, stored.body), signature)
        return read

    def _parsed(self, t: int, body: bytes) -> Commit:
        where = f"commits/{t} in {self.repository.storage}"
        try:
            commit = Commit.from_json(json.loads(body))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise DamagedError(f"{where} is not readable ({one_line(error)})") from error
        if commit.t != t:
            raise DamagedError(f"{where} is damaged: it is the commit of time {commit.t}")
        return commit

    def commits(self) -> tuple[list[Commit], dict[int, str]]:
        """Every readable commit, newest first, and what is wrong with the others."""
        found, damaged = [], {}
        for t in reversed(self.times()):
            try:
                found.append(self.commit(t))
            except (DamagedError, FormatError, StorageError) as error:
                damaged[t] = str(error)
            except TimeReferenceError:
                continue  # removed meanwhile
        return found, damaged

    def exists(self, t: int) -> bool:
        """Whether there is such a time, readable or not."""
        return t in self._pending.pending_times() or self.repository.exists(t)

    def check_exists(self, t: int) -> None:
        """`TimeReferenceError` if it does not; for whoever has read of a time and missed some of
        it, which garbage collection may have removed meanwhile."""
        if not self.exists(t):
            self.forget([t])
            raise self._unknown(str(t))

    @contextlib.contextmanager
    def reading(self, *times: int) -> Iterator[None]:
        """For as long as these times are read: what is missing because they were removed meanwhile
        is no damage, and `TimeReferenceError` says so."""
        try:
            yield
        except DamagedError:
            for t in times:
                self.check_exists(t)
            raise

    def bridges(self) -> dict[int, int | None]:
        """For times that were removed, and that others came from: the nearest before each that was
        there still."""
        found: dict[int, int | None] = {}
        for record in generations.read(self.repository.storage).values():
            found.update(record.bridges)
        return found

    # --- trust

    def digest(self, t: int) -> str:
        """Digest of the body of a commit; '' for one that is not durable yet."""
        signed = self._read(t).signed
        return signed[0] if signed else ""

    def is_own(self, t: int, *, lasting: bool = False) -> bool:
        """Whether this user saved a time; with `lasting`, whether later processes can tell."""
        signed, keyring = self._read(t).signed, self.repository.keyring
        return signed is None or (keyring.is_lasting if lasting else keyring.is_own)(*signed)

    def is_trusted(self, t: int) -> bool:
        """Whether objects may be loaded from a time: the user saved it, or chose to trust it."""
        return self._is_trusted(self._read(t))

    def _is_trusted(self, read: _Read) -> bool:
        return read.signed is None or self.repository.is_trusted(*read.signed)

    def require_trust(self, commit: Commit) -> None:
        """`UntrustedError` unless objects may be loaded from this commit."""
        read = self._read(commit.t)
        # Until it is durable, a commit does not say how large its pack is.
        if replace(read.commit, bytes=commit.bytes) == commit and self._is_trusted(read):
            return
        where = self.repository.storage
        trouble = self.repository.keyring.trouble
        key = f" (your own key cannot be used: {trouble.rstrip('.')})" if trouble else ""
        raise UntrustedError(
            f"time {commit.t} of {where} was not saved by you{key}, and loading it could run any "
            f"code. If you know where it comes from: pod trust {shlex.quote(str(where))} "
            "(%pod_trust in a notebook)"
        )

    def past(self, commit: Commit) -> Iterator[Commit]:
        """This commit and those that it came from, nearest first; each is read when it is its turn.

        `DamagedError` for one that is not readable. Parents are earlier, so this ends.
        """
        yield commit
        while commit.parent is not None:
            commit = self._parent(commit)
            yield commit

    def _parent(self, commit: Commit) -> Commit:
        assert commit.parent is not None
        try:
            return self.commit(commit.parent)
        except TimeReferenceError:
            if self.repository.was_removed(commit.parent):
                raise self._parent_removed(commit) from None
            raise

    @staticmethod
    def _parent_removed(commit: Commit) -> TimeReferenceError:
        return TimeReferenceError(
            f"time {commit.t} came from time {commit.parent}, which was removed by garbage "
            "collection"
        )

    def resolve(self, reference: int | str, head: int | None = None) -> int:
        """The time id that a time reference means.

        A time reference is a time id, `HEAD`, or a tag, and may be followed by `~n`: n moments
        before it on its branch. Raises `TimeReferenceError`.
        """
        text = str(reference).strip()
        match = _REFERENCE.fullmatch(text)
        if match is None:
            raise TimeReferenceError(
                f"{text[:80]!r} is not a time reference: give a time id such as 3, HEAD, HEAD~2 or "
                "a tag"
            )
        t = self._base(match["base"], head)
        for _ in range(_steps(match["back"])):
            try:
                parent = self.before(t)
            except TimeReferenceError as error:
                raise TimeReferenceError(f"{text} cannot be reached: {error}") from None
            if parent is None:
                raise TimeReferenceError(f"{text} goes back beyond the first time of its branch")
            t = parent
        return t

    def before(self, t: int) -> int | None:
        """The time that a time came from, None for the first of its branch. `TimeReferenceError`
        if it was removed."""
        commit = self.commit(t)
        parent = commit.parent
        if parent is not None and not self.exists(parent) and self.repository.was_removed(parent):
            raise self._parent_removed(commit)
        return parent

    def _base(self, base: str, head: int | None) -> int:
        if base.isdecimal():
            t = int(base)
            if not 1 <= t < 10**18 or not self.exists(t):
                raise self._unknown(base)
            return t
        if base == "HEAD":
            times = self.times()
            if head is None and not times:
                raise TimeReferenceError("nothing has been saved yet, so there is no HEAD")
            return times[-1] if head is None else head
        tags = self.repository.tags()
        if base not in tags:
            raise self._unknown(base)
        return tags[base]

    def _unknown(self, reference: str) -> TimeReferenceError:
        times = self.times()
        what = "time" if reference.isdecimal() else "tag"
        by = self.repository.being_finished().get(int(reference)) if what == "time" else None
        if by is not None:
            return TimeReferenceError(
                f"time {reference} is still being written, for a kernel that has ended, by {by}; "
                "try again in a moment"
            )
        if not times:
            return TimeReferenceError(f"there is no time {reference}: nothing has been saved yet")
        tags = sorted(self.repository.tags())
        known = f"times run from {times[0]} to {times[-1]}"
        if what == "time" and self.repository.was_removed(int(reference)):
            return TimeReferenceError(
                f"time {reference} was removed by garbage collection; {known}. See %pod_log --all"
            )
        if what == "tag":
            known = f"tags are {', '.join(tags)}" if tags else f"there are no tags; {known}"
        return TimeReferenceError(f"there is no {what} {reference}: {known}. See %pod_log --all")

    # --- what a commit refers to

    def variables(self, commit: Commit, like: Table | None = None) -> Table:
        """Read as far as it is needed, and not what is the same in `like`; `DamagedError` comes up
        then."""
        return self._table(commit.table, f"the list of variables of time {commit.t}", like)

    def definitions(self, commit: Commit) -> Table:
        return self._table(commit.definitions, f"the list of definitions of time {commit.t}")

    def shard(self, digest: str) -> Table:
        """One shard of a table."""
        return self._table((digest,), f"variable table {digest[:12]}")

    def _table(self, digests: tuple[str, ...], what: str, like: Table | None = None) -> Table:
        return read_table(digests, self.blobs, what, like)

    def manifest(self, digest: str) -> Manifest:
        known = self._manifests.get(digest)
        if known is None:
            try:
                known = Manifest.from_bytes(self.blob(digest))
            except DamagedError as error:
                raise DamagedError(f"manifest {digest[:12]} is not readable: {error}") from error
            self.remember(digest, known)
        else:
            self._manifests.move_to_end(digest)
        return known

    def remember(self, digest: str, manifest: Manifest) -> None:
        """Spare reading a manifest that was just made, as long as there is room for it."""
        before = self._manifests.pop(digest, None)
        self._manifests[digest] = manifest
        self._cached_pods += len(manifest.pods) - (len(before.pods) if before else 0)
        while len(self._manifests) > _CACHED_MANIFESTS and self._cached_pods > _CACHED_PODS:
            self._cached_pods -= len(self._manifests.popitem(last=False)[1].pods)

    def read_together(self, manifests: Iterable[str]) -> None:
        """Spare reading these manifests one by one; what is wrong with one comes up later."""
        unknown = [digest for digest in manifests if digest not in self._manifests]
        with contextlib.suppress(PodError):
            for digest, data in self.blobs(unknown).items():
                self.remember(digest, Manifest.from_bytes(data))

    def source(self, digest: str) -> ManifestSource:
        """One component, ready for a loader."""
        return ManifestSource(self.manifest(digest), self.views, self._nbytes)

    def needs(self, digests: Iterable[str], manifests: Iterable[str]) -> Iterator[str]:
        """Every blob behind the shards of tables and the manifests, themselves included; of what
        cannot be read, only itself."""
        yield from digests
        manifests = set(manifests)
        for digest in digests:
            with contextlib.suppress(PodError):
                table = self._table((digest,), "a table")
                manifests.update(entry.manifest for entry in table.entries())
        for digest in manifests:
            yield digest
            with contextlib.suppress(PodError):
                for pod in self.manifest(digest).pods:
                    yield from pod.blobs()

    # --- blobs

    def blob(self, digest: str) -> bytes:
        return self.blobs((digest,))[digest]

    def readable_blobs(self, digests: Iterable[str]) -> dict[str, bytes]:
        """Those of these blobs that are there, and whole."""
        found = {}
        for digest in digests:
            with contextlib.suppress(DamagedError):
                found[digest] = self.blob(digest)
        return found

    def blobs(self, digests: Iterable[str]) -> dict[str, bytes]:
        """Blobs by digest, from what is pending or from the packs."""
        return {digest: bytes(blob) for digest, blob in self.views(digests).items()}

    def _nbytes(self, digest: str) -> int:
        data = self._pending.pending_blob(digest)
        return self.repository.nbytes(digest) if data is None else len(data)

    def views(self, digests: Iterable[str]) -> dict[str, BytesLike]:
        """The same, some of them as parts of a larger piece of memory."""
        found: dict[str, BytesLike] = {}
        missing = []
        for digest in digests:
            data = self._pending.pending_blob(digest)
            if data is None:
                missing.append(digest)
            else:
                found[digest] = data
        if missing:
            found |= self.repository.read_views(missing)
        return found


class ManifestSource:
    """One stored component as a loader wants it (`pod.podding.unpickler.PodSource`)."""

    def __init__(
        self,
        manifest: Manifest,
        views: Callable[[Iterable[str]], dict[str, BytesLike]],
        nbytes: Callable[[str], int],
    ) -> None:
        self.manifest = manifest
        self.slots: Sequence[tuple[Slot, ...]] = manifest.slots
        self.interior = manifest.interior
        self._views = views
        self._nbytes = nbytes

    def pods(self, numbers: Sequence[int]) -> Iterator[Pod]:
        """Read pods in batches: packs are read in order, and not all bytes are held at once."""
        stored = self.manifest.pods
        start = 0
        while start < len(numbers):
            end, nbytes = start, 0
            while end < len(numbers) and nbytes + stored[numbers[end]].nbytes <= _BATCH_BYTES:
                nbytes += stored[numbers[end]].nbytes
                end += 1
            if end == start:
                pod = stored[numbers[start]]
                yield _pod(pod, self._large)
                start += 1
                continue
            batch = [stored[number] for number in numbers[start:end]]
            found = self._views(digest for pod in batch for digest in pod.blobs())
            for pod in batch:
                yield _pod(pod, partial(_assemble, blobs=found))
            start = end

    def _large(self, content: Content) -> bytearray:
        """The bytes of a content of any size, beside which one batch of its blobs is held."""
        if content.inline is not None or content.nbytes <= _BATCH_BYTES:
            return _assemble(content, self._views(content.chunks))
        _check_size(content, map(self._nbytes, content.chunks))
        made = bytearray(content.nbytes)
        view, end = memoryview(made), 0
        step = _BATCH_BYTES // CHUNK_BYTES
        for start in range(0, len(content.chunks), step):
            chunks = content.chunks[start : start + step]
            blobs = self._views(chunks)
            for chunk in chunks:
                begin, end = end, end + len(blobs[chunk])
                view[begin:end] = blobs[chunk]
        return made


def _pod(stored: StoredPod, read: Callable[[Content], bytearray]) -> Pod:
    buffers = tuple(read(buffer) for buffer in stored.buffers)
    return Pod(read(stored.payload), buffers, stored.slots, stored.modules)


def _assemble(content: Content, blobs: Mapping[str, BytesLike]) -> bytearray:
    """The bytes that were cut into chunks. A bytearray, since buffers are handed out writable."""
    if content.inline is not None:
        return bytearray(content.inline)
    _check_size(content, (len(blobs[digest]) for digest in content.chunks))
    return bytearray().join(blobs[digest] for digest in content.chunks)


def _check_size(content: Content, chunks: Iterable[int]) -> None:
    """Before room is made for it: what a manifest says of its size may not be so, and one chunk may
    be named a million times."""
    nbytes = sum(chunks)
    if nbytes != content.nbytes:
        raise DamagedError(f"a pod's content has {nbytes} bytes instead of {content.nbytes}")


def _steps(back: str | None) -> int:
    if back is None:
        return 0
    return int(back[1:] or 1)
