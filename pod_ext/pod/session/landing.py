"""How a draft becomes a commit, once its look is over."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from pod.history import predecessors
from pod.history.manifest import canonical
from pod.history.moments import History
from pod.history.records import Commit
from pod.history.snapshot import Collector, Recent
from pod.history.state import State, differences
from pod.podding.policies import Policy
from pod.session.draft import Draft, Found, LookLostError
from pod.session.findings import advance
from pod.session.looks import Looks
from pod.session.outcomes import Saved
from pod.session.survey import hanging_together
from pod.store.writer import WriteJob

MAX_CODE = 16 << 20
"""Characters of a cell's code that are saved."""


@dataclass(frozen=True, slots=True)
class Landing:
    """A draft completed."""

    job: WriteJob
    after: State
    saved: Saved
    found: Found


class Landings:
    """Completes the drafts of one session."""

    def __init__(
        self,
        history: History,
        looks: Looks,
        policy: Policy,
        has_blob: Callable[[str], bool],
        recent: Recent | None,
    ) -> None:
        self._history = history
        self._looks = looks
        self._policy = policy
        self._has_blob = has_blob
        self._recent = recent

    def complete(self, draft: Draft, before: State, session: str, notebook: str) -> Landing:
        """What the commit says, now that it is known what the look found; alters nothing but what
        is stored and learned. `LookLostError`."""
        found = draft.look.found()
        findings = found.findings
        _check_completeness(draft, before, found)
        if found.written is not None:
            self._history.repository.learn(found.written)
        if self._recent is not None:
            self._recent.note(blob for group in findings.groups for blob in group.blobs)
        self._policy.adopt(findings.decided)
        for place, content in findings.observed:
            self._policy.observe(place, content)
        sizes = {entry.name: entry.nbytes for entry in findings.variables}
        types = {entry.type for entry in findings.variables}
        self._looks.effort.note(sizes, types, found.seconds)
        # What an earlier look found as well was not known to this one, while both were under way.
        new = {d: blob for d, blob in found.blobs.items() if not self._has_blob(d)}
        blobs = Collector(self._has_blob, {**self._not_stored_meanwhile(draft.blobs), **new})
        after = advance(before, draft.changes, findings, blobs.put).with_random(draft.random)
        commit = _commit(draft, before, after, session, notebook)
        bases = dict(found.bases)
        earlier = self._looks.earlier(before, draft.parent, draft.names)
        if findings.manifests:
            bases |= predecessors.bases(
                earlier, findings.groups, findings.manifests, self._history.manifest, blobs.blobs
            )
        written = found.written.nbytes if found.written is not None else 0
        job = WriteJob(
            draft.t,
            blobs.blobs,
            _commit_body(commit, written),
            draft.claimed,
            draft.losses,
            self._needs(commit),
            bases,
        )
        news = {*commit.added, *commit.changed}
        saved = Saved(
            draft.t, commit.added, commit.changed, commit.removed,
            {name: why for name, why in findings.failures.items() if name in news},
            {n: after.variables[n].opaque for n in sorted(news) if after.variables[n].opaque},
            draft.save_seconds,
        )  # fmt: skip
        return Landing(job, after, saved, found)

    def _not_stored_meanwhile(self, blobs: Mapping[str, bytes]) -> Mapping[str, bytes]:
        """Without what an earlier look stored, which was under way still when these were found."""
        if self._recent is not None:  # such a session is to know of few only
            return blobs
        has = self._history.repository.has
        return {digest: blob for digest, blob in blobs.items() if not has(digest)}

    def _needs(self, commit: Commit) -> Callable[[], Iterable[str]]:
        """Every blob behind a commit, once its own are written."""
        durable = History(self._history.repository)
        drawn = [blob for _, blob in commit.random]
        return lambda: (*drawn, *durable.needs((*commit.table, *commit.definitions), ()))


def _check_completeness(draft: Draft, before: State, found: Found) -> None:
    """`LookLostError` unless everything was looked at that may have changed, as is known only now
    that earlier looks are over."""
    reached, _ = hanging_together(before, draft.changes.seeds)
    missing = reached - draft.changes.gone - draft.changes.skipped - found.findings.looked_at
    # Asked of these few: a set of all names costs more than all else that this save does.
    groups, rebound = before.groups, draft.changes.rebound
    missing = {name for name in missing if name in groups or name in rebound}
    if missing:
        raise LookLostError(f"{min(missing)} turned out to share objects with what was touched")


def _commit(draft: Draft, before: State, after: State, session: str, notebook: str) -> Commit:
    added, changed, removed = differences(before.variables, after.variables)
    cell = draft.cell
    return Commit(
        t=draft.t,
        parent=draft.parent,
        created=draft.created,
        seconds=round(cell.seconds, 6),
        code=_cut(cell.code),
        ok=cell.ok,
        error=cell.error,
        added=added,
        changed=changed,
        removed=removed,
        bytes=0,
        save_seconds=draft.save_seconds,
        table=after.variables.digests,
        definitions=after.definitions.digests,
        message=cell.message,
        session=session,
        notebook=notebook,
        python=platform.python_version(),
        random=draft.random,
    )


def _commit_body(commit: Commit, written: int) -> Callable[[int], bytes]:
    """`written`: bytes of it that are in the store already."""
    raw = commit.to_json()
    return lambda nbytes: canonical(raw | {"bytes": nbytes + written})


def _cut(code: str) -> str:
    """A cell's code, or the beginning of it and a line that says so: a commit that nobody would
    read for its size is worse."""
    if len(code) <= MAX_CODE:
        return code
    return f"{code[:MAX_CODE]}\n# ... and more: the cell has {len(code)} characters"
