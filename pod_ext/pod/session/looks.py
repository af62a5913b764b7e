"""Where a look at a namespace is made: here, in a forked child, or in a thread.

| way | who waits |
|---|---|
| `inline` | the user, until the look is over |
| `fork` | nobody: a forked child has its own copy of everything, and also writes what it finds |
| `thread` | code that is about to use what is being looked at |
| `auto` | here what is short; else a forked child; where that cannot be, a thread; else here |

Which of them it was makes no difference to what is saved.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pod.errors import PodError, StorageError
from pod.history import predecessors
from pod.history.manifest import Manifest
from pod.history.moments import History
from pod.history.snapshot import Collector
from pod.history.state import State, Values
from pod.interrupts import Gate
from pod.podding.policies import Policy
from pod.podding.progress import TooLongError
from pod.session import forked
from pod.session.draft import Draft, Forked, Found, Look, Made, Threaded, Word, word_of
from pod.session.effort import Effort, total_bytes
from pod.session.findings import Findings, find, regrouped, reshaped, shapes_of
from pod.session.survey import Active, Seen, Survey
from pod.session.suspects import Suspects
from pod.store.pack import new_name
from pod.store.writer import Writer
from pod.tracking import Touched

WAYS = ("auto", "inline", "fork", "thread")

SHORT_SECONDS = 0.006
"""A look that takes no longer is made here: a fork would take about as long."""

LONG_SECONDS = 0.008
"""A look that takes longer is never made here, however long a fork takes."""

SHORT_BYTES = 6_000_000
"""So many bytes are hashed and copied in that time."""

MOST_UNDER_WAY = 48
"""Looks under way at a time; the next one that is to be made elsewhere waits for one of them."""

AT_ONCE = 1 + (os.cpu_count() or 1)
"""So many children examine objects at a time; others wait, and use nothing meanwhile."""

FEW_UNDER_WAY = 4
SPARE_MEMORY = 0.25
"""More looks than a few are begun only while so much of the memory is available: each has what it
examined in memory until it is written."""


class NoRoomError(Exception):
    """So many looks are under way that no other one may be begun."""


@dataclass(frozen=True, slots=True)
class Task:
    """A look to be made."""

    t: int
    parent: int | None
    before: State
    values: Values
    touched: Touched
    here: bool
    """Whether it has to be made here."""
    landed: State
    """What was known before the first save that is under way."""
    drafts: Sequence[Draft]
    """Saves that are under way."""


class Looks:
    """Begins the looks of one session."""

    def __init__(
        self,
        survey: Survey,
        policy: Policy,
        history: History,
        writer: Writer,
        has_blob: Callable[[str], bool],
        way: str,
    ) -> None:
        self.effort = Effort()
        self.only_here: frozenset[str] = frozenset()
        """Variables that are to be looked at here once."""
        self.way = way
        self.can_hold = False
        """Whether nothing changes what a thread looks at, since the tracker keeps it from that."""
        self._survey = survey
        self._policy = policy
        self._history = history
        self._repository = history.repository
        self._writer = writer
        self._has_blob = has_blob
        self._fork_seconds = 0.0
        self._suspects = Suspects()

    def note_over(self, look: Look, names: frozenset[str]) -> None:
        """How a look at these variables ended."""
        if isinstance(look, Forked):
            self._suspects.note(names, look.hung)

    def begin(self, task: Task, blobs: Collector, gate: Gate) -> tuple[Look, Active]:
        """Look, or have it begun; with the gate closed if it is not over. What is found here goes
        into `blobs`."""
        active = self._survey.active(task.before, task.values, task.touched)
        way = self._way(task, active)
        if way == "inline":
            return self._here(task, active, None, blobs)
        seen = None
        if self.way == "auto" and _is_known(task, active):
            started = time.perf_counter()
            seen = self._try_here(task, active)
            if seen is not None and total_bytes(seen.components) <= SHORT_BYTES:
                return self._finish(seen, time.perf_counter() - started, blobs)
        under_way = sum(not draft.look.over for draft in task.drafts)
        if under_way >= MOST_UNDER_WAY or (under_way >= FEW_UNDER_WAY and not _has_memory()):
            raise NoRoomError
        active = active if seen is None else seen.active
        self._survey.name_definitions(active)
        self._survey.since.foresee([active.roots[name] for name in active.rebound], task.t)
        gate.open = False
        if way == "thread":
            return self._thread(task, active, seen), active
        try:
            return self._fork(task, active, seen), active
        except OSError:  # no memory, no process left, or a thread has just begun something
            if self._may_thread():
                return self._thread(task, active, seen), active
            gate.open = True
            return self._here(task, active, seen, blobs)

    def _way(self, task: Task, active: Active) -> str:
        """`inline`, `fork` or `thread`."""
        if task.here or any(name in active.roots for name in self.only_here):
            self.only_here -= active.roots.keys()
            return "inline"
        if self.way in ("inline", "thread"):
            return self.way
        if not self._writer.background:
            return "inline"
        if forked.can_fork() and not self._suspects.are_among(active.roots):
            return "fork"  # unless other threads are at work just then
        return "thread" if self._may_thread() else "inline"

    def _may_thread(self) -> bool:
        return self.can_hold and self.way == "auto"

    def earlier(self, before: State, parent: int | None, names: Collection[str]) -> State:
        """What new blobs may have been made from: what was known, or if nothing was, as of a plain
        dict, what the time before it says."""
        if not before.groups and parent is not None:
            with contextlib.suppress(PodError):
                return predecessors.known_at(self._history, parent, names)
        return before

    # --- here

    def _try_here(self, task: Task, active: Active) -> Seen | None:
        """A look that is short; None for one that is not, or turned out not to be."""
        limit = min(max(SHORT_SECONDS, self._fork_seconds), LONG_SECONDS)
        if self.effort.exceeds(active.roots, active.rebound, limit):
            return None
        try:
            deadline = time.perf_counter() + limit
            return self._survey.look(
                task.before, task.values, task.touched, task.t, deadline, active
            )
        except TooLongError:
            self.effort.note_too_long(active.roots, active.rebound)
            return None

    def _here(
        self, task: Task, active: Active, seen: Seen | None, blobs: Collector
    ) -> tuple[Look, Active]:
        started = time.perf_counter()
        if seen is None:
            before = task.before
            if not _is_known(task, active):
                before = self._state_by_words(task, _told)
            seen = self._survey.look(before, task.values, task.touched, task.t)
        return self._finish(seen, time.perf_counter() - started, blobs)

    def _finish(self, seen: Seen, seconds: float, blobs: Collector) -> tuple[Look, Active]:
        started = time.perf_counter()
        findings = find(seen, self._survey.tokens, self._policy, blobs.put)
        seconds += time.perf_counter() - started
        return Made(Found(findings, {}, None, {}, seconds)), seen.active

    # --- elsewhere

    def _fork(self, task: Task, active: Active, seen: Seen | None) -> Look:
        pack = new_name()
        started = time.perf_counter()
        child = forked.start(lambda say: self._in_child(task, active, seen, pack, say))
        self._fork_seconds = time.perf_counter() - started
        return Forked(child)

    def _in_child(
        self, task: Task, active: Active, seen: Seen | None, pack: str, say: forked.Say
    ) -> Found:
        tokens = self._survey.tokens
        tokens.mint_apart(task.t, partial(self._hear_tokens, task))
        # Those that were begun first are to be over first.
        for draft in task.drafts[: 1 - AT_ONCE]:
            draft.look.word_by_sibling()
        seconds = 0.0
        if seen is None:
            before = task.before
            if not _is_known(task, active):
                before = self._state_by_words(task, lambda look: look.word_by_sibling())
            started = time.thread_time()
            seen = self._survey.look(before, task.values, task.touched, task.t)
            seconds = time.thread_time() - started
        minted = tuple((token, id(definition)) for token, definition in tokens.minted.items())
        noted = tuple(self._survey.since.noted)
        say(Word(shapes_of(seen), noted, minted))
        earlier = [(draft, draft.look.found_by_sibling()) for draft in task.drafts]
        stored = self._learn(earlier)
        blobs = Collector(lambda digest: digest in stored or self._has_blob(digest), {})
        started = time.thread_time()
        findings = find(seen, tokens, self._policy, blobs.put)
        seconds += time.thread_time() - started
        bases = self._bases(task, earlier, findings, blobs)
        unwritten = partial(_unwritten, earlier, self._writer)
        found = Found(
            replace(findings, manifests={}), blobs.blobs, None, bases, seconds, minted, noted
        )
        with contextlib.suppress(StorageError):  # then the parent tries, for as long as it takes
            written = self._repository.write_for_parent(
                blobs.blobs, self._writer.level, pack, bases, unwritten
            )
            found = replace(found, blobs={}, written=written, bases={})
        return found

    def _hear_tokens(self, task: Task) -> None:
        for draft in task.drafts:
            self._survey.tokens.hear(draft.look.word_by_sibling().minted)

    def _learn(self, earlier: Iterable[tuple[Draft, Found]]) -> set[str]:
        """The blobs that earlier looks stored: some perhaps against what is not stored yet, so that
        the repository does not count them."""
        stored: set[str] = set()
        for _, found in earlier:
            if found.written is not None:
                self._repository.learn(found.written)
                stored.update(entry.digest for entry in found.written.entries)
        return stored

    def _bases(
        self,
        task: Task,
        earlier: Sequence[tuple[Draft, Found]],
        findings: Findings,
        blobs: Collector,
    ) -> dict[str, str]:
        """What the new blobs may be stored as deltas against."""
        before = _state_after(earlier, task.landed)
        bases = predecessors.bases(
            self.earlier(before, task.parent, findings.looked_at),
            findings.groups,
            findings.manifests,
            partial(_manifest, earlier, self._history),
            blobs.blobs,
        )
        # Looks that are under way read each other's manifests, and do not wait for the parent.
        manifests, has = findings.manifests, self._repository.has
        return {blob: base for blob, base in bases.items() if blob not in manifests or has(base)}

    def _state_by_words(self, task: Task, told: Callable[[Look], Word]) -> State:
        """What hangs together by now, as earlier looks have told it, or tell it soon."""
        state = task.landed
        for draft in task.drafts:
            word = told(draft.look)
            self._survey.since.hear(word.noted)
            state = reshaped(state, draft.changes, word.shapes)
        return state

    def _thread(self, task: Task, active: Active, seen: Seen | None) -> Look:
        def look() -> Found:
            blobs = Collector(self._has_blob, {})
            made, _ = self._here(task, active, seen, blobs)
            return replace(made.found(), blobs=blobs.blobs)

        return Threaded(look)


def _has_memory() -> bool:
    """Whether enough memory is available, as far as the system tells."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines}
        return kilobytes["MemAvailable"] >= SPARE_MEMORY * kilobytes["MemTotal"]
    except (OSError, ValueError, IndexError, KeyError):
        return True


