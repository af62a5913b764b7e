"""Children forked for a piece of work: what they say comes back, or that they ended without."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest
from pod.session import forked
from pod.session.forked import Child, ChildLostError, Say

pytestmark = [
    pytest.mark.skipif(not forked.can_fork(), reason="forks are not used on this system"),
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]


def started(work: Any, *, outlives: bool = False) -> Child:
    """However busy other tests' threads are just then."""
    for _ in range(100):
        try:
            return forked.start(work, outlives=outlives)
        except OSError:
            time.sleep(0.05)
    raise AssertionError("other threads were at work all the time")


def test_a_word_comes_before_the_result() -> None:
    def work(say: Say) -> str:
        say(["a word", os.getpid()])
        time.sleep(0.5)
        return "the result"

    child = started(work)
    child.await_word()
    word = child.word()
    assert not child.over and word[0] == "a word" and word[1] != os.getpid()
    assert child.result() == "the result" and child.word() == word


def test_a_child_is_apart_from_the_parent_and_gives_way_to_it() -> None:
    def work(_: Say) -> tuple[int, int, int, int]:
        nice = os.getpriority(os.PRIO_PROCESS, 0)
        return os.getpgid(0), os.getpid(), os.getsid(0), nice

    group, own, session, nice = started(work).result()
    assert group == own != os.getpgid(0)  # signals to the parent's group do not reach it
    assert session == os.getsid(0)  # one of its own would be given as much time as the parent's
    assert nice == min(19, os.getpriority(os.PRIO_PROCESS, 0) + 10)


def test_one_that_goes_on_in_the_parents_place_gives_way_only_once_it_does() -> None:
    def work(_: Say) -> tuple[int, int]:
        first = os.getpriority(os.PRIO_PROCESS, 0)
        forked.give_way()
        return first, os.getpriority(os.PRIO_PROCESS, 0)

    here = os.getpriority(os.PRIO_PROCESS, 0)
    assert started(work, outlives=True).result() == (here, min(19, here + 10))


def test_the_word_may_come_with_the_result_or_not_at_all() -> None:
    def both(say: Say) -> int:
        say("word")
        return 1

    child = started(both)
    child.wait()
    child.await_word()
    assert (child.word(), child.result()) == ("word", 1)
    silent = started(lambda say: 2)
    silent.await_word()  # returns once it is over
    assert (silent.word(), silent.result()) == (None, 2)


@pytest.mark.parametrize("how", ["raises", "is killed", "says what cannot be pickled"])
def test_whoever_waits_for_a_word_of_one_that_ends_goes_on(how: str) -> None:
    def work(say: Say) -> None:
        time.sleep(0.1)
        if how == "is killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "raises":
            raise RuntimeError("broke")
        say(lambda: None)

    child = started(work)
    started_at = time.monotonic()
    child.await_word()
    assert time.monotonic() - started_at < 30 and child.over and child.word() is None
    with pytest.raises(ChildLostError):
        child.result()


def test_a_limit_on_the_size_of_files_holds_for_files_only(tmp_path: Path) -> None:
    code = f"""
        import resource
        from pod.session import forked
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))

        def work(say):
            say("x" * 100_000)
            try:
                with open({str(tmp_path / "file")!r}, "wb") as file:
                    file.write(bytes(1000))
            except OSError as error:
                return "no room"

        child = forked.start(work)
        child.await_word()
        assert child.word() == "x" * 100_000
        assert child.result() == "no room"
    """
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(code)],
        check=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(Path(forked.__file__).parents[2])},
    )


def test_a_sibling_has_the_word_and_the_result() -> None:
    def first(say: Say) -> str:
        time.sleep(0.2)
        say("word")
        time.sleep(0.2)
        return "result"

    one = started(first)
    other = started(lambda say: (one.word_for_sibling(), one.result_for_sibling()))
    assert other.result() == ("word", "result")
    assert (one.word(), one.result()) == ("word", "result")
