"""What differs between two moments: by hash first, and in the terms of each value's type then."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pod.compare.difference import Difference
from pod.compare.values import compare
from pod.errors import PodError, TimeReferenceError, UnknownVariableError
from pod.history.generators import changed
from pod.history.moments import History
from pod.history.records import Commit, Variable
from pod.history.restore import SameDefinitions, restore
from pod.history.text import escape, plain, size

SAMPLES = 5
"""Changed cells, elements and lines shown of each variable, or of each thing inside it."""

COMPARED_BYTES = 1 << 30
"""Variables whose two versions together have more bytes than this are not loaded for a diff."""


@dataclass(frozen=True, slots=True)
class VariableDiff:
    """One variable that differs."""

    name: str
    status: Literal["added", "removed", "changed"]
    old: Variable | None
    new: Variable | None
    difference: Difference | None
    """What changed, where both versions could be loaded and compared."""
    note: str = ""
    """Why there is no difference to show."""

    @property
    def headline(self) -> str:
        if self.difference is not None:
            return self.difference.headline
        outlines = dict.fromkeys(_outline(each) for each in (self.old, self.new) if each)
        return " ".join(part for part in (" → ".join(outlines), self.note) if part)

    def __str__(self) -> str:
        sign = {"added": "+", "removed": "-", "changed": "~"}[self.status]
        body = self.headline if self.difference is None else str(self.difference)
        first, *rest = body.splitlines()
        return "\n".join([f"{sign} {self.name}: {first}", *(f"  {line}" for line in rest)])

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "status": self.status,
            "headline": self.headline,
            "old": self.old and {"type": self.old.type, "summary": self.old.summary},
            "new": self.new and {"type": self.new.type, "summary": self.new.summary},
            "difference": self.difference and self.difference.to_json(),
            "note": self.note,
        }


@dataclass(frozen=True)
class Diff:
    """Everything that differs between two moments."""

    a: int
    b: int
    variables: tuple[VariableDiff, ...]
    cells: tuple[Commit, ...]
    """What ran after their common past on the way to `b`, oldest first."""
    cells_before: tuple[Commit, ...] = ()
    """What ran after their common past on the way to `a`; empty unless they are on two branches."""
    trouble: str = ""
    """Why some of what ran between them is not known."""
    generators: tuple[str, ...] = ()
    """Global random generators in another state."""
    note: str = ""
    """Why values were not compared, though that was asked for."""

    @property
    def added(self) -> tuple[str, ...]:
        return self._names("added")

    @property
    def removed(self) -> tuple[str, ...]:
        return self._names("removed")

    @property
    def changed(self) -> tuple[str, ...]:
        return self._names("changed")

    def _names(self, status: str) -> tuple[str, ...]:
        return tuple(each.name for each in self.variables if each.status == status)

    def __getitem__(self, name: str) -> VariableDiff:
        for each in self.variables:
            if each.name == name:
                return each
        raise KeyError(f"{name} does not differ between times {self.a} and {self.b}")

    def __bool__(self) -> bool:
        return bool(self.variables)

    def __str__(self) -> str:
        lines = [f"time {self.a} → {self.b}: {self._counts()}"]
        lines += [str(each) for each in self.variables]
        lines += [f"~ {line}" for line in self._generators()]
        for title, cells in self._code():
            lines.append(title)
            for cell in cells:
                first, *rest = (cell.code or f"({cell.message or 'saved by hand'})").splitlines()
                failed = "" if cell.ok else f"   ✗ {cell.error}"
                lines.append(f"  [{cell.t}] {first}{failed}")
                lines += [f"  {' ' * len(str(cell.t))}   {line}" for line in rest]
        if self.trouble:
            lines.append(f"✗ the code before that cannot be read: {self.trouble}")
        if self.note:
            lines.append(f"compared by hash only: {self.note}")
        return plain("\n".join(lines))

    def _counts(self) -> str:
        counts = [
            f"{len(names)} {what}"
            for what in ("added", "changed", "removed")
            if (names := self._names(what))
        ]
        return ", ".join(counts) or "no variable differs"

    def _generators(self) -> list[str]:
        return [f"random generators: {', '.join(self.generators)}"] if self.generators else []

    def _code(self) -> list[tuple[str, tuple[Commit, ...]]]:
        found = []
        if self.cells_before:
            found.append((f"code that ran only on the way to {self.a}:", self.cells_before))
        if self.cells:
            only = " only on the way to" if self.cells_before else " on the way to"
            found.append((f"code that ran{only} {self.b}:", self.cells))
        return found

    def __repr__(self) -> str:
        return f"<Diff {self.a} → {self.b}: {self._counts()}>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))

    def to_json(self) -> dict[str, Any]:
        return {
            "a": self.a,
            "b": self.b,
            "variables": [each.to_json() for each in self.variables],
            "code": [{"t": cell.t, "code": cell.code, "ok": cell.ok} for cell in self.cells],
            "code_before": [
                {"t": cell.t, "code": cell.code, "ok": cell.ok} for cell in self.cells_before
            ],
            "trouble": self.trouble,
            "generators": list(self.generators),
            "note": self.note,
        }

    def _repr_html_(self) -> str:
        rows = "".join(_variable_html(each) for each in self.variables)
        rows += "".join(
            f"<div style='margin-top:4px;color:{_QUIET}'>~ {escape(line)}</div>"
            for line in self._generators()
        )
        code = "".join(
            f"<details style='margin-top:6px'><summary>{escape(title)} {len(cells)}</summary>"
            + "".join(
                f"<div style='margin:4px 0 0 12px;color:{_QUIET}'>[{cell.t}]"
                f"{'' if cell.ok else ' ✗ ' + escape(cell.error)}</div>"
                f"<pre style='margin:0 0 0 12px'>{escape(cell.code or cell.message)}</pre>"
                for cell in cells
            )
            + "</details>"
            for title, cells in self._code()
        )
        if self.trouble:
            code += f"<div>✗ the code before that cannot be read: {escape(self.trouble)}</div>"
        if self.note:
            code += f"<div>compared by hash only: {escape(self.note)}</div>"
        return (
            f"<div style='font-size:13px'><div><b>time {self.a} → {self.b}</b>: "
            f"{escape(self._counts())}</div>{rows}{code}</div>"
        )


_QUIET = "var(--jp-ui-font-color2, #777)"
_COLOURS = {
    "added": "var(--jp-success-color1, #388e3c)",
    "removed": "var(--jp-error-color1, #d32f2f)",
    "changed": "var(--jp-warn-color1, #f57c00)",
    "note": _QUIET,
    "same": "inherit",
}
_SIGNS = {"added": "+", "removed": "-", "changed": "~"}


def _variable_html(each: VariableDiff) -> str:
    colour = _COLOURS[each.status]
    head = (
        f"<span style='color:{colour};font-family:monospace'><b>{_SIGNS[each.status]} "
        f"{escape(each.name)}</b></span>: {escape(each.headline)}"
    )
    if each.difference is None or not (each.difference.lines or each.difference.children):
        return f"<div style='margin-top:4px'>{head}</div>"
    return (
        f"<details open style='margin-top:4px'><summary>{head}</summary>"
        f"<div style='margin-left:16px'>{_difference_html(each.difference)}</div></details>"
    )


def _difference_html(difference: Difference) -> str:
    lines = "".join(
        f"<div style='color:{_COLOURS[line.role]};white-space:pre-wrap;font-family:monospace'>"
        f"{_SIGNS.get(line.role, ' ') if line.role != 'note' else ''} {escape(line.text)}</div>"
        for line in difference.lines
    )
    children = "".join(
        f"<div style='margin-left:8px'><code>{escape(path)}</code> {escape(child.headline)}"
        f"{_difference_html(child)}</div>"
        for path, child in difference.children
    )
    more = f"<div style='color:{_QUIET}'>… {difference.more} more</div>" if difference.more else ""
    return lines + children + more


def read_arguments(
    history: History, words: Sequence[str], head: int | None
) -> tuple[int | None, int, list[str]]:
    """What `%pod_diff` and `pod diff` were asked for: up to two time references, then names.

    The two time ids, then the names. Without a reference the first is the one before HEAD, None if
    HEAD is the first of its branch; the second is HEAD unless it is given. A word that could be
    both is a reference. Raises `TimeReferenceError` for a word that can be neither.
    """
    names, references = list(words), list[int]()
    while names and len(references) < 2:
        try:
            references.append(history.resolve(names[0], head))
        except TimeReferenceError:
            if not names[0].isidentifier():
                raise
            break
        names.pop(0)
    if len(references) == 2:
        return references[0], references[1], names
    at_head = history.resolve("HEAD", head)
    before = references[0] if references else history.before(at_head)
    return before, at_head, names


def diff(
    history: History,
    a: int,
    b: int,
    names: Iterable[str] | None = None,
    *,
    values: bool = True,
) -> Diff:
    """Compare two moments: by hash which variables differ, and what in their values.

    For the second, both versions of a variable that differs are loaded, one variable at a time and
    apart from anything live. Without `values` nothing is loaded, and so no code is run.
    """
    with history.reading(a, b):
        return _diff(history, a, b, names, values=values)


def _diff(history: History, a: int, b: int, names: Iterable[str] | None, *, values: bool) -> Diff:
    commit_a, commit_b = history.commit(a), history.commit(b)
    old, new = history.variables(commit_a), history.variables(commit_b)
    chosen = sorted(old.keys() | new.keys()) if names is None else list(dict.fromkeys(names))
    unknown = [name for name in chosen if name not in old and name not in new]
    if unknown:
        raise UnknownVariableError(
            f"there is no variable {', '.join(unknown)} at time {a} or {b}; %pod_log --all shows "
            "which variables there were"
        )
    look = _Pair(history, commit_a, commit_b).difference if values else _from_outside
    found = [
        _variable(name, old.get(name), new.get(name), look)
        for name in chosen
        if not _equal(old.get(name), new.get(name))
    ]
    ran_before, ran, trouble = _code_between(history, commit_a, commit_b)
    drawn = changed(commit_a, commit_b) if names is None else ()
    return Diff(a, b, tuple(found), ran, ran_before, trouble, drawn)


def _equal(old: Variable | None, new: Variable | None) -> bool:
    return old is not None and new is not None and old.fingerprint == new.fingerprint


_Look = Callable[[Variable, Variable], tuple[Difference | None, str]]
"""Finds what changed between two versions, or a note on why that cannot be said."""


def _variable(name: str, old: Variable | None, new: Variable | None, look: _Look) -> VariableDiff:
    if old is None:
        return VariableDiff(name, "added", old, new, None)
    if new is None:
        return VariableDiff(name, "removed", old, new, None)
    return VariableDiff(name, "changed", old, new, *look(old, new))


def _from_outside(old: Variable, new: Variable) -> tuple[None, str]:
    if _outline(old) != _outline(new):
        return None, ""
    if old.nbytes == new.nbytes:
        return None, f"changed inside ({size(new.nbytes)})"
    return None, f"changed inside ({size(old.nbytes)} → {size(new.nbytes)})"


def _outline(variable: Variable) -> str:
    return f"{variable.type} {variable.summary}".strip()


class _Pair:
    """Two moments whose variables are loaded side by side."""

    def __init__(self, history: History, a: Commit, b: Commit) -> None:
        self._history = history
        self._a, self._b = a, b
        self._same = SameDefinitions(history, history.definitions(a), history.definitions(b))

    def difference(self, old: Variable, new: Variable) -> tuple[Difference | None, str]:
        if old.nbytes + new.nbytes > COMPARED_BYTES:
            return None, f"changed; too large to load both versions ({size(new.nbytes)})"
        namespace: dict[str, Any] = {}  # one for both, as a class they share has one
        before = restore(self._history, self._a, [old], namespace)

        def shared(token: str) -> Any | None:
            """A class that is the same at both moments must be one class to be compared by."""
            return before.definitions.get(token) if self._same(token) else None

        after = restore(self._history, self._b, [new], namespace, shared)
        for t, restored in ((self._a.t, before), (self._b.t, after)):
            if restored.failures:
                why = next(iter(restored.failures.values()))
                return None, f"changed; time {t} cannot be loaded: {why}"
        found = compare(before.values[old.name], after.values[new.name], limit=SAMPLES)
        if found is None:
            return None, "changed in what it shares or holds inside, with equal values"
        return found, ""


def _code_between(
    history: History, a: Commit, b: Commit
) -> tuple[tuple[Commit, ...], tuple[Commit, ...], str]:
    """Commits on the way from the nearest common ancestor to each of the two, oldest first; and
    why that is not all of them, where one cannot be read."""
    past_a, past_b = history.past(a), history.past(b)
    way_a, way_b = list[Commit](), list[Commit]()
    trouble = ""
    try:
        at_a, at_b = next(past_a, None), next(past_b, None)
        # A commit is later than its parent, so of two different ones only the later can lie on
        # the way; nothing is read beyond the common ancestor.
        while (at_a and at_a.t) != (at_b and at_b.t):
            if at_b is None or (at_a is not None and at_a.t > at_b.t):
                assert at_a is not None
                way_a.append(at_a)
                at_a = next(past_a, None)
            else:
                way_b.append(at_b)
                at_b = next(past_b, None)
    except PodError as error:
        trouble = str(error)
    return tuple(reversed(way_a)), tuple(reversed(way_b)), trouble
