"""Is everything there, and is it what was written? Re-hashes all of it and unpickles nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pod.errors import PodError, TimeReferenceError
from pod.history.manifest import Manifest
from pod.history.moments import History
from pod.history.records import Variable
from pod.history.table import Table
from pod.history.text import listing, size
from pod.podding.pods import Slot
from pod.store.check import Progress, StoreCheck

GENERATORS = "(random generators)"
"""Stands among the affected variables where the state of the generators is."""


UNLISTED = "(variables that only this part of the table lists)"
"""Stands for variables whose names cannot be known any more, among those affected."""


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing that is not what was written."""

    what: str
    """The file, blob or pod, and what is wrong with it."""
    times: tuple[int, ...] = ()
    """Time ids that it affects."""
    variables: tuple[str, ...] = ()
    """Variables that cannot be restored at those times; none where the whole time is affected."""

    def __str__(self) -> str:
        if not self.times:
            return self.what
        times = listing([str(t) for t in self.times], 12)
        variables = listing(self.variables, 8) or "everything"
        return f"{self.what}\n    affects {variables} at time{'s'[: len(self.times) > 1]} {times}"

    def to_json(self) -> dict[str, Any]:
        return {
            "what": self.what,
            "times": list(self.times),
            "variables": list(self.variables),
        }


@dataclass(frozen=True, slots=True)
class Verification:
    """What a verification found. True when nothing is damaged."""

    packs: int
    blobs: int
    commits: int
    bytes_read: int
    damage: tuple[Damage, ...]

    @property
    def ok(self) -> bool:
        return not self.damage

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        looked = (
            f"{self.commits} times, {self.blobs} blobs in {self.packs} packs, "
            f"{size(self.bytes_read)} read"
        )
        if self.ok:
            return f"everything is whole: {looked}"
        lines = "\n".join(f"✗ {damage}" for damage in self.damage)
        return f"{lines}\n{len(self.damage)} damaged; all else is whole ({looked})"

    def to_json(self) -> dict[str, Any]:
        return {
            "ok": self.ok,
            "packs": self.packs,
            "blobs": self.blobs,
            "commits": self.commits,
            "bytes_read": self.bytes_read,
            "damage": [damage.to_json() for damage in self.damage],
        }


def verify(history: History, progress: Progress | None = None) -> Verification:
    """Re-hash every file of the store, and see that every commit has all that it refers to."""
    check = history.repository.check(progress)
    history.repository.refresh()  # what moved meanwhile is in another pack
    walk = _Walk(history, check)
    for t in history.repository.times():
        if t not in check.damaged_commits:
            walk.commit(t)
    walk.forgive(set(history.repository.times()))
    return Verification(
        check.packs,
        check.blobs,
        check.commits,
        check.bytes_read,
        tuple(_damage(check, walk, _lost_tags(history, check))),
    )


def _lost_tags(history: History, check: StoreCheck) -> dict[str, str]:
    """Tags of times that are not there."""
    repository = history.repository
    return {
        tag: f"it names time {t}, which is not there; set the tag anew, or remove it"
        for tag, t in repository.tags().items()
        if tag not in check.damaged_tags
        and not repository.exists(t)
        # One that is set while its time is removed is taken back by whoever sets it.
        and not repository.was_removed(t)
    }


def _damage(check: StoreCheck, walk: _Walk, lost_tags: Mapping[str, str]) -> list[Damage]:
    found = [Damage(f"format.json: {check.damaged_format}")] if check.damaged_format else []
    found += [Damage(f"{key}: {why}") for key, why in sorted(check.damaged_packs.items())]
    found += [
        Damage(f"commits/{t}: {why}", (t,)) for t, why in sorted(check.damaged_commits.items())
    ]
    tags = {**check.damaged_tags, **lost_tags}
    found += [Damage(f"tags/{tag}: {why}") for tag, why in sorted(tags.items())]
    found += walk.damage()
    return found


@dataclass(frozen=True, slots=True)
class _Component:
    """What of one component is not what was written."""

    manifest: Manifest | None
    trouble: str = ""
    """Why there is no manifest."""
    pods: Mapping[int, list[str]] = field(default_factory=dict)
    """Number of a pod -> what is wrong with it."""

    @property
    def ok(self) -> bool:
        return self.manifest is not None and not self.pods


