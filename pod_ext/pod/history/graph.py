"""The shape of history: which lane each commit is drawn in, and the lines between them.

`layout` turns commits, newest first, into one `Row` each. A row knows the lanes at its upper edge,
those right below its node, and those at its lower edge, so that text (`node_line`, `under_line`,
`below_line`) and SVG (`svg`) are drawn from the same record and one row at a time.

Every commit has at most one parent, so a lane has exactly one goal: the commit it runs down to.
When two lanes have come to have the same goal they become one at once, the right joining the left:

    ● 6
    │ ● 5        lane 1 opens: nothing shown came from 5
    ├─╯          5 and 6 both come from 4: lane 1 joins lane 0
    ● 4

A freed lane is taken by the next commit that opens one, so there are never more lanes than branches
open at the same time. Nothing here knows what a commit contains.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lane:
    """A line down one column of the graph, at one height."""

    index: int
    """Its column, 0 is the leftmost."""
    goal: int | None
    """The time id it runs down to; None when that is older than everything shown."""
    dashed: bool
    """True when it passes over commits that are not shown."""


@dataclass(frozen=True, slots=True)
class Row:
    """One commit's part of the graph, from top to bottom; lanes from left to right."""

    t: int
    """The time id of the commit whose node this is."""
    lane: int
    """The column of its node."""
    parent: int | None
    """Its nearest shown ancestor, None when there is none."""
    above: tuple[Lane, ...]
    """At the upper edge, the same as `below` of the row before."""
    middle: tuple[Lane, ...]
    """Right below the node, before lanes join."""
    join: tuple[int, int] | None
    """`(left, right)`: below the node, lane `right` goes over into lane `left`."""
    below: tuple[Lane, ...]
    """At the lower edge."""


def layout(
    links: Iterable[tuple[int, int | None]], parents: Mapping[int, int | None] | None = None
) -> tuple[Row, ...]:
    """Rows for `(time id, parent)` pairs, newest first.

    `parents` gives the parent of commits that exist but are not shown: a line to one of those goes
    on, dashed, to the nearest ancestor that is shown, or ends in a dashed stub if there is none.
    """
    links = tuple(links)
    bridge = _Bridge({t for t, _ in links}, parents or {})
    rows: list[Row] = []
    above: tuple[Lane, ...] = ()
    for t, parent in links:
        bridge.pass_by(t)
        row = _row(t, parent, bridge.over(parent), above)
        rows.append(row)
        above = row.below
    return tuple(rows)


class _Bridge:
    """Finds the nearest ancestor whose row is still to come; visits each hidden commit once."""

    def __init__(self, shown: set[int], parents: Mapping[int, int | None]) -> None:
        self._shown = shown
        self._parents = parents
        self._found: dict[int, int | None] = {}

    def over(self, t: int | None) -> int | None:
        path = []
        while t is not None and t not in self._shown and t not in self._found:
            self._found[t] = None  # so that a damaged history that runs in circles ends here
            path.append(t)
            t = self._parents.get(t)
        end = t if t in self._shown else None if t is None else self._found[t]
        self._found.update(dict.fromkeys(path, end))
        return end if end in self._shown else None

    def pass_by(self, t: int) -> None:
        """The row of `t` is reached: no line can run down to it any more."""
        self._shown.discard(t)


def _row(t: int, parent: int | None, goal: int | None, above: tuple[Lane, ...]) -> Row:
    lane = next((one.index for one in above if one.goal == t), None)
    if lane is None:
        taken = {one.index for one in above}
        lane = next(index for index in range(len(taken) + 1) if index not in taken)
    middle = [one for one in above if one.index != lane]
    if parent is not None:
        middle.append(Lane(lane, goal, dashed=goal != parent))
    middle.sort(key=lambda one: one.index)
    join, below = _join(middle, goal)
    return Row(t, lane, goal, above, tuple(middle), join, below)


def _join(middle: list[Lane], goal: int | None) -> tuple[tuple[int, int] | None, tuple[Lane, ...]]:
    """The join below a node that runs to `goal`, if there is one, and the lanes after it."""
    going = tuple(one for one in middle if one.goal is not None)
    same = [one for one in going if one.goal == goal]
    if len(same) < 2:
        return None, going
    left, right = same
    # Where a dashed and a plain line have become one, it is plain: one of the two is what it says.
    merged = Lane(left.index, goal, left.dashed and right.dashed)
    return (left.index, right.index), tuple(
        merged if one is left else one for one in going if one is not right
    )


# As text, two columns to a lane -------------------------------------------------------------------


