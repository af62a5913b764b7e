"""Memory in huge pages: what was there is there, and nobody is kept waiting for it. Each test in a
process of its own, whose memory is as the test made it."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest
from pod.session.hugepages import huge_size

pytestmark = pytest.mark.skipif(not huge_size(), reason="this system has no huge pages")

BEGINNING = """
import ctypes, mmap, random, threading, time
from pathlib import Path
from pod.session import forked, hugepages
from pod.session.hugepages import HugePages

def amount(field):
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) >> 10 for line in lines if line.startswith(field + ":"))

def threads():
    return [each for each in threading.enumerate() if each.name == "pod-pages"]

def forks_take(seconds):
    forked.recent_seconds.extend([seconds] * forked.RECENT)

def wait_until(so):
    for _ in range(400):
        if so():
            return
        time.sleep(0.05)
    raise AssertionError("not within 20 s")

def pages(is_quiet=lambda: True):
    forks_take(0.02)
    return HugePages(is_quiet)

objects = [[i, str(i)] for i in range(1_500_000)]  # some 170 MB
assert amount("AnonHugePages") < 20
"""


def run(code: str) -> None:
    code = BEGINNING + textwrap.dedent(code)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_objects_are_moved_and_are_the_same() -> None:
    run("""
    before = amount("Rss")
    huge = pages()
    huge.rest_begins()
    wait_until(lambda: not threads())
    assert amount("AnonHugePages") > 60
    assert amount("Rss") < before * 1.1
    assert all(each == [i, str(i)] for i, each in enumerate(objects))
    objects.clear()
    """)


def test_nothing_is_moved_while_something_runs() -> None:
    run("""
    huge = pages()
    huge.rest_begins()
    assert threads()
    huge.rest_ends()
    time.sleep(1.0)
    assert amount("AnonHugePages") < 20
    huge.rest_begins()
    wait_until(lambda: amount("AnonHugePages") > 60)
    """)


def test_nothing_is_moved_before_a_rest_has_lasted() -> None:
    run("""
    huge = pages()
    for _ in range(6):
        huge.rest_begins()
        time.sleep(hugepages.QUIET_SECONDS / 2)
        huge.rest_ends()
    assert threads() and amount("AnonHugePages") < 20
    """)


def test_it_stops_when_something_begins_and_goes_on_later() -> None:
    run("""
    moved = []
    def move(start, size, really=hugepages._move):
        moved.append(start)
        if len(moved) == 5:
            huge.rest_ends()
        return really(start, size)
    hugepages._move = move
    huge = pages()
    huge.rest_begins()
    wait_until(lambda: len(moved) == 5)
    time.sleep(1.0)
    assert len(moved) == 5
    huge.rest_begins()
    wait_until(lambda: not threads())
    assert len(moved) > 30 and len(set(moved)) == len(moved)
    """)


def test_it_waits_for_quiet() -> None:
    run("""
    quiet = False
    huge = pages(lambda: quiet)
    huge.rest_begins()
    time.sleep(1.0)
    assert amount("AnonHugePages") < 20
    quiet = True
    wait_until(lambda: amount("AnonHugePages") > 60)
    """)


def test_short_forks_are_left_alone_and_the_time_after_moving_is_the_measure() -> None:
    run("""
    huge = pages()
    forks_take(hugepages.WORTH_SECONDS)
    huge.rest_begins()
    assert not threads()
    forks_take(0.02)
    huge.rest_begins()
    wait_until(lambda: not threads())
    for seconds in (0.01, 0.019):
        forks_take(seconds)
        huge.rest_begins()
        assert not threads(), seconds
    forks_take(0.021)
    huge.rest_begins()
    assert threads()
    """)


def test_one_slow_fork_is_none() -> None:
    run("""
    huge = HugePages(lambda: True)
    forked.recent_seconds.extend([0.001, 0.05, 0.001])
    huge.rest_begins()
    assert not threads()
    """)


def test_memory_that_is_mostly_unused_is_not_filled() -> None:
    run("""
    sparse = mmap.mmap(-1, 256 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for place in range(0, 256 << 20, 16384):
        sparse[place] = 1
    before = amount("Rss")
    huge = pages()
    huge.rest_begins()
    wait_until(lambda: not threads())
    assert amount("AnonHugePages") > 60
    assert amount("Rss") < before + 20
    """)


def test_what_a_child_shares_is_moved_for_this_process_only() -> None:
    run("""
    import os
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(reader, 1)
        os._exit(0 if all(each == [i, str(i)] for i, each in enumerate(objects)) else 1)
    huge = pages()
    huge.rest_begins()
    wait_until(lambda: not threads())
    for each in objects:
        each[0] = None
    os.write(writer, b"1")
    assert os.waitpid(child, 0)[1] == 0
    assert all(each == [None, str(i)] for i, each in enumerate(objects))
    """)


def test_a_process_without_huge_pages_is_not_asked_again() -> None:
    run("""
    disable = 41  # PR_SET_THP_DISABLE
    assert ctypes.CDLL(None).prctl(disable, 1, 0, 0, 0) == 0
    huge = pages()
    huge.rest_begins()
    wait_until(lambda: not threads())
    assert amount("AnonHugePages") < 20
    forks_take(0.2)
    huge.rest_begins()
    assert not threads()
    """)


def test_a_system_that_wants_none_has_none() -> None:
    run("""
    import tempfile
    settings = Path(tempfile.mkdtemp())
    (settings / "enabled").write_text("always madvise [never]")
    (settings / "hpage_pmd_size").write_text("2097152")
    hugepages._SETTINGS = settings
    huge = pages()
    huge.rest_begins()
    assert not threads()
    """)


def test_closing_ends_it() -> None:
    run("""
    huge = pages(lambda: False)
    huge.rest_begins()
    assert threads()
    huge.close()
    wait_until(lambda: not threads())
    assert amount("AnonHugePages") < 20
    """)
