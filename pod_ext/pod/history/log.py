"""The log: commits to look at, as a Python sequence, as text, as HTML and as JSON.

A `Log` holds what it shows and reads nothing more: no storage, no pickles, no notebook. Which lane
a commit is drawn in is `history.graph`'s; how a size or a time is worded is `history.text`'s.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Protocol, overload

from pod.history import graph, text
from pod.history.records import Commit

_COLUMNS = 100
_NAMES_SHOWN = 6
_ALWAYS_FITS = 60
"""Characters of a line of code that are hardly ever cut in HTML, so need no way to see the rest."""
_NO_HISTORY = "No history yet: the first cell that runs, or the first save, will be time 1."


def select(commits: Iterable[Commit], names: Collection[str]) -> tuple[Commit, ...]:
    """Those commits in which any of `names` was added, changed or removed."""
    wanted = frozenset(names)
    return tuple(
        commit
        for commit in commits
        if not wanted.isdisjoint((*commit.added, *commit.changed, *commit.removed))
    )


class _Printer(Protocol):
    """As much of IPython's pretty printer as is used."""

    def text(self, obj: str) -> object: ...


@dataclass(frozen=True, eq=False, repr=False)
class Log(Sequence[Commit]):
    """Commits, newest first, that show themselves as a graph; a slice of a Log is a Log."""

    commits: tuple[Commit, ...]
    """Those to show, newest first."""
    head: int | None
    """The time id the namespace is at."""
    tags: Mapping[str, int]
    """Time ids by tag; tags of commits not shown do no harm."""
    total: int
    """How many commits there are, shown or not."""
    pending: frozenset[int] = frozenset()
    """Time ids whose saves are still being written."""
    note: str = ""
    """A last line for people, such as how to see more."""
    now: datetime | None = None
    """What `3 min ago` counts from; None for the moment it is shown."""
    parents: Mapping[int, int | None] = field(default_factory=dict)
    """Parents of commits not shown, by time id: lets lines of the graph pass what was left out."""

    def __len__(self) -> int:
        return len(self.commits)

    @overload
    def __getitem__(self, index: int) -> Commit: ...
    @overload
    def __getitem__(self, index: slice) -> Log: ...
    def __getitem__(self, index: int | slice) -> Commit | Log:
        if not isinstance(index, slice):
            return self.commits[index]
        known = {**self.parents, **{commit.t: commit.parent for commit in self.commits}}
        # The note spoke of what was shown before.
        return replace(self, commits=self.commits[index], parents=known, note="")

    def __repr__(self) -> str:
        of = f" of {self.total}" if self.total > len(self) else ""
        at = "" if self.head is None else f", HEAD at {self.head}"
        return f"<Log: {len(self)}{of} commit{'' if self.total == 1 else 's'}{at}>"

    def __str__(self) -> str:
        """The graph as text, at most 100 columns wide, less in a narrower terminal."""
        return _Text(self, _room()).render()

    def _repr_pretty_(self, printer: _Printer, cycle: bool) -> None:
        printer.text(str(self))

    def _repr_html_(self) -> str:
        return _Html(self).render()

    def to_json(self) -> list[dict[str, Any]]:
        """One dictionary of plain values per commit: its record, its tags, whether it is HEAD."""
        return [self._entry_json(entry) for entry in self._entries(self.commits)]

    def _entry_json(self, entry: _Entry) -> dict[str, Any]:
        raw = entry.commit.to_json()
        for key in ("table", "definitions", "random"):  # digests: they mean nothing to others
            del raw[key]
        return raw | {"tags": list(entry.tags), "head": entry.head, "pending": entry.pending}

    def _entries(self, commits: Iterable[Commit]) -> list[_Entry]:
        tags: dict[int, list[str]] = {}
        for tag in sorted(self.tags):
            tags.setdefault(self.tags[tag], []).append(tag)
        return [
            _Entry(one, one.t == self.head, tuple(tags.get(one.t, ())), one.t in self.pending)
            for one in commits
        ]

    def _drawn(self) -> list[tuple[graph.Row, _Entry]]:
        """What to draw, newest first also when the Log is a slice that runs backwards."""
        commits = sorted(self.commits, key=lambda commit: commit.t, reverse=True)
        rows = graph.layout(((one.t, one.parent) for one in commits), self.parents)
        return list(zip(rows, self._entries(commits), strict=True))

    def _ending(self) -> str:
        """What is said below the graph, or instead of it."""
        if not self.commits:
            said = f"No commits to show; {self.total} in all." if self.total else _NO_HISTORY
            return f"{said}\n{self.note}".rstrip()
        return self.note or (f"{len(self)} of {self.total} shown" if len(self) < self.total else "")


