"""Looks made elsewhere, against the naive twin: whatever is done where, and however many saves are
under way, each time is restored as a deep copy taken then."""

from __future__ import annotations

import os
import random
import tempfile
from pathlib import Path
from unittest import mock

import pytest
from pod.podding import memory
from pod.podding.policies import POLICIES
from pod.session import forked, looks
from pod.session.effort import Effort
from pod.store.storage import LocalStorage
from support.graphs import NAMES, change
from support.seeds import by_seed
from support.twins import Twin

SCALE = int(os.environ.get("POD_TEST_SCALE", "1"))


def play(seed: int, way: str, directory: Path) -> None:
    rng = random.Random(seed)

    def exceeds(*_: object) -> bool:
        return rng.random() < 0.5

    with (
        mock.patch.object(memory, "SMALL_BYTES", rng.choice([0, 64, memory.SMALL_BYTES])),
        mock.patch.object(looks, "MOST_UNDER_WAY", rng.choice([1, 2, 8])),
        mock.patch.object(looks, "SHORT_BYTES", rng.choice([0, 10_000])),
        mock.patch.object(Effort, "exceeds", exceeds),
    ):
        play_on(rng, way, directory)


def play_on(rng: random.Random, way: str, directory: Path) -> None:
    storage = LocalStorage(directory / str(rng.random()))
    twin = Twin(rng.choice(list(POLICIES)), rng.random() < 0.8, way, storage)
    for _ in range(10):
        for _ in range(rng.randrange(4)):
            change(rng, twin.namespace)
        twin.save()
        if way == "thread":  # as whoever runs code of the namespace has to do
            twin.session.under_way.await_looks()
        if rng.random() < 0.15:
            t = rng.choice(list(twin.copies))
            twin.check_checkout(t, None)
    twin.writer.flush()
    assert not twin.session.lost
    for t in list(twin.copies):
        twin.check_load(t, None)
        twin.check_load(t, [n for n in NAMES if n in twin.copies[t] and rng.random() < 0.5])


@pytest.mark.long
@pytest.mark.parametrize("way", ["auto", "fork", "thread"])
@by_seed(40 * SCALE)
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_every_time_is_restored_as_a_deep_copy_taken_then(way: str, seed: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        play(seed, way, Path(directory))


@pytest.mark.skipif(not forked.can_fork(), reason="forks are not used on this system")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("way", ["auto", "fork"])
def test_looks_are_made_in_children(tmp_path: Path, way: str) -> None:
    """Else the test above could pass for want of anything to find, as where other threads of the
    process keep it from being forked."""
    with mock.patch.object(forked, "_start", wraps=forked._start) as start:
        for seed in range(5):
            play(seed, way, tmp_path)
    assert start.call_count >= 5
