"""One namespace over one store: the way of a save, and of a checkout, from end to end.

    touched names -> active variables -> examination -> manifests -> blobs -> commit

A session remembers, between two saves, which object each name had and which component each name is
in. Nothing it does raises into running code by itself: callers decide what to show of an error.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pod.errors import PodError, StorageError, one_line
from pod.history import figures, generators
from pod.history.manifest import Manifest
from pod.history.moments import History
from pod.history.records import Commit
from pod.history.restore import (
    Restored,
    SameDefinitions,
    choose,
    restore,
    with_definitions,
)
from pod.history.snapshot import Collector, Recent
from pod.history.state import State, differences, needed_definitions
from pod.history.versions import differing
from pod.interrupts import Gate, uninterrupted
from pod.podding.atoms import is_import
from pod.podding.definitions import Tokens
from pod.podding.memory import may_be_resized
from pod.podding.policies import Policy
from pod.session import looks
from pod.session.arrival import complete, is_in_place, separated, state_at, using_displaced
from pod.session.draft import Draft, LookLostError
from pod.session.findings import Changes, advance, find
from pod.session.landing import Landing, Landings
from pod.session.looks import Looks, Task
from pod.session.names import Versioned, every_name
from pod.session.outcomes import Cell, CheckedOut, Missed, Saved
from pod.session.survey import Survey, is_unavailable
from pod.session.underway import UnderWay
from pod.store.codec import digest as digest_of
from pod.store.writer import WriteJob, Writer
from pod.tracking import Touched, Tracker
from pod.tracking.aliases import Aliases

NO_CELL = Cell()
"""For a save that no cell is the cause of."""

owing: set[Session] = set()
"""Those whose looks came to nothing and are to be made again. Whoever used one may have dropped it,
and its namespace, by then."""

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
        snapshot: where looks are made that take long, see `looks`.
        known_bytes: memory for what is known to be stored; what is forgotten is stored again.
        keeper: who calls `redo` in the end, and lives as long as the session.
    """

    def __init__(
        self,
        namespace: dict[str, Any],
        history: History,
        writer: Writer,
        tracker: Tracker,
        policy: Policy,
        *,
        versioned: Versioned = every_name,
        notebook: str = "",
        prefix: str = "",
        snapshot: str = "inline",
        known_bytes: int | None = None,
        keeper: object = None,
    ) -> None:
        self.namespace = namespace
        self.under_way = under_way = UnderWay()
        self.head: int | None = None
        self.id = (prefix + uuid.uuid4().hex)[:12]
        self.history = history
        self._writer = writer
        self._tracker = tracker
        self._policy = policy
        self.notebook = notebook
        self.track_random = False
        """Whether the states of the global random generators are part of each moment."""
        self.active_filter = True
        """Whether only what can have changed is looked at; else everything is, at each save."""
        self.may_redo: Callable[[], bool] = lambda: True
        """Whether the namespace is as its owner left it, so that `redo` may look at it now."""
        self.on_lost: Callable[[], None] | None = None
        """Called, in any thread, when looks came to nothing (see `redo`)."""
        self._survey = Survey(namespace, Tokens(), policy, versioned)

        def has_blob(digest: str) -> bool:
            # No method, which would keep the session, and all that is in its namespace, alive.
            return (
                writer.pending_blob(digest) is not None
                or history.repository.has(digest)
                or under_way.has_blob(digest)
            )

        self._has_blob = has_blob
        recent = None if known_bytes is None else Recent(has_blob, known_bytes)
        self._is_known = recent or has_blob
        self._looks = Looks(self._survey, policy, history, writer, self._is_known, snapshot)
        self._landings = Landings(history, self._looks, policy, self._is_known, recent)
        self._state = State()
        """What is known, without what is under way."""
        self._lost: tuple[Draft, ...] = ()
        """Saves that came to nothing and are to be made again."""
        self._lost_why = ""
        self._keeper = keeper
        self._landed: list[Saved] = []
        self._minted: frozenset[int] = frozenset()
        self._minted_by: Draft | None = None
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
        earlier.settle()
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

    def looked(self, names: frozenset[str], bound: frozenset[str], draws: bool) -> None:
        """A cell only looked at these, or gave them new objects (`bound`), since `set_aside`, and
        no code of the user's ran along with it: that it touched them does not count, as whether
        they have other objects is known. Of some it is not. What else was touched counts."""
        with self._lock, uninterrupted():
            if draws and self._survey.with_figures(self._state):
                return
            touched = self._tracker.take()
            space = self.namespace
            unsure = {name for name in bound if may_be_resized(dict.get(space, name))}
            self._tracker.touch(Touched(touched.names - (names - unsure), touched.everything))

    def variables(self) -> dict[str, Any]:
        """The variables that are in the namespace now."""
        return self._survey.values()

    # --- saving

    def save(self, cell: Cell = NO_CELL, *, only_if_changed: bool = False) -> Saved | None:
        """Save what changed since the last save as a new time id; None if nothing had to be.

        Returns as soon as nothing that happens from now on can get into it. What is found may be
        told later (`take_landed`), and all of it becomes durable in the background. When it raises,
        or is interrupted, nothing has happened, and what was touched counts towards the next save.
        """
        return self._saved(cell, only_if_changed)

    def redo(self) -> Saved | None:
        """Save what the looks that were lost were to save, under the last of their time ids; None
        if none was."""
        return self._saved(NO_CELL, redo=True)

    def _saved(
        self, cell: Cell, only_if_changed: bool = False, *, redo: bool = False
    ) -> Saved | None:
        if os.getpid() != self._pid:
            raise PodError("this is a forked copy of the process whose namespace Pod saves")
        with self._lock, uninterrupted() as gate:
            if redo and not self._lost:
                return None
            again = self._lost[-1] if redo else None
            saved = self._saved_now(cell, only_if_changed, again, gate)
            if saved is None:
                return None
            background = self._writer.background
            if background:
                self._writer.start()
        if not background:
            # Without the lock: whoever is writing may wait for it, and what an interrupt keeps this
            # from coming to is queued.
            self._writer.start()
        return saved

    def _saved_now(
        self, cell: Cell, only_if_changed: bool, again: Draft | None, gate: Gate
    ) -> Saved | None:
        started = time.perf_counter()
        self._touched |= self._tracker.take()
        gate.let_in()
        if only_if_changed:
            self.settle()
        t, claimed, lost = self._begin(again)
        dealt_with = self._lost
        cell = together([draft.cell for draft in dealt_with], cell)
        only_if_changed = only_if_changed and not dealt_with
        try:
            here = only_if_changed or again is not None
            saved = self._save(t, claimed, cell, started, only_if_changed, here, gate)
        finally:
            gate.open = False
            if self.head != t:
                self._release(t, claimed and again is None)
        if saved is None:
            return None
        self._forget_lost(dealt_with, t)
        return replace(saved, lost=lost)

    def _begin(self, again: Draft | None) -> tuple[int, bool, str]:
        """The next time id, whether it is claimed, and what was found to be gone. Where nothing
        can be read or written, saves go on in memory, and the writer claims when it can."""
        repository = self.history.repository
        lost = ""
        try:
            repository.renew()
            lost = self._look_for_losses()
            if again is not None:
                return again.t, again.claimed, lost
            return repository.claim(max(self.history.pending_times(), default=0) + 1), True, lost
        except StorageError:
            if again is not None:
                return again.t, again.claimed, lost
            newest = max([self.head or 0, *self.history.pending_times()])
            return repository.next_time(newest + 1), False, lost

    def _look_for_losses(self) -> str:
        """Start over if what the next commit would rely on is gone, because somebody deleted the
        pod directory or files in it; says what is gone."""
        repository = self.history.repository
        losses = repository.losses
        if self._has_head() and losses == self._losses:
            return ""
        self.settle()
        head, has_head = self.head, self._has_head()
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

    def _has_head(self) -> bool:
        head, repository = self.head, self.history.repository
        return (
            head is None
            or head in self.history.pending_times()
            or (repository.exists(head) and not self._writer.was_dropped(head))
        )

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
        here: bool,
        gate: Gate,
    ) -> Saved | None:
        """With an open gate, which it closes as soon as something is settled. `here`: look in this
        thread, however long it takes."""
        generation = self.history.repository.generation if claimed else None
        rescued = self._rescue(generation) if claimed else {}
        # Before any code of the objects that are examined can draw from them.
        found = generators.states() if self.track_random else {}
        values = self._survey.values()
        before = self.under_way.after(self._state)
        known = self._touched
        # What was reached is told once. So until it is known, it is everything.
        self._touched = Touched(known.names, everything=True)
        self._touched = known | self._survey.reached(before, values, known)
        if not self.active_filter:
            self._touched |= Touched(everything=True)
        blobs = Collector(self._is_known, rescued)
        while True:
            try:
                look, active = self._looks.begin(
                    Task(
                        t,
                        self.head,
                        before,
                        values,
                        self._touched,
                        here,
                        self._state,
                        self.under_way.drafts,
                    ),
                    blobs,
                    gate,
                )
                break
            except looks.NoRoomError:
                self._make_room()
                before = self.under_way.after(self._state)
        random = generators.put(found, blobs.put)
        draft = Draft(
            t=t,
            claimed=claimed,
            parent=self.head,
            cell=cell,
            created=datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
            save_seconds=round(time.perf_counter() - started, 6),
            touched=self._touched,
            names=active.names,
            changes=Changes.of(before, active, values),
            random=random,
            blobs=blobs.blobs,
            losses=self._losses,
            generation=generation,
            look=look,
            settle=self._settled,
        )
        if self.under_way.drafts or not look.over:
            gate.open = False
            self._writer.enqueue(draft)
            self.under_way.add(draft)
            self._hold()
            self.head, self._touched = t, Touched()
            return Saved(t, (), (), (), {}, {}, time.perf_counter() - started, under_way=True)
        landing = self._completed(draft)
        if only_if_changed and landing.after.same_as(self._state):
            gate.open = False
            self._state = landing.after
            self._touched = Touched()
            return None
        self._writer.make_room(landing.job)
        gate.open = False  # nothing may come between: the state goes with the commit
        self._writer.enqueue(landing.job)
        self._take_over(draft, landing)
        self.head, self._touched = t, Touched()
        return replace(landing.saved, seconds=time.perf_counter() - started)

    # --- at the end of the process

    @property
    def still(self) -> threading.RLock:
        """To be held while nothing may be altered here."""
        return self._lock

    def take_over(self) -> None:
        """In a forked child that goes on in its parent's place: no code of the user's runs here."""
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self.may_redo, self.on_lost = lambda: True, None
        self._survey.tokens.take_over()
        for draft in self.under_way.drafts:
            draft.look.take_over()

    # --- drafts

    def holds(self) -> None:
        """Say that the tracker keeps all code from using what it is told to hold. Then a thread may
        look at the namespace."""
        self._looks.can_hold = True

    def settle(self) -> None:
        """Wait until every look under way is over, and take over what it found."""
        with self._lock:
            while self.under_way.drafts:
                self._settled(self.under_way.drafts[-1])

    def _make_room(self) -> None:
        """After `NoRoomError`: wait until more is known of what is under way, which may be enough
        to look here, or until one of these looks is over."""
        untold = self.under_way.untold
        if untold is not None:
            untold.look.await_word()
        else:
            self._settled(self.under_way.drafts[0])

    def _hold(self) -> None:
        """Keep what a thread is looking at from being changed."""
        self._tracker.hold(self.under_way.under_look, self.under_way.await_in_code)

    @property
    def lost(self) -> str:
        """Why looks came to nothing whose variables are still to be looked at again, or ''."""
        return self._lost_why if self._lost else ""

    def take_landed(self) -> list[Saved]:
        """What was found by looks that were under way when their saves returned, once."""
        landed, self._landed = self._landed, []
        return landed

    def _settled(self, draft: Draft) -> WriteJob | None:
        """Complete a draft, after those before it; its job, None if it came to nothing. Called by
        whoever needs it first, the writer's thread mostly."""
        while True:
            with self._lock:
                # As many as nothing has to be waited for: each is in the way of all later saves.
                while self.under_way.drafts and self.under_way.drafts[0].look.over:
                    self._land(self.under_way.drafts[0])
                if draft.done is not None or draft not in self.under_way.drafts:
                    return draft.done
                first = self.under_way.drafts[0]
            # Without the lock, unless the caller has it. What it tells is taken note of here, so
            # that no save has to.
            first.look.await_word()
            with self._lock:
                first.hear()
            first.look.wait()

    def _land(self, draft: Draft) -> None:
        """Complete the first draft, or give up all of them."""
        with uninterrupted():
            self._looks.note_over(draft.look, draft.names)
            try:
                landing = self._completed(draft)
            except Exception as error:
                self._lose(one_line(error))
                return
            self._take_over(draft, landing)
            self.under_way.drop_first()
            self._hold()
            self._landed.append(landing.saved)

    def _completed(self, draft: Draft) -> Landing:
        """`LookLostError`."""
        twice = self._minted & {key for _, key in draft.look.found().minted}
        if twice and draft is not self._minted_by:
            raise LookLostError("a class was named twice")
        return self._landings.complete(draft, self._state, self.id, self.notebook)

    def _take_over(self, draft: Draft, landing: Landing) -> None:
        self._state = landing.after
        self._relied_since = draft.generation
        for digest, manifest in landing.found.findings.manifests.items():
            self.history.remember(digest, manifest)
        self._survey.since.hear(landing.found.noted)
        if landing.found.minted:
            self._adopt_minted(draft, landing.found.minted)
        draft.done = landing.job

    def _adopt_minted(self, draft: Draft, minted: Iterable[tuple[str, int]]) -> None:
        """Which objects have the tokens that were given elsewhere is known by their addresses only.
        What uses them is looked at once more, here."""
        tokens = {token for token, _ in minted}
        self._survey.tokens.hear(minted)
        self._minted = frozenset(key for _, key in minted)
        self._minted_by = draft
        groups = self._state.definition_groups
        names = frozenset(
            name
            for name, group in self._state.groups.items()
            if not tokens.isdisjoint(needed_definitions(group.uses, groups))
        )
        self._looks.only_here |= names
        self._tracker.touch(Touched(names))

    def _lose(self, why: str) -> None:
        """Give up all drafts: what they were to save is to be looked at again."""
        drafts = self.under_way.take_all()
        self._hold()
        for draft in drafts:
            draft.look.abandon()
            self._touched |= draft.touched | Touched(draft.names)
        self.head = drafts[0].parent
        self._lost = (*self._lost, *drafts)
        self._lost_why = why
        owing.add(self)
        if self.on_lost is not None:
            self.on_lost()

    def _forget_lost(self, dealt_with: Sequence[Draft], t: int) -> None:
        """They have been saved, as a part of time `t`."""
        for draft in dealt_with:
            if draft.t != t:
                self._release(draft.t, draft.claimed)
        self._lost = tuple(draft for draft in self._lost if draft not in dealt_with)
        if not self._lost:
            owing.discard(self)

    def save_missed(self) -> Missed:
        """Look at every variable now, touched or not, and save what had changed unseen."""
        with self._lock:
            first = self.save(Cell(message="before %pod_verify --live"), only_if_changed=True)
            values, before = self._survey.values(), self._state
            seen = self._survey.look(before, values, Touched(everything=True), self.head or 0)
            findings = find(seen, self._survey.tokens, self._policy, digest_of)
            after = advance(before, Changes.of(before, seen.active, values), findings, digest_of)
            manifests = findings.manifests
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
            opaque = {each.name for each in after.variables.entries() if each.opaque}
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
                self.settle()
                self._state = State()
        return found

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
            self.settle()
            commit = self.history.commit(t)
            self.history.require_trust(commit)
            then = self.history.variables(commit, self._state.variables)
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
                    for each in then.entries()
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
                report.removed = sorted(set(self._state.variables).difference(then))
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
            self._state = after.with_random(random)
            self.head = t
            self._relied_since = None
            self._tracker.take()
            self._touched = Touched()
        else:
            # What still has a class that lost its token is examined again, and names it anew.
            self._tracker.touch(Touched(frozenset(displaced)))
        self.checkouts += 1


def together(before: Iterable[Cell], cell: Cell) -> Cell:
    """Cells that are saved as one."""
    cells = [*before, cell]
    if len(cells) == 1:
        return cell
    return Cell(
        code="\n\n".join(each.code for each in cells if each.code),
        ok=all(each.ok for each in cells),
        error=next((each.error for each in reversed(cells) if each.error), ""),
        seconds=sum(each.seconds for each in cells),
        message=cell.message or next((each.message for each in cells if each.message), ""),
    )