def _told(look: Look) -> Word:
    """What a look tells, waited for."""
    look.await_word()
    return look.word() or word_of(look.found())


def _state_after(earlier: Iterable[tuple[Draft, Found]], state: State) -> State:
    for draft, found in earlier:
        state = regrouped(state, draft.changes, found.findings)
    return state


def _manifest(earlier: Sequence[tuple[Draft, Found]], history: History, digest: str) -> Manifest:
    """One that an earlier look found here, or that is stored or about to be."""
    made = (found.findings.manifests.get(digest) for _, found in earlier)
    return next((each for each in made if each is not None), None) or history.manifest(digest)


def _unwritten(
    earlier: Sequence[tuple[Draft, Found]], writer: Writer, digest: str
) -> tuple[bytes, str] | None:
    """A blob that is in memory only. Those found here have no bases before they have landed: they
    count as whole, so a chain may get that little longer."""
    for draft, found in earlier:
        for blobs in (draft.blobs, found.blobs):
            if digest in blobs:
                return blobs[digest], found.bases.get(digest, "")
    return writer.pending_base(digest)


def _is_known(task: Task, active: Active) -> bool:
    """Whether it is known what hangs together with what among these; of what is still being looked
    at it is not."""
    groups = task.before.groups
    # Mostly one of these tells, and spares asking about all, which may be very many.
    return not any(
        group is not None and group.presumed
        for names in (active.seeds & active.roots.keys(), active.roots)
        for group in set(map(groups.get, names))
    )
