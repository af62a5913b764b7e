"""A kernel that is shut down or restarted while its last saves are being looked at or written: the
server kills it after some seconds, and nothing may be lost."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.forks import command, looks
from support.kernels import ForkingKernel, PodKernel, wait_until

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="no forks here")

BUSY = """
import time
class Busy:
    def __init__(self, seconds): self.seconds = seconds
    def __reduce__(self):
        end = time.process_time() + self.seconds
        while time.process_time() < end: pass
        return Busy, (0,)
"""


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[PodKernel]:
    directory = tmp_path / "work"
    directory.mkdir()
    with ForkingKernel(directory) as kernel:
        kernel.run(BUSY)
        kernel.run("%pod_status")  # waits until it has been looked at
        yield kernel


def finishing(kernel: PodKernel) -> list[int]:
    """Numbers of processes that go on for it, by the claims that they have signed."""
    found = set()
    for claim in (kernel.pod_dir / "claims").iterdir():
        with contextlib.suppress(FileNotFoundError):
            text = claim.read_text()
            if '"finishing"' in text:
                found.add(int(text.partition('"pid": ')[2].partition(",")[0]))
    return sorted(found)


def test_looks_under_way_are_finished_after_a_restart(kernel: PodKernel) -> None:
    kernel.run("x = [Busy(10), ['kept']]; y = x[1]")
    first = kernel.newest()
    kernel.run("y.append('too'); z = 1")
    kernel.run("import os; later = os.urandom(100)")
    last = kernel.newest()
    assert last == first + 2
    kernel.restart()
    [process] = finishing(kernel)
    assert f"still being written, by process {process} on " in kernel.loaded.stdout
    error = str(kernel.run(f"%pod_checkout {last}"))
    assert f"time {last} is still being written" in error and "try again" in error
    wait_until(lambda: last in kernel.durable(), "all is written", 120)
    assert kernel.checkout(first) and kernel.value("x[1] is y and y") == ["kept"]
    assert kernel.checkout(last) and kernel.value("x[1] is y and y, z") == (["kept", "too"], 1)
    wait_until(lambda: not Path(f"/proc/{process}").exists(), "it ends")
    # Nothing is left behind, as far as others can tell.
    assert not list((kernel.pod_dir / "claims").iterdir())
    assert len(list((kernel.pod_dir / "leases").iterdir())) == 1
    assert "everything is whole" in str(kernel.run("%pod_verify"))


def test_a_look_that_is_lost_after_that_is_made_again(kernel: PodKernel) -> None:
    kernel.run("x = [Busy(10), 'kept']")
    t = kernel.newest()
    own = command(kernel)
    wait_until(lambda: len(looks(kernel, own)) == 1, "the process in between has ended")
    [look] = looks(kernel, own)
    kernel.restart()
    assert finishing(kernel)
    os.kill(look, signal.SIGKILL)
    wait_until(lambda: t in kernel.durable(), "all is written", 120)
    assert kernel.checkout(t) and kernel.value("x[1]") == "kept"


def test_what_is_large_is_written_after_a_shutdown(kernel: PodKernel) -> None:
    kernel.run("import numpy as np; x = np.random.default_rng(0).bytes(4 * 10**8)")
    t = kernel.newest()
    kernel.restart()
    wait_until(lambda: t in kernel.durable(), "all is written", 120)
    assert kernel.checkout(t) and kernel.value("len(x)") == 4 * 10**8


def test_a_look_ends_with_a_kernel_that_is_killed(kernel: PodKernel) -> None:
    kernel.run("x = Busy(60)")
    kernel.run("y = 1")
    own = command(kernel)
    wait_until(lambda: len(looks(kernel, own)) == 2, "the processes in between have ended")
    kernel.kill()
    wait_until(lambda: not looks(kernel, own), "nobody is to hear what they find")
    kernel.start()
