"""One namespace over one store: the way of a save, and of a checkout, from end to end.

    touched names -> active variables -> examination -> manifests -> blobs -> commit

A session remembers, between two saves, which object each name had and which component each name is
in. Nothing it does raises into running code by itself: callers decide what to show of an error.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import platform
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from pod.errors import PodError, StorageError
from pod.history import figures, generators
from pod.history.manifest import Manifest, canonical, store_component
from pod.history.moments import History
from pod.history.records import Commit
from pod.history.restore import (
    Restored,
    SameDefinitions,
    choose,
    restore,
    with_definitions,
)
from pod.history.snapshot import (
    Collector,
)
from pod.history.state import (
    State,
    differences,
)
from pod.history.versions import differing
from pod.interrupts import Gate, uninterrupted
from pod.podding.atoms import is_import
from pod.podding.definitions import Tokens
from pod.podding.policies import Policy
from pod.session.arrival import complete, is_in_place, separated, state_at, using_displaced
from pod.session.outcomes import Cell, CheckedOut, Missed, Saved
from pod.session.survey import Survey, Versioned, is_unavailable, with_figures
from pod.store.codec import digest as digest_of
from pod.store.writer import WriteJob, Writer
from pod.tracking import Touched, Tracker
from pod.tracking.aliases import Aliases

NO_CELL = Cell()
"""For a save that no cell is the cause of."""

MAX_CODE = 16 << 20
"""Characters of a cell's code that are saved."""

Rebuild = Callable[[Mapping[str, Any], Callable[[str], Any]], dict[str, Any]]
"""From the variables of a moment, and what gives its definitions by token, to new objects."""