@dataclass(frozen=True, slots=True)
class _Entry:
    """A commit and what the Log knows about it beside its record."""

    commit: Commit
    head: bool
    tags: tuple[str, ...]
    pending: bool

    def when(self, now: datetime) -> str:
        return text.ago(self.commit.created, now)

    def ran(self) -> str:
        """How long the cell ran; nothing for a save that no cell made."""
        return text.duration(self.commit.seconds) if self.commit.seconds > 0 else ""

    def cost(self) -> str:
        return "saving…" if self.pending else text.size(self.commit.bytes)

    def groups(self) -> list[tuple[str, tuple[str, ...]]]:
        """`(sign, names)` for what was added, changed and removed; no empty ones."""
        one = self.commit
        groups = (("+", one.added), ("~", one.changed), ("-", one.removed))
        return [(sign, names) for sign, names in groups if names]

    def outcome(self) -> str:
        """What the cell raised, `''` if it went well."""
        return "" if self.commit.ok else text.one_line(self.commit.error) or "the cell raised"


# As text ------------------------------------------------------------------------------------------


def _room() -> int:
    """Columns to fill: what goes to a file or a notebook depends on no terminal."""
    if sys.stdout is None or not sys.stdout.isatty():
        return _COLUMNS
    return max(50, min(_COLUMNS, shutil.get_terminal_size((_COLUMNS, 24)).columns))


