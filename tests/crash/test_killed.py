"""Processes that are killed at random moments: what they had been told is on disk, is."""

from __future__ import annotations

import contextlib
import os
import random
import select
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pod
import pytest
from pod.errors import PodError
from support.faulty_storage import SCALE
from support.kernels import PodKernel

KILLS = 48 * SCALE
CRASHES_OF_KERNELS = 2 * min(SCALE, 20)


def content(n: int) -> dict[str, Any]:
    """What a namespace holds at its n-th save, whoever makes it."""
    rng = random.Random(n)
    shared = [n, "shared"]
    return {
        "n": n,
        "grows": list(range(n)),
        "bytes": rng.randbytes(rng.choice([10, 3000, 400_000])),
        "left": [shared, {"of": shared}],
        "shared": shared,
    }


def work(path: Path, seed: int, acknowledge: Any) -> None:
    """What a process does until it is killed; tells each thing that is certainly on disk."""
    rng = random.Random(seed)
    with contextlib.suppress(OSError):
        os.nice(rng.choice([0, 5]))
    store = pod.open(path, background=bool(seed % 3))
    namespace = pod.new_managed_namespace()
    if seed % 2 and store.history.times():
        namespace = store.load(rng.choice(store.history.times()))
    n = seed * 1000
    while True:
        n += 1
        namespace.clear()
        namespace.update(content(n))
        t = store.save(namespace)
        if rng.random() < 0.7:
            store.flush()
            acknowledge(f"{t} {n}")
        if rng.random() < 0.1:
            store.tag(f"tag-{n}", t)
            acknowledge(f"{t} {n} tag-{n}")
        if rng.random() < 0.1:
            with contextlib.suppress(PodError):
                store.gc(patience=0.05)
        if rng.random() < 0.1:
            store.load(t, {"left", "shared"})


@dataclass
class Forked:
    """A process of our own that works in a directory."""

    path: Path
    seed: int
    pid: int = 0
    told: list[str] = field(default_factory=list)
    _heard: bytes = b""

    def start(self) -> None:
        self._read, write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.close(self._read)
                devnull = os.open(os.devnull, os.O_WRONLY)
                os.dup2(devnull, 1)
                os.dup2(devnull, 2)
                work(self.path, self.seed, lambda line: os.write(write, f"{line}\n".encode()))
            except BaseException as error:
                os.write(write, f"error {type(error).__name__} {error}\n".encode())
            finally:
                os._exit(1)
        os.close(write)

    def listen(self, lines: int) -> None:
        """Wait until it has told so much."""
        while self._heard.count(b"\n") < lines:
            assert select.select([self._read], [], [], 60)[0]
            heard = os.read(self._read, 4096)
            assert heard, self._heard
            self._heard += heard

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        with os.fdopen(self._read, "rb") as stream:
            self.told = (self._heard + stream.read()).decode().splitlines()
        errors = [line for line in self.told if line.startswith("error")]
        assert errors == []


def must_be_whole(path: Path, told: list[str]) -> set[int]:
    """All that was told is there, and all that is there is whole; the times there are."""
    with pod.open(path) as store:
        found = store.verify()
        assert found, str(found)
        tags = store.history.repository.tags()
        there = store.history.times()
        for line in told:
            t, n, *tag = line.split()
            assert int(t) in there
            assert store.load(int(t), ["n"])["n"] == int(n)
            assert [tags[each] for each in tag] == [int(t)] * len(tag)
        for t in there[-6:]:
            values = store.load(t)
            if "n" in values:
                assert dict(values) == content(values["n"])
                assert values["left"][0] is values["shared"] is values["left"][1]["of"]
        new = store.save({"after": there})
        assert new > max(there, default=0)
        assert store.load(new) == {"after": there}
    return {*there, new}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_processes_killed_at_random_moments_lose_nothing_that_was_acknowledged(
    tmp_path: Path,
) -> None:
    rng = random.Random(7)
    path, told = tmp_path / "0", list[str]()
    acknowledged = []
    for number in range(KILLS):
        if number % 8 == 0:  # each directory sees several crashes
            path, told = tmp_path / str(number), []
        workers = [Forked(path, 2 * number + each) for each in range(rng.choice([1, 1, 2]))]
        for each in workers:
            each.start()
        workers[0].listen(rng.choice([0, 0, 1, 2, 5]))
        time.sleep(rng.uniform(0, 0.03))
        for each in workers:
            each.kill()
            told += each.told
        print(f"{number}: {[each.told for each in workers]}")
        acknowledged.append(sum(len(each.told) for each in workers))
        must_be_whole(path, told)
    assert sum(acknowledged) > KILLS


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[PodKernel]:
    directory = tmp_path / "work"
    directory.mkdir()
    with PodKernel(directory) as started:
        yield started


def test_a_kernel_killed_while_it_saves_is_gone_on_with_by_the_next(kernel: PodKernel) -> None:
    rng = random.Random(1)
    kernel.cell("import os, hashlib\ndata, sums = {}, {}")
    acknowledged: dict[int, int] = {}
    for crash in range(CRASHES_OF_KERNELS):
        for step in range(3):
            code = (
                f"data[{crash}, {step}] = os.urandom(2_000_000)\n"
                f"sums[{crash}, {step}] = hashlib.sha256(data[{crash}, {step}]).hexdigest()"
            )
            acknowledged[kernel.cell(code)] = 3 * crash + step + 1
        kernel.run("%pod_log -n 1")  # waits until it is on disk
        kernel.send("unfinished = [os.urandom(20_000_000)]")
        time.sleep(rng.uniform(0, 0.5))
        kernel.kill()
        kernel.start()
        kernel.run("import hashlib")
        for t, length in acknowledged.items():
            kernel.checkout(t)
            right = "all(hashlib.sha256(data[k]).hexdigest() == sums[k] for k in data)"
            assert kernel.value(f"len(data), {right}") == (length, True)
    with pod.open(kernel.pod_dir, create=False) as store:
        assert store.verify()
