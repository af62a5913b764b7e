"""Is everything there, and is it what was written? Re-hashes all of it and unpickles nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pod.errors import PodError
from pod.history.moments import History
from pod.history.records import Variable
from pod.history.table import Table
from pod.history.text import listing, size
from pod.store.check import Progress, StoreCheck

GENERATORS = "(random generators)"
"""Stands among the affected variables where the state of the generators is."""


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
    walk = _Walk(history, check)
    for t in history.repository.times():
        if t not in check.damaged_commits:
            walk.commit(t)
    return Verification(
        check.packs, check.blobs, check.commits, check.bytes_read, tuple(_damage(check, walk))
    )


def _damage(check: StoreCheck, walk: _Walk) -> list[Damage]:
    found = [Damage(f"format.json: {check.damaged_format}")] if check.damaged_format else []
    found += [Damage(f"{key}: {why}") for key, why in sorted(check.damaged_packs.items())]
    found += [
        Damage(f"commits/{t}: {why}", (t,)) for t, why in sorted(check.damaged_commits.items())
    ]
    found += [Damage(f"tags/{tag}: {why}") for tag, why in sorted(check.damaged_tags.items())]
    found += [
        Damage(what, tuple(sorted(seen.times)), tuple(sorted(seen.variables)))
        for what, seen in sorted(walk.missing.items())
    ]
    return found


@dataclass(slots=True)
class _Affected:
    times: set[int] = field(default_factory=set)
    variables: set[str] = field(default_factory=set)


class _Walk:
    """From commits down to blobs; what was looked at once is not looked at again."""

    def __init__(self, history: History, check: StoreCheck) -> None:
        self._history = history
        self._damaged = check.damaged_blobs
        self._manifests: dict[str, list[tuple[str, set[int] | None]]] = {}
        # Variables and definitions, by manifest.
        self._held: dict[str, frozenset[tuple[bool, str]]] = {}
        self.missing: dict[str, _Affected] = {}

    def commit(self, t: int) -> None:
        try:
            commit = self._history.commit(t)
        except PodError as error:
            self._note(f"commits/{t}: {error}", t)
            return
        for generator, blob in commit.random:
            self._generator(t, generator, blob)
        for digests, definitions in ((commit.table, False), (commit.definitions, True)):
            try:
                table: Table = (
                    self._history.definitions(commit)
                    if definitions
                    else self._history.variables(commit)
                )
            except PodError as error:
                self._note(f"variable table {digests[0][:12]}: {error}", t)
                continue
            for variable in table.values():
                self._variable(t, variable, definitions)

    def _variable(self, t: int, variable: Variable, is_definition: bool) -> None:
        if variable.manifest not in self._manifests:
            self._manifests[variable.manifest] = self._manifest(variable.manifest)
        problems = self._manifests[variable.manifest]
        if not problems:
            if (is_definition, variable.name) not in self._held[variable.manifest]:
                what = f"manifest {variable.manifest[:12]}: it does not hold what a table says"
                self._note(what, t, variable.name)
            return
        needed = self._needed(variable, is_definition)
        for what, pods in problems:
            if pods is None or needed is None or not pods.isdisjoint(needed):
                self._note(what, t, variable.name)

    def _needed(self, variable: Variable, is_definition: bool) -> set[int] | None:
        try:
            manifest, name = self._history.manifest(variable.manifest), variable.name
            roots = manifest.parts(name) if is_definition else (manifest.root(name),)
            return set(manifest.needed(roots))
        except PodError:
            return None

    def _manifest(self, digest: str) -> list[tuple[str, set[int] | None]]:
        """What is wrong with a component: each problem, and the pods that have it (None: all)."""
        try:
            manifest = self._history.manifest(digest)
        except PodError as error:
            return [(f"manifest {digest[:12]}: {error}", None)]
        self._held[digest] = frozenset(
            {(False, name) for name in manifest.names}
            | {(True, token) for token in manifest.definitions}
        )
        problems: dict[str, set[int]] = {}
        for number, pod in enumerate(manifest.pods):
            for blob in pod.blobs():
                why = self._trouble(blob)
                if why is not None:
                    what = f"pod {number} of manifest {digest[:12]}, blob {blob[:12]}: {why}"
                    problems.setdefault(what, set()).add(number)
        return list(problems.items())

    def _generator(self, t: int, generator: str, blob: str) -> None:
        why = self._trouble(blob)
        if why is not None:
            what = f"state of the random generator of {generator}, blob {blob[:12]}: {why}"
            self._note(what, t, GENERATORS)

    def _trouble(self, blob: str) -> str | None:
        """What is wrong with a blob."""
        why = self._damaged.get(blob)
        if why is None and not self._history.repository.has(blob):
            why = "is in no pack"
        return why

    def _note(self, what: str, t: int, variable: str | None = None) -> None:
        affected = self.missing.setdefault(what, _Affected())
        affected.times.add(t)
        if variable is not None:
            affected.variables.add(variable)