class Session:
    """Saves and restores one namespace.

    Args:
        namespace: the live namespace; read and written past its own recording.
        history, writer: the store.
        tracker: says what was touched.
        versioned: which names count as variables.
        notebook: path of the notebook, for the log.
        prefix: how its id begins.
    """

    def __init__(
        self,
        namespace: dict[str, Any],
        history: History,
        writer: Writer,
        tracker: Tracker,
        policy: Policy,
        *,
        versioned: Versioned = lambda name, _: name != "__builtins__",
        notebook: str = "",
        prefix: str = "",
    ) -> None:
        self.namespace = namespace
        self.head: int | None = None
        self.id = (prefix + uuid.uuid4().hex)[:12]
        self.history = history
        self._writer = writer
        self._tracker = tracker
        self._policy = policy
        self.notebook = notebook
        self.track_random = False
        """Whether the states of the global random generators are part of each moment."""
        self._survey = Survey(namespace, Tokens(), policy, versioned)
        self._state = State()
        self._touched = Touched()
        """What the tracker has handed over and no save has dealt with."""
        self.checkouts = 0
        """How many were completed."""
        self._losses = history.repository.losses
        """Of the repository, when the state was last known to be stored."""
        self._relied_since: object = None
        """The generation of garbage collection that left all that the state relies on."""
        self._lock = threading.RLock()
        self._pid = os.getpid()

    def resume(self, earlier: Session) -> None:
        """Go on from where another session of the same namespace left off."""
        self._tracker.touch(Touched(everything=True))
        self._survey.tokens = earlier._survey.tokens
        # Files may have been deleted while nobody looked.
        if all(map(self._has_blob, earlier._state.blobs())):
            self.head, self._state = earlier.head, earlier._state

    @property
    def aliases(self) -> Aliases:
        """What is known of ways to variables that do not go by their names."""
        return self._survey.aliases

    def touch(self, touched: Touched) -> None:
        """Count these as touched, for whoever knows of what the tracker does not see."""
        self._tracker.touch(touched)

    def take_touched(self) -> Touched:
        """What was touched since the last save; whoever takes it has to give it back."""
        return self._tracker.take()

    def set_aside(self) -> Touched:
        """Keep what was touched so far apart from what the next cell touches; both count."""
        with self._lock, uninterrupted():
            aside = self._tracker.take()
            self._touched |= aside
            return aside

    def looked(self, names: frozenset[str], draws: bool) -> None:
        """A cell only looked at these, since `set_aside`: that it touched them does not count.
        What else was touched does, such as by code that ran along with it."""
        with self._lock, uninterrupted():
            if self.aliases.runs_user_code() or (draws and with_figures(self._state)):
                return
            touched = self._tracker.take()
            self._tracker.touch(Touched(touched.names - names, touched.everything))

    def variables(self) -> dict[str, Any]:
        """The variables that are in the namespace now."""
        return self._survey.values()

    # --- saving

    def save(self, cell: Cell = NO_CELL, *, only_if_changed: bool = False) -> Saved | None:
        """Save what changed since the last save as a new time id; None if nothing had to be.

        Returns as soon as the bytes to be written are settled; they become durable in the
        background. When it raises, or is interrupted, nothing has happened, and what was touched
        counts towards the next save.
        """
        if os.getpid() != self._pid:
            raise PodError("this is a forked copy of the process whose namespace Pod saves")
        with self._lock, uninterrupted() as gate:
            started = time.perf_counter()
            self._touched |= self._tracker.take()
            gate.let_in()
            t, claimed, lost = self._begin()
            try:
                saved = self._save(t, claimed, cell, started, only_if_changed, gate)
            finally:
                gate.open = False
                if self.head != t:
                    self._release(t, claimed)
            if saved is None:
                return None
            if not self._writer.background:
                gate.let_in()  # it writes here; what it does not come to is queued
            self._writer.start()
            return replace(saved, lost=lost)

    def _begin(self) -> tuple[int, bool, str]:
        """The next time id, whether it is claimed, and what was found to be gone. Where nothing
        can be read or written, saves go on in memory, and the writer claims when it can."""
        repository = self.history.repository
        lost = ""
        try:
            repository.renew()
            lost = self._look_for_losses()
            return repository.claim(max(self.history.pending_times(), default=0) + 1), True, lost
        except StorageError:
            newest = max([self.head or 0, *self.history.pending_times()])
            return repository.next_time(newest + 1), False, lost

    def _look_for_losses(self) -> str:
        """Start over if what the next commit would rely on is gone, because somebody deleted the
        pod directory or files in it; says what is gone."""
        repository, head = self.history.repository, self.head
        has_head = (
            head is None
            or head in self.history.pending_times()
            or (repository.exists(head) and not self._writer.was_dropped(head))
        )
        losses = repository.losses
        if has_head and losses == self._losses:
            return ""
        self.history.forget()
        lost = repository.lost
        whole = not any(
            digest in lost and self._writer.pending_blob(digest) is None
            for digest in self._state.blobs()
        )
        # Then what comes next still says what it came from.
        was_removed = head is not None and not has_head and repository.was_removed(head)
        if not whole:
            self._state = State()
        if not has_head and not was_removed:
            self.head = None
        self._losses = losses  # last: an interrupt before that must not hide them
        if (has_head or was_removed) and whole:
            return ""
        if was_removed:
            return f"time {head} was removed by garbage collection"
        times = self.history.times()
        if not times:
            return f"{repository.storage} was gone, and the times in it with it"
        if not has_head:
            return f"time {head} is gone from {repository.storage}"
        return f"a part of what was saved is gone from {repository.storage}"

    def _release(self, t: int, claimed: bool) -> None:
        if not claimed:
            return
        with contextlib.suppress(PodError):  # a left-over claim only skips a number
            self.history.repository.release(t)

    def _save(
        self,
        t: int,
        claimed: bool,
        cell: Cell,
        started: float,
        only_if_changed: bool,
        gate: Gate,
    ) -> Saved | None:
        """With an open gate, which it closes as soon as something is settled."""
        generation = self.history.repository.generation if claimed else None
        rescued = self._rescue(generation) if claimed else {}
        before = self._state
        # Before any code of the objects that are examined can draw from them.
        found = generators.states() if self.track_random else {}
        values = self._survey.values()
        known = self._touched
        # What was reached is told once. So until it is known, it is everything.
        self._touched = Touched(known.names, everything=True)
        self._touched = known | self._survey.reached(before, values, known)
        seen = self._survey.look(before, values, self._touched, t)
        blobs = Collector(self._has_blob, rescued)
        manifests: dict[str, Manifest] = {}
        for component in seen.components:
            manifest = store_component(component, blobs.put)
            manifests[blobs.put(manifest.to_bytes())] = manifest
            for pod, stored in zip(component.pods, manifest.pods, strict=True):
                self._policy.observe(pod.place, hash((stored.payload, stored.buffers)))
        random = generators.put(found, blobs.put)
        after = self._survey.advance(before, values, seen.active, manifests, blobs.put)
        after = replace(after, random=random)
        added, changed, removed = differences(before.variables, after.variables)
        if only_if_changed and after.same_as(before):
            gate.open = False
            self._state, self._touched = after, Touched()
            return None
        commit = Commit(
            t=t,
            parent=self.head,
            created=datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
            seconds=round(cell.seconds, 6),
            code=_cut(cell.code),
            ok=cell.ok,
            error=cell.error,
            added=added,
            changed=changed,
            removed=removed,
            bytes=0,
            save_seconds=round(time.perf_counter() - started, 6),
            table=after.variables.digests,
            definitions=after.definitions.digests,
            message=cell.message,
            session=self.id,
            notebook=self.notebook,
            python=platform.python_version(),
            random=random,
        )
        job = WriteJob(
            t, blobs.blobs, _commit_body(commit), claimed, self._losses, self._needs(commit)
        )
        self._writer.make_room(job)
        gate.open = False  # nothing may come between: the state goes with the commit
        self._writer.enqueue(job)
        self._state, self.head, self._touched = after, t, Touched()
        self._relied_since = generation
        for digest, manifest in manifests.items():
            self.history.remember(digest, manifest)
        news = {*added, *changed}
        return Saved(
            t, added, changed, removed,
            {name: why for name, why in seen.failures.items() if name in news},
            {n: after.variables[n].opaque for n in sorted(news) if after.variables[n].opaque},
            time.perf_counter() - started,
        )  # fmt: skip

    def _needs(self, commit: Commit) -> Callable[[], Iterable[str]]:
        """Every blob behind a commit, once its own are written."""
        durable = History(self.history.repository)
        drawn = [blob for _, blob in commit.random]
        return lambda: (*drawn, *durable.needs((*commit.table, *commit.definitions), ()))

    def save_missed(self) -> Missed:
        """Look at every variable now, touched or not, and save what had changed unseen."""
        with self._lock:
            first = self.save(Cell(message="before %pod_verify --live"), only_if_changed=True)
            values, before = self._survey.values(), self._state
            seen = self._survey.look(before, values, Touched(everything=True), self.head or 0)
            made = (store_component(component, digest_of) for component in seen.components)
            manifests = {digest_of(manifest.to_bytes()): manifest for manifest in made}
            after = self._survey.advance(before, values, seen.active, manifests, digest_of)
            unseen = {
                name: self._last_seen_changing(name)
                for names in differences(before.variables, after.variables)
                for name in names
                if not self._differs_in_serials(name, before, after, manifests)
            }
            saved = None
            if unseen:
                self._tracker.touch(Touched(frozenset(unseen)))
                cell = Cell(message="changed unseen, found by %pod_verify --live")
                saved = self.save(cell, only_if_changed=True)
            opaque = {each.name for each in after.variables.values() if each.opaque}
            return Missed(
                len(values),
                first.t if first else None,
                saved.t if saved else None,
                dict(sorted(unseen.items())),
                tuple(sorted(opaque - unseen.keys())),
            )

    def _differs_in_serials(
        self, name: str, before: State, after: State, manifests: Mapping[str, Manifest]
    ) -> bool:
        """Whether it is only that opaque objects in it were examined at different moments."""
        old, new = before.variables.get(name), after.variables.get(name)
        if old is None or new is None or not old.opaque or old.opaque != new.opaque:
            return False
        contents = []
        for entry in (old, new):
            manifest = manifests.get(entry.manifest) or self.history.manifest(entry.manifest)
            root = manifest.names[name]
            roots = manifest.definitions.get(root.args[0], ()) if root.kind == "definition" else ()
            contents.append(manifest.without_serials().fingerprint(roots or (root,), str))
        return contents[0] == contents[1]

    def _last_seen_changing(self, name: str) -> int | None:
        """The last time id, on the way to HEAD, at which a change of this variable was saved."""
        with contextlib.suppress(PodError):
            head = None if self.head is None else self.history.commit(self.head)
            for commit in self.history.past(head) if head else ():
                if name in commit.changed or name in commit.added:
                    return commit.t
        return None

    def _rescue(self, generation: object) -> dict[str, bytes]:
        """Blobs that the state relies on and garbage collection is about to delete, to be stored
        once more. Where some are gone already, everything is saved anew."""
        if generation is self._relied_since:
            return {}
        lost = {digest for digest in self._state.blobs() if not self._has_blob(digest)}
        found = self.history.readable_blobs(lost)
        if lost != found.keys():
            # What could not be restored is not lost by this: it was damaged then.
            unavailable = {
                name
                for name, value in self._survey.values().items()
                if is_unavailable(self._state, name, value)
            }
            if not self._state.blobs(without=unavailable).isdisjoint(lost - found.keys()):
                self._state = State()
        return found

    def _has_blob(self, digest: str) -> bool:
        return self._writer.pending_blob(digest) is not None or self.history.repository.has(digest)

    # --- checkout

    def checkout(
        self, t: int, names: Iterable[str] | None = None, rebuild: Rebuild | None = None
    ) -> CheckedOut:
        """Take the namespace, or some variables of it, back to how they were at time `t`.

        What changed since the last save is saved first. Variables that are the same then and now
        stay as they are, the same objects. When it raises, or is interrupted, the namespace is as
        it was.

        `rebuild` gives objects for some of the variables in place of those saved.
        """
        with self._lock, uninterrupted() as gate, self.history.reading(t):
            gate.let_in()
            commit = self.history.commit(t)
            self.history.require_trust(commit)
            then = self.history.variables(commit)
            chosen = choose(then, names, t)
            saved = self.save(Cell(message=f"before %pod_checkout {t}"), only_if_changed=True)
            report = CheckedOut(t, saved.t if saved else None, names is not None)
            same = SameDefinitions(
                self.history, self._state.definitions, self.history.definitions(commit)
            )
            kept = {v.name for v in chosen if is_in_place(self.namespace, self._state, v, same)}
            wanted = [variable for variable in chosen if variable.name not in kept]
            restored = restore(
                self.history,
                commit,
                wanted,
                self.namespace,
                lambda token: self._survey.tokens.live(token) if same(token) else None,
            )
            complete(restored, wanted, t)
            rebuilt: dict[str, Any] = {}
            if rebuild is not None:
                live = {
                    each.name: dict.get(self.namespace, each.name)
                    for each in then.values()
                    if is_in_place(self.namespace, self._state, each, same)
                }
                definitions = restored.definitions
                rebuilt = rebuild(
                    live | restored.values,
                    lambda token: (
                        definitions.get(token)
                        or (self._survey.tokens.live(token) if same(token) else None)
                    ),
                )
                kept -= rebuilt.keys()
                restored.values |= rebuilt
                for name in rebuilt:
                    restored.failures.pop(name, None)
            report.rebuilt = sorted(rebuilt)
            report.kept = sorted(kept)
            report.failures = restored.failures
            got = restored.values.keys() - restored.failures.keys()
            report.restored = sorted(got - rebuilt.keys())
            loaded = [variable for variable in wanted if variable.name not in restored.failures]
            report.versions = differing(with_definitions(self.history, commit, loaded))
            report.opaque = {v.name: v.opaque for v in wanted if v.opaque and v.name not in rebuilt}
            if names is None:
                report.removed = sorted(self._state.variables.keys() - then.keys())
                after = state_at(self.history, commit, then, restored, kept, self._state)
                if self.track_random:
                    report.generators = generators.prepare(self.history, commit)
            else:
                report.separated = separated(self.history, wanted, {v.name for v in chosen})
                after = None
            displaced = using_displaced(self._survey.tokens, self._state, restored)
            gate.open = False
            self._swap(restored, report.removed, after, t, report.generators, displaced)
            figures.open_again(restored.figures)
            self._tracker.touch(Touched(frozenset(rebuilt)))
            report.imports = {
                name
                for name in (*report.restored, *report.kept)
                if is_import(dict.get(self.namespace, name))
            }
            return report

    def adopt(self, commit: Commit, restored: Restored) -> None:
        """Take over a namespace that was just loaded from a commit as its own HEAD."""
        then = self.history.variables(commit)
        complete(restored, list(then.values()), commit.t)
        after = state_at(self.history, commit, then, restored, set(), self._state)
        self._swap(restored, [], after, commit.t, generators.Settings(), set())

    def _swap(
        self,
        restored: Restored,
        removed: Iterable[str],
        after: State | None,
        t: int,
        settings: generators.Settings,
        displaced: set[str],
    ) -> None:
        """Make the namespace what was restored: takes no time, and must not be interrupted."""
        for name in removed:
            dict.pop(self.namespace, name, None)
        dict.update(self.namespace, restored.values)
        if after is not None:
            self._survey.tokens.reserve(after.definitions)
        for token, definition in restored.definitions.items():
            self._survey.tokens.adopt(token, definition)
        if after is not None:
            settings.apply()
            random = generators.digests() if self.track_random else ()
            self._state, self.head = replace(after, random=random), t
            self._relied_since = None
            self._tracker.take()
            self._touched = Touched()
        else:
            # What still has a class that lost its token is examined again, and names it anew.
            self._tracker.touch(Touched(frozenset(displaced)))
        self.checkouts += 1


def _cut(code: str) -> str:
    """A cell's code, or the beginning of it and a line that says so: a commit that nobody would
    read for its size is worse."""
    if len(code) <= MAX_CODE:
        return code
    return f"{code[:MAX_CODE]}\n# ... and more: the cell has {len(code)} characters"


def _commit_body(commit: Commit) -> Callable[[int], bytes]:
    raw = commit.to_json()
    return lambda nbytes: canonical(raw | {"bytes": nbytes})
