"""What forked children hang at, cell after cell, is not given to them for ever."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pod
import pytest
from pod.session import forked
from pod.session.suspects import Suspects
from support.forks import recorded
from support.kernels import wait_until


class Hangs:
    """Waits, in a process other than the one that made it, for something that never comes."""

    def __init__(self) -> None:
        self.pid = os.getpid()

    def __reduce__(self) -> tuple[Any, ...]:
        while os.getpid() != self.pid:
            time.sleep(1000)
        return int, (5,)


class Dawdles(Hangs):
    """Is busy with it instead."""

    def __reduce__(self) -> tuple[Any, ...]:
        while os.getpid() != self.pid:
            pass
        return int, (6,)


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> list[forked.Child]:
    """All that are forked; those that do nothing are soon given up."""
    monkeypatch.setattr(forked, "STUCK_SECONDS", 0.5)
    return recorded(monkeypatch)


def test_a_variable_that_hangs_children_is_looked_at_here_from_the_second_on(
    tmp_path: Path, children: list[forked.Child]
) -> None:
    with pod.open(tmp_path / ".pod", snapshot="fork") as store:
        ns = pod.new_managed_namespace(x=Hangs(), y=0)
        times = []
        for n in range(4):
            ns["x"], ns["y"] = Hangs(), n
            times.append(store.save(ns))
            store.flush()
        assert [child.hung for child in children] == [True, True]
        assert [store.load(t) for t in times] == [{"x": 5, "y": n} for n in range(4)]
        # What was beside it there is looked at by a child where it is touched alone.
        ns["y"] = [1]
        store.save(ns)
        store.flush()
        assert [child.hung for child in children] == [True, True, False]
        assert store.load(store.log()[0].t) == {"x": 5, "y": [1]}


def test_those_that_came_after_one_that_hung_are_ended_with_it(
    tmp_path: Path, children: list[forked.Child]
) -> None:
    with pod.open(tmp_path / ".pod", snapshot="fork") as store:
        ns = pod.new_managed_namespace(x=Hangs())
        store.save(ns)
        for name in "yz":
            ns[name] = Dawdles()
            store.save(ns)
        store.flush()
        assert [child.hung for child in children] == [True, False, False]
        assert store.load("HEAD") == {"x": 5, "y": 6, "z": 6}
        assert all(child.over and child.pid for child in children)
        for child in children:
            wait_until(lambda pid=child.pid: not Path(f"/proc/{pid}").exists(), "it has ended")
        files = [str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.exists()]
        assert not [each for each in files if "memfd:pod-" in each]


def test_who_was_there_each_time_is_suspected() -> None:
    suspects = Suspects()
    suspects.note({"x", "y"}, hung=True)
    assert not suspects.are_among({"x", "y"}), "once is not enough"
    suspects.note({"x", "z"}, hung=True)
    assert suspects.are_among({"x"})
    assert suspects.are_among({"x", "other"})
    assert not suspects.are_among({"y", "z"})
    suspects.note({"x"}, hung=False)
    assert not suspects.are_among({"x"})


def test_who_is_suspected_together_is_cleared_one_by_one() -> None:
    suspects = Suspects()
    for _ in range(2):
        suspects.note({"x", "y"}, hung=True)
    assert suspects.are_among({"x", "y"})
    assert not suspects.are_among({"x"}) and not suspects.are_among({"y"})
    suspects.note({"y", "z"}, hung=False)
    assert suspects.are_among({"x"})
    suspects.note({"v"}, hung=True)
    assert not suspects.are_among({"v"}) and suspects.are_among({"x", "v"})


def test_one_that_hung_once_is_looked_at_by_children_again(
    tmp_path: Path, children: list[forked.Child]
) -> None:
    with pod.open(tmp_path / ".pod", snapshot="fork") as store:
        ns = pod.new_managed_namespace()
        for value in (Hangs(), 1, Hangs(), 2, Hangs(), 3):
            ns["x"] = value
            store.save(ns)
            store.flush()
        assert [child.hung for child in children] == [True, False, True, False, True, False]
        assert store.load(store.log()[0].t) == {"x": 3}


@pytest.mark.parametrize("depth, forked_in_all", [(1, 2), (2, 4)])
def test_a_fork_that_some_library_hangs_in_is_given_up(
    tmp_path: Path, depth: int, forked_in_all: int
) -> None:
    """In the process between, or in the child before any code of ours runs in it."""
    script = f"""
        import os, time
        import pod
        from pod.session import forked

        forked.STUCK_SECONDS = 0.5
        forks = 0
        children = []

        def in_child():
            global forks
            forks += 1
            if forks == {depth}:
                time.sleep(1000)

        os.register_at_fork(after_in_child=in_child)

        def start(*args, **kwargs):
            children.append(begin(*args, **kwargs))
            return children[-1]

        begin, forked.start = forked.start, start
        with pod.open(snapshot="fork") as store:
            ns = pod.new_managed_namespace()
            for n in range(4):
                ns[f"x{{n}}"] = [n]
                store.save(ns)
                store.flush()
            assert all(child.hung for child in children)
            assert store.load("HEAD") == {{f"x{{n}}": [n] for n in range(4)}}
        print(len(children))
    """
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.stderr == ""
    assert int(ran.stdout) == forked_in_all
