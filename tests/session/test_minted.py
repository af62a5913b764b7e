"""Functions and classes that are met for the first time in a child: each has one token, whoever
meets it, and no moment is lost for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pod
import pytest
from pod.session import forked

pytestmark = [
    pytest.mark.skipif(not forked.can_fork(), reason="forks are not used on this system"),
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]

SOURCE = """
def make(n):
    class Inner:
        number = n
    return [lambda: n, Inner]
deep = {"held": [make(0)], "count": [0]}
"""


def tokens_at(store: pod.PodStore, t: int) -> set[str]:
    return set(store.history.definitions(store.history.commit(t)))


def run(store: pod.PodStore, cells: list[str]) -> list[int]:
    """Saves that follow each other at once, each in a child of its own."""
    namespace = pod.new_managed_namespace(__name__="__main__")
    times = []
    for cell in cells:
        exec(cell, namespace)
        times.append(store.save(namespace, code=cell))
    store.flush()
    assert [commit.t for commit in reversed(store.log())] == times, "a moment was lost"
    return times


def held(store: pod.PodStore, t: int) -> tuple[int, int, list[int]]:
    deep: Any = store.load(t)["deep"]
    function, cls = deep["held"][-1]
    return function(), cls.number, deep["count"]


def test_the_same_ones_met_in_several_children_have_one_token(tmp_path: Path) -> None:
    with pod.open(tmp_path / ".pod", snapshot="fork") as store:
        cells = [SOURCE, *(f"deep['count'].append({n})" for n in range(1, 6))]
        times = run(store, cells)
        assert [held(store, t) for t in times] == [(0, 0, [*range(n + 1)]) for n in range(6)]
        assert len({frozenset(tokens_at(store, t)) for t in times}) == 1
        for t in times[1:]:
            assert store.history.commit(t).changed == ("deep",)
        assert store.verify()


def test_what_takes_the_place_of_another_in_memory_is_saved_as_what_it_is(tmp_path: Path) -> None:
    with pod.open(tmp_path / ".pod", snapshot="fork") as store:
        replaced = "deep['held'].clear(); deep['held'].append(make({0})); deep['count'].append({0})"
        times = run(store, [SOURCE, *(replaced.format(n) for n in range(1, 6))])
        assert [held(store, t) for t in times] == [(n, n, [*range(n + 1)]) for n in range(6)]
        assert store.verify()


def test_new_ones_beside_those_that_are_being_looked_at(tmp_path: Path) -> None:
    with pod.open(tmp_path / ".pod", snapshot="fork") as store:
        added = "deep['held'].append(make({0})); deep['count'].append({0})"
        times = run(store, [SOURCE, *(added.format(n) for n in range(1, 6))])
        assert [held(store, t) for t in times] == [(n, n, [*range(n + 1)]) for n in range(6)]
        loaded = store.load(times[-1])["deep"]["held"]
        assert [function() for function, _ in loaded] == [cls.number for _, cls in loaded]
        assert [cls.number for _, cls in loaded] == [*range(6)]
