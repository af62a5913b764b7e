"""Which cells have to run again to make a variable that could not be saved, and on what.

Walks back from a moment. A cell that made or changed a wanted variable runs again, on what it read,
as it was before that cell. If that could not be saved either, the cells that made it run first.
Reads commits and tables; runs and unpickles nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from pod.errors import PodError
from pod.history.cells import Uses, uses_of
from pod.history.moments import History
from pod.history.records import Commit, Variable
from pod.history.restore import SameDefinitions
from pod.history.table import Table


class ReplayError(PodError):
    """A variable cannot be rebuilt by running cells again."""


@dataclass(frozen=True, slots=True)
class Step:
    """One cell to run again."""

    t: int
    before: int | None
    """The moment before it, None if it is the first."""
    code: str
    makes: tuple[str, ...]
    """Wanted variables that it made or changed."""
    inputs: tuple[str, ...]
    """What it may read, to be restored from the moment before it."""
    carried: tuple[str, ...]
    """What it may read of what earlier steps left."""
    shared: frozenset[str]
    """Variables that are the same before it, after it and in the end: no copies of these are made,
    so what it makes refers to the very objects that will be there."""
    error: str = ""
    """What it raised when it ran, or empty."""
    doubts: tuple[str, ...] = ()
    """Why it should not run again unasked."""
    obstacle: str = ""
    """Why it cannot run again."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How variables of one moment can be made again."""

    t: int
    names: tuple[str, ...]
    steps: tuple[Step, ...]
    """In the order in which they ran."""
    skipped: tuple[tuple[int, str], ...] = ()
    """Times that changed something wanted in a way that no code shows, and how."""

    @property
    def obstacles(self) -> list[str]:
        return [f"time {step.t} {step.obstacle}" for step in self.steps if step.obstacle]

    @property
    def doubts(self) -> list[str]:
        found = [f"time {step.t} {doubt}" for step in self.steps for doubt in step.doubts]
        return found + [f"time {t} is left out: {why}" for t, why in self.skipped]


def plan(
    history: History,
    t: int,
    names: Iterable[str],
    transform: Callable[[str], str] = lambda text: text,
) -> Plan:
    """How to make these variables as of time `t` again. `transform` makes Python of a cell, as
    IPython does."""
    return _Planner(history, t, tuple(dict.fromkeys(names)), transform).plan()


