"""Restoring: from a commit and names to objects, each component by itself.

What cannot be loaded makes only the variables that need it unavailable; what was loaded is handed
over all at once, and until then nothing live has been altered.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from pod.errors import PodError, RestoreError, UnknownVariableError
from pod.history.figures import OpenFigures
from pod.history.moments import History, ManifestSource
from pod.history.records import Commit, Variable
from pod.history.table import Table
from pod.interrupts import uninterrupted
from pod.podding.opaque import reason_of
from pod.podding.unpickler import Loader, StoredDefinition

_TOGETHER = 256
"""So many manifests are read at a time."""


@dataclass(slots=True)
class Restored:
    """Objects of one moment."""

    values: dict[str, Any] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    """Variable -> why it could not be loaded."""
    definitions: dict[str, Any] = field(default_factory=dict)
    """Token -> class or function that the values refer to."""
    figures: list[Any] = field(default_factory=list)
    """Managers of figures that `matplotlib.pyplot` kept then, and does not now."""


class SameDefinitions:
    """Whether a class or function is the same at two moments, and so is all that it uses."""

    def __init__(self, history: History, now: Table, then: Table) -> None:
        self._history = history
        self._now, self._then = now, then

    def __call__(self, token: str) -> bool:
        """False also where that cannot be read."""
        try:
            return self._is_same(token)
        except PodError:
            return False

    def _is_same(self, token: str) -> bool:
        todo, seen = [token], set[str]()
        while todo:
            token = todo.pop()
            if token in seen:
                continue
            seen.add(token)
            now, then = self._now.get(token), self._then.get(token)
            if now is None or then is None or now.fingerprint != then.fingerprint:
                return False
            todo.extend(self._history.manifest(now.manifest).uses)
        return True


def choose(table: Table, names: Iterable[str] | None, t: int) -> list[Variable]:
    """The variables asked for; all without names. `UnknownVariableError` names those not there."""
    if names is None:
        return list(table.entries())
    wanted = list(dict.fromkeys(names))
    missing = [name for name in wanted if name not in table]
    if missing:
        known = sorted(table)
        there = ", ".join(known[:20]) + (", …" if len(known) > 20 else "")
        raise UnknownVariableError(
            f"there is no variable {', '.join(missing)} at time {t}; there are: {there or 'none'}"
        )
    return [table[name] for name in wanted]


def with_definitions(
    history: History, commit: Commit, variables: Iterable[Variable]
) -> list[Variable]:
    """The variables, each with the versions of what its classes and functions were saved with."""
    table = history.definitions(commit)
    found = []
    for variable in variables:
        versions = dict(variable.versions)
        todo = [(variable.name, variable)]
        seen: set[str] = set()
        with contextlib.suppress(PodError):  # what is damaged is said elsewhere
            while todo:
                name, entry = todo.pop()
                manifest = history.manifest(entry.manifest)
                is_token = entry is not variable
                roots = manifest.parts(name) if is_token else (manifest.root(name),)
                for token in manifest.tokens(roots) - seen:
                    seen.add(token)
                    if token in table:
                        todo.append((token, table[token]))
                        versions = dict(table[token].versions) | versions
        found.append(replace(variable, versions=tuple(sorted(versions.items()))))
    return found


def restore(
    history: History,
    commit: Commit,
    variables: Iterable[Variable],
    namespace: dict[str, Any],
    live: Callable[[str], Any | None] = lambda _: None,
) -> Restored:
    """Load these variables of a moment, functions with `namespace` as their globals.

    The one place that unpickles what a pod directory holds. `UntrustedError`, before anything else,
    if the user did not save this moment and does not trust it.
    """
    history.require_trust(commit)
    sources: dict[str, ManifestSource] = {}

    def source(digest: str) -> ManifestSource:
        if digest not in sources:
            sources[digest] = history.source(digest)
        return sources[digest]

    table = history.definitions(commit)

    def definition(token: str) -> StoredDefinition:
        if token not in table:
            raise RestoreError(f"the commit of time {commit.t} does not hold {token}")
        stored = source(table[token].manifest)
        return StoredDefinition(stored, stored.manifest.parts(token))

    loader = Loader(namespace, definition, live)
    restored = Restored()

    def value(name: str) -> Any:
        """A variable that the session's own code asks for while others are being loaded."""
        if name not in restored.values:
            entry = everything[name]
            stored = source(entry.manifest)
            return loader.load(stored, {name: stored.manifest.root(name)})[name]
        return restored.values[name]

    everything = history.variables(commit)
    lender = _Lender(loader, namespace, everything, value)
    open_figures = OpenFigures()
    with uninterrupted() as gate:
        try:
            gate.let_in()
            groups = _by_manifest(variables)
            for number, (digest, group) in enumerate(groups.items()):
                if number % _TOGETHER == 0:
                    history.read_together(islice(groups, number, number + _TOGETHER))
                try:
                    stored = source(digest)
                except PodError as error:
                    restored.failures |= {variable.name: str(error) for variable in group}
                    continue
                names = [variable.name for variable in group]
                _restore_group(loader, stored, names, restored, lender)
        finally:
            gate.open = False
            lender.take_back()
            restored.figures = open_figures.take_back()
    broken = loader.broken()
    for name in list(restored.values) if broken else ():
        for token in _tokens(history, everything[name], table) & broken.keys():
            # It was loaded before, or beside, the part of a class that turned out to be missing.
            restored.failures[name] = _explained(broken[token])
            restored.values.pop(name, None)
    restored.definitions = loader.whole()
    loader.close()
    if restored.failures:
        history.check_exists(commit.t)  # else it is no damage, and there is nothing to be had
    return restored


