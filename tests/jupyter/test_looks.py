"""Looks made in a forked child while the user goes on, in real kernels: children that die, hang or
cannot write, many at a time, beside threads."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pod.session.hugepages import huge_size
from support.forks import children, looks
from support.kernels import ForkingKernel, PodKernel, wait_until

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="no such forks here")

SLOW = """
import time
class Slow:
    def __init__(self, seconds): self.seconds = seconds
    def __reduce__(self):
        time.sleep(self.seconds)
        return Slow, (self.seconds,)
"""


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[PodKernel]:
    directory = tmp_path / "work"
    directory.mkdir()
    with ForkingKernel(directory) as kernel:
        yield kernel


def one_child(kernel: PodKernel) -> int:
    wait_until(lambda: looks(kernel), "a child is at work")
    return looks(kernel)[0]


def test_the_next_cell_runs_while_the_last_one_is_looked_at(kernel: PodKernel) -> None:
    kernel.run(SLOW)
    kernel.run("%pod_status")  # waits until it has been looked at
    kernel.run("x = Slow(5)")
    started = time.monotonic()
    assert kernel.value("1 + 1") == 2
    assert time.monotonic() - started < 4
    kernel.run("y = 1")
    assert [commit["code"] for commit in kernel.log()][:2] == ["y = 1", "x = Slow(5)"]
    assert kernel.head["added"] == ["y"]


def test_what_is_saved_is_what_was_there_when_the_cell_ended(kernel: PodKernel) -> None:
    kernel.run(SLOW)
    kernel.run("%pod_status")  # waits until it has been looked at
    kernel.run("log = [1]; x = [Slow(1.0), log]")
    first = kernel.head["t"]
    kernel.run("log.append(2)")
    kernel.run("log.clear(); del x")
    kernel.run(f"%pod_checkout {first}")
    assert kernel.value("log, x[1] is log") == ([1], True)
    kernel.run(f"%pod_checkout {first + 1}")
    assert kernel.value("log, x[1] is log") == ([1, 2], True)


def test_what_the_user_closes_is_closed_for_whoever_is_at_the_other_end(
    kernel: PodKernel,
) -> None:
    kernel.run(SLOW)
    kernel.run("%pod_status")  # waits until it has been looked at
    kernel.run(
        "import os, socket, subprocess\n"
        "reads = subprocess.Popen(['cat'], stdin=subprocess.PIPE)\n"
        "one, other = socket.socketpair()\n"
        "pipe, into = os.pipe()\n"
        "server = socket.create_server(('127.0.0.1', 0))\n"
        "x = Slow(4.5)"
    )
    child = one_child(kernel)
    ran = kernel.run(
        "reads.stdin.close(); reads.wait(2)\n"
        "one.close(); other.settimeout(2); assert other.recv(1) == b''\n"
        "os.close(into); os.set_blocking(pipe, False); assert os.read(pipe, 1) == b''\n"
        "port = server.getsockname()[1]; server.close()\n"
        "server = socket.create_server(('127.0.0.1', port))"
    )
    assert ran.error == ""
    assert child in looks(kernel), "it was still at work"
    kernel.run("del x")
    kernel.run("%pod_undo")
    assert kernel.value("x.seconds") == 4.5


def test_a_child_that_is_killed_costs_nothing(kernel: PodKernel) -> None:
    kernel.run(SLOW)
    kernel.run("%pod_status")  # waits until it has been looked at
    kernel.run("x = [Slow(5), 'kept']")
    t = kernel.newest()
    os.kill(one_child(kernel), signal.SIGKILL)
    wait_until(lambda: t in kernel.durable(), "it is saved again while the kernel is idle")
    assert kernel.run(f"%pod_checkout {t}").error == ""
    assert kernel.value("x[1]") == "kept"
    assert kernel.log()[0]["code"] == "x = [Slow(5), 'kept']"


def test_a_child_that_is_killed_while_a_cell_runs_is_made_up_for(kernel: PodKernel) -> None:
    kernel.run(SLOW)
    kernel.run("%pod_status")  # waits until it has been looked at
    kernel.run("x = [Slow(5), 'kept']")
    child = one_child(kernel)
    kernel.run(
        f"import os, signal; os.kill({child}, signal.SIGKILL); time.sleep(0.3); x[1] = 'new'"
    )
    kernel.run("y = 1")
    codes = [commit["code"] for commit in kernel.log()]
    assert any("x = [Slow(5), 'kept']" in code for code in codes)
    kernel.run("del x, y")
    kernel.run("%pod_undo")
    assert kernel.value("x[1], y") == ("new", 1)


def test_a_child_that_hangs_is_ended(kernel: PodKernel) -> None:
    kernel.run(SLOW)
    kernel.run("%pod_status")  # waits until it has been looked at
    kernel.run("x = [Slow(5), 'kept']")
    t = kernel.newest()
    os.kill(one_child(kernel), signal.SIGSTOP)
    assert kernel.value("x[1]") == "kept"  # nobody waits for it
    wait_until(lambda: t in kernel.durable(), "it is given up, and saved again")
    assert not looks(kernel)
    kernel.run("del x")
    kernel.checkout(t)
    assert kernel.value("x[1]") == "kept"


def test_a_lock_that_a_thread_held_at_the_fork_hangs_nothing(kernel: PodKernel) -> None:
    kernel.run(
        "import threading, time\n"
        "lock = threading.Lock()\n"
        "class Locked:\n"
        "    def __reduce__(self):\n"
        "        with lock: return Locked, ()\n"
        "def hold():\n"
        "    while True:\n"
        "        with lock: time.sleep(0.05)\n"
        "threading.Thread(target=hold, daemon=True).start()"
    )
    kernel.run("x = [Locked(), 'kept']")
    assert kernel.value("x[1]") == "kept"
    t = kernel.head["t"]
    kernel.run("del x")
    kernel.run(f"%pod_checkout {t} x")  # the lock is touched by the thread all the time
    assert kernel.value("x[1]") == "kept"


def test_an_interrupt_is_not_for_the_children(kernel: PodKernel) -> None:
    kernel.run(SLOW)
    kernel.run("%pod_status")  # waits until it has been looked at
    kernel.run("x = [Slow(1.0), 'kept']")
    t = kernel.newest()
    child = one_child(kernel)
    kernel.interrupt()
    time.sleep(0.2)
    assert child in looks(kernel)
    wait_until(lambda: t in kernel.durable(), "the child goes on")


def test_no_wait_of_the_users_meets_a_child(kernel: PodKernel) -> None:
    kernel.run(SLOW)
    kernel.run("%pod_status")  # waits until it has been looked at
    kernel.run("x = Slow(4.0)")
    kernel.run("y = 1")
    one_child(kernel)
    wait_until(lambda: not children(kernel), "what was in between is gone", 3)
    ran = kernel.run(
        "import os\n"
        "try:\n    os.waitpid(-1, os.WNOHANG)\n    print('somebody')\n"
        "except ChildProcessError:\n    print('nobody')"
    )
    assert ran.stdout == "nobody\n"


def test_many_saves_under_way_are_each_of_their_own_moment(kernel: PodKernel) -> None:
    kernel.run(SLOW)
    kernel.run("%pod_status")  # waits until it has been looked at
    kernel.run("x = [Slow(0.2), []]")
    first = kernel.newest()
    for number in range(12):
        kernel.run(f"x[1].append({number})")
    for number in (0, 5, 11):
        kernel.run(f"%pod_checkout {first + 1 + number}")
        assert kernel.value("x[1]") == list(range(number + 1))


def test_a_kernel_with_many_threads_and_pools_is_saved(kernel: PodKernel) -> None:
    kernel.run(
        "import threading, numpy as np\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "stop = threading.Event()\n"
        "def work():\n"
        "    while not stop.is_set(): np.ones((200, 200)) @ np.eye(200)\n"
        "at_work = [threading.Thread(target=work, daemon=True) for _ in range(8)]\n"
        "for each in at_work: each.start()\n"
        "pool = ThreadPoolExecutor(4)\n"
        "futures = [pool.submit(sum, range(1000)) for _ in range(40)]"
    )
    for number in range(10):
        kernel.run(f"a{number} = np.arange({number} + 200_000); d{number} = {{'n': [{number}]}}")
    kernel.run("stop.set()\nfor each in at_work: each.join()\ndel each, at_work")
    t = kernel.head["t"]
    kernel.run("del a3, d3")
    kernel.run(f"%pod_checkout {t}")
    assert kernel.value("int(a3[-1]), d3") == (200_002, {"n": [3]})


def test_what_is_opaque_is_told_when_it_is_known(kernel: PodKernel) -> None:
    said = [*kernel.run("g = (n for n in range(3))").said]
    said += kernel.run("%pod_status").said  # waits until it has been looked at
    said += kernel.run("x = 1").said
    assert len([line for line in said if "`g` cannot be saved" in line]) == 1


def fill(kernel: PodKernel) -> None:
    """Give it much memory that is not saved, and have it fork so often that this shows."""
    kernel.run("%config PodExtension.exclude = ['many']")
    kernel.run("many = [[i] for i in range(5_000_000)]")
    for i in range(3):
        kernel.run(f"x = {i}")


def in_huge_pages(kernel: PodKernel) -> int:
    """Megabytes."""
    lines = Path(f"/proc/{kernel.pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) >> 10 for line in lines if line.startswith("AnonHugePages:"))


@pytest.mark.skipif(not huge_size(), reason="this system has no huge pages")
def test_much_memory_is_put_into_huge_pages_while_the_kernel_rests(kernel: PodKernel) -> None:
    fill(kernel)
    assert in_huge_pages(kernel) < 100
    wait_until(lambda: in_huge_pages(kernel) > 250, "most of it is in huge pages")
    assert kernel.value("all(each == [i] for i, each in enumerate(many))") is True
    kernel.run("x = 5")
    assert kernel.head["changed"] == ["x"]


@pytest.mark.skipif(not huge_size(), reason="this system has no huge pages")
def test_huge_pages_can_be_done_without(kernel: PodKernel) -> None:
    kernel.run("%config PodExtension.huge_pages = False")
    fill(kernel)
    time.sleep(2.0)
    assert in_huge_pages(kernel) < 100