class _Text:
    """Lays a Log out in three columns: the graph with time ids and marks, the time, the cell."""

    def __init__(self, log: Log, room: int) -> None:
        self._log = log
        self._room = room
        self._now = log.now or datetime.now(UTC)
        self._drawn = log._drawn()
        self._graph = min(2 * graph.width(row for row, _ in self._drawn), room // 4)
        entries = [entry for _, entry in self._drawn]
        labels = max((text.columns(self._label(one)) for one in entries), default=0)
        self._labels = min(labels, room // 5)
        self._times = max((text.columns(self._time(one)) for one in entries), default=0)

    def render(self) -> str:
        lines = [line for row, entry in self._drawn for line in self._block(row, entry)]
        ending = self._log._ending()
        if lines and ending:
            lines.append("")
        return "\n".join([*lines, *ending.splitlines()])

    def _block(self, row: graph.Row, entry: _Entry) -> list[str]:
        """The two or three lines of one commit."""
        time = text.pad(self._time(entry), self._times)
        left = self._graph + self._labels + 3
        subject, rest = self._subject(entry, self._room - left - self._times - 3)
        label = text.ellipsis(self._label(entry), self._labels)
        first = f"{text.pad(label, self._labels)}   {time}   {subject}"
        lines = [
            self._line(graph.node_line(row, _node(entry)), first),
            self._line(
                graph.under_line(row), self._indent(self._details(entry, self._room - left))
            ),
        ]
        if rest:
            lines.append(self._line(graph.below_line(row), self._indent(rest)))
        return lines

    def _line(self, lanes: str, words: str) -> str:
        if len(lanes) > self._graph:
            lanes = lanes[: self._graph - 2] + "…"
        return text.ellipsis(f"{lanes:{self._graph}}{words}".rstrip(), self._room)

    def _indent(self, words: str) -> str:
        return " " * (self._labels + 3) + words

    @staticmethod
    def _label(entry: _Entry) -> str:
        marks = [*(["HEAD"] if entry.head else []), *map(text.one_line, entry.tags)]
        return "  ".join([str(entry.commit.t), *([" ".join(marks)] if marks else [])])

    def _time(self, entry: _Entry) -> str:
        return " · ".join(filter(None, (entry.when(self._now), entry.ran())))

    @staticmethod
    def _subject(entry: _Entry, room: int) -> tuple[str, str]:
        """The first line's last column, and what is left for a third line."""
        line, more = text.gist(entry.commit.code)
        message = text.one_line(entry.commit.message)
        outcome = entry.outcome()
        said = [*([f"“{message}”"] if message else []), *([f"✗ {outcome}"] if outcome else [])]
        if not line:
            line = said.pop(0) if message else "(no code)"
        tail = f"  {text.more_lines(more)}" if more else ""
        return text.ellipsis(line, room - len(tail)) + tail, " · ".join(said)

    @staticmethod
    def _details(entry: _Entry, room: int) -> str:
        """What changed and what it cost; as many names as leave the cost to be seen."""
        cost = f" · {entry.cost()}"
        room -= len(cost)
        changes = "no variable changed"
        for limit in range(_NAMES_SHOWN, 0, -1):
            groups = (sign + text.listing(names, limit) for sign, names in entry.groups())
            changes = "  ".join(groups) or changes
            if text.columns(changes) <= room:
                break
        return text.ellipsis(changes, room) + cost


def _node(entry: _Entry) -> str:
    return "○" if entry.pending else "◉" if entry.head else "●"


# As HTML ------------------------------------------------------------------------------------------

# Colours are the frontend's own where it names them. Those named here for other frontends are to be
# read on white and on black alike.
_FAINT = "color:var(--jp-ui-font-color2,#808080)"
_ACCENT = "var(--jp-brand-color1,#3b82d6)"
_RED = "var(--jp-error-color1,#e05252)"
_SIGNS = {
    "+": ("added", "var(--jp-success-color1,#3d9a5b)"),
    "~": ("changed", _ACCENT),
    "-": ("removed", _RED),
}
_MONO = "font-family:var(--jp-code-font-family,ui-monospace,Menlo,Consolas,monospace)"
# JupyterLab styles the tables, code and preformatted text of outputs; what it sets is set back.
_CELL = (
    "padding:3px 14px 3px 0;text-align:left;vertical-align:top;line-height:1.5;border:0;"
    "background:none"
)
_CUT = "white-space:nowrap;overflow:hidden;text-overflow:ellipsis"
_CODE = f"{_MONO};font-size:1em;background:none;border:0;padding:0;color:inherit"
_BADGE = (
    "display:inline-block;padding:0 6px;border-radius:8px;font-size:.85em;line-height:1.4;"
    "vertical-align:middle"
)


class _Html:
    """A table of one row per commit; the graph is an SVG per row that stretches with its row."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._now = log.now or datetime.now(UTC)
        self._drawn = log._drawn()
        self._lanes = graph.width(row for row, _ in self._drawn)

    def render(self) -> str:
        rows = "".join(self._row(row, entry) for row, entry in self._drawn)
        table = (
            '<table style="border-collapse:collapse;border:0;margin:0;table-layout:auto;'
            f'width:100%;font-size:inherit;color:inherit">{rows}</table>'
        )
        ending = text.escape(self._log._ending()).replace("\n", "<br>")
        return (
            '<div style="font-size:var(--jp-ui-font-size1,13px);line-height:1.5;overflow-x:auto;'
            f'color:var(--jp-ui-font-color1,inherit)">{table if rows else ""}'
            f'<div style="{_FAINT};padding:4px 0">{ending}</div></div>'
        )

    def _row(self, row: graph.Row, entry: _Entry) -> str:
        lanes = graph.svg(
            row,
            self._lanes,
            hollow=entry.pending,
            colour="" if entry.commit.ok else "#e05252",
            ring=entry.head,
        )
        across = graph.svg_width(self._lanes)
        return (
            '<tr style="background:none">'
            f'<td style="{_CELL};padding:0;position:relative;width:{across}px;'
            f'min-width:{across}px;height:40px">{lanes}</td>'
            f'<td style="{_CELL};white-space:nowrap" title="{_origin(entry.commit)}">'
            f"<b>{text.escape(str(entry.commit.t))}</b>{self._marks(entry)}</td>"
            f'<td style="{_CELL};{_FAINT};white-space:nowrap">{self._time(entry)}</td>'
            # Takes what the others leave, however long its lines: those are cut by the browser.
            f'<td style="{_CELL};width:100%;max-width:0;min-width:16em">'
            f"{_subject(entry)}{_details(entry)}</td></tr>"
        )

    def _time(self, entry: _Entry) -> str:
        ran = f'<div title="how long the cell ran">{entry.ran()}</div>' if entry.ran() else ""
        when = text.escape(entry.when(self._now))
        return f'<div title="{text.escape(entry.commit.created)}">{when}</div>{ran}'

    @staticmethod
    def _marks(entry: _Entry) -> str:
        head = f'<span style="{_BADGE};background:{_ACCENT};color:#fff">HEAD</span>'
        style = (
            f"{_BADGE};max-width:12em;{_CUT};box-shadow:inset 0 0 0 1px {_ACCENT};color:{_ACCENT}"
        )
        tags = [
            f'<span style="{style}" title="{tag}">{tag}</span>'
            for tag in map(text.escape, entry.tags)
        ]
        return "".join(f" {mark}" for mark in ([head] if entry.head else []) + tags)


def _origin(commit: Commit) -> str:
    """Where a commit was made and what that took, to be read on hovering over its time id."""
    facts = (
        commit.notebook,
        f"Python {commit.python}" if commit.python else "",
        f"session {commit.session}" if commit.session else "",
        f"the save took {text.duration(commit.save_seconds)}",
    )
    return text.escape("\n".join(filter(None, facts)))


def _subject(entry: _Entry) -> str:
    """The cell's telling line, which opens to the whole cell, then its message and its error."""
    line, more = text.gist(entry.commit.code)
    parts = []
    if line:
        parts.append(_code(line, more, entry.commit.code))
    if entry.commit.message:
        parts.append(f"<div><i>“{text.escape(entry.commit.message)}”</i></div>")
    if not parts:
        parts.append(f'<div style="{_FAINT}">(no code)</div>')
    if outcome := entry.outcome():
        parts.append(f'<div style="color:{_RED}">✗ {text.escape(outcome)}</div>')
    return "".join(parts)


def _code(line: str, more: int, whole: str) -> str:
    shown = f'<code style="{_CODE};white-space:pre">{text.escape(text.ellipsis(line, 200))}</code>'
    if not more and len(line) <= _ALWAYS_FITS:
        return f'<div style="{_CUT}" title="{text.escape(whole)}">{shown}</div>'
    rest = f' <span style="{_FAINT}">{text.more_lines(more)}</span>'
    block = f"{_CODE};margin:4px 0 6px;padding-left:12px;white-space:pre-wrap"
    return (
        f'<details><summary style="{_CUT};cursor:pointer">{shown}{rest}</summary>'
        f'<pre style="{block}">{text.escape(whole.strip(chr(10)))}</pre></details>'
    )


def _details(entry: _Entry) -> str:
    groups = [_group(sign, names) for sign, names in entry.groups()]
    changes = f'<span style="{_MONO}">{"&nbsp; ".join(groups)}</span>'
    changes = changes if groups else "no variable changed"
    return f'<div style="{_FAINT}">{changes} · {entry.cost()}</div>'


def _group(sign: str, names: tuple[str, ...]) -> str:
    word, colour = _SIGNS[sign]
    everything = text.escape(f"{word}: {', '.join(names)}")
    shown = text.escape(sign + text.listing(names, _NAMES_SHOWN))
    return f'<span style="color:{colour}" title="{everything}">{shown}</span>'
