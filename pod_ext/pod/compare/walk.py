"""The walk over two versions of a value: what was already seen, how deep, how much longer.

Every comparison of something inside a value goes through `Walk.pair`, which makes cycles end, keeps
shared objects from being told twice, stops after a fixed amount of work, and turns an exception of
the user's code into a remark. Nothing here knows any type but the atoms.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from pod.compare.describe import short, type_name
from pod.compare.difference import Difference, Line, Role, left_out

ATOMS = frozenset(
    {bool, int, float, complex, str, bytes, type(None), type(...), type(NotImplemented)}
)
"""Types whose values are compared by `same_atom` and nothing else."""

DEPTH = 80
"""Levels of nesting that are compared; each takes up to five frames of the interpreter's stack."""
WORK = 20_000_000
"""Units of work one comparison may take; a unit is near a tenth of a microsecond."""
ATOM, NODE, PAIR = 1, 10, 300
"""Units for two atoms, for a node of a content key, for two values that are not atoms."""

_TRANSPARENT = frozenset({"mapping", "sequence", "object"})


def same_atom(old: Any, new: Any) -> bool:
    """Whether two atoms of one type are the same, where NaN is NaN and -0.0 is not 0.0."""
    if type(old) is complex:
        return same_atom(old.real, new.real) and same_atom(old.imag, new.imag)
    if old == new:
        return type(old) is not float or math.copysign(1, old) == math.copysign(1, new)
    return bool(old != old and new != new)


def same_type(old: type, new: type) -> bool:
    """One class, or two versions of a class of the same name, as a restored moment brings them."""
    if old is new:
        return True
    names = [(cls.__dict__.get("__module__"), type_name(cls)) for cls in (old, new)]
    return names[0] == names[1]


class Walk:
    """One comparison: its limits and its memory."""

    def __init__(self, limit: int, between: Callable[[Walk, Any, Any], Difference | None]) -> None:
        self.limit = limit
        """How many differences one level reports."""
        self.stopped = False
        """Whether something was left uncompared."""
        self._between = between
        self._work = WORK
        self._path: list[str] = []
        # Both values are kept, so that no temporary's id is used again while it stands here.
        self._seen: dict[tuple[int, int], tuple[Any, Any, str | None]] = {}

    def spend(self, units: int) -> bool:
        """Take that much of the work allowed; False, from then on, once it is used up."""
        self._work -= units
        if self._work < 0:
            self.stopped = True
        return self._work >= 0

    def pair(self, step: str, old: Any, new: Any) -> Difference | None:
        """The difference between two values found under `step`, None where there is none."""
        if old is new:
            return None
        cls = type(old)
        if cls in ATOMS and cls is type(new):
            return None if same_atom(old, new) else self._guarded(old, new)
        key = (id(old), id(new))
        if key in self._seen:
            where = self._seen[key][2]
            return None if where is None else Difference("repeat", f"the same change as at {where}")
        if not self.spend(PAIR) or len(self._path) > DEPTH:
            self.stopped = True
            return None
        self._seen[key] = (old, new, None)
        self._path.append(step)
        where = "".join(self._path) or "the top"
        try:
            found = self._guarded(old, new)
        finally:
            self._path.pop()
        if found is not None:
            self._seen[key] = (old, new, where)
        return found

    def _guarded(self, old: Any, new: Any) -> Difference | None:
        try:
            return self._between(self, old, new)
        except Exception as error:  # the user's code, or a library's, on values in an odd state
            return Difference("unknown", f"could not be compared ({type_name(type(error))})")

    def scratch(self) -> Walk:
        """A walk of its own for a trial, whose findings are not to be remembered here."""
        trial = Walk(self.limit, self._between)
        trial._work = max(0, self._work) // 10
        return trial

    @property
    def at_root(self) -> bool:
        """Whether the values now compared are those that the whole comparison is about."""
        return len(self._path) == 1


class Report:
    """The differences of one level while they are found, no more of them kept than are shown."""

    def __init__(self, walk: Walk, kind: str) -> None:
        self.added = self.removed = self.changed = 0
        self._walk = walk
        self._kind = kind
        self._entries: dict[Role, list[Line]] = {}
        self._notes: list[Line] = []
        self._children: list[tuple[str, Difference]] = []

    def pair(self, step: str, old: Any, new: Any) -> None:
        """Compare two values found under `step`, and keep what comes of it."""
        cls = type(old)
        if self.changed >= self._walk.limit and cls in ATOMS and cls is type(new):
            self.changed += not same_atom(old, new)  # counted, and so not worth a record
            return
        found = self._walk.pair(step, old, new)
        if found is not None:
            self.keep(step, found)

    def keep(self, step: str, found: Difference) -> None:
        self.changed += 1
        if len(self._children) >= self._walk.limit:
            return
        if found.kind in _TRANSPARENT and not found.lines and len(found.children) == 1:
            ((below, found),) = found.children
            step += below
        self._children.append((step, found))

    def add(self, where: str, value: object) -> None:
        self.added += 1
        self._entry("added", self.added, where, value)

    def remove(self, where: str, value: object) -> None:
        self.removed += 1
        self._entry("removed", self.removed, where, value)

    def note(self, text: str) -> None:
        self._notes.append(Line("note", text))

    def _entry(self, role: Role, number: int, where: str, value: object) -> None:
        if number <= self._walk.limit:
            text = f"{where}: {short(value)}" if where else short(value)
            self._entries.setdefault(role, []).append(Line(role, text))

    def counts(self, noun: str = "") -> list[str]:
        """What was found, in words, such as `1 added` and `2 changed`."""
        words = {"added": self.added, "removed": self.removed, "changed": self.changed}
        noun = f" {noun}" if noun else ""
        return [f"{n:,}{noun}{'s' * (bool(noun) and n != 1)} {w}" for w, n in words.items() if n]

    def difference(self, headline: str, *details: Line) -> Difference | None:
        """All of it as one record, None if nothing was found."""
        limit = self._walk.limit
        lines: list[Line] = []
        numbers: tuple[tuple[Role, int], ...] = (("removed", self.removed), ("added", self.added))
        for role, number in numbers:
            lines += self._entries.get(role, ())
            if number > limit:
                lines.append(left_out(number - limit, role))
        lines += [*self._notes, *details]
        more = self.changed - len(self._children)
        if not lines and not self.changed:
            return None
        return Difference(self._kind, headline, tuple(lines), tuple(self._children), more)
