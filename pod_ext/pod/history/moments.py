"""Reading history: commits, tables, manifests and pods of one store, durable or still on their way.

Nothing here unpickles anything.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from pod.errors import DamagedError, PodError, TimeReferenceError
from pod.history.manifest import Content, Manifest
from pod.history.records import Commit
from pod.history.table import Table, read_table
from pod.podding.pods import Pod, Slot
from pod.store.repository import Repository
from pod.store.storage import MissingKeyError

_REFERENCE = re.compile(r"(?P<base>\d+|[A-Za-z][A-Za-z0-9._-]*)(?P<back>~\d*)?")
_CACHED_MANIFESTS = 256
_BATCH_BYTES = 64 << 20


class Pending(Protocol):
    """What has been saved but is not durable yet."""

    def pending_blob(self, digest: str) -> bytes | None: ...
    def pending_commit(self, t: int) -> bytes | None: ...
    def pending_times(self) -> Sequence[int]: ...


class _Nothing:
    def pending_blob(self, digest: str) -> bytes | None:
        return None

    def pending_commit(self, t: int) -> bytes | None:
        return None

    def pending_times(self) -> Sequence[int]:
        return ()


class History:
    """All moments of one store."""

    def __init__(self, repository: Repository, pending: Pending | None = None) -> None:
        self.repository = repository
        self._pending: Pending = pending or _Nothing()
        self._commits: dict[int, Commit] = {}
        self._manifests: OrderedDict[str, Manifest] = OrderedDict()

    def forget(self) -> None:
        """Read everything anew, as when something was deleted from the pod directory."""
        self._commits.clear()
        self._manifests.clear()

    # --- commits

    def times(self) -> list[int]:
        """Every time id, ascending."""
        return sorted({*self.repository.times(), *self._pending.pending_times()})

    def pending_times(self) -> frozenset[int]:
        return frozenset(self._pending.pending_times())

    def commit(self, t: int) -> Commit:
        """The commit of one time id; `DamagedError` if its file is not what was written."""
        known = self._commits.get(t)
        if known is not None:
            return known
        body = self._pending.pending_commit(t)
        durable = body is None
        if body is None:
            try:
                body = self.repository.read_commit(t)
            except MissingKeyError:
                raise self._unknown(str(t)) from None
        try:
            commit = Commit.from_json(json.loads(body))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise DamagedError(f"the commit of time {t} is not readable ({error})") from error
        if durable:
            self._commits[t] = commit
        return commit

    def commits(self) -> tuple[list[Commit], dict[int, str]]:
        """Every readable commit, newest first, and what is wrong with the others."""
        found, damaged = [], {}
        for t in reversed(self.times()):
            try:
                found.append(self.commit(t))
            except DamagedError as error:
                damaged[t] = str(error)
        return found, damaged

    def past(self, commit: Commit) -> Iterator[Commit]:
        """This commit and those that it came from, nearest first; each is read when it is its turn.

        `DamagedError` for one that is not readable, or claims to come from a later one: a history
        made to run in circles must not be followed for ever.
        """
        yield commit
        while commit.parent is not None:
            if commit.parent >= commit.t:
                raise DamagedError(f"time {commit.t} claims to come after time {commit.parent}")
            commit = self.commit(commit.parent)
            yield commit

    def resolve(self, reference: int | str, head: int | None = None) -> int:
        """The time id that a time reference means.

        A time reference is a time id, `HEAD`, or a tag, and may be followed by `~n`: n moments
        before it on its branch. Raises `TimeReferenceError`.
        """
        text = str(reference).strip()
        match = _REFERENCE.fullmatch(text)
        if match is None:
            raise TimeReferenceError(
                f"{text!r} is not a time reference: give a time id such as 3, HEAD, HEAD~2 or a tag"
            )
        t = self._base(match["base"], head)
        for _ in range(_steps(match["back"])):
            parent = self.commit(t).parent
            if parent is None:
                raise TimeReferenceError(f"{text} goes back beyond the first time of its branch")
            t = parent
        return t

    def _base(self, base: str, head: int | None) -> int:
        if base.isdecimal():
            t = int(base)
            if t not in self._commits and t not in self.times():
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
        if not times:
            return TimeReferenceError(f"there is no time {reference}: nothing has been saved yet")
        what = "time" if reference.isdecimal() else "tag"
        tags = sorted(self.repository.tags())
        known = f"times run from {times[0]} to {times[-1]}"
        if what == "tag":
            known = f"tags are {', '.join(tags)}" if tags else f"there are no tags; {known}"
        return TimeReferenceError(f"there is no {what} {reference}: {known}. See %pod_log --all")

    # --- what a commit refers to

    def variables(self, commit: Commit) -> Table:
        return self._table(commit.table)

    def definitions(self, commit: Commit) -> Table:
        return self._table(commit.definitions)

    def _table(self, digests: tuple[str, ...]) -> Table:
        return read_table(digests, {digest: self.blob(digest) for digest in digests})

    def manifest(self, digest: str) -> Manifest:
        known = self._manifests.get(digest)
        if known is None:
            known = self._manifests[digest] = Manifest.from_bytes(self.blob(digest))
            if len(self._manifests) > _CACHED_MANIFESTS:
                self._manifests.popitem(last=False)
        else:
            self._manifests.move_to_end(digest)
        return known

    def remember(self, digest: str, manifest: Manifest) -> None:
        """Spare reading a manifest that was just made."""
        self._manifests[digest] = manifest

    def source(self, digest: str) -> ManifestSource:
        """One component, ready for a loader."""
        return ManifestSource(self.manifest(digest), self.blobs)

    def needs(self, digests: Iterable[str], manifests: Iterable[str]) -> Iterator[str]:
        """Every blob behind the shards of tables and the manifests, themselves included; of what
        cannot be read, only itself."""
        yield from digests
        manifests = set(manifests)
        for digest in digests:
            with contextlib.suppress(PodError):
                manifests.update(entry.manifest for entry in self._table((digest,)).values())
        for digest in manifests:
            yield digest
            with contextlib.suppress(PodError):
                for pod in self.manifest(digest).pods:
                    yield from pod.blobs()

    # --- blobs

    def blob(self, digest: str) -> bytes:
        return self.blobs((digest,))[digest]

    def blobs(self, digests: Iterable[str]) -> dict[str, bytes]:
        """Blobs by digest, from what is pending or from the packs."""
        found, missing = {}, []
        for digest in digests:
            data = self._pending.pending_blob(digest)
            if data is None:
                missing.append(digest)
            else:
                found[digest] = data
        if missing:
            found |= self.repository.read_many(missing)
        return found


class ManifestSource:
    """One stored component as a loader wants it (`pod.podding.unpickler.PodSource`)."""

    def __init__(
        self, manifest: Manifest, blobs: Callable[[Iterable[str]], dict[str, bytes]]
    ) -> None:
        self.manifest = manifest
        self.slots: Sequence[tuple[Slot, ...]] = manifest.slots
        self.interior = manifest.interior
        self._blobs = blobs

    def pods(self, numbers: Sequence[int]) -> Iterator[Pod]:
        """Read pods in batches: packs are read in order, and not all bytes are held at once."""
        stored = self.manifest.pods
        start = 0
        while start < len(numbers):
            end, nbytes = start, 0
            while end < len(numbers) and (end == start or nbytes < _BATCH_BYTES):
                nbytes += stored[numbers[end]].nbytes
                end += 1
            batch = [stored[number] for number in numbers[start:end]]
            found = self._blobs(digest for pod in batch for digest in pod.blobs())
            for pod in batch:
                yield Pod(
                    _assemble(pod.payload, found),
                    tuple(_assemble(buffer, found) for buffer in pod.buffers),
                    pod.slots,
                    pod.modules,
                )
            start = end


def _assemble(content: Content, blobs: dict[str, bytes]) -> bytes | bytearray:
    """The bytes that were cut into chunks. A bytearray, since buffers are handed out writable."""
    if content.inline is not None:
        return bytearray(content.inline)
    joined = bytearray().join(blobs[digest] for digest in content.chunks)
    if len(joined) != content.nbytes:
        raise DamagedError(f"a pod's content has {len(joined)} bytes instead of {content.nbytes}")
    return joined


def _steps(back: str | None) -> int:
    if back is None:
        return 0
    return int(back[1:] or 1)
