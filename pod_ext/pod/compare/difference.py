"""The record of how two versions of a value differ: short strings, never the values.

A `Difference` is a tree. `str` prints it, `to_json` gives it away; how it looks in a notebook is
decided elsewhere, from the kinds and roles found here.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

Role = Literal["same", "added", "removed", "changed", "note"]
"""What a line is: context, new, gone, `where: old → new`, or a remark."""

_SIGNS: dict[Role, str] = {
    "same": "  ",
    "added": "+ ",
    "removed": "- ",
    "changed": "~ ",
    "note": "",
}


class Line(NamedTuple):
    """One line of a difference."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class Difference:
    """How one value differs from its earlier version, in the terms of its type."""

    kind: str
    """What was compared: `dataframe`, `column`, `array`, `mapping`, `sequence`, `text`, ..."""
    headline: str
    """The difference in one line."""
    lines: tuple[Line, ...] = ()
    """Details: samples of changed cells, a unified diff, remarks."""
    children: tuple[tuple[str, Difference], ...] = ()
    """What differs inside, by its path from here: `['a'][3].b`."""
    more: int = 0
    """How many more children there would be, had a limit not cut them off."""

    def __str__(self) -> str:
        return "\n".join([self.headline, *_indented(self, 1)])

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "headline": self.headline,
            "lines": [{"role": line.role, "text": line.text} for line in self.lines],
            "children": [
                {"path": path, "difference": child.to_json()} for path, child in self.children
            ],
            "more": self.more,
        }


def left_out(number: int, what: str = "") -> Line:
    """The note that stands for what a limit cut off."""
    return Line("note", f"... and {number:,} more" + (f" {what}" if what else ""))


def pruned(root: Difference, most: int) -> Difference:
    """`root` with `most` differences below it at the most, those nearest to it first."""
    kept: dict[int, int] = {}  # id of a record in the tree -> how many of its children stay
    queue = deque([root])
    while queue:
        record = queue.popleft()
        kept[id(record)] = min(len(record.children), most)
        most -= kept[id(record)]
        queue.extend(child for _, child in record.children[: kept[id(record)]])
    return _cut(root, kept)


def _cut(record: Difference, kept: dict[int, int]) -> Difference:
    number = kept[id(record)]
    children = tuple((path, _cut(child, kept)) for path, child in record.children[:number])
    return replace(record, children=children, more=record.more + len(record.children) - number)


def _indented(record: Difference, level: int) -> list[str]:
    margin = "  " * level
    texts = [f"{margin}{_SIGNS[line.role]}{line.text}" for line in record.lines]
    for path, child in record.children:
        texts.append(f"{margin}{path}: {child.headline}" if path else margin + child.headline)
        texts += _indented(child, level + 1)
    if record.more:
        texts.append(margin + left_out(record.more, "changed").text)
    return texts