class _Planner:
    def __init__(
        self,
        history: History,
        t: int,
        names: tuple[str, ...],
        transform: Callable[[str], str],
    ) -> None:
        self._history = history
        self._names = names
        self._line = list(history.past(history.commit(t)))  # nearest first
        self._then = self._table(self._line[0])
        self._uses = lru_cache(maxsize=None)(lambda code: uses_of(code, transform))
        self._wanted = set(names)
        self._steps: list[Step] = []
        self._skipped: list[tuple[int, str]] = []

    def plan(self) -> Plan:
        missing = [name for name in self._names if name not in self._then]
        if missing:
            raise ReplayError(
                f"there is no variable {', '.join(missing)} at time {self._line[0].t}"
            )
        for place, commit in enumerate(self._line):
            found = self._wanted & {*commit.added, *commit.changed}
            if found:
                self._step(place, commit, found)
            if not self._wanted:
                break
        if self._wanted:
            raise ReplayError(
                f"{', '.join(sorted(self._wanted))}: what made it is not in the history of time "
                f"{self._line[0].t}" + "".join(f"; time {t}: {why}" for t, why in self._skipped[:3])
            )
        steps = tuple(reversed(self._steps))
        return Plan(self._line[0].t, self._names, steps, tuple(self._skipped[::-1]))

    def _step(self, place: int, commit: Commit, found: set[str]) -> None:
        """A cell that made or changed something wanted: it runs again, if it is known."""
        earlier = self._line[place + 1 :]
        before = self._table(earlier[0]) if earlier else Table()
        uses = self._uses(commit.code)
        reach = self._reach(uses, before, earlier)
        why = self._why_unknown(commit, uses, reach, found, before)
        if why:
            self._skipped.append((commit.t, why))
            return
        shared = self._shared(commit, earlier[0]) if earlier else frozenset()
        reads = (reach | (found - uses.surely)) & before.keys()
        carried = {name for name in reads if before[name].opaque and name not in shared}
        self._wanted = (self._wanted - found) | carried
        self._steps.append(
            Step(
                commit.t,
                commit.parent,
                commit.code,
                makes=tuple(sorted(found)),
                inputs=tuple(sorted(reads - carried)),
                carried=tuple(sorted(carried)),
                shared=shared,
                error="" if commit.ok else commit.error or "an error",
                doubts=_doubts(commit, uses),
                obstacle=_obstacle(uses),
            )
        )

    def _why_unknown(
        self, commit: Commit, uses: Uses, reach: set[str], found: set[str], before: Table
    ) -> str:
        if not commit.code.strip():
            return "something that ran outside of any cell changed " + ", ".join(sorted(found))
        if "load_ext" in uses.magics or "reload_ext" in uses.magics:
            return f"{', '.join(sorted(found))} was there when Pod was loaded"
        after = self._table(commit)
        connected = set(found)
        for name in found:
            for table in (before, after):
                if name in table:
                    connected |= self._history.manifest(table[name].manifest).names.keys()
        if uses.broken or connected & (reach | uses.binds | uses.reads | uses.mentions):
            return ""
        return f"its code does not show how it changed {', '.join(sorted(found))}"

    def _reach(self, uses: Uses, before: Table, earlier: list[Commit]) -> set[str]:
        """Names that the code may read, directly or in functions and classes that it uses."""
        mentioned = {name for name in uses.mentions & before.keys() if not before[name].opaque}
        todo = [*uses.reads, *mentioned]
        seen: set[str] = set()
        while todo:
            name = todo.pop()
            if name in seen:
                continue
            seen.add(name)
            if name in before:
                todo += self._read_by(name, before[name], earlier)
        return seen - set(uses.surely) | uses.reads | mentioned

    def _read_by(self, name: str, entry: Variable, earlier: list[Commit]) -> set[str]:
        """What using a variable may read: a function's or class's globals, an instance's class,
        and what the cells that made an opaque object read, since it may do so when it is used."""
        found = {entry.type.rpartition(".")[2]}
        is_definition = entry.type in ("function", "type") or "class" in entry.summary
        if not (is_definition or entry.opaque):
            return found
        for commit in earlier:
            if name in commit.added or name in commit.changed:
                uses = self._uses(commit.code)
                found |= uses.defines.get(name, set()) | (uses.reads if entry.opaque else set())
                if name in uses.surely:
                    break
        return found

    def _table(self, commit: Commit) -> Table:
        return self._history.variables(commit)

    def _shared(self, commit: Commit, before: Commit) -> frozenset[str]:
        """Variables that are, before a cell and after it, as they will be at the end."""
        last = self._line[0]
        moments = (before, commit)
        tables = [self._table(moment) for moment in moments]
        definitions = self._history.definitions
        same = [
            SameDefinitions(self._history, definitions(last), definitions(moment))
            for moment in moments
        ]
        found = set()
        for name, entry in self._then.items():
            others = [table.get(name) for table in tables]
            if (
                name not in self._names
                and not entry.opaque
                and all(
                    each is not None and each.fingerprint == entry.fingerprint for each in others
                )
            ):
                uses = self._history.manifest(entry.manifest).uses
                if all(is_same(token) for is_same in same for token in uses):
                    found.add(name)
        return frozenset(found)


def _doubts(commit: Commit, uses: Uses) -> tuple[str, ...]:
    found = []
    if not commit.ok:
        found.append(f"failed ({commit.error or 'an error'})")
    if "!" in uses.magics:
        found.append("runs commands of the system")
    other = sorted(each for each in uses.magics - _HARMLESS if not each.startswith("pod_"))
    other = [each for each in other if each != "!"]
    if other:
        found.append("uses " + ", ".join(f"%{each}" for each in other))
    return tuple(found)


_HARMLESS = frozenset({"time", "timeit", "prun", "capture", "matplotlib", "config"})


def _obstacle(uses: Uses) -> str:
    if uses.broken:
        return f"is not Python as it was saved ({uses.broken})"
    if any(each.startswith("pod_") for each in uses.magics):
        return "moves about in the history itself"
    if uses.awaits:
        return "awaits something outside of any function, which cannot be done again here"
    return ""
