"""One moment in full, its cell, its outcome and all its variables; or one variable and its past.

Made from commits, variable tables and manifests alone: nothing here unpickles anything.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from pod.errors import PodError
from pod.history import text
from pod.history.generators import changed
from pod.history.moments import History
from pod.history.records import Commit, Variable
from pod.history.restore import choose

Status = Literal["added", "changed", "removed"]

_SIGNS: dict[Status | None, str] = {"added": "+", "changed": "~", "removed": "-", None: " "}
_NAME_COLUMNS, _TYPE_COLUMNS, _SUMMARY_COLUMNS, _CODE_COLUMNS = 32, 24, 44, 60
_OPAQUE_SHOWN = 5


@dataclass(frozen=True, slots=True)
class CommitReport:
    """One moment."""

    commit: Commit
    tags: tuple[str, ...]
    head: bool
    """Whether it is HEAD."""
    variables: tuple[Variable, ...]
    """All that there were, by name."""
    trouble: str = ""
    """Why its variables cannot be listed."""
    generators: tuple[str, ...] = ()
    """Global random generators that are in another state than at the moment before."""
    parent_is_there: bool = True
    """False when the time that it came from was removed."""

    def __str__(self) -> str:
        return "\n".join([*self._heading(), "", *self._code(), "", *self._table()])

    def _heading(self) -> Iterator[str]:
        one = self.commit
        marks = [*(["HEAD"] if self.head else []), *self.tags]
        came = "the first of its branch" if one.parent is None else f"after time {one.parent}"
        if not self.parent_is_there:
            came += ", which was removed"
        yield f"time {one.t}{'  ' if marks else ''}{' '.join(marks)}, {came}"
        facts = (
            _when(one.created),
            f"the cell ran {text.duration(one.seconds)}" if one.seconds > 0 else "",
            text.one_line(one.notebook),
            f"Python {text.one_line(one.python)}" if one.python else "",
        )
        yield " · ".join(filter(None, facts))
        if not one.ok:
            yield f"✗ {text.one_line(one.error) or 'the cell raised'}"
        if one.message:
            yield f"“{text.one_line(one.message)}”"
        changes = [
            f"{_SIGNS[status]}{', '.join(map(text.one_line, names))}"
            for status, names in _changes(one)
            if names
        ]
        cost = f"{text.size(one.bytes)} stored, the save took {text.duration(one.save_seconds)}"
        yield f"{'  '.join(changes) or 'no variable changed'} · {cost}"
        if self.generators:
            yield f"random generators drawn from or seeded: {', '.join(self.generators)}"

    def _code(self) -> list[str]:
        lines = self.commit.code.strip("\n").splitlines()
        return [f"    {line}".rstrip() for line in lines] or ["    (no code)"]

    def _table(self) -> Iterator[str]:
        if self.trouble:
            yield f"✗ its variables cannot be listed: {self.trouble}"
            return
        yield f"{len(self.variables)} variable{'' if len(self.variables) == 1 else 's'}"
        rows = [_row(variable, _status(self.commit, variable.name)) for variable in self.variables]
        for variable, line in zip(self.variables, _aligned(rows), strict=True):
            yield line
            yield from (f"    ✗ opaque: {what}" for what in _opaque(variable))

    def to_json(self) -> dict[str, Any]:
        raw = self.commit.to_json()
        for key in ("table", "definitions", "random"):  # digests: they mean nothing to others
            del raw[key]
        return raw | {
            "tags": list(self.tags),
            "head": self.head,
            "variables": [_variable_json(variable) for variable in self.variables],
            "trouble": self.trouble,
            "generators": list(self.generators),
        }


@dataclass(frozen=True, slots=True)
class Version:
    """A variable as one commit made it."""

    commit: Commit
    status: Status
    variable: Variable | None
    """None where it was removed, or its table is damaged."""


@dataclass(frozen=True, slots=True)
class VariableReport:
    """One variable at one moment, and how it came to be so."""

    t: int
    variable: Variable
    shares: tuple[str, ...]
    """Variables that it shares objects with."""
    history: tuple[Version, ...]
    """Commits that made, changed or removed it, on the way to `t`; newest first."""
    trouble: str = ""
    """Why its past is not known further back."""

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        one = self.variable
        outline = " ".join(filter(None, (one.type, one.summary)))
        yield (
            f"{text.one_line(one.name)} at time {self.t}: {text.one_line(outline)}, "
            f"{text.size(one.nbytes)} before compression"
        )
        if self.shares:
            yield f"  shares objects with {text.listing(self.shares, 12)}"
        if one.versions:
            saved_with = [f"{package} {version}" for package, version in one.versions]
            yield f"  saved with {text.listing(saved_with, 6)}"
        yield from (f"  ✗ opaque: {what}" for what in _opaque(one))
        yield ""
        yield from _aligned([self._version(version) for version in self.history])
        if self.trouble:
            yield f"✗ its earlier history cannot be read: {self.trouble}"

    @staticmethod
    def _version(version: Version) -> tuple[str, ...]:
        commit, variable = version.commit, version.variable
        line, more = text.gist(commit.code)
        line = line or text.one_line(commit.message) or "(no code)"
        return (
            f"{_SIGNS[version.status]} {commit.t}",
            text.ago(commit.created, datetime.now(UTC)),
            variable.type if variable else "",
            variable.summary if variable else version.status,
            text.size(variable.nbytes) if variable else "",
            f"{text.ellipsis(line, _CODE_COLUMNS)} {text.more_lines(more)}".rstrip(),
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "t": self.t,
            **_variable_json(self.variable),
            "shares": list(self.shares),
            "history": [
                {
                    "t": version.commit.t,
                    "created": version.commit.created,
                    "status": version.status,
                    "code": version.commit.code,
                    "variable": version.variable and _variable_json(version.variable),
                }
                for version in self.history
            ],
            "trouble": self.trouble,
        }


def show_commit(history: History, t: int, head: int | None) -> CommitReport:
    """All that is known of one moment. Raises where its commit cannot be read; where only its
    variables cannot, the report says so."""
    commit = history.commit(t)
    variables, trouble = tuple[Variable, ...](), ""
    try:
        table = history.variables(commit)
        variables = tuple(table[name] for name in sorted(table))
    except PodError as error:
        trouble = str(error)
    drawn: tuple[str, ...] = ()
    if commit.parent is not None:
        with contextlib.suppress(PodError):
            drawn = changed(history.commit(commit.parent), commit)
    tags = tuple(sorted(tag for tag, tagged in history.repository.tags().items() if tagged == t))
    is_there = commit.parent is None or history.exists(commit.parent)
    return CommitReport(commit, tags, t == head, variables, trouble, drawn, is_there)


def show_variable(history: History, t: int, name: str) -> VariableReport:
    """One variable of one moment, and what it was on the way there. `UnknownVariableError` if it
    did not exist at that time."""
    commit = history.commit(t)
    [variable] = choose(history.variables(commit), [name], t)
    shares: tuple[str, ...] = ()
    with contextlib.suppress(PodError):  # a damaged manifest is for `verify` to tell
        shares = tuple(sorted(history.manifest(variable.manifest).names.keys() - {name}))
    versions: list[Version] = []
    try:
        for past in history.past(commit):
            status = _status(past, name)
            if status is not None:
                versions.append(Version(past, status, _at(history, past, name)))
    except PodError as error:
        return VariableReport(t, variable, shares, tuple(versions), str(error))
    return VariableReport(t, variable, shares, tuple(versions))


def _at(history: History, commit: Commit, name: str) -> Variable | None:
    try:
        return history.variables(commit).get(name)
    except PodError:
        return None


def _changes(commit: Commit) -> tuple[tuple[Status, tuple[str, ...]], ...]:
    return ("added", commit.added), ("changed", commit.changed), ("removed", commit.removed)


def _status(commit: Commit, name: str) -> Status | None:
    return next((status for status, names in _changes(commit) if name in names), None)


def _row(variable: Variable, status: Status | None) -> tuple[str, ...]:
    return (
        f"{_SIGNS[status]} {text.ellipsis(text.one_line(variable.name), _NAME_COLUMNS)}",
        text.ellipsis(text.one_line(variable.type), _TYPE_COLUMNS),
        text.ellipsis(text.one_line(variable.summary), _SUMMARY_COLUMNS),
        text.size(variable.nbytes),
    )


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    """Rows as lines, their columns below each other."""
    widths = [max(map(text.columns, column)) for column in zip(*rows, strict=True)]
    return [
        "   ".join(text.pad(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _opaque(variable: Variable) -> list[str]:
    shown = [text.one_line(what) for what in variable.opaque[:_OPAQUE_SHOWN]]
    more = len(variable.opaque) - len(shown)
    return [*shown, f"… {more} more"] if more else shown


def _variable_json(variable: Variable) -> dict[str, Any]:
    raw = variable.to_json()
    del raw["manifest"]
    return raw


def _when(created: str) -> str:
    """`2026-01-05 12:33:10 UTC, 3 min ago`; what is no time is given back as it is."""
    moment = text.moment(created)
    if moment is None:
        return text.one_line(created)
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC, {text.ago(created, datetime.now(UTC))}"
