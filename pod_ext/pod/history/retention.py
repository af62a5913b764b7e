"""What may be removed: packs that no moment needs."""

from __future__ import annotations

from dataclasses import dataclass

from pod.errors import PodError
from pod.history.moments import History
from pod.history.text import listing, size
from pod.store import leases, pack


@dataclass(frozen=True, slots=True)
class GcReport:
    """What garbage collection removed, or would remove."""

    packs: tuple[str, ...]
    bytes: int
    dry_run: bool
    busy: tuple[str, ...] = ()
    """Who else is writing: then nothing is removed, for it may be theirs."""

    def __str__(self) -> str:
        if self.busy:
            return f"nothing removed, since others are writing: {listing(self.busy, 4)}"
        verb = "would remove" if self.dry_run else "removed"
        what = "pack" if len(self.packs) == 1 else "packs"
        return f"{verb} {len(self.packs)} {what} that no time needs, {size(self.bytes)}"


def collect_garbage(history: History, *, own_lease: str | None, dry_run: bool) -> GcReport:
    """Remove packs none of whose blobs any commit needs. Raises rather than guess at a damaged
    commit: what that one needs cannot be known."""
    storage = history.repository.storage
    busy = leases.others(storage, own_lease, clean=not dry_run)
    if busy and not dry_run:
        return GcReport((), 0, dry_run, tuple(busy))
    candidates = storage.list(pack.PREFIX)
    needed = _needed_blobs(history)
    removed, nbytes = [], 0
    for key in candidates:
        entries = pack.read_index(storage, key)
        if needed.isdisjoint(entry.digest for entry in entries):
            removed.append(key)
            nbytes += sum(entry.stored_bytes for entry in entries)
            if not dry_run:
                storage.delete(key)
    history.repository.refresh()
    return GcReport(tuple(removed), nbytes, dry_run)


def _needed_blobs(history: History) -> set[str]:
    commits, damaged = history.commits()
    if damaged:
        raise PodError(
            f"nothing removed: {next(iter(damaged.values()))}. Delete that commit's file first if "
            "its time is not wanted any more"
        )
    needed: set[str] = set()
    manifests: set[str] = set()
    for commit in commits:
        needed.update(commit.table, commit.definitions)
        needed.update(blob for _, blob in commit.random)
        for table in (history.variables(commit), history.definitions(commit)):
            manifests.update(variable.manifest for variable in table.values())
    for digest in manifests:
        for pod in history.manifest(digest).pods:
            needed.update(pod.blobs())
    return needed | manifests
