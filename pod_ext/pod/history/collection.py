"""Garbage collection: removing times by a rule, then packs that no time needs, while others write.

What makes it right (the proof is in `pod_ext/README.md`): a save claims its time id, then looks at
which packs are condemned, then decides what it relies on. A collection condemns packs, then looks
at the claims, waits until these saves have ended, and only then looks a last time at what is
needed. So each save either relies on nothing condemned, or is waited for.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import (
    Callable,
    Collection,
    Container,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field

from pod.errors import DamagedError, PodError, StorageError, TimeReferenceError
from pod.history.moments import History
from pod.history.records import Commit
from pod.history.retention import EVERYTHING, Retention, bridges, newest_of
from pod.history.text import listing, size
from pod.store import files, generations, leases, pack, processes
from pod.store.copies import Copies, Place
from pod.store.generations import Generation
from pod.store.leases import Lease, Owner
from pod.store.pack import PackEntry
from pod.store.reading import read_any
from pod.store.storage import Housekeeping

DEAD_SHARE = 0.5
"""A pack with at least this share of bytes that nobody needs is written anew without them."""
_SMALLEST_GAIN = 4096
_BATCH_BYTES = 64 << 20
_LEVEL = 3
PATIENCE = 5.0
"""Seconds to wait for saves that were under way."""


@dataclass(frozen=True, slots=True)
class GcReport:
    """What garbage collection removed, or would remove."""

    times: tuple[int, ...]
    """Time ids, ascending."""
    packs: tuple[str, ...]
    """Packs deleted: those that nobody needs, and those written anew."""
    rewritten: int
    """How many of these packs were written anew, without what nobody needs."""
    bytes: int
    """How much less there is in the pod directory."""
    dry_run: bool
    kept: int = 0
    """How many times are there still."""
    left: tuple[str, ...] = ()
    """Who was saving all the time: then packs are left to the next garbage collection."""

    def __str__(self) -> str:
        would = "would remove" if self.dry_run else "removed"
        parts = []
        if self.times:
            shown = [f"{a}" if a == b else f"{a}-{b}" for a, b in generations.ranges(self.times)]
            count = f"{len(self.times)} time{_s(self.times)}"
            parts.append(f"{count} ({listing(shown, 12)})")
        unneeded = len(self.packs) - self.rewritten
        if unneeded or not (self.times or self.rewritten):
            parts.append(f"{unneeded} pack{'' if unneeded == 1 else 's'} that no time needs")
        if self.rewritten:
            packs = "1 pack" if self.rewritten == 1 else f"{self.rewritten} packs"
            parts.append(f"what is not needed of {packs}")
        lines = [f"{would} {' and '.join(parts)}, {size(self.bytes)}"]
        if self.left:
            lines.append(
                f"packs are left to the next garbage collection, since {listing(self.left, 4)} "
                "did not finish saving"
            )
        return "\n".join(lines)


def collect_garbage(
    histories: Sequence[History],
    rule: Retention = EVERYTHING,
    *,
    heads: Iterable[int] = (),
    dry_run: bool = False,
    patience: float = PATIENCE,
) -> GcReport:
    """Remove times by a rule, and what no other needs. Unpickles nothing.

    `histories` are all that this process has of the pod directory, the first one's repository is
    used; `heads` are times that its sessions are at. Raises rather than guess at a damaged commit:
    what that one needs cannot be known. Whenever it ends, however it ends, the pod directory is
    whole, and the next one goes on from there.
    """
    histories[0].repository.check_process()
    collection = _Collection(histories, rule, frozenset(heads), dry_run, patience)
    if dry_run:
        return collection.look()
    lease = Lease(histories[0].repository.storage, leases.COLLECTING)
    try:
        return collection.run(lease.id)
    finally:
        lease.release()


class _Needs:
    """Which blobs commits need; each shard and each manifest is read once."""

    def __init__(self) -> None:
        self._shards: dict[str, frozenset[str]] = {}
        self._manifests: dict[str, frozenset[str]] = {}

    def of(self, commit: Commit, history: History) -> Iterable[frozenset[str]]:
        """Sets of blobs that a commit needs, most of them known from other commits."""
        for digest in (*commit.table, *commit.definitions):
            if digest not in self._shards:
                self._shards[digest] = self._of_shard(digest, history)
            yield self._shards[digest]
        yield frozenset(blob for _, blob in commit.random)

    def _of_shard(self, digest: str, history: History) -> frozenset[str]:
        needed = {digest}
        for manifest in {entry.manifest for entry in history.shard(digest).values()}:
            if manifest not in self._manifests:
                pods = history.manifest(manifest).pods
                self._manifests[manifest] = frozenset(blob for pod in pods for blob in pod.blobs())
            needed.add(manifest)
            needed |= self._manifests[manifest]
        return frozenset(needed)


@dataclass(slots=True)
class _Plan:
    """What becomes of the packs."""

    dead: list[str] = field(default_factory=list)
    """Nobody needs any of their blobs."""
    rewritten: list[str] = field(default_factory=list)
    left_over: list[str] = field(default_factory=list)
    """Condemned by an earlier collection, which did not come to delete them."""
    copied: dict[str, PackEntry] = field(default_factory=dict)
    """Blobs to be stored once more."""
    homes: dict[str, str] = field(default_factory=dict)
    """Blob that is needed, be it for a delta -> the pack that it is needed in."""

    def packs(self) -> set[str]:
        return {*self.dead, *self.rewritten, *self.left_over}


class _Collection:
    """One garbage collection."""

    def __init__(
        self,
        histories: Sequence[History],
        rule: Retention,
        heads: frozenset[int],
        dry_run: bool,
        patience: float,
    ) -> None:
        self._histories = histories
        self._history = histories[0]
        self._repository = self._history.repository
        self._storage = self._repository.storage
        self._rule = rule
        self._heads = heads
        self._dry_run = dry_run
        self._patience = patience
        self._needs = _Needs()
        self._left: tuple[str, ...] = ()
        self._freed = 0

    def look(self) -> GcReport:
        """Only say what would be removed."""
        earlier, packs = self._begin()
        commits = self._commits()
        kept = self._kept(commits, packs)
        removed = sorted(commits.keys() - kept)
        plan = self._plan(packs, earlier, self._needed(kept))
        self._freed = sum(self._commit_bytes(t) for t in removed)
        deleted = plan.packs()
        self._freed += sum(_pack_bytes(packs[key]) for key in deleted)
        if plan.copied:
            self._freed -= _pack_bytes(plan.copied.values())
        return self._report(removed, len(kept), deleted, plan)

    def run(self, lease: str) -> GcReport:
        earlier, packs = self._begin()
        # What a save under way has written would look like nobody's.
        quiet = self._wait()
        commits = self._commits()
        removed = sorted(commits.keys() - self._kept(commits, packs))
        announced = None
        if removed:
            announced = generations.announce(self._storage, Generation(removing=frozenset(removed)))
            removed = self._remove(removed)
        plan = _Plan()
        if quiet:
            plan = self._plan(packs, earlier, self._needed())
            self._copy(plan, packs)
        deleted: list[str] = []
        unfinished = len(earlier) > 1 or any(one.removing for one in earlier.values())
        if removed or plan.packs() or unfinished:
            generations.announce(self._storage, self._record(earlier, commits, removed, plan))
            if announced is not None:
                self._storage.delete(announced)
            if self._wait():
                deleted = self._delete(plan)
                self._tidy(earlier, lease)
        self._clean()
        kept = len(commits) - len(removed)
        return self._report(removed, kept, deleted, plan)

    # --- the steps

    def _begin(self) -> tuple[dict[str, Generation], dict[str, list[PackEntry]]]:
        """What earlier collections wrote down, and which packs there are."""
        earlier = generations.read(self._storage)
        self._repository.catch_up()
        self._repository.refresh()
        return earlier, self._repository.packs()

    def _commits(self) -> dict[int, Commit | None]:
        """Every commit by its time id, None for a damaged one that the rules remove. `PodError`
        for any other damaged one."""
        found, damaged = self._history.commits()
        commits: dict[int, Commit | None] = {commit.t: commit for commit in found}
        if damaged:
            newest = sorted({*commits, *damaged}, reverse=True)
            spared = {newest[0], *newest[: self._rule.keep_last or 0]}
            spared |= set(self._repository.tags().values())
            for t, why in damaged.items():
                if t in spared or not self._rule.removes_unread:
                    raise PodError(
                        f"nothing removed: {why}. What that time needs cannot be known. Delete "
                        "its file first if it is not wanted any more, or let --keep-last remove it"
                    )
                commits[t] = None
        return commits

    def _kept(
        self, commits: Mapping[int, Commit | None], packs: Mapping[str, Sequence[PackEntry]]
    ) -> set[int]:
        """Which times stay."""
        if not commits:
            return set()
        readable = [commit for _, commit in sorted(commits.items(), reverse=True) if commit]
        tagged = set(self._repository.tags().values()) & commits.keys()
        alive = {
            lease[: leases.SESSION_DIGITS]
            for lease, owner in leases.owners(self._storage).items()
            if not owner.gone and owner.process != processes.current()
        }
        fixed = {max(commits), *self._heads, *self._pending()} & commits.keys()
        fixed |= newest_of(readable, lambda session: session[: leases.SESSION_DIGITS] in alive)
        if self._rule.keep_tagged is not False:
            fixed |= tagged
        chosen = self._rule.kept(readable, tagged) | fixed
        grow = _Size(self._needs_of, self._commit_bytes, packs)
        return self._rule.cut([one for one in readable if one.t in chosen], fixed, grow)

    def _remove(self, times: Sequence[int]) -> list[int]:
        """Remove commits that have been announced; not what was tagged since."""
        tags = self._repository.tags()
        if self._rule.keep_tagged is False:
            for name, t in tags.items():
                if t in times:
                    self._repository.delete_tag(name)
        else:
            times = [t for t in times if t not in tags.values()]
        for t in times:
            self._freed += self._commit_bytes(t)
            self._repository.delete_commit(t)
        for history in self._histories:
            history.forget(times)
        return list(times)

    def _plan(
        self,
        packs: Mapping[str, Sequence[PackEntry]],
        earlier: Mapping[str, Generation],
        needed: set[str],
    ) -> _Plan:
        """Which packs go. Each blob that is needed is to stay in one that does not."""
        condemned = _condemned(earlier) & packs.keys()
        plan = _Plan(left_over=sorted(condemned))
        staying = Copies({key: packs[key] for key in packs.keys() - condemned})
        chosen = _chosen(needed, staying)
        homed: dict[str, list[PackEntry]] = {}
        # Those with the most that is needed first: they are not to go for a copy elsewhere.
        for key in sorted(packs.keys() - condemned, key=lambda key: _share(packs[key], chosen)):
            mine = [
                one
                for one in packs[key]
                if one.digest not in plan.homes
                and one.digest in chosen
                # A delta counts only where it is the copy that was chosen.
                and chosen[one.digest] == (None if one.base is None else Place(key, one))
            ]
            plan.homes.update(dict.fromkeys((entry.digest for entry in mine), key))
            if mine:
                homed[key] = mine
            else:
                plan.dead.append(key)
        everywhere = Copies(packs)
        for digest in needed - plan.homes.keys():
            chain = everywhere.chain(digest)
            if chain is not None:
                plan.copied[digest] = chain[0].entry
        wasted = {key: _pack_bytes(packs[key]) - _pack_bytes(mine) for key, mine in homed.items()}
        total = sum(_pack_bytes(packs[key]) for key in homed)
        for key in sorted(wasted, key=lambda key: -wasted[key] / _pack_bytes(packs[key])):
            too_large = self._rule.max_size is not None and total > self._rule.max_size
            is_half_dead = wasted[key] >= DEAD_SHARE * _pack_bytes(packs[key])
            if wasted[key] >= _SMALLEST_GAIN and (is_half_dead or too_large):
                plan.rewritten.append(key)
                plan.copied |= {entry.digest: entry for entry in homed[key]}
                total -= wasted[key]
        return plan

    def _copy(self, plan: _Plan, packs: Mapping[str, Sequence[PackEntry]]) -> None:
        """Store what is needed of condemned packs in new ones: deltas as such, if their bases stay,
        or have been stored already. What cannot be read, or written, stays where it is."""
        going = plan.packs()
        stay = {digest for digest, key in plan.homes.items() if key not in going}
        for batch in _batches(_bases_first(plan.copied)):
            bases = {one.digest: one.base for one in batch if one.base is not None}
            bases = {digest: base for digest, base in bases.items() if base in stay}
            try:
                blobs = self._repository.read_many(entry.digest for entry in batch)
                self._freed -= self._repository.write_pack(blobs, _LEVEL, bases=bases)
            except (DamagedError, StorageError):
                failed = {entry.digest for entry in batch}
                plan.rewritten = [
                    key
                    for key in plan.rewritten
                    if failed.isdisjoint(entry.digest for entry in packs[key])
                ]
            else:
                stay.update(blobs)

    def _record(
        self,
        earlier: Mapping[str, Generation],
        commits: Mapping[int, Commit | None],
        removed: Sequence[int],
        plan: _Plan,
    ) -> Generation:
        """What this collection tells all others."""
        gone = {t for one in earlier.values() for t in one.removing if t not in commits}
        before = {t: at for one in earlier.values() for t, at in one.bridges.items()}
        parents = {t: commit.parent for t, commit in commits.items() if commit}
        return Generation(
            packs=frozenset(pack.key_name(key) for key in plan.packs() | _condemned(earlier)),
            removed=generations.joined(
                [
                    *(each for one in earlier.values() for each in one.removed),
                    *generations.ranges({*removed, *gone}),
                ]
            ),
            bridges=bridges(parents, commits.keys() - set(removed), before),
        )

    def _delete(self, plan: _Plan) -> list[str]:
        """Delete packs of the plan without which all that is needed is still there."""
        condemned = _condemned(generations.read(self._storage))
        needed = self._needed()
        self._repository.refresh()
        packs = self._repository.packs()
        going = plan.packs() & packs.keys()
        spared = self._spared(needed, packs, packs.keys() - condemned, going)
        deleted = []
        for key in sorted(going):
            if spared.isdisjoint(entry.digest for entry in packs[key]):
                self._storage.delete(key)
                self._freed += _pack_bytes(packs[key])
                deleted.append(key)
        self._repository.refresh()
        return deleted

    def _spared(
        self,
        needed: set[str],
        packs: Mapping[str, Sequence[PackEntry]],
        staying: Collection[str],
        going: Collection[str],
    ) -> set[str]:
        """Blobs of which no copy is to be deleted: those that are needed and not whole in the packs
        that stay, and all that copies of these are deltas against."""
        everywhere, homes = Copies(packs), Copies({key: packs[key] for key in staying})
        leaving = {entry.digest for key in going for entry in packs[key]}
        spared: set[str] = set()
        for digest in needed:
            behind = _behind(digest, everywhere)
            if not behind.isdisjoint(leaving) and not self._is_whole(digest, homes):
                spared |= behind
        return spared

    def _is_whole(self, digest: str, homes: Copies) -> bool:
        """Whether a blob really is where other copies of it would do."""
        with contextlib.suppress(StorageError, DamagedError):
            read_any(self._storage, homes, digest)
            return True
        return False

    def _tidy(self, earlier: Iterable[str], lease: str) -> None:
        """Delete records that a newer one replaces; not while another collection may be reading
        them, since a list that is read while it changes may show neither."""
        others = [
            one
            for id, one in leases.owners(self._storage).items()
            if one.work == leases.COLLECTING and id != lease and not one.gone
        ]
        if not others:
            for key in earlier:
                self._storage.delete(key)

    def _clean(self) -> None:
        """Remove what processes that are gone left behind."""
        for lease, owner in leases.owners(self._storage).items():
            if owner.gone:
                leases.remove(self._storage, lease)
        for name, t in self._repository.tags().items():
            # Whoever set it was ended in the middle, or else takes it back at this moment.
            if not self._repository.exists(t) and self._repository.was_removed(t):
                self._repository.delete_tag(name)
        if isinstance(self._storage, Housekeeping):
            self._freed += self._storage.sweep()

    # --- what saves are under way

    def _wait(self) -> bool:
        """Wait until the saves have ended that are under way now; whether they have."""
        waiting = set(self._repository.claims())
        deadline = time.monotonic() + self._patience
        pause = 0.002
        while True:
            saving = {t: who for t in sorted(waiting) if (who := self._who_saves(t))}
            if not saving:
                self._left = ()
                return True
            if time.monotonic() > deadline:
                self._left = tuple(dict.fromkeys(map(str, saving.values())))
                return False
            waiting = set(saving)
            time.sleep(pause)
            pause = min(0.1, pause * 1.5)

    def _who_saves(self, t: int) -> Owner | None:
        """Who has claimed a time and will, as far as one can know, commit it."""
        if t in self._pending():
            return None  # What it needs is known here.
        owner = leases.owner(self._storage, files.time_key(files.CLAIMS, t))
        if owner is None:
            return None
        is_over = self._repository.exists(t)
        if not is_over and not owner.gone:
            return owner
        # Not the newest: such a claim can be made anew at this very moment.
        if is_over or t < max(self._repository.times(), default=0):
            self._repository.release(t)
        return None

    def _pending(self) -> set[int]:
        return {t for history in self._histories for t in history.pending_times()}

    # --- what is needed

    def _needed(self, times: Collection[int] | None = None) -> set[str]:
        """All blobs that commits need: of these times, or of all there are now, those included
        that this process has not written yet."""
        needed: set[str] = set()
        for history in self._histories:
            needed |= history.pending_bases()  # which of them will be used is not known yet
            for t in history.pending_times():
                # Written since we looked, it is found below.
                with contextlib.suppress(TimeReferenceError):
                    needed.update(*self._needs.of(history.commit(t), history))
        done: set[int] = set()
        while True:
            present = self._repository.times() if times is None else times
            news = [t for t in present if t not in done]
            if not news:
                return needed
            # A commit that vanishes may have been what kept the place of a newer one, so the
            # list is read again.
            for t in news:
                with contextlib.suppress(TimeReferenceError):
                    needed.update(*self._needs_of(self._history.commit(t)))
                    done.add(t)
                if times is not None:
                    done.add(t)

    def _needs_of(self, commit: Commit) -> list[frozenset[str]]:
        try:
            with self._history.reading(commit.t):
                return list(self._needs.of(commit, self._history))
        except DamagedError as error:
            raise PodError(
                f"no pack removed: {error}. What time {commit.t} needs cannot be known; delete "
                f"commits/{commit.t} first if it is not wanted any more"
            ) from error

    def _commit_bytes(self, t: int) -> int:
        with contextlib.suppress(DamagedError, StorageError):
            key = files.time_key(files.COMMITS, t)
            return len(files.read_bounded(self._storage, key, files.MAX_COMMIT_BYTES))
        return 0

    def _report(
        self, removed: Sequence[int], kept: int, deleted: Iterable[str], plan: _Plan
    ) -> GcReport:
        deleted = sorted(deleted)
        return GcReport(
            times=tuple(removed),
            packs=tuple(deleted),
            rewritten=len(set(deleted) & set(plan.rewritten)),
            bytes=self._freed,
            dry_run=self._dry_run,
            kept=kept,
            left=self._left,
        )


class _Size:
    """How many bytes all commits take that it was called with."""

    def __init__(
        self,
        needs: Callable[[Commit], Iterable[frozenset[str]]],
        commit_bytes: Callable[[int], int],
        packs: Mapping[str, Sequence[PackEntry]],
    ) -> None:
        self._needs = needs
        self._commit_bytes = commit_bytes
        self._copies = Copies(packs)
        self._counted: set[str] = set()
        self._seen: set[frozenset[str]] = set()
        self._total = 0

    def __call__(self, commit: Commit) -> int:
        self._total += self._commit_bytes(commit.t)
        with contextlib.suppress(TimeReferenceError):  # another collection removed it
            for blobs in self._needs(commit):
                if blobs not in self._seen:
                    self._seen.add(blobs)
                    for digest in blobs - self._counted:
                        self._count(digest)
        return self._total

    def _count(self, digest: str) -> None:
        """A blob, and the bases that it needs."""
        for place in self._copies.chain(digest) or ():
            if place.entry.digest not in self._counted:
                self._counted.add(place.entry.digest)
                self._total += place.entry.nbytes


def _condemned(records: Mapping[str, Generation]) -> set[str]:
    return {pack.pack_key(name) for record in records.values() for name in record.packs}


def _pack_bytes(entries: Iterable[PackEntry]) -> int:
    return sum(entry.nbytes for entry in entries) + pack.FRAME_BYTES


def _chosen(needed: Iterable[str], copies: Copies) -> dict[str, Place | None]:
    """What is to stay: each blob that is needed, and the bases that it needs. With the copy that is
    a delta, where no whole one is there; None where any whole one will do."""
    chosen: dict[str, Place | None] = {}
    for digest in needed:
        for place in copies.chain(digest) or ():
            if place.entry.digest in chosen:
                break  # what comes after it is, too
            chosen[place.entry.digest] = None if place.entry.base is None else place
    return chosen


def _behind(digest: str, copies: Copies) -> set[str]:
    """A blob, and all that its copies, and those of their bases, may need."""
    found = {digest}
    todo = [digest]
    while todo:
        bases = {place.entry.base for place in copies.of(todo.pop())}
        news = {base for base in bases if base is not None} - found
        found |= news
        todo += news
    return found


def _bases_first(copied: Mapping[str, PackEntry]) -> list[PackEntry]:
    """Blobs in an order in which each comes after its base."""
    ordered: dict[str, PackEntry] = {}
    for digest in copied:
        chain = []
        while digest in copied and digest not in ordered and copied[digest] not in chain:
            chain.append(copied[digest])
            digest = copied[digest].base or ""
        ordered.update((entry.digest, entry) for entry in reversed(chain))
    return list(ordered.values())


def _share(entries: Sequence[PackEntry], needed: Container[str]) -> float:
    """How much of a pack nobody needs."""
    return 1 - _pack_bytes(one for one in entries if one.digest in needed) / _pack_bytes(entries)


def _batches(entries: Iterable[PackEntry]) -> Iterator[list[PackEntry]]:
    batch: list[PackEntry] = []
    nbytes = 0
    for entry in entries:
        if batch and nbytes + entry.raw_bytes > _BATCH_BYTES:
            yield batch
            batch, nbytes = [], 0
        batch.append(entry)
        nbytes += entry.raw_bytes
    if batch:
        yield batch


def _s(many: Collection[int]) -> str:
    return "" if len(many) == 1 else "s"
