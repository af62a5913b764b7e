"""Which variables hang together; finding it out takes no longer than there are variables."""

from __future__ import annotations

import time

from pod.history.snapshot import Group
from pod.history.state import State
from pod.session.survey import hanging_together


def group(names: set[str], uses: set[str] = frozenset()) -> Group:  # type: ignore[assignment]
    return Group("", frozenset(names), frozenset(), frozenset(uses), frozenset())


def state(groups: dict[str, Group], definition_groups: dict[str, Group]) -> State:
    return State(groups=groups, definition_groups=definition_groups)


def test_what_shares_objects_and_what_is_used_hang_together() -> None:
    ab, c = group({"a", "b"}, {"C#1"}), group({"c"})
    used = group({"d"}, {"C#2"})
    found = state({"a": ab, "b": ab, "c": c, "d": used}, {"C#1": used})
    assert hanging_together(found, ["a"]) == ({"a", "b", "d"}, {"C#1", "C#2"})
    assert hanging_together(found, ["c", "new"]) == ({"c", "new"}, set())


def test_many_variables_in_one_group_are_gone_through_once() -> None:
    """As all those are whose first save is under way."""
    names = {f"v{number}" for number in range(20_000)}
    whole = group(names)
    started = time.process_time()
    assert hanging_together(state(dict.fromkeys(names, whole), {}), ["v7"]) == (names, set())
    assert time.process_time() - started < 2