def width(rows: Iterable[Row]) -> int:
    """How many lanes wide the graph is, at least 1."""
    return 1 + max(
        (index for row in rows for index in (row.lane, *(lane.index for lane in row.above))),
        default=0,
    )


def node_line(row: Row, node: str = "●") -> str:
    """The row's first line: its node between the lanes that run past it."""
    return _spread({one.index: _bar(one) for one in row.above} | {row.lane: node})


def under_line(row: Row) -> str:
    """The row's second line: where lanes join or end."""
    cells = {one.index: _bar(one) for one in row.middle}
    if row.join is None:
        return _spread(cells)
    left, right = row.join
    dash = "┄" if any(one.index == right and one.dashed for one in row.middle) else "─"
    crossed = {index: "┼" if index in cells else dash for index in range(left + 1, right)}
    line = list(_spread(cells | crossed | {left: "├", right: "╯"}))
    line[2 * left + 1 : 2 * right : 2] = dash * (right - left)
    return "".join(line)


def below_line(row: Row) -> str:
    """Any further line of the row: the lanes at its lower edge."""
    return _spread({one.index: _bar(one) for one in row.below})


def _bar(lane: Lane) -> str:
    return "┆" if lane.dashed else "│"


def _spread(cells: Mapping[int, str]) -> str:
    return " ".join(cells.get(index, " ") for index in range(max(cells, default=-1) + 1))


# As SVG -------------------------------------------------------------------------------------------

_NODE_Y, _JOINED_Y = 13, 34
_COLOURS = ("#3b82d6", "#d9822b", "#3d9a5b", "#9a64c8", "#2a9d9d", "#c2609a", "#8a8f3c")
"""Of a middling lightness, to be seen on white and on black; red is left to failures."""


def svg(row: Row, lanes: int, *, hollow: bool = False, colour: str = "", ring: bool = False) -> str:
    """The row as an SVG element that fills its container: a relatively placed box, 34 px or more.

    `lanes` is the `width` of the whole graph. The node is drawn `hollow`, in a `colour` other than
    its lane's, or with a `ring` around it. Nodes and joins lie at fixed heights and the lanes below
    stretch, so rows one below the other connect however high each is.
    """
    step = _step(lanes)
    parts = [_line(one, step, "0", str(_NODE_Y)) for one in row.above]
    parts += [_below_node(one, row.join, step) for one in row.middle]
    parts += [_line(one, step, str(_JOINED_Y), "100%") for one in row.below]
    x, colour = _x(row.lane, step), colour or _colour(row.lane)
    if ring:
        parts.append(f'<circle cx="{x}" cy="{_NODE_Y}" r="7" fill="none" stroke="{colour}"/>')
    fill = "var(--jp-layout-color0,#fff)" if hollow else colour
    parts.append(
        f'<circle cx="{x}" cy="{_NODE_Y}" r="4" stroke="{colour}" stroke-width="2"'
        f' style="fill:{fill}"/>'
    )
    return (
        f'<svg width="{svg_width(lanes)}" style="position:absolute;left:0;top:0;height:100%;'
        f'max-width:none;overflow:hidden" fill="none" stroke-width="2">{"".join(parts)}</svg>'
    )


def svg_width(lanes: int) -> int:
    """Pixels across a graph of that many lanes."""
    return round(_x(lanes - 1, _step(lanes)) + 18)


def _step(lanes: int) -> float:
    """Pixels from lane to lane: many lanes move together before the graph crowds out the text."""
    return min(16.0, 240 / lanes)


def _x(index: int, step: float) -> float:
    return round(10 + index * step, 1)


def _colour(index: int) -> str:
    return _COLOURS[index % len(_COLOURS)]


def _stroke(lane: Lane) -> str:
    dash = ' stroke-dasharray="2 4"' if lane.dashed else ""
    return f'stroke="{_colour(lane.index)}"{dash}'


def _line(lane: Lane, step: float, top: str, bottom: str) -> str:
    x = _x(lane.index, step)
    return f'<line x1="{x}" y1="{top}" x2="{x}" y2="{bottom}" {_stroke(lane)}/>'


def _below_node(lane: Lane, join: tuple[int, int] | None, step: float) -> str:
    if join is None or lane.index != join[1]:
        return _line(lane, step, str(_NODE_Y), str(_JOINED_Y))
    start, end = _x(lane.index, step), _x(join[0], step)
    curve = f"M{start} {_NODE_Y}C{start} {_JOINED_Y - 6},{end} {_NODE_Y + 6},{end} {_JOINED_Y}"
    return f'<path d="{curve}" {_stroke(lane)}/>'