class _Lender:
    """Lends variables to the namespace for as long as objects are being loaded.

    A class of the session may run code of its own when an instance is loaded (`__setstate__`,
    `__hash__` of a key, a function in `__reduce__`), which finds its globals in the namespace. If a
    name is not there, as in a new process, loading is tried again with the one of that moment.
    """

    def __init__(
        self,
        loader: Loader,
        namespace: dict[str, Any],
        table: Table,
        value: Callable[[str], Any],
    ) -> None:
        self._loader = loader
        self._namespace = namespace
        self._table = table
        self._value = value
        self._lent: dict[str, Any] = {}

    def take_back(self) -> None:
        """Everything that was lent."""
        for name, value in self._lent.items():
            if dict.get(self._namespace, name) is value:
                dict.pop(self._namespace, name, None)

    def load(self, load: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What `load` gives, with all the names lent that it turns out to need."""
        while True:
            try:
                return load()
            except Exception as error:
                if not any(map(self._lend, _names_missed(error))):
                    raise

    def _lend(self, name: str) -> bool:
        if name not in self._table or name in self._lent or name in self._namespace:
            return False
        self._lent[name] = None
        self._loader.retry()
        value = self.load(lambda: {name: self._value(name)})[name]
        self._lent[name] = value
        dict.__setitem__(self._namespace, name, value)
        return True


def _names_missed(error: BaseException | None) -> Iterator[str]:
    """Names that there were not, by the error or one that a library answered with it."""
    seen = set[int]()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, NameError) and error.name is not None:
            yield error.name
        error = error.__cause__ or error.__context__


def _restore_group(
    loader: Loader, stored: ManifestSource, names: list[str], restored: Restored, lender: _Lender
) -> None:
    """The variables of one component; where that fails, those of them that can be loaded."""
    try:
        asked = {name: stored.manifest.root(name) for name in names}
        restored.values |= lender.load(lambda: loader.load(stored, asked))
    except Exception as error:
        if len(names) == 1:
            restored.failures[names[0]] = _explained(error)
            return
        for name in names:
            _restore_group(loader, stored, [name], restored, lender)


def _tokens(history: History, variable: Variable, table: Table) -> set[str]:
    """Every class and function of the session that a variable needs, by way of others too."""
    manifest = history.manifest(variable.manifest)
    todo = list(manifest.tokens((manifest.root(variable.name),)))
    found: set[str] = set()
    while todo:
        token = todo.pop()
        if token not in found:
            found.add(token)
            manifest = history.manifest(table[token].manifest)
            todo += manifest.tokens(manifest.parts(token))
    return found


def _explained(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"it needs the module {error.name!r}, which is not installed here"
    return str(error) if isinstance(error, PodError) else reason_of(error)


def _by_manifest(variables: Iterable[Variable]) -> dict[str, list[Variable]]:
    groups: dict[str, list[Variable]] = {}
    for variable in variables:
        groups.setdefault(variable.manifest, []).append(variable)
    return groups