class _Walk:
    """From commits down to blobs; what was looked at once is not looked at again."""

    def __init__(self, history: History, check: StoreCheck) -> None:
        self._history = history
        self._damaged = check.damaged_blobs
        self._stranded = check.stranded_blobs
        self._unreadable = sorted(
            key for key in check.damaged_packs if key in history.repository.unreadable
        )
        self._components: dict[str, _Component] = {}
        # What is wrong -> time -> variables; none for all of them.
        self._found: dict[str, dict[int, set[str]]] = {}

    def damage(self) -> list[Damage]:
        """Everything found. Times at which the same variables are affected are together."""
        found = []
        for what, times in sorted(self._found.items()):
            alike: dict[tuple[str, ...], list[int]] = {}
            for t, names in sorted(times.items()):
                alike.setdefault(tuple(sorted(names)), []).append(t)
            found += [Damage(what, tuple(each), names) for names, each in alike.items()]
        return found

    def commit(self, t: int) -> None:
        try:
            commit = self._history.commit(t)
        except TimeReferenceError:  # removed meanwhile
            return
        except PodError as error:
            self._note(f"commits/{t}: {error}", t)
            return
        for generator, blob in commit.random:
            why = self._trouble(blob)
            if why is not None:
                what = f"state of the random generator of {generator}, blob {blob[:12]}: {why}"
                self._note(what, t, GENERATORS)
        variables = _read(self._history.variables(commit))
        definitions = _read(self._history.definitions(commit))
        for trouble in variables.troubles:
            self._note(trouble, t, UNLISTED if variables.entries else None)
        entries = (*variables.entries.values(), *definitions.entries.values())
        if definitions.troubles or not all(self._component(each).ok for each in entries):
            for variable in variables.entries.values():
                for what in self._affecting(variable, definitions):
                    self._note(what, t, variable.name)

    def _affecting(self, variable: Variable, definitions: _Entries) -> set[str]:
        """Everything wrong with what a variable needs: its pods, the classes and functions that
        they refer to, and what these need."""
        found: set[str] = set()
        todo = [(variable, False)]
        seen: set[str] = set()
        while todo:
            entry, is_definition = todo.pop()
            component = self._component(entry)
            manifest = component.manifest
            if manifest is None:
                found.add(component.trouble)
                continue
            held = manifest.definitions.get if is_definition else _single(manifest.names).get
            roots = held(entry.name)
            if roots is None:
                found.add(f"manifest {entry.manifest[:12]}: it does not hold what a table says")
                continue
            for number in manifest.needed(roots) if component.pods else ():
                found.update(component.pods.get(number, ()))
            for token in manifest.tokens(roots) - seen:
                seen.add(token)
                if token in definitions.entries:
                    todo.append((definitions.entries[token], True))
                else:
                    found.update(definitions.troubles or [f"definition {token}: it is not listed"])
        return found

    def _component(self, entry: Variable) -> _Component:
        digest = entry.manifest
        if digest not in self._components:
            self._components[digest] = self._looked_at(digest)
        return self._components[digest]

    def _looked_at(self, digest: str) -> _Component:
        try:
            manifest = self._history.manifest(digest)
        except PodError as error:
            return _Component(None, f"manifest {digest[:12]}: {error}")
        pods: dict[int, list[str]] = {}
        for number, pod in enumerate(manifest.pods):
            for blob in pod.blobs():
                why = self._trouble(blob)
                if why is not None:
                    what = f"pod {number} of manifest {digest[:12]}, blob {blob[:12]}: {why}"
                    pods.setdefault(number, []).append(what)
        return _Component(manifest, pods=pods)

    def _trouble(self, blob: str) -> str | None:
        """What is wrong with a blob."""
        why = self._damaged.get(blob)
        if why is None and blob in self._stranded:
            try:
                self._history.blob(blob)  # it may have moved meanwhile
            except PodError:
                return self._stranded[blob]
        if why is None and not self._history.repository.holds(blob):
            why = "is in no pack"
            if self._unreadable:
                why += f" that can be read ({listing(self._unreadable, 3)} cannot)"
        return why

    def forgive(self, present: set[int]) -> None:
        """What times miss that were removed meanwhile is no damage."""
        for what, affected in list(self._found.items()):
            for t in affected.keys() - present:
                del affected[t]
            if not affected:
                del self._found[what]

    def _note(self, what: str, t: int, variable: str | None = None) -> None:
        affected = self._found.setdefault(what, {}).setdefault(t, set())
        if variable is not None:
            affected.add(variable)


@dataclass(frozen=True, slots=True)
class _Entries:
    """What can be read of a table, and why that is not all."""

    entries: Mapping[str, Variable]
    troubles: list[str]


def _read(table: Table) -> _Entries:
    entries: dict[str, Variable] = {}
    troubles = []
    for number, digest in enumerate(table.digests):
        try:
            entries.update(table.shards[number])
        except PodError as error:
            troubles.append(f"variable table {digest[:12]}: {error}")
    return _Entries(entries, troubles)


def _single(names: Mapping[str, Slot]) -> dict[str, tuple[Slot, ...]]:
    return {name: (slot,) for name, slot in names.items()}
