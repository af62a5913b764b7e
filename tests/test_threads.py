"""Whether other threads are at work is told by what they do, not by where they are defined."""

from __future__ import annotations

import os
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from pod.threads import others_at_work

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks the system")


@contextmanager
def thread(target: Callable[..., Any], *args: Any) -> Iterator[None]:
    """It is over before the next test: no process is forked while a thread is in OpenBLAS."""
    started = threading.Thread(target=target, args=args, daemon=True)
    started.start()
    time.sleep(0.05)
    yield
    started.join(60)
    assert not started.is_alive()


def told() -> list[bool]:
    found = []
    for _ in range(20):
        found.append(others_at_work())
        time.sleep(0.002)
    return found


def test_threads_that_wait_are_not_at_work() -> None:
    ended = threading.Event()
    here, there = socket.socketpair()
    reader, writer = os.pipe()
    process = subprocess.Popen(["sleep", "3"])
    channel: queue.Queue[int] = queue.Queue()
    with (
        thread(ended.wait), thread(channel.get), thread(time.sleep, 1), thread(here.recv, 10),
        thread(os.read, reader, 1), thread(process.wait), ThreadPoolExecutor(2) as pool,
    ):  # fmt: skip
        pool.submit(int).result()
        found = told()
        ended.set()
        there.send(b"x")
        os.write(writer, b"x")
        channel.put(1)
        process.kill()
    assert found == [False] * 20


def compute(ended: threading.Event) -> None:
    while not ended.is_set():
        sum(range(100))


def test_a_thread_that_computes_is_at_work() -> None:
    ended = threading.Event()
    with thread(compute, ended):
        found = told()
        ended.set()
    assert found.count(True) > 10


def test_so_is_one_whose_function_is_not_python_s() -> None:
    import numpy as np

    matrix = np.ones((1500, 1500))
    # Its innermost frame is one of the module threading.
    with thread(np.linalg.svd, matrix), ThreadPoolExecutor(1) as pool:
        assert others_at_work()
        pool.submit(np.linalg.svd, matrix[:200, :200])
