"""The graph: any forest of commits, filtered in any way, is drawn so that its links can be read."""

from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st
from pod.history.graph import Row, below_line, layout, node_line, svg, under_line, width

Links = list[tuple[int, int | None]]


@st.composite
def forests(draw: st.DrawFn) -> Links:
    """Links of up to 40 commits, newest first: each comes from any earlier one, or from none."""
    count = draw(st.integers(0, 40))
    near = st.integers(1, 4)  # most branches in practice begin a few commits back
    links: Links = []
    for t in range(1, count + 1):
        parent = draw(st.one_of(st.none(), near.map(lambda back, t=t: t - back), st.integers(0, t)))
        links.append((t, parent if parent is not None and 0 < parent < t else None))
    return links[::-1]


@st.composite
def filtered(draw: st.DrawFn) -> tuple[Links, Links]:
    """A forest, and some of its commits."""
    links = draw(forests())
    return links, [link for link in links if draw(st.booleans())]


def arrival(rows: tuple[Row, ...], start: int) -> int | None:
    """Follows the line that leaves the node of row `start` with a finger; the time id it meets."""
    lane = rows[start].lane
    if lane not in {one.index for one in rows[start].middle}:
        return None
    for here, following in pairwise(rows[start:]):
        if here.join and here.join[1] == lane:
            lane = here.join[0]
        if lane not in {one.index for one in here.below}:
            return None
        if following.lane == lane:
            return following.t
    return None


def nearest_shown(parent: int | None, links: Links, shown: Links) -> int | None:
    parents, wanted = dict(links), dict(shown)
    while parent is not None and parent not in wanted:
        parent = parents[parent]
    return parent


@given(forests())
@settings(max_examples=120)
def test_every_commit_has_exactly_one_row_in_the_order_given(links: Links) -> None:
    assert [row.t for row in layout(links)] == [t for t, _ in links]


@given(forests())
@settings(max_examples=120)
def test_every_line_leads_from_a_commit_to_its_parent(links: Links) -> None:
    rows = layout(links)
    assert [arrival(rows, index) for index in range(len(rows))] == [parent for _, parent in links]
    assert not any(lane.dashed for row in rows for lane in row.middle)


@given(filtered())
@settings(max_examples=120)
def test_lines_bridge_what_is_not_shown(case: tuple[Links, Links]) -> None:
    links, shown = case
    rows = layout(shown, dict(links))
    for index, (row, (_, parent)) in enumerate(zip(rows, shown, strict=True)):
        ancestor = nearest_shown(parent, links, shown)
        assert row.parent == ancestor == arrival(rows, index)
        leaving = [lane for lane in row.middle if lane.index == row.lane]
        assert [lane.dashed for lane in leaving] == [parent != ancestor] * (parent is not None)


@given(filtered())
@settings(max_examples=120)
def test_lanes_do_not_collide_and_connect_from_row_to_row(case: tuple[Links, Links]) -> None:
    links, shown = case
    rows = layout(shown, dict(links))
    for row in rows:
        for lanes in (row.above, row.middle, row.below):
            assert [lane.index for lane in lanes] == sorted({lane.index for lane in lanes})
        assert len({lane.goal for lane in row.below}) == len(row.below)
        assert all(lane.goal == row.t for lane in row.above if lane.index == row.lane)
    for row, following in pairwise(rows):
        assert row.below == following.above
    assert not rows or (rows[0].above, rows[-1].below) == ((), ())


@given(filtered())
@settings(max_examples=120)
def test_there_are_never_more_lanes_than_branches_open_at_once(case: tuple[Links, Links]) -> None:
    links, shown = case
    rows = layout(shown, dict(links))
    order = {t: index for index, (t, _) in enumerate(shown)}
    open_at_once = 1
    for index, row in enumerate(rows):
        running = {
            one.parent
            for one in rows[:index]
            if one.parent is not None and order[one.parent] >= index
        }
        open_at_once = max(open_at_once, len(running | {row.t}))
    assert width(rows) <= open_at_once


@given(filtered())
@settings(max_examples=120)
def test_text_and_svg_draw_every_row(case: tuple[Links, Links]) -> None:
    links, shown = case
    rows = layout(shown, dict(links))
    for row in rows:
        first = node_line(row)
        assert first.count("●") == 1 and first[2 * row.lane] == "●"
        assert all(
            len(line) < 2 * width(rows) for line in (first, under_line(row), below_line(row))
        )
        ElementTree.fromstring(svg(row, width(rows)))


def drawn(links: Links, parents: dict[int, int | None] | None = None) -> list[str]:
    rows = layout(links, parents)
    return [line for row in rows for line in (f"{node_line(row)} {row.t}", under_line(row))]


def test_a_straight_history_is_one_lane() -> None:
    assert drawn([(3, 2), (2, 1), (1, None)]) == ["● 3", "│", "● 2", "│", "● 1", ""]


def test_a_branch_joins_as_soon_as_its_next_commit_is_awaited_already() -> None:
    assert drawn([(6, 4), (5, 4), (4, None)]) == ["● 6", "│", "│ ● 5", "├─╯", "● 4", ""]


def test_the_right_lane_joins_the_left_also_when_the_left_one_comes_to_its_goal_last() -> None:
    history = drawn([(4, 2), (3, 1), (2, 1), (1, None)])
    assert history == ["● 4", "│", "│ ● 3", "│ │", "● │ 2", "├─╯", "● 1", ""]


def test_a_join_crosses_the_lanes_between() -> None:
    history = drawn([(6, 2), (5, 1), (4, 2), (2, 1), (1, None)])
    assert history[:6] == ["● 6", "│", "│ ● 5", "│ │", "│ │ ● 4", "├─┼─╯"]


def test_a_new_session_begins_a_line_of_its_own() -> None:
    assert drawn([(3, None), (2, 1), (1, None)]) == ["● 3", "", "● 2", "│", "● 1", ""]


def test_what_lies_between_is_dashed() -> None:
    assert drawn([(5, 4), (1, None)], {4: 3, 3: 1}) == ["● 5", "┆", "● 1", ""]


def test_a_dashed_line_that_meets_a_plain_one_goes_on_plain() -> None:
    history = drawn([(5, 3), (4, 1), (2, None), (1, None)], {3: 1})
    assert history[:4] == ["● 5", "┆", "┆ ● 4", "├─╯"]
    history = drawn([(5, 1), (4, 3), (1, None)], {3: 1})
    assert history == ["● 5", "│", "│ ● 4", "├┄╯", "● 1", ""]


def test_a_line_to_what_is_older_than_everything_shown_ends_in_a_stub() -> None:
    assert drawn([(9, 8), (8, 7)]) == ["● 9", "│", "● 8", "┆"]


def test_a_damaged_history_that_runs_in_circles_is_drawn_all_the_same() -> None:
    assert drawn([(9, 8), (4, 4)], {8: 7, 7: 8}) == ["● 9", "┆", "● 4", "┆"]


def test_a_long_hidden_past_costs_one_walk() -> None:
    past = {t: t - 1 for t in range(1, 100_000)}
    rows = layout([(200_000 - n, 99_999 - n) for n in range(1000)], past)
    assert {row.parent for row in rows} == {None}


def test_no_commits_are_no_rows() -> None:
    assert layout([]) == ()
    assert width([]) == 1
